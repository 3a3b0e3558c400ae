"""The worked example of docs/loop.md is run as it stands there."""

import json
import os
import re
import shlex
import subprocess
import sys

import pytest

from conftest import ROOT

IDENTITY = {
    "GIT_AUTHOR_NAME": "t",
    "GIT_AUTHOR_EMAIL": "t@localhost",
    "GIT_COMMITTER_NAME": "t",
    "GIT_COMMITTER_EMAIL": "t@localhost",
}


def commands():
    """The commands of the console blocks, in their order."""
    guide = (ROOT / "docs" / "loop.md").read_text()
    found = []
    for block in re.findall(r"^```console\n(.*?)^```", guide, flags=re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(line[2:])
            elif line == ">" or line.startswith("> "):
                found[-1] += "\n" + line[2:]
    return found


@pytest.fixture
def example(tmp_path):
    """Run the guide's commands in one shell, with `--json` for those of deadheat where it is asked for."""

    def run(*, as_json):
        lines = ["set -e", f'deadheat() {{ {shlex.quote(sys.executable)} -m deadheat "$@"{" --json" * as_json}; }}']
        for number, line in enumerate(commands()):
            output = f" > {tmp_path}/{number}.out" if line.startswith("deadheat ") else ""
            lines.append(line + output)
        completed = subprocess.run(
            ["bash", "-c", "\n".join(lines)],
            cwd=tmp_path,
            env={**os.environ, **IDENTITY},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert completed.returncode == 0, completed.stderr
        outputs = [(line, tmp_path / f"{number}.out") for number, line in enumerate(commands())]
        return [(line, file.read_text()) for line, file in outputs if file.exists()]

    return run


def test_the_guide_as_a_person_reads_it(example):
    outputs = [(line, text.splitlines()) for line, text in example(as_json=False)]
    micro = [lines[-1].split(":")[0] for line, lines in outputs if line.startswith("deadheat micro")]
    assert micro == ["go", "stop"]
    status = next(lines for line, lines in outputs if line == "deadheat status")
    assert "kept: 1" in status
    assert "discarded: 1" in status
    assert status[-1].endswith("(measured)")
    log = next(lines for line, lines in outputs if line == "deadheat log")
    assert [line.split()[1] for line in log[1:3]] == ["keep", "discard"]


def test_the_guide_by_its_json_alone(example):
    outputs = [(line, json.loads(text)) for line, text in example(as_json=True)]
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
    # The base of what was kept is the baseline: its total is the whole one.
    assert status["cumulative"] == {"speedup": kept["speedup"], "source": "measured", "steps": 1, "has_gaps": False}
    totals = [row["status"] for row in of["log"]["rows"] if row["benchmark"] == "__total__"]
    assert totals == ["keep", "discard"]
