"""The code of the project's modules as in their files: functions by name, and the references of each."""

from __future__ import annotations

import dis
import importlib.machinery
import re
import sys
import types

from deadheat_worker.imports import is_among
from deadheat_worker.outputs.values import is_module, module_of, namespace_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from deadheat_worker.imports import ProjectImports

OPTIMIZED = 0x1  # The flag of functions; the bodies of modules and classes lack it.
HAS_DOCSTRING = 0x4000000  # From CPython 3.13 on.
GLOBALS = {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_GLOBALS", "LOAD_FROM_DICT_OR_DEREF"}
GLOBALS |= {"STORE_GLOBAL", "DELETE_GLOBAL"}
ATTRIBUTES = {"LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR", "DELETE_ATTR", "LOAD_SUPER_ATTR"}
_LOOKUPS = (
    "getattr setattr hasattr delattr globals locals vars attrgetter methodcaller import_module __import__ eval exec "
    "format format_map __dict__ __globals__"
)
# If a code object uses one of these, the words in its strings may be names.
LOOKUPS = frozenset(_LOOKUPS.split())
WORD = re.compile(r"[^\W\d]\w*")


class Codes:
    """Knows which code is the project's. `imports` are this side's; `changed` are the files that differ, each with the
    functions in it that share a qualified name.
    """

    def __init__(self, imports: ProjectImports, changed: Mapping[str, list[str]]) -> None:
        self._imports = imports
        self._changed = changed
        self._paths: dict[str, str | None] = {}
        self._modules: dict[str, types.CodeType | None] = {}
        self._qualnames: dict[str, dict[tuple[str, int], str]] = {}

    def path(self, file: str) -> str | None:
        try:
            return self._paths[file]
        except KeyError:
            path = self._paths[file] = self._imports.path_in_worktree(file) if not file.startswith("<") else None
            return path

    def path_of_module(self, module: object) -> str | None:
        """Return the path of one of the project's modules; None for others."""
        file = namespace_of(module).get("__file__") if is_module(module) else None
        return self.path(file) if type(file) is str else None

    def loaded(self) -> dict[str, types.ModuleType]:
        """Return the project's loaded modules by path."""
        found: dict[str, types.ModuleType] = {}
        for module in list(sys.modules.values()):
            path = self.path_of_module(module)
            if path is not None and path.endswith(".py"):
                found.setdefault(path, module)
        return found

    def is_of_others(self, code: types.CodeType) -> bool:
        """Whether a function's code comes from a file that is not the project's."""
        return not code.co_filename.startswith("<") and self.path(code.co_filename) is None

    def is_own_class(self, kind: type) -> bool:
        return self.path_of_module(sys.modules.get(module_of(kind))) is not None

    def is_own_name(self, name: str) -> bool:
        """Whether a module by this name would be the project's."""
        return is_among(name, self._imports.strict_names | self._imports.loose_names)

    def place_of(self, code: types.CodeType) -> tuple[str, ...] | None:
        """Return the identity of one of the project's functions on both sides; None if only its code identifies it.

        This is the path and the qualified name, and the line if the file is the same on both sides.
        """
        path = self.path(code.co_filename)
        if path is None or code.co_name.startswith("<"):
            return None
        qualname = self._qualname_of(code, path)
        if path not in self._changed:
            return path, qualname, str(code.co_firstlineno)
        return (path, qualname) if qualname not in self._changed[path] else None

    def _qualname_of(self, code: types.CodeType, path: str) -> str:
        if sys.version_info >= (3, 11):
            return code.co_qualname
        if path not in self._qualnames:
            module = self.module_code(path, code.co_filename)
            scopes = scopes_in(module) if module is not None else ()
            self._qualnames[path] = {(inner.co_name, inner.co_firstlineno): name for name, inner, _ in scopes}
        return self._qualnames[path].get((code.co_name, code.co_firstlineno), code.co_name)

    def module_code(self, path: str, file: str) -> types.CodeType | None:
        """Return the code of a module's file without a loader's changes; None if it has none."""
        if path not in self._modules:
            try:
                self._modules[path] = importlib.machinery.SourceFileLoader("", file).get_code("")
            except (OSError, SyntaxError, ValueError, ImportError):
                self._modules[path] = None
        return self._modules[path]


def scopes_in(code: types.CodeType, prefix: str = "") -> Iterator[tuple[str, types.CodeType, bool]]:
    """Yield every function and class body below a code object: (qualified name, code, whether it is a function)."""
    for inner in code.co_consts:
        if not isinstance(inner, types.CodeType):
            continue
        name = inner.co_name
        if name.startswith("<generic parameters of"):
            yield from scopes_in(inner, prefix)
        elif name.startswith("<") or name == "__annotate__":
            # A lambda or comprehension is part of the code around it; functions in it have their own names.
            yield from scopes_in(inner, f"{prefix}{name}.<locals>.")
        else:
            qualname = prefix + name
            is_function = bool(inner.co_flags & OPTIMIZED)
            yield qualname, inner, is_function
            yield from scopes_in(inner, f"{qualname}.<locals>." if is_function else f"{qualname}.")


def parts_of(code: types.CodeType) -> Iterator[types.CodeType]:
    """Yield a code object and its parts: lambdas and comprehensions, and for a function the classes in it."""
    yield code
    for inner in code.co_consts:
        if not isinstance(inner, types.CodeType) or inner.co_name == "__annotate__":
            continue
        if inner.co_name.startswith("<") or (code.co_flags & OPTIMIZED and not inner.co_flags & OPTIMIZED):
            yield from parts_of(inner)


class References:
    """The references of a function's or a body's own code: `names` of its module, `attributes`, and `imports`.

    `imports` are (level, module, names), as in `import` statements; `words` are those in strings that may be names.
    """

    def __init__(self, code: types.CodeType) -> None:
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.imports: list[tuple[int, str, tuple[str, ...]]] = []
        self.words: set[str] = set()
        parts = list(parts_of(code))
        for part in parts:
            self._add(part)
        if not LOOKUPS.isdisjoint(self.names | self.attributes):
            self.words = {word for part in parts for word in words_in(part)}
            self.names |= self.words
            self.attributes |= self.words

    def _add(self, code: types.CodeType) -> None:
        # The constants that were loaded last, which `import` and `case` take from the stack.
        last, constant = None, None
        for instruction in dis.get_instructions(code):
            name, value = instruction.opname, instruction.argval
            if name in ("LOAD_CONST", "LOAD_SMALL_INT"):
                last, constant = constant, value
            elif name in GLOBALS:
                self.names.add(value)
            elif name in ATTRIBUTES:
                self.attributes.add(value)
            elif name == "IMPORT_NAME":
                self.imports.append((last or 0, value, constant or ()))
            elif name == "MATCH_CLASS":
                self.attributes.update(constant or ())


def words_in(code: types.CodeType) -> Iterator[str]:
    """Yield words in a code object's strings that could be names, also in tuples, but not in its docstring."""
    constants = code.co_consts[1:] if has_docstring(code) else code.co_consts
    for constant in constants:
        for text in constant if isinstance(constant, tuple) else (constant,):
            if isinstance(text, str):
                yield from WORD.findall(text)


def has_docstring(code: types.CodeType) -> bool:
    if sys.version_info >= (3, 13):
        return bool(code.co_flags & HAS_DOCSTRING)
    # The first constant of a named function is its docstring, or None.
    is_named = bool(code.co_flags & OPTIMIZED) and not code.co_name.startswith("<")
    return is_named and bool(code.co_consts) and isinstance(code.co_consts[0], str)


def may_refer(code: types.CodeType, names: AbstractSet[str]) -> bool:
    """Whether a code object's own parts contain one of the names at all: a quick check before `References`."""
    parts = list(parts_of(code))
    if any(not names.isdisjoint(part.co_names) or not names.isdisjoint(texts_in_tuples(part)) for part in parts):
        return True
    looks_up = any(not LOOKUPS.isdisjoint(part.co_names) for part in parts)
    return looks_up and any(not names.isdisjoint(words_in(part)) for part in parts)


def texts_in_tuples(code: types.CodeType) -> list[str]:
    """Return the strings in a code object's tuples, among them the attributes that a class pattern reads."""
    tuples = (constant for constant in code.co_consts if isinstance(constant, tuple))
    return [text for constants in tuples for text in constants if isinstance(text, str)]


def imports(code: types.CodeType) -> bool:
    """Whether a code object's own parts import anything."""
    return any(dis.opmap["IMPORT_NAME"] in part.co_code[::2] for part in parts_of(code))
