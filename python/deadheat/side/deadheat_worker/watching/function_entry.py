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
        self._codes = _codes_of(module, qualname)
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
        return protocol.entered_function(elapsed_ns, iterations, self._is_entered if self._codes else None)

    def _see(self, frame: FrameType, event: str, _: Any) -> None:
        if frame.f_code in self._codes:
            self._is_entered = True


def _codes_of(module: str, qualname: str) -> set[CodeType]:
    """Return the code of a function and of the functions that wrap it; an empty set if its calls cannot be seen.

    A compiled function (numba's) never enters its code, nor does the call of a generator.
    """
    value: Any = sys.modules.get(module)
    for name in qualname.split("."):
        try:
            value = inspect.getattr_static(value, name)
        except AttributeError:
            return set()
    codes: set[CodeType] = set()
    while True:
        if isinstance(value, FunctionType):
            if inspect.isgeneratorfunction(value) or inspect.isasyncgenfunction(value):
                return set()
            codes.add(value.__code__)
        if isinstance(value, (staticmethod, classmethod)):
            value = value.__func__
        elif isinstance(value, property):
            value = value.fget
        elif isinstance(value, functools.cached_property):
            value = value.func
        elif isinstance(value, (_CACHED, FunctionType)) and hasattr(value, "__wrapped__"):
            value = value.__wrapped__
        else:
            return codes if isinstance(value, FunctionType) else set()
