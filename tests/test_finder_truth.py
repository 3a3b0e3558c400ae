"""The finder of changed functions against what Python does: where a result differs, what ran is to be measured.

`finder/*.md` have small projects before and after a change that Python feels at run time, a heading each. Its list says

- benchmark: the expression that is run; the results of base and head differ.
- targets: what the finder names from base to head, and `everything` where it says that everything may be affected.
  Neither more nor less may be named.
- back: what it names from head to base, where that is not the mirror image.
- limit: why the change is not seen: in one of the directions no target ran, and it is not `everything` either. A change
  that is seen after all has to lose its limit.

Blocks of `python` are files that base and head have alike, or only one of them; blocks of `diff` are files that both
have, with `-` before the lines of base and `+` before those of head.

A target is *superfluous* if its own code is the same on both sides, it ran on neither, and it is none of the readers:
functions called `d` and `e` read what has changed and are never run, so that it is not for want of any reader that
everything is measured. How many superfluous targets there are is counted, and may only fall. To every file that both
sides have, the question to the finder adds a function that no change has to do with: it must never be named.

`DEADHEAT_TRUTH=rewrite` writes what the finder names into the files. Limits and the count are changed by hand.
"""

import json
import os
import re
import subprocess
import sys

import pytest

from conftest import ROOT

FOLDER = ROOT / "tests" / "finder"
THEMES = {path.stem: path for path in sorted(FOLDER.glob("*.md"))}
SUPERFLUOUS = 7

SIDES = ("base", "head")
DIRECTIONS = (SIDES, SIDES[::-1])
BENCHMARK = "benchmarks/bench.py"
BYSTANDER = b"def bystander(number): return number + 1\n"
CHANGES = ("added", "modified", "moved", "removed", "module level")
SAME_CODE = ("moved", "module level")
MIRRORED = {"added": "removed", "removed": "added"}
REWRITES = os.environ.get("DEADHEAT_TRUTH") == "rewrite"

FIELDS = re.compile(r"(?:- \w+: .+\n)+")
FILE = re.compile(
    r"```(python|diff) (\S+?)(?: only on (base|head))?(?: in (\S+))?\n(.*?)^```\n", re.DOTALL | re.MULTILINE
)


class Case:
    def __init__(self, text):
        self.title, _, text = text.partition("\n")
        text, *files = re.split(r"^(?=```\w)", text, flags=re.MULTILINE)
        fields = FIELDS.fullmatch(text.strip("\n") + "\n")
        assert fields, f"{self.title}: this is no list of what is expected:\n{text}"
        self.fields = dict(line.removeprefix("- ").split(": ", 1) for line in fields[0].splitlines())
        self.versions = {side: {} for side in SIDES}
        for file in files:
            self.add_file(file)
        self.add_benchmark(self.fields["benchmark"].strip("`"))

    def add_file(self, text):
        file = FILE.fullmatch(text.rstrip("\n") + "\n")
        assert file, f"{self.title}: this is no file of a project:\n{text}"
        form, path, only_on, encoding, lines = file.groups()
        for side, mark in zip(SIDES, "-+", strict=True):
            source = lines
            if form == "diff":
                marked = lines.split("\n")[:-1]
                unmarked = [line for line in marked if line[:1] not in (" ", "-", "+")]
                assert not unmarked, f"{self.title}: these lines have no mark: {unmarked}"
                source = "".join(line[1:] + "\n" for line in marked if line[0] in (" ", mark))
            if only_on in (None, side):
                self.versions[side][path] = source.encode(encoding or "utf-8")

    def add_benchmark(self, expression):
        modules = {dotted_name(path) for sources in self.versions.values() for path in sources}
        imported = [name for name in modules if re.search(rf"(?<![\w.]){re.escape(name)}\.", expression)]
        benchmark = "".join(f"import {name}\n" for name in sorted(imported, key=lambda name: (-len(name), name)))
        benchmark += f"def benchmark():\n    return {expression}\n"
        for sources in self.versions.values():
            sources[BENCHMARK] = benchmark.encode()


def dotted_name(path):
    return path if path == BENCHMARK else path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")


def read_cases(path):
    cases = [Case(text) for text in re.split(r"^## ", path.read_text(), flags=re.MULTILINE)[1:]]
    assert len({case.title for case in cases}) == len(cases), f"two cases of {path.name} have one title"
    return cases


def observe(cases, folder):
    """What Python does with every case: `{side: {"outcome": text, "ran": {(path, first line)}}}`, in their order."""
    folders = []
    for number, case in enumerate(cases):
        for side in SIDES:
            folders.append(folder / str(number) / side)
            for path, source in case.versions[side].items():
                (folders[-1] / path).parent.mkdir(parents=True, exist_ok=True)
                (folders[-1] / path).write_bytes(source)
    observed = answers(
        [sys.executable, FOLDER / "observe.py"], json.dumps([str(each) for each in folders]), {"PYTHONHASHSEED": "0"}
    )
    for each in observed:
        each["ran"] = {tuple(place) for place in each["ran"]}
    return [dict(zip(SIDES, pair, strict=True)) for pair in zip(observed[::2], observed[1::2], strict=True)]


def ask(program, cases):
    """The changes that the finder finds in every case, from base to head and from head to base."""
    questions = [question(*(case.versions[side] for side in sides)) for case in cases for sides in DIRECTIONS]
    found = [answer["changes"] for answer in answers([program], "".join(json.dumps(each) + "\n" for each in questions))]
    return list(zip(found[::2], found[1::2], strict=True))


def answers(command, text, environment=None):
    completed = subprocess.run(command, input=text, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in completed.stdout.splitlines()]


def question(base, head):
    def text(sources, path):
        if path not in sources:
            return None
        return (sources[path] + (BYSTANDER if path in base and path in head else b"")).decode("latin-1")

    files = [
        {"path": path, "dotted_name": dotted_name(path), "base": text(base, path), "head": text(head, path)}
        for path in sorted({*base, *head})
        if base.get(path) != head.get(path)
    ]
    modules = [{"path": path, "dotted_name": dotted_name(path), "source": text(head, path)} for path in sorted(head)]
    return {"compare": {"files": files, "modules": modules}}


def targets(changes, observed, sides):
    """What the finder names in one direction: `(change, name on base, name on head, whether it is superfluous)`."""
    found = []
    for target in changes["targets"]:
        places = target["base"], target["head"]
        ran = any(map(has_run, places, [observed[side]["ran"] for side in sides]))
        is_reader = re.search(r"\b[de]$", target["qualname"])
        is_superfluous = target["change"] in SAME_CODE and not ran and not is_reader
        found.append((target["change"], *map(full_name, places), is_superfluous))
    return found


def has_run(place, ran):
    return place is not None and (place[0], place[2]) in ran


def full_name(place):
    """As it is imported; of the benchmark itself, its own name."""
    if place is None:
        return None
    path, qualname, _ = place
    return qualname if path == BENCHMARK else f"{dotted_name(path)}.{qualname}"


def mirrored(found):
    return [(MIRRORED.get(change, change), head, base, superfluous) for change, base, head, superfluous in found]


def described(found, everything):
    groups = {change: [] for change in CHANGES}
    for change, base, head, is_superfluous in found:
        name = f"{base} to {head}" if base and head and base != head else head or base
        groups[change].append(name + (" (superfluous)" if is_superfluous else ""))
    parts = [f"{change} {', '.join(sorted(names))}" for change, names in groups.items() if names]
    return "; ".join(parts + ["everything"] * everything) or "nothing"


def is_everything(changes):
    return bool(changes["unattributed"] or changes["refused"])


def is_seen(changes, observed, sides):
    ran = [
        has_run(target[place], observed[side]["ran"])
        for target in changes["targets"]
        for place, side in zip(SIDES, sides, strict=True)
    ]
    return any(ran) or is_everything(changes)


def fields_of(case, observed, both_changes):
    """The list of a case as it has to be today."""
    forward, back = (
        (targets(changes, observed, sides), is_everything(changes))
        for changes, sides in zip(both_changes, DIRECTIONS, strict=True)
    )
    fields = {"benchmark": case.fields["benchmark"], "targets": described(*forward)}
    if described(*back) != described(mirrored(forward[0]), forward[1]):
        fields["back"] = described(*back)
    return fields | {name: reason for name, reason in case.fields.items() if name == "limit"}


def complaints(case, observed, both_changes):
    """What cannot be mended by writing down what the finder names."""
    outcomes = [observed[side]["outcome"] for side in SIDES]
    if outcomes[0] == outcomes[1]:
        yield f"proves nothing: both sides give {outcomes[0]}"
    if " at 0x" in "".join(outcomes):
        yield "has an address in its result, which differs in every process"
    unseen = [
        " to ".join(sides)
        for changes, sides in zip(both_changes, DIRECTIONS, strict=True)
        if not is_seen(changes, observed, sides)
    ]
    if unseen and "limit" not in case.fields:
        yield f"is not seen from {' and from '.join(unseen)}: nothing of what ran would be measured"
    if "limit" in case.fields and not unseen:
        yield "is seen after all: take its limit away"
    if any(target["qualname"] == "bystander" for changes in both_changes for target in changes["targets"]):
        yield "names the bystander, with which it has nothing to do"


def listed(fields):
    return "".join(f"- {name}: {value}\n" for name, value in fields.items())


@pytest.mark.parametrize("theme", THEMES)
def test_what_runs_differently_is_measured_and_nothing_else(finder_program, tmp_path, theme):
    path = THEMES[theme]
    cases = read_cases(path)
    text = path.read_text()
    failures = []
    for case, observed, changes in zip(cases, observe(cases, tmp_path), ask(finder_program, cases), strict=True):
        failures += [f"{path.name}: {case.title}: {each}" for each in complaints(case, observed, changes)]
        actual = fields_of(case, observed, changes)
        if actual == case.fields:
            continue
        if REWRITES:
            head, title, rest = text.partition(f"## {case.title}\n")
            text = head + title + FIELDS.sub(lambda _, fields=actual: listed(fields), rest, count=1)
        else:
            failures.append(f"{path.name}: {case.title}\nexpected\n{listed(case.fields)}actual\n{listed(actual)}")
    if REWRITES:
        path.write_text(text)
    if failures:
        pytest.fail("\n".join(failures), pytrace=False)


def test_superfluous_targets_do_not_become_more():
    count = sum(path.read_text().count(" (superfluous)") for path in THEMES.values())
    assert count == SUPERFLUOUS, "if there are fewer than before, write down the new number"
