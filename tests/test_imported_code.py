"""The measured code is the worktree's, whatever is installed in the environment."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.counted


def editable_environment(folder, checkout):
    """Makes a virtual environment with pytest and a path file as `pip install -e` leaves it."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    site = next((folder / "lib").glob("python*")) / "site-packages"
    own = Path(pytest.__file__).parent.parent
    (site / "own.pth").write_text(f"{own}\n")
    (site / "__editable__.thing.pth").write_text(f"{checkout}\n")
    return folder / "bin" / "python"


@pytest.fixture
def source_layout(repository):
    """A project under `src`, whose head is some 400 times faster."""
    benchmark = "from thing import work\n\n\ndef test_work(benchmark):\n    benchmark(work)\n"
    work = "def work():\n    for _ in range({}):\n        pass\n"
    repository.commit({"src/thing/__init__.py": work.format(40_000), "benchmarks/test_b.py": benchmark})
    repository.commit({"src/thing/__init__.py": work.format(100)})
    return repository


@pytest.mark.real
def test_an_editable_install_gives_way_to_the_worktrees(source_layout, compare, tmp_path):
    python = editable_environment(tmp_path / "env", source_layout.folder / "src")
    outcome = compare("HEAD^", "HEAD", "--python", python)
    assert outcome.code == 0, outcome.err
    assert outcome.report["comparisons"][0]["estimate"]["point_estimate"] < 1 / 100


def test_a_broken_import_path_is_an_error_and_not_a_number(source_layout, compare, tmp_path):
    python = editable_environment(tmp_path / "env", source_layout.folder / "src")
    checkout = source_layout.folder / "src"
    conftest = f"import sys\nsys.path.insert(0, {str(checkout)!r})\n"
    source_layout.commit({"benchmarks/conftest.py": conftest})
    outcome = compare("HEAD^^", "HEAD", "--python", python)
    assert outcome.code == 3
    assert f"`thing` was imported from {checkout}/thing/__init__.py, not from the worktree" in outcome.err
    assert "hint:" in outcome.err
    assert outcome.report["comparisons"] == []


def test_a_copy_in_site_packages_is_an_error(source_layout, compare, tmp_path):
    python = editable_environment(tmp_path / "env", tmp_path)
    site = next((tmp_path / "env" / "lib").glob("python*")) / "site-packages"
    (site / "thing_extra").mkdir()
    (site / "thing").mkdir()
    (site / "thing" / "__init__.py").write_text("def work(): pass\n")
    # Part of the environment imports it before the worktree is on the path.
    (site / "early.pth").write_text("import thing\n")
    outcome = compare("HEAD^", "HEAD", "--python", python)
    assert outcome.code == 3
    assert "uninstall it" in outcome.err


def test_a_shared_namespace_is_no_foreign_place(repository, compare, tmp_path):
    python = editable_environment(tmp_path / "env", tmp_path)
    site = next((tmp_path / "env" / "lib").glob("python*")) / "site-packages"
    (site / "jar" / "other").mkdir(parents=True)
    (site / "jar" / "other" / "__init__.py").write_text("value = 1\n")
    benchmark = "from jar.other import value\nfrom jar.text import f\n\n\ndef test_f(benchmark): benchmark(f)\n"
    repository.commit({"jar/text/__init__.py": "def f(): return 1\n", "benchmarks/test_f.py": benchmark})
    repository.commit({"jar/text/__init__.py": "def f():\n    for _ in range(1000):\n        pass\n"})
    outcome = compare("HEAD^", "HEAD", "--python", python)
    assert outcome.code == 0, outcome.err
    (row,) = outcome.report["comparisons"]
    assert row["estimate"]["point_estimate"] > 2


def test_numbers_of_code_that_is_not_the_projects_are_refused(repository, compare, tmp_path):
    python = editable_environment(tmp_path / "env", tmp_path)
    site = next((tmp_path / "env" / "lib").glob("python*")) / "site-packages"
    (site / "wpkg").mkdir()
    (site / "wpkg" / "__init__.py").write_text("def f(): return 1\n")
    benchmark = "from wpkg import f\n\n\ndef test_f(benchmark): benchmark(f)\n"
    repository.commit({"inner/wpkg/__init__.py": "def f(): return 1\n", "benchmarks/test_f.py": benchmark})
    repository.commit({"inner/wpkg/__init__.py": "def f():\n    for _ in range(1000):\n        pass\n"})
    outcome = compare("HEAD^", "HEAD", "--python", python)
    assert outcome.code == 3
    assert "no benchmark imported the project's code" in outcome.err
    assert "module-root" in outcome.err
