"""The steps of the actions on GitHub's machines; they call `pip`, `deadheat` and `gh`, as the environment says.

`install FOLDER` makes an environment with deadheat. `measure DEADHEAT` writes the reports and notes the exit code,
`publish` keeps one comment of the pull request up to date, `finish` ends as deadheat did. `ask` decides about a comment
that begins with `/bench`, and `answer DEADHEAT` shows the report there.
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

import bench
from api import Refused, gh, given, link_to_job, values, warn, write_outputs
from installing import install

REPORT = Path("deadheat.md")
FILES = (Path("deadheat.json"), Path("deadheat.html"), REPORT)


def main(arguments):
    try:
        return run(arguments)
    except Refused as refused:
        warn(str(refused), level="error")
        return 1


def run(arguments):
    match arguments:
        case ["install", folder]:
            return install(folder)
        case ["measure", deadheat]:
            return measure(deadheat)
        case ["publish"]:
            return publish()
        case ["finish"]:
            return finish()
        case ["ask"]:
            return bench.ask()
        case ["answer", deadheat]:
            return bench.answer(deadheat)
    print(__doc__, file=sys.stderr)
    return 2


def measure(deadheat):
    partition, pattern = given("PARTITION"), given("MERGE")
    artifact = "deadheat"
    if pattern:
        reports = sorted(glob.glob(pattern, recursive=True))
        # Without any report, deadheat's error names the missing argument.
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
    write_outputs(code=code, artifact=artifact)
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
    return f"{ended}. See the log of {link_to_job()}."


def finish():
    code = int(given("CODE") or 5)
    if code == 1 and given("PARTITION"):
        print("A gate failed in this part; the merged report decides.")
        return 0
    return code


def write_comment(pull_request, text, begins):
    """Updates the comment that an earlier run wrote, or writes the first one if `begins`."""
    comments = f"repos/{os.environ['GITHUB_REPOSITORY']}/issues"
    marker = f"<!-- deadheat {hashlib.sha256(given('FOLDER').encode()).hexdigest()[:12]} -->"
    # deadheat writes Markdown that fits into a comment, and leaves out the least important parts.
    body = {"body": f"{marker}\n{text}"}
    listing = values(gh("--paginate", f"{comments}/{int(pull_request)}/comments?per_page=100"))
    earlier = [comment for page in listing for comment in page if comment["body"].startswith(marker)]
    mine = next((comment["id"] for comment in earlier if is_ours(comment)), None)
    if mine is not None:
        gh("--method", "PATCH", f"{comments}/comments/{int(mine)}", body=body)
    elif begins:
        gh("--method", "POST", f"{comments}/{int(pull_request)}/comments", body=body)


def is_ours(comment):
    """Whether the comment is ours: others may also write the marker, and their comments stay as they are."""
    user = comment["user"] or {}
    if user.get("type") == "Bot":
        return True
    try:
        return json.loads(gh("user"))["login"] == user.get("login")
    except Refused:
        # The token of a job is not that of a user.
        return False


def summarise(text):
    with Path(os.environ["GITHUB_STEP_SUMMARY"]).open("a", encoding="utf-8") as file:
        file.write(f"{text}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
