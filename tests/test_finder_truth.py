"""The finder of changed functions against what Python does: where a result differs, what ran is to be measured."""

import json
import re
import subprocess
import sys

import pytest

from conftest import ROOT
from finder_truth import CASES

sys.path.insert(0, str(ROOT / "bench" / "finder"))
from asking import Finder, build

SIDES = ("base", "head")
BENCHMARK = "benchmarks/bench.py"

# Runs the benchmark of every case in a process of its own, forked from one that has imported nothing of it, and prints
# what came of each: the result or the exception, and the path and first line of every function of the project that ran
# (Python 3.10 has no qualified names of code).
RUNNER = r"""
import io, json, os, sys
import abc, collections, contextlib, dataclasses, enum, functools, importlib, inspect, operator, types, typing

def observe(folder):
    ran = set()
    def note(frame, event, _):
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(folder) and not code.co_name.startswith("<"):
            ran.add((os.path.relpath(code.co_filename, folder), code.co_firstlineno))
    sys.path.insert(0, folder)
    sys.path.insert(1, folder + "/benchmarks")
    sys.setprofile(note)
    try:
        import bench
        outcome = repr(bench.benchmark())
    except Exception as error:
        outcome = repr(error)
    sys.setprofile(None)
    return {"outcome": outcome.replace(folder, ""), "ran": sorted(ran)}

sys.dont_write_bytecode = True
for folder in json.load(sys.stdin):
    receiving, sending = os.pipe()
    child = os.fork()
    if not child:
        with open(sending, "w") as pipe:
            json.dump(observe(folder), pipe)
            pipe.flush()
            os._exit(0)
    os.close(sending)
    with open(receiving) as pipe:
        print(pipe.read(), flush=True)
    os.waitpid(child, 0)
"""


def parse(text):
    """`{title: {side: {path: source}}}` from cases as `finder_truth.py` describes them."""
    cases, expressions = {}, {}
    for line in text.split("\n"):
        if title := re.fullmatch(r"# (.+?): (\S.*)", line):
            assert title[1] not in cases, f"two cases are called {title[1]!r}"
            cases[title[1]] = versions = {side: {} for side in SIDES}
            expressions[title[1]] = title[2]
        elif file := re.fullmatch(r"@([-+]?) (\S+)(?: (\S+))?", line):
            mark, path, encoding = file[1], file[2], file[3] or "utf-8"
            lines = {side: versions[side] for side, other in zip(SIDES, "+-", strict=True) if mark != other}
            for sources in lines.values():
                sources[path] = b""
        elif line:
            assert line[0] in " -+", line
            for side, sources in lines.items():
                if line[0] in {" ", "-" if side == "base" else "+"}:
                    sources[path] += (line[1:] + "\n").encode(encoding)
    for title, versions in cases.items():
        modules = {dotted_name(path) for sources in versions.values() for path in sources}
        imports = [name for name in modules if re.search(rf"(?<![\w.]){re.escape(name)}\.", expressions[title])]
        benchmark = "".join(f"import {name}\n" for name in sorted(imports, key=len)[::-1])
        benchmark += f"def benchmark():\n    return {expressions[title]}\n"
        for sources in versions.values():
            sources[BENCHMARK] = benchmark.encode()
    return cases


def dotted_name(path):
    return path if path == BENCHMARK else path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")


CASES = parse(CASES)
# What the finder cannot see (docs/finder.md), by reason. One that it sees after all has to leave this list.
LIMITS = {
    "the order of what acts when it is defined": [
        "imports whose modules register themselves",
        "decorated methods register themselves",
        "a decorated function and a statement change places",
        "a subclass and a statement change places",
        "subclasses inside a class",
        "methods of a class that is looked through",
        "methods under a metaclass that counts them",
        "functions of a module that is looked through",
        "a class and an assignment that it reads",
        "a default and the assignment that it reads",
        "a decorator and the assignment that it reads",
        "a base class and another one of its name",
        "a call and the function that it calls",
        "a call before and after the import that it uses",
        "an import with an effect and what is read of it",
        "an import with an effect and a function's default",
    ],
    "a module that comes another way than by an import of its name": [
        "an import in a lambda",
        "import_module",
        "import_module in a function",
        "import_module and getattr of names put together",
        "a module that gives attributes by __getattr__",
        "names given by __getattr__ and a table",
        "a module handed to a function",
        "a module handed over by the benchmark",
        "a deleted module that was looked for",
        "a deleted module without anything in it",
        "a deleted module that find_spec looked for",
        "a deleted module that a package walked over",
        "a module hides one of the standard library",
        "modules that a package names in __all__",
    ],
    "a value that also has an effect": [
        "a comprehension with an effect",
        "a call that has an effect and binds a name",
        "a call that has an effect and binds a changed name",
        "a method that has an effect and gives what is kept",
        "an annotated call with an effect",
        "an effect in a default",
        "a decorator that registers, on a new function",
        "a constant in the arguments of a decorator that registers",
        "a new subclass with methods in another module",
        "a constant in the keyword of a subclass that registers",
        "a class attribute whose value has an effect",
        "a descriptor that is told its name",
    ],
    "a name that is put together": [
        "getattr of a name given",
        "getattr of a name put together",
        "getattr of a name in a table",
        "getattr under another name",
        "dispatch by a name put together",
        "dir",
        "all of a module's names",
        "all of a module's names by dir",
        "members of a module by inspect",
        "all functions of a module by their names",
        "a name in a string that a helper looks up",
        "settings updated from a module",
        "a mapping of a class's names",
    ],
    "what is only looked at": [
        "a docstring that is read",
        "a module's docstring that is read",
        "a class's docstring that is read",
        "the length of a function's signature",
        "annotations read by a function",
        "annotations read by typing",
        "changed annotations read by a function",
        "annotations of a class read by a function",
        "annotations of a method read by a class decorator",
        "__future__ annotations that are read",
        "a method moves to a base class",
        "a method that takes away the hash",
        "a new method that only hasattr sees",
        "a new method that isinstance sees",
    ],
    "words that mean something else than usual": [
        "TYPE_CHECKING from elsewhere",
        "a module run as __main__",
        "a private name of the module in a class",
    ],
}


def marked():
    reasons = {title: reason for reason, titles in LIMITS.items() for title in titles}
    assert reasons.keys() <= CASES.keys()
    for title in CASES:
        reason = reasons.get(title)
        yield pytest.param(title, marks=[pytest.mark.xfail(reason=reason, strict=True)] if reason else [])


@pytest.fixture(scope="module")
def observed(tmp_path_factory):
    """What CPython does, by case and side."""
    folder = tmp_path_factory.mktemp("truth")
    found = {title: {} for title in CASES}
    for side in SIDES:
        folders = []
        for number, versions in enumerate(CASES.values()):
            folders.append(folder / side / str(number))
            for path, source in versions[side].items():
                (folders[-1] / path).parent.mkdir(parents=True, exist_ok=True)
                (folders[-1] / path).write_bytes(source)
        completed = subprocess.run(
            [sys.executable, "-c", RUNNER],
            input=json.dumps([str(each) for each in folders]),
            env={"PYTHONHASHSEED": "0"},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        for title, line in zip(CASES, completed.stdout.splitlines(), strict=True):
            found[title][side] = json.loads(line)
    return found


@pytest.fixture(scope="module")
def finder():
    with Finder(build("dev")) as running:
        yield running


def ask(finder, base, head):
    text = {None: None} | {source: source.decode("latin-1") for source in [*base.values(), *head.values()]}
    files = [
        {"path": path, "dotted_name": dotted_name(path), "base": text[base.get(path)], "head": text[head.get(path)]}
        for path in sorted({*base, *head})
        if base.get(path) != head.get(path)
    ]
    modules = [{"path": path, "dotted_name": dotted_name(path), "source": text[head[path]]} for path in sorted(head)]
    return finder.ask({"compare": {"files": files, "modules": modules}})["changes"]


@pytest.mark.parametrize("title", list(marked()))
def test_what_runs_differently_is_measured(observed, finder, title):
    """In both directions: the change, and the one that takes it back."""
    outcomes = [observed[title][side]["outcome"] for side in SIDES]
    assert outcomes[0] != outcomes[1], "this case proves nothing"
    assert " at 0x" not in "".join(outcomes), "an address differs in every process"
    for sides in (SIDES, SIDES[::-1]):
        changes = ask(finder, *(CASES[title][side] for side in sides))
        ran = [{tuple(place) for place in observed[title][side]["ran"]} for side in sides]
        reached = [
            target["qualname"]
            for target in changes["targets"]
            for place, places in zip([target["base"], target["head"]], ran, strict=True)
            if place and (place[0], place[2]) in places
        ]
        everything = changes["unattributed"] or changes["refused"]
        assert reached or everything, f"from {sides[0]} to {sides[1]}: {changes['targets']}"
