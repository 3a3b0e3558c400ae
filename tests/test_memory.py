"""`compare --memory`: peaks and allocations by memray, with the usual verdicts."""

import sys

from conftest import short
from test_formats import validate

CODE = """\
    def squares(n):
        return sum([i * i for i in range(n)])


    def keeps(n):
        return len([bytes(100) for _ in range(n)])
    """
LAZY = CODE.replace("[i * i for i in range(n)]", "i * i for i in range(n)")
BENCHMARKS = """\
    from pkg.core import keeps, squares


    def test_squares(benchmark):
        assert benchmark(squares, 2000) > 0


    def test_keeps(benchmark):
        assert benchmark.pedantic(keeps, args=(2000,), rounds=3) == 2000
    """


def resources(outcome):
    return {(short(row["benchmark"]), row["resource"]): row for row in outcome.report["resources"]}


def test_a_change_in_memory_is_called_by_the_usual_words(repository, compare, deadheat_command, memray_python):
    repository.commit_both(CODE, LAZY, BENCHMARKS)
    outcome = compare("HEAD^", "HEAD", "--memory", "--all", "--python", memray_python)
    assert outcome.code == 0, outcome.err
    rows = resources(outcome)
    assert len(rows) == 4
    assert rows["test_squares", "peak_memory"]["verdict"] == "improved"
    assert rows["test_keeps", "peak_memory"]["verdict"] == "unchanged"
    assert rows["test_keeps", "allocations"]["verdict"] == "unchanged"
    # At least a list of 2,000 pointers against none; 2,000 objects of 100 bytes, and the numbers counted meanwhile.
    squares, keeps = rows["test_squares", "peak_memory"], rows["test_keeps", "peak_memory"]
    assert squares["median"]["base"] > 16_000 > squares["median"]["head"]
    assert 200_000 < keeps["median"]["base"] < 500_000
    assert 2_000 <= rows["test_keeps", "allocations"]["median"]["head"] < 3_900
    # The stored report gives the same.
    stored = repository.folder / "r.json"
    stored.write_text(outcome.out)
    again = validate(deadheat_command("report", stored, "--json", "--samples").report)
    assert {**again, "next": None} == {**validate(outcome.report), "next": None}


def test_memory_can_change_without_a_function(repository, compare, memray_python):
    code = """\
        from pathlib import Path


        def load():
            return len(Path(__file__).with_name("words.txt").read_text().split())
        """
    benchmark = """\
        from pkg.core import load


        def test_load(benchmark):
            assert benchmark(load) > 0
        """
    repository.commit(
        {
            "pkg/__init__.py": "",
            "pkg/core.py": code,
            "pkg/words.txt": "word " * 10_000,
            "benchmarks/test_b.py": benchmark,
        }
    )
    repository.commit({"pkg/words.txt": "word " * 1_000})
    outcome = compare("HEAD^", "HEAD", "--memory", "--python", memray_python)
    assert outcome.code == 0, outcome.err
    assert resources(outcome)["test_load", "peak_memory"]["verdict"] == "improved"


def test_an_interpreter_without_memray_is_said_before_anything_is_measured(repository, compare):
    repository.commit_both(CODE, LAZY, BENCHMARKS)
    outcome = compare("HEAD^", "HEAD", "--memory", "--python", sys.executable)
    assert outcome.code == 2
    assert "cannot import memray" in outcome.err
    assert "-m pip install memray" in outcome.err
