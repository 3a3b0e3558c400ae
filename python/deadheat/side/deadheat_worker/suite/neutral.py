"""The part of our pytest plugins that keeps other plugins out of the measurement, whatever a project asks for."""

from __future__ import annotations

import os

import pytest

from deadheat_worker.suite import foreign_options, stand_ins
from deadheat_worker.suite.fixture import BenchmarkFixture
from deadheat_worker.suite.settings import MARKERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path
    from typing import Any

    from deadheat_worker.interfaces import Holder

TOOL_FOLDERS = {".hypothesis", ".benchmarks", ".codspeed", ".pytest_cache", "__pycache__"}


# Plugins that watch every test if the project's options ask for it.
WATCHING_PLUGINS = ("memray_manager",)


def last_arguments() -> list[str]:
    """Return the arguments for pytest that come after the project's own options."""
    return ["-o", "required_plugins=", "--maxfail=0", "--color=no", *foreign_options.arguments_against()]


class NeutralPlugin:
    """The base of our plugins. `holder` holds a benchmark, like `conversation.Conversation`."""

    def __init__(self, holder: Holder) -> None:
        self._holder = holder

    def pytest_addoption(self, parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
        foreign_options.keep_out(pluginmanager)
        foreign_options.declare(parser)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_load_initial_conftests(self, early_config: pytest.Config, args: list[str]) -> Generator[None]:
        # A wrapper: the hooks of plugins that are registered later come before ours, and pytest-cov starts in its hook.

        # Before pytest's own finder, which rewrites the assertions of plugins and is installed by now.
        stand_ins.complete_packages()
        self.before_conftests()
        # Plugins are found by their options, because they go by several names. Each option is set only if its plugin
        # is present, because pytest refuses options that it does not know.
        known = early_config.known_args_namespace
        if hasattr(known, "numprocesses"):
            args += ["-n", "0", "--dist", "no"]
        if hasattr(known, "no_cov"):
            args += ["--no-cov"]
            # pytest-cov reads the options that were known before this hook.
            known.no_cov = True
            known.cov_source = None
        yield

    def before_conftests(self) -> None:
        """Called before anything of the project is imported."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> None:
        # The driver decides which tests run, and how often; there is no one to use a debugger.
        for name in ("lf", "failedfirst", "newfirst", "stepwise", "stepwise_skip", "usepdb", "trace", "reruns"):
            if hasattr(config.option, name):
                setattr(config.option, name, False)
        if hasattr(config.option, "randomly_seed"):
            # pytest-randomly reseeds the generators before each test, with the same seed on both sides.
            config.option.randomly_seed = int(os.environ.get("PYTHONHASHSEED", "0"))

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        manager = session.config.pluginmanager
        for name in filter(manager.hasplugin, WATCHING_PLUGINS):
            manager.unregister(name=name)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> None:
        # If several plugins define a fixture under one name, pytest takes the last plugin's.
        session.config.pluginmanager.register(Fixtures(self._holder))

    def pytest_configure(self, config: pytest.Config) -> None:
        for marker in MARKERS:
            config.addinivalue_line("markers", f"{marker}: a benchmark")
        stand_ins.register(config)

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_timeout_set_timer(self, item: pytest.Item, settings: object) -> bool:
        # A measured test may exceed its own time limit; the driver enforces the deadline.
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        # Left by earlier processes; hypothesis warns about its own, which some projects' settings make an error.
        return True if collection_path.name in TOOL_FOLDERS else None


class Fixtures:
    """The plugin with the benchmark fixtures, under the names that suites use."""

    def __init__(self, holder: Holder) -> None:
        self._holder = holder

    @pytest.fixture
    def benchmark(self, request: pytest.FixtureRequest) -> Generator[BenchmarkFixture]:
        """Time a callable: `benchmark(function, *args, **kwargs)` returns what the function returns."""
        fixture = BenchmarkFixture(request.node, self._holder)
        yield fixture
        fixture._cleanup()

    @pytest.fixture
    def codspeed_benchmark(self, benchmark: BenchmarkFixture) -> BenchmarkFixture:
        """The `benchmark` fixture under pytest-codspeed's name."""
        return benchmark

    @pytest.fixture
    def benchmark_weave(self, benchmark: BenchmarkFixture) -> Any:
        """`benchmark.weave` as a fixture."""
        return benchmark.weave
