"""Edits of expressions, conditions and parameters."""

import ast
import re

from structure import FUNCTIONS

from edits.text import edit, indentation, named, pick, span


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
    """Puts a statement under its own condition."""
    node = pick(random, text.alone(ast.stmt))
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
