"""Compares a set-up's values before the first and after the last call: calls that change them get different ones.

Nothing is run except to carry values over; a value that can neither be carried over nor is a container is skipped.
"""

from __future__ import annotations

import io
import operator
import types

from deadheat_worker.outputs.encoding import TooLarge, carry_over

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, TypeAlias

    from deadheat_worker.wire.messages import Changed

    State: TypeAlias = tuple[str, Any, Callable[[Any, Any], bool]]

MOST_NODES = 5_000
"""Of larger containers, only the identities of the elements are compared, not their contents."""
MOST_ELEMENTS = 5_000_000
MOST_BYTES = 64 << 20
_COPIED_BY = (list, dict, set, bytearray)
_PASSED_OVER = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type)


class SetupValues:
    """The current values of these names in a namespace."""

    def __init__(self, namespace: Mapping[str, Any], names: Iterable[str], worktree: str) -> None:
        self._namespace = namespace
        self._worktree = worktree
        self._before: dict[str, tuple[type, State]] = {}
        for name in names:
            value = namespace.get(name)
            if isinstance(value, _PASSED_OVER) or name.startswith("__"):
                continue
            state = self._state(value)
            if state is not None:
                self._before[name] = type(value), state

    def changed(self) -> list[Changed]:
        """Return `name` and `type` of each value that changed."""
        return [
            {"name": name, "type": kind.__name__}
            for name, (kind, state) in self._before.items()
            if not self._is_still(self._namespace.get(name), kind, state)
        ]

    def _is_still(self, value: object, kind: type, state: State) -> bool:
        if type(value) is not kind:
            return False
        now = self._state(value)
        # Its form differs if it has become too large to be read as before.
        return now is not None and now[0] == state[0] and state[2](now[1], state[1])

    def _state(self, value: object) -> State | None:
        """Return the form of the state, the state, and a function that compares two; None if it shows none."""
        used = _how_far(value)
        if used is not None:
            return "used", used, operator.eq
        try:
            tree = carry_over(value, self._worktree, MOST_NODES)
        except TooLarge:
            return _at_a_glance(value)
        return None if tree["kind"] != "value" else ("tree", tree["value"], operator.eq)


def _how_far(value: Any) -> int | str | None:
    """Return how far an iterator or file has been consumed; None if that cannot be seen."""
    if isinstance(value, types.GeneratorType):
        frame = value.gi_frame
        return frame.f_lasti if frame is not None else "ended"
    try:
        if isinstance(value, io.IOBase):
            return "closed" if value.closed else value.tell()
        if hasattr(type(value), "__next__"):
            left = operator.length_hint(value, -1)
            return left if left >= 0 else None
    except Exception:
        # The user's own classes may raise anything.
        return None
    return None


def _at_a_glance(value: Any) -> State | None:
    """Return the state of a value that takes long to read: its elements by identity, or its bytes."""
    kind = type(value)
    if kind in _COPIED_BY and len(value) <= MOST_ELEMENTS:
        if kind is dict:
            return "elements", [*value.keys(), *value.values()], _same_elements
        return "elements", list(value), _same_elements
    is_array = all(hasattr(value, attribute) for attribute in ("dtype", "shape", "tobytes", "nbytes"))
    if is_array and value.nbytes <= MOST_BYTES and "object" not in str(value.dtype):
        return "bytes", value.tobytes(), operator.eq
    return None


def _same_elements(now: list[Any], before: list[Any]) -> bool:
    return len(now) == len(before) and all(map(operator.is_, now, before))
