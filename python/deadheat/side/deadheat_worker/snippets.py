"""The pieces of code that are timed without a test around them, made from the driver's requests.

A module's text comes from a file of the driver's, on both sides: a file in the working tree may change while it is
measured, and the bytecode of a file that changed twice within a second may be that of the earlier text.
"""

import ast
import importlib.abc
import importlib.machinery
import importlib.util
import linecache
import os
import sys
import types
from collections.abc import Awaitable

from deadheat_worker.body import Body
from deadheat_worker.timing import WallClock, calls_of, compile_loop, instrumentation_paused, time_awaits, time_loop


def prepare(code, worktree):
    """Import and set up what `code` (of the request) describes; any exception is the user's."""
    return _FORMS[code["form"]](code, worktree)


class Calls:
    """Code that is called as often as the driver asks; its result is awaited if possible."""

    returns = True

    def __init__(self, function, values, inlined=None):
        self._function = function
        self._values = values
        self._is_known = False
        self._loop = None
        self._calls = inlined or calls_of(function, (), {})

    def body(self):
        return Body(self._measure)

    def changed(self):
        """Return the values from the set-up that the calls changed."""
        return [] if self._values is None else self._values.changed()

    def _measure(self, iterations, warmup, clock):
        if not self._is_known:
            elapsed, result = self._call_first(clock)
            if (iterations, warmup) == (1, 0):
                return elapsed, result
        if self._loop is not None:
            return self._await(self._function, iterations, warmup, clock)
        return self._calls(iterations, warmup, clock)

    def _call_first(self, clock):
        """Find out whether the result must be awaited; the call itself is timed like any other."""
        with instrumentation_paused():
            started = clock.start()
            result = self._function()
            elapsed = clock.stop() - started
        self._is_known = True
        if isinstance(result, Awaitable):
            import asyncio

            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
            awaitable = result
            awaited, result = self._await(lambda: awaitable, 1, 0, clock)
            elapsed += awaited
        return elapsed, result

    def _await(self, function, iterations, warmup, clock):
        return self._loop.run_until_complete(time_awaits(function, (), {}, iterations, warmup, clock))


class Program:
    """A script that is run whole, as `__main__`, once per process."""

    returns = False

    def __init__(self, code, file):
        self._code = code
        self._file = file

    def body(self):
        return Body(self._measure, at_most=1, iterations=1)

    def changed(self):
        """Return no values: there is no second call."""
        return []

    def _measure(self, iterations, warmup, clock):
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
            elapsed = clock.stop() - started
        return elapsed, None


class GivenText(importlib.abc.MetaPathFinder):
    """Gives one module another text than its file's; in all other respects it keeps its file."""

    def __init__(self, name, file, data):
        self._name = name
        self._file = file
        self._data = data

    def find_spec(self, name, path=None, target=None):
        if name != self._name:
            return None
        is_package = os.path.basename(self._file) == "__init__.py"
        return importlib.util.spec_from_file_location(
            name,
            self._file,
            loader=GivenTextLoader(name, self._file, self._data),
            submodule_search_locations=[os.path.dirname(self._file)] if is_package else None,
        )


class GivenTextLoader(importlib.machinery.SourceFileLoader):
    """A loader that neither reads nor writes bytecode."""

    def __init__(self, name, file, data):
        super().__init__(name, file)
        self._data = data

    def get_code(self, fullname):
        return self.source_to_code(self._data, self.path)

    def get_data(self, path):
        return self._data if path == self.path else super().get_data(path)


def _import(module):
    with open(module["source"], "rb") as file:
        data = file.read()
    _remember(module["file"], importlib.util.decode_source(data) if _is_decodable(data) else "")
    sys.meta_path.insert(0, GivenText(module["name"], module["file"], data))
    return importlib.import_module(module["name"])


def _is_decodable(data):
    try:
        importlib.util.decode_source(data)
    except (SyntaxError, UnicodeDecodeError):
        return False
    return True


def _remember(file, text):
    """Have tracebacks show this text, whatever the file holds."""
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)


def _of_script(code, worktree):
    # A script's module level is its set-up.
    namespace = vars(_import(code["module"]))
    return Calls(namespace[code["function"]], _values(namespace, list(namespace), worktree))


def _of_program(code, worktree):
    with open(code["source"], "rb") as file:
        data = file.read()
    sys.argv[:] = [code["script"], code["argument"]]
    return Program(compile(data, code["file"], "exec", dont_inherit=True), code["file"])


def _of_function(code, worktree):
    namespace = dict(vars(_import(code["module"])))
    return _calls(code, namespace, "<--call>", worktree)


def _of_statement(code, worktree):
    # Registered, so that classes and functions of the setup find their module.
    module = types.ModuleType("deadheat_statements")
    sys.modules[module.__name__] = module
    return _calls(code, module.__dict__, "<statement>", worktree)


def _calls(code, namespace, name, worktree):
    values, made = None, []
    if code["setup"] is not None:
        before = dict(namespace)
        _remember("<--setup>", code["setup"])
        exec(compile(code["setup"], "<--setup>", "exec", dont_inherit=True), namespace)
        made = [key for key, value in namespace.items() if key not in before or before[key] is not value]
        values = _values(namespace, made, worktree)
    function = _as_function(code["statement"], namespace, name)
    return Calls(function, values, _inlined(code["statement"], namespace, name, made))


def _inlined(text, namespace, name, made):
    """Return a function that times a statement as `timeit` does: inside the loop, with the set-up's names as locals.

    Return None if that would be another program: the statement is then called as a function.
    """
    body = ast.parse(text, name).body
    leaves = (ast.Return, ast.Await, ast.Yield, ast.YieldFrom, ast.AsyncFor, ast.AsyncWith)
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

    def time(iterations, warmup=0, clock=WallClock):
        if warmup:
            time(warmup)
        values = [namespace[key] for key in local]
        elapsed, results = time_loop(loop, values, iterations, 0, clock)
        # Names that the statement rebinds keep their new values in the next sample.
        namespace.update(zip(kept, results[1:], strict=True))
        return elapsed, results[0]

    return time


def _values(namespace, names, worktree):
    # Imported only here: its own imports take a while.
    from deadheat_worker.setup_values import SetupValues

    return SetupValues(namespace, names, worktree)


def _as_function(text, namespace, name):
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
    return namespace.pop("__deadheat_call")


def _compiled(body, name):
    for kind in ("def", "async def"):
        tree = ast.parse(f"{kind} __deadheat_call(): pass", name)
        tree.body[0].body = body
        try:
            return compile(ast.fix_missing_locations(tree), name, "exec", dont_inherit=True)
        except SyntaxError:
            # It may await something.
            if kind == "async def":
                raise


def _code_of_call(code):
    return next(constant for constant in code.co_consts if isinstance(constant, types.CodeType))


_FORMS = {"script": _of_script, "program": _of_program, "function": _of_function, "statement": _of_statement}
