"""Edits of real files, each drawn from a seed. They do not know what they change: the trees show that afterwards.

An edit takes the text of a file and returns another one, or None if the file has nothing to edit in that way. The
result need not be Python any more; then both the finder and CPython must refuse it.
"""

import ast
import io
import re
import tokenize

from structure import FUNCTIONS, first_line, functions, parse

EDITS = {}


def edit(function):
    EDITS[function.__name__] = function
    return function


class Text:
    """A file under an edit: its lines and its tree."""

    def __init__(self, text):
        self.text = text
        self.lines = text.splitlines(keepends=True)
        if self.lines and not self.lines[-1].endswith("\n"):
            self.lines[-1] += "\n"
        self.tree = parse(text)

    def functions(self):
        return [function for _, function in functions(self.tree)]

    def nodes(self, *kinds):
        return [node for node in ast.walk(self.tree) if isinstance(node, kinds)]

    def top(self):
        """Returns the module's statements that have their lines to themselves."""
        return [node for node in self.tree.body if is_alone(self, node)]

    def cut(self, node):
        first, last = span(node)
        return self.lines[first - 1 : last]

    def replaced(self, first, last, new):
        """Returns the text with lines from `first` to `last` replaced; `last` below `first` inserts."""
        return "".join([*self.lines[: first - 1], *new, *self.lines[last:]])

    def with_expression(self, node, new):
        """Returns the text with another expression in a node's place."""
        first = self.lines[node.lineno - 1].encode()
        last = self.lines[node.end_lineno - 1].encode()
        joined = first[: node.col_offset].decode() + new + last[node.end_col_offset :].decode()
        return self.replaced(node.lineno, node.end_lineno, [joined])


def span(node):
    return (first_line(node) if hasattr(node, "decorator_list") else node.lineno), node.end_lineno


def is_alone(text, node):
    first, last = span(node)
    before = text.lines[first - 1].encode()[: node.col_offset if first == node.lineno else None]
    after = text.lines[last - 1].encode()[node.end_col_offset :]
    starts_line = first != node.lineno or not before.strip()
    return starts_line and (not after.strip() or after.strip().startswith(b"#"))


def indentation(line):
    return line[: len(line) - len(line.lstrip())]


def reindented(lines, old, new):
    return [new + line[len(old) :] if line.startswith(old) and line.strip() else line for line in lines]


def pick(random, items):
    items = list(items)
    return random.choice(items) if items else None


def bodies(text):
    """Returns the functions whose body begins on a line of its own."""
    return [function for function in text.functions() if function.body[0].lineno > function.lineno]


def body_indentation(text, function):
    return indentation(text.lines[span(function.body[0])[0] - 1])


@edit
def rename(random, text):
    function = pick(random, text.functions())
    if function:
        line = text.lines[function.lineno - 1]
        new = re.sub(rf"\bdef(\s+){function.name}\b", rf"def\1{function.name}_{random.randrange(3)}", line, count=1)
        return text.replaced(function.lineno, function.lineno, [new])


@edit
def move(random, text):
    """Moves a function, however deep, to another place at module level or into a class or a function."""
    function = pick(random, text.functions())
    goal = pick(random, [node for node in text.nodes(ast.stmt) if is_alone(text, node)])
    if function and goal and is_alone(text, function):
        first, last = span(function)
        to = span(goal)[0]
        if first <= to <= last:
            return None
        old, new = indentation(text.lines[first - 1]), indentation(text.lines[to - 1])
        moved = reindented(text.cut(function), old, new)
        rest = list(text.lines)
        rest[first - 1 : last] = [f"{old}pass\n"] + ["\n"] * (last - first)
        rest[to - 1 : to - 1] = moved
        return "".join(rest)


@edit
def swap_places(random, text):
    """Swaps two functions of one body."""
    holders = [node for node in text.nodes(ast.Module, ast.ClassDef, *FUNCTIONS)]
    random.shuffle(holders)
    for holder in holders:
        inside = [node for node in holder.body if isinstance(node, FUNCTIONS) and is_alone(text, node)]
        if len(inside) >= 2:
            one, other = sorted(random.sample(inside, 2), key=lambda node: span(node)[0])
            (a, b), (c, d) = span(one), span(other)
            lines = text.lines
            return "".join([*lines[: a - 1], *lines[c - 1 : d], *lines[b : c - 1], *lines[a - 1 : b], *lines[d:]])


@edit
def swap_names(random, text):
    """Swaps the names of two functions, so that each has the other's code."""
    both = random.sample(text.functions(), 2) if len(text.functions()) >= 2 else []
    if both:
        one, other = both
        lines = list(text.lines)
        for function, name in ((one, other.name), (other, one.name)):
            place = function.lineno - 1
            lines[place] = re.sub(rf"\bdef(\s+){function.name}\b", rf"def\1{name}", lines[place], count=1)
        return "".join(lines)


@edit
def copy(random, text):
    """Copies a function under another name or under the same one."""
    function = pick(random, text.functions())
    if function and is_alone(text, function):
        new = text.cut(function)
        if random.random() < 0.5:
            at = function.lineno - span(function)[0]
            new[at] = re.sub(rf"\bdef(\s+){function.name}\b", rf"def\1{function.name}_copy", new[at], count=1)
        return text.replaced(span(function)[1] + 1, span(function)[1], new)


@edit
def reindent(random, text):
    """Indents by another width or by tabs; the insides of strings stay."""
    inside = set()
    try:
        for token in tokenize.generate_tokens(io.StringIO(text.text).readline):
            if token.type in (tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", -1)):
                inside.update(range(token.start[0] + 1, token.end[0] + 1))
    except (tokenize.TokenError, IndentationError):
        return None
    factor = random.choice(["\t", "  ", "   "])

    def again(number, line):
        blank = indentation(line)
        if number in inside or not line.strip() or blank.strip(" ") or len(blank) % 4:
            return line
        return factor * (len(blank) // 4) + line[len(blank) :]

    return "".join(again(number, line) for number, line in enumerate(text.lines, 1))


@edit
def comment(random, text):
    node = pick(random, [node for node in text.nodes(ast.stmt) if is_alone(text, node)])
    if node:
        first = span(node)[0]
        new = random.choice(["# new\n", f"{indentation(text.lines[first - 1])}# new\n", "\n", "\f\n", "    \n"])
        return text.replaced(first, first - 1, [new] * random.randrange(1, 4))


@edit
def trailing_comment(random, text):
    node = pick(random, [node for node in text.nodes(ast.stmt) if is_alone(text, node)])
    if node:
        return text.replaced(
            node.end_lineno, node.end_lineno, [text.lines[node.end_lineno - 1].rstrip("\n") + "  # x\n"]
        )


@edit
def docstring(random, text):
    node = pick(random, [*bodies(text), *text.nodes(ast.ClassDef), text.tree])
    if isinstance(node, ast.Module):
        return f'"""{random.choice(["One", "Two"])}."""\n' + "".join(text.lines)
    if node and node.body and node.body[0].lineno > node.lineno and is_alone(text, node.body[0]):
        first, last = span(node.body[0])
        blank = indentation(text.lines[first - 1])
        has = ast.get_docstring(node) is not None
        quotes = random.choice(['"', "'", '"""', "'''"])
        new = [f"{blank}{random.choice(['', 'r', 'u'])}{quotes}New.{quotes}\n"]
        if not has:
            return text.replaced(first, first - 1, new)
        return text.replaced(first, last, random.choice([new, [f"{blank}pass\n"], [f"{blank}f'new'\n"], []]))


@edit
def decorator(random, text):
    node = pick(random, text.nodes(*FUNCTIONS, ast.ClassDef))
    if node and is_alone(text, node):
        if node.decorator_list and random.random() < 0.5:
            gone = random.choice(node.decorator_list)
            return text.replaced(gone.lineno, gone.end_lineno, [])
        blank = indentation(text.lines[span(node)[0] - 1])
        name = random.choice([*named(text), "functools.cache"])
        return text.replaced(span(node)[0], span(node)[0] - 1, [f"{blank}@{name}\n"])


@edit
def default(random, text):
    values = [
        value
        for function in text.functions()
        for value in [*function.args.defaults, *function.args.kw_defaults]
        if value
    ]
    value = pick(random, values)
    if value:
        return text.with_expression(value, random.choice(["42", "None", *named(text)]))


@edit
def signature(random, text):
    function = pick(random, text.functions())
    if function:
        line = text.lines[function.lineno - 1]
        new = random.choice(["(new=1, *, ", "(new, ", "(*, new=None, ", "(new: int = 0, /, "])
        return text.replaced(function.lineno, function.lineno, [line.replace("(", new, 1)])


@edit
def annotation(random, text):
    function = pick(random, text.functions())
    if function:
        argument = pick(random, [*function.args.args, *function.args.kwonlyargs])
        if argument and not argument.annotation:
            return text.with_expression(argument, f"{argument.arg}: {random.choice([*named(text), 'int'])}")


@edit
def make_async(random, text):
    function = pick(random, text.functions())
    if function:
        line = text.lines[function.lineno - 1]
        new = line.replace("async def ", "def ") if "async def " in line else line.replace("def ", "async def ", 1)
        return text.replaced(function.lineno, function.lineno, [new])


def named(text):
    """Returns the names that the module gives a value."""
    found = {node.id for node in text.nodes(ast.Name) if isinstance(node.ctx, ast.Store)}
    found |= {node.name for node in text.nodes(*FUNCTIONS, ast.ClassDef)}
    return sorted(found) or ["object"]


@edit
def constant(random, text):
    """Changes the value of a module's or class's variable."""
    holder = pick(random, [text.tree, *text.nodes(ast.ClassDef)])
    values = [
        node.value
        for node in holder.body
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)) and node.value
    ]
    value = pick(random, values)
    if value:
        return text.with_expression(value, random.choice(["42", "'new'", *named(text)]))


@edit
def new_constant(random, text):
    holder = pick(random, [text.tree, *text.nodes(ast.ClassDef)])
    node = pick(random, [node for node in holder.body if is_alone(text, node)])
    if node:
        first = span(node)[0]
        name = random.choice([*named(text), "NEW", "__slots__"])
        value = random.choice(["1", "()", *named(text)])
        new = random.choice([f"{name} = {value}", f"{name}: int = {value}", f"{name} += {value}", f"{name}: int"])
        return text.replaced(first, first - 1, [f"{indentation(text.lines[first - 1])}{new}\n"])


@edit
def statement(random, text):
    """Inserts something that may have effects, anywhere."""
    node = pick(random, [node for node in text.nodes(ast.stmt) if is_alone(text, node)])
    if node:
        first = span(node)[0]
        name = random.choice(named(text))
        new = random.choice(
            [
                f"{name}()",
                f"{name}.new = {name}",
                f"del {name}",
                "pass",
                "...",
                f"for {name} in [{name} for {name} in ()]: pass",
                f"with {name} as {name}: pass",
                f"global {name}",
                f"assert {name}",
            ]
        )
        return text.replaced(first, first - 1, [f"{indentation(text.lines[first - 1])}{new}\n"])


@edit
def swap_statements(random, text):
    """Swaps two neighbours of one body."""
    holder = pick(random, text.nodes(ast.Module, ast.ClassDef, *FUNCTIONS))
    inside = [node for node in holder.body if is_alone(text, node)] if holder else []
    if len(inside) >= 2:
        at = random.randrange(len(inside) - 1)
        (a, b), (c, d) = span(inside[at]), span(inside[at + 1])
        lines = text.lines
        if b < c:
            return "".join([*lines[: a - 1], *lines[c - 1 : d], *lines[b : c - 1], *lines[a - 1 : b], *lines[d:]])


@edit
def remove_statement(random, text):
    node = pick(random, [node for node in text.nodes(ast.stmt) if is_alone(text, node)])
    if node:
        first, last = span(node)
        blank = indentation(text.lines[first - 1])
        return text.replaced(first, last, [f"{blank}pass\n"] if random.random() < 0.5 else [])


@edit
def remove_function(random, text):
    function = pick(random, text.functions())
    if function and is_alone(text, function):
        first, last = span(function)
        return text.replaced(first, last, [f"{indentation(text.lines[first - 1])}pass\n"])


@edit
def add_function(random, text):
    node = pick(random, [node for node in text.nodes(ast.stmt) if is_alone(text, node)])
    if node:
        first = span(node)[0]
        blank = indentation(text.lines[first - 1])
        name, read = random.choice(named(text)), random.choice(named(text))
        new = [f"{blank}def {random.choice([name, 'added'])}({read}=None):\n", f"{blank}    return {read}, {name}\n"]
        return text.replaced(first, first - 1, new)


@edit
def add_class(random, text):
    node = pick(random, [node for node in text.nodes(ast.stmt) if is_alone(text, node)])
    if node:
        first = span(node)[0]
        blank = indentation(text.lines[first - 1])
        name, read = random.choice(named(text)), random.choice(named(text))
        new = [
            f"{blank}class {random.choice([name, 'Added'])}({random.choice(['', read])}):\n",
            f"{blank}    {name} = {read}\n",
            f"{blank}    def {name}(self, given={read}):\n",
            f"{blank}        return self.{read}\n",
        ]
        return text.replaced(first, first - 1, new)


@edit
def header(random, text):
    node = pick(random, text.nodes(ast.ClassDef))
    if node:
        line = text.lines[node.lineno - 1]
        base = random.choice([*named(text), "object", "metaclass=type", ""])
        old = rf"class(\s+){node.name}(\[\w+\])?(\([^()]*\))?\s*:"
        new = re.sub(old, rf"class\1{node.name}\2({base}):", line, count=1)
        return text.replaced(node.lineno, node.lineno, [new])


@edit
def imports(random, text):
    nodes = [node for node in text.nodes(ast.Import, ast.ImportFrom) if is_alone(text, node)]
    node = pick(random, nodes)
    if node:
        first, last = span(node)
        blank = indentation(text.lines[first - 1])
        alias = random.choice(node.names)
        before = f"from {'.' * node.level}{node.module or ''} " if isinstance(node, ast.ImportFrom) else ""
        line = random.choice(
            [
                f"{before}import {alias.name}",
                f"{before}import {alias.name} as {alias.asname or alias.name.partition('.')[0]}",
                f"{before}import {alias.name} as {random.choice(named(text))}",
                f"import new.{alias.name}",
                f"from new import {alias.name.partition('.')[0]}",
                "from new import *",
                "pass",
            ]
        )
        kept = [] if random.random() < 0.5 else text.lines[first - 1 : last]
        return text.replaced(first, last, [f"{blank}{line}\n", *kept])


@edit
def expression(random, text):
    """Replaces any expression, anywhere."""
    node = pick(random, [node for node in text.nodes(ast.expr) if is_plain(node)])
    if node:
        name = random.choice(named(text))
        new = random.choice(
            ["0", "''", f"{name}", f"[{name} for {name} in {name}]", f"(lambda {name}: {name})", f"({name} := 1)"]
        )
        return text.with_expression(node, new)


def is_plain(node):
    return isinstance(node, (ast.Constant, ast.Name, ast.Call, ast.BinOp, ast.Attribute)) and hasattr(node, "lineno")


@edit
def same_expression(random, text):
    """Writes the same expression in another way."""
    node = pick(random, [node for node in text.nodes(ast.expr) if is_plain(node)])
    if node:
        return text.with_expression(node, f"({ast.unparse(node)})")


@edit
def number(random, text):
    numbers = [node for node in text.nodes(ast.Constant) if type(node.value) in (int, float)]
    node = pick(random, numbers)
    if node:
        value = node.value
        new = random.choice(
            [random.choice([hex, oct, bin, "{:_}".format])(value) if type(value) is int else f"{value}0"]
        )
        big = random.choice(["0xFFFF_FFFF_FFFF_FFFF_FFFF", "0xffffffffffffffffffff", "1208925819614629174706175"])
        return text.with_expression(node, random.choice([new, big, f"{value}.0", f"{value}j"]))


@edit
def string(random, text):
    strings = [node for node in text.nodes(ast.Constant) if isinstance(node.value, (str, bytes))]
    node = pick(random, strings)
    if node:
        value = repr(node.value)
        same = random.choice([value, f"{value} {value[:1] if value[0] == 'b' else ''}''", f"({value})"])
        other = random.choice(["'\\ud800'", "'\\udfff'", "'\\U0000dfff'", f"f{value}", "b''", f"u{value}", f"r{value}"])
        if isinstance(node.value, str) and random.random() < 0.5:
            half = len(node.value) // 2
            same = f"{node.value[:half]!r} {node.value[half:]!r}"
        return text.with_expression(node, random.choice([same, same, other]))


@edit
def else_if(random, text):
    """Turns `elif` into an `if` under `else`."""
    chains = [
        node.orelse[0] for node in text.nodes(ast.If) if len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If)
    ]
    node = pick(random, [node for node in chains if text.lines[node.lineno - 1].lstrip().startswith("elif")])
    if node:
        first, last = span(node)
        blank = indentation(text.lines[first - 1])
        new = [blank + text.lines[first - 1].lstrip().removeprefix("el"), *text.lines[first:last]]
        new = [f"{blank}else:\n", *(f"    {line}" if line.strip() else line for line in new)]
        return text.replaced(first, last, new)


@edit
def condition(random, text):
    """Puts a statement under a condition of its own."""
    node = pick(random, [node for node in text.nodes(ast.stmt) if is_alone(text, node)])
    if node:
        first, last = span(node)
        blank = indentation(text.lines[first - 1])
        name = random.choice(named(text))
        inner = [f"    {line}" if line.strip() else line for line in text.lines[first - 1 : last]]
        before, after = random.choice(
            [
                (f"if {name}:", []),
                ("if TYPE_CHECKING:", []),
                ("if __name__ == '__main__':", []),
                (f"if {name}: pass\n{blank}elif {name}.x:", [f"{blank}else:\n", f"{blank}    {name} = 1\n"]),
                ("try:", [f"{blank}except {name}:\n", f"{blank}    pass\n"]),
                (f"try: pass\n{blank}except {name} as {name}:", []),
                (f"try: pass\n{blank}except* {name}:", []),
                ("try:", [f"{blank}finally: pass\n"]),
                (f"with {name}:", []),
                (f"for {name} in ():", []),
                ("while 0:", []),
                (f"match {name}:\n{blank}  case [{name}, *_]:", []),
            ]
        )
        return text.replaced(first, last, [f"{blank}{before}\n", *inner, *after])


@edit
def other_condition(random, text):
    node = pick(random, text.nodes(ast.If, ast.While, ast.IfExp))
    if node:
        return text.with_expression(node.test, random.choice(["1", "TYPE_CHECKING", *named(text)]))


@edit
def handler(random, text):
    kinds = [handler.type for handler in text.nodes(ast.ExceptHandler) if handler.type]
    kind = pick(random, kinds)
    if kind:
        return text.with_expression(kind, random.choice(["Exception", "(A, B)", *named(text)]))


@edit
def type_parameters(random, text):
    node = pick(random, text.nodes(*FUNCTIONS, ast.ClassDef))
    if node:
        line = text.lines[node.lineno - 1]
        name = random.choice(named(text))
        new = re.sub(rf"\b(def|class)(\s+){node.name}\b(?!\[)", rf"\1\2{node.name}[{name}]", line, count=1)
        return text.replaced(node.lineno, node.lineno, [new])


def swapped(text, one, other):
    """Returns the text with two nodes that lie apart swapped; each takes the other's indentation."""
    (a, b), (c, d) = sorted((span(one), span(other)))
    lines = text.lines
    if b >= c:
        return None
    upper, lower = indentation(lines[a - 1]), indentation(lines[c - 1])
    return "".join(
        [
            *lines[: a - 1],
            *reindented(lines[c - 1 : d], lower, upper),
            *lines[b : c - 1],
            *reindented(lines[a - 1 : b], upper, lower),
            *lines[d:],
        ]
    )


def two(random, text, nodes):
    alone = [node for node in nodes if is_alone(text, node)]
    return swapped(text, *random.sample(alone, 2)) if len(alone) >= 2 else None


@edit
def swap_of_one_name(random, text):
    """Swaps two definitions of one name, wherever they are."""
    names = {}
    for node in text.nodes(*FUNCTIONS, ast.ClassDef):
        if is_alone(text, node):
            names.setdefault(node.name, []).append(node)
    several = pick(random, [nodes for nodes in names.values() if len(nodes) >= 2])
    return swapped(text, *random.sample(several, 2)) if several else None


@edit
def swap_branches(random, text):
    """Swaps the bodies of `if` (or `try`) and its `else`."""
    node = pick(random, [node for node in text.nodes(ast.If, ast.Try) if node.orelse and is_alone(text, node)])
    if node:
        (a, _), (_, b) = span(node.body[0]), span(node.body[-1])
        (c, _), (_, d) = span(node.orelse[0]), span(node.orelse[-1])
        lines = text.lines
        if node.lineno < a <= b < c - 1:
            return "".join([*lines[: a - 1], *lines[c - 1 : d], *lines[b : c - 1], *lines[a - 1 : b], *lines[d:]])


@edit
def swap_imports(random, text):
    return two(random, text, text.nodes(ast.Import, ast.ImportFrom))


@edit
def move_import(random, text):
    """Moves an import or a star import before or after something else in its body."""
    holder = pick(random, text.nodes(ast.Module, ast.ClassDef))
    inside = [node for node in holder.body if is_alone(text, node)]
    of_imports = [node for node in inside if isinstance(node, (ast.Import, ast.ImportFrom))]
    node, goal = pick(random, of_imports), pick(random, inside)
    if node and node is not goal:
        first, last = span(node)
        at = span(goal)[0] if random.random() < 0.5 else span(goal)[1] + 1
        lines = list(text.lines)
        cut = lines[first - 1 : last]
        lines[first - 1 : last] = [None] * len(cut)
        lines[at - 1 : at - 1] = cut
        return "".join(line for line in lines if line is not None)


@edit
def bind_again(random, text):
    """Binds a name that the file has already once more, by an import or an assignment."""
    holder = pick(random, text.nodes(ast.Module, ast.ClassDef))
    node = pick(random, [node for node in holder.body if is_alone(text, node)])
    if node:
        blank = indentation(text.lines[span(node)[0] - 1])
        name = random.choice(named(text))
        new = random.choice([f"from new import {name}", f"{name} = 1", f"import {name}", "from new import *"])
        at = span(node)[0] if random.random() < 0.5 else span(node)[1] + 1
        return text.replaced(at, at - 1, [f"{blank}{new}\n"])


@edit
def unparsed(random, text):
    """Formats the whole file again."""
    return ast.unparse(text.tree) + "\n"


@edit
def damage(random, text):
    """Removes a line or a character."""
    at = random.randrange(len(text.text)) if text.text else 0
    if random.random() < 0.5:
        return text.text[:at] + text.text[at + 1 :]
    at = random.randrange(len(text.lines)) if text.lines else 0
    return "".join([*text.lines[:at], *text.lines[at + 1 :]])


def windows(source):
    return source.replace(b"\n", b"\r\n")


def old_macintosh(source):
    return source.replace(b"\n", b"\r")


def marked(source):
    return b"\xef\xbb\xbf" + source


def without_last_newline(source):
    return source.rstrip(b"\n")


def with_form_feeds(source):
    return source.replace(b"\n\n", b"\n\f\n").replace(b"\ndef ", b"\n\fdef ").replace(b"\nclass ", b"\n\f class ")


# Under these names browsers, and the finder with them, do not read quite what Python reads (rule 1).
AS_BROWSERS_READ = {"shift_jis": "cp932", "gbk": "gb18030", "big5": "big5hkscs", "euc-kr": "cp949"}


def encoded(name):
    def encode(source):
        text = source.decode()
        lines = [f"# -*- coding: {name} -*-\n", *text.splitlines(keepends=True)]
        try:
            other = "".join(lines).encode(name)
        except (UnicodeEncodeError, LookupError):
            return source
        is_read_alike = other.decode(AS_BROWSERS_READ.get(name, name), "replace") == "".join(lines)
        return other if is_read_alike else source

    encode.__name__ = f"in_{name}"
    return encode


ENCODINGS = ["latin-1", "iso8859-15", "cp1252", "koi8-r", "shift_jis", "euc-jp", "gbk", "big5", "euc-kr", "utf-8"]
WRITINGS = [windows, old_macintosh, marked, without_last_newline, with_form_feeds, *map(encoded, ENCODINGS)]
