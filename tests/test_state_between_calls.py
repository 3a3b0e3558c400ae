"""Calls that are not all alike: used-up fixtures, caches that the first call fills, data made before."""

import textwrap

from conftest import WORK, short

SLOW, FAST = WORK.format(times=30), WORK.format(times=1)
DOUBTFUL = """\
    import pytest
    from pkg.core import walk, work
    from pkg.data import make


    def test_short(benchmark):
        benchmark.pedantic(work, [1], rounds=2)


    @pytest.fixture
    def data():
        return make()


    def test_control(benchmark, data):
        benchmark(walk, data)
    """


def test_too_few_calls_and_a_control_that_moves_are_said(repository, compare):
    """The argument of `walk` is made before anything is timed."""
    core = SLOW + "\n\n    def walk(data):\n        for _ in data:\n            pass\n        return True\n"
    data = "    def make():\n        return range({})\n"
    files = {"pkg/__init__.py": "", "pkg/core.py": core, "pkg/data.py": data.format(1_000)}
    repository.commit(files | {"benchmarks/test_b.py": DOUBTFUL})
    repository.commit({"pkg/data.py": data.format(9_000)})
    outcome = compare("HEAD^", "HEAD", "--all", replicates=3)
    assert outcome.code == 0, outcome.err
    assert outcome.verdicts()["test_control"] == "unexplained"
    assert {"few_samples", "control_moved"} <= set(outcome.warnings()), outcome.report["warnings"]


OF_THE_SESSION = """\
    import os

    import pytest

    from pkg.core import work


    @pytest.fixture(scope="session", params=[100, 200])
    def size(request):
        with open({log!r}, "a") as log:
            print(os.getpid(), request.param, file=log)
        return request.param


    def test_one(benchmark, size):
        benchmark(work, size)


    def test_other(benchmark, size):
        benchmark(work, size)
    """


def test_fixtures_of_the_session_are_set_up_once_in_each_process(repository, compare, tmp_path):
    """pytest groups the tests by the parameter of such a fixture."""
    log = tmp_path / "log"
    suite = OF_THE_SESSION.format(log=str(log))
    repository.commit_both(SLOW, FAST, suite)
    outcome = compare("HEAD^", "HEAD", replicates=3)
    assert len(outcome.clearly_faster()) == 4
    set_up = log.read_text().splitlines()
    assert len(set_up) >= 2 * 2 * 3
    assert len(set_up) == len(set(set_up))


USED_UP = """\
    import contextlib
    import sqlite3

    import pytest

    from pkg.core import Parser


    @pytest.fixture
    def parser():
        return Parser(range(200))


    @pytest.mark.benchmark
    def test_parse(parser):
        assert parser.parse() in (0, 19900 * 20, 19900 * 200)


    @pytest.fixture
    def table():
        with contextlib.closing(sqlite3.connect(":memory:")) as connection:
            connection.execute("CREATE TABLE numbers (number INTEGER PRIMARY KEY)")
            yield connection


    @pytest.mark.benchmark
    def test_insert(table):
        table.execute("INSERT INTO numbers VALUES (?)", [Parser(range(200)).parse()])


    @pytest.mark.benchmark
    def test_usual(tmp_path):
        Parser(range(10)).parse()
    """
PARSER = """\
    class Parser:
        def __init__(self, data):
            self.data = list(data)

        def parse(self):
            total = 0
            while self.data:
                for _ in range(ROUNDS):
                    total += self.data[-1]
                self.data.pop()
            return total
    """


def test_calls_that_use_up_their_fixtures_get_fixtures_of_their_own(repository, compare):
    files = {"pkg/__init__.py": "", "benchmarks/test_b.py": USED_UP}
    repository.commit({**files, "pkg/core.py": PARSER.replace("ROUNDS", "200")})
    repository.commit({"pkg/core.py": PARSER.replace("ROUNDS", "20")})
    outcome = compare("HEAD^", "HEAD")
    assert outcome.missing() == {}
    assert outcome.clearly_faster() == {"test_parse", "test_insert", "test_usual"}
    rows = {short(row["benchmark"]): row for row in outcome.report["comparisons"]}
    assert rows["test_parse"]["set_up_each_call"]
    assert len(rows["test_parse"]["replicates"]) == 2
    (said,) = (row for row in rows["test_parse"]["warnings"] if row["code"] == "set_up_each_call")
    assert "if calls share them" in said["message"]
    # The breakdown covers the same calls.
    (parse,) = rows["test_parse"]["functions"]
    assert parse["base"]["calls"] == 1
    assert parse["base"]["share"] > 0.5
    assert rows["test_insert"]["set_up_each_call"]
    # This test makes its own parser.
    assert "set_up_each_call" not in rows["test_usual"]


def test_a_first_call_that_changed_in_another_way_is_said(repository, compare):
    # `order` sorts its argument in place, and the benchmark makes it once.
    benchmark = """\
        import random

        from pkg.core import load, order, total


        def test_load(benchmark):
            benchmark(load)


        def test_order(benchmark):
            data = random.Random(1).sample(range(500), 500)
            benchmark(order, data)


        def test_total(benchmark):
            benchmark(total, 3000)
        """
    slow_where_unsorted = """\
        def order(data):
            for i in range(1, len(data)):
                value, place = data[i], i
                while place and data[place - 1] > value:
                    data[place] = data[place - 1]
                    place -= 1
                data[place] = value


        def total(count):
            return count * (count - 1) // 2
        """
    # A cache is filled by the first call.
    load = "import functools\n\n@functools.cache\ndef load():\n    return sum(range({})) * 0\n\n"
    slow_where_unsorted = load.format(2_000_000) + textwrap.dedent(slow_where_unsorted)
    files = {
        "pkg/__init__.py": "",
        "pkg/core.py": load.format(20_000)
        + "def order(data):\n    data.sort()\n    return sorted(data, key=str) and None\n\n\n"
        "def total(count):\n    found = 0\n    for i in range(count):\n        found += i\n    return found\n",
    }
    repository.commit({**files, "benchmarks/test_b.py": benchmark})
    repository.commit({"pkg/core.py": slow_where_unsorted})
    outcome = compare("HEAD^", "HEAD", replicates=4)
    warnings = [warning for row in outcome.report["comparisons"] for warning in row["warnings"]]
    said = [warning for warning in warnings if warning["code"] == "first_call_differs"]
    assert {short(warning["benchmark"]) for warning in said} >= {"test_load", "test_order"}
    assert all("the verdict is about the later ones" in warning["message"] for warning in said)
    row = next(row for row in outcome.report["comparisons"] if short(row["benchmark"]) == "test_load")
    # The later calls are the same, as far as four replicates can show.
    assert (row["verdict"], row["reason"]) in {("inconclusive", "first_call_changed"), ("inconclusive", "too_wide")}
    assert row["first_call_ns"]["head"] > 10 * row["first_call_ns"]["base"]
