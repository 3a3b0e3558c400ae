"""What a file is made of, read with CPython's `ast`: the own code of its functions, its classes, its statements.

Written from the rules in `docs/finder.md`. The numbers in the comments are the rules'.
"""

import ast
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


class Scope:
    """What a piece of code reads and binds (rule 4)."""

    def __init__(self, outer=None, *, is_comprehension=False):
        self.reads, self.binds, self.declared, self.declared_global = set(), set(), set(), set()
        self.attributes = outer.attributes if outer else set()
        self.outer = outer
        self.is_comprehension = is_comprehension

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

    def add_Name(self, node):
        (self.reads if isinstance(node.ctx, ast.Load) else self.binds).add(node.id)

    def add_Attribute(self, node):
        self.attributes.add(node.attr)
        self.add(node.value)

    def add_AugAssign(self, node):
        if isinstance(node.target, ast.Name):
            self.reads.add(node.target.id)
        self.add(node.target, node.value)

    def add_AnnAssign(self, node):
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
        self.binds.add(node.asname or node.name.split(".")[0])

    def add_ExceptHandler(self, node):
        self.binds |= {node.name} - {None}
        self.add(node.type, node.body)

    def add_MatchAs(self, node):
        self.binds |= {node.name} - {None}
        self.add(node.pattern)

    def add_MatchStar(self, node):
        self.binds |= {node.name} - {None}

    def add_MatchMapping(self, node):
        self.binds |= {node.rest} - {None}
        self.add(node.keys, node.patterns)

    def add_parameters(self, arguments):
        """The names; the defaults are the business of the scope around."""
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        self.binds |= {argument.arg for argument in every if argument}

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

    def add_ClassDef(self, node, *, with_body=True):
        self.binds.add(node.name)
        self.add(node.decorator_list)
        inner = Scope(self)
        inner.add(node.bases, node.keywords, node.body if with_body else None)
        # A class may read a name before it binds it, and then means the one around.
        inner.binds = {parameter.name for parameter in node.type_params}
        inner.close()

    def add_TypeAlias(self, node):
        self.add(node.name)
        inner = Scope(self)
        inner.binds = {parameter.name for parameter in node.type_params}
        inner.add(node.value)
        inner.close()


@dataclass(frozen=True)
class Function:
    qualname: str
    first: int
    last: int
    code: tuple
    names: frozenset
    attributes: frozenset


@dataclass(frozen=True)
class Statement:
    code: tuple
    binds: frozenset
    has_effect: bool
    is_import: bool
    names: frozenset
    attributes: frozenset


@dataclass(frozen=True)
class Class:
    qualname: str
    header: tuple
    is_made: bool
    names: frozenset
    attributes: frozenset
    statements: tuple


@dataclass(frozen=True)
class Import:
    level: int
    module: str
    name: str | None
    alias: str
    is_renamed: bool


@dataclass
class Module:
    functions: list = field(default_factory=list)
    classes: list = field(default_factory=list)
    statements: list = field(default_factory=list)
    imports: list = field(default_factory=list)


def named_by_functions(tree):
    """{function node: (names, attributes)} (rule 4)."""
    found = {}

    def visit(body, hidden, *, in_class, in_function):
        for node in body:
            if isinstance(node, FUNCTIONS):
                around, inside = Scope(), Scope()
                around.add(node.decorator_list, node.args.defaults, node.args.kw_defaults)
                inside.binds |= {parameter.name for parameter in node.type_params}
                inside.add_parameters(node.args)
                inside.add(node.body)
                # A name that a function declares global is no local of those around it.
                reads = {name for name in inside.reads if name in inside.declared_global or name not in hidden}
                names = (reads - inside.locals()) | (around.reads - hidden)
                attributes = around.attributes | inside.attributes | (around.reads if in_class else set())
                found[node] = (frozenset(names), frozenset(attributes))
                visit(node.body, hidden | inside.locals(), in_class=False, in_function=True)
            elif isinstance(node, ast.ClassDef):
                parameters = {parameter.name for parameter in node.type_params}
                visit(node.body, hidden | parameters, in_class=not in_function, in_function=in_function)
            else:
                visit(statements_in(node), hidden, in_class=in_class, in_function=in_function)

    visit(tree.body, set(), in_class=False, in_function=False)
    return found


def statements_in(node):
    """The statements directly inside a compound one."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            yield child
        elif isinstance(child, (ast.ExceptHandler, ast.match_case)):
            yield from child.body


def is_never_run(test):
    """`if TYPE_CHECKING:` and `if __name__ == "__main__":` (rule 3)."""
    match test:
        case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
            return True
        case ast.Compare(left=ast.Name(id="__name__"), ops=[ast.Eq()], comparators=[ast.Constant(value="__main__")]):
            return True
    return False


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


def flatten(body, conditions=(), mentioned=()):
    """(Statement, Import or None) for each statement of a module or class body (rule 3)."""

    def statement(key, binds=(), *, effect=False, is_import=False, names=(), attributes=()):
        return Statement(
            code=(conditions, key),
            binds=frozenset(binds),
            has_effect=effect,
            is_import=is_import,
            names=frozenset(names).union(*(scope.reads for scope in mentioned)),
            attributes=frozenset(attributes).union(*(scope.attributes for scope in mentioned)),
        )

    def branch(inner, condition, *mentions):
        found = list(flatten(inner, (*conditions, condition), (*mentioned, *mentions)))
        if found:
            yield from found
        else:
            # The condition stands alone.
            yield from flatten([None], (*conditions, condition), (*mentioned, *mentions))

    for node in body:
        match node:
            case ast.Pass() | ast.Expr(value=ast.Constant()):
                pass
            case None:
                yield statement("nothing", effect=True), None
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                if conditions:
                    yield statement(("defined", node.name), [node.name]), None
            case ast.Import(names=aliases):
                for alias in aliases:
                    bound = alias.asname or alias.name.split(".")[0]
                    imported = Import(0, alias.name, None, bound, alias.asname is not None)
                    yield statement(("import", imported), [bound], is_import=True), imported
            case ast.ImportFrom(names=aliases):
                for alias in aliases:
                    bound = alias.asname or alias.name
                    is_star = alias.name == "*"
                    imported = Import(node.level, node.module or "", alias.name, bound, False)
                    binds = [] if is_star else [bound]
                    yield statement(("import", imported), binds, effect=is_star, is_import=True), imported
            case ast.If():
                if is_never_run(node.test):
                    yield from flatten(node.orelse, (*conditions, "else of never"), mentioned)
                    continue
                scope = Scope()
                scope.add(node.test)
                test = code(node.test)
                yield from branch(node.body, ("if", test), scope)
                if node.orelse:
                    match node.orelse:
                        case [ast.If()]:
                            # `elif` has an own branch and none around it.
                            yield from flatten(node.orelse, (*conditions, ("else", test)), (*mentioned, scope))
                        case _:
                            yield from branch(node.orelse, ("else", test), scope)
            case ast.Try() | ast.TryStar():
                yield from branch(node.body, "try")
                for handler in node.handlers:
                    scope = Scope()
                    scope.add(handler.type)
                    condition = ("except", type(node).__name__, code(handler.type), handler.name)
                    yield from branch(handler.body, condition, scope)
                if node.orelse:
                    yield from branch(node.orelse, "else")
                if node.finalbody:
                    yield from branch(node.finalbody, "finally")
            case _:
                scope = Scope()
                scope.add(node)
                yield (
                    statement(
                        code(node, in_function=False),
                        scope.locals(),
                        effect=has_effect(node),
                        names=scope.reads,
                        attributes=scope.attributes,
                    ),
                    None,
                )


def classes(body, prefix=""):
    """Each class outside functions, with its qualified name."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield prefix + node.name, bool(prefix), node
            yield from classes(node.body, f"{prefix}{node.name}.")
        elif not isinstance(node, FUNCTIONS):
            yield from classes(list(statements_in(node)), prefix)


def in_class(statement):
    """Names that a class body reads are looked up in the class first (rule 5)."""
    return replace(statement, attributes=statement.attributes | statement.names)


def analyse(node):
    """One statement of a module's body."""
    tree = ast.Module([node], [])
    found = Module()
    named = named_by_functions(tree)
    for qualname, function in functions(tree):
        lines = first_line(function), function.end_lineno
        found.functions.append(Function(qualname, *lines, own_code(function), *named[function]))
    for qualname, is_nested, definition in classes(tree.body):
        scope = Scope()
        scope.add_ClassDef(definition, with_body=False)
        attributes = scope.attributes | (scope.reads if is_nested else set())
        found.classes.append(
            Class(
                qualname=qualname,
                header=class_header(definition),
                is_made=bool(definition.decorator_list or definition.bases or definition.keywords),
                names=frozenset(scope.reads),
                attributes=frozenset(attributes),
                statements=tuple(in_class(statement) for statement, _ in flatten(without_docstring(definition.body))),
            )
        )
    if not isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        # The classes in it are compared for themselves from here on.
        for child in ast.walk(node):
            if isinstance(child, ast.ClassDef):
                child.body = []
    for statement, imported in flatten(tree.body):
        found.statements.append(statement)
        if imported:
            found.imports.append(imported)
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
        whole = Module()
        for node in without_docstring(tree.body):
            first = first_line(node) if hasattr(node, "decorator_list") else node.lineno
            text = b"".join(lines[first - 1 : node.end_lineno])
            key = hash((encoding, text, node.col_offset, node.end_col_offset))
            if key not in self.statements:
                ast.increment_lineno(node, 1 - first)
                self.statements[key] = analyse(node)
            part = self.statements[key]
            moved = first - 1
            whole.functions += [
                replace(function, first=function.first + moved, last=function.last + moved)
                for function in part.functions
            ]
            whole.classes += part.classes
            whole.statements += part.statements
            whole.imports += part.imports
        return whole
