"""Repositories in every state that people leave them in: everything comparable is compared, and nothing is changed."""

import os
import subprocess

import pytest
from causes import FAST, SLOW, check_sound, times, two_commits

from conftest import Repository, command

pytestmark = pytest.mark.counted

PLAN = ("compare", "--json", "--dry-run")


def plan(folder, *arguments, environment=None):
    """Does everything of a run but the measuring, which gives the plan and the revisions."""
    return subprocess.run(
        command(*PLAN, *arguments),
        cwd=folder,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_detached_head(repository, deadheat_command):
    two_commits(repository).git("checkout", "--quiet", "--detach")
    before = repository.state()
    outcome = deadheat_command(*PLAN, "main^")
    assert outcome.code == 0, outcome.err
    assert outcome.report["revisions"]["head"]["commit"] == repository.git("rev-parse", "main")
    assert repository.state() == before


def test_a_shallow_clone_is_told_how_to_deepen(repository, tmp_path):
    two_commits(repository)
    shallow = tmp_path / "shallow"
    repository.git("clone", "--quiet", "--depth", "1", f"file://{repository.folder}", str(shallow))
    for arguments in (["HEAD^", "HEAD"], []):
        completed = plan(shallow, *arguments)
        assert completed.returncode == 2, completed.stderr
        assert "git fetch --unshallow" in completed.stderr
    repository.git("-C", str(shallow), "fetch", "--quiet", "--unshallow")
    assert plan(shallow, "HEAD^", "HEAD").returncode == 0


def test_a_linked_worktree_and_one_on_a_disk_that_is_not_there(repository, tmp_path, deadheat_command):
    two_commits(repository)
    linked, gone = tmp_path / "linked", tmp_path / "disk" / "gone"
    repository.git("worktree", "add", "--quiet", "-b", "feature", str(linked))
    repository.git("worktree", "add", "--quiet", "-b", "other", str(gone))
    (tmp_path / "disk").rename(tmp_path / "unplugged")
    before = repository.state()
    outcome = deadheat_command(*PLAN, "HEAD^", "HEAD", folder=linked)
    assert outcome.code == 0, outcome.err
    assert outcome.report["plan"]["benchmarks"] == ["benchmarks/test_usual.py::test_usual"]
    assert deadheat_command("clean").code == 0
    assert repository.state() == before
    assert (repository.folder / ".git" / "worktrees" / "gone").is_dir()


def test_a_sparse_checkout_does_not_thin_the_worktrees_out(repository, deadheat_command):
    two_commits(repository, {"data/large.txt": "x\n"})
    repository.git("sparse-checkout", "set", "docs")
    assert not (repository.folder / "benchmarks").exists()
    before = repository.state()
    outcome = deadheat_command(*PLAN, "HEAD^", "HEAD")
    assert outcome.code == 0, outcome.err
    assert outcome.report["plan"]["benchmarks"] == ["benchmarks/test_usual.py::test_usual"]
    assert repository.state() == before


def test_line_ends_are_no_change(repository, deadheat_command):
    two_commits(repository)
    repository.git("config", "core.autocrlf", "true")
    repository.commit({"README.md": "hello\n"})
    before = repository.state()
    outcome = deadheat_command(*PLAN, "HEAD^^", "HEAD")
    assert outcome.code == 0, outcome.err
    assert outcome.targets() == {"work": "modified"}
    assert deadheat_command(*PLAN, "HEAD^", "HEAD").targets() == {}
    assert repository.state() == before


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 12\n"


def test_large_file_pointers_are_said_and_filters_run(repository, compare):
    reads = """\
        from pathlib import Path

        DATA = Path(__file__).with_name("table.dat")


        def test_data(benchmark):
            assert benchmark(DATA.read_text) == "the content"
        """
    pointer = POINTER.format("0" * 64)
    files = {"benchmarks/.gitattributes": "*.dat filter=lfs\n", "benchmarks/table.dat": pointer}
    two_commits(repository, {**files, "benchmarks/test_data.py": reads})
    outcome = compare("HEAD^", "HEAD", "--all", "-k", "data", replicates=2)
    assert outcome.code == 3
    assert outcome.missing()["test_data"][0] == "failed"
    assert "large_file_pointers" in outcome.warnings()
    # Our checkouts do what the user's git does at a checkout.
    repository.git("config", "filter.lfs.smudge", "printf 'the content'")
    repository.git("config", "filter.lfs.clean", f"printf '{pointer}'")
    before = repository.state()
    outcome = compare("HEAD^", "HEAD", "--all", "-k", "data", replicates=2)
    assert outcome.missing() == {}
    assert "large_file_pointers" not in outcome.warnings()
    assert repository.state() == before


def test_a_filter_that_is_not_installed_is_an_error_with_gits_words(repository, deadheat_command):
    two_commits(repository, {".gitattributes": "*.dat filter=lfs\n", "table.dat": POINTER.format("0" * 64)})
    repository.git("config", "filter.lfs.smudge", "no-such-filter smudge")
    repository.git("config", "filter.lfs.required", "true")
    before = repository.state()
    outcome = deadheat_command(*PLAN, "HEAD^", "HEAD")
    assert outcome.code == 5
    assert "smudge filter lfs failed" in outcome.err
    assert repository.state() == before


def hook(repository, name, script):
    path = repository.folder / ".git" / "hooks" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_a_failing_post_checkout_hook_is_a_clear_error(repository, deadheat_command):
    two_commits(repository)
    hook(repository, "post-checkout", "echo the hook says no >&2\nexit 7")
    before = repository.state()
    outcome = deadheat_command(*PLAN, "HEAD^", "HEAD")
    assert outcome.code == 5
    assert "the hook says no" in outcome.err
    assert "post-checkout" in outcome.err
    assert repository.state() == before


def test_a_repository_of_somebody_else_is_gits_to_trust(repository, deadheat_command):
    two_commits(repository)
    # git itself then assumes another owner.
    outcome = deadheat_command(*PLAN, "HEAD^", "HEAD", environment={"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"})
    assert outcome.code == 2
    assert f"hint: git config --global --add safe.directory {repository.folder}\n" in outcome.err
    # Trust that the user gives for one command counts.
    trusts = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
    outcome = deadheat_command(*PLAN, "HEAD^", "HEAD", environment={"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1", **trusts})
    assert outcome.code == 0, outcome.err


def test_from_a_hook_of_git(repository, tmp_path):
    two_commits(repository)
    report = tmp_path / "report.json"
    arguments = " ".join(f"'{part}'" for part in command(*PLAN, "HEAD^", "HEAD", "-q"))
    hook(repository, "post-commit", f"env | grep -q GIT_INDEX_FILE && {arguments} > {report}")
    repository.write({"pkg/core.py": SLOW})
    # This commit does not use the usual index.
    repository.git("commit", "--quiet", "--message", "slower", "pkg/core.py")
    head = repository.git("rev-parse", "HEAD")
    assert head in report.read_text()
    check_sound(repository)
    assert repository.git("status", "--porcelain") == ""


FOLDERS = {
    "spaces and quotes": b'it\'s a "test" $HOME `id` \\ %s {}',
    "newline": b"two\nlines",
    "like an option": b"--help",
}


NO_UTF_8 = b"caf\xe9"


@pytest.mark.parametrize("name", FOLDERS)
def test_folders_of_any_name(tmp_path, name):
    folder = os.fsdecode(os.path.join(os.fsencode(tmp_path), FOLDERS[name]))
    repository = Repository(type(tmp_path)(folder))
    two_commits(repository)
    before = repository.state()
    completed = plan(folder, "HEAD^", "HEAD")
    assert completed.returncode == 0, completed.stderr
    assert repository.state() == before


def test_a_folder_whose_name_is_no_text_is_refused(repository, tmp_path, deadheat_command):
    two_commits(repository)
    folder = os.fsdecode(os.path.join(os.fsencode(tmp_path), NO_UTF_8))
    repository.folder.rename(folder)
    outcome = deadheat_command(*PLAN, "HEAD^", "HEAD", folder=folder)
    assert (outcome.code, "is not valid UTF-8" in outcome.err) == (2, True)
    (tmp_path / folder).rename(repository.folder)
    outcome = deadheat_command(*PLAN, "HEAD^", "HEAD", environment={"XDG_CACHE_HOME": folder})
    assert (outcome.code, "is not valid UTF-8" in outcome.err) == (2, True)
    check_sound(repository)


@pytest.mark.parametrize("name", ["spaces and quotes", "newline"])
def test_a_cache_folder_of_any_name(repository, deadheat_command, cache, name):
    two_commits(repository)
    odd = os.path.join(cache, os.fsdecode(FOLDERS[name]))
    before = repository.state()
    outcome = deadheat_command(*PLAN, "HEAD^", "HEAD", environment={"XDG_CACHE_HOME": odd})
    assert outcome.code == 0, outcome.err
    assert repository.state() == before
    assert os.listdir(os.path.join(odd, "deadheat", "runs")) == []


def test_files_of_any_name(repository, deadheat_command):
    two_commits(repository)
    odd = [*FOLDERS.values(), NO_UTF_8, b"tab\there", b"-rf", b":(top)x", b"\x1b[31mred.py", b"*.py"]
    for name in odd:
        for folder in (b"pkg", b"benchmarks", b"."):
            path = os.path.join(os.fsencode(repository.folder), folder, name)
            with open(path, "wb") as file:
                file.write(b"1\n")
    repository.commit({"pkg/core.py": SLOW})
    path = os.path.join(os.fsencode(repository.folder), b"pkg", NO_UTF_8)
    with open(path, "wb") as file:
        file.write(b"2\n")
    repository.commit({"pkg/core.py": FAST})
    before = repository.state()
    for arguments in (["HEAD^", "HEAD"], ["HEAD^^", "HEAD"], ["--working-tree"]):
        outcome = deadheat_command(*PLAN, "--all", *arguments)
        assert outcome.code == 0, outcome.err
        assert "\x1b" not in outcome.err
        assert outcome.report["plan"]["benchmarks"] == ["benchmarks/test_usual.py::test_usual"]
    assert repository.state() == before


def test_a_rename_of_case_only(repository, deadheat_command):
    two_commits(repository)
    importing = "from pkg.{} import work\n\n\ndef test_usual(benchmark):\n    benchmark(work)\n"
    repository.git("mv", "pkg/core.py", "pkg/Core.py")
    repository.commit({"benchmarks/test_usual.py": importing.format("Core"), "pkg/Core.py": SLOW})
    outcome = deadheat_command(*PLAN, "HEAD^", "HEAD", "--benchmarks-from", "own")
    assert outcome.code == 0, outcome.err
    assert outcome.report["plan"]["benchmarks"] == ["benchmarks/test_usual.py::test_usual"]


def test_symlinks_that_lead_out_are_never_followed_for_writing(repository, deadheat_command, tmp_path):
    outside = tmp_path / "outside"
    (outside / "inner").mkdir(parents=True)
    (outside / "inner" / "mine.py").write_text("value = 1\n")
    two_commits(repository)
    repository.folder.joinpath("pkg", "link").symlink_to(outside)
    repository.folder.joinpath("benchmarks", "link.py").symlink_to(outside / "inner" / "mine.py")
    repository.folder.joinpath("pkg", "loop").symlink_to(".")
    repository.commit({"pkg/core.py": SLOW})
    repository.commit({"pkg/core.py": FAST})
    # Now `link` is a folder, with a file at the path that led to one outside.
    repository.folder.joinpath("pkg", "link").unlink()
    repository.write({"pkg/link/inner/mine.py": "value = 2\n"})
    inject = ["HEAD^", "HEAD", "--inject", "pkg/link"]
    for arguments, code in ((["HEAD^", "HEAD"], 0), (["--working-tree", "--all"], 0), (inject, 0)):
        outcome = deadheat_command(*PLAN, *arguments)
        assert outcome.code == code, outcome.err
    assert (outside / "inner" / "mine.py").read_text() == "value = 1\n"
    assert sorted(path.name for path in outside.rglob("*")) == ["inner", "mine.py"]


def test_many_files(repository, deadheat_command):
    two_commits(repository)
    for number in range(times(2_000, 50_000)):
        path = repository.folder / "pkg" / f"part{number % 100}" / f"module{number}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"def f(): return {number}\n")
    repository.commit({"pkg/core.py": SLOW})
    repository.commit({"pkg/core.py": FAST})
    outcome = deadheat_command(*PLAN, "HEAD^", "HEAD", timeout=600)
    assert outcome.code == 0, outcome.err
    assert outcome.targets() == {"work": "modified"}
    check_sound(repository)


def test_refs_that_look_like_something_else(repository, deadheat_command):
    two_commits(repository)
    base, head = repository.git("rev-parse", "HEAD^"), repository.git("rev-parse", "HEAD")
    for name in ("benchmarks", "pkg/core.py", "--all"):
        repository.git("update-ref", f"refs/heads/{name}", base)
        typed = f"refs/heads/{name}" if name.startswith("-") else name
        outcome = deadheat_command(*PLAN, typed, "HEAD")
        assert outcome.code == 0, outcome.err
        assert outcome.report["revisions"]["base"]["commit"] == base
        assert outcome.report["revisions"]["head"]["commit"] == head
    outcome = deadheat_command(*PLAN, "--", "--all", "HEAD")
    assert (outcome.code, "a ref cannot start with `-`" in outcome.err) == (2, True)
