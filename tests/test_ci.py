"""Pull requests: `--pr` and `action.yml`, with stand-ins for `gh` and for a deadheat that is only called."""

import json
import re
import subprocess

import pytest

from conftest import ROOT, WORK, Repository
from github import executable

pytestmark = [pytest.mark.counted, pytest.mark.quick]

SLOW, FAST = WORK.format(times=20), WORK.format(times=1)
BENCHMARK = """\
    import os

    from pkg.core import work


    def test_work(benchmark):
        assert "GH_TOKEN" not in os.environ
        benchmark(work, 200)
    """


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
