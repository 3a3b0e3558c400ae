"""The pytest plugin: the project's own collection, then the driver's run loop instead of pytest's."""

from __future__ import annotations

import glob
import inspect

import pytest

from deadheat_worker.suite import hookspecs, pytest_internals
from deadheat_worker.suite.fixture import BenchmarkFixture
from deadheat_worker.suite.gates import Gates
from deadheat_worker.suite.neutral import NeutralPlugin
from deadheat_worker.suite.settings import is_marker_only, is_unittest, uses_fixture
from deadheat_worker.suite.words import words_of_failure, words_of_skip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from deadheat_worker.suite.conversation import Conversation


class DeadheatPlugin(NeutralPlugin):
    """Registered for one `pytest.main` call; holds the conversation with the driver."""

    def __init__(self, conversation: Conversation, files: list[str], as_tests: bool) -> None:
        super().__init__(conversation)
        self._conversation = conversation
        self._files = files
        self._as_tests = as_tests
        self._order: list[pytest.Item] = []
        self._gates = Gates()

    def pytest_addhooks(self, pluginmanager: pytest.PytestPluginManager) -> None:
        pluginmanager.add_hookspecs(hookspecs)

    def before_conftests(self) -> None:
        self._gates.take_command_line()
        if self._conversation.watch is not None:
            self._conversation.watch.take_precedence()

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> None:
        super().pytest_cmdline_main(config)
        self._gates.open(config)
        # It would import every module next to the benchmarks.
        config.option.doctestmodules = False

    def pytest_configure(self, config: pytest.Config) -> None:
        super().pytest_configure(config)
        # Files with benchmarks whose names pytest would not match. As arguments in addition to their folder they would
        # be dropped: pytest 9 takes the folder for both.
        for file in self._files:
            config.addinivalue_line("python_files", glob.escape(file))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(self, request: pytest.FixtureRequest) -> Generator[None]:
        # A wider fixture is set up while one test runs, and also serves others.
        node = {"function": None, "class": request.node.nodeid, "module": request.node.nodeid}.get(request.scope, "")
        if node is None:
            yield
        else:
            with self._conversation.on_account_of(node):
                yield

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._conversation.collection_errors.append((report.nodeid, words_of_failure(report.longrepr)))
        elif report.skipped and (self._as_tests or _may_hold_benchmarks(report.nodeid)):
            self._conversation.collection_skips.append((report.nodeid, words_of_skip(report.longrepr)))

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        self._order.append(item)

    def pytest_collection_modifyitems(self, config: pytest.Config) -> None:
        # The project's own hooks come before this one, and pytest's after it.
        self._gates.choose_by_marker(config)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._gates.ask_by_marker(session.config)

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        self._conversation.deselected += sum(self._is_wanted(item) for item in items)

    def _is_wanted(self, item: pytest.Item) -> bool:
        return isinstance(item, pytest.Function) if self._as_tests else _is_benchmark(item)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        # In the order of their files, because other plugins shuffle them differently in every process; then in
        # pytest's order, so that an expensive parameter of the session is set up once.
        places = {item: place for place, item in enumerate(self._order)}
        items = sorted(session.items, key=lambda item: places.get(item, len(places)))
        pytest_internals.sort_by_parameters(session, items)
        wanted = [item for item in items if self._is_wanted(item)]
        self._conversation.run_loop(wanted, self._as_tests)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> None:
        """Time a marked method of a `unittest.TestCase` with its `setUp` and `tearDown`: to pytest they are one."""
        plain_test = self._conversation.plain_test
        if plain_test is not None or is_marker_only(item):
            _run_by_anyio(item)
        if plain_test is not None and is_unittest(item):
            run = type(item).runtest.__get__(item)
            pytest_internals.replace_run(item, lambda: plain_test.call(run))
        elif is_marker_only(item) and is_unittest(item):
            run = item.runtest
            pytest_internals.replace_run(item, lambda: BenchmarkFixture(item, self._conversation)(run))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._conversation.add_report(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        """Time a test as a whole if it is a plain one, or has the marker without the fixture."""
        plain_test = self._conversation.plain_test
        if is_unittest(pyfuncitem) or (plain_test is None and not is_marker_only(pyfuncitem)):
            return None
        function, names = pyfuncitem.obj, pytest_internals.argument_names(pyfuncitem)
        arguments = {name: pyfuncitem.funcargs[name] for name in names}
        if inspect.iscoroutinefunction(function):
            return None
        if plain_test is not None:
            plain_test.call(function, **arguments)
        else:
            BenchmarkFixture(pyfuncitem, self._conversation)(function, **arguments)
        return True


def _run_by_anyio(item: pytest.Item) -> None:
    """Replace an `async def` test by a plain function, as pytest-asyncio does for its own."""
    anyio = item.config.pluginmanager.get_plugin("anyio")
    test = getattr(item, "obj", None)
    if (
        anyio is None
        or "anyio_backend" not in getattr(item, "fixturenames", ())
        or not inspect.iscoroutinefunction(test)
    ):
        return

    def run(**_: object) -> None:
        pytest_internals.replace_function(item, test)
        try:
            anyio.pytest_pyfunc_call(pyfuncitem=item)
        finally:
            pytest_internals.replace_function(item, run)

    pytest_internals.replace_function(item, run)


def _may_hold_benchmarks(node: str) -> bool:
    """Whether a module that skipped itself before its contents were known may hold benchmarks."""
    try:
        with open(node.partition("::")[0], encoding="utf-8", errors="replace") as file:
            return "benchmark" in file.read()
    except OSError:
        return False


def _is_benchmark(item: pytest.Item) -> bool:
    return uses_fixture(item) or (isinstance(item, pytest.Function) and is_marker_only(item))
