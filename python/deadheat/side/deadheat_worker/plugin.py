"""The pytest plugin: collection as the project has it, then the driver's run loop instead of pytest's."""

import glob
import inspect
import unittest

import pytest

from deadheat_worker import foreign_options, hookspecs
from deadheat_worker.fixture import BenchmarkFixture

FIXTURES = ("benchmark", "codspeed_benchmark")
MARKERS = ("benchmark", "codspeed_benchmark")
TOOL_FOLDERS = {".hypothesis", ".benchmarks", ".codspeed", ".pytest_cache", "__pycache__"}


class DeadheatPlugin:
    """Registered for one `pytest.main` call; holds the conversation with the driver."""

    def __init__(self, conversation, files):
        self._conversation = conversation
        self._files = files

    def pytest_addoption(self, parser):
        foreign_options.declare(parser)

    def pytest_addhooks(self, pluginmanager):
        pluginmanager.add_hookspecs(hookspecs)

    @pytest.hookimpl(tryfirst=True)
    def pytest_load_initial_conftests(self, early_config, args):
        # Each option only where its plugin is there: pytest refuses options that it does not know.
        if self._conversation.watch is not None:
            self._conversation.watch.take_precedence()
        manager = early_config.pluginmanager
        if manager.hasplugin("xdist"):
            args += ["-n", "0", "--dist", "no"]
        if manager.hasplugin("pytest_cov"):
            args += ["--no-cov"]
            # pytest-cov looks at the options that were known before this hook.
            early_config.known_args_namespace.no_cov = True
            early_config.known_args_namespace.cov_source = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config):
        # Which tests run, and how often, is the driver's to say; nobody is there to talk to a debugger.
        for name in ("lf", "failedfirst", "newfirst", "stepwise", "stepwise_skip", "usepdb", "trace", "reruns"):
            if hasattr(config.option, name):
                setattr(config.option, name, False)

    def pytest_configure(self, config):
        for marker in MARKERS:
            config.addinivalue_line("markers", f"{marker}: a benchmark")
        # Files that hold benchmarks under names which pytest would pass over. As arguments beside their folder they
        # would be dropped: pytest 9 takes the folder for both.
        for file in self._files:
            config.addinivalue_line("python_files", glob.escape(file))

    @pytest.fixture
    def benchmark(self, request):
        """Time a callable: `benchmark(function, *args, **kwargs)` returns what the function returns."""
        return BenchmarkFixture(request.node, self._conversation)

    @pytest.fixture
    def codspeed_benchmark(self, benchmark):
        """The same under pytest-codspeed's name."""
        return benchmark

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(self, request):
        # A wider fixture is set up while one test runs, and serves others, too.
        node = {"function": None, "class": request.node.nodeid, "module": request.node.nodeid}.get(request.scope, "")
        if node is None:
            yield
        else:
            with self._conversation.on_account_of(node):
                yield

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_timeout_set_timer(self, item, settings):
        # A test stands still inside its benchmark for longer than its own limit; the driver has the deadline.
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_ignore_collect(self, collection_path):
        # Left there by earlier processes; hypothesis warns of its own, which some projects' settings make an error.
        return True if collection_path.name in TOOL_FOLDERS else None

    def pytest_collectreport(self, report):
        if report.failed:
            self._conversation.collection_errors.append((report.nodeid, str(report.longrepr)))

    def pytest_deselected(self, items):
        self._conversation.deselected += sum(_is_benchmark(item) for item in items)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session):
        self._conversation.run_loop([item for item in session.items if _is_benchmark(item)])
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item):
        """A marked method of a `unittest.TestCase` is timed with its `setUp` and `tearDown`: they are one to pytest."""
        if _is_marker_only(item) and _is_unittest(item):
            run = item.runtest
            item.runtest = lambda: BenchmarkFixture(item, self._conversation)(run)

    def pytest_runtest_logreport(self, report):
        self._conversation.add_report(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem):
        """A test with the marker and without the fixture is a benchmark as a whole."""
        if not _is_marker_only(pyfuncitem) or inspect.iscoroutinefunction(pyfuncitem.obj) or _is_unittest(pyfuncitem):
            return None
        names = pyfuncitem._fixtureinfo.argnames
        arguments = {name: pyfuncitem.funcargs[name] for name in names}
        BenchmarkFixture(pyfuncitem, self._conversation)(pyfuncitem.obj, **arguments)
        return True


def _fixture_names(item):
    return getattr(item, "fixturenames", ())


def _is_marker_only(item):
    marked = any(item.get_closest_marker(marker) is not None for marker in MARKERS)
    return marked and not any(name in _fixture_names(item) for name in FIXTURES)


def _is_unittest(item):
    return issubclass(getattr(item, "cls", None) or object, unittest.TestCase)


def _is_benchmark(item):
    return any(name in _fixture_names(item) for name in FIXTURES) or (
        isinstance(item, pytest.Function) and _is_marker_only(item)
    )
