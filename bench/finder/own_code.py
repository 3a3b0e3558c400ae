"""What a file is made of, read with CPython's `ast`: the own code of its functions, its classes, its statements.

Written from the rules in `docs/finder.md`. The numbers in the comments are the rules'.
"""

import ast
import re
from dataclasses import dataclass, field, replace

from structure import FUNCTIONS, first_line, functions, parse


def code(node, *, in_function=True):
    """A tree as nested tuples without positions. Functions inside leave their names (rule 2)."""
    if isinstance(node, list):
        return tuple(code(item, in_function=in_function) for item in node)
    if isinstance(node, FUNCTIONS):
        return ("function", node.name)
    if isinstance(node, ast.Constant):
        # 1, 1.0 and True are equal in Python, and so are 0.0 and -0.0.
        return ("Constant", type(node.value).__name__, repr(node.value))
    if isinstance(node, ast.ClassDef):
        # Outside functions, the body of a class is compared for itself.
        body = without_docstring(node.body) if in_function else []
        return ("class", node.name, class_header(node), code(body))
    if not isinstance(node, ast.AST):
        return node
    fields = ((name, code(value, in_function=in_function)) for name, value in ast.iter_fields(node) if name != "ctx")
    return (type(node).__name__, *fields)


def without_docstring(body):
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return body[1:]
    return body


def own_code(function):
    """Decorators, signature and body; not the name (rule 2)."""
    return (
        type(function).__name__,
        code(function.decorator_list),
        code(function.type_params),
        code(function.args),
        code(function.returns),
        code(without_docstring(function.body)),
    )


def class_header(node):
    return (code(node.decorator_list), code(node.type_params), code(node.bases), code(node.keywords))


# Code that names one of these may find names and attributes by strings (rule 4).
BY_STRING = {
    *("getattr", "setattr", "hasattr", "delattr", "globals", "locals", "vars"),
    *("attrgetter", "methodcaller", "import_module", "__import__"),
    *("eval", "exec", "format", "format_map"),
}
NAMESPACES = {"__dict__", "__globals__"}


class Scope:
    """What a piece of code reads and binds (rule 4)."""

    def __init__(self, outer=None, *, is_comprehension=False, in_class=False, with_class_bodies=True):
        self.reads, self.binds, self.declared, self.declared_global = set(), set(), set(), set()
        self.attributes = outer.attributes if outer else set()
        self.words = outer.words if outer else set()
        self.mentioned = outer.mentioned if outer else set()
        """Every name that is read, whatever binds it."""
        self.outer = outer
        self.is_comprehension = is_comprehension
        self.in_class = in_class
        self.with_class_bodies = outer.with_class_bodies if outer else with_class_bodies

    def by_string(self):
        return named_by_string(self.mentioned, self.attributes, self.words)

    def every_name(self):
        return self.reads | self.by_string()

    def every_attribute(self):
        return self.attributes | self.by_string()

    def locals(self):
        return self.binds - self.declared

    def close(self):
        """What the scope does not bind itself is read in the one around it."""
        self.outer.reads |= self.reads - self.locals()

    def binding_scope(self):
        return self.outer.binding_scope() if self.is_comprehension else self

    def add(self, *nodes):
        for node in nodes:
            if isinstance(node, list):
                self.add(*node)
            elif isinstance(node, ast.AST):
                getattr(self, "add_" + type(node).__name__, self.add_children)(node)

    def add_children(self, node):
        self.add(*ast.iter_child_nodes(node))

    def read(self, name):
        self.reads.add(name)
        self.mentioned.add(name)

    def add_Name(self, node):
        (self.read if isinstance(node.ctx, ast.Load) else self.binds.add)(node.id)

    def add_Attribute(self, node):
        self.attributes.add(node.attr)
        self.add(node.value)

    def add_AugAssign(self, node):
        if isinstance(node.target, ast.Name):
            self.read(node.target.id)
        self.add(node.target, node.value)

    def add_Constant(self, node):
        if isinstance(node.value, str):
            self.words |= {word for word in re.findall(r"\w+", node.value) if not word[0].isdigit()}

    def add_AnnAssign(self, node):
        if self.in_class:
            self.add(node.annotation)
        # `(x): int` binds nothing.
        if node.simple or node.value or not isinstance(node.target, ast.Name):
            self.add(node.target, node.value)

    def add_NamedExpr(self, node):
        self.add(node.value)
        self.binding_scope().binds.add(node.target.id)

    def add_Global(self, node):
        self.declared |= set(node.names)
        self.declared_global |= set(node.names)

    def add_Nonlocal(self, node):
        self.declared |= set(node.names)

    def add_alias(self, node):
        if node.name != "*":
            self.binds.add(node.asname or node.name.split(".")[0])

    def add_ExceptHandler(self, node):
        self.binds |= {node.name} - {None}
        self.add(node.type, node.body)

    def add_MatchAs(self, node):
        self.binds |= {node.name} - {None}
        self.add(node.pattern)

    def add_MatchStar(self, node):
        self.binds |= {node.name} - {None}

    def add_MatchClass(self, node):
        self.attributes |= set(node.kwd_attrs)
        self.add_children(node)

    def add_MatchMapping(self, node):
        self.binds |= {node.rest} - {None}
        self.add(node.keys, node.patterns)

    def add_parameters(self, arguments):
        """The names; the defaults are the business of the scope around."""
        self.binds |= {argument.arg for argument in every_argument(arguments)}

    def add_outside(self, function):
        """What is read where a function is defined."""
        self.add(function.decorator_list, function.args.defaults, function.args.kw_defaults)
        if function.decorator_list:
            # A decorator may read the annotations, which see the type parameters.
            inner = Scope(self)
            inner.binds = {parameter.name for parameter in function.type_params}
            inner.add([argument.annotation for argument in every_argument(function.args)], function.returns)
            inner.close()

    def add_Lambda(self, node):
        self.add(node.args.defaults, node.args.kw_defaults)
        inner = Scope(self)
        inner.add_parameters(node.args)
        inner.add(node.body)
        inner.close()

    def add_comprehension_expression(self, node):
        inner = Scope(self, is_comprehension=True)
        for index, generator in enumerate(node.generators):
            (inner if index else self).add(generator.iter)
            inner.add(generator.target, generator.ifs)
        inner.add(*(getattr(node, name) for name in ("elt", "key", "value") if hasattr(node, name)))
        inner.close()

    add_ListComp = add_SetComp = add_DictComp = add_GeneratorExp = add_comprehension_expression

    def add_FunctionDef(self, node):
        self.binds.add(node.name)

    add_AsyncFunctionDef = add_FunctionDef

    def add_ClassDef(self, node):
        self.binds.add(node.name)
        self.add(node.decorator_list)
        inner = Scope(self, in_class=True)
        inner.add(node.bases, node.keywords)
        if self.with_class_bodies:
            inner.add(without_docstring(node.body))
        # A class may read a name before it binds it, and then means the one around.
        inner.binds = {parameter.name for parameter in node.type_params}
        inner.close()

    def add_TypeAlias(self, node):
        self.add(node.name)
        inner = Scope(self)
        inner.binds = {parameter.name for parameter in node.type_params}
        inner.add(node.value)
        inner.close()


def every_argument(arguments):
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    return [argument for argument in every if argument]


def named_by_string(mentioned, attributes, words):
    return words if mentioned & BY_STRING or attributes & (BY_STRING | NAMESPACES) else set()


@dataclass(frozen=True)
class Import:
    level: int
    module: str
    name: str | None
    alias: str
    is_renamed: bool


@dataclass(frozen=True)
class Function:
    qualname: str
    first: int
    last: int
    code: tuple
    names: frozenset
    attributes: frozenset
    imports: tuple
    """Its own."""
    imports_around: tuple
    """Those of the functions around it whose names it reads."""
    decorators: "Decorators | None"
    """None inside functions."""


@dataclass(frozen=True)
class Decorators:
    """What makes of a function what its name means (rules 6 and 7)."""

    code: tuple
    names: frozenset
    attributes: frozenset


@dataclass(frozen=True)
class Statement:
    code: tuple
    binds: frozenset
    has_effect: bool
    names: frozenset
    attributes: frozenset
    imported: Import | None
    imports: tuple
    """With those inside it, where it is a compound one."""

    @property
    def is_import(self):
        return self.imported is not None

    @property
    def is_star(self):
        return self.is_import and self.imported.name == "*"


@dataclass(frozen=True)
class Definition:
    """A function or class in its place among the statements (rule 3)."""

    code: tuple
    binds: frozenset
    registers: bool
    is_import: bool = False
    is_star: bool = False


@dataclass(frozen=True)
class Class:
    qualname: str
    header: tuple
    is_made: bool
    names: frozenset
    attributes: frozenset
    body: tuple
    """Statements and definitions."""

    @property
    def statements(self):
        return statements_of(self.body)


def statements_of(body):
    return [each for each in body if isinstance(each, Statement)]


@dataclass
class Module:
    functions: list = field(default_factory=list)
    classes: list = field(default_factory=list)
    body: list = field(default_factory=list)

    @property
    def statements(self):
        return statements_of(self.body)


@dataclass(frozen=True)
class Named:
    names: frozenset
    by_string: frozenset
    """Those of the names that are in strings."""
    attributes: frozenset
    imports: tuple
    imports_around: tuple
    decorators: Decorators | None


def named_by_functions(tree):
    """{function node: Named} (rule 4)."""
    found = {}

    def visit(body, hidden, imported, *, in_class, in_function):
        for node in body:
            if isinstance(node, FUNCTIONS):
                around, inside = Scope(), Scope()
                around.add_outside(node)
                inside.binds |= {parameter.name for parameter in node.type_params}
                inside.add_parameters(node.args)
                inside.add(without_docstring(node.body))
                # A name that a function declares global is no local of those around it.
                reads = {name for name in inside.reads if name in inside.declared_global or name not in hidden}
                names = (reads - inside.locals()) | (around.reads - hidden)
                attributes = around.attributes | inside.attributes
                mentioned, words = around.mentioned | inside.mentioned, around.words | inside.words
                by_string = named_by_string(mentioned, attributes, words)
                names |= by_string
                attributes |= by_string
                attributes |= around.reads if in_class else set()
                # Classes in it import for it, too. No Python compiles a star import there.
                imports = [each for each in imports_in(node.body, with_classes=True) if each.name != "*"]
                free = (inside.reads - inside.locals() - inside.declared_global) | around.reads
                found[node] = Named(
                    frozenset(names),
                    frozenset(by_string),
                    frozenset(attributes),
                    tuple(imports),
                    tuple(each for each in imported if each.alias in free),
                    None if in_function else decorators_of(node, hidden, in_class=in_class),
                )
                visible = [each for each in imported if each.alias not in inside.locals()]
                visible += imports
                visit(node.body, hidden | inside.locals(), visible, in_class=False, in_function=True)
            elif isinstance(node, ast.ClassDef):
                parameters = {parameter.name for parameter in node.type_params}
                visible = [each for each in imported if each.alias not in parameters]
                visit(node.body, hidden | parameters, visible, in_class=not in_function, in_function=in_function)
            else:
                visit(statements_in(node), hidden, imported, in_class=in_class, in_function=in_function)

    visit(tree.body, set(), [], in_class=False, in_function=False)
    return found


def decorators_of(function, hidden, *, in_class):
    scope = Scope()
    scope.add(function.decorator_list)
    names = scope.every_name() - (hidden - scope.by_string())
    attributes = scope.every_attribute() | (scope.reads if in_class else set())
    return Decorators(code(function.decorator_list), frozenset(names), frozenset(attributes))


def imported_names(node):
    """An Import for each name of an import statement."""
    for alias in node.names:
        if isinstance(node, ast.Import):
            yield Import(0, alias.name, None, alias.asname or alias.name.split(".")[0], alias.asname is not None)
        else:
            yield Import(node.level, node.module or "", alias.name, alias.asname or alias.name, False)


def imports_in(body, *, with_classes=False):
    """The imports of statements and of those inside them; functions have their own."""
    for node in body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from imported_names(node)
        elif not isinstance(node, FUNCTIONS) and (with_classes or not isinstance(node, ast.ClassDef)):
            yield from imports_in(statements_in(node), with_classes=with_classes)


def statements_in(node):
    """The statements directly inside a compound one."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            yield child
        elif isinstance(child, (ast.ExceptHandler, ast.match_case)):
            yield from child.body


def believes_type_checking(tree):
    """Whether no statement of a module gives TYPE_CHECKING another value than False or 0 (rule 3)."""

    def gives(node):
        match node:
            case ast.Assign(value=ast.Constant(value=value)) | ast.AnnAssign(value=ast.Constant(value=value)):
                if type(value) in (bool, int) and not value:
                    return False
            case ast.AnnAssign(value=None) | ast.Delete() | ast.Import() | ast.ImportFrom():
                return False
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return False
            case ast.If() | ast.Try() | ast.TryStar() | ast.With() | ast.AsyncWith():
                return any(map(gives, statements_in(node)))
            case ast.For() | ast.AsyncFor() | ast.While() | ast.Match():
                if any(map(gives, statements_in(node))):
                    return True
        scope = Scope(with_class_bodies=False)
        scope.add(*(child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.stmt)))
        return "TYPE_CHECKING" in scope.binds

    return not any(map(gives, tree.body))


def is_never_met(test, *, believes):
    """`if TYPE_CHECKING:` and `if __name__ == "__main__":` (rule 3)."""
    match test:
        case ast.Name(id="TYPE_CHECKING"):
            return believes
        case ast.Attribute(attr="TYPE_CHECKING"):
            return True
        case ast.Compare(left=ast.Name(id="__name__"), ops=[ast.Eq()], comparators=[ast.Constant(value="__main__")]):
            return True
    return False


def leave_out_never_met(body, *, believes, is_whole=False):
    """Empties the branches outside functions that are never met; yields the definitions in those that stay.

    Compound statements other than `if` and `try` are compared whole (rule 3), but what they define there is not there.
    """
    for node in body:
        if isinstance(node, FUNCTIONS):
            continue
        if isinstance(node, ast.If) and is_never_met(node.test, believes=believes):
            if is_whole:
                yield from (each for inside in node.body for each in ast.walk(inside))
            else:
                node.body = []
        inner = not isinstance(node, (ast.If, ast.Try, ast.TryStar, ast.ClassDef)) or (
            is_whole and not isinstance(node, ast.ClassDef)
        )
        yield from leave_out_never_met(list(statements_in(node)), believes=believes, is_whole=inner)


def binds_names_only(target):
    match target:
        case ast.Name():
            return True
        case ast.Starred(value=value):
            return binds_names_only(value)
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            return all(binds_names_only(element) for element in elements)
    return False


def has_effect(statement):
    """It does something beside binding names (rule 3)."""
    match statement:
        case ast.Assign(targets=targets):
            return not all(binds_names_only(target) for target in targets)
        case ast.AnnAssign(target=target) | ast.AugAssign(target=target):
            return not binds_names_only(target)
        case ast.TypeAlias():
            return False
    return True


def flatten(body, conditions=(), mentioned=(), *, in_class=False):
    """The statements and definitions of a module or class body, without the branches that are never met (rule 3)."""

    def statement(key, binds=(), *, effect=False, imported=None, imports=(), names=(), attributes=()):
        return Statement(
            code=(conditions, key),
            binds=frozenset(binds),
            has_effect=effect,
            imported=imported,
            imports=tuple(imports),
            names=frozenset(names).union(*(scope.every_name() for scope in mentioned)),
            attributes=frozenset(attributes).union(*(scope.every_attribute() for scope in mentioned)),
        )

    def deeper(inner, condition, *mentions):
        return flatten(inner, (*conditions, condition), (*mentioned, *mentions), in_class=in_class)

    def branch(inner, condition, *mentions):
        # A condition may stand alone.
        yield from list(deeper(inner, condition, *mentions)) or deeper([None], condition, *mentions)

    def part(inner, condition, *mentions):
        """What follows the body of a `try`: with nothing in it, nothing decides about it (rule 4)."""
        yield from list(deeper(inner, condition, *mentions)) or flatten([None], (*conditions, condition))

    for node in body:
        match node:
            case ast.Pass() | ast.Expr(value=ast.Constant()):
                pass
            case ast.ImportFrom(module="__future__", level=0):
                pass
            case None:
                yield statement("nothing", effect=True)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                is_class = isinstance(node, ast.ClassDef)
                yield Definition(
                    code=(conditions, "class" if is_class else "function", node.name),
                    binds=frozenset([node.name]),
                    registers=bool(node.decorator_list or (is_class and (node.bases or node.keywords))),
                )
                if conditions:
                    yield statement(("defined", node.name), [node.name])
            case ast.Import() | ast.ImportFrom():
                for each in imported_names(node):
                    is_star = each.name == "*"
                    binds = [] if is_star else [each.alias]
                    yield statement(("import", each), binds, effect=is_star, imported=each, imports=[each])
            case ast.If():
                if not node.body:
                    if node.orelse:
                        is_elif = isinstance(node.orelse[0], ast.If) and len(node.orelse) == 1
                        yield from (deeper if is_elif else branch)(node.orelse, "else of never")
                    continue
                scope = Scope()
                scope.add(node.test)
                test = code(node.test)
                yield from branch(node.body, ("if", test), scope)
                if node.orelse:
                    match node.orelse:
                        case [ast.If()]:
                            # `elif` has an own branch and none around it.
                            yield from deeper(node.orelse, ("else", test), scope)
                        case _:
                            yield from branch(node.orelse, ("else", test), scope)
            case ast.Try() | ast.TryStar():
                yield from branch(node.body, "try")
                # What the body reads, imports and binds tells which of the others there will be.
                scope = Scope(in_class=in_class, with_class_bodies=False)
                scope.add(node.body)
                scope.reads |= scope.locals()
                before = [scope]
                for handler in node.handlers:
                    scope = Scope()
                    scope.add(handler.type)
                    before.append(scope)
                    condition = ("except", type(node).__name__, code(handler.type), handler.name)
                    yield from part(handler.body, condition, *before)
                if node.orelse:
                    yield from part(node.orelse, "else", before[0])
                if node.finalbody:
                    yield from part(node.finalbody, "finally")
            case _:
                scope = Scope(in_class=in_class, with_class_bodies=False)
                scope.add(node)
                yield statement(
                    code(node, in_function=False),
                    scope.locals(),
                    effect=has_effect(node),
                    imports=imports_in([node]),
                    names=scope.every_name(),
                    attributes=scope.every_attribute(),
                )


def classes(body, prefix=""):
    """Each class outside functions, with its qualified name."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield prefix + node.name, bool(prefix), node
            yield from classes(node.body, f"{prefix}{node.name}.")
        elif not isinstance(node, FUNCTIONS):
            yield from classes(list(statements_in(node)), prefix)


def in_class(item):
    """Names that a class body reads are looked up in the class first (rule 5)."""
    return replace(item, attributes=item.attributes | item.names) if isinstance(item, Statement) else item


def analyse(node, *, believes):
    """One statement of a module's body."""
    tree = ast.Module([node], [])
    left_out = set(leave_out_never_met(tree.body, believes=believes))
    found = Module()
    named = named_by_functions(tree)
    for qualname, function in functions(tree):
        if function in left_out:
            continue
        lines = first_line(function), function.end_lineno
        names = named[function]
        found.functions.append(
            Function(
                qualname,
                *lines,
                own_code(function),
                names.names,
                names.attributes,
                names.imports,
                names.imports_around,
                names.decorators,
            )
        )
    for qualname, is_nested, definition in classes(tree.body):
        if definition in left_out:
            continue
        scope = Scope(with_class_bodies=False)
        scope.add_ClassDef(definition)
        attributes = scope.every_attribute() | (scope.reads if is_nested else set())
        found.classes.append(
            Class(
                qualname=qualname,
                header=class_header(definition),
                is_made=bool(definition.decorator_list or definition.bases or definition.keywords),
                names=frozenset(scope.every_name()),
                attributes=frozenset(attributes),
                body=tuple(map(in_class, flatten(without_docstring(definition.body), in_class=True))),
            )
        )
    found.body += flatten(tree.body)
    return found


class Reader:
    """Reads files statement by statement and remembers each: most edits leave most of a file as it was."""

    def __init__(self):
        self.statements = {}
        self.files = {}

    def read(self, source):
        if source not in self.files:
            self.files[source] = self.read_anew(source)
        return self.files[source]

    def forget(self):
        self.statements.clear()
        self.files.clear()

    def read_anew(self, source):
        tree = parse(source)
        # As Python counts them.
        lines = source.removeprefix(b"\xef\xbb\xbf").splitlines(keepends=True)
        encoding = b"".join(line for line in lines[:2] if b"coding" in line)
        believes = believes_type_checking(tree)
        whole = Module()
        for node in without_docstring(tree.body):
            first = first_line(node) if hasattr(node, "decorator_list") else node.lineno
            text = b"".join(lines[first - 1 : node.end_lineno])
            key = hash((encoding, text, node.col_offset, node.end_col_offset, believes))
            if key not in self.statements:
                ast.increment_lineno(node, 1 - first)
                self.statements[key] = analyse(node, believes=believes)
            part = self.statements[key]
            moved = first - 1
            whole.functions += [
                replace(function, first=function.first + moved, last=function.last + moved)
                for function in part.functions
            ]
            whole.classes += part.classes
            whole.body += part.body
        return whole
