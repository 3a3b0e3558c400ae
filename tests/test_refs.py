"""The two commits or the working tree that are compared, wherever the project and its repository are."""

import subprocess
import sys

import pytest

from conftest import BENCHMARKS, FAST, SLOW

pytestmark = pytest.mark.counted


def test_refs_from_a_branch(two_commits, compare):
    two_commits.git("branch", "feature")
    two_commits.commit({"other.txt": "main moved on"})
    two_commits.git("checkout", "--quiet", "feature")
    two_commits.commit({"pkg/core.py": SLOW})
    two_commits.git("checkout", "--quiet", "feature")
    feature = two_commits.git("rev-parse", "feature")
    merge_base = two_commits.git("merge-base", "main", "feature")
    for arguments in ((), ("main...feature",), ("main...",)):
        revisions = compare("--dry-run", *arguments).report["revisions"]
        assert revisions["base"]["commit"] == merge_base
        assert revisions["head"]["commit"] == feature
    revisions = compare("--dry-run", "main..feature").report["revisions"]
    assert revisions["base"]["commit"] == two_commits.git("rev-parse", "main")
    two_commits.git("checkout", "--quiet", "main")
    revisions = compare("--dry-run").report["revisions"]
    assert revisions["base"]["name"] == "HEAD^"


def test_the_working_tree_is_head_and_git_is_not_touched(two_commits, compare):
    two_commits.git("checkout", "--quiet", "HEAD^")
    two_commits.write(
        {
            "pkg/core.py": FAST,
            "pkg/fresh.py": "value = 1",
            "benchmarks/test_fresh.py": """\
                from pkg.fresh import value


                def test_fresh(benchmark):
                    benchmark(abs, value)
                """,
        }
    )
    before = two_commits.state()
    outcome = compare("--working-tree", "--all")
    assert outcome.code == 0, outcome.err
    assert outcome.verdicts()["test_work"] == "improved"
    assert outcome.missing() == {"test_fresh": ("only_head", "head")}
    assert outcome.report["revisions"]["head"]["dirty"]
    assert two_commits.state() == before


def test_stale_bytecode_and_uncommitted_files_take_no_part(two_commits, compare):
    # Bytecode of other code that is never checked, and a module that is changed in the working tree only.
    script = (
        "import py_compile, os; open('fake.py','w').write('raise SystemExit(9)');"
        "py_compile.compile('fake.py', cfile='pkg/__pycache__/core.' + __import__('sys').implementation.cache_tag"
        " + '.pyc', invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH); os.remove('fake.py')"
    )
    subprocess.run([sys.executable, "-c", script], cwd=two_commits.folder, check=True)
    two_commits.write({"pkg/core.py": "raise SystemExit(8)"})
    assert compare("HEAD^", "HEAD").verdicts()["test_work"] == "improved"


def test_a_project_in_a_subfolder(repository, compare):
    files = {"pkg/__init__.py": "", "pkg/core.py": SLOW, "benchmarks/test_b.py": BENCHMARKS, "pyproject.toml": ""}
    repository.commit({f"python/{path}": text for path, text in files.items()})
    repository.commit({"python/pkg/core.py": FAST})
    outcome = compare("HEAD^", "HEAD", folder=repository.folder / "python" / "pkg")
    assert outcome.code == 0, outcome.err
    assert outcome.verdicts()["test_work"] == "improved"


def test_where_there_is_nothing_to_compare(deadheat_command, repository, tmp_path):
    plain = tmp_path / "plain"
    plain.mkdir()
    outcome = deadheat_command("compare", folder=plain)
    assert (outcome.code, "is not inside a git repository" in outcome.err) == (2, True)
    bare = tmp_path / "bare.git"
    subprocess.run(["git", "init", "--quiet", "--bare", bare], check=True)
    outcome = deadheat_command("compare", folder=bare)
    assert (outcome.code, "is a bare repository" in outcome.err) == (2, True)
    outcome = deadheat_command("compare", "HEAD^", "HEAD")
    assert (outcome.code, "no commits yet" in outcome.err) == (2, True)
    repository.commit({"pkg/__init__.py": ""})
    repository.commit({"pkg/__init__.py": "def f(): return 1"})
    outcome = deadheat_command("compare", "HEAD^", "HEAD")
    assert (outcome.code, "--benchmarks-root" in outcome.err) == (3, True)
    repository.write({"benchmarks/test_b.py": "def test_b(benchmark): benchmark(len, [])"})
    outcome = deadheat_command("compare", "HEAD^", "HEAD", "--benchmarks-root", "benchmarks")
    assert (outcome.code, "not committed" in outcome.err) == (3, True)


def test_a_repository_that_git_cannot_read_is_not_called_empty(two_commits, deadheat_command):
    head = two_commits.git("rev-parse", "HEAD").strip()
    (two_commits.folder / ".git" / "objects" / head[:2] / head[2:]).unlink()
    outcome = deadheat_command("compare", "HEAD^", "HEAD")
    assert outcome.code == 5
    assert f"git cannot read {head}" in outcome.err
    (two_commits.folder / ".git" / "config").write_text("[core\n")
    outcome = deadheat_command("compare", "HEAD^", "HEAD")
    assert outcome.code == 5
    assert "bad config" in outcome.err


def test_git_variables_of_a_hook_do_not_mislead(two_commits, compare, tmp_path):
    environment = {"GIT_DIR": str(tmp_path / "nowhere"), "GIT_INDEX_FILE": "/nonexistent"}
    assert compare("HEAD^", "HEAD", "--dry-run", environment=environment).code == 0


@pytest.mark.real
def test_what_is_not_committed_is_mentioned(two_commits, deadheat_command):
    two_commits.write({"pkg/core.py": SLOW, "benchmarks/test_b.py": BENCHMARKS + "\n"})
    said = deadheat_command("compare", "HEAD^", "HEAD", "--dry-run").out
    assert "2 files are changed and not committed, and are not measured" in said
    assert "not committed" not in deadheat_command("compare", "HEAD^", "--working-tree", "--dry-run").out
