"""What a set-up made, before the first call and after the last one: calls that change it do not all get the same.

Nothing is run for it but what carrying over takes; what can neither be carried over nor is a container is passed over.
"""

import io
import operator
import types

from deadheat_worker.outputs import TooLarge, carry_over

MOST_NODES = 5_000
"""Of larger containers only the elements themselves are looked at, not what is in them."""
MOST_ELEMENTS = 5_000_000
MOST_BYTES = 64 << 20
_COPIED_BY = (list, dict, set, bytearray)
_PASSED_OVER = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type)


class SetupValues:
    """The values of these names in a namespace, as they are now."""

    def __init__(self, namespace, names, worktree):
        self._namespace = namespace
        self._worktree = worktree
        self._before = {}
        for name in names:
            value = namespace.get(name)
            if isinstance(value, _PASSED_OVER) or name.startswith("__"):
                continue
            state = self._state(value)
            if state is not None:
                self._before[name] = type(value), state

    def changed(self):
        """`name` and `type` of each that is not what it was."""
        return [
            {"name": name, "type": kind.__name__}
            for name, (kind, state) in self._before.items()
            if not self._is_still(self._namespace.get(name), kind, state)
        ]

    def _is_still(self, value, kind, state):
        if type(value) is not kind:
            return False
        now = self._state(value)
        # One that has become too large to be looked at as before.
        return now is not None and now[0] == state[0] and state[2](now[1], state[1])

    def _state(self, value):
        """How it was looked at, what was seen, and what compares that; None where nothing can be seen."""
        used = _how_far(value)
        if used is not None:
            return "used", used, operator.eq
        try:
            tree = carry_over(value, self._worktree, MOST_NODES)
        except TooLarge:
            return _at_a_glance(value)
        return None if tree["kind"] != "value" else ("tree", tree["value"], operator.eq)


def _how_far(value):
    """How far something that is used up has been used up."""
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


def _at_a_glance(value):
    """Of a value that takes long to read: the very elements, or the bytes."""
    kind = type(value)
    if kind in _COPIED_BY and len(value) <= MOST_ELEMENTS:
        if kind is dict:
            return "elements", [*value.keys(), *value.values()], _same_elements
        return "elements", list(value), _same_elements
    is_array = all(hasattr(value, attribute) for attribute in ("dtype", "shape", "tobytes", "nbytes"))
    if is_array and value.nbytes <= MOST_BYTES and "object" not in str(value.dtype):
        return "bytes", value.tobytes(), operator.eq
    return None


def _same_elements(now, before):
    return len(now) == len(before) and all(map(operator.is_, now, before))
