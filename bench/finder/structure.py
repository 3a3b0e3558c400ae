"""Finds a file's functions by CPython: `ast` for the lines, the reference's rules for the qualified names.

If the file compiles, the names are also checked against those of the code objects, so that the rules written here are
CPython's own.
"""

import ast
import inspect
import types
import warnings

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
SCOPES = (*FUNCTIONS, ast.ClassDef, ast.Lambda)


def parse(source):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def refusal(error):
    """Returns the line that Python names, or None if it does not know one."""
    return getattr(error, "lineno", None)


def first_line(function):
    """Returns a function's first line; decorators are part of it."""
    return min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])


def in_own_scope(body):
    """Yields the nodes of a scope without the contents of inner functions, classes and lambdas."""
    pending = list(body)
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, SCOPES):
            pending.extend(ast.iter_child_nodes(node))


def functions(tree):
    """Yields (qualname, function) for every function, however deep."""
    pending = [(tree, "", set())]
    while pending:
        node, prefix, declared_global = pending.pop()
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, (*FUNCTIONS, ast.ClassDef)):
                pending.append((child, prefix, declared_global))
                continue
            # A name that is declared global has no prefix.
            qualname = child.name if child.name in declared_global else prefix + child.name
            inner = {
                name
                for statement in in_own_scope(child.body)
                if isinstance(statement, ast.Global)
                for name in statement.names
            }
            if isinstance(child, FUNCTIONS):
                yield qualname, child
                pending.append((child, f"{qualname}.<locals>.", inner))
            else:
                pending.append((child, f"{qualname}.", inner))


def structure(tree):
    """Returns sorted (qualname, first line, last line)."""
    return sorted((qualname, first_line(function), function.end_lineno) for qualname, function in functions(tree))


def compiled(tree):
    """Returns {(qualname, first line)} of the functions with compiled code; empty if the compiler refuses the file."""
    # The code that evaluates annotations (from Python 3.14 on) has the first line of its function.
    others = {"__annotate__"}
    others |= {node.name.id for node in ast.walk(tree) if isinstance(node, ast.TypeAlias)}
    others |= {
        parameter.name for node in ast.walk(tree) for parameter in getattr(node, "type_params", []) if parameter.name
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pending = [compile(tree, "file", "exec", dont_inherit=True)]
    except (SyntaxError, ValueError, RecursionError):
        return set()
    found = set()
    while pending:
        inner = [constant for constant in pending.pop().co_consts if isinstance(constant, types.CodeType)]
        pending.extend(inner)
        found.update(
            (code.co_qualname, code.co_firstlineno)
            for code in inner
            # Classes, lambdas, comprehensions and type parameters have code as well.
            if code.co_flags & inspect.CO_NEWLOCALS
            and not code.co_qualname.endswith(">")
            and code.co_name not in others
        )
    return found
