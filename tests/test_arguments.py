"""Arguments, settings and variables, and the errors of those that cannot be used."""

import re
import subprocess
import sys

import pytest

from conftest import FAST, SLOW

pytestmark = pytest.mark.counted


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["HEAD^", "no-such"], 2, "there is no commit, branch or tag `no-such`"),
        (["HEAD^", "mian"], 2, "did you mean `main`?"),
        (["--", "-x", "HEAD"], 2, "a ref cannot start with `-`"),
        (["a", "b", "c"], 2, "unexpected value 'c'"),
        (["HEAD^", "HEAD", "--benchmarks-root", "nowhere"], 3, "`nowhere` does not exist at either ref"),
        (["HEAD^", "HEAD", "--benchmarks-root", "benchmark"], 3, "did you mean `benchmarks`?"),
        (["HEAD^", "HEAD", "--benchmarks-root", "."], 2, "both sides would run the same code"),
        (["HEAD^", "HEAD", "--benchmarks-root", "../x"], 2, "lies outside the repository"),
        (["HEAD^", "HEAD", "-k", "nothing_like_it"], 3, "no benchmark in `benchmarks` matches -k 'nothing_like_it'"),
        (["HEAD^", "HEAD", "--python", "/no/python"], 2, "cannot be used: it cannot be run"),
        (["HEAD^", "HEAD", "--python", "/bin/true"], 2, "cannot be used: it cannot be run"),
        (["HEAD^", "HEAD", "--inject", "../elsewhere"], 2, "lies outside the repository"),
        (["HEAD^", "HEAD", "--inject", "missing"], 2, "there is no such file"),
        (["HEAD^", "HEAD", "-o", "report.docx"], 2, "`docx` is not a format"),
        (["HEAD^", "HEAD", "-o", "no/such/folder/a.json"], 2, "cannot be written"),
        (["HEAD^", "HEAD", "--replicates", "1"], 2, "invalid value '1'"),
        (["HEAD^", "HEAD", "--threshold", "zero"], 2, "is not a percentage"),
        (["HEAD^", "HEAD", "--cpu", "4095"], 2, "not one of the cores"),
        (["HEAD^", "HEAD", "--config-file", "none.toml"], 2, "there is no such file"),
        (["HEAD^", "HEAD", "--working-tree"], 2, "only a base"),
    ],
)
def test_bad_input_gets_a_clear_error(two_commits, compare, arguments, code, words):
    before = two_commits.state()
    outcome = compare(*arguments)
    assert (outcome.code, words in outcome.err) == (code, True), outcome.err
    assert "panicked" not in outcome.err
    assert two_commits.state() == before


def test_named_functions_replace_those_that_changed(two_commits, compare):
    outcome = compare("HEAD^", "HEAD", "--dry-run", "--functions", "pkg/core.py::work,Worker.run")
    assert outcome.targets() == {"work": "modified", "Worker.run": None}
    outcome = compare("HEAD^", "HEAD", "--functions", "pkg/core.py::wrok")
    assert outcome.code == 2
    assert "did you mean `work`" in outcome.err
    outcome = compare("HEAD^", "HEAD", "--functions", "pkg/cor.py::work")
    assert "`pkg/core.py`" in outcome.err


def test_configuration_is_read_and_checked(two_commits, compare):
    two_commits.write({"pyproject.toml": "[tool.deadheat]\nbenchmarks-root = 'nowhere'\n"})
    outcome = compare("HEAD^", "HEAD")
    assert (outcome.code, "`nowhere`" in outcome.err) == (3, True)
    two_commits.write({"pyproject.toml": "[tool.deadheat]\nbenchmark-root = 'nowhere'\n"})
    outcome = compare("HEAD^", "HEAD")
    assert (outcome.code, "did you mean `benchmarks-root`?" in outcome.err) == (2, True)
    two_commits.write({"pyproject.toml": "[tool.deadheat\n"})
    outcome = compare("HEAD^", "HEAD")
    assert (outcome.code, "not valid TOML" in outcome.err) == (2, True)


def test_a_configuration_that_cannot_be_read_is_an_error(two_commits, deadheat_command):
    (two_commits.folder / "pyproject.toml").unlink(missing_ok=True)
    (two_commits.folder / "pyproject.toml").symlink_to("pyproject.toml")
    outcome = deadheat_command("compare", "HEAD^", "HEAD")
    assert outcome.code == 5
    assert "cannot read" in outcome.err
    assert "pyproject.toml" in outcome.err


def test_variables_that_workers_do_not_get_are_passed_where_that_is_asked(repository, compare):
    suite = """\
        import os

        from pkg.core import work


        def test_work(benchmark):
            benchmark(work, 200)
            assert os.environ.get("COV_CORE_SOURCE") == "pkg"
        """
    repository.commit_both(SLOW, FAST, suite)
    variables = {"COV_CORE_SOURCE": "pkg"}
    assert set(compare("HEAD^", "HEAD", environment=variables).missing()) == {"test_work"}
    asked = ("HEAD^", "HEAD", "--pass-env", "COV_CORE_SOURCE")
    assert compare(*asked, environment=variables).clearly_faster() == {"test_work"}
    repository.write({"pyproject.toml": "[tool.deadheat]\npass-env = ['COV_CORE_SOURCE']\n"})
    assert compare("HEAD^", "HEAD", environment=variables).clearly_faster() == {"test_work"}


@pytest.mark.real
def test_interpreters_that_cannot_be_used_are_errors(two_commits, compare, tmp_path):
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    outcome = compare("HEAD^", "HEAD", environment={"VIRTUAL_ENV": str(bare)})
    assert outcome.code == 2
    assert "VIRTUAL_ENV" in outcome.err
    assert "cannot import pytest" in outcome.err
    old = tmp_path / "old"
    old.write_text(
        '#!/bin/sh\necho \'{"executable": "old", "version": "3.9.1", "version_info": [3, 9],'
        ' "implementation": "CPython", "prefix": "", "pytest": "8.0", "error": null}\'\n'
    )
    old.chmod(0o755)
    outcome = compare("HEAD^", "HEAD", "--python", old)
    assert outcome.code == 2
    assert "older than 3.10" in outcome.err


def test_an_unwritable_cache_folder_is_an_error_of_the_tool(two_commits, compare, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    outcome = compare("HEAD^", "HEAD", environment={"XDG_CACHE_HOME": str(blocked)})
    assert outcome.code == 5
    assert "cannot write to the cache folder" in outcome.err
    assert "XDG_CACHE_HOME" in outcome.err


def test_the_log_names_commands_and_steps(two_commits, deadheat_command):
    asked = ("compare", "HEAD^", "HEAD", "--dry-run", "--quiet")
    logged = deadheat_command(*asked, environment={"DEADHEAT_LOG": "debug"})
    assert logged.code == 0, logged.err
    for part in ('"worktree", "add"', 'step: "collecting the benchmarks"'):
        assert part in logged.err
    assert deadheat_command(*asked).err == ""


def test_the_table_is_for_people_and_progress_is_not_on_stdout(two_commits, deadheat_command):
    outcome = deadheat_command("compare", "HEAD^", "HEAD", "--replicates", 3)
    assert outcome.code == 0
    assert "\x1b" not in outcome.out + outcome.err
    assert "test_work" in outcome.out
    assert re.fullmatch(r"1 improved, 1 not reached; geometric mean [0-9.]+x", outcome.out.splitlines()[-1])
    assert "measuring" in outcome.err
    assert "measuring" not in outcome.out
    quiet = deadheat_command("compare", "HEAD^", "HEAD", "--replicates", 2, "--quiet")
    assert quiet.err == ""


def test_the_report_goes_to_files_and_stdout(two_commits, deadheat_command, tmp_path):
    outcome = deadheat_command(
        "compare", "HEAD^", "HEAD", "--replicates", 2, "-o", tmp_path / "a.json", "-o", f"json:{tmp_path / 'b'}"
    )
    assert outcome.code == 0
    assert "test_work" in outcome.out
    assert (tmp_path / "a.json").read_text() == (tmp_path / "b").read_text()
    outcome = deadheat_command("compare", "HEAD^", "HEAD", "--replicates", 2, "-o", "-", "-q")
    assert outcome.report["schema_version"] == 2
