"""Edits of statements, classes and imports."""

import ast
import re

from structure import FUNCTIONS

from edits.text import edit, indentation, is_alone, named, pick, span


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
        name = random.choice([*named(text), "NEW", "__slots__"])
        value = random.choice(["1", "()", *named(text)])
        new = random.choice([f"{name} = {value}", f"{name}: int = {value}", f"{name} += {value}", f"{name}: int"])
        return text.before(node, new)


@edit
def statement(random, text):
    """Inserts something that may have effects, anywhere."""
    node = pick(random, text.alone(ast.stmt))
    if node:
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
        return text.before(node, new)


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
    node = pick(random, text.alone(ast.stmt))
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
    node = pick(random, text.alone(ast.stmt))
    if node:
        name, read = random.choice(named(text)), random.choice(named(text))
        return text.before(node, f"def {random.choice([name, 'added'])}({read}=None):", f"    return {read}, {name}")


@edit
def add_class(random, text):
    node = pick(random, text.alone(ast.stmt))
    if node:
        name, read = random.choice(named(text)), random.choice(named(text))
        return text.before(
            node,
            f"class {random.choice([name, 'Added'])}({random.choice(['', read])}):",
            f"    {name} = {read}",
            f"    def {name}(self, given={read}):",
            f"        return self.{read}",
        )


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
    nodes = text.alone(ast.Import, ast.ImportFrom)
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
