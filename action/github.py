"""The steps of `action.yml` on GitHub's machines; it only calls `deadheat` and `gh`. The environment says what to do.

`measure DEADHEAT` writes the reports and notes the exit code, `publish` keeps one comment of the pull request up to
date, `finish` ends as deadheat did.
"""

import glob
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

REPORT = Path("deadheat.md")
FILES = (Path("deadheat.json"), Path("deadheat.html"), REPORT)


def main(arguments):
    match arguments:
        case ["measure", deadheat]:
            return measure(deadheat)
        case ["publish"]:
            return publish()
        case ["finish"]:
            return finish()
    print(__doc__, file=sys.stderr)
    return 2


def given(name):
    return os.environ.get(name, "").strip()


def measure(deadheat):
    partition, pattern = given("PARTITION"), given("MERGE")
    artifact = "deadheat"
    if pattern:
        reports = sorted(glob.glob(pattern, recursive=True))
        # Without any report, deadheat says what it needs.
        command = [deadheat, "merge", *reports]
    else:
        command = [deadheat, "compare"]
        if given("PULL_REQUEST"):
            command += ["--pr", given("PULL_REQUEST")]
        python = given("PROJECT_PYTHON") or shutil.which("python") or shutil.which("python3")
        command += ["--python", python] if python else []
        command += shlex.split(given("ARGUMENTS"))
    command += ["-o", "deadheat.json"]
    if partition:
        command += ["--partition", partition]
        artifact += f"-{partition.replace('/', '-of-')}"
    else:
        command += ["-o", "deadheat.html", "-o", str(REPORT)]
    for file in FILES:
        # A machine that is used again may have the files of another run.
        file.unlink(missing_ok=True)
    print(f"$ {shlex.join(command)}", flush=True)
    code = subprocess.run(command, check=False).returncode
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as file:
        file.write(f"code={code}\nartifact={artifact}\n")
    return 0


def publish():
    pull_request = given("PULL_REQUEST")
    if REPORT.exists():
        text = REPORT.read_text(encoding="utf-8")
    else:
        print("deadheat wrote no report: see the step before")
        text = f"### No report\n\n{why_there_is_none()}\n"
    if not pull_request:
        return summarise(text)
    try:
        # Without a report, only the comment of an earlier run is replaced: it no longer holds.
        write_comment(pull_request, text, begins=REPORT.exists())
    except Refused as refused:
        # The job of a pull request from a fork may read but not write.
        warn(f"the comment cannot be written, and the report is in the job's summary instead: {refused}")
        return summarise(text)
    return 0


def why_there_is_none():
    code = given("CODE")
    reasons = {
        "2": "the arguments, the configuration or a revision cannot be used",
        "3": "nothing could be measured",
        "4": "it was stopped before anything was measured",
    }
    ended = (
        f"deadheat ended with code {code}: {reasons.get(code, 'something went wrong')}"
        if code
        else "deadheat did not end"
    )
    repository, run = os.environ.get("GITHUB_REPOSITORY"), given("GITHUB_RUN_ID")
    job = f"[the job]({given('GITHUB_SERVER_URL')}/{repository}/actions/runs/{run})" if run else "the job"
    return f"{ended}. The log of {job} says more."


def finish():
    code = int(given("CODE") or 5)
    if code == 1 and given("PARTITION"):
        print("A gate failed in this part; the merged report decides.")
        return 0
    return code


class Refused(Exception):
    """The message of a failed `gh`."""


def gh(*arguments, body=None):
    try:
        answer = subprocess.run(
            ["gh", "api", *arguments, *(["--input", "-"] if body else [])],
            input=json.dumps(body) if body else None,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        raise Refused(f"gh cannot be run: {error}") from error
    if answer.returncode != 0:
        raise Refused(answer.stderr.strip() or f"gh ended with {answer.returncode}")
    return answer.stdout


def write_comment(pull_request, text, begins):
    """Updates the comment that an earlier run wrote, or writes the first one if `begins`."""
    comments = f"repos/{os.environ['GITHUB_REPOSITORY']}/issues"
    marker = f"<!-- deadheat {hashlib.sha256(given('FOLDER').encode()).hexdigest()[:12]} -->"
    # deadheat writes Markdown that fits into a comment, and leaves out what matters least.
    body = {"body": f"{marker}\n{text}"}
    listing = values(gh("--paginate", f"{comments}/{int(pull_request)}/comments?per_page=100"))
    earlier = [comment for page in listing for comment in page if comment["body"].startswith(marker)]
    mine = next((comment["id"] for comment in earlier if is_ours(comment)), None)
    if mine is not None:
        gh("--method", "PATCH", f"{comments}/comments/{int(mine)}", body=body)
    elif begins:
        gh("--method", "POST", f"{comments}/{int(pull_request)}/comments", body=body)


def is_ours(comment):
    """Whether the comment is ours: others may write the marker, too, and their comments stay as they are."""
    user = comment["user"] or {}
    if user.get("type") == "Bot":
        return True
    try:
        return json.loads(gh("user"))["login"] == user.get("login")
    except Refused:
        # The token of a job is not that of a user.
        return False


def values(text):
    """Yields the JSON values of a text, one after the other: `gh` prints one for each page."""
    decoder = json.JSONDecoder()
    text = text.strip()
    while text:
        value, end = decoder.raw_decode(text)
        yield value
        text = text[end:].lstrip()


def summarise(text):
    with Path(os.environ["GITHUB_STEP_SUMMARY"]).open("a", encoding="utf-8") as file:
        file.write(f"{text}\n")
    return 0


def warn(message):
    """Prints a warning of the job, with characters that could end the line escaped as GitHub wants it."""
    for character, code in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A")):
        message = message.replace(character, code)
    print(f"::warning title=deadheat::{message}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
