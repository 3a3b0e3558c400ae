"""Watches the functions that the driver names: which ran, how often, for how long."""

from __future__ import annotations

import contextlib
import importlib.machinery
import importlib.util
import inspect
import sys
import sysconfig

from deadheat_worker.timing.loops import WallClock
from deadheat_worker.watching import calibration
from deadheat_worker.watching.processes import RunnableTime
from deadheat_worker.wire import protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from types import ModuleType
    from typing import Any

    from deadheat_worker.interfaces import PathOf, Target
    from deadheat_worker.wire.messages import Function, FunctionRecord, Reached, Reply

# A file name that no project has.
_CALIBRATION = "<deadheat's calibration>"


class CannotTrace(Exception):
    """Raised with the reason why functions cannot be watched in this interpreter."""


class Tracing:
    """Watches the target functions in one process.

    `functions` are dicts with `path` (relative to the worktree), `qualname` and `line` (the first one, decorators
    included), or None if this side does not have the function; their positions in the list are their numbers.
    `path_of` returns a file's path relative to the worktree, or None if it is elsewhere.
    """

    def __init__(self, extension: str, functions: Sequence[Function | None], path_of: PathOf) -> None:
        native = load_extension(extension)
        targets: dict[Target, int] = {
            (function["path"], function["qualname"], function["line"]): number
            for number, function in enumerate(functions)
            if function is not None
        }
        # Numbers beyond those that the driver knows: the calibration's.
        self._known = len(functions)
        parts = (calibration.leaf, calibration.tree, calibration.program)
        for number, part in enumerate(parts, start=self._known):
            targets[_CALIBRATION, part.__name__, part.__code__.co_firstlineno] = number
        count = len(functions) + len(parts)

        def place_of(file: str) -> str | None:
            return file if file == _CALIBRATION else path_of(file)

        if sys.version_info >= (3, 12):
            from deadheat_worker.watching.monitoring import Monitoring

            self._road = Monitoring(native.Tracer, count, targets, place_of)
        else:
            from deadheat_worker.watching.rewriting import Rewriting

            self._road = Rewriting(native.Tracer, native.Probe, count, targets, place_of)
        self.tracer = self._road.tracer
        self._watched = self._road.run(inspect.getsource(calibration), _CALIBRATION)["program"]
        self._calibrate()
        self.tracer.take_reached()

    # A clock for `timing`: between the two readings, calls are recorded.

    def start(self) -> int:
        return self.tracer.begin()

    def stop(self) -> int:
        return self.tracer.end()

    def take_precedence(self) -> None:
        """Move ahead of the finders that pytest has put first meanwhile."""
        self._road.take_precedence()

    def is_unseen(self, code: object) -> bool:
        """Whether `code`, about to run, is from a target's file but its functions are not watched."""
        return self._road.is_unseen(code)

    def prepare(self) -> None:
        """Measure the current cost of watching before a sample, and drop the record of earlier ones."""
        self._calibrate()
        self.tracer.take_record()

    def reply(self, elapsed_ns: int, iterations: int) -> Reply:
        """Return the record since `prepare` as a reply to the driver."""
        length, probes, unbalanced, rows = self.tracer.take_record()
        functions: list[FunctionRecord] = []
        for number, calls, total, total_probes, own, own_probes in rows:
            if number >= self._known:
                continue
            is_timed = number not in self._road.untimed
            functions.append(
                {
                    "function": number,
                    "calls": calls,
                    "total_ns": total if is_timed else None,
                    "total_probe_ns": total_probes,
                    "self_ns": own if is_timed else None,
                    "self_probe_ns": own_probes,
                }
            )
        record = {"length_ns": length, "probe_ns": probes, "unbalanced": unbalanced, "functions": functions}
        return protocol.profiled(elapsed_ns, iterations, record)

    def take_reached(self) -> list[int]:
        """Return the numbers of the functions that ran since the last call."""
        return [number for number in self.tracer.take_reached() if number < self._known]

    def _calibrate(self) -> None:
        self.tracer.calibrate(self._watched, calibration.program, self._known)


def load_extension(path: str) -> ModuleType:
    """Load the native part of deadheat, which belongs to another environment than the project's."""
    if sys.implementation.name != "cpython":
        raise CannotTrace(f"it takes CPython, and this is {sys.implementation.name}")
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        # Loading it would crash: the layout of objects differs.
        raise CannotTrace("this Python is a free-threaded build")
    name = "_native"
    try:
        loader: Any = importlib.machinery.ExtensionFileLoader(name, path)
        spec = importlib.util.spec_from_file_location(name, path, loader=loader)
        assert spec is not None
        module = importlib.util.module_from_spec(spec)
        loader.exec_module(module)
    except (ImportError, OSError, AttributeError, SystemError) as error:
        raise CannotTrace(f"this Python cannot load deadheat's native part ({error})") from error
    return module


# A sample could use more than one core if its threads and processes were runnable for this many times its wall time...
PARALLEL_SHARE = 1.3
# ...unless it is shorter than this, too short to tell.
SHORTEST_TOLD_NS = 5_000_000


class Reach:
    """The functions that ran since the driver last asked, by the node of the suite on whose account they ran.

    A node is the id of a test, or of a module or class whose fixture ran them; the empty one means all tests.
    """

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing
        self._owner = ""
        self._functions: dict[str, set[int]] = {}
        self._processes: set[str] = set()
        self._timed: set[str] = set()
        self._parallel: set[str] = set()
        self.is_collecting = True
        sys.addaudithook(self._hear)
        _tell_of_spawning(self._note_process)

    @contextlib.contextmanager
    def on_account_of(self, node: str) -> Generator[None]:
        self._settle()
        before, self._owner = self._owner, node
        try:
            yield
        finally:
            self._settle()
            self._owner = before

    @contextlib.contextmanager
    def in_sample(self) -> Generator[None]:
        """Mark the functions that run inside as timed."""
        self._settle()
        processes, self._processes = self._processes, set()
        # The wall time includes the readings: a wait within one of them would else look like a second thread.
        started = WallClock.start()
        could_run = RunnableTime()
        try:
            yield
        finally:
            runnable_ns = RunnableTime().since(could_run)
            elapsed_ns = WallClock.start() - started
            if elapsed_ns >= SHORTEST_TOLD_NS and runnable_ns > PARALLEL_SHARE * elapsed_ns:
                self._parallel.add(self._owner)
            if self._processes or self._settle():
                self._timed.add(self._owner)
            self._processes |= processes

    def take(self) -> list[Reached]:
        """Return everything since the last call, sorted by node.

        `processes`: the node started other processes. `timed`: it did so, or ran functions, in a sample. `parallel`:
        one of its samples used more than one core at once.
        """
        self._settle()
        nodes = sorted(self._functions.keys() | self._processes | self._parallel)
        found: list[Reached] = [
            {
                "node": node,
                "functions": sorted(self._functions.get(node, ())),
                "processes": node in self._processes,
                "timed": node in self._timed,
                "parallel": node in self._parallel,
            }
            for node in nodes
        ]
        self._functions, self._processes, self._timed, self._parallel = {}, set(), set(), set()
        return found

    def _settle(self) -> list[int]:
        reached = self._tracing.take_reached()
        if reached:
            self._functions.setdefault(self._owner, set()).update(reached)
        return reached

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _STARTS:
            # Many imports run `git` or `uname`; a fixture's script may be anything.
            if not self.is_collecting or _may_run_python(event, arguments):
                self._note_process()
        elif event == "exec" and self._tracing.is_unseen(arguments[0]):
            self._note_process()

    def _note_process(self) -> None:
        self._processes.add(self._owner)


def _tell_of_spawning(note: Callable[[], None]) -> None:
    """Also note the processes that `multiprocessing` spawns: it starts them below every audit event."""
    try:
        import _posixsubprocess
    except ImportError:
        return
    fork_exec = _posixsubprocess.fork_exec

    def noted(*arguments: Any) -> Any:
        note()
        return fork_exec(*arguments)

    _posixsubprocess.fork_exec = noted


# Audit events of starting other processes or interpreters, whose calls cannot be seen from here.
_STARTS = {
    "subprocess.Popen",
    "os.fork",
    "os.forkpty",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.startfile",
    "os.system",
    "pty.spawn",
    "cpython.PyInterpreterState_New",
}


def _may_run_python(event: str, arguments: tuple[Any, ...]) -> bool:
    """Whether a program that an import starts may run the project."""
    if event not in ("subprocess.Popen", "os.posix_spawn", "os.exec"):
        return True
    told = repr(arguments[:2])
    return "python" in told.lower() or sys.prefix in told or sys.executable in told
