"""Takes a file apart with CPython's `ast`: the functions' own code, and the rest.

Written from the rules in `docs/finder.md`. The numbers in the comments are the rules'.
"""

import ast
from dataclasses import dataclass

from structure import FUNCTIONS, functions, parse


def code(node):
    """Returns a tree as nested tuples without positions. Inner functions are only their names (rule 2)."""
    if isinstance(node, list):
        return tuple(code(item) for item in node)
    if isinstance(node, FUNCTIONS):
        return ("function", node.name)
    if isinstance(node, ast.Constant):
        # 1, 1.0 and True are equal in Python, and so are 0.0 and -0.0.
        return ("Constant", type(node.value).__name__, repr(node.value))
    if isinstance(node, ast.ClassDef):
        header = (code(node.decorator_list), type_parameters(node), code(node.bases), code(node.keywords))
        return ("class", node.name, header, code(without_docstring(node.body)))
    if not isinstance(node, ast.AST):
        return node
    fields = ((name, code(value)) for name, value in ast.iter_fields(node) if name != "ctx")
    return (type(node).__name__, *fields)


def type_parameters(node):
    # From CPython 3.12 on.
    return code(getattr(node, "type_params", []))


def without_docstring(body):
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return body[1:]
    return body


def own_code(function):
    """Returns a function's decorators, signature and body, but not its name (rule 2)."""
    return (
        type(function).__name__,
        code(function.decorator_list),
        type_parameters(function),
        code(function.args),
        code(function.returns),
        code(without_docstring(function.body)),
    )


@dataclass(frozen=True)
class Function:
    qualname: str
    first: int
    last: int
    code: tuple
    is_decorated: bool


@dataclass(frozen=True)
class Module:
    functions: tuple = ()
    outside: tuple = ()
    """The code outside functions (rule 3)."""


def read(source):
    tree = parse(source)
    found = []
    for qualname, node in functions(tree):
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        found.append(Function(qualname, first, node.end_lineno, own_code(node), bool(node.decorator_list)))
    return Module(tuple(found), code(without_docstring(tree.body)))
