"""Runs the worked example of docs/loop.md as written."""

import json
import os
import re
import shlex
import subprocess

import pytest

from conftest import ROOT, command

IDENTITY = {
    "GIT_AUTHOR_NAME": "t",
    "GIT_AUTHOR_EMAIL": "t@localhost",
    "GIT_COMMITTER_NAME": "t",
    "GIT_COMMITTER_EMAIL": "t@localhost",
}


def commands():
    """Returns the commands of the console blocks, in order."""
    guide = (ROOT / "docs" / "loop.md").read_text()
    found = []
    for block in re.findall(r"^```console\n(.*?)^```", guide, flags=re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(line[2:])
            elif line == ">" or line.startswith("> "):
                found[-1] += "\n" + line[2:]
    return found


def in_both_forms(line, number):
    """Returns the command as written, and again for its JSON unless another output file is enough for that."""
    text, form = f"{number}.out", f"{number}.json"
    if line.startswith("deadheat compare"):
        return f'{line} -o "json:$outputs/{form}" > "$outputs/{text}"'
    # Starting a loop again needs `--replace`.
    again = f"{line} --replace" if line == "deadheat start" else line
    return f'{line} > "$outputs/{text}"\n{again} --json > "$outputs/{form}"'


@pytest.fixture
def outputs(tmp_path):
    """The outputs of the guide's deadheat commands, with all commands run in one shell: `(line, text, JSON)`."""
    lines = ["set -e", f'deadheat() {{ {shlex.join(command())} "$@"; }}']
    own = [(number, line) for number, line in enumerate(commands()) if line.startswith("deadheat ")]
    forms = {number: in_both_forms(line, number) for number, line in own}
    lines += [forms.get(number, line) for number, line in enumerate(commands())]
    completed = subprocess.run(
        ["bash", "-c", "\n".join(lines)],
        cwd=tmp_path,
        env={**os.environ, **IDENTITY, "outputs": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
    return [
        (line, (tmp_path / f"{number}.out").read_text(), json.loads((tmp_path / f"{number}.json").read_text()))
        for number, line in own
    ]


def test_the_guide_as_it_stands_there(outputs):
    check_texts([(line, text.splitlines()) for line, text, _ in outputs])
    check_json([(line, value) for line, _, value in outputs])


def check_texts(outputs):
    """Checks the texts that a person reads."""
    micro = [lines[-1].split(":")[0] for line, lines in outputs if line.startswith("deadheat micro")]
    assert micro == ["go", "stop"]
    status = next(lines for line, lines in outputs if line == "deadheat status")
    assert "kept: 1" in status
    assert "discarded: 1" in status
    assert status[-1].endswith("(measured)")
    log = next(lines for line, lines in outputs if line == "deadheat log")
    assert [line.split()[1] for line in log[1:3]] == ["keep", "discard"]


def check_json(outputs):
    """Checks that the JSON alone says as much."""
    of = {line.split()[1]: value for line, value in outputs}
    assert of["detect"]["available"] is True
    decisions = [value["decision"] for line, value in outputs if line.startswith("deadheat micro")]
    assert decisions == ["go", "stop"]
    verdicts = [
        value["comparisons"][0]["verdict"] for line, value in outputs if line.startswith("deadheat compare --record")
    ]
    assert verdicts == ["improved", "regressed"]
    status = of["status"]
    assert (len(status["kept"]), len(status["discarded"]), status["mixed"]) == (1, 1, [])
    assert status["baseline"]["commit"] == of["start"]["baseline"]["commit"]
    [kept] = status["kept"]
    assert status["last_kept"] == kept["head"]
    # The base of the kept experiment is the baseline, so its speedup is the cumulative one.
    assert status["cumulative"] == {"speedup": kept["speedup"], "source": "measured", "steps": 1, "has_gaps": False}
    totals = [row["status"] for row in of["log"]["rows"] if row["benchmark"] == "__total__"]
    assert totals == ["keep", "discard"]
