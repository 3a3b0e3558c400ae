"""Files that git does not have and the code needs."""

import pytest

from conftest import FAST, SLOW

pytestmark = pytest.mark.counted


@pytest.mark.real
def test_files_that_git_ignores_and_the_code_reads_are_hinted_at(repository, compare):
    suite = """\
        import pytest

        from pkg.core import work


        @pytest.fixture
        def size():
            with open("data/size.txt") as file:
                return int(file.read())


        def test_work(benchmark, size):
            benchmark(work, size)
        """
    files = {"pkg/__init__.py": "", "pkg/core.py": SLOW, "benchmarks/test_b.py": suite}
    repository.commit({**files, ".gitignore": ".env\ndata/\n"})
    repository.commit({"pkg/core.py": FAST})
    repository.write({"data/size.txt": "200", ".env": ""})
    outcome = compare("HEAD^", "HEAD")
    (lacking,) = (row for row in outcome.report["warnings"] if row["code"] == "ignored_file_missing")
    assert lacking["hint"].startswith("--inject data copies it")
    plan = compare("HEAD^", "HEAD", "--inject", "data", "--dry-run").report["plan"]
    assert plan["benchmarks"] == ["benchmarks/test_b.py::test_work"]
    reads = "    import pathlib\n\n    pathlib.Path(__file__).parent.with_name('.env').read_text()\n"
    repository.commit({"pkg/core.py": reads + SLOW})
    outcome = compare("HEAD^", "HEAD")
    assert outcome.code == 3
    assert "No such file or directory: '.env'" in outcome.err
    assert "--inject .env copies it" in outcome.err


def test_injected_and_generated_files_reach_both_sides(two_commits, compare):
    two_commits.commit(
        {
            ".gitignore": "_version.py\n*.dat\n",
            "pkg/__init__.py": "from pkg._version import version\n",
            "benchmarks/test_data.py": """\
                from pathlib import Path


                def test_data(benchmark):
                    benchmark(Path("data/table.dat").read_text)
                """,
            "pkg/core.py": FAST,
        }
    )
    two_commits.commit({"pkg/core.py": SLOW})
    two_commits.write({"pkg/_version.py": "version = '1'\n", "data/table.dat": "1"})
    outcome = compare("HEAD^", "HEAD", "--all")
    assert outcome.code == 0, outcome.err
    assert "generated_file_copied" in outcome.warnings()
    assert outcome.missing() == {"test_data": ("failed", None)}
    outcome = compare("HEAD^", "HEAD", "--all", "--inject", "data")
    assert "test_data" in outcome.verdicts()


def test_an_ignored_module_that_a_checkout_lacks_is_hinted_at(two_commits, compare):
    two_commits.commit({".gitignore": "built.py\n", "pkg/__init__.py": "import pkg.built\n"})
    two_commits.commit({"pkg/core.py": SLOW})
    two_commits.write({"pkg/built.py": ""})
    outcome = compare("HEAD^", "HEAD")
    assert outcome.code == 3
    assert "--inject pkg/built.py" in outcome.err
