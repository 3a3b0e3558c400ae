"""Whether calls enter one function, seen by a profile hook."""

from __future__ import annotations

import functools
import inspect
import sys
import threading
from types import FunctionType

from deadheat_worker.timing.loops import WallClock
from deadheat_worker.wire import protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any

    from deadheat_worker.wire.messages import Reply

_CACHED = type(functools.lru_cache(maxsize=None)(len))


class FunctionEntry:
    """A clock for `timing` that looks for a function between its two readings; such a process is never timed."""

    def __init__(self, module: str, qualname: str) -> None:
        self._code = _code_of(module, qualname)
        self._is_entered = False

    def prepare(self) -> None:
        self._is_entered = False

    def take_precedence(self) -> None:
        """Do nothing: none of it depends on how modules are imported."""

    def start(self) -> int:
        threading.setprofile(self._see)
        sys.setprofile(self._see)
        return WallClock.start()

    def stop(self) -> int:
        stopped = WallClock.stop()
        sys.setprofile(None)
        threading.setprofile(None)
        return stopped

    def reply(self, elapsed_ns: int, iterations: int) -> Reply:
        """Return whether the last sample entered the function as a reply to the driver."""
        return protocol.entered_function(elapsed_ns, iterations, self._is_entered if self._code else None)

    def _see(self, frame: FrameType, event: str, _: Any) -> None:
        if frame.f_code is self._code:
            self._is_entered = True


def _code_of(module: str, qualname: str) -> CodeType | None:
    """Return the code that a call of the function enters; None if there is none to be seen.

    A compiled function (numba's) never enters it, nor does the call of a generator.
    """
    value: Any = sys.modules.get(module)
    for name in qualname.split("."):
        try:
            value = inspect.getattr_static(value, name)
        except AttributeError:
            return None
    while True:
        if isinstance(value, (staticmethod, classmethod)):
            value = value.__func__
        elif isinstance(value, property):
            value = value.fget
        elif isinstance(value, functools.cached_property):
            value = value.func
        elif isinstance(value, (_CACHED, FunctionType)) and hasattr(value, "__wrapped__"):
            value = value.__wrapped__
        else:
            break
    is_seen = isinstance(value, FunctionType) and not inspect.isgeneratorfunction(value)
    return value.__code__ if is_seen and not inspect.isasyncgenfunction(value) else None
