"""Suites as people write them: hidden benchmarks, guards, their own options, ids that change."""

from conftest import WORK, WORK_FROM_FILE

SLOW, FAST = WORK.format(times=30), WORK.format(times=1)
ODD = """\
    import pytest
    from pkg.core import work


    @pytest.fixture
    def timed(request):
        return request.getfixturevalue("benchmark")


    def test_asked_for(request):
        request.getfixturevalue("benchmark")(work, 500)


    @pytest.mark.benchmark(group="odd")
    def test_asked_for_in_a_fixture(timed):
        timed(work, 500)


    def test_many_long_rounds(benchmark):
        calls = []

        # Some milliseconds, of which no process can spend a thousand.
        benchmark.pedantic(lambda: calls.append(sum(range(300_000))), rounds=1000)
        assert 2 <= len(calls) < 1000
    """


def test_benchmarks_that_are_hard_to_see(repository, compare):
    files = {"pkg/__init__.py": "", "pkg/core.py": WORK_FROM_FILE, "pkg/times": "30", "benchmarks/test_b.py": ODD}
    files["benchmarks/test_skipped.py"] = 'import pytest\n\npytest.importorskip("not_there")  # for a benchmark\n'
    repository.commit(files)
    repository.commit({"pkg/times": "1"})
    outcome = compare("HEAD^", "HEAD", "--all")
    assert outcome.code == 0, outcome.err
    # One benchmark does not call the changed code.
    assert outcome.clearly_faster() == {"test_asked_for", "test_asked_for_in_a_fixture"}
    assert set(outcome.verdicts()) == {"test_asked_for", "test_asked_for_in_a_fixture", "test_many_long_rounds"}
    assert [(row["benchmark"], row["reason"]) for row in outcome.report["missing"]] == [
        ("benchmarks/test_skipped.py", "skipped")
    ]


GUARDED = {
    "pyproject.toml": """\
        [tool.pytest.ini_options]
        addopts = "--doctest-modules -p speed"
        faulthandler_timeout = 0.2
        """,
    "pkg/__init__.py": "",
    "pkg/core.py": WORK.format(times=20),
    # Another plugin with a fixture of the same name.
    "speed.py": """\
        import pytest


        @pytest.fixture(scope="session")
        def benchmark():
            return lambda function, *arguments: function(*arguments)
        """,
    "benchmarks/conftest.py": """\
        import sys

        import pytest

        FOR_BENCHMARKS = "--benchmark-only" in sys.argv


        def pytest_collection_modifyitems(config, items):
            if config.option.markexpr != "benchmark":
                for item in items:
                    item.add_marker(pytest.mark.skip(reason="only with -m benchmark"))


        @pytest.fixture
        def asked_for(request):
            manager = request.config.pluginmanager
            if not (
                FOR_BENCHMARKS
                and request.config.getoption("--codspeed")
                and not request.config.getoption("--benchmark-disable")
                and "benchmark" in request.config.getoption("-m")
                and manager.hasplugin("benchmark")
                and manager.hasplugin("codspeed")
            ):
                pytest.skip("benchmarks are not asked for")
        """,
    "benchmarks/test_gates.py": """\
        import sys

        import pytest

        from pkg.core import work

        if "--codspeed" not in sys.argv:
            pytest.skip("run with --codspeed", allow_module_level=True)


        def test_gate(asked_for, benchmark):
            benchmark(work, 200)
        """,
    "benchmarks/test_patched.py": """\
        import json
        import os

        import pytest

        from pkg.core import work


        def refuse(*arguments, **keywords):
            raise OSError("disk full")


        @pytest.mark.parametrize(
            ("module", "name"), [(os, "getpid"), (os, "write"), (os, "_exit"), (json, "dumps"), (json, "loads")]
        )
        def test_patched(benchmark, monkeypatch, module, name):
            monkeypatch.setattr(module, name, refuse)
            benchmark(work, 200)
        """,
    "benchmarks/data/a.txt": "200",
    "benchmarks/test_paths.py": """\
        from pathlib import Path

        import pytest

        from pkg.core import work

        FILES = sorted(map(str, Path(__file__).with_name("data").glob("*.txt")))


        @pytest.mark.parametrize("path", FILES, ids=FILES)
        def test_file(benchmark, path):
            benchmark(work, int(Path(path).read_text()))
        """,
    "benchmarks/test_uncollected.py": "import nothere\n",
    "benchmarks/test_broken.py": """\
        def test_broken(benchmark):
            raise ValueError("boom")
        """,
}


def test_suites_that_are_guarded_or_patch_the_world_are_measured(repository, compare, oldest_and_newest, tmp_path):
    script = f"open({str(tmp_path / 'imported')!r}, 'a').write('x')\n"
    repository.commit({**GUARDED, "benchmarks/regenerate.py": script})
    repository.commit({"pkg/core.py": WORK.format(times=1)})
    environment = {"FORCE_COLOR": "1", "PY_COLORS": "1", "PYTHONPATH": "."}
    outcome = compare("HEAD^", "HEAD", "--python", oldest_and_newest, environment=environment)
    replaced = ("os-getpid", "os-write", "os-_exit", "json-dumps", "json-loads")
    patched = {f"test_patched[{name}]" for name in replaced}
    assert outcome.clearly_faster() == {"test_gate", "test_file[benchmarks/data/a.txt]", *patched}, outcome.err
    broken, uncollected = sorted(outcome.report["missing"], key=lambda row: row["benchmark"])
    assert "ValueError: boom" in broken["message"]
    assert "E   ModuleNotFoundError: No module named 'nothere'" in uncollected["message"]
    assert "\x1b" not in broken["message"] + uncollected["message"]
    assert "\x1b" not in outcome.out + outcome.err
    assert not (tmp_path / "imported").exists()


RANDOM_IDS = """\
    import uuid

    import pytest

    from pkg.core import work


    @pytest.mark.parametrize("size", [100, 200], ids=lambda size: str(uuid.uuid4()))
    def test_random(benchmark, size):
        benchmark(work, size)
    """


def test_ids_that_change_from_process_to_process_are_told(repository, compare, deadheat_command):
    plain = "from pkg.core import work\n\ndef test_plain(benchmark):\n    benchmark(work, 100)\n"
    suite = {"benchmarks/test_random.py": RANDOM_IDS, "benchmarks/test_plain.py": plain}
    repository.commit({"pkg/__init__.py": "", "pkg/core.py": SLOW, **suite})
    repository.commit({"pkg/core.py": FAST})
    plan = compare("HEAD^", "HEAD", "--dry-run").report
    assert plan["plan"]["benchmarks"] == ["benchmarks/test_plain.py::test_plain"]
    messages = {row["message"] for row in plan["missing"]}
    assert len(messages) == 1
    assert messages.pop().startswith("its id changes from process to process")
    plain = compare("HEAD^", "HEAD", "-k", "plain", "--dry-run").report
    assert "deselected" in {row["code"] for row in plain["warnings"]}
    assert plain["selection"]["reason"] == "every selected benchmark, because each may run the change"
    alone = deadheat_command("compare", "HEAD^", "HEAD", "-k", "random", "--replicates", "2")
    assert alone.code == 3
    assert "the ids of parameters change from process to process" in alone.err


OPTION_OF_ITS_OWN = """\
    import pytest


    def pytest_addoption(parser):
        parser.addoption("--run-slow", action="store_true")


    def pytest_collection_modifyitems(config, items):
        if not config.getoption("--run-slow"):
            for item in items:
                item.add_marker(pytest.mark.skip(reason="needs --run-slow"))
    """


def test_arguments_for_pytest_come_from_the_command_line_and_the_configuration(repository, compare):
    suite = "from pkg.core import work\n\ndef test_work(benchmark):\n    benchmark(work, 100)\n"
    files = {"conftest.py": OPTION_OF_ITS_OWN, "benchmarks/test_b.py": suite}
    repository.commit({"pkg/__init__.py": "", "pkg/core.py": SLOW, **files})
    repository.commit({"pkg/core.py": FAST})
    skipped = compare("HEAD^", "HEAD")
    assert [row["message"] for row in skipped.report["missing"]] == ["Skipped: needs --run-slow"]
    hints = [row["hint"] for row in skipped.report["warnings"] if row["code"] == "nothing_measured"]
    assert hints == ["--pytest-arg=--run-slow gives pytest that option, on both sides"]
    plan = compare("HEAD^", "HEAD", "--dry-run").report
    assert (plan["plan"]["benchmarks"], [row["reason"] for row in plan["missing"]]) == ([], ["skipped"])
    plan = compare("HEAD^", "HEAD", "--dry-run", "--pytest-arg=--run-slow").report
    assert plan["plan"]["benchmarks"] == ["benchmarks/test_b.py::test_work"]
    assert plan["settings"]["pytest_args"] == ["--run-slow"]
    repository.write({"pyproject.toml": "[tool.deadheat]\npytest-args = ['--run-slow']\n"})
    assert compare("HEAD^", "HEAD").clearly_faster() == {"test_work"}


def test_files_without_a_benchmark_that_is_measured_are_imported_once(repository, compare, tmp_path):
    log = tmp_path / "log"
    beside = f"""\
        with open({str(log)!r}, "a") as log:
            log.write("imported\\n")


        def test_nothing():
            pass
        """
    benchmark = "from pkg.core import work\n\n\ndef test_work(benchmark):\n    benchmark(work, 10)\n"
    files = {"pkg/__init__.py": "", "pkg/core.py": SLOW, "benchmarks/test_b.py": benchmark}
    repository.commit({**files, "benchmarks/test_beside.py": beside})
    repository.commit({"pkg/core.py": FAST})
    outcome = compare("HEAD^", "HEAD")
    assert outcome.clearly_faster() == {"test_work"}
    # Once on each side, when the benchmarks are collected.
    assert log.read_text().splitlines() == ["imported"] * 2
