"""Watches functions before CPython 3.12: rewrites their bodies when their modules are imported.

A target remains the same function, with calls around its body; an object in its place would break code that inspects
functions (`inspect`, asyncio, `__init_subclass__`). If a body can be suspended, only its start is seen: such functions
are counted, and their time is not given.
"""

from __future__ import annotations

import ast
import builtins
import importlib.machinery
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType
    from typing import Any, TypeAlias

    from deadheat_worker.interfaces import PathOf, Target, Tracer

    FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef

# They end with underscores because names that only begin with them are mangled inside classes.
ENTER, LEAVE, COUNT = "__deadheat_enter_{}__", "__deadheat_leave_{}__", "__deadheat_count_{}__"


class Rewriting:
    """Puts probes into the functions in `targets`: numbers by (path, qualified name, first line).

    `path_of` returns a file's path relative to the worktree, or None if it is elsewhere. `untimed` holds the numbers of
    the functions seen so far that can only be counted.
    """

    def __init__(
        self,
        make_tracer: Callable[..., Tracer],
        make_probe: Callable[..., Any],
        count: int,
        targets: Mapping[Target, int],
        path_of: PathOf,
    ) -> None:
        self._targets = targets
        self._path_of = path_of
        self._make_probe = make_probe
        self.untimed: set[int] = set()
        self._target_files: set[str | None] = {path for path, _, _ in targets}
        self._codes: list[CodeType] = []
        self.tracer = make_tracer(count, None, None)
        self.take_precedence()

    def take_precedence(self) -> None:
        """Put this finder before every other one; pytest also puts its own first."""
        sys.meta_path[:] = [self, *(finder for finder in sys.meta_path if finder is not self)]

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return what the other finders find, with a loader that rewrites if the file holds targets."""
        spec: ModuleSpec | None = None
        for finder in list(sys.meta_path):
            find = getattr(finder, "find_spec", None)
            if finder is not self and find is not None:
                spec = find(name, path, target)
                if spec is not None:
                    break
        if spec is None or not spec.has_location or not isinstance(spec.origin, str):
            return spec
        numbers = self._numbers_in(spec.origin)
        # A loader of another kind makes another program of the file, which is left alone and noticed when it runs.
        # pytest's does not: without it, only the messages of failed assertions are shorter.
        kind = type(spec.loader)
        is_known = kind is importlib.machinery.SourceFileLoader or kind.__name__ == "AssertionRewritingHook"
        if numbers and is_known:
            spec.loader = RewritingLoader(spec.name, spec.origin, lambda tree: self.rewrite(tree, numbers), self._codes)
        return spec

    def is_unseen(self, code: Any) -> bool:
        """Whether `code`, about to run, is the module of a target's file without probes in it."""
        if getattr(code, "co_name", None) != "<module>" or self._path_of(code.co_filename) not in self._target_files:
            return False
        return not any(code is own for own in self._codes)

    def run(self, source: str, file: str) -> dict[str, Any]:
        """Run a module's source with its targets watched, and return its namespace."""
        namespace: dict[str, Any] = {}
        exec(compile(self.rewrite(ast.parse(source), self._numbers_in(file)), file, "exec"), namespace)
        return namespace

    def rewrite(self, tree: ast.Module, numbers: Mapping[tuple[str, int], int]) -> ast.Module:
        """Return the tree with probes in the functions whose (qualified name, first line) are in `numbers`."""
        for qualname, function in functions_in(tree):
            first_line = min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])
            number = numbers.get((qualname, first_line))
            if number is not None:
                self._put_probes(function, number)
        return tree

    def _numbers_in(self, file: str) -> dict[tuple[str, int], int]:
        path = self._path_of(file)
        if path is None:
            return {}
        return {(name, line): number for (place, name, line), number in self._targets.items() if place == path}

    def _put_probes(self, function: FunctionNode, number: int) -> None:
        probe = self._make_probe(self.tracer, number)
        has_docstring = ast.get_docstring(function, clean=False) is not None
        docstring, body = function.body[:has_docstring], function.body[has_docstring:]
        near = (body or docstring)[0]
        if can_be_suspended(function):
            self.untimed.add(number)
            setattr(builtins, COUNT.format(number), probe.count)
            function.body = [*docstring, _call(COUNT.format(number), near), *body]
            return
        setattr(builtins, ENTER.format(number), probe.enter)
        setattr(builtins, LEAVE.format(number), probe.leave)
        guarded = ast.Try(
            body=body or [ast.copy_location(ast.Pass(), near)],
            handlers=[],
            orelse=[],
            finalbody=[_call(LEAVE.format(number), near)],
        )
        function.body = [*docstring, _call(ENTER.format(number), near), ast.copy_location(guarded, near)]


class RewritingLoader(importlib.machinery.SourceFileLoader):
    """Compiles from the source each time: no other process must find bytecode with probes in it."""

    def __init__(
        self, name: str, path: str, rewrite: Callable[[ast.Module], ast.Module], codes: list[CodeType]
    ) -> None:
        super().__init__(name, path)
        self._rewrite = rewrite
        self._codes = codes

    def get_code(self, fullname: str) -> CodeType:
        data = self.get_data(self.path)
        try:
            code = self.source_to_code(data, self.path)
        except (SyntaxError, RecursionError):
            # The probes were one level too many, or the code is invalid: it runs, or fails, as it is.
            return super().source_to_code(data, self.path)
        self._codes.append(code)
        return code

    def source_to_code(self, data: Any, path: Any, *, _optimize: int = -1) -> CodeType:  # type: ignore[override]
        tree: Any = compile(data, path, "exec", ast.PyCF_ONLY_AST, dont_inherit=True, optimize=_optimize)
        return compile(self._rewrite(tree), path, "exec", dont_inherit=True, optimize=_optimize)


def _call(name: str, near: ast.stmt) -> ast.Expr:
    call = ast.Expr(ast.Call(func=ast.Name(id=name, ctx=ast.Load()), args=[], keywords=[]))
    ast.copy_location(call, near)
    return ast.fix_missing_locations(call)


def functions_in(node: ast.AST, prefix: str = "") -> Iterator[tuple[str, FunctionNode]]:
    """Yield every function below a node with its qualified name."""
    for child in ast.iter_child_nodes(node):
        inner = prefix
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield prefix + child.name, child
            inner = f"{prefix}{child.name}.<locals>."
        elif isinstance(child, ast.ClassDef):
            inner = f"{prefix}{child.name}."
        elif isinstance(child, ast.Lambda):
            inner = f"{prefix}<lambda>.<locals>."
        yield from functions_in(child, inner)


def can_be_suspended(function: FunctionNode) -> bool:
    """Whether a function's body can stop and resume: a generator or anything `async`."""
    if isinstance(function, ast.AsyncFunctionDef):
        return True
    nodes: list[ast.AST] = list(function.body)
    while nodes:
        node = nodes.pop()
        if isinstance(node, (ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            nodes += ast.iter_child_nodes(node)
    return False
