"""A stand-in for `gh`, and the steps of `action.yml` in front of it."""

import json
import os
import subprocess
import sys

import pytest

from conftest import ROOT

SCRIPT = ROOT / "action" / "github.py"


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
