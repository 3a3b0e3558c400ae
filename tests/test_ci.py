"""Pull requests: `--pr` and `action.yml`, with stand-ins for `gh` and for a deadheat that is only called."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from conftest import ROOT, WORK, Repository

pytestmark = [pytest.mark.counted, pytest.mark.quick]

SCRIPT = ROOT / "action" / "github.py"
SLOW, FAST = WORK.format(times=20), WORK.format(times=1)
BENCHMARK = """\
    import os

    from pkg.core import work


    def test_work(benchmark):
        assert "GH_TOKEN" not in os.environ
        benchmark(work, 200)
    """


def executable(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o755)
    return path


# A stand-in for `gh`, as far as these tests need it: its answers are in a file, and comments are kept in another.
GH = """\
import json, os, pathlib, sys

here = pathlib.Path(__file__).parent
arguments = sys.argv[1:]
with (here / "calls.jsonl").open("a") as file:
    file.write(json.dumps(arguments) + "\\n")
assert arguments.pop(0) == "api", arguments
body = json.load(sys.stdin) if "--input" in arguments else None
method = arguments[arguments.index("--method") + 1] if "--method" in arguments else "GET"
paths = [argument for argument in arguments if argument.startswith(("repos/", "user"))]
(path,) = paths
if path.endswith("/reactions"):
    sys.exit("gh: Not Found (HTTP 404)" if (here / "no-reactions").exists() else 0)
store = here / "comments.json"
comments = json.loads(store.read_text()) if store.exists() else []
if method != "GET" and (here / "read-only").exists():
    sys.exit("gh: Resource not accessible by integration (HTTP 403)\\nsecond % line")
if "/comments" not in path:
    answers = json.loads((here / "answers.json").read_text())
    if path not in answers:
        sys.exit(f"gh: Not Found (HTTP 404): {path}")
    print(json.dumps(answers[path]))
elif method == "GET":
    # A page each, as gh prints them.
    for comment in comments:
        print(json.dumps([comment]), end="")
elif method == "POST":
    assert path == "repos/o/n/issues/7/comments", path
    comments.append({"id": len(comments) + 1, "body": body["body"], "user": {"type": "Bot", "login": "b"}})
    print(json.dumps(comments[-1]))
else:
    number = int(path.removeprefix("repos/o/n/issues/comments/"))
    comments[number - 1]["body"] = body["body"]
store.write_text(json.dumps(comments))
"""


class GitHub:
    def __init__(self, folder):
        self.folder = folder
        executable(folder / "gh", GH)

    def environment(self):
        return {"PATH": f"{self.folder}{os.pathsep}{os.environ['PATH']}", "GH_TOKEN": "secret"}

    def answer(self, **answers):
        (self.folder / "answers.json").write_text(json.dumps(answers))

    def calls(self):
        store = self.folder / "calls.jsonl"
        return [json.loads(line) for line in store.read_text().splitlines()] if store.exists() else []

    def comments(self):
        store = self.folder / "comments.json"
        return json.loads(store.read_text()) if store.exists() else []

    def write_comments(self, *comments):
        (self.folder / "comments.json").write_text(json.dumps(comments))


@pytest.fixture
def github(tmp_path):
    return GitHub(tmp_path / "bin")


# --pr


@pytest.fixture
def pull_request(tmp_path, github):
    """A clone with neither the pull request nor later commits; base is older than the target's tip."""
    server = Repository(tmp_path / "server")
    base = server.commit({"pkg/__init__.py": "", "pkg/core.py": FAST, "benchmarks/test_b.py": BENCHMARK})
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", server.folder, clone], check=True)
    server.git("checkout", "--quiet", "-b", "feature")
    head = server.commit({"pkg/core.py": SLOW})
    server.git("update-ref", "refs/pull/7/head", head)
    server.git("checkout", "--quiet", "main")
    server.git("branch", "--quiet", "-D", "feature")
    tip = server.commit({"README": "later"})
    answers = {
        "repos/{owner}/{repo}/pulls/7": {
            "head": {"sha": head},
            "base": {"sha": tip, "ref": "main", "repo": {"full_name": "o/n", "clone_url": str(server.folder)}},
        },
        f"repos/o/n/compare/{tip}...{head}?per_page=1": {"merge_base_commit": {"sha": base}},
    }
    github.answer(**answers)
    return {"clone": clone, "base": base, "head": head, "tip": tip}


def git_files(clone):
    """Returns every file in `.git` except objects."""
    git = clone / ".git"
    return {
        str(path.relative_to(git)): path.read_bytes()
        for path in git.rglob("*")
        if path.is_file() and path.relative_to(git).parts[0] != "objects"
    }


def test_a_pull_request_is_compared_with_where_it_left_its_target(pull_request, github, compare):
    clone = pull_request["clone"]
    before = git_files(clone)
    run = {"folder": clone, "environment": github.environment()}
    outcome = compare("--pr", 7, **run)
    assert outcome.code == 0, outcome.err
    assert outcome.verdicts() == {"test_work": "regressed"}
    revisions = outcome.report["revisions"]
    assert revisions["base"]["commit"] == pull_request["base"]
    assert revisions["base"]["name"] == "merge base of main and pull request 7"
    assert revisions["head"] == {"name": "pull request 7", "commit": pull_request["head"], "dirty": False}
    assert "fetching 1 commit of pull request 7 from " in outcome.err
    # Only objects were added.
    assert git_files(clone) == before
    # The commits are here now.
    again = compare("--pr", 7, "--dry-run", **run)
    assert again.code == 0, again.err
    assert "fetching" not in again.err


def test_a_shallow_clone_is_enough(pull_request, github, compare, tmp_path):
    server = pull_request["clone"].parent / "server"
    shallow = tmp_path / "shallow"
    subprocess.run(["git", "clone", "--quiet", "--depth=1", f"file://{server}", shallow], check=True)
    outcome = compare("--pr", 7, "--dry-run", folder=shallow, environment=github.environment())
    assert outcome.code == 0, outcome.err
    assert "fetching 2 commits" in outcome.err
    assert outcome.targets() == {"work": "modified"}


def test_without_gh_or_a_pull_request_of_that_number_the_error_says_so(
    pull_request, github, deadheat_command, tmp_path
):
    clone = pull_request["clone"]
    unknown = deadheat_command("compare", "--pr", 8, folder=clone, environment=github.environment())
    assert unknown.code == 2
    assert "--pr 8: gh could not look it up: gh: Not Found" in unknown.err
    # A PATH with git alone.
    (tmp_path / "only-git").mkdir()
    git = subprocess.run(["which", "git"], capture_output=True, text=True, check=True).stdout.strip()
    (tmp_path / "only-git" / "git").symlink_to(git)
    lacking = deadheat_command("compare", "--pr", 7, folder=clone, environment={"PATH": str(tmp_path / "only-git")})
    assert lacking.code == 2
    assert "`gh`, which is not on the PATH" in lacking.err
    both = deadheat_command("compare", "--pr", 7, "main", folder=clone, environment=github.environment())
    assert both.code == 2
    none = deadheat_command("compare", "--pr", 0, folder=clone, environment=github.environment())
    assert none.code == 2
    assert "invalid value '0' for '--pr <N>'" in none.err


@pytest.mark.parametrize("sha", ["--upload-pack=touch x", "main", "", "z" * 40])
def test_what_is_no_commit_is_not_fetched(pull_request, github, deadheat_command, sha):
    answers = json.loads((github.folder / "answers.json").read_text())
    answers["repos/{owner}/{repo}/pulls/7"]["head"]["sha"] = sha
    github.answer(**answers)
    outcome = deadheat_command("compare", "--pr", 7, folder=pull_request["clone"], environment=github.environment())
    assert outcome.code == 5
    assert "cannot be understood" in outcome.err
    assert len(github.calls()) == 1


# action.yml


@pytest.fixture
def step(tmp_path, github):
    """Runs a step of the action in its own folder."""
    folder = tmp_path / "checkout"
    folder.mkdir()

    def run(*arguments, **variables):
        environment = {
            **os.environ,
            **github.environment(),
            "GITHUB_OUTPUT": str(tmp_path / "output"),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
            "GITHUB_REPOSITORY": "o/n",
            "FOLDER": ".",
            "PULL_REQUEST": "7",
            **variables,
        }
        return subprocess.run(
            [sys.executable, SCRIPT, *map(str, arguments)],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    run.folder = folder
    run.report = folder / "deadheat.md"
    run.summary = tmp_path / "summary"
    run.output = tmp_path / "output"
    return run


@pytest.fixture
def stand_in(tmp_path):
    """A stand-in for `deadheat` that records its arguments."""
    return executable(
        tmp_path / "stand-in" / "deadheat",
        "import json, os, sys\n"
        "json.dump(sys.argv[1:], open('call.json', 'w'))\n"
        "sys.exit(int(os.environ['ENDS_WITH']))\n",
    )


def called(step):
    return json.loads((step.folder / "call.json").read_text())


def test_measuring_calls_the_command_line_and_notes_its_code(step, stand_in):
    hostile = "--fail-on regression:5 -k '$(touch pwned); `touch pwned`'"
    answer = step("measure", stand_in, ARGUMENTS=hostile, PROJECT_PYTHON="/env/python", ENDS_WITH="1")
    assert answer.returncode == 0, answer.stderr
    assert called(step) == [
        *("compare", "--pr", "7", "--python", "/env/python"),
        *("--fail-on", "regression:5", "-k", "$(touch pwned); `touch pwned`"),
        *("-o", "deadheat.json", "-o", "deadheat.html", "-o", "deadheat.md"),
    ]
    assert not (step.folder / "pwned").exists()
    assert step.output.read_text() == "code=1\nartifact=deadheat\n"


def test_a_part_is_measured_for_a_merge(step, stand_in):
    step("measure", stand_in, PARTITION="2/4", PROJECT_PYTHON="p", PULL_REQUEST="", ENDS_WITH="0")
    assert called(step) == ["compare", "--python", "p", "-o", "deadheat.json", "--partition", "2/4"]
    assert step.output.read_text() == "code=0\nartifact=deadheat-2-of-4\n"
    for part in ("deadheat-2-of-4", "deadheat-1-of-4"):
        (step.folder / "parts" / part).mkdir(parents=True)
        (step.folder / "parts" / part / "deadheat.json").write_text("{}")
    step("measure", stand_in, MERGE="parts/*/deadheat.json", ENDS_WITH="0")
    assert called(step)[:3] == [
        "merge",
        "parts/deadheat-1-of-4/deadheat.json",
        "parts/deadheat-2-of-4/deadheat.json",
    ]


@pytest.mark.parametrize(
    ("code", "partition", "ends_with"), [("0", "", 0), ("1", "", 1), ("1", "1/4", 0), ("4", "1/4", 4), ("", "", 5)]
)
def test_the_job_ends_as_deadheat_did(step, code, partition, ends_with):
    assert step("finish", CODE=code, PARTITION=partition).returncode == ends_with


def test_there_is_one_comment_and_it_is_updated(step, github):
    step.report.write_text("first: größer | `x` $(touch pwned)")
    assert step("publish").returncode == 0
    (comment,) = github.comments()
    assert comment["body"].startswith("<!-- deadheat ")
    assert comment["body"].endswith("\nfirst: größer | `x` $(touch pwned)")
    step.report.write_text("second")
    assert step("publish").returncode == 0
    (comment,) = github.comments()
    assert comment["body"].endswith("\nsecond")
    # Another project in the same repository has its own comment.
    assert step("publish", FOLDER="other").returncode == 0
    assert len(github.comments()) == 2
    assert not step.summary.exists()


def test_a_run_without_a_report_says_so_in_the_comment_that_there_is(step, github):
    assert step("publish", CODE="2").returncode == 0
    assert github.comments() == []
    step.report.write_text("2 improved")
    step("publish")
    step.report.unlink()
    run = {"GITHUB_SERVER_URL": "https://example.org", "GITHUB_RUN_ID": "5"}
    answer = step("publish", CODE="5", **run)
    assert answer.returncode == 0, answer.stderr
    (comment,) = github.comments()
    marker, _, said = comment["body"].partition("\n")
    assert marker.startswith("<!-- deadheat ")
    assert said.startswith("### No report\n\ndeadheat ended with code 5: something went wrong.")
    assert "[the job](https://example.org/o/n/actions/runs/5)" in said
    # The next report replaces it.
    step.report.write_text("1 improved")
    step("publish")
    assert [comment["body"] for comment in github.comments()] == [f"{marker}\n1 improved"]


def test_the_comments_of_others_stay_as_they_are(step, github):
    step.report.write_text("mine")
    step("publish")
    marker = github.comments()[0]["body"].partition("\n")[0]
    others = {"id": 1, "body": f"{marker}\nnot yours", "user": {"type": "User", "login": "somebody"}}
    github.write_comments(others)
    github.answer(user={"login": "me"})
    step("publish")
    step("publish")
    comments = github.comments()
    assert comments[0] == others
    assert [comment["body"] for comment in comments[1:]] == [f"{marker}\nmine"]
    # With a person's token, that person's comment is ours.
    github.answer(user={"login": "somebody"})
    github.write_comments(others)
    step("publish")
    assert [comment["body"] for comment in github.comments()] == [f"{marker}\nmine"]


def test_a_fork_may_not_comment_and_gets_the_jobs_summary(step, github):
    step.report.write_text("the report")
    (github.folder / "read-only").touch()
    answer = step("publish")
    assert answer.returncode == 0, answer.stderr
    assert github.comments() == []
    assert step.summary.read_text() == "the report\n"
    (line,) = answer.stdout.splitlines()
    assert line.startswith("::warning title=deadheat::the comment cannot be written")
    assert line.endswith("Resource not accessible by integration (HTTP 403)%0Asecond %25 line")


def test_without_gh_or_without_a_pull_request_there_is_the_summary(step, github):
    step.report.write_text("the report")
    assert step("publish", PULL_REQUEST="").returncode == 0
    assert step.summary.read_text() == "the report\n"
    (github.folder / "gh").unlink()
    assert step("publish", PATH=str(github.folder)).returncode == 0
    assert step.summary.read_text() == "the report\nthe report\n"
    step.report.unlink()
    assert step("publish").returncode == 0


def test_the_longest_report_that_there_is_is_a_comment_whole(step, github):
    renderer = (ROOT / "crates" / "deadheat-core" / "src" / "report" / "markdown" / "comment.rs").read_text()
    longest = int(re.search(r"MOST_BYTES: usize = ([0-9_]+);", renderer)[1])
    # The rows are numbered, so that it would show which ones are missing.
    report = "".join(f"| {number:06} |\n" for number in range(longest // 11))
    step.report.write_text(report)
    assert step("publish").returncode == 0
    (comment,) = github.comments()
    marker, _, text = comment["body"].partition("\n")
    assert text == report
    # GitHub's limit in characters.
    assert len(f"{marker}\n") + longest <= 65_536


@pytest.mark.parametrize(
    ("file", "steps", "of_the_event"),
    # A number. Titles, bodies and names of branches are not used at all.
    [
        ("action.yml", 4, {"github.event.pull_request.number"}),
        ("action/ask/action.yml", 1, set()),
        ("action/answer/action.yml", 2, set()),
    ],
)
def test_nothing_from_outside_is_written_into_a_shell(file, steps, of_the_event):
    text = (ROOT / file).read_text()
    runs = re.findall(r"^( +)(?:- )?run: (.*(?:\n(?:\1 +.*)?)*)", text, re.MULTILINE)
    assert len(runs) == steps
    for _, commands in runs:
        assert "${{" not in commands
    values = set(re.findall(r"\$\{\{\s*([^}]+?)\s*\}\}", text))
    assert {value for value in values if value.startswith("github.event")} == of_the_event


# Installing


BACKEND = """\
import pathlib, sys, zipfile

def build_wheel(directory, *_):
    return make_wheel(pathlib.Path(directory), "0.2.0", "source")

def make_wheel(directory, version, origin):
    name = f"deadheat-{version}-py3-none-any.whl"
    info = f"deadheat-{version}.dist-info"
    with zipfile.ZipFile(directory / name, "w") as wheel:
        wheel.writestr("deadheat.py", f"ORIGIN = {origin!r}\\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\\nName: deadheat\\nVersion: {version}\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return name

if __name__ == "__main__":
    make_wheel(pathlib.Path(sys.argv[1]), sys.argv[2], "index")
"""


@pytest.fixture
def installs(tmp_path):
    """Installs a revision of the action with the real pip, from stand-ins for PyPI and for this repository."""
    revision, index = tmp_path / "revision", tmp_path / "index"
    index.mkdir()
    shutil.copytree(ROOT / "action", revision / "action")
    (revision / "Cargo.toml").write_text('[workspace.package]\nversion = "0.2.0"\n')
    (revision / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (revision / "backend.py").write_text(BACKEND)

    def run(heading, published=(), rust=True):
        (revision / "CHANGELOG.md").write_text(f"# Changelog\n\n## {heading}\n\n- a\n\n## 0.1.0 - 2026-01-01\n")
        for version in published:
            subprocess.run([sys.executable, revision / "backend.py", index, version], check=True)
        (tmp_path / "tools").mkdir()
        if rust:
            executable(tmp_path / "tools" / "cargo", "")
        answer = subprocess.run(
            [sys.executable, revision / "action" / "github.py", "install", tmp_path / "environment"],
            env={"PATH": str(tmp_path / "tools"), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index)},
            capture_output=True,
            text=True,
            check=False,
        )
        modules = list((tmp_path / "environment").glob("lib/*/site-packages/deadheat.py"))
        return answer, re.search("'(.*)'", modules[0].read_text())[1] if modules else None

    return run


@pytest.mark.real
def test_a_release_of_the_action_installs_its_wheel(installs):
    answer, origin = installs("0.2.0 - 2026-12-01", published=["0.2.0", "0.3.0"], rust=False)
    assert answer.returncode == 0, answer.stderr
    assert origin == "index"
    assert answer.stdout == ""


@pytest.mark.real
def test_what_is_not_a_release_never_installs_a_wheel_that_somebody_published(installs):
    answer, origin = installs("0.2.0 - unreleased", published=["0.2.0"])
    assert answer.returncode == 0, answer.stderr
    assert origin == "source"
    assert answer.stdout.startswith("This revision is not a release: building deadheat from source")


@pytest.mark.real
def test_where_there_is_no_wheel_it_is_built(installs):
    answer, origin = installs("0.2.0 - 2026-12-01", published=["0.3.0"])
    assert answer.returncode == 0, answer.stderr
    assert origin == "source"
    assert answer.stdout.startswith(
        "PyPI has no wheel of deadheat 0.2.0 for this machine: building deadheat from source"
    )


@pytest.mark.parametrize("heading", ["0.2.0 - unreleased", "Unreleased", "0.3.0 - 2026-12-01", "0.2.0"])
def test_without_a_wheel_and_without_rust_the_error_says_what_to_do(installs, heading):
    answer, _ = installs(heading, rust=False)
    assert answer.returncode == 1
    assert answer.stdout.startswith(
        "::error title=deadheat::This revision is not a release, and deadheat cannot be built here: use a release"
    )


@pytest.mark.real
def test_the_sources_of_a_release_hold_what_is_compiled_into_the_program(tmp_path):
    maturin = Path(sys.executable).with_name("maturin")
    subprocess.run([maturin, "sdist", "--out", tmp_path], cwd=ROOT, check=True, capture_output=True)
    (sources,) = tmp_path.glob("deadheat-*.tar.gz")
    with tarfile.open(sources) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    included = {str(path.relative_to(ROOT)) for path in (ROOT / "examples" / "demo").glob("*/**/*.*") if path.is_file()}
    assert len(included) > 10
    assert included - held == set()


# /bench


BASE, HEAD, TIP = "b" * 40, "a" * 40, "c" * 40


@pytest.fixture
def ask(step, github, tmp_path):
    """Asks by a comment; returns the outputs, what was said in the pull request, and the step."""
    requests = {
        "repos/o/n/collaborators/octo-cat/permission": {"permission": "write"},
        "repos/o/n/pulls/7": {"state": "open", "base": {"sha": TIP}, "head": {"sha": HEAD}},
        f"repos/o/n/compare/{TIP}...{HEAD}?per_page=1": {"merge_base_commit": {"sha": BASE}},
    }

    def run(body, answers=None, **changes):
        github.answer(**{**requests, **(answers or {})})
        comment = {"id": 77, "body": body, "user": {"login": "octo-cat"}, "author_association": "MEMBER"}
        issue = {"number": 7, "pull_request": {}}
        event = {"action": "created", "comment": comment, "issue": issue}
        for name, value in changes.items():
            {**dict.fromkeys(comment, comment), "action": event, "issue": event}[name][name] = value
        (tmp_path / "event.json").write_text(json.dumps(event))
        answer = step("ask", GITHUB_EVENT_PATH=str(tmp_path / "event.json"))
        lines = step.output.read_text().splitlines() if step.output.exists() else []
        said = [comment["body"] for comment in github.comments()]
        return dict(line.split("=", 1) for line in lines), said, answer

    return run


def test_bench_starts_what_was_asked_for_with_options_of_our_own_writing(ask, github):
    body = "/bench --threshold=5 -k 'parse and not slow' --fail-on regression:5 --all\r\nplease"
    outputs, said, answer = ask(body)
    assert answer.returncode == 0, answer.stderr
    options = "--all -k 'parse and not slow' --threshold 5 --fail-on regression:5"
    assert outputs == {"comment": "1", "base": BASE, "head": HEAD, "arguments": f"{BASE} {HEAD} {options}"}
    assert said == [f"Comparing {BASE} with {HEAD} with `{options}`. The report will be here when the job has ended."]
    reaction = ["api", "--method", "POST", "repos/o/n/issues/comments/77/reactions", "--input", "-"]
    assert reaction in github.calls()


def test_every_option_that_a_comment_may_have_is_one_of_compare(ask, deadheat_command):
    outputs, _, _ = ask(
        "/bench --all --memory --profile -k x --functions 'a.py::f,g' --tests t.py::a --tests 't.py::b[1-2]' "
        "--threshold 2.5% --budget 60 --timeout 900 --replicates 20 --fail-on failed --fail-on output-change"
    )
    options = shlex.split(outputs["arguments"])[2:]
    assert len(options) == 23
    at = options.index("--budget")
    # Not beside --replicates.
    budget, others = options[at : at + 2], options[:at] + options[at + 2 :]
    for arguments in (others, budget):
        outcome = deadheat_command("compare", *arguments)
        # The error that comes after it has parsed its arguments.
        assert "this repository has no commits yet" in outcome.err


def test_bench_without_options_is_enough(ask, github):
    (github.folder / "no-reactions").touch()
    outputs, said, answer = ask("/bench")
    assert outputs["arguments"] == f"{BASE} {HEAD}"
    assert len(said) == 1
    # The reaction does not matter.
    assert "::warning title=deadheat::no reaction to the comment" in answer.stdout


@pytest.mark.parametrize(
    "line",
    [
        "--script 'touch pwned'",
        "--build 'touch pwned'",
        "--python ./evil",
        "--inject /etc/passwd",
        "--pass-env GH_TOKEN",
        "--pytest-arg=-pevil",
        "--config-file x.toml",
        "--record x",
        "-o /tmp/x",
        "--json",
        "--scr x",
        "--thresh 5",
        "main",
        "-- main",
        "$(touch pwned)",
        "; touch pwned",
        "-k",
        "-k ''",
        "-k --build",
        "-k=--build",
        "-k x --tests=--build",
        "--all=1",
        "--threshold '5 --build x'",
        "--threshold -5",
        "--replicates ٣",
        "--budget 1e9",
        "--fail-on 'regression:5 --build x'",
        "-k 'unclosed",
        "-k x\x00",
        "-k \u202ex",
        "\u2028--all",
        "\u00a0--all",
        "\x0b--all",
        "\r--all",
        "-k `x`",
        "-k " + "x" * 2000,
    ],
)
def test_what_a_comment_may_not_ask_for_is_answered_and_starts_nothing(ask, step, line):
    outputs, said, answer = ask(f"/bench {line}")
    assert answer.returncode == 0, answer.stderr
    assert outputs == {}
    (reply,) = said
    assert reply.startswith("`/bench` did not start: `")
    assert "--threshold PCT\n" in reply
    # The words of the comment are in code, where no one is mentioned and nothing is Markdown.
    assert reply.partition("\n")[0].count("`") == 4
    assert not (step.folder / "pwned").exists()


def test_only_the_first_line_counts(ask):
    outputs, _, _ = ask("/bench -k x\n--script 'touch pwned'\nhead=evil")
    assert outputs["arguments"] == f"{BASE} {HEAD} -k x"
    assert outputs["head"] == HEAD


@pytest.mark.parametrize(
    "changes",
    [
        {"body": "/benchmark"},
        {"body": "please /bench"},
        {"body": "\n/bench"},
        {"body": ""},
        {"action": "edited"},
        {"issue": {"number": 7}},
        {"author_association": "CONTRIBUTOR"},
        {"author_association": "FIRST_TIME_CONTRIBUTOR"},
        {"author_association": "NONE"},
        {"user": {"login": "a/../../x"}},
    ],
)
def test_other_comments_get_no_answer(ask, github, changes):
    outputs, said, answer = ask(**{"body": "/bench", **changes})
    assert answer.returncode == 0, answer.stderr
    assert (outputs, said, github.calls()) == ({}, [], [])


@pytest.mark.parametrize("permission", ["read", "none", "triage", None])
def test_a_member_who_may_not_write_starts_nothing(ask, permission):
    outputs, said, _ = ask("/bench", {"repos/o/n/collaborators/octo-cat/permission": {"permission": permission}})
    assert outputs == {}
    assert said == ["`/bench` did not start: only people with write access to this repository can start it."]


@pytest.mark.parametrize(
    ("answers", "code", "words"),
    [
        ({"repos/o/n/pulls/7": {"state": "closed"}}, 0, []),
        ({"repos/o/n/pulls/7": {"state": "open", "base": {"sha": TIP}, "head": {"sha": "x; y"}}}, 1, ["not a commit"]),
    ],
)
def test_what_github_says_of_the_pull_request_is_checked(ask, answers, code, words):
    outputs, said, answer = ask("/bench", answers)
    assert (outputs, answer.returncode) == ({}, code)
    assert said == ([] if code else ["`/bench` did not start: the pull request is not open."])
    for word in words:
        assert word in answer.stdout


# The answer to /bench


@pytest.fixture
def answer(step, github, tmp_path):
    """Answers with what a job left, and returns the comment."""
    stored = json.loads((ROOT / "tests" / "reports" / "first.json").read_text())

    def run(base=None, head=None):
        github.write_comments({"id": 1, "body": "Comparing ..."})
        commits = {side: stored["revisions"][side]["commit"] for side in ("base", "head")}
        outcome = step(
            *("answer", Path(sys.executable).with_name("deadheat")),
            REPORT="left/deadheat.json",
            COMMENT="1",
            BASE=base or commits["base"],
            HEAD=head or commits["head"],
            RUNNER_TEMP=str(tmp_path),
        )
        assert outcome.returncode == 0, outcome.stderr
        (comment,) = github.comments()
        return comment["body"]

    run.stored = stored
    run.file = step.folder / "left" / "deadheat.json"
    run.file.parent.mkdir()
    return run


def test_the_report_becomes_the_answer(answer):
    answer.file.write_text(json.dumps(answer.stored))
    body = answer()
    assert "test_" in body
    assert "No report" not in body


def test_a_report_of_other_commits_is_not_shown(answer):
    answer.file.write_text(json.dumps(answer.stored))
    assert answer(head=HEAD).startswith("### No report\n\nThe report that the job left is about different commits.")


def test_hostile_words_in_a_report_mean_nothing_in_the_comment(answer):
    hostile = answer.stored
    evil = "x\n\n# Approved @octo-cat <img src=x> [merge](https://example.org) | #1"
    hostile["comparisons"][0]["benchmark"] = evil
    answer.file.write_text(json.dumps(hostile))
    body = answer()
    assert "\n# Approved" not in body
    assert not re.search(r"^[^`\n]*@octo-cat", body, re.MULTILINE)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"[]",
        b'{"revisions": null}',
        b"[" * 100_000,
        b"\xff\xfe",
        b'{"revisions": {"base": {"commit": "%s"}, "head": {"commit": "%s"}}}' % (BASE.encode(), HEAD.encode()),
    ],
    ids=["empty", "text", "list", "nothing", "deep", "bytes", "little"],
)
def test_what_is_not_a_report_is_not_shown(answer, content):
    answer.file.write_bytes(content)
    said = answer(base=BASE, head=HEAD)
    assert said == "### No report\n\nThe file that the job left is not a report. See the log of the job.\n"


@pytest.mark.parametrize("kind", ["none", "folder", "link", "pipe", "large"])
def test_only_an_ordinary_file_is_read_as_the_report(answer, tmp_path, kind):
    if kind == "folder":
        answer.file.mkdir()
    elif kind == "link":
        (tmp_path / "secret").write_text(json.dumps(answer.stored))
        answer.file.symlink_to(tmp_path / "secret")
    elif kind == "pipe":
        os.mkfifo(answer.file)
    elif kind == "large":
        answer.file.touch()
        os.truncate(answer.file, (64 << 20) + 1)
    assert answer().startswith("### No report\n\n")
