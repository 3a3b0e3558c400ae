"""Runs the worked examples of the documentation word for word, and compares what they print with the pages.

`DEADHEAT_EXAMPLES=rewrite` writes this run's numbers into the pages.
"""

import dataclasses
import json
import os
import re
import shlex
import subprocess

import pytest

from conftest import ROOT, command

# A worked example begins with a repository of its own. Other pages name commands for projects that the reader has.
PAGES = [page for page in sorted((ROOT / "docs").rglob("*.md")) if "\n$ git init " in page.read_text()]
IDENTITY = {
    "GIT_AUTHOR_NAME": "t",
    "GIT_AUTHOR_EMAIL": "t@localhost",
    "GIT_COMMITTER_NAME": "t",
    "GIT_COMMITTER_EMAIL": "t@localhost",
}
UNIT = r" ?(?:%|(?:ns|µs|ms|s|x)\b)"
# What differs between two runs.
MASKS = [
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME"),
    (r"\b[0-9a-f]{10,40}\b", "COMMIT"),
    # Half the time is `50 %`, and all of it on both sides just `100 %`.
    (r"\d+ → \d+ %", "NUMBER"),
    (rf"[-+]?\d[\d,]*(?:\.\d+)*{UNIT}|[-+]\d+(?:\.\d+)*|\d+(?:\.\d+)+", "NUMBER"),
    (r"\d+ (replicates|process pairs)", r"NUMBER \1"),
    (r"core \d+", "core NUMBER"),
    # A busy machine cannot always tell that two equal sides are equal.
    ("inconclusive", "unchanged"),
    (r"\s+", " "),
]
# The prefix of a line after each command, with its exit code.
MARK = "that was the command:"
# Warnings about other work on the machine: each is a line with `!`, and a hint.
DISTURBANCE = re.compile(
    r" *! (\S+: )?(\d+ of \d+ process pairs (is|are) far from|something else used|the hypervisor gave"
    r"|the processor was too hot|the frequency of|another run of deadheat)"
)
# The lines of stderr that stay on a terminal; the progress does not.
KEPT = "^(--fail-on|deadheat:|hint:|error:)"


@dataclasses.dataclass
class Step:
    """A command of a page, and the lines of the page with its output."""

    command: str
    first: int
    output: list[str]


def steps(lines):
    """Returns the steps in the console blocks of a page."""
    found, inside = [], False
    for number, line in enumerate(lines):
        if line.startswith("```"):
            inside = line == "```console"
        elif inside and line.startswith("$ "):
            found.append(Step(line[2:], number + 1, []))
        elif inside and (line == ">" or line.startswith("> ")):
            found[-1].command += "\n" + line[2:]
            found[-1].first = number + 1
        elif inside:
            found[-1].output.append(line)
    return found


def run(page, folder):
    """Runs the commands of a page in one shell, and returns what each printed, as lines."""
    program = f"""
        deadheat() {{
            {shlex.join(command())} "$@" 2> "$STDERR"
            local code=$?
            grep -E "$KEPT" "$STDERR" >&2
            return $code
        }}
        exec 2>&1
    """
    script = [program]
    for step in page:
        script += [step.command, f'printf "\\n%s %s\\n" "{MARK}" $?']
    completed = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=folder,
        env={**os.environ, **IDENTITY, "KEPT": KEPT, "STDERR": str(folder.with_suffix(".stderr"))},
        stdout=subprocess.PIPE,
        text=True,
        timeout=600,
        check=False,
    )
    outputs = re.split(rf"\n{MARK} (\d+)\n", completed.stdout.replace(str(folder), "/tmp"))
    assert outputs.pop() == ""
    codes = outputs[1::2]
    assert len(codes) == len(page), completed.stdout
    assert [(step.command, code) for step, code in zip(page, codes, strict=True) if code != "0"] == []
    return [undisturbed(output.splitlines()) for output in outputs[::2]]


def undisturbed(lines):
    """Leaves out what a report says about other work on the machine."""
    for number in reversed(range(len(lines))):
        if DISTURBANCE.match(lines[number]) or lines[number : number + 2] == ["Warnings", ""]:
            del lines[number : number + 2]
    return lines


def masked(line):
    for pattern, name in MASKS:
        line = re.sub(pattern, name, line)
    return line.strip()


def counterparts(shown, printed):
    """Returns the printed line for each line of a page; `...` stands for any number of lines."""
    found, place, is_free = [], 0, False
    for line in shown:
        if line != "...":
            candidates = range(place, len(printed) if is_free else min(place + 1, len(printed)))
            number = next((number for number in candidates if masked(printed[number]) == masked(line)), None)
            assert number is not None, f"not printed here: {line!r}, but {printed[place:]}"
            line, place = printed[number], number + 1
        found.append(line)
        is_free = line == "..."
    assert is_free or place == len(printed), f"also printed: {printed[place:]}"
    return found


def check(path, folder):
    """Runs a page in an empty folder."""
    folder.mkdir()
    lines = path.read_text().splitlines()
    page = steps(lines)
    found = [(step, counterparts(step.output, printed)) for step, printed in zip(page, run(page, folder), strict=True)]
    if os.environ.get("DEADHEAT_EXAMPLES") == "rewrite":
        for step, output in found:
            lines[step.first : step.first + len(output)] = output
        path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_worked_example_prints_what_its_page_shows(page, tmp_path, monkeypatch, deadheat_command):
    if "$ python3 -m venv .venv" in page.read_text():
        monkeypatch.delenv("VIRTUAL_ENV")
    check(page, tmp_path / "run")
    if page.stem == "loop":
        check_json(deadheat_command, tmp_path / "run" / "words")


def check_json(deadheat_command, folder):
    """Checks that the JSON of the loop's commands alone says as much as its page."""
    status = deadheat_command("status", "--json", folder=folder).report
    assert (len(status["kept"]), len(status["discarded"]), status["mixed"]) == (1, 1, [])
    [kept] = status["kept"]
    assert status["last_kept"] == kept["head"]
    # The base of the kept experiment is the baseline, so its speedup is the cumulative one.
    assert status["cumulative"] == {"speedup": kept["speedup"], "source": "measured", "steps": 1, "has_gaps": False}
    rows = deadheat_command("log", "--json", folder=folder).report["rows"]
    assert [row["status"] for row in rows if row["benchmark"] == "__total__"] == ["keep", "discard"]
    assert [json.loads(line)["decision"] for line in (folder / ".codeflash" / "micro.jsonl").open()] == ["go", "stop"]


@pytest.mark.quick
def test_the_pages_with_worked_examples_are_found():
    assert {"loop", "tutorial", "writing-benchmarks"} <= {page.stem for page in PAGES}


@pytest.mark.quick
@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        (["1 improved; geometric mean 2.0x"], ["1 regressed; geometric mean 2.0x"]),
        (["1 improved; geometric mean 2.0x"], ["2 improved; geometric mean 2.0x"]),
        (["kept: 1"], ["kept: 1", "mixed: 0"]),
        (["...", "kept: 1"], ["kept: 1", "mixed: 0"]),
        (["a  1.5 ms  improved"], []),
    ],
)
def test_another_output_is_noticed(shown, printed):
    with pytest.raises(AssertionError):
        counterparts(shown, printed)
    assert counterparts(["...", "took 3 replicates, 1.5 ms", "..."], ["x", "took 11 replicates, 9 s"])
