"""Selection by reach and the breakdown by function, in the whole program."""

import json
import os

import pytest

from conftest import short

CORE = """\
    import functools
    import threading


    def unused(n):
        return n


    def in_fixture(n):
        return list(range(n))


    def in_session(n):
        return n


    def in_thread(n):
        return n


    def in_child(n):
        return n


    def at_import(n):
        return n


    @functools.lru_cache(maxsize=None)
    def cached(n):
        return n


    VALUE = at_import(3)
    TABLE = {1: 2}


    def run_thread(n):
        results = []
        thread = threading.Thread(target=lambda: results.append(in_thread(n)))
        thread.start()
        thread.join()
        return results


    class Stack:
        def __init__(self):
            self.items = []

        def push(self, item):
            self.items.append(item)
    """
SUITE = {
    "pkg/__init__.py": "",
    "pkg/core.py": CORE,
    "pkg/lazy.py": "from pkg.core import at_import as other\n\nWAY = 'at_import'\n",
    "benchmarks/conftest.py": """\
        import pytest

        from pkg import core


        @pytest.fixture
        def data():
            return core.in_fixture(10)


        @pytest.fixture(scope="session")
        def session_data():
            return core.in_session(10)
        """,
    "benchmarks/test_a.py": """\
        import os

        from pkg import core


        def test_nothing(benchmark):
            benchmark(sum, [1, 2])


        def test_fixture(benchmark, data):
            benchmark(len, data)


        def test_session(benchmark, session_data):
            benchmark(abs, session_data)


        def test_thread(benchmark):
            benchmark(core.run_thread, 3)


        def test_child(benchmark):
            def in_child():
                child = os.fork()
                if child == 0:
                    os._exit(core.in_child(0))
                os.waitpid(child, 0)

            benchmark(in_child)


        def test_cached_first(benchmark):
            benchmark(core.cached, 5)


        def test_cached_second(benchmark):
            benchmark(core.cached, 5)


        def test_table(benchmark):
            benchmark(dict, core.TABLE)
        """,
}
ALL = {"nothing", "fixture", "session", "thread", "child", "cached_first", "cached_second", "table"}


def changed(*names):
    """Returns the code with one more statement, which costs next to nothing, in each of these functions."""
    core = CORE
    for name in names:
        core = core.replace(f"def {name}(n):\n", f"def {name}(n):\n        extra = n\n")
    return core


@pytest.fixture
def reached(repository, compare):
    """The benchmarks that a dry run would measure after a change of the code."""

    def run(core, *arguments):
        repository.commit(SUITE)
        repository.commit({"pkg/core.py": core})
        outcome = compare("HEAD^", "HEAD", "--dry-run", *arguments)
        assert outcome.code == 0, outcome.err
        measured = {short(benchmark).removeprefix("test_") for benchmark in outcome.report["plan"]["benchmarks"]}
        missing = {
            name.removeprefix("test_") for name, (reason, _) in outcome.missing().items() if reason == "not_reached"
        }
        assert measured | missing == ALL
        assert not measured & missing
        # `child` starts another process, whose calls cannot be seen.
        assert "child" in measured
        return measured - {"child"}, outcome

    return run


def test_what_runs_a_change_is_known_however_it_runs_it(reached, oldest_and_newest):
    expected = {
        "in_fixture": {"fixture"},
        "in_session": ALL - {"child"},
        "in_thread": {"thread"},
        "in_child": set(),
        "at_import": ALL - {"child"},
        "unused": set(),
    }
    measured, outcome = reached(changed(*expected), "--python", oldest_and_newest)
    assert measured == ALL - {"child"}
    by = {
        target["qualname"]: {short(one).removeprefix("test_") for one in target["reached_by"]} - {"child"}
        for target in outcome.report["target_functions"]
    }
    assert by == expected
    assert [words for words in outcome.warnings() if words == "function_not_reached"] == ["function_not_reached"]


def test_what_runs_no_change_is_left_out_and_what_an_earlier_benchmark_ran_for_it_is_not(reached, oldest_and_newest):
    measured, outcome = reached(changed("in_thread", "cached"), "--python", oldest_and_newest)
    assert measured == {"thread", "cached_first", "cached_second"}
    assert outcome.report["selection"]["rule"] == "reached"
    assert outcome.warnings() == []


def test_a_constant_that_only_a_benchmark_names_reaches_that_benchmark(reached):
    measured, outcome = reached(CORE.replace("TABLE = {1: 2}", "TABLE = {1: 3}"))
    assert measured == {"table"}
    assert outcome.targets() == {}


def test_a_change_that_no_benchmark_runs_ends_well_and_says_so(repository, compare):
    suite = SUITE["benchmarks/test_a.py"].replace("os.fork()", "os.getpid()").replace("os.waitpid(child, 0)", "pass")
    repository.commit({**SUITE, "benchmarks/test_a.py": suite})
    repository.commit({"pkg/core.py": changed("unused")})
    outcome = compare("HEAD^", "HEAD")
    assert outcome.code == 0
    assert outcome.report["comparisons"] == []
    assert outcome.report["summary"]["counts"]["not_reached"] == len(ALL)
    assert outcome.warnings() == ["function_not_reached", "no_benchmark_reaches"]
    assert len(compare("HEAD^", "HEAD", "--all", "-k", "nothing or fixture", replicates=2).verdicts()) == 2


BASE = """\
    def leaf(n):
        total = 0
        for i in range(1000):
            total += i
        return total


    def untouched(n):
        return [leaf(i) for i in range(n)]


    def work(n):
        total = 0
        for i in range(n):
            for _ in range(20_000):
                total += i
        return total + sum(untouched(5))


    def generator(n):
        for i in range(n):
            # Long beside the probe of a resumption.
            for _ in range(200):
                pass
            yield leaf(i)


    def top(n):
        return work(n) + sum(generator(3))
    """
HEAD = (
    BASE.replace("range(20_000)", "range(200)")
    .replace("yield leaf(i)", "yield added(i)")
    .replace("def top", "def added(n):\n        return leaf(n)\n\n\n    def top")
)
PROJECT = {
    "pkg/__init__.py": "",
    "pkg/core.py": BASE,
    "benchmarks/test_b.py": "from pkg.core import top\n\n\ndef test_top(benchmark):\n    benchmark(top, 10)\n",
}


# The clock of counted workers.
NS_PER_LINE = 30_000


def length_ns(comparison, side):
    base = comparison["base"]["median_ns"]
    return base if side == "base" else base * comparison["estimate"]["point_estimate"]


def self_ns(row, side):
    return (row[side] or {}).get("self_ns") or 0


def test_a_planted_speedup_and_its_cause_are_found_on_every_version(repository, compare, interpreter):
    repository.commit(PROJECT)
    repository.commit({"pkg/core.py": HEAD})
    outcome = compare("HEAD^", "HEAD", "--python", interpreter, replicates=4)
    assert outcome.code == 0, outcome.err
    assert outcome.targets() == {"work": "modified", "generator": "modified", "added": "added"}
    report = outcome.report
    assert report["python"]["base"] == report["python"]["head"]
    assert os.path.samefile(report["python"]["base"]["path"], interpreter)
    assert report["revisions"]["head"]["commit"] == repository.git("rev-parse", "HEAD")
    (comparison,) = report["comparisons"]
    assert comparison["verdict"] == "improved"
    # Head's loops run less than 5 % of base's rounds.
    assert comparison["estimate"]["point_estimate"] < 0.5
    rows = {row["name"]: row for row in comparison["functions"]}
    assert set(rows) == {"work", "generator", "added"}
    assert (rows["work"]["base"]["calls"], rows["work"]["head"]["calls"]) == (1, 1)
    assert (rows["generator"]["base"]["calls"], rows["generator"]["head"]["calls"]) == (1, 1)
    assert rows["added"]["base"] is None
    assert rows["added"]["head"]["calls"] == 3
    assert rows["work"]["estimate"]["point_estimate"] < 0.5
    for side in ("base", "head"):
        whole = length_ns(comparison, side)
        work = rows["work"][side]
        assert 0.3 < work["share"] < 1.1
        assert work["total_ns"] == pytest.approx(work["share"] * whole)
        assert work["self_ns"] == pytest.approx(work["total_ns"])
    change = length_ns(comparison, "head") - length_ns(comparison, "base")
    assert abs(comparison["unexplained_ns"]) < 0.5 * abs(change)
    version = tuple(map(int, outcome.report["python"]["head"]["version"].split(".")[:2]))
    if version >= (3, 12):
        assert rows["generator"]["base"]["total_ns"] > 0
        assert rows["generator"]["note"] is None
    else:
        assert rows["generator"]["base"]["total_ns"] is None
        assert rows["generator"]["note"] == "calls_only"
    summary = {row["name"]: row for row in outcome.report["summary"]["functions"]}
    assert summary.keys() == rows.keys()
    # Processes start slowly on a busy machine.
    assert set(outcome.warnings()) <= {"expensive_setup"}


@pytest.mark.counted
def test_all_of_a_change_is_explained_by_what_changed(repository, compare):
    def shorter(code):
        for loop, rounds in {"range(20_000)": 50, "range(200)": 20, "range(1000)": 10}.items():
            code = code.replace(loop, f"range({rounds})")
        return code

    repository.commit({**PROJECT, "pkg/core.py": shorter(BASE)})
    repository.commit({"pkg/core.py": shorter(HEAD)})
    outcome = compare("HEAD^", "HEAD")
    (comparison,) = outcome.report["comparisons"]
    rows = {row["name"]: row for row in comparison["functions"]}
    # Two lines for each round.
    fewer = 10 * 2 * (50 - 20)
    work = {side: rows["work"][side]["total_ns"] / NS_PER_LINE for side in ("base", "head")}
    assert work["base"] - work["head"] == pytest.approx(fewer, rel=0.02)
    assert rows["work"]["estimate"]["point_estimate"] == pytest.approx(work["head"] / work["base"], rel=0.02)
    # `added` has a line of its own, in three calls.
    change = (length_ns(comparison, "head") - length_ns(comparison, "base")) / NS_PER_LINE
    assert change == pytest.approx(3 - fewer, rel=0.02)
    # Without a generator's time, what head moved out of it would be missing: some 70 lines.
    assert abs(comparison["unexplained_ns"]) / NS_PER_LINE < 0.02 * fewer


def test_every_function_is_profiled_when_asked(repository, deadheat_command, oldest_and_newest):
    repository.commit(PROJECT)
    repository.commit({"pkg/core.py": HEAD})
    run = ("compare", "HEAD^", "HEAD", "--profile", "--replicates", 3, "--python", oldest_and_newest)
    outcome = deadheat_command(*run, "-o", "report.json")
    assert outcome.code == 0, outcome.err
    (comparison,) = json.loads((repository.folder / "report.json").read_text())["comparisons"]
    rows = {row["name"]: row for row in comparison["profile"]}
    assert {"top", "work", "untouched", "leaf", "generator"} <= rows.keys()
    assert rows["leaf"]["base"]["calls"] == 8
    assert rows["leaf"]["change"] is None
    assert rows["work"]["change"] == "modified"
    own_changes = [abs(self_ns(row, "head") - self_ns(row, "base")) for row in comparison["profile"]]
    assert own_changes == sorted(own_changes, reverse=True)
    assert all(max(row[side]["share"] for side in ("base", "head") if row[side]) >= 0.01 for row in rows.values())
    for words in (
        "Changed functions, over all measured benchmarks",
        "the changed functions explain",
        "All functions, over all measured benchmarks",
    ):
        assert words in outcome.out


def test_spawned_children_run_as_they_do_without_us_and_are_measured(repository, compare, oldest_and_newest):
    repository.commit(
        {
            "pkg/__init__.py": "",
            "pkg/core.py": CORE,
            "benchmarks/test_b.py": """\
                import multiprocessing

                from pkg import core


                def spawn():
                    process = multiprocessing.get_context("spawn").Process(target=core.in_child, args=(0,))
                    process.start()
                    process.join()
                    assert process.exitcode == 0


                def test_spawn(benchmark):
                    benchmark.pedantic(spawn)


                def test_nothing(benchmark):
                    benchmark(sum, [1, 2])
                """,
        }
    )
    repository.commit({"pkg/core.py": changed("in_child")})
    outcome = compare("HEAD^", "HEAD", "--python", oldest_and_newest, replicates=2)
    assert outcome.code == 0, outcome.err
    assert set(outcome.verdicts()) == {"test_spawn"}
    assert outcome.missing() == {"test_nothing": ("not_reached", None)}


@pytest.mark.counted
@pytest.mark.parametrize("is_imported", [True, False])
def test_a_value_that_nothing_reads_reaches_everything_where_it_is_imported(repository, compare, is_imported):
    imports = "from pkg import settings\n" if is_imported else ""
    repository.commit({**PROJECT, "pkg/__init__.py": imports, "pkg/settings.py": "LIMIT = 1\n"})
    repository.commit({"pkg/settings.py": "LIMIT = 2\n"})
    outcome = compare("HEAD^", "HEAD", "--dry-run")
    assert outcome.targets() == {}
    if is_imported:
        assert outcome.report["selection"]["rule"] == "all"
        assert "`pkg/settings.py` gives `LIMIT` another value" in outcome.report["selection"]["reason"]
    else:
        assert outcome.report["selection"]["rule"] == "nothing_changed"


def test_code_that_bypasses_the_watch_is_never_called_not_reached(repository, compare, oldest_and_newest):
    repository.commit(
        {
            "pkg/__init__.py": "",
            "pkg/script.py": "def work():\n    return 1\n\n\nwork()\n",
            "benchmarks/test_b.py": """\
                import runpy

                import pkg


                def test_script(benchmark):
                    benchmark(runpy.run_path, pkg.__path__[0] + "/script.py")


                def test_nothing(benchmark):
                    benchmark(sum, [1, 2])
                """,
        }
    )
    repository.commit({"pkg/script.py": "def work():\n    return 1 + 1\n\n\nwork()\n"})
    outcome = compare("HEAD^", "HEAD", "--dry-run", "--python", oldest_and_newest)
    assert outcome.report["plan"]["benchmarks"] == ["benchmarks/test_b.py::test_script"]


BENCHMARK = """\
    from pkg.core import work


    def test_work(benchmark):
        benchmark(work)
    """
READS = "import pathlib\n\n\ndef work():\n    return pathlib.Path(__file__).parents[1].joinpath({name}).exists()\n"


@pytest.mark.counted
@pytest.mark.parametrize(
    ("core", "path"),
    [
        (READS.format(name="'assets', 'table.json'"), "assets/table.json"),
        (READS.format(name="'pkg', 'text.md'"), "pkg/text.md"),
        ("from tools.helper import work\n", "tools/helper.py"),
    ],
)
def test_what_the_code_has_the_name_of_may_change_it(repository, compare, core, path):
    files = {"pkg/__init__.py": "", "pkg/core.py": core, "benchmarks/test_usual.py": BENCHMARK}
    other = {"README.md": "a\n", "docs/conf.py": "a = 1\n", ".github/settings.json": "1\n", "unnamed.json": "1\n"}
    helper = "def work():\n    return {}\n"
    repository.commit({**files, **other, path: helper.format(1)})
    repository.commit({name: f"{text}\n" for name, text in other.items()})
    repository.commit({path: helper.format(2)})
    outcome = compare("HEAD^^", "HEAD^", "--dry-run")
    assert outcome.report["selection"]["rule"] == "nothing_changed"
    outcome = compare("HEAD^", "HEAD", "--dry-run")
    assert outcome.report["selection"]["rule"] == "all"
    assert f"`{path}`" in outcome.report["selection"]["reason"]
    assert f"no function changed, but `{path}`" in outcome.err


@pytest.mark.counted
def test_a_link_that_leads_elsewhere_may_change_everything(repository, compare):
    slow, fast = ("def work():\n    return sum(range(1000))\n", "def work():\n    return 499500\n")
    files = {"pkg/__init__.py": "", "pkg/one.py": slow, "pkg/two.py": fast, "benchmarks/test_usual.py": BENCHMARK}
    core = repository.folder / "pkg" / "core.py"
    core.parent.mkdir()
    core.symlink_to("one.py")
    repository.commit(files)
    core.unlink()
    core.symlink_to("two.py")
    repository.commit({})
    outcome = compare("HEAD^", "HEAD", "--dry-run")
    assert outcome.report["selection"]["reason"].startswith("every benchmark: `pkg/core.py` is a link")


@pytest.mark.counted
def test_a_link_beside_the_code_is_read_like_a_file_and_may_be_a_folder(repository, compare):
    files = {"pkg/__init__.py": "", "pkg/core.py": "def work():\n    return 1\n", "benchmarks/test_usual.py": BENCHMARK}
    repository.commit({**files, "changes/1.rst": "first", "changes/2.rst": "second", "v1/a.txt": "", "v2/a.txt": ""})
    for name, target in (("changes/latest.rst", "1.rst"), ("data", "v1")):
        (repository.folder / name).symlink_to(target)
    base = repository.commit({})

    def reason_after(name, target):
        link = repository.folder / name
        link.unlink()
        link.symlink_to(target)
        head = repository.commit({})
        return compare(base, head, "--dry-run").report["selection"]["reason"]

    assert reason_after("changes/latest.rst", "2.rst") == "no code that a benchmark could run differs"
    assert reason_after("data", "v2").startswith("every benchmark: `data` is a link")


REGISTERED = """\
    from dataclasses import dataclass, field

    KINDS = {}
    LIMIT = %s


    def register(kind):
        KINDS[kind.__name__] = kind
        return kind


    @register
    @dataclass
    class Point:
        places: list = field(default_factory=lambda: [0] * %s)


    def cap():
        return LIMIT


    def work():
        from pkg.late import work

        return work(), KINDS
    """
LATE = "from pkg.core import LIMIT\n\n\ndef work():\n    return range(LIMIT)\n"


@pytest.mark.counted
@pytest.mark.parametrize(
    ("limit", "places", "targets"),
    [
        # The limit is read by a module that is imported when the benchmark runs.
        (2, 1, {"work": "affected"}),
        # The class is found through a registry.
        (1, 2, {"register": "affected", "work": "affected"}),
    ],
)
def test_what_is_read_on_other_ways_than_by_its_name(repository, compare, limit, places, targets):
    files = {"pkg/__init__.py": "", "pkg/late.py": LATE, "benchmarks/test_usual.py": BENCHMARK}
    repository.commit({**files, "pkg/core.py": REGISTERED % (1, 1)})
    repository.commit({"pkg/core.py": REGISTERED % (limit, places)})
    outcome = compare("HEAD^", "HEAD", "--dry-run")
    assert outcome.report["plan"]["benchmarks"] == ["benchmarks/test_usual.py::test_work"]
    assert outcome.targets() == targets


@pytest.mark.counted
def test_stubs_and_what_only_comments_name_are_not_read(repository, compare):
    core = "# See LICENSE.\nimport os\n\n\ndef work():\n    return os.path.join('pkg', 'x')\n"
    files = {"pkg/__init__.py": "", "pkg/core.py": core, "benchmarks/test_usual.py": BENCHMARK}
    repository.commit({**files, "pkg/core.pyi": "def work(): ...\n", "LICENSE": "1\n"})
    repository.commit({"pkg/core.pyi": "def work() -> str: ...\n", "LICENSE": "2\n"})
    outcome = compare("HEAD^", "HEAD", "--dry-run")
    assert outcome.report["selection"]["rule"] == "nothing_changed", outcome.err
