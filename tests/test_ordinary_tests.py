"""Ordinary tests as benchmarks: `--tests`."""

import pytest

from conftest import WORK

SLOW, FAST = WORK.format(times=30), WORK.format(times=1)
TESTS = """\
    import unittest

    import pytest
    from pkg.core import work

    MADE = []


    @pytest.fixture(scope="module")
    def shared():
        MADE.append("shared")
        yield 100
        assert MADE.count("shared") == 1


    @pytest.fixture
    def fresh():
        MADE.append("fresh")
        values = []
        yield values
        assert values == ["used once"]


    def test_fixtures(shared, fresh):
        fresh.append("used once")
        work(shared)


    @pytest.mark.parametrize("n", [100])
    def test_params(n):
        assert work(n) is not None


    class TestMethods:
        def test_method(self, tmp_path):
            # Each call has a folder of its own.
            assert tmp_path not in MADE
            MADE.append(tmp_path)
            work(500)


    class Case(unittest.TestCase):
        def setUp(self):
            self.n = 100

        def test_case(self):
            work(self.n)


    def test_skipped():
        pytest.skip("not today")


    def test_broken():
        assert work(1) == -1
    """


@pytest.fixture
def tested(repository):
    """Two commits of a project that has tests and no benchmarks."""
    repository.commit({"pkg/__init__.py": "", "pkg/core.py": SLOW, "tests/test_core.py": TESTS})
    repository.commit({"pkg/core.py": FAST})
    return repository


def test_ordinary_tests_are_timed_on_every_version(tested, compare, oldest_and_newest):
    wanted = ["--tests", "tests/test_core.py", "--python", oldest_and_newest]
    outcome = compare("HEAD^", "HEAD", *wanted)
    assert outcome.code == 0, outcome.err
    assert outcome.clearly_faster() == {"test_fixtures", "test_params[100]", "test_method", "test_case"}
    assert outcome.missing() == {"test_skipped": ("skipped", None), "test_broken": ("failed", None)}
    functions = outcome.report["comparisons"][0]["functions"]
    assert [(row["qualname"], row["head"]["calls"]) for row in functions] == [("work", 1)]


def test_one_test_of_a_file_and_a_file_that_holds_benchmarks(tested, compare):
    mixed = """\
        from pkg.core import work


        def test_benchmark(benchmark):
            benchmark(work, 500)


        def test_plain():
            work(500)
        """
    # Both sides run head's tests.
    tested.commit({"tests/test_mixed.py": mixed})
    method = "tests/test_core.py::TestMethods::test_method"
    outcome = compare("HEAD^^", "HEAD", "--tests", method, "--tests", "tests/test_mixed.py")
    assert outcome.clearly_faster() == {"test_method", "test_benchmark", "test_plain"}
    assert outcome.missing() == {}, outcome.report["missing"]


def test_a_project_without_benchmarks_is_told_of_its_tests(tested, compare):
    outcome = compare("HEAD^", "HEAD")
    assert outcome.code == 3
    for way in ("--tests tests/test_thing.py::test_name", "deadheat profile -- tests", "deadheat micro"):
        assert way in outcome.err
    outcome = compare("HEAD^", "HEAD", "--benchmarks-root", "test")
    assert outcome.code == 3
    assert "did you mean `tests`?" in outcome.err
    assert "deadheat profile -- tests" in outcome.err


def test_every_call_of_an_ordinary_test_is_made_from_a_frame_drawn_for_it(repository, compare, tmp_path):
    """Otherwise, by its place on the stack, one layout could look like a change."""
    sizes = tmp_path / "sizes"
    test = f"""\
        import sys
        from core import work


        def test_work():
            work(500)
            frame, drawn = sys._getframe(), []
            while frame is not None:
                if frame.f_code.co_filename.endswith("layout.py"):
                    drawn.append(frame.f_code.co_stacksize)
                frame = frame.f_back
            with open({str(sizes)!r}, "a") as file:
                print(*drawn, file=file)
        """
    repository.commit({"core.py": SLOW, "test_a.py": test})
    repository.commit({"core.py": FAST})
    outcome = compare("HEAD^", "HEAD", "--tests", "test_a.py")
    assert outcome.verdicts().keys() == {"test_work"}, outcome.err
    drawn = sizes.read_text().splitlines()
    assert all(line.isdecimal() for line in drawn)
    # Each process has 32 frames to choose from.
    assert len(set(drawn)) > 8


def test_tests_beside_the_code_can_be_timed_and_those_of_no_common_folder_are_refused(repository, compare):
    test = "from core import work\n\n\ndef test_work():\n    work(500)\n"
    repository.commit({"core.py": SLOW, "test_a.py": test, "inner/test_b.py": test})
    repository.commit({"core.py": FAST})
    outcome = compare("HEAD^", "HEAD", "--tests", "test_a.py")
    assert outcome.clearly_faster() == {"test_work"}, outcome.err
    outcome = compare("HEAD^", "HEAD", "--tests", "test_a.py", "--tests", "inner/test_b.py")
    assert outcome.code == 2
    assert "share no folder" in outcome.err
    outcome = compare("HEAD^", "HEAD", "--tests", "test_a.py::test_wrok")
    assert outcome.code == 2
    assert "did you mean `test_work`?" in outcome.err


def test_a_test_that_is_not_there_is_an_argument_error_with_the_likely_names(repository, deadheat_command):
    test = "def test_total():\n    pass\n\n\nclass TestSum:\n    def test_sum(self):\n        pass\n"
    repository.commit({"pkg/__init__.py": "", "pkg/core.py": SLOW, "tests/test_ledger.py": test})
    repository.commit({"pkg/core.py": FAST})
    for asked, likely in [
        ("tests/test_leger.py", "tests/test_ledger.py"),
        ("tests/test_ledger.py::test_totl", "test_total"),
        ("tests/test_ledger.py::test_total[3]", "test_total"),
        ("tests/test_ledger.py::test_sum", "tests/test_ledger.py::TestSum::test_sum"),
    ]:
        outcome = deadheat_command("compare", "HEAD^", "HEAD", "--tests", asked)
        assert outcome.code == 2, outcome.err
        assert f"did you mean `{likely}`?" in outcome.err
