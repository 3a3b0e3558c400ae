"""The pieces of code that are timed without a test around them, made from the driver's requests.

A module's text comes from a file of the driver's, on both sides: a file in the working tree may change while it is
measured, and the bytecode of a file that changed twice within a second may be that of the earlier text.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import linecache
import os
import sys
import types
from collections.abc import Awaitable

from deadheat_worker.timing.body import Body, Prescription
from deadheat_worker.timing.loops import (
    WallClock,
    calls_of,
    compile_loop,
    instrumentation_paused,
    time_awaits,
    time_loop,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable, Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType
    from typing import Any, Protocol

    from deadheat_worker.interfaces import Clock, Measured, TimedCalls
    from deadheat_worker.micro.setup_values import SetupValues
    from deadheat_worker.wire.messages import Changed, Code, Module

    class Snippet(Protocol):
        """A piece of code in the role of a benchmark."""

        returns: bool

        def body(self) -> Body: ...
        def changed(self) -> list[Changed]:
            """Return the values from the set-up that the calls changed."""


def prepare(code: Code, worktree: str) -> Snippet:
    """Import and set up what `code` (of the request) describes; any exception is the user's."""
    return _FORMS[code["form"]](code, worktree)


class Calls:
    """Code that is called as often as the driver asks; its result is awaited if possible."""

    returns = True

    def __init__(
        self, function: Callable[[], Any], values: SetupValues | None, inlined: TimedCalls | None = None
    ) -> None:
        self._function = function
        self._values = values
        self._is_known = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._calls = inlined or calls_of(function, (), {})

    def body(self) -> Body:
        return Body(self._measure)

    def changed(self) -> list[Changed]:
        """Return the values from the set-up that the calls changed."""
        return [] if self._values is None else self._values.changed()

    def _measure(self, iterations: int, warmup: int, clock: Clock) -> Measured:
        if not self._is_known:
            elapsed_ns, result = self._call_first(clock)
            if (iterations, warmup) == (1, 0):
                return elapsed_ns, result
        if self._loop is not None:
            return self._await(self._loop, self._function, iterations, warmup, clock)
        return self._calls(iterations, warmup, clock)

    def _call_first(self, clock: Clock) -> Measured:
        """Find out whether the result must be awaited; the call itself is timed like any other."""
        with instrumentation_paused():
            started = clock.start()
            result = self._function()
            elapsed_ns = clock.stop() - started
        self._is_known = True
        if isinstance(result, Awaitable):
            import asyncio

            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
            awaitable = result
            awaited_ns, result = self._await(self._loop, lambda: awaitable, 1, 0, clock)
            elapsed_ns += awaited_ns
        return elapsed_ns, result

    def _await(
        self,
        loop: asyncio.AbstractEventLoop,
        function: Callable[[], Awaitable[Any]],
        iterations: int,
        warmup: int,
        clock: Clock,
    ) -> Measured:
        return loop.run_until_complete(time_awaits(function, (), {}, iterations, warmup, clock))


class Program:
    """A script that is run whole, as `__main__`, once per process."""

    returns = False

    def __init__(self, code: CodeType, file: str) -> None:
        self._code = code
        self._file = file

    def body(self) -> Body:
        return Body(self._measure, Prescription(most_rounds=1, iterations=1))

    def changed(self) -> list[Changed]:
        """Return no values: there is no second call."""
        return []

    def _measure(self, iterations: int, warmup: int, clock: Clock) -> Measured:
        module = types.ModuleType("__main__")
        module.__file__ = self._file
        sys.modules["__main__"] = module
        with instrumentation_paused():
            started = clock.start()
            try:
                exec(self._code, module.__dict__)
            except SystemExit as end:
                if end.code not in (None, 0):
                    raise
            elapsed_ns = clock.stop() - started
        return elapsed_ns, None


class GivenText(importlib.abc.MetaPathFinder):
    """Gives one module another text than its file's; in all other respects it keeps its file."""

    def __init__(self, name: str, file: str, data: bytes) -> None:
        self._name = name
        self._file = file
        self._data = data

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != self._name:
            return None
        is_package = os.path.basename(self._file) == "__init__.py"
        loader: Any = GivenTextLoader(name, self._file, self._data)
        return importlib.util.spec_from_file_location(
            name,
            self._file,
            loader=loader,
            submodule_search_locations=[os.path.dirname(self._file)] if is_package else None,
        )


class GivenTextLoader(importlib.machinery.SourceFileLoader):
    """A loader that neither reads nor writes bytecode."""

    def __init__(self, name: str, file: str, data: bytes) -> None:
        super().__init__(name, file)
        self._data = data

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self._data, self.path)

    def get_data(self, path: str) -> bytes:
        return self._data if path == self.path else super().get_data(path)


def _import(module: Module) -> ModuleType:
    with open(module["source"], "rb") as file:
        data = file.read()
    _remember(module["file"], importlib.util.decode_source(data) if _is_decodable(data) else "")
    sys.meta_path.insert(0, GivenText(module["name"], module["file"], data))
    return importlib.import_module(module["name"])


def _is_decodable(data: bytes) -> bool:
    try:
        importlib.util.decode_source(data)
    except (SyntaxError, UnicodeDecodeError):
        return False
    return True


def _remember(file: str, text: str) -> None:
    """Have tracebacks show this text, whatever the file contains."""
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)


def _of_script(code: Code, worktree: str) -> Calls:
    # A script's module level is its set-up.
    namespace = vars(_import(code["module"]))
    return Calls(namespace[code["function"]], _values(namespace, list(namespace), worktree))


def _of_program(code: Code, worktree: str) -> Program:
    with open(code["source"], "rb") as file:
        data = file.read()
    sys.argv[:] = [code["script"], code["argument"]]
    return Program(compile(data, code["file"], "exec", dont_inherit=True), code["file"])


def _of_function(code: Code, worktree: str) -> Calls:
    namespace = dict(vars(_import(code["module"])))
    return _calls(code, namespace, "<--call>", worktree)


def _of_statement(code: Code, worktree: str) -> Calls:
    # Registered, so that classes and functions of the setup find their module.
    module = types.ModuleType("deadheat_statements")
    sys.modules[module.__name__] = module
    return _calls(code, module.__dict__, "<statement>", worktree)


def _calls(code: Code, namespace: dict[str, Any], name: str, worktree: str) -> Calls:
    values = None
    made: list[str] = []
    if code["setup"] is not None:
        before = dict(namespace)
        _remember("<--setup>", code["setup"])
        exec(compile(code["setup"], "<--setup>", "exec", dont_inherit=True), namespace)
        made = [key for key, value in namespace.items() if key not in before or before[key] is not value]
        values = _values(namespace, made, worktree)
    function = _as_function(code["statement"], namespace, name)
    return Calls(function, values, _inlined(code["statement"], namespace, name, made))


def _inlined(text: str, namespace: dict[str, Any], name: str, made: Iterable[str]) -> TimedCalls | None:
    """Return a function that times a statement as `timeit` does: inside the loop, with the set-up's names as locals.

    Return None if that would be another program: the statement is then called as a function.
    """
    body = ast.parse(text, name).body
    leaves: tuple[type[ast.AST], ...] = (ast.Return, ast.Await, ast.Yield, ast.YieldFrom, ast.AsyncFor, ast.AsyncWith)
    leaves += (ast.Global, ast.Nonlocal, ast.Delete)
    if any(isinstance(node, leaves) for statement in body for node in ast.walk(statement)):
        return None
    code = _code_of_call(_compiled(body, name))
    assigned = {*code.co_varnames, *code.co_cellvars} & namespace.keys()
    local = sorted(({*made} & {*code.co_names}) | assigned)
    if any(key.startswith("__") for key in local):
        return None
    kept = sorted(assigned)
    loop = compile_loop(body, local, namespace, name, kept)

    def time(iterations: int, warmup: int = 0, clock: Clock = WallClock) -> Measured:
        if warmup:
            time(warmup)
        values = [namespace[key] for key in local]
        elapsed_ns, results = time_loop(loop, values, iterations, 0, clock)
        # Names that the statement rebinds keep their new values in the next sample.
        namespace.update(zip(kept, results[1:], strict=True))
        return elapsed_ns, results[0]

    return time


def _values(namespace: dict[str, Any], names: Iterable[str], worktree: str) -> SetupValues:
    # Imported only here: its own imports take a while.
    from deadheat_worker.micro.setup_values import SetupValues

    return SetupValues(namespace, names, worktree)


def _as_function(text: str, namespace: dict[str, Any], name: str) -> Callable[[], Any]:
    """Return a function that runs `text` and returns the value of its last expression."""
    _remember(name, text)
    body = ast.parse(text, name).body
    if not body:
        raise SyntaxError("there is nothing to run", (name, 1, 1, text))
    if isinstance(body[-1], ast.Expr):
        body[-1] = ast.copy_location(ast.Return(body[-1].value), body[-1])
    code = _compiled(body, name)
    # As in `timeit`, the statement may rebind names of the setup.
    own = _code_of_call(code)
    shared = sorted({*own.co_varnames, *own.co_cellvars} & namespace.keys())
    if shared:
        code = _compiled([ast.copy_location(ast.Global(shared), body[0]), *body], name)
    exec(code, namespace)
    function: Callable[[], Any] = namespace.pop("__deadheat_call")
    return function


def _compiled(body: list[ast.stmt], name: str) -> CodeType:
    with contextlib.suppress(SyntaxError):
        return _compiled_as("def", body, name)
    # It may await something.
    return _compiled_as("async def", body, name)


def _compiled_as(kind: str, body: list[ast.stmt], name: str) -> CodeType:
    tree = ast.parse(f"{kind} __deadheat_call(): pass", name)
    function = tree.body[0]
    assert isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
    function.body = body
    return compile(ast.fix_missing_locations(tree), name, "exec", dont_inherit=True)


def _code_of_call(code: CodeType) -> CodeType:
    return next(constant for constant in code.co_consts if isinstance(constant, types.CodeType))


_FORMS: dict[str, Callable[[Code, str], Snippet]] = {
    "script": _of_script,
    "program": _of_program,
    "function": _of_function,
    "statement": _of_statement,
}
