"""Encodes a benchmark's result in a form that another process can compare: a tree of `[tag, content]`.

`docs/protocol.md` lists the tags. Values that fields, `repr` and `tolist` do not show in full are not comparable.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import io
import json
import math
import os
import re
import types
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, TypeAlias

    from deadheat_worker.wire.messages import Output

    Node: TypeAlias = list[Any]

MOST_NODES = 50_000
"""A larger value is carried over as a digest."""
MOST_READ = 500_000
"""A larger value is not compared: reading it takes too long."""
AT_ONCE = 300
"""A value up to this size takes a negligible time to read."""
CHARACTERS_OF_A_NODE = 200
# One level of a dict or an object is three levels of JSON, of which the driver reads 128.
MOST_DEPTH = 36
# Bound here: the test may have replaced `json.dumps` while it is inside its benchmark.
_ENCODE = json.JSONEncoder(ensure_ascii=True).encode
_ENCODE_SORTED = json.JSONEncoder(sort_keys=True).encode
ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}")


class NotComparable(Exception):
    """Raised with the reason."""


class TooLarge(Exception):
    """Raised for a value that is too large for the available time."""


def carry_over(value: object, worktree: str, most: int = MOST_READ) -> Output:
    """Encode a value as the message for the driver. `worktree` is this side's, whose path may occur in texts.

    Raise `TooLarge` for a value of more than `most` nodes, unless that is the most that is ever read.
    """
    unconsumed = _unconsumed(value)
    if unconsumed is not None:
        return {"kind": "unconsumed", "what": unconsumed}
    try:
        encoder = Encoder(worktree, most)
        tree = encoder.node(value, 0)
    except TooLarge:
        if most < MOST_READ:
            raise
        return {"kind": "not_comparable", "reason": f"it has more than {MOST_READ} parts"}
    except NotComparable as problem:
        return {"kind": "not_comparable", "reason": str(problem)}
    except (Exception, SystemExit) as error:
        return {"kind": "not_comparable", "reason": f"reading it failed: {type(error).__name__}: {error}"}
    if encoder.nodes <= MOST_NODES:
        return {"kind": "value", "value": tree}
    text = _ENCODE(tree).encode()
    return {"kind": "digest", "sha256": hashlib.sha256(text).hexdigest(), "has_floats": encoder.has_floats}


class Encoder:
    def __init__(self, worktree: str, most: int) -> None:
        self._worktree = worktree
        self._most = most
        self.nodes = 0
        self.has_floats = False

    def node(self, value: Any, depth: int) -> Node:
        self._count(1)
        if depth > MOST_DEPTH:
            raise NotComparable("it is nested too deeply, or holds itself")
        kind = type(value)
        if value is None:
            return ["none"]
        if kind is bool:
            return ["bool", value]
        if kind is int:
            return ["int", str(value) if abs(value) < 1 << 4096 else hex(value)]
        if kind is float:
            return self._float(value)
        if kind is complex:
            return ["complex", self._float(value.real), self._float(value.imag)]
        if kind is str:
            return self._text(value)
        if kind in (bytes, bytearray):
            return [kind.__name__, self._bytes(bytes(value))]
        if kind in (list, tuple):
            return [kind.__name__, self._nodes(value, depth)]
        if kind is dict:
            return ["dict", self._items(value.items(), depth)]
        if kind in (set, frozenset):
            return [kind.__name__, _sorted(self._nodes(value, depth))]
        return self._instance(value, kind, depth)

    def _instance(self, value: Any, kind: Any, depth: int) -> Node:
        # Without the module: a class that moved is the same value.
        name = kind.__qualname__
        if isinstance(value, enum.Enum):
            # Combined flags have no name before Python 3.11.
            return ["text", name, value.name if value.name is not None else str(value.value)]
        if isinstance(value, type) or _is_function(value):
            return ["text", "named", f"{value.__module__}.{value.__qualname__}"]
        fields = _fields(value, kind)
        if fields is not None:
            return ["object", name, [[field, self.node(getattr(value, field, None), depth + 1)] for field in fields]]
        if isinstance(value, tuple) and hasattr(kind, "_fields"):
            return [
                "object",
                name,
                [[field, self.node(part, depth + 1)] for field, part in zip(kind._fields, value, strict=False)],
            ]
        if all(hasattr(value, attribute) for attribute in ("dtype", "shape", "tobytes", "tolist")):
            return self._array(value, name, depth)
        for plain in (bool, int, float, str, bytes, list, tuple, dict, set, frozenset):
            # A subclass with the plain value's contents.
            if isinstance(value, plain):
                return ["object", name, [["", self.node(_plain(value, plain), depth + 1)]]]
        if any(hasattr(value, attribute) for attribute in ("__array__", "__dataframe__", "to_numpy")):
            raise NotComparable(f"a {name} shows only a part of what it holds")
        if kind.__repr__ is object.__repr__:
            raise NotComparable(f"a {name} shows nothing of its value")
        text = repr(value)
        if ADDRESS.search(text):
            raise NotComparable(f"a {name} shows an address")
        # A long text is replaced by its digest.
        return ["text", name, self._text(text)[-1]]

    def _count(self, nodes: int) -> None:
        self.nodes += nodes
        if self.nodes > self._most:
            raise TooLarge

    def _nodes(self, values: Any, depth: int) -> list[Node]:
        if self.nodes + len(values) > self._most:
            raise TooLarge
        return [self.node(value, depth + 1) for value in values]

    def _items(self, items: Iterable[tuple[object, object]], depth: int) -> list[list[Node]]:
        return _sorted([[self.node(key, depth + 1), self.node(value, depth + 1)] for key, value in items])

    def _array(self, value: Any, name: str, depth: int) -> Node:
        if "object" in str(value.dtype):
            raise NotComparable("an array of objects")
        about = [["dtype", ["str", str(value.dtype)]], ["shape", ["str", str(tuple(value.shape))]]]
        if math.prod(value.shape) > MOST_NODES:
            self.has_floats = self.has_floats or "float" in str(value.dtype) or "complex" in str(value.dtype)
            self._count(MOST_NODES)
            return ["object", name, [*about, ["data", ["bytes", hashlib.sha256(value.tobytes()).hexdigest()]]]]
        if self.nodes + math.prod(value.shape) > self._most:
            raise TooLarge
        return ["object", name, [*about, ["data", self.node(value.tolist(), depth + 1)]]]

    def _float(self, value: float) -> Node:
        self.has_floats = True
        return ["float", value if math.isfinite(value) else str(value)]

    def _text(self, value: str) -> Node:
        self._count(len(value) // CHARACTERS_OF_A_NODE)
        # Each side has its own checkout. A line of JSON cannot hold lone surrogates.
        value = value.replace(self._worktree, "{worktree}").encode("utf-8", "backslashreplace").decode()
        if len(value) > 100_000:
            return ["long_str", len(value), hashlib.sha256(value.encode()).hexdigest()]
        return ["str", value]

    def _bytes(self, value: bytes) -> str:
        self._count(len(value) // CHARACTERS_OF_A_NODE)
        value = value.replace(os.fsencode(self._worktree), b"{worktree}")
        return value.hex() if len(value) <= 50_000 else hashlib.sha256(value).hexdigest()


def _unconsumed(value: object) -> str | None:
    """Return the kind of a value that does its work only when it is consumed; None for others."""
    if isinstance(value, types.CoroutineType):
        return "coroutine"
    # Files are iterators, but no work is deferred until they are read.
    if isinstance(value, io.IOBase):
        return None
    for what, kind in (
        ("generator", types.GeneratorType),
        ("async generator", AsyncGenerator),
        ("async iterator", AsyncIterator),
        ("iterator", Iterator),
        ("awaitable", Awaitable),
    ):
        if isinstance(value, kind):
            return what
    return None


def _sorted(nodes: list[Any]) -> list[Any]:
    return sorted(nodes, key=_ENCODE_SORTED)


def _fields(value: object, kind: Any) -> list[str] | None:
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind) if field.compare]
    of_attrs = getattr(kind, "__attrs_attrs__", None)
    if of_attrs is not None:
        return [field.name for field in of_attrs if field.eq]
    of_pydantic = getattr(kind, "__pydantic_fields__", None)
    return list(of_pydantic) if of_pydantic is not None else None


def _plain(value: Any, plain: Any) -> Any:
    if plain is dict:
        return dict(value.items())
    return plain.__new__(plain, value) if plain in (bool, int, float, str, bytes) else plain(value)


def _is_function(value: object) -> bool:
    return type(value).__name__ in ("function", "builtin_function_or_method") and hasattr(value, "__qualname__")
