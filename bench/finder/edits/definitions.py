"""Edits of functions, their signatures, comments and docstrings."""

import ast
import io
import re
import tokenize

from structure import FUNCTIONS

from edits.text import edit, indentation, is_alone, named, pick, reindented, span


def bodies(text):
    """Returns the functions whose body begins on a line of its own."""
    return [function for function in text.functions() if function.body[0].lineno > function.lineno]


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
    goal = pick(random, text.alone(ast.stmt))
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
    node = pick(random, text.alone(ast.stmt))
    if node:
        first = span(node)[0]
        new = random.choice(["# new\n", f"{indentation(text.lines[first - 1])}# new\n", "\n", "\f\n", "    \n"])
        return text.replaced(first, first - 1, [new] * random.randrange(1, 4))


@edit
def trailing_comment(random, text):
    node = pick(random, text.alone(ast.stmt))
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
        return text.before(node, "@" + random.choice([*named(text), "functools.cache"]))


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
