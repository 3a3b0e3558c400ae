"""`deadheat micro`: planted changes are found and no others, and every failure to measure names its reason."""

import json
import os
import subprocess
import sys
import textwrap

import pytest

from conftest import INTERPRETERS, Outcome, command, environment

pytestmark = pytest.mark.counted

CODE = """\
    def helper():
        raise ValueError("not here")


    def work(n):
        total = 0
        for i in range(n * {times}):
            total += i
        return n


    class Worker:
        def __init__(self, n):
            self.n = n

        def run(self):
            return work(self.n)
    """
SCRIPT = """\
    def work(n):
        total = 0
        for i in range(n):
            total += i


    {kind} bench_a():
        work(300)


    {kind} bench_b():
        work({n})
    """
# For tests that ignore the decision: equal variants are rejected at once.
AT_ONCE = ["--worth", "100"]


@pytest.fixture
def micro(repository):
    """Runs a pre-screen; JSON unless `as_text`."""

    def run(*arguments, folder=None, as_text=False, python=sys.executable):
        form = [] if as_text else ["--json", "--samples"]
        if "--timeout" not in arguments:
            # These measurements are settled far earlier on idle machines.
            form += ["--timeout", "50"]
        completed = subprocess.run(
            command("micro", "--python", python, *form, *arguments),
            cwd=folder or repository.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Outcome(completed)

    return run


@pytest.fixture
def package(repository):
    """Work that takes three times as long in HEAD as in the working tree, in a src layout."""
    repository.commit({"src/pkg/__init__.py": "from pkg.core import work\n", "src/pkg/core.py": CODE.format(times=3)})
    repository.write({"src/pkg/core.py": CODE.format(times=1)})
    return repository


def write_script(folder, text, name="try.py"):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(textwrap.dedent(text))
    return name


def test_a_faster_variant_of_a_script_is_worth_a_commit(micro, tmp_path):
    # Outside of any repository.
    script = write_script(tmp_path / "plain", SCRIPT.format(kind="def", n=100))
    outcome = micro(script, "--gate", folder=tmp_path / "plain")
    assert outcome.code == 0, outcome.err
    report = outcome.report
    assert (report["form"], report["decision"], report["verdict"]) == ("script", "go", "improved")
    assert report["base"]["median_ns"] > 1.5 * report["head"]["median_ns"]
    assert report["estimate"]["point_estimate"] < 0.7
    assert (report["base"]["name"], report["head"]["name"]) == ("bench_a", "bench_b")
    assert (report["target"], report["base_commit"], report["path"], report["function"]) == ("try.py", None, None, None)
    assert (report["output"], report["output_difference"]) == ("same", None)
    assert report["seconds_needed"] is None
    assert len(report["replicates"]) >= 3
    assert report["memory"] is None
    assert (report["schema_version"], report["worth_percent"]) == (2, 20.0)
    assert not {"pytest", "not_pinned"} & set(outcome.warnings())


def test_no_change_is_not_worth_it(micro, tmp_path):
    script = write_script(tmp_path / "plain", SCRIPT.format(kind="def", n=300))
    # Noise is not such a speedup.
    outcome = micro(script, "--gate", "--worth", "100", folder=tmp_path / "plain", as_text=True)
    assert outcome.code == 1, outcome.out + outcome.err
    assert outcome.out.splitlines()[-1].startswith("stop: the speedup is ")
    assert "only 2.00x would be worth a commit" in outcome.out
    assert micro(script, "--worth", "100", folder=tmp_path / "plain").code == 0


@pytest.mark.real
def test_coroutines_are_awaited_on_every_version(micro, tmp_path, oldest_and_newest):
    script = write_script(tmp_path / "plain", SCRIPT.format(kind="async def", n=60))
    report = micro(script, folder=tmp_path / "plain", python=oldest_and_newest).report
    assert (report["decision"], report["output"]) == ("go", "same")
    setup = "import asyncio\nasync def f(n):\n    await asyncio.sleep(0)\n    return sum(range(n)) * 0"
    report = micro("-a", "f(9000)", "-b", "await f(90)", "--setup", setup, python=oldest_and_newest).report
    assert (report["decision"], report["output"], report["form"]) == ("go", "same", "statements")


@pytest.mark.real
def test_a_script_that_takes_an_argument_is_run_whole(micro, tmp_path, oldest_and_newest):
    text = """\
        import sys

        if __name__ == "__main__":
            for i in range({"a": 3_000_000, "b": 3_000}[sys.argv[1]]):
                pass
            sys.exit(0)
        """
    script = write_script(tmp_path / "plain", text)
    report = micro(script, folder=tmp_path / "plain", python=oldest_and_newest).report
    assert report["decision"] == "go"
    assert {len(replicate["pairs"]) for replicate in report["replicates"]} == {1}
    assert report["replicates"][0]["pairs"][0]["base"]["iterations"] == 1
    assert (report["head"]["name"], report["output"]) == ("try.py b", "not_comparable")


@pytest.mark.real
def test_a_function_is_compared_with_head(micro, package, oldest_and_newest):
    before = package.state()[0]
    target = ["src/pkg/core.py::work", "--call", "work(n)", "--setup", "n = 200"]
    outcome = micro(*target, "--gate", python=oldest_and_newest)
    assert outcome.code == 0, outcome.err
    report = outcome.report
    assert (report["decision"], report["form"], report["output"]) == ("go", "function", "same")
    assert (report["path"], report["function"]) == ("src/pkg/core.py", "work")
    assert report["base_commit"] == package.git("rev-parse", "HEAD")
    assert (report["base"]["name"], report["head"]["name"]) == ("HEAD", "working tree")
    assert report["estimate"]["point_estimate"] < 0.7
    assert package.state()[0] == before


def test_a_method_and_another_base(micro, package):
    package.commit({})
    target = ["pkg/core.py::Worker.run", "--call", "Worker(200).run()"]
    outcome = micro(*target, "--base", "HEAD^", "--memory", folder=package.folder / "src", as_text=True)
    assert outcome.code == 0, outcome.err
    lines = outcome.out.splitlines()
    assert lines[0] == "src/pkg/core.py::Worker.run"
    assert "HEAD^" in lines[1]
    assert "working tree" in lines[2]
    assert any(line.startswith("memory  ") and " at the peak" in line for line in lines)
    assert "comes from the working tree on both sides" in outcome.out
    assert lines[-1].startswith("go: the speedup is ")
    # Nothing differs from HEAD.
    outcome = micro(*target, "--worth", "100", folder=package.folder / "src")
    assert (outcome.code, outcome.report["decision"]) == (3, "no_answer")
    assert outcome.report["decision_reason"] == "both sides are the same code"
    assert "nothing_changed" in outcome.warnings()


@pytest.mark.real
def test_less_memory_is_seen(micro):
    report = micro("-a", "sum([i for i in range(20000)])", "-b", "sum(i for i in range(20000))", "--memory").report
    memory = report["memory"]
    assert (memory["resource"], memory["verdict"]) == ("peak_memory", "improved")
    assert memory["median"]["base"] > 100_000 > memory["median"]["head"]


def test_an_edit_within_the_same_second_is_seen(micro, package):
    core = package.folder / "src/pkg/core.py"
    edited = os.stat(core)
    # This leaves bytecode of the present text for the next process.
    assert micro("src/pkg/core.py::work", "--call", "work(200)").report["decision"] == "go"
    python = [INTERPRETERS[next(iter(INTERPRETERS))], "-c", "import pkg.core"]
    subprocess.run(python, cwd=package.folder / "src", check=True)
    core.write_text(core.read_text().replace("n * 1", "n * 9"))
    os.utime(core, ns=(edited.st_atime_ns, edited.st_mtime_ns))
    report = micro("src/pkg/core.py::work", "--call", "work(200)").report
    assert (report["decision"], report["verdict"]) == ("stop", "regressed")


def test_variants_that_return_different_values_are_reported(micro):
    statements = ["-a", "sorted(x)", "-b", "sorted(x)[:3]", "--setup", "x = [3, 1, 2, 5, 4]", *AT_ONCE]
    outcome = micro(*statements)
    assert outcome.report["output"] == "different"
    assert outcome.report["output_difference"]["base"] == "a list of 5"
    assert "output_differs" in outcome.warnings()
    assert (
        "DIFFERENT RESULTS: -a returns a list of 5 and -b returns a list of 3" in micro(*statements, as_text=True).out
    )


@pytest.mark.parametrize(
    ("lazy", "what", "hint"),
    [
        ("g(900)", "a generator", "-b 'list(g(900))'"),
        ("map(str, x)", "an iterator", "-b 'list(map(str, x))'"),
        ("c(900)", "an async generator", "-b '[item async for item in c(900)]'"),
    ],
)
def test_what_nobody_consumes_is_no_faster_version(micro, lazy, what, hint):
    setup = "x = range(900)\ndef g(n):\n  yield from range(n)\nasync def c(n):\n  for i in range(n): yield i"
    statements = ["-a", "list(g(900))", "-b", lazy, "--setup", setup]
    report = micro(*statements).report
    warning = next(warning for warning in report["warnings"] if warning["code"] == "output_not_consumed")
    assert warning["message"] == f"the call returns {what} that nothing consumes: its body is not timed (on head)"
    assert warning["hint"].endswith(hint)
    assert report["output"] == "not_comparable"
    assert report["output_reason"] == f"the call returns {what}"
    assert report["decision_reason"].endswith("the value that a call returns is not consumed, so its work is not timed")


def test_why_results_are_not_compared_is_said(micro):
    outcome = micro("-a", "object()", "-b", "object()", *AT_ONCE, as_text=True)
    assert "the results are not compared: a object shows nothing of its value" in outcome.out


def test_a_call_that_changes_what_the_setup_made_is_no_silent_go(micro, package):
    package.commit({"src/pkg/order.py": "def lowest(xs):\n    return sorted(xs)[0]\n"})
    package.write({"src/pkg/order.py": "def lowest(xs):\n    xs.sort()\n    return xs[0]\n"})
    for count in (3_000, 20_000):
        setup = f"xs = list(range({count}, 0, -1))"
        report = micro("src/pkg/order.py::lowest", "--call", "lowest(xs)", "--setup", setup).report
        (warning,) = [warning for warning in report["warnings"] if warning["code"] == "setup_changed"]
        assert warning["message"].startswith("the calls of working tree change `xs`, which --setup made")
        assert "--call 'lowest(list(xs))'" in warning["hint"]
        if report["decision"] != "no_answer":
            assert "do not all get the same" in report["decision_reason"]
    report = micro("src/pkg/order.py::lowest", "--call", "lowest(list(xs))", "--setup", setup).report
    assert "setup_changed" not in [warning["code"] for warning in report["warnings"]]


@pytest.mark.parametrize(
    ("setup", "statement", "hint"),
    [
        ("xs = []", "xs.append(1)", "-a 'list(xs).append(1)'"),
        ("d = {}", "d[len(d)] = 1", "-a 'dict(d)[len(dict(d))] = 1'"),
        ("g = (i for i in range(99))", "sum(g)", "make a new `g`"),
        ("g = iter([1, 2, 3])", "sum(g)", "make a new `g`"),
        ("import io\nf = io.StringIO('a b c')", "f.read()", "make a new `f`"),
    ],
)
def test_state_that_grows_or_is_used_up_is_seen(micro, setup, statement, hint):
    report = micro("-a", statement, "-b", statement, "--setup", setup, *AT_ONCE).report
    warning = next(warning for warning in report["warnings"] if warning["code"] == "setup_changed")
    assert "the calls of -a and of -b change" in warning["message"]
    assert hint in warning["hint"]


def test_the_module_level_of_a_script_is_its_setup(micro, tmp_path):
    text = (
        "DATA = [3, 2, 1]\ndef bench_a(): return sorted(DATA)[0]\ndef bench_b():\n    DATA.sort()\n    return DATA[0]\n"
    )
    report = micro(write_script(tmp_path / "plain", text), folder=tmp_path / "plain").report
    warning = next(warning for warning in report["warnings"] if warning["code"] == "setup_changed")
    assert warning["message"].startswith("the calls of bench_b change `DATA`, which a script's module level made")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["src/pkg/core.py::work", "--call", "work("], "--call cannot be parsed: SyntaxError"),
        (["src/pkg/core.py::work", "--call", "work(1)", "--setup", "x ="], "--setup cannot be parsed: SyntaxError"),
        (["-a", "1", "-b", "x ="], "-b cannot be parsed: SyntaxError"),
        (["-a", "if", "-b", "1"], "-a cannot be parsed: SyntaxError"),
        (["-a", "# nothing", "-b", "1"], "-a cannot be parsed: SyntaxError: there is nothing to run"),
    ],
)
def test_what_is_no_python_is_a_usage_error(micro, package, arguments, words):
    outcome = micro(*arguments, as_text=True)
    assert (outcome.code, outcome.out) == (2, "")
    assert words in outcome.err
    assert "hint: " in outcome.err


@pytest.mark.parametrize(
    ("call", "decision"),
    [
        ("other(50)", "no_answer"),
        ("work(9)", "go"),
        # Lines of other threads are not counted.
        ("cached(9)", "stop"),
        ("Thing().method(9)", "go"),
        ("Thing.made(9)", "go"),
        ("consumed(9)", "go"),
    ],
)
def test_a_call_that_does_not_run_the_function_gets_no_answer(micro, repository, call, decision):
    code = """\
        import functools, threading

        def other(n):
            total = 0
            for i in range(n):
                total += i
            return total * 0

        def work(n):
            return other(n * {times})

        @functools.lru_cache(maxsize=None)
        def inner(n):
            return other(n * {times})

        def cached(n):
            inner.cache_clear()
            thread = threading.Thread(target=inner, args=(n,))
            thread.start()
            thread.join()
            return inner(n)

        class Thing:
            def method(self, n):
                return other(n * {times})

            @staticmethod
            def made(n):
                return other(n * {times})

        def numbers(n):
            yield other(n * {times})

        def consumed(n):
            return list(numbers(n))
    """
    repository.commit({"pkg/__init__.py": "", "pkg/m.py": textwrap.dedent(code).format(times=30)})
    repository.write({"pkg/m.py": textwrap.dedent(code).format(times=3)})
    functions = {"cached(9)": "inner", "consumed(9)": "numbers", "other(50)": "work"}
    function = functions.get(call) or call.replace("()", "").partition("(")[0]
    outcome = micro(f"pkg/m.py::{function}", "--call", call)
    assert outcome.report["decision"] == decision, outcome.err
    assert ("function_not_called" in outcome.warnings()) == (decision == "no_answer")
    if decision == "no_answer":
        assert outcome.code == 3
        assert outcome.report["decision_reason"] == "the call `other(50)` does not run `work`"
    # If no loop was started, nothing is recorded.
    assert repository.git("status", "--short", "--untracked-files=all", "--", ":!*.pyc") == "M pkg/m.py"


def test_a_function_of_one_side_only_is_named(micro, package):
    package.write({"src/pkg/core.py": CODE.format(times=1) + "\n    def newf():\n        return 1\n"})
    outcome = micro("src/pkg/core.py::newf", "--call", "newf()")
    assert outcome.code == 3
    assert outcome.report["decision_reason"].startswith("`newf` exists only in the working tree")
    assert "hint: --call something that both have" in outcome.err
    # Nothing was measured, so the machine could disturb nothing; no message is repeated.
    assert outcome.warnings() == ["nothing_measured"]
    assert outcome.err.count("NameError") == 1
    # A call of something that both sides have works.
    work = ["src/pkg/core.py::newf", "--call", "work(2)"]
    assert micro(*work).report["estimate"] is not None


def test_statements_may_change_what_the_setup_made(micro):
    report = micro("-a", "x += 1\nfor i in range(500): pass", "-b", "x += 1", "--setup", "x = 0").report
    assert report["decision"] == "go"


def test_a_call_that_raises_is_shown_with_its_side(micro, package):
    package.write({"src/pkg/core.py": CODE.format(times=1).replace("return n\n", "return helper()\n")})
    outcome = micro("src/pkg/core.py::work", "--call", "work(2)", "--gate")
    assert outcome.code == 3
    assert (outcome.report["decision"], outcome.report["estimate"]) == ("no_answer", None)
    assert "nothing_measured" in outcome.warnings()
    assert "working tree (head) fails: ValueError: not here" in outcome.err
    assert 'raise ValueError("not here")' in outcome.err
    assert "deadheat_worker" not in outcome.err
    outcome = micro("src/pkg/core.py::work", "--call", "work(2)", "--setup", "import nothing_like_it", as_text=True)
    assert outcome.code == 3
    assert "both variants fail: ModuleNotFoundError: No module named 'nothing_like_it'" in outcome.err
    assert outcome.out.splitlines()[-1].startswith("no answer: both variants fail")
    assert "hint:" not in outcome.err
    outcome = micro("src/pkg/core.py::work", "--call", "work(size)", as_text=True)
    assert (outcome.code, "hint: make what the call needs in --setup" in outcome.err) == (3, True)


def test_a_variant_that_hangs_has_no_answer_in_time(micro):
    statements = ["-a", "1", "-b", "signal.pause()", "--setup", "import signal", "--timeout", "10"]
    outcome = micro(*statements, "--gate")
    assert outcome.code == 3
    assert outcome.report["decision"] == "no_answer"
    assert "-b was still in its call" in outcome.report["decision_reason"]


def test_calls_that_take_too_long_say_what_an_answer_would_take(micro, tmp_path):
    # The first pair of processes is quick, and no later one ends.
    setup = f"""\
        import os
        import signal

        counter = {str(tmp_path / "processes")!r}
        with open(counter, "a") as file:
            file.write("x")
        is_quick = os.path.getsize(counter) <= 2

        def call():
            if not is_quick:
                signal.pause()
        """
    setup = textwrap.dedent(setup)
    outcome = micro("-a", "1", "-b", "call()", "--setup", setup, "--timeout", "10", as_text=True)
    assert outcome.code == 3
    *_, answer, longer = outcome.out.splitlines()
    assert answer.startswith("no answer: 1 of at least 5 process pairs could be measured in 10 s"), answer
    assert longer.startswith("next: deadheat micro -a 1 -b 'call()' --setup "), longer
    assert "an answer would take about" in outcome.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["src/pkg/core.py::wrk", "--call", "work(1)"], ("has no function `wrk`", "did you mean `work`")),
        (["src/pkg/cor.py::work", "--call", "work(1)"], ("there is no file src/pkg/cor.py", "`src/pkg/core.py`")),
        (["src/pkg/new.py::f", "--call", "f()"], ("HEAD has no file `src/pkg/new.py`", "--base REF")),
        (["src/pkg/core.py::work"], ("--call is missing", "")),
        (["src/pkg/core.py::work", "--call", "work(1)", "--base", "man"], ("`man` is not a commit", "`main`")),
        (["half.py"], ("has a function bench_a but no bench_b", "`bench_c`")),
        (["lone.py"], ("has a function bench_a but no bench_b", "also write bench_b")),
        (["none.py"], ("there is no file none.py", "hint: ")),
        (["src/pkg/cor.py"], ("there is no file src/pkg/cor.py", "`src/pkg/core.py`")),
        (["pkg.core::work", "--call", "work(1)"], ("there is no file pkg.core", "did you mean `src/pkg/core.py`")),
        (["src/pkg/core.py::zz", "--call", "zz()"], ("has no function `zz`", "it has `Worker.__init__`")),
        (["src/pkg/core.py::work", "--call", "work(1)", "--base", "zz"], ("`zz` is not a commit", "git branch --all")),
        (["src/pkg/new.py"], ("neither has functions bench_a and bench_b nor reads its", "`src/pkg/new.py::f`")),
        (["lone.py", "--setup", "x"], ("a script does its set-up itself", "hint: ")),
        (["-a", "", "-b", ""], ("-a: there is nothing to run", "hint: ")),
        (["-a", "1"], ("-b <STMT>", "")),
        (["-a", "1", "-b", "2", "--call", "3"], ("--call needs a function", "")),
    ],
)
def test_what_is_not_there_is_named_with_what_is_near(deadheat_command, package, arguments, words):
    package.write(
        {
            "src/pkg/new.py": "def f(): pass\n",
            "half.py": "def bench_a(): pass\ndef bench_c(): pass\n",
            "lone.py": "def bench_a(): pass\n",
        }
    )
    outcome = deadheat_command("micro", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    for word in words:
        assert word in outcome.err


def test_a_function_needs_a_repository(deadheat_command, tmp_path):
    write_script(tmp_path / "plain", "def f(): pass\n", "a.py")
    outcome = deadheat_command("micro", "a.py::f", "--call", "f()", folder=tmp_path / "plain")
    assert outcome.code == 2
    assert "not inside a git repository" in outcome.err


def test_an_installed_copy_of_the_project_is_refused(micro, package, tmp_path):
    site = tmp_path / "site"
    (site / "pkg").mkdir(parents=True)
    (site / "pkg" / "__init__.py").write_text("")
    before = f"import sys; sys.path.insert(0, {str(site)!r})"
    script = write_script(package.folder, f"{before}\nimport pkg\ndef bench_a(): pass\ndef bench_b(): pass\n")
    outcome = micro(script)
    assert outcome.code == 3
    assert f"`pkg` was imported from {site}" in outcome.err


def test_no_pytest_is_needed(micro, tmp_path):
    version = min(INTERPRETERS)
    bare = environment(f"{version}-bare", version)
    script = write_script(tmp_path / "plain", SCRIPT.format(kind="def", n=100))
    outcome = micro(script, folder=tmp_path / "plain", python=bare)
    assert (outcome.code, outcome.report["decision"]) == (0, "go"), outcome.err


def test_the_help_has_an_example(deadheat_command):
    outcome = deadheat_command("micro", "--help")
    assert outcome.code == 0
    assert "deadheat micro try.py" in outcome.out


def test_json_is_one_value_and_nothing_else(micro):
    outcome = micro("-a", "1", "-b", "1", "-q", *AT_ONCE)
    assert json.loads(outcome.out)["target"] == "-a 1 -b 1"
    assert outcome.err == ""
