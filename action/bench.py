"""`/bench [OPTIONS]` in a comment on a pull request.

`ask` runs where comments can be written, and no code of the pull request: it decides who may start what. `answer` also
runs there, and gets nothing from the measuring job except its report, which the code of the pull request may have
written.
"""

import argparse
import json
import os
import re
import shlex
import stat
import subprocess
from pathlib import Path

from api import Refused, gh, given, link_to_job, warn, write_outputs

ASSOCIATIONS = ("OWNER", "MEMBER", "COLLABORATOR")
PERMISSIONS = ("admin", "write")
LONGEST_LINE = 1000
MOST_BYTES = 64 << 20
MOST_SECONDS = 300
HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class NotStarted(Exception):
    """Raised with the message for the author of the comment."""


def ask():
    event = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))
    comment, issue = event["comment"], event["issue"]
    # Only the first line counts: others may be prose. A comment that is edited later starts nothing.
    line = comment["body"].partition("\n")[0].rstrip("\r")
    if event["action"] != "created" or "pull_request" not in issue or not re.match(r"/bench(\s|$)", line):
        print("The comment does not begin with /bench, is not new, or is not on a pull request")
        return 0
    author = comment["user"]["login"]
    # Not answered, because otherwise anyone could make this repository write comments.
    if comment["author_association"] not in ASSOCIATIONS or not re.fullmatch(r"[A-Za-z0-9_-]+", author):
        print(f"A comment of {comment['author_association']!r} starts nothing")
        return 0
    repository, number = os.environ["GITHUB_REPOSITORY"], int(issue["number"])
    try:
        check_permission(repository, author)
        options = parse(line.removeprefix("/bench"))
        base, head = commits(repository, number)
    except NotStarted as why:
        say(repository, number, f"`/bench` did not start: {why}")
        return 0
    react(repository, int(comment["id"]))
    shown = f" with `{shlex.join(options)}`" if options else ""
    text = f"Comparing {base} with {head}{shown}. The report will be here when {link_to_job()} has ended."
    written = json.loads(say(repository, number, text))
    write_outputs(comment=int(written["id"]), base=base, head=head, arguments=shlex.join([base, head, *options]))
    return 0


def check_permission(repository, author):
    """A member of an organisation, or a collaborator, may still have no right to write in this repository."""
    permission = json.loads(gh(f"repos/{repository}/collaborators/{author}/permission")).get("permission")
    if permission not in PERMISSIONS:
        raise NotStarted("only people with write access to this repository can start it.")


def commits(repository, number):
    """Returns the commit where the pull request left its target, and its head; later pushes are not measured."""
    request = json.loads(gh(f"repos/{repository}/pulls/{number}"))
    if request["state"] != "open":
        raise NotStarted("the pull request is not open.")
    target, head = checked(request["base"]["sha"]), checked(request["head"]["sha"])
    comparison = json.loads(gh(f"repos/{repository}/compare/{target}...{head}?per_page=1"))
    return checked(comparison["merge_base_commit"]["sha"]), head


def checked(sha):
    if not HASH.fullmatch(sha):
        raise Refused(f"GitHub's answer cannot be understood: {sha!r} is not a commit")
    return sha


class Parser(argparse.ArgumentParser):
    def error(self, message):
        allowed = f"These options of `deadheat compare` are allowed, on one line:\n{self.help()}"
        raise NotStarted(f"`{message}`.\n\n{allowed}")

    def help(self):
        lines = [f"{action.option_strings[0]} {action.metavar or ''}".rstrip() for action in self._actions]
        return "\n".join(["```", *lines, "```"])


def text(value):
    if not value or value.startswith("-"):
        raise argparse.ArgumentTypeError("a value is missing")
    return value


def number(value):
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?%?", value):
        raise argparse.ArgumentTypeError("not a number")
    return value


def gate(value):
    if not re.fullmatch(r"regression(:[0-9]{1,4}(\.[0-9]{1,3})?%?)?|output-change|failed|inconclusive", value):
        raise argparse.ArgumentTypeError("not a gate")
    return value


def parser():
    """Returns the options that a comment may have. None runs a command, names a program, or writes a file."""
    options = Parser(prog="/bench", usage=argparse.SUPPRESS, add_help=False, allow_abbrev=False)
    for name in ("--all", "--memory", "--profile"):
        options.add_argument(name, action="store_true")
    options.add_argument("-k", metavar="EXPR", type=text)
    options.add_argument("--functions", metavar='"FILE::NAME,NAME"', type=text)
    options.add_argument("--tests", metavar="NODE", type=text, action="append")
    for name, unit in (("threshold", "PCT"), ("budget", "SECONDS"), ("timeout", "SECONDS"), ("replicates", "N")):
        options.add_argument(f"--{name}", metavar=unit, type=number)
    options.add_argument("--fail-on", metavar="GATE", type=gate, action="append")
    return options


def parse(line):
    """Returns the options of a line as arguments: written by us, not as they were typed."""
    allowed = parser()
    if len(line) > LONGEST_LINE:
        allowed.error("the line is too long")
    # Nor may it contain invisible characters, or one that would end the code that shows it.
    if not line.replace("\t", " ").isprintable() or "`" in line:
        allowed.error("the line contains characters that are not allowed")
    try:
        words = shlex.split(line)
    except ValueError as error:
        allowed.error(str(error).lower())
    arguments = []
    for name, value in vars(allowed.parse_args(words)).items():
        option = f"--{name.replace('_', '-')}" if len(name) > 1 else f"-{name}"
        if value is True:
            arguments.append(option)
        elif value:
            for one in value if isinstance(value, list) else [value]:
                arguments += [option, one]
    return arguments


def react(repository, comment):
    try:
        gh("--method", "POST", f"repos/{repository}/issues/comments/{comment}/reactions", body={"content": "eyes"})
    except Refused as refused:
        warn(f"no reaction to the comment: {refused}")


def say(repository, number, text):
    return gh("--method", "POST", f"repos/{repository}/issues/{number}/comments", body={"body": text})


def answer(deadheat):
    """Puts the report that another job left into the comment with which `ask` answered."""
    try:
        text = rendered(deadheat, Path(given("REPORT")))
    except Unusable as why:
        text = f"### No report\n\n{why} See the log of {link_to_job()}.\n"
    comment = f"repos/{os.environ['GITHUB_REPOSITORY']}/issues/comments/{int(given('COMMENT'))}"
    gh("--method", "PATCH", comment, body={"body": text})
    return 0


class Unusable(Exception):
    """Raised with the reason why there is no report to show."""


def rendered(deadheat, report):
    content = read(report)
    try:
        revisions = json.loads(content)["revisions"]
        found = [revisions[side]["commit"] for side in ("base", "head")]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Unusable("The file that the job left is not a report.") from error
    if found != [given("BASE"), given("HEAD")]:
        raise Unusable("The report that the job left is about different commits.")
    # deadheat checks the rest, and writes names and messages so that they mean nothing in a comment.
    page = Path(os.environ["RUNNER_TEMP"], "deadheat.md")
    page.unlink(missing_ok=True)
    command = [deadheat, "report", "/dev/stdin", "-o", page]
    try:
        outcome = subprocess.run(command, input=content, stdout=subprocess.DEVNULL, timeout=MOST_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise Unusable("The report that the job left takes too long to read.") from error
    if outcome.returncode != 0:
        raise Unusable("The file that the job left is not a report.")
    return page.read_text(encoding="utf-8")


def read(report):
    """Returns the content of a file that is one, and not too large."""
    # Neither a link to one of our files, nor a pipe that never ends.
    flags = os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        with open(report, "rb", opener=lambda path, mode: os.open(path, mode | flags)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Unusable("The job left something other than a file.")
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise Unusable("Nothing was measured.") from error
    if len(content) > MOST_BYTES:
        raise Unusable(f"The file that the job left is larger than {MOST_BYTES >> 20} MiB.")
    return content
