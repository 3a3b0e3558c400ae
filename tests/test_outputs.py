"""The return values of benchmarks are compared between the sides."""

import pytest

pytestmark = [pytest.mark.counted, pytest.mark.quick]

BENCHMARKS = """\
    from pkg.core import answer


    def test_answer(benchmark):
        benchmark(answer)
    """


@pytest.fixture
def returning(repository, compare):
    """Compares two versions of a function body."""

    def run(base, head, *arguments, prelude=""):
        def module(body):
            return f"{prelude}\n\ndef answer():\n    for _ in range(2000):\n        pass\n    {body}\n"

        files = {"pkg/__init__.py": "", "pkg/core.py": module(base), "benchmarks/test_b.py": BENCHMARKS}
        repository.commit(files)
        repository.commit({"pkg/core.py": module(head)})
        return compare("HEAD^", "HEAD", *arguments, replicates=2)

    return run


def check(outcome):
    (row,) = outcome.report["comparisons"]
    return row["output"]


@pytest.mark.parametrize(
    ("base", "head"),
    [
        ("return 0.1 + 0.2", "return 0.3"),
        ("return {'a': 1, 'b': [2.0]}", "return dict(b=[2], a=True)"),
        ("return set('abc')", "return {'c', 'b', 'a'}"),
        ("return __file__", "return str(__file__)"),
        ("return None", "return"),
    ],
)
def test_equal_values_are_the_same(returning, base, head):
    assert check(returning(base, head)) == "same"


@pytest.mark.parametrize(
    ("base", "head", "words"),
    [
        ("return {'rows': [1, 2, 3]}", "return {'rows': [1, 2, 4]}", "at ['rows'][2], 3 on base, 4 on head"),
        ("return [1]", "return (1,)", "a list of 1 on base, a tuple of 1 on head"),
        ("return 1.0", "return 1.0001", "1.0 on base, 1.0001 on head"),
        ("return 'x'", "return None", "'x' on base, None on head"),
    ],
)
def test_a_difference_is_said_where_it_is(returning, base, head, words):
    outcome = returning(base, head)
    assert check(outcome) == "different"
    (row,) = outcome.report["comparisons"]
    (message,) = [warning["message"] for warning in row["warnings"] if warning["code"] == "output_differs"]
    assert words in message


@pytest.mark.parametrize(
    ("body", "prelude"),
    [
        ("return random.random()", "import random"),
        ("return object()", ""),
        ("return (i for i in 'abc')", ""),
        ("return os.getpid()", "import os"),
    ],
)
def test_what_changes_by_itself_is_not_compared(returning, body, prelude):
    assert check(returning(body, body + "  # the same", "--all", prelude=prelude)) == "not_comparable"


def test_fields_of_classes_are_compared(returning):
    prelude = "import dataclasses\n\n\n@dataclasses.dataclass\nclass Point:\n    x: int\n    y: int\n"
    outcome = returning("return Point(1, 2)", "return Point(1, 3)", prelude=prelude)
    (row,) = outcome.report["comparisons"]
    assert row["output_difference"] == {"place": ".y", "base": "2", "head": "3"}


def test_a_value_that_grows_is_compared_as_it_was_at_first(returning):
    prelude = "SEEN = []\n"
    assert check(returning("SEEN.append(1); return SEEN", "SEEN.append(1); return [*SEEN]", prelude=prelude)) == "same"


def test_a_gate_for_other_outputs(returning):
    outcome = returning("return 1", "return 2", "--fail-on", "output-change")
    assert outcome.code == 1
    assert "--fail-on output-change: benchmarks/test_b.py::test_answer " in outcome.err
    assert ", different output (" in outcome.err
