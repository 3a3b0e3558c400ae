"""The finder of changed functions against CPython's own trees: a small part of `make finder-proof`."""

import json
import subprocess
import sys
import textwrap

import pytest

from conftest import INTERPRETERS, ROOT


@pytest.fixture(autouse=True)
def oracle():
    newest = max(INTERPRETERS, key=lambda version: int(version.partition(".")[2]))
    if int(newest.partition(".")[2]) < 12:
        pytest.skip("the oracle needs Python 3.12 or later")


def prove(folder, *arguments):
    command = [sys.executable, ROOT / "bench" / "finder", "--quick", "--work", folder, *arguments]
    completed = subprocess.run([str(each) for each in command], capture_output=True, text=True, check=False)
    assert completed.returncode in (0, 1), completed.stderr
    return completed, json.loads((folder / "results.json").read_text())


@pytest.mark.parametrize(
    ("every", "functions", "edits", "targets"),
    [
        pytest.param(60, 50, 60, 2, id="short"),
        pytest.param(10, 500, 300, 10, id="long", marks=pytest.mark.long),
    ],
)
def test_functions_and_changes_are_those_of_cpython(finder_program, tmp_path, every, functions, edits, targets):
    """Uses one file in `every`; must compare more than `functions` functions and `targets` targets of each kind."""
    options = ("--every", every, "--edits", edits, "--finder", finder_program)
    completed, results = prove(tmp_path, "structure", "changes", *options)
    assert completed.returncode == 0, completed.stdout
    assert results["structure"]["disagreements"] == results["changes"]["disagreements"] == 0
    assert results["structure"]["counts"]["functions of files as they are"] > functions
    assert results["structure"]["counts"]["files refused"] > 0
    assert results["changes"]["counts"]["edits"] >= edits
    for change in ("added", "modified", "moved", "removed"):
        assert results["changes"]["counts"][f"targets: {change}"] > targets


@pytest.mark.parametrize(
    ("proof", "mistake"),
    [
        ("structure", "answer['functions'] = [[name, first, last + 1] for name, first, last in answer['functions']]"),
        ("structure", "del answer['functions'][:1]"),
        ("changes", "del answer['changes']['targets'][:1]"),
        pytest.param(
            "changes",
            "[target.update(change='added') for target in answer['changes']['targets']]",
            marks=pytest.mark.long,
        ),
        ("changes", "answer['changes']['outside'].clear()"),
    ],
)
def test_a_finder_that_errs_is_found_out(finder_program, tmp_path, proof, mistake):
    liar = tmp_path / "liar"
    liar.write_text(
        textwrap.dedent(
            f"""\
            #!{sys.executable}
            import json, subprocess, sys
            finder = subprocess.Popen([{str(finder_program)!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            for question in sys.stdin.buffer:
                finder.stdin.write(question)
                finder.stdin.flush()
                answer = json.loads(finder.stdout.readline())
                if {"functions" if proof == "structure" else "changes"!r} in answer:
                    {mistake}
                print(json.dumps(answer), flush=True)
            """
        )
    )
    liar.chmod(0o755)
    completed, results = prove(tmp_path, proof, "--every", "150", "--edits", "20", "--finder", liar)
    assert completed.returncode == 1
    assert results[proof]["disagreements"] > 0


@pytest.mark.parametrize("unit", ["(", "[", "-", "not ", "1+", "a.", "lambda:", "f'{", "f'{a:{", "a if a else ", "*"])
def test_deeply_nested_sources_take_no_more_memory_than_others(finder_program, unit):
    source = "def f():\n    return " + unit * (500_000 // len(unit))
    questions = [
        {"functions": source},
        {"compare": [{"path": "a.py", "base": "", "head": source}]},
    ]
    with subprocess.Popen([finder_program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as finder:
        for question in questions:
            finder.stdin.write(json.dumps(question).encode() + b"\n")
            finder.stdin.flush()
            answer = json.loads(finder.stdout.readline())
            assert "refused" in (answer.get("changes") or answer), answer
        most = peak(finder.pid)
    assert finder.returncode == 0
    assert most is None or most < 100 << 20


def peak(process):
    """Returns a running process's peak memory in bytes; None without /proc. `getrusage` would start from ours."""
    try:
        with open(f"/proc/{process}/status") as status:
            lines = [line.split() for line in status if line.startswith("VmHWM:")]
    except FileNotFoundError:
        return None
    return int(lines[0][1]) << 10
