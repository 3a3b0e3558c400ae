"""Makes the project be imported from the worktree, and verifies it."""

from __future__ import annotations

import os
import sys
from importlib.machinery import all_suffixes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping
    from typing import Any

    from deadheat_worker.wire.messages import Foreign

# Import finders that build back ends install for editable packages. Those of setuptools come last and lose to the
# path; those of meson-python and scikit-build-core come first and would win over it.
EDITABLE_FINDERS = {
    "_EditableFinder",
    "_EditableNamespaceFinder",
    "MesonpyMetaFinder",
    "MesonpyPathFinder",
    "ScikitBuildRedirectingFinder",
}


# Part of the repository when deadheat itself is compared.
OWN_PACKAGE = __name__.partition(".")[0]


def inside(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or below it; both must be absolute and resolved."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def is_among(name: str, names: Container[str]) -> bool:
    """Whether a module is one of `names` or below one; those in a namespace shared with others are dotted."""
    while name:
        if name in names:
            return True
        name = name.rpartition(".")[0]
    return False


class ProjectImports:
    """The location of one side's project, and the modules that must therefore come from there.

    `worktree` and `repository` are folders: the side's checkout and the user's own. `import_folders`, relative to
    the worktree, go on the path. `code_names` are the top-level names of the code to be measured, `test_packages`
    those of its test and benchmark packages: both belong to the project wherever they are found. `loose_names` are
    those of test files outside any package, which may also be names of other projects' packages.
    """

    def __init__(
        self,
        worktree: str,
        repository: str,
        import_folders: list[str],
        code_names: Iterable[str],
        test_packages: Iterable[str],
        loose_names: Iterable[str],
    ) -> None:
        self.worktree = os.path.realpath(worktree)
        self.repository = os.path.realpath(repository)
        self.import_folders = [os.path.normpath(os.path.join(self.worktree, folder)) for folder in import_folders]
        # The standard library comes first on the path: a project's file with such a name is never imported.
        self.code_names = frozenset(code_names) - sys.stdlib_module_names
        self.strict_names = (self.code_names | frozenset(test_packages)) - sys.stdlib_module_names
        self.loose_names = frozenset(loose_names) - self.strict_names - sys.stdlib_module_names
        self._environment = tuple({os.path.realpath(sys.prefix), os.path.realpath(sys.base_prefix)})

    def take_precedence(self, project_folder: str) -> None:
        """Arrange `sys.path` and `sys.meta_path`: standard library, worktree, everything else, the project's folder.

        The standard library stays first, so that a project's `select.py` cannot replace it. Entries that point into
        the user's own checkout (a path-file of an editable install, PYTHONPATH) are redirected into the worktree.
        """
        standard = os.path.realpath(os.path.dirname(os.__file__))
        first: list[str] = []
        others: list[str] = []
        for entry in sys.path:
            resolved = os.path.realpath(entry or os.curdir)
            packages = "site-packages" in resolved or "dist-packages" in resolved
            if not packages and (inside(resolved, standard) or resolved.endswith(".zip")):
                first.append(entry)
            else:
                others += self._in_worktree(resolved, entry)
        finders = [(finder, self._mapped_by(finder)) for finder in sys.meta_path]
        mapped = [folder for _, folders in finders for folder in folders]
        sys.path[:] = list(dict.fromkeys(first + self.import_folders + mapped + others + [project_folder]))
        # For the programs that the project's code starts.
        inherited = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
        kept = [folder for entry in inherited for folder in self._in_worktree(os.path.realpath(entry), entry)]
        os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(self.import_folders + kept))
        sys.meta_path[:] = [finder for finder, folders in finders if not folders and not self._serves_project(finder)]

    def _in_worktree(self, resolved: str, entry: str) -> list[str]:
        """Return the worktree's folder for an entry in the user's checkout, none if it has none; others unchanged."""
        if not inside(resolved, self.repository) or self._is_environment(resolved):
            return [entry]
        mapped = os.path.join(self.worktree, os.path.relpath(resolved, self.repository))
        return [os.path.normpath(mapped)] if os.path.isdir(mapped) else []

    def _is_environment(self, path: str) -> bool:
        """Whether a path belongs to an interpreter or its packages; a `.venv` is often inside the repository."""
        return (
            any(inside(path, prefix) and not inside(self.repository, prefix) for prefix in self._environment)
            or "site-packages" in path
            or "dist-packages" in path
        )

    def _mapped_by(self, finder: object) -> list[str]:
        """Return the worktree's folders for packages, of any owner, that a finder finds in the user's own checkout."""
        kind = _kind_of_editable(finder)
        mapping = getattr(sys.modules.get(getattr(kind, "__module__", "")), "MAPPING", None)
        found = [self._in_worktree(os.path.realpath(path), "") for path in (mapping or {}).values()]
        return [os.path.dirname(folder) for folders in found for folder in folders if folder]

    def _serves_project(self, finder: object) -> bool:
        kind = _kind_of_editable(finder)
        if kind is None:
            return False
        known: set[str] = set()
        module = sys.modules.get(kind.__module__)
        for holder in (finder, module):
            for attribute in (
                "MAPPING",
                "NAMESPACES",
                "_top_level_modules",
                "_tree",
                "known_source_files",
                "known_wheel_files",
            ):
                value = getattr(holder, attribute, None)
                if isinstance(value, (dict, set, frozenset, list, tuple)):
                    known.update(str(name).partition(".")[0] for name in value)
        # A finder that does not show what it serves is also removed: the worktree must win.
        own = {name.partition(".")[0] for name in self.strict_names}
        return not known or bool(known & own)

    def path_in_worktree(self, file: str) -> str | None:
        """Return a file's path relative to the worktree, with `/`; None if it is elsewhere."""
        if file.startswith("<"):
            # `<string>`, `<frozen os>`: code without a file, which would be looked for in the current folder.
            return None
        resolved = _resolve(file)
        if not inside(resolved, self.worktree):
            return None
        return os.path.relpath(resolved, self.worktree).replace(os.sep, "/")

    def without_worktree(self, text: str) -> str:
        """Return the text with paths inside the worktree made relative to it."""
        return text.replace(self.worktree + os.sep, "") if self.worktree in text else text

    def foreign_modules(self) -> tuple[list[Foreign], int]:
        """Return the project's modules from outside the worktree, and the number of its code modules from inside."""
        foreign: list[Foreign] = []
        own = 0
        for name, module in list(sys.modules.items()):
            # Looked up in the module's own dict: a lazy module's `__getattr__` may import half the world.
            attributes = getattr(module, "__dict__", None)
            if not isinstance(attributes, dict) or name == "__main__":
                continue
            top = name.partition(".")[0]
            file = attributes.get("__file__")
            if isinstance(file, str):
                places = [file]
            elif is_among(name, self.strict_names):
                places = _search_folders(attributes)
            else:
                continue
            for place in places:
                resolved = _resolve(place)
                if inside(resolved, self.worktree):
                    own += is_among(name, self.code_names)
                elif self._is_own(name) or self._belongs(top, resolved):
                    foreign.append({"module": name, "file": place})
                    break
        return foreign, own

    def _is_own(self, name: str) -> bool:
        """Whether a module from another place has one of the project's names.

        A package that other distributions extend (`pkgutil.extend_path`) also holds their modules: those that the
        worktree does not have are not the project's.
        """
        if not is_among(name, self.strict_names):
            return False
        package, _, last = name.rpartition(".")
        folders = _search_folders(vars(sys.modules[package])) if package in sys.modules else []
        own = [folder for folder in map(_resolve, folders) if inside(folder, self.worktree)]
        if not own or len(own) == len(folders):
            return True
        return any(os.path.isdir(os.path.join(folder, last)) or _is_module_in(folder, last) for folder in own)

    def imported_early(self, project_folder: str) -> str | None:
        """Return an already imported module that the project may also have; None if there is none."""
        folders = [folder for folder in (*self.import_folders, project_folder) if os.path.isdir(folder)]
        for folder in folders:
            for entry in os.listdir(folder):
                name = entry.partition(".")[0]
                # Those of the standard library come first on the path in any case.
                if name not in sys.modules or name in sys.stdlib_module_names:
                    continue
                path = os.path.join(folder, entry)
                # A folder without `__init__.py` gives way to a package that comes later on the path.
                if os.path.isfile(os.path.join(path, "__init__.py")) or path.endswith(tuple(all_suffixes())):
                    return name
        foreign, _ = self.foreign_modules()
        return foreign[0]["module"] if foreign else None

    def _belongs(self, top: str, resolved: str) -> bool:
        if self._is_environment(resolved) or top == OWN_PACKAGE:
            return False
        return top in self.loose_names or inside(resolved, self.repository)


def _kind_of_editable(finder: object) -> type | None:
    kind = finder if isinstance(finder, type) else type(finder)
    return kind if kind.__name__ in EDITABLE_FINDERS else None


_resolved: dict[str, str] = {}


def _resolve(path: str) -> str:
    """`os.path.realpath`, cached: the check runs after every benchmark over the same modules."""
    try:
        return _resolved[path]
    except KeyError:
        resolved = _resolved[path] = os.path.realpath(path)
        return resolved


def _is_module_in(folder: str, name: str) -> bool:
    return any(os.path.isfile(os.path.join(folder, name + suffix)) for suffix in all_suffixes())


def _search_folders(attributes: Mapping[str, Any]) -> list[str]:
    """Return the folders of a package; a namespace package has no file."""
    try:
        return [folder for folder in attributes.get("__path__", ()) if isinstance(folder, str)]
    except Exception:
        return []
