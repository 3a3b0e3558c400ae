"""Reads all values in the project's modules and classes after import; finds the readers of names that differ.

The driver asks both sides for digests of everything, name by name, compares them, and asks which functions read the
names that differ. Names are those of a module (`LIMIT`), of a class in it (`Shape`: the class as a whole) and of a
class's attributes (`Shape.sides`).
"""

from __future__ import annotations

import decimal
import functools
import gc
import logging
import os
import random
import sys
import types
import warnings

from deadheat_worker.outputs.sources import Codes, References, imports, may_refer, scopes_in
from deadheat_worker.outputs.values import (
    OF_EVERY_CLASS,
    Digests,
    is_class,
    is_method,
    is_module,
    makes,
    name_of,
    namespace_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import CodeType, ModuleType
    from typing import Any, TypeAlias

    from deadheat_worker.imports import ProjectImports
    from deadheat_worker.wire.messages import Place, Reader

    Name: TypeAlias = tuple[str, str]
    """A path, and a name in that file."""
    Referring: TypeAlias = tuple[list[CodeType], list[str], set[type]]

# Every module has these.
_OF_EVERY_MODULE = (
    "__builtins__ __cached__ __file__ __loader__ __name__ __package__ __path__ __spec__ "
    "__warningregistry__ __annotate__ __conditional_annotations__"
)
OF_EVERY_MODULE = frozenset(_OF_EVERY_MODULE.split())
# Environment variables that differ between processes, or between the sides.
OF_EVERY_PROCESS = frozenset(("PYTHONHASHSEED", "PYTHONPATH", "PYTEST_CURRENT_TEST", "PWD"))
OF_DEFINITIONS = frozenset(("__doc__", "__annotations__", "__subclasses__"))
IMPORTING = frozenset(("import_module", "__import__"))
ENUMERATING = frozenset(("vars", "dir", "__dict__", "getmembers", "__subclasses__"))
SIMPLE = (bool, int, float, str, bytes, type(None))
REFERENCES = (type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType)


class Namespaces:
    """One process's namespaces; `imports` are its side's. `changed` are the files that differ between the sides, each
    with the functions in it that share a qualified name. `random_state` is that of `random` before the first import.
    """

    def __init__(self, imports: ProjectImports, changed: Mapping[str, list[str]], random_state: object = None) -> None:
        self._random_state = random_state
        self._codes = Codes(imports, changed)
        self._digests = Digests(self._codes, imports.worktree)
        # References of the values themselves: (codes, attributes, classes) by path and name.
        self._referring: dict[Name, Referring] = {}

    def observed(self) -> tuple[dict[str, dict[str, str]], dict[str, str], dict[str, str]]:
        """Return digests by path and name, and digests of what an import may have changed outside the project: the
        simple values of each of the `others`, which are modules, and their `surroundings`.
        """
        modules: dict[str, dict[str, str]] = {}
        for path, module in self._codes.loaded().items():
            digests: dict[str, str] = {}
            modules[path] = digests
            for name, digest in self._of_module(module):
                digests[name] = digest
                refers = self._digests.codes, self._digests.attributes, self._digests.classes
                if any(refers):
                    self._referring[path, name] = refers
        others = {}
        for module in self._others():
            values = list(namespace_of(module).items())
            told = [(name, what_is_told(value)) for name, value in values if name not in OF_EVERY_MODULE]
            others[module.__name__] = self._digests.of([each for each in told if each[1] is not None])
        return modules, others, self._surroundings()

    def _of_module(self, module: ModuleType) -> Iterator[tuple[str, str]]:
        for name, value in list(namespace_of(module).items()):
            if name in OF_EVERY_MODULE or name.startswith("@"):
                continue
            if not self._is_defined_in(module, name, value):
                yield name, self._digests.of(value)
            elif is_class(value):
                yield from self._of_class(value, name)
            else:
                yield from self._of_function(value, name)

    def _of_function(self, function: types.FunctionType, name: str) -> Iterator[tuple[str, str]]:
        yield name, self._digests.of_definition(function)
        yield f"{name}.__doc__", self._digests.of(function.__doc__)
        if sys.version_info < (3, 14):
            # Later versions compute them by running the project's code.
            yield f"{name}.__annotations__", self._digests.of(function.__annotations__)

    def _is_defined_in(self, module: ModuleType, name: str, value: Any) -> bool:
        if is_class(value):
            return name_of(value) == f"{module.__name__}.{name}"
        is_function = type(value) is types.FunctionType
        return is_function and value.__module__ == module.__name__ and value.__qualname__ == name

    def _of_class(self, kind: type, prefix: str) -> Iterator[tuple[str, str]]:
        namespace = dict(namespace_of(kind))
        yield prefix, self._digests.of_class(kind, namespace)
        for name in ("__doc__", "__annotations__"):
            yield f"{prefix}.{name}", self._digests.of(namespace.get(name))
        subclasses: list[type] = type.__subclasses__(kind)
        yield f"{prefix}.__subclasses__", self._digests.of([name_of(subclass) for subclass in subclasses])
        for name, value in namespace.items():
            if name in OF_EVERY_CLASS or makes(kind, name, value, self._codes):
                continue
            if is_class(value) and name_of(value) == f"{name_of(kind)}.{name}":
                yield from self._of_class(value, f"{prefix}.{name}")
            elif type(value) is types.FunctionType and value.__qualname__ == f"{kind.__qualname__}.{name}":
                yield f"{prefix}.{name}", self._digests.of_definition(value)
            elif type(value) is not types.MemberDescriptorType:
                yield f"{prefix}.{name}", self._digests.of(value)

    def _surroundings(self) -> dict[str, str]:
        filters = [
            (action, str(message), category, str(module)) for action, message, category, module, _ in warnings.filters
        ]
        state = random.getstate()
        found: dict[str, object] = {
            "the recursion limit": sys.getrecursionlimit(),
            "the switch interval": sys.getswitchinterval(),
            # Every process starts with a different one.
            "the state of `random`": "unchanged" if state == self._random_state else state,
            "the filters of `warnings`": filters,
            "the settings of `logging`": [logging.root.manager.disable, settings_of_loggers()],
            "the context of `decimal`": repr(decimal.getcontext()),
            "the garbage collector": [gc.isenabled(), gc.get_threshold()],
        }
        for name, value in os.environ.items():
            if name not in OF_EVERY_PROCESS:
                found[f"the environment variable `{name}`"] = value
        digests = {what: self._digests.of(value) for what, value in found.items()}
        for name, value in self._patches():
            digests[f"`{name}`"] = self._digests.of(value)
        return digests

    def _others(self) -> Iterator[ModuleType]:
        """Yield the modules that are not the project's."""
        for name, module in list(sys.modules.items()):
            is_own = name == "__main__" or name.startswith("deadheat_worker")
            if is_module(module) and not is_own and self._codes.path_of_module(module) is None:
                yield module

    def _patches(self) -> Iterator[tuple[str, Any]]:
        """Yield the functions and classes that the project has put into modules and classes of others."""
        for module in self._others():
            for name, value in list(namespace_of(module).items()):
                if self._is_own(value):
                    yield f"{module.__name__}.{name}", value
                elif is_class(value) and name_of(value) == f"{module.__name__}.{name}":
                    for attribute, inner in list(namespace_of(value).items()):
                        if type(inner) is types.FunctionType and self._is_own(inner):
                            yield f"{module.__name__}.{name}.{attribute}", inner

    def _is_own(self, value: Any) -> bool:
        if type(value) is types.FunctionType:
            return self._codes.path(value.__code__.co_filename) is not None
        return is_class(value) and self._codes.is_own_class(value)

    def readers(
        self, differing: Mapping[str, Mapping[str, bool]], unloaded: list[str]
    ) -> tuple[list[Reader], list[Place]]:
        """Return the project's functions that read differing names, and the names without readers, as in the protocol.

        `differing` holds the names by path, and for each whether both sides have it; `unloaded` the paths of changed
        files that are not loaded yet: a function that imports one of the project's modules later may read anything in
        them.
        """
        return _Readers(self._codes, self._referring, differing, unloaded).found()


class _Readers:
    def __init__(
        self,
        codes: Codes,
        referring: Mapping[Name, Referring],
        differing: Mapping[str, Mapping[str, bool]],
        unloaded: list[str],
    ) -> None:
        self._codes = codes
        self._referring = referring
        self._modules = codes.loaded()
        self._unloaded = unloaded
        self._names_of_unloaded = {own_name(path) for path in unloaded}
        # Places, which are paths with names, by the last part of the name.
        self._attributes: dict[str, list[Name]] = {}
        self._of_modules: dict[str, list[Name]] = {}
        self._whole: dict[type, Name] = {}
        # Of the methods of classes in `_whole`: path, beginning of the qualified name, place of the class.
        self._prefixes: list[tuple[str, str, Name]] = []
        self._differing: dict[str, set[str]] = {}
        self._read: set[Name] = set()
        self._one_sided = {(path, name) for path, names in differing.items() for name in names if not names[name]}
        # By a module's name: the classes in it that differ as a whole, by their names there.
        self._bound: dict[str, dict[str, type]] = {}
        # The paths of modules that a module's namespace, or an import, leads to.
        self._around: dict[str, set[str | None]] = {}
        for path, names in differing.items():
            for name in names:
                # Nothing reads those that come and go with a function or class.
                if (path, name) not in self._one_sided or name.rpartition(".")[2] not in OF_DEFINITIONS:
                    self._add(path, name)
        self._spread_by_values()

    def _add(self, path: str, name: str) -> None:
        self._bound.clear()
        self._differing.setdefault(path, set()).add(name)
        holder, _, last = name.rpartition(".")
        (self._attributes if holder else self._of_modules).setdefault(last, []).append((path, name))
        kind = self._class_at(path, name)
        if kind is not None:
            self._add_class(kind, (path, name))

    def _add_class(self, kind: type, place: Name) -> None:
        """Record that a class differs as a whole, and with it every class derived from it."""
        if kind not in self._whole:
            self._whole[kind] = place
            functions = (value for value in namespace_of(kind).values() if type(value) is types.FunctionType)
            paths = {self._codes.path(function.__code__.co_filename) for function in functions}
            self._prefixes += ((path, f"{kind.__qualname__}.", place) for path in paths if path is not None)
            subclasses: list[type] = type.__subclasses__(kind)
            for subclass in subclasses:
                self._add_class(subclass, place)

    def _spread_by_values(self) -> None:
        """Treat a value that holds a lambda that reads a differing name as differing itself, and so on."""
        waiting = dict(self._referring)
        while True:
            felt = [place for place, holding in waiting.items() if self._feels(place[0], *holding)]
            if not felt:
                return
            for place in felt:
                del waiting[place]
                if place[1] not in self._differing.get(place[0], ()):
                    self._add(*place)

    def _feels(self, path: str, codes: Iterable[CodeType], attributes: Iterable[str], classes: set[type]) -> bool:
        if any(name in self._attributes for name in attributes) or not classes.isdisjoint(self._whole):
            return True
        for code in codes:
            # A lambda reads the names of the module that it is defined in, wherever its value went.
            module = self._modules.get(self._codes.path(code.co_filename) or path)
            if module is not None and any(self._read_by(path, module, References(code))):
                return True
        return False

    def _class_at(self, path: str, name: str) -> type | None:
        holder: types.ModuleType | type | None = self._modules.get(path)
        found: type | None = None
        for part in name.split("."):
            if holder is None:
                return None
            holder = found = namespace_of(holder).get(part)
            if not is_class(found):
                return None
        return found

    def found(self) -> tuple[list[Reader], list[Place]]:
        functions: list[Reader] = []
        everywhere = {*self._attributes, *self._of_modules, *(kind.__name__ for kind in self._whole)}
        everywhere |= ENUMERATING | IMPORTING | self._names_of_unloaded
        for path, module in self._modules.items():
            code = self._codes.module_code(path, namespace_of(module)["__file__"])
            scopes = [("", code, False), *scopes_in(code)] if code is not None else ()
            wanted = everywhere | self._bound_classes(module).keys()
            for qualname, inner, is_function in scopes:
                read = list(self._by_itself(path, qualname)) if is_function else []
                if may_refer(inner, wanted) or (self._unloaded and imports(inner)):
                    references = References(inner)
                    read += self._read_by(path, module, references)
                    read += self._by_enumerating(module, qualname, references)
                    if is_function and self._unloaded and not read and self._imports_later(module, references):
                        read.append((self._unloaded[0], ""))
                self._read.update(read)
                if is_function and read:
                    line = inner.co_firstlineno
                    functions.append({"path": path, "qualname": qualname, "line": line, "reads": as_name(read[0])})
        names_read = {name.rpartition(".")[2] for _, name in self._read}
        unread = [
            place for place in self._all() if place[1].rpartition(".")[2] not in names_read and self._is_plain(*place)
        ]
        return functions, [as_name(place) for place in unread]

    def _by_itself(self, path: str, qualname: str) -> Iterator[Name]:
        """Yield a function's own differences except its code: its defaults, its wrapper, the class around it."""
        if qualname in self._differing.get(path, ()):
            yield path, qualname
        for of, prefix, place in self._prefixes:
            if of == path and qualname.startswith(prefix):
                yield place

    def _by_enumerating(self, module: ModuleType, qualname: str, references: References) -> Iterator[Name]:
        """Yield differing attributes of the function's class or one derived from it, if it enumerates attributes."""
        if ENUMERATING.isdisjoint(references.names | references.attributes):
            return
        for place in (place for places in self._attributes.values() for place in places):
            kind = self._class_at(place[0], place[1].rpartition(".")[0])
            for base in kind.__mro__ if kind is not None else ():
                if base.__module__ == module.__name__ and qualname.startswith(f"{base.__qualname__}."):
                    yield place

    def _all(self) -> list[Name]:
        return [(path, name) for path, names in sorted(self._differing.items()) for name in sorted(names)]

    def _bound_classes(self, module: ModuleType) -> dict[str, type]:
        """Return the classes in a module that differ as a whole, by their names there."""
        if module.__name__ not in self._bound:
            items = list(namespace_of(module).items())
            bound = {name: value for name, value in items if is_class(value) and value in self._whole}
            self._bound[module.__name__] = bound
        return self._bound[module.__name__]

    def _read_by(self, path: str, module: ModuleType, references: References) -> Iterator[Name]:
        own, bound = self._differing.get(path, ()), self._bound_classes(module)
        for name in references.names:
            if name in own:
                yield path, name
            elif name in bound:
                yield self._whole[bound[name]]
        for level, name, wanted in references.imports:
            for each in wanted:
                yield from self._named_in(absolute_name(module, level, name), each)
        for name in references.attributes:
            for place in self._attributes.get(name, ()):
                # A method that only one side has is seen when it runs, and may have a common name, such as `get`.
                if place not in self._one_sided or name in references.words or not self._may_be_method(place):
                    yield place
            for place in self._of_modules.get(name, ()):
                if place not in self._one_sided or place[0] in self._reachable_by(module, references):
                    yield place
        for kind, place in self._whole.items():
            if kind.__name__ in references.attributes or "__subclasses__" in references.attributes:
                yield place

    def _may_be_method(self, place: Name) -> bool:
        """Whether a place is a method or property, or only on the other side."""
        path, name = place
        holder, _, last = name.rpartition(".")
        kind = self._class_at(path, holder)
        value = namespace_of(kind).get(last) if kind is not None else None
        return kind is None or value is None or type(value) is property or is_method(kind, last, value, self._codes)

    def _reachable_by(self, module: ModuleType, references: References) -> set[str | None]:
        found = set(self._led_to_by(module.__name__, lambda: self._reachable_from(module)))
        for level, name, wanted in references.imports:
            source = absolute_name(module, level, name)
            for each in (source, *(f"{source}.{each}" for each in wanted)):
                found |= self._led_to_by(f"import {each}", functools.partial(self._with_packages, each))
        return found

    def _led_to_by(self, way: str, find: Callable[[], Iterable[str | None]]) -> set[str | None]:
        if way not in self._around:
            self._around[way] = set(find())
        return self._around[way]

    def _named_in(self, source: str, name: str) -> Iterator[Name]:
        path = self._codes.path_of_module(sys.modules.get(source))
        if path is not None and name in self._differing.get(path, ()):
            yield path, name

    def _with_packages(self, name: str) -> Iterator[str | None]:
        """Yield the paths of a module, of the packages around it, and of every module reachable from them."""
        while name:
            module = sys.modules.get(name)
            if is_module(module):
                yield from self._reachable_from(module, itself=True)
            name = name.rpartition(".")[0]

    def _reachable_from(self, module: ModuleType, itself: bool = False) -> set[str | None]:
        """Return the paths of the project's modules reachable from a module's namespace, directly or not."""
        found, waiting = {self._codes.path_of_module(module)} if itself else set(), [module]
        seen = {module.__name__}
        while waiting:
            for value in list(namespace_of(waiting.pop()).values()):
                if is_module(value) and value.__name__ not in seen:
                    seen.add(value.__name__)
                    path = self._codes.path_of_module(value)
                    if path is not None:
                        found.add(path)
                        waiting.append(value)
        return found

    def _imports_later(self, module: ModuleType, references: References) -> bool:
        """Whether a function may import a module of the project that is not loaded yet."""
        if not self._names_of_unloaded.isdisjoint(references.attributes):
            return True
        if not IMPORTING.isdisjoint(references.names | references.attributes):
            return True
        for level, name, wanted in references.imports:
            source = absolute_name(module, level, name)
            imported = (source, *(f"{source}.{each}" for each in wanted))
            if (level or self._codes.is_own_name(source)) and any(each not in sys.modules for each in imported):
                return True
        return False

    def _is_plain(self, path: str, name: str) -> bool:
        """Whether a name holds a value that code outside the project may read; not a function or class."""
        holder, _, last = name.rpartition(".")
        if (last.startswith("__") and last.endswith("__")) or not last.strip("_") or last.lower() == "version":
            return False
        if holder in self._differing[path]:
            # Readers of the class count instead.
            return False
        found = self._class_at(path, holder) if holder else self._modules.get(path)
        if found is None:
            return False
        namespace = namespace_of(found)
        kind = type(namespace.get(last))
        return last in namespace and not (
            issubclass(kind, REFERENCES) or kind.__module__ in ("typing", "types", "__future__")
        )


def what_is_told(value: Any) -> object:
    """Return the part of a value that counts in a module of others: a plain one itself, a function's name, or None."""
    kind = type(value)
    if kind in (int, float) and abs(value) > 1e8:
        # An address, or a time: it differs from process to process.
        return None
    if kind in SIMPLE or kind is functools.partial:
        return value
    if kind in (types.FunctionType, types.BuiltinFunctionType):
        return f"{value.__module__}.{value.__qualname__}"
    return None


def settings_of_loggers() -> list[tuple[str, tuple[int, bool, bool, list[str]]]]:
    """Return the settings that differ from the defaults, with the loggers' names."""
    found = []
    for name, logger in [("root", logging.root), *sorted(logging.root.manager.loggerDict.items())]:
        if isinstance(logger, logging.Logger):
            handlers = [name_of(type(handler)) for handler in logger.handlers]
            settings = logger.level, logger.propagate, logger.disabled, handlers
            if settings != (logging.NOTSET, True, False, []):
                found.append((name, settings))
    return found


def own_name(path: str) -> str:
    """Return the last part of the name that a file is imported by."""
    parts = path.removesuffix(".py").split("/")
    return parts[-2] if parts[-1] == "__init__" and len(parts) > 1 else parts[-1]


def absolute_name(module: ModuleType, level: int, name: str) -> str:
    """Return the module that an import in `module` names."""
    if not level:
        return name
    package = namespace_of(module).get("__package__") or module.__name__
    parts = package.split(".")
    parts = parts[: len(parts) - level + 1]
    return ".".join([*parts, *([name] if name else [])])


def as_name(place: Name) -> Place:
    path, name = place
    return {"path": path, "name": name}
