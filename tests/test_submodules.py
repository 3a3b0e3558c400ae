"""Submodules, which are there on both sides and stay as they are in the user's checkout."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from installing import BENCHMARK, FAST, SLOW

pytestmark = pytest.mark.counted


@pytest.fixture
def with_submodule(repository, tmp_path):
    """A project whose code is in a submodule, which head moves."""
    library = type(repository)(tmp_path / "library")
    library.commit({"__init__.py": "", "core.py": SLOW})
    repository.git("submodule", "--quiet", "add", str(library.folder), "pkg")
    repository.commit({"benchmarks/test_b.py": BENCHMARK})
    library.commit({"core.py": FAST})
    repository.git("-C", "pkg", "pull", "--quiet")
    repository.commit({})
    return repository, library


def test_submodules_are_there_on_both_sides_and_the_users_own_are_not_touched(with_submodule, compare):
    repository, _ = with_submodule
    before = repository.state()
    outcome = compare("HEAD^", "HEAD")
    assert outcome.code == 0, outcome.err
    assert outcome.verdicts() == {"test_work": "improved"}
    assert outcome.targets() == {"work": "modified"}
    assert outcome.report["target_functions"][0]["path"] == "pkg/core.py"
    assert repository.state() == before
    assert len(repository.git("worktree", "list").splitlines()) == 1
    repository.git("submodule", "--quiet", "deinit", "--force", "pkg")
    assert compare("HEAD^", "HEAD", "--dry-run").code == 0


def test_a_commit_of_a_submodule_that_is_not_here_is_fetched_only_when_asked(with_submodule, compare, tmp_path):
    repository, library = with_submodule
    clone = tmp_path / "clone"
    repository.git("clone", "--quiet", "--recurse-submodules", str(repository.folder), str(clone))
    moved = library.commit({"core.py": SLOW})
    in_clone = ("-C", str(clone))
    repository.git(*in_clone, "update-index", "--cacheinfo", f"160000,{moved},pkg")
    repository.git(*in_clone, "commit", "--quiet", "--message", "moved")
    outcome = compare("HEAD^", "HEAD", folder=clone)
    assert outcome.code == 2
    assert "your checkout of it lacks that commit" in outcome.err
    assert "--fetch" in outcome.err
    outcome = compare("HEAD^", "HEAD", "--fetch", folder=clone)
    assert outcome.code == 0, outcome.err
    assert outcome.verdicts() == {"test_work": "regressed"}
    subprocess.run(["git", "-C", clone / "pkg", "cat-file", "-e", moved], check=False)
    assert subprocess.run(
        ["git", "-C", clone / "pkg", "cat-file", "-e", moved], check=False, capture_output=True
    ).returncode


def test_what_is_built_in_a_submodule_is_kept_too(with_submodule, compare):
    repository, _ = with_submodule
    core = "import made\n\n\ndef work(n):\n    return made.work(n)\n"
    repository.commit({"app.py": core, "benchmarks/test_c.py": BENCHMARK.replace("pkg.core", "app")})
    repository.commit({"app.py": core + "\n"})
    build = "echo 'def work(n): return n' > pkg/made.py"
    search_path = ("--all", "--build", f"{build}; cp pkg/made.py .", "-k", "work", "--replicates", 2, "-v")
    for is_built in (True, False):
        outcome = compare("HEAD^", "HEAD", *search_path, "--keep")
        assert outcome.code == 0, outcome.err
        assert ("building" in outcome.err) == is_built
        bases = [
            shlex.split(line)[1] for line in outcome.err.splitlines() if line.startswith("  cd") and "/base" in line
        ]
        assert (Path(bases[0]) / "pkg" / "made.py").exists()
    subprocess.run([sys.executable, "-m", "deadheat", "clean"], cwd=repository.folder, check=True, capture_output=True)


def test_uncommitted_changes_in_a_submodule_are_refused(with_submodule, compare):
    repository, _ = with_submodule
    (repository.folder / "pkg" / "core.py").write_text("def work(n):\n    return 1\n")
    outcome = compare("--working-tree")
    assert (outcome.code, "the submodule `pkg` has uncommitted changes" in outcome.err) == (2, True)


@pytest.fixture
def two_sided(repository, tmp_path):
    theme = type(repository)(tmp_path / "theme")
    commit = theme.commit({"theme.css": ""})
    repository.commit({"pkg/__init__.py": "", "pkg/core.py": SLOW, "benchmarks/test_b.py": BENCHMARK})
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{commit},docs/theme")
    repository.git("commit", "--quiet", "--message", "theme")
    repository.write({"pkg/core.py": FAST})
    repository.git("commit", "--quiet", "--all", "--message", "fast")
    return repository


def test_a_submodule_that_nobody_needs_is_no_error(two_sided, compare):
    outcome = compare("HEAD^", "HEAD")
    assert outcome.code == 0, outcome.err
    assert "submodule_missing" in outcome.warnings()
    assert outcome.verdicts() == {"test_work": "improved"}
