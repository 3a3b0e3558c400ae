"""A program that does nothing but what `next` says goes through ten prepared edits."""

import json

import pytest

NAMES = "abcde"
# The time of a function is that of its loop. The tests expect that it refuses -1.
FUNCTION = """\
def {name}(n):
    if n < {least}:
        raise ValueError(n)
    total = 0
    for _ in range({times}):
        for i in range(n):
            total += i
    return n
"""
BENCHMARKS = "import pkg\n\n\n" + "\n\n".join(
    f"def test_{name}(benchmark):\n    benchmark(pkg.{name}, 300)\n" for name in NAMES
)
TESTS = "import pytest\nimport pkg\n\n\n" + "\n\n".join(
    f"def test_{name}():\n    assert pkg.{name}(2) == 2\n    with pytest.raises(ValueError):\n        pkg.{name}(-1)\n"
    for name in NAMES
)
CONFIGURATION = "[tool.deadheat]\nguard = 'python -m pytest -q -p no:cacheprovider tests/test_pkg.py'\n"
GAIN, LOSS, BREAKS = "keep", "discard", "checks_failed"
# The function that each edit changes, its number of loops, and the status that it deserves.
EDITS = [
    ("a", 8, GAIN),
    ("b", 80, LOSS),
    ("b", 8, GAIN),
    ("c", 4, BREAKS),
    ("c", 8, GAIN),
    ("a", 80, LOSS),
    ("d", 2, BREAKS),
    ("d", 8, GAIN),
    ("e", 90, LOSS),
    ("e", 8, GAIN),
]
MOST_STEPS = 80


def module(times, broken=""):
    code = (FUNCTION.format(name=name, times=times[name], least=-9 if name == broken else 0) for name in NAMES)
    return "\n\n".join(code)


class Agent:
    """Follows the first step that is a command, or that asks for the next experiment."""

    def __init__(self, project, deadheat_command, limits):
        self.project, self.command, self.limits = project, deadheat_command, limits
        self.edits = list(EDITS)
        self.name = None
        self.read = 0

    def answer(self, *arguments):
        outcome = self.command(*arguments)
        assert outcome.code == 0, outcome.err
        self.read += len(outcome.out)
        return outcome.report["next"]

    def follow(self, step):
        """Takes a step, and returns the steps that follow it."""
        if not step["argv"]:
            times, broken = self.times(), ""
            self.name, rounds, status = self.edits.pop(0)
            times[self.name] = rounds
            broken = self.name if status == BREAKS else ""
            self.project.write({"pkg/__init__.py": module(times, broken)})
            return self.answer("status", "--brief")
        argv = [f"{self.name} in other rounds" if word == "experiment" else word for word in step["argv"]]
        if argv[0] == "deadheat":
            short = ["--brief", *self.limits] if argv[1] == "compare" else ["--json"]
            return self.answer(*argv[1:], *short)
        assert argv[0] == "git"
        self.project.git(*argv[1:])
        return self.answer("status", "--brief")

    def times(self):
        """Reads the rounds of each function in the working tree."""
        text = (self.project.folder / "pkg" / "__init__.py").read_text()
        return {part[0]: int(part.split("for _ in range(")[1].split(")")[0]) for part in text.split("def ")[1:]}

    def run(self):
        steps = self.answer("detect", "--json")
        for _ in range(MOST_STEPS):
            usable = [step for step in steps if step["argv"] or step["action"] == "next_experiment"]
            assert usable, steps
            if not usable[0]["argv"] and not self.edits:
                return
            steps = self.follow(usable[0])
        raise AssertionError(f"no end after {MOST_STEPS} steps: {steps}")


@pytest.fixture
def project(repository):
    repository.commit(
        {
            "pkg/__init__.py": module(dict.fromkeys(NAMES, 40)),
            "benchmarks/test_b.py": BENCHMARKS,
            "tests/test_pkg.py": TESTS,
            "pyproject.toml": CONFIGURATION,
        }
    )
    return repository


def follow_all(project, deadheat_command, limits):
    agent = Agent(project, deadheat_command, limits)
    agent.run()
    assert project.git("status", "--porcelain", "--", "pkg") == ""
    assert agent.times() == dict.fromkeys(NAMES, 8)
    rows = deadheat_command("log", "--json").report["rows"]
    recorded = [row for row in rows if row["benchmark"] == "__total__"]
    expected = [(f"{name} in other rounds", status) for name, _, status in EDITS]
    assert [(row["description"], row["status"]) for row in recorded] == expected
    status = deadheat_command("status", "--json").report
    assert status["last_kept"] == project.git("rev-parse", "HEAD")
    assert len(status["kept"]) == 5
    assert not status["cumulative"]["has_gaps"]
    print(json.dumps({"bytes read": agent.read, "cumulative": status["cumulative"]["speedup"]}))


@pytest.mark.counted
def test_a_program_that_follows_next_keeps_what_is_faster_and_right(project, deadheat_command):
    follow_all(project, deadheat_command, ["--replicates", "2", "--seed", "1"])


@pytest.mark.long
@pytest.mark.parametrize("round_", range(10))
def test_the_same_with_the_workers_that_users_have(project, deadheat_command, round_):
    follow_all(project, deadheat_command, [])
