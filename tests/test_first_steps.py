"""What a newcomer does first, and what goes wrong then: the message says what to do."""

import subprocess
import sys

import pytest

from conftest import WORK

pytestmark = [pytest.mark.counted, pytest.mark.quick]
SLOW, FAST = WORK.format(times=20), WORK.format(times=1)
BENCHMARK = """\
    from pkg.core import work


    def test_work(benchmark):
        benchmark(work, 200)
    """


@pytest.fixture
def project(repository):
    repository.commit({"pkg/__init__.py": "", "pkg/core.py": SLOW, "benchmarks/test_work.py": BENCHMARK})
    return repository


def test_a_single_commit_points_to_the_working_tree(project, deadheat_command):
    outcome = deadheat_command("compare")
    assert (outcome.code, "no commit before it" in outcome.err, "--working-tree" in outcome.err) == (2, True, True)


def test_benchmarks_that_are_not_committed_are_named(repository, compare):
    repository.commit({"pkg/__init__.py": "", "pkg/core.py": SLOW})
    repository.commit({"pkg/core.py": FAST})
    repository.write({"benchmarks/test_work.py": BENCHMARK})
    outcome = compare("HEAD^", "HEAD")
    assert (outcome.code, "`benchmarks` is in your working tree, but not committed" in outcome.err) == (3, True)


def test_bytecode_is_not_data_that_the_code_may_read(project, compare):
    bytecode = "pkg/__pycache__/core.cpython-311.pyc"
    project.write({"pkg/core.py": FAST, bytecode: ""})
    assert bytecode in project.git("ls-files", "--others", "--exclude-standard")
    selection = compare("--working-tree", "--dry-run").report["selection"]
    assert "pycache" not in (selection["reason"] or "")


@pytest.mark.real
def test_an_environment_of_the_project_without_pytest_is_named(project, compare):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", project.folder / ".venv"], check=True)
    project.commit({".gitignore": ".venv\n", "pkg/core.py": FAST})
    outcome = compare("HEAD^", "HEAD", "--dry-run", environment={"VIRTUAL_ENV": ""})
    assert outcome.code == 0, outcome.err
    assert ".venv/bin/python: it cannot import pytest" in outcome.err
    assert f"running with {sys.executable}" in outcome.err
