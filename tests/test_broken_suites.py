"""Suites and code that fail on a side, before or while they are measured."""

import pytest

from conftest import FAST, SLOW

pytestmark = pytest.mark.counted


def test_files_that_base_cannot_import_are_only_head_and_the_others_are_measured(two_commits, compare):
    two_commits.commit(
        {
            "pkg/core.py": FAST + "\n\n    def extra():\n        return 1\n",
            "benchmarks/test_new.py": """\
                from pkg.core import extra


                def test_extra(benchmark):
                    benchmark(extra)
                """,
            "benchmarks/test_inside.py": """\
                def test_extra_inside(benchmark):
                    from pkg.core import extra

                    benchmark(extra)
                """,
        }
    )
    outcome = compare("HEAD^^", "HEAD", "--all")
    assert outcome.code == 0
    assert set(outcome.verdicts()) == {"test_work", "test_worker"}
    assert outcome.missing() == {"test_extra": ("only_head", "head"), "test_extra_inside": ("only_head", "head")}
    messages = {row["message"].splitlines()[-1] for row in outcome.report["missing"]}
    assert any("ImportError" in message for message in messages)


def test_what_head_breaks_is_a_failure_of_head(two_commits, compare):
    two_commits.commit({"pkg/core.py": FAST.replace("def run", "def go")})
    outcome = compare("HEAD^^", "HEAD")
    assert outcome.code == 0
    assert outcome.missing() == {"test_worker": ("failed", "head")}
    assert "AttributeError" in outcome.report["missing"][0]["message"]
    assert outcome.report["summary"]["counts"]["failed"] == 1


def test_a_file_that_only_base_has_is_said(two_commits, compare):
    two_commits.commit({"benchmarks/test_old.py": "def test_old(benchmark):\n    benchmark(len, [])\n"})
    two_commits.commit({"benchmarks/test_old.py": None, "pkg/core.py": SLOW})
    outcome = compare("HEAD^", "HEAD", "--all")
    assert outcome.missing() == {"test_old": ("only_base", "base")}


@pytest.mark.real
def test_syntax_errors_in_the_code_are_named_and_nothing_is_measured(two_commits, compare):
    two_commits.commit({"pkg/core.py": "    def work(:\n"})
    outcome = compare("HEAD^", "HEAD")
    assert outcome.code == 3
    assert 'File "pkg/core.py", line 1' in outcome.err
    assert "SyntaxError" in outcome.err
    # The interpreter is not blamed, because base collects with it.
    assert "interpreter" not in outcome.err
    assert outcome.warnings()[0] == "syntax_error"


@pytest.mark.real
def test_a_suite_that_cannot_be_parsed_is_no_suite_that_does_not_change(two_commits, compare):
    two_commits.commit({"benchmarks/test_b.py": "def test_work(benchmark:\n"})
    outcome = compare("HEAD^", "HEAD")
    assert outcome.code == 3
    assert "SyntaxError" in outcome.err


@pytest.mark.real
def test_what_heads_suite_needs_and_base_lacks_is_said(repository, compare):
    suite = "from pkg.core import {}\n\ndef test_work(benchmark):\n    benchmark(work, 200)\n"
    repository.commit({"pkg/__init__.py": "", "pkg/core.py": SLOW, "benchmarks/test_b.py": suite.format("work")})
    other = FAST + "\n\n    def other():\n        return 1\n"
    repository.commit({"pkg/core.py": other, "benchmarks/test_b.py": suite.format("other, work")})
    outcome = compare("HEAD^", "HEAD")
    assert outcome.code == 3
    assert "cannot import name 'other' from 'pkg.core' (pkg/core.py)" in outcome.err
    assert "--benchmarks-from base runs base's" in outcome.err
    plan = compare("HEAD^", "HEAD", "--benchmarks-from", "base", "--dry-run").report["plan"]
    assert plan["benchmarks"] == ["benchmarks/test_b.py::test_work"]


@pytest.mark.real
def test_a_broken_conftest_ends_the_run_with_pytests_words(two_commits, compare):
    two_commits.commit({"conftest.py": "import no_such_package\n", "pkg/core.py": SLOW})
    outcome = compare("HEAD^", "HEAD")
    assert outcome.code == 3
    assert "No module named 'no_such_package'" in outcome.err


def test_a_worker_that_dies_costs_one_row(two_commits, compare):
    two_commits.commit(
        {
            "benchmarks/test_dies.py": """\
                import os


                def test_dies(benchmark):
                    benchmark(os._exit, 7)
                """
        }
    )
    outcome = compare("HEAD^^", "HEAD", "--all")
    assert outcome.code == 0
    assert outcome.missing() == {"test_dies": ("failed", None)}
    assert "exit status: 7" in outcome.report["missing"][0]["message"]
    assert len(outcome.verdicts()) == 2


@pytest.mark.real
def test_odd_ends_of_tests_cost_their_own_row_only(two_commits, compare):
    two_commits.commit(
        {
            "pytest.ini": "[pytest]\naddopts = -x\n",
            "benchmarks/test_a_new.py": "from pkg.core import not_there\n\n\ndef test_new(benchmark): pass\n",
            "benchmarks/test_odd.py": """\
                import unittest

                import pytest


                async def work():
                    pass


                def interrupt():
                    raise KeyboardInterrupt


                def test_async_target(benchmark):
                    benchmark(work)


                @pytest.mark.benchmark
                async def test_async_marker():
                    await work()


                def test_interrupted(benchmark):
                    benchmark(interrupt)


                def test_exits(benchmark):
                    pytest.exit("enough")


                class TestOld(unittest.TestCase):
                    @pytest.mark.benchmark
                    def test_method(self):
                        sum(range(100))


                def test_after(benchmark):
                    benchmark(sum, range(100))
                """,
        }
    )
    outcome = compare("HEAD^^", "HEAD", "--all")
    assert outcome.code == 0, outcome.err
    assert set(outcome.verdicts()) == {"test_work", "test_worker", "test_async_target", "test_method", "test_after"}
    assert {name: reason for name, (reason, _) in outcome.missing().items()} == {
        "benchmarks/test_a_new.py": "failed",
        "test_async_marker": "failed",
        "test_interrupted": "failed",
        "test_exits": "failed",
    }
