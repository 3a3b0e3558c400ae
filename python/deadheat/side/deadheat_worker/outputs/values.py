"""Digests of values, equal in two processes if the values are.

None of the project's code is run: fields are read from where the interpreter keeps them, past the project's own
`__getattr__`, `__repr__` and properties. An object that shows nothing that way counts by its type alone.
"""

from __future__ import annotations

import _abc
import collections
import contextvars
import enum
import functools
import hashlib
import io
import itertools
import logging
import marshal
import operator
import random
import re
import struct
import sys
import types
import weakref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any, TypeGuard

    from deadheat_worker.outputs.sources import Codes

MOST_PARTS = 20_000
"""The most parts of one name's value that are read."""
MOST_PARTS_OF_ALL = 2_000_000
"""The most parts that are read of everything that a process holds: some seconds."""
PLAIN = (bool, int, float, complex, str, bytes, bytearray, range, slice, type(None), type(...), type(NotImplemented))
CONTAINERS = (int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset, collections.deque)
HEAP_TYPE = 1 << 9  # The flag of classes that are made at run time.
# Objects of these modules show their value by their repr, and may keep more in their fields: cached results.
SHOWN = frozenset(("pathlib", "datetime", "decimal", "fractions", "uuid", "ipaddress", "zoneinfo"))
# A container of at least this many parts is written as a whole, if possible.
MANY_PARTS = 500
INCOMPLETE = "~"
"""Begins the digest of a value that could only be read in part."""

# Bound here: a project may replace them.
_namespace_of = type.__dict__["__dict__"].__get__
_module_of = type.__dict__["__module__"].__get__
_qualname_of = type.__dict__["__qualname__"].__get__
_module_namespace_of = types.ModuleType.__dict__["__dict__"].__get__  # type: ignore[index]


def is_class(value: object) -> TypeGuard[type]:
    """Whether it is a class, past a proxy's `__class__`."""
    return issubclass(type(value), type)


def is_module(value: object) -> TypeGuard[types.ModuleType]:
    return issubclass(type(value), types.ModuleType)


def namespace_of(holder: Any) -> Any:
    """Return a class's own namespace, or a module's, past a metaclass's or lazy module's version of it."""
    return _namespace_of(holder) if is_class(holder) else _module_namespace_of(holder)


def module_of(kind: type) -> str:
    """Return the name of the module that a class says it is from; empty if it says none."""
    try:
        name = _module_of(kind)
    except AttributeError:
        return ""
    return name if type(name) is str else ""


def name_of(kind: Any) -> str:
    """Return where a class says that it was defined: `module.qualname`."""
    return f"{module_of(kind)}.{_qualname_of(kind)}"


def reference_to(value: Any) -> str | None:
    """Return the place of a class or function by its own name, `module.qualname`; None if it is not found there."""
    if is_class(value):
        module_name, qualname = module_of(value), _qualname_of(value)
    else:
        module_name, qualname = value.__module__, value.__qualname__
    found = sys.modules.get(module_name) if type(module_name) is str else None
    for part in qualname.split("."):
        if not (is_class(found) or is_module(found)):
            return None
        found = namespace_of(found).get(part)
        if type(found) in (staticmethod, classmethod):
            found = found.__func__
    return f"{module_name}.{qualname}" if found is value else None


class Digests:
    """Makes digests. `codes` says which functions are the project's own (see `sources.Codes`).

    `worktree` is this side's. After each digest, `codes` and `attributes` are the references of lambdas, generators
    and getters in the value, and `classes` are the project's classes that it holds, or holds objects of.
    """

    def __init__(self, codes: Codes, worktree: str) -> None:
        self._codes = codes
        self._worktree = worktree
        self._left = MOST_PARTS_OF_ALL
        self.codes: list[types.CodeType] = []
        self.attributes: list[str] = []
        self.classes: set[type] = set()

    def of(self, value: object) -> str:
        """Return the digest of a name's value."""
        return self._digest(lambda reading: reading.value(value))

    def of_definition(self, value: object) -> str:
        """Return the digest of a function or wrapper that has this name itself: never just a reference to it."""
        return self._digest(lambda reading: reading.definition(value))

    def of_class(self, kind: type, namespace: dict[str, Any]) -> str:
        """Return the digest of a class as a whole: all but the attributes that get their own digests."""
        return self._digest(lambda reading: reading.make_of_class(kind, namespace))

    def _digest(self, read: Callable[[Reading], None]) -> str:
        reading = Reading(self._codes, self._worktree, min(MOST_PARTS, self._left))
        try:
            read(reading)
        except Exception:
            reading.is_complete = False
        self._left = max(0, self._left - len(reading.out))
        self.codes, self.attributes, self.classes = reading.codes, reading.attributes, reading.classes
        digest = hashlib.blake2b("\0".join(reading.out).encode("utf-8", "backslashreplace"), digest_size=8).hexdigest()
        return digest if reading.is_complete else INCOMPLETE + digest


class Reading:
    """Writes one value, part by part."""

    def __init__(self, codes: Codes, worktree: str, most: int) -> None:
        self._codes = codes
        self._worktree = worktree
        self._most = most
        self.is_complete = True
        self.out: list[str] = []
        # Parts that refer to names and have none themselves: lambdas, generators, getters.
        self.codes: list[types.CodeType] = []
        self.attributes: list[str] = []
        # The project's classes in the value, and those of objects in it.
        self.classes: set[type] = set()
        # By identity, and kept alive so that no other value gets the same one.
        self._seen: dict[int, tuple[int, object]] = {}

    def value(self, value: Any) -> None:
        kind = type(value)
        if len(self.out) > self._most:
            self.is_complete = False
            return
        if kind in PLAIN:
            self._plain(value, kind)
        elif is_module(value):
            self._module(value)
        elif (is_class(value) or kind is types.FunctionType) and (place := reference_to(value)):
            self.out += ("reference", place)
            if is_class(value) and self._codes.is_own_class(value):
                self.classes.add(value)
        else:
            self.definition(value)

    def definition(self, value: Any) -> None:
        if id(value) in self._seen:
            self.out += ("again", str(self._seen[id(value)][0]))
            return
        self._seen[id(value)] = len(self._seen), value
        kind = type(value)
        read = _READERS.get(kind)
        if read is not None:
            read(self, value)
        elif is_class(value):
            self._class(value)
        elif issubclass(kind, enum.Enum):
            namespace = value.__dict__
            self.out += ("member", name_of(kind), str(namespace.get("_name_")))
            self.value(namespace.get("_value_"))
        elif issubclass(kind, logging.Logger):
            # Without everything that it is connected to.
            self.out += ("logger", str(value.__dict__.get("name")), str(value.__dict__.get("level")))
        elif issubclass(kind, types.BuiltinFunctionType):
            _read_builtin(self, value)
        elif issubclass(kind, weakref.ref):
            self.out.append("weak")
            self.value(weakref.ref.__call__(value))
        else:
            self._object(value, kind)

    def _plain(self, value: Any, kind: type) -> None:
        if kind is str:
            text = value.replace(self._worktree, "{worktree}")
        elif kind is int and abs(value) >> 4096:
            text = hex(value)
        else:
            text = repr(value)
        self.out += (kind.__name__, text)

    def _module(self, module: types.ModuleType) -> None:
        """Write a module by its name, and by its contents if it is not in `sys.modules`."""
        name = str(namespace_of(module).get("__name__"))
        self.out += ("module", name)
        if sys.modules.get(name) is None and id(module) not in self._seen:
            self._seen[id(module)] = len(self._seen), module
            held = [item for item in namespace_of(module).items() if not item[0].startswith("__")]
            self._items("names", held)

    def _at_once(self, values: Any) -> bool:
        """Write a large container of plain values as a whole; return whether that was possible."""
        if len(values) < MANY_PARTS:
            return False
        try:
            # Version 2 has no references: equal values are written alike.
            whole = marshal.dumps(values, 2)
        except ValueError:
            return False
        if self._worktree.encode() in whole:
            return False
        self.out += ("whole", str(len(values)), hashlib.blake2b(whole).hexdigest())
        return True

    def _all(self, name: str, values: Sequence[object]) -> None:
        if self._at_once(values):
            return
        self.out += (name, str(len(values)))
        for value in values:
            self.value(value)

    def _items(self, name: str, items: Sequence[tuple[object, object]]) -> None:
        if self._at_once(items):
            return
        self.out += (name, str(len(items)))
        # In insertion order, which may matter.
        for key, value in items:
            self.value(key)
            self.value(value)

    def _unordered(self, name: str, values: Iterable[object]) -> None:
        whole: list[str] = []
        for value in values:
            part = Reading(self._codes, self._worktree, self._most)
            part.value(value)
            self.is_complete &= part.is_complete
            self.attributes += part.attributes
            self.codes += part.codes
            self.classes |= part.classes
            whole.append("\0".join(part.out))
        self.out += (name, *sorted(whole))

    def function(self, function: types.FunctionType) -> None:
        """Write all of a function but its code if it is named, which the driver compares as source."""
        code = function.__code__
        if self._codes.is_of_others(code):
            self.out += ("function", str(function.__module__), function.__qualname__)
        else:
            place = self._codes.place_of(code)
            self.out += ("function", *(place or (code_digest(code),)))
            if place is None:
                self.codes.append(code)
        for cell in function.__closure__ or ():
            try:
                self.value(cell.cell_contents)
            except ValueError:
                self.out.append("empty cell")
        self.value(function.__defaults__)
        self.value(function.__kwdefaults__)
        self._items("fields", list(function.__dict__.items()))

    def _wrapped(self, function: object) -> None:
        """Write a wrapped function, which has the name of its wrapper: it is never a reference to itself."""
        if type(function) is types.FunctionType:
            self.function(function)
        else:
            self.value(function)

    def _class(self, kind: type) -> None:
        namespace = dict(_namespace_of(kind))
        self.out += ("class", _qualname_of(kind))
        self.make_of_class(kind, namespace)
        for name, value in namespace.items():
            if name not in OF_EVERY_CLASS and not is_method(kind, name, value, self._codes):
                self.out.append(name)
                self._wrapped(value)

    def make_of_class(self, kind: type, namespace: dict[str, Any]) -> None:
        self._all("bases", kind.__bases__)
        self.value(type(kind))
        for name in sorted(namespace):
            value = namespace[name]
            if name not in OF_EVERY_CLASS and makes(kind, name, value, self._codes):
                self.out.append(name)
                self._wrapped(value)
        if "_abc_impl" in namespace:
            registry = (reference() for reference in _abc._get_dump(kind)[0])
            self.out += sorted(name_of(registered) for registered in registry if registered is not None)

    def _object(self, value: Any, kind: type) -> None:
        self.out += ("object", name_of(kind))
        if kind.__flags__ & HEAP_TYPE:
            if self._codes.is_own_class(kind):
                self.classes.add(kind)
            if reference_to(kind) is None:
                self.value(kind)
        home = module_of(kind).partition(".")[0]
        if home in SHOWN:
            self.out.append(repr(value).replace(self._worktree, "{worktree}"))
            return
        for plain in CONTAINERS:
            if issubclass(kind, plain):
                self._contents(value, plain)
        for name, field in fields_of(value, kind):
            self.out.append(name)
            self.value(field)
        if issubclass(kind, BaseException):
            self.value(BaseException.args.__get__(value))  # type: ignore[attr-defined]
        elif home == "numpy" and hasattr(kind, "tobytes") and not value.dtype.hasobject:
            self.out += (str(value.dtype), str(value.shape), hashlib.blake2b(value.tobytes()).hexdigest())

    def _contents(self, value: Any, plain: Any) -> None:
        if plain is dict:
            ordered = collections.OrderedDict if issubclass(type(value), collections.OrderedDict) else dict
            self._items("items", list(ordered.items(value)))
        elif plain in (set, frozenset):
            self._unordered("parts", plain.__iter__(value))
        elif plain in (list, tuple, collections.deque):
            self._all("parts", list(plain.__iter__(value)))
        else:
            self.out.append(plain.__repr__(value))


# Every class has these, or they get their own digests.
_OF_EVERY_CLASS = (
    "__dict__ __weakref__ __module__ __qualname__ __firstlineno__ __static_attributes__ _abc_impl "
    "__doc__ __annotations__ __annotate__ __annotate_func__ __annotations_cache__ "
    "__orig_bases__ __parameters__ __type_params__"
)
OF_EVERY_CLASS = frozenset(_OF_EVERY_CLASS.split())


def is_method(kind: type, name: str, value: Any, codes: Codes) -> bool:
    """Whether it is one of the project's functions under its own name, which is seen when it runs."""
    function = value.__func__ if type(value) in (staticmethod, classmethod) else value
    if type(function) is not types.FunctionType:
        return False
    place = codes.place_of(function.__code__)
    return place is not None and place[1] == f"{_qualname_of(kind)}.{name}"


def makes(kind: type, name: str, value: Any, codes: Codes) -> bool:
    """Whether an entry of a class's namespace shapes it as a whole: Python or another project's base class reads it."""
    if is_method(kind, name, value, codes):
        return False
    if name.startswith("_") and name.endswith("_") and len(name) > 2:
        return True
    if is_class(value) or callable(value) or type(value) is property:
        return False
    foreign = (base for base in kind.__mro__[1:] if base is not object and not codes.is_own_class(base))
    return any(name in _namespace_of(base) for base in foreign)


def fields_of(value: object, kind: type) -> Iterator[tuple[str, Any]]:
    """Yield an object's fields as they are stored: those of `__dict__`, then those of slots."""
    fields = next(
        (namespace["__dict__"] for namespace in map(_namespace_of, kind.__mro__) if "__dict__" in namespace), None
    )
    if type(fields) is types.GetSetDescriptorType:
        yield from list(fields.__get__(value).items())
    for base in kind.__mro__:
        for name, slot in _namespace_of(base).items():
            is_slot = type(slot) is types.MemberDescriptorType and slot.__objclass__ is base
            if is_slot and not name.endswith("offset__"):
                try:
                    yield name, slot.__get__(value)
                except (AttributeError, TypeError):
                    yield name, "unset"


def code_digest(code: types.CodeType) -> str:
    """Return the digest of a code object's behaviour, regardless of its line numbers."""
    text = repr(
        (
            code.co_code,
            [code_digest(part) if isinstance(part, types.CodeType) else _constant(part) for part in code.co_consts],
            code.co_names,
            code.co_varnames,
            code.co_freevars,
            code.co_flags,
        )
    )
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _constant(value: object) -> str | list[str]:
    # The order of a set's parts depends on the process.
    return sorted(map(repr, value)) if isinstance(value, frozenset) else repr(value)


def _read_builtin(reading: Reading, value: Any) -> None:
    reading.out += ("builtin", value.__qualname__)
    if value.__self__ is not None and not is_module(value.__self__):
        reading.value(value.__self__)


def _read_generator(reading: Reading, value: types.GeneratorType[Any, Any, Any]) -> None:
    reading.out += ("generator", value.__qualname__)
    if value.gi_frame is not None:
        reading._items("variables", list(value.gi_frame.f_locals.items()))
    if not reading._codes.is_of_others(value.gi_code):
        reading.codes.append(value.gi_code)
        reading.out.append(code_digest(value.gi_code))


def _read_random(reading: Reading, value: random.Random) -> None:
    reading.out.append("random")
    reading.value(random.Random.getstate(value))


def _read_content(reading: Reading, value: Any) -> None:
    reading.out.append(type(value).__name__)
    reading.value(value.getvalue())


def _read_getter(reading: Reading, value: Any) -> None:
    reading.out.append(repr(value))
    _, names = value.__reduce__()[:2]
    reading.attributes += (part for name in names if type(name) is str for part in name.split("."))


def _read_defaultdict(reading: Reading, value: collections.defaultdict[Any, Any]) -> None:
    reading._items("defaultdict", list(dict.items(value)))
    reading.value(value.default_factory)


def _read_variable(reading: Reading, value: contextvars.ContextVar[Any]) -> None:
    reading.out += ("variable", value.name)
    # In an empty context, only a default is found.
    try:
        reading.value(contextvars.Context().run(value.get))
    except LookupError:
        reading.out.append("without default")


def _read_cache(reading: Reading, value: Any) -> None:
    reading._wrapped(value.__wrapped__)
    reading.value(value.cache_parameters())


def _read_named(*names: str) -> Callable[[Reading, Any], None]:
    """Return a reader for types whose state is in these attributes."""

    def read(reading: Reading, value: Any) -> None:
        reading.out.append(type(value).__name__)
        for name in names:
            reading._wrapped(getattr(value, name))

    return read


_READERS: dict[type, Callable[[Reading, Any], object]] = {
    list: lambda reading, value: reading._all("list", value),
    tuple: lambda reading, value: reading._all("tuple", value),
    dict: lambda reading, value: reading._items("dict", list(value.items())),
    types.MappingProxyType: lambda reading, value: reading._items("mapping", list(value.items())),
    collections.deque: lambda reading, value: reading._all("deque", list(value)),
    collections.defaultdict: _read_defaultdict,
    set: lambda reading, value: reading._unordered("set", value),
    frozenset: lambda reading, value: reading._unordered("frozenset", value),
    types.FunctionType: Reading.function,
    types.CodeType: lambda reading, value: reading.out.append(code_digest(value)),
    types.MethodType: _read_named("__func__", "__self__"),
    types.GeneratorType: _read_generator,
    contextvars.ContextVar: _read_variable,
    staticmethod: _read_named("__func__"),
    classmethod: _read_named("__func__"),
    property: _read_named("fget", "fset", "fdel"),
    functools.cached_property: _read_named("func"),
    functools.partial: _read_named("func", "args", "keywords"),
    functools.partialmethod: _read_named("func", "args", "keywords"),
    functools._lru_cache_wrapper: _read_cache,
    operator.attrgetter: _read_getter,
    operator.itemgetter: lambda reading, value: reading.value(value.__reduce__()[1]),
    itertools.count: lambda reading, value: reading.out.append(repr(value)),
    re.Pattern: _read_named("pattern", "flags"),
    struct.Struct: _read_named("format"),
    io.BytesIO: _read_content,
    io.StringIO: _read_content,
    random.Random: _read_random,
    operator.methodcaller: _read_getter,
}
