"""The names of other benchmark plugins that suites use, for when those plugins are not installed.

pytest-benchmark and pytest-codspeed are kept out of a worker, installed or not; suites import their types for
annotations, and conftest files look up what they register.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.machinery
import sys

import pytest

from deadheat_worker.suite.fixture import BenchmarkFixture, FixtureAlreadyUsed
from deadheat_worker.suite.stats import Metadata, Stats

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any


class BenchmarkSession:
    """`config._benchmarksession`, for conftest files that read it."""

    disabled = False
    skip = False
    only = False

    def __init__(self) -> None:
        self.benchmarks: list[Any] = []
        self.groups: list[Any] = []
        self.performance_regressions: list[Any] = []


class PytestBenchmarkWarning(pytest.PytestWarning):
    """A category that warning filters name."""


CONTENTS: dict[str, dict[str, Any]] = {
    "pytest_benchmark": {"__version__": "5.3.1"},
    "pytest_benchmark.fixture": {
        "BenchmarkFixture": BenchmarkFixture,
        "FixtureAlreadyUsed": FixtureAlreadyUsed,
    },
    "pytest_benchmark.plugin": {"BenchmarkFixture": BenchmarkFixture},
    "pytest_benchmark.logger": {"PytestBenchmarkWarning": PytestBenchmarkWarning},
    "pytest_benchmark.session": {"BenchmarkSession": BenchmarkSession},
    "pytest_benchmark.stats": {"Metadata": Metadata, "Stats": Stats},
    "pytest_codspeed": {"__version__": "5.0.4", "BenchmarkFixture": BenchmarkFixture},
    "pytest_codspeed.plugin": {"BenchmarkFixture": BenchmarkFixture},
}


def import_parts(package: ModuleType) -> None:
    """Import the parts of a plugin's package: with the plugin loaded, importing the package alone is enough."""
    for name in CONTENTS:
        if name.startswith(package.__name__ + "."):
            # Other versions of the package have other parts.
            with contextlib.suppress(ImportError):
                importlib.import_module(name)


def complete_packages() -> None:
    """Have packages of other plugins import their parts, even if imported already (a warning filter may name one)."""
    sys.meta_path.insert(0, WholePackages())
    for name in CONTENTS:
        if "." not in name and name in sys.modules:
            import_parts(sys.modules[name])


class WholePackages(importlib.abc.MetaPathFinder):
    """The first finder: has installed packages of other plugins import their parts, as when they are loaded."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if "." in fullname or fullname not in CONTENTS:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.loader is None:
            return None
        run = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            run(module)
            import_parts(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """The last finder, so that installed packages come first."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in CONTENTS:
            return None
        # A part that an installed package lacks must not be invented.
        parent = sys.modules.get(fullname.partition(".")[0])
        if parent is not None and getattr(parent.__spec__, "loader", None) is not self:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package="." not in fullname)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        vars(module).update(CONTENTS[module.__name__])
        import_parts(module)


def register(config: pytest.Config) -> None:
    """Register the stand-in plugins. Call once for pytest's configuration."""
    if not hasattr(config, "_benchmarksession"):
        config._benchmarksession = BenchmarkSession()  # type: ignore[attr-defined]
    manager = config.pluginmanager
    named = {"benchmark": BenchmarkPlugin(), "codspeed": BenchmarkPlugin(), "codspeed_plugin": CodspeedPlugin()}
    for name, plugin in named.items():
        # The real plugin is kept out by the same name.
        if hasattr(manager, "unblock"):
            manager.unblock(name)
        if not manager.hasplugin(name):
            manager.register(plugin, name)


class BenchmarkPlugin:
    """Registered under the names by which suites check for a benchmark plugin."""


class CodspeedPlugin:
    """Registered under the name by which pytest-codspeed's own plugin is found."""

    is_codspeed_enabled = False
