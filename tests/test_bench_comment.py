"""`/bench` in a comment on a pull request, with stand-ins for `gh`."""

import json
import os
import re
import shlex
import sys
from pathlib import Path

import pytest

from conftest import ROOT

pytestmark = [pytest.mark.counted, pytest.mark.quick]

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
