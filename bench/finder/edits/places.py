"""Edits of places: definitions, branches and imports that swap or move, names bound again, whole files."""

import ast

from structure import FUNCTIONS

from edits.text import edit, indentation, is_alone, named, pick, reindented, span


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
    for node in text.alone(*FUNCTIONS, ast.ClassDef):
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
    """Binds a name that the file already has again, by an import or an assignment."""
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
