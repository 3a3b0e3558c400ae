"""The finder of changed functions against Python itself: where a result differs, what ran must be measured.

`finder/*.md` hold small projects before and after a change that takes effect at run time, one per heading, with a list:

- benchmark: the expression that is run; the results of base and head differ.
- targets: the functions whose own code differs, those that are affected and ran, and `everything` where it says that
  everything may be affected. Neither more nor less may be named.
- limit: the reason why the change is not seen: no target ran, and it is not `everything` either. If a change is seen
  after all, its limit has to be removed.

Blocks of `python` are files that are the same on base and head, or on one side only; blocks of `diff` are files that
both have, with `-` before the lines of base and `+` before those of head.

Functions called `d` and `e` read what has changed and never run, because without any reader everything would be
measured. A function that no change affects is added to every file that both sides have; it must never be named.

`DEADHEAT_TRUTH=rewrite` writes what the finder names into the files. Limits are changed by hand.
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

SIDES = ("base", "head")
BENCHMARK = "benchmarks/bench.py"
BYSTANDER = b"def bystander(number): return number + 1\n"
CHANGES = ("added", "modified", "moved", "removed", "affected")
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
        assert fields, f"{self.title}: this is not a list of what is expected:\n{text}"
        self.fields = dict(line.removeprefix("- ").split(": ", 1) for line in fields[0].splitlines())
        self.versions = {side: {} for side in SIDES}
        for file in files:
            self.add_file(file)
        self.add_benchmark(self.fields["benchmark"].strip("`"))

    def add_file(self, text):
        file = FILE.fullmatch(text.rstrip("\n") + "\n")
        assert file, f"{self.title}: this is not a file of a project:\n{text}"
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


def write(case, folder):
    """Writes the project of each side."""
    alike = case.versions["base"].keys() & case.versions["head"].keys()
    for side in SIDES:
        for path, source in case.versions[side].items():
            file = folder / side / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(source + (BYSTANDER if path in alike and path != BENCHMARK else b""))


class Answers:
    """The answers of the finder and of Python about the cases of one theme, in order."""

    def __init__(self, program, cases, folder):
        self.folders = [folder / str(number) for number in range(len(cases))]
        for case, each in zip(cases, self.folders, strict=True):
            write(case, each)
        self.changes = [each["changes"] for each in answers([program], map(self.question, self.folders))]
        changed = [
            {path: change["ambiguous"].get(path, []) for path in paths}
            for change, paths in zip(self.changes, map(self.changed_files, self.folders), strict=True)
        ]
        asked = {
            side: [{"folder": each / side, "changed": files} for each, files in zip(self.folders, changed, strict=True)]
            for side in SIDES
        }
        base, head = (self.observe(asked[side]) for side in SIDES)
        again = list(base)
        self.differing = self.compare(program, base, head, again)
        unstable = [number for number, differing in enumerate(self.differing) if differing["surroundings"]]
        for number, observed in zip(unstable, self.observe([asked["base"][each] for each in unstable]), strict=True):
            again[number] = observed
        self.differing = self.compare(program, base, head, again)
        self.has = [
            dict(zip(SIDES, (b["modules"], h["modules"]), strict=True)) for b, h in zip(base, head, strict=True)
        ]
        readers = [
            self.observe(
                [
                    {
                        "folder": each / side,
                        "changed": files,
                        "differing": differing["names"],
                        "unloaded": differing["unloaded"],
                    }
                    for each, files, differing in zip(self.folders, changed, self.differing, strict=True)
                ]
            )
            for side in SIDES
        ]
        self.readers = [dict(zip(SIDES, pair, strict=True)) for pair in zip(*readers, strict=True)]

    def compare(self, program, *observed):
        questions = [
            {"differing": {"base": base, "head": head, "again": again, "outside": change["outside"]}}
            for base, head, again, change in zip(*observed, self.changes, strict=True)
        ]
        return [each["differing"] for each in answers([program], questions)]

    def changed_files(self, folder):
        found = {}
        for side in SIDES:
            for file in sorted((folder / side).rglob("*.py")):
                found.setdefault(str(file.relative_to(folder / side)), {})[side] = file.read_bytes()
        return {path: versions for path, versions in found.items() if versions.get("base") != versions.get("head")}

    def question(self, folder):
        files = [
            {"path": path, **{side: versions[side].decode("latin-1") if side in versions else None for side in SIDES}}
            for path, versions in self.changed_files(folder).items()
        ]
        return {"compare": files}

    def observe(self, asked):
        asked = [{**each, "folder": str(each["folder"])} for each in asked]
        worker = ROOT / "python" / "deadheat" / "side"
        environment = {"PYTHONHASHSEED": "0", "PYTHONPATH": str(worker)}
        return answers([sys.executable, FOLDER / "observe.py"], [asked], environment)

    def of_case(self, number):
        return Told(self.changes[number], self.differing[number], self.readers[number], self.has[number])


def answers(command, questions, environment=None):
    text = "".join(json.dumps(each) + "\n" for each in questions)
    completed = subprocess.run(command, input=text, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in completed.stdout.splitlines()]


class Told:
    """The answers about one case."""

    def __init__(self, changes, differing, readers, has):
        self._ran = {side: {tuple(place) for place in readers[side]["ran"]} for side in SIDES}
        self.outcomes = [readers[side]["outcome"] for side in SIDES]
        self.own = changes["targets"]
        self.affected = self._affected(differing, readers)
        self.is_everything = bool(changes["refused"] or differing["surroundings"] or self._is_unread(readers, has))

    def _affected(self, differing, readers):
        """Returns the names of functions that ran and whose own code did not change."""
        own = {(place[0], place[1]) for target in self.own for place in (target["base"], target["head"]) if place}
        found = set()
        for side in SIDES:
            for reader in readers[side]["functions"]:
                place = reader["path"], reader["qualname"]
                if place not in own and (reader["path"], reader["line"]) in self._ran[side]:
                    found.add(full_name(*place))
            # Every function of a module that is loaded late counts.
            own_lines = {
                (place[0], place[2]) for target in self.own for place in (target["base"], target["head"]) if place
            }
            late = {path for path, line in self._ran[side] - own_lines if path in differing["unloaded"]}
            found |= set(map(dotted_name, late))
        return sorted(found)

    def _is_unread(self, readers, has):
        def has_it(side, name):
            return name["name"] in has[side].get(name["path"], {})

        names = [name for side in SIDES for name in readers[side]["unread"]]
        return any(all(name in readers[side]["unread"] for side in SIDES if has_it(side, name)) for name in names)

    def has_run(self, target):
        return any(target[side] and (target[side][0], target[side][2]) in self._ran[side] for side in SIDES)

    def is_seen(self):
        return self.is_everything or bool(self.affected) or any(map(self.has_run, self.own))

    def described(self):
        groups = {change: [] for change in CHANGES}
        for target in self.own:
            base, head = (full_name(*target[side][:2]) if target[side] else None for side in SIDES)
            name = f"{base} to {head}" if base and head and base != head else head or base
            groups[target["change"]].append(name)
        groups["affected"] = self.affected
        parts = [f"{change} {', '.join(sorted(names))}" for change, names in groups.items() if names]
        return "; ".join(parts + ["everything"] * self.is_everything) or "nothing"


def full_name(path, qualname):
    """Returns the name as it is imported; in the benchmark itself, the qualified name alone."""
    return qualname if path == BENCHMARK else f"{dotted_name(path)}.{qualname}"


def fields_of(case, told):
    """Returns the list of a case as it has to be today."""
    fields = {"benchmark": case.fields["benchmark"], "targets": told.described()}
    return fields | {name: reason for name, reason in case.fields.items() if name == "limit"}


def complaints(case, told):
    """Yields the problems that recording the finder's answer does not solve."""
    if told.outcomes[0] == told.outcomes[1]:
        yield f"proves nothing: both sides give {told.outcomes[0]}"
    if " at 0x" in "".join(told.outcomes):
        yield "has an address in its result, which differs in every process"
    if not told.is_seen() and "limit" not in case.fields:
        yield "is not seen: nothing of what ran would be measured"
    if "limit" in case.fields and told.is_seen():
        yield "is seen after all: take its limit away"
    if "bystander" in told.described():
        yield "names the bystander, with which it has nothing to do"


def listed(fields):
    return "".join(f"- {name}: {value}\n" for name, value in fields.items())


@pytest.mark.parametrize("theme", THEMES)
def test_what_runs_differently_is_measured_and_nothing_else(finder_program, tmp_path, theme):
    path = THEMES[theme]
    cases = read_cases(path)
    text = path.read_text()
    failures = []
    all_told = Answers(finder_program, cases, tmp_path)
    for number, case in enumerate(cases):
        told = all_told.of_case(number)
        failures += [f"{path.name}: {case.title}: {each}" for each in complaints(case, told)]
        actual = fields_of(case, told)
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
