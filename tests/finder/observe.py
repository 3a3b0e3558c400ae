"""Runs the benchmarks of small projects and reports what their modules hold beforehand and who reads what differs.

Standard input is a list of `{"folder", "changed", "differing", "unloaded"}`, the last three as in requests to
the worker; without `differing`, the digests are requested. Each project has its own process, forked from this one,
which has imported nothing of it, and yields a line of JSON: its answer, its `outcome` (its result or its exception),
and the functions of the project that `ran`, as path and first line. `__annotate__`, with which Python 3.14 evaluates
annotations, does not count as one.
"""

import importlib
import json
import os
import random
import sys

# Modules that many of the projects import, so that not every process has to.
SHARED = "abc collections contextlib dataclasses enum functools inspect operator random types typing"
for name in SHARED.split():
    importlib.import_module(name)

from deadheat_worker.imports import ProjectImports  # noqa: E402
from deadheat_worker.outputs.namespaces import Namespaces  # noqa: E402


def observe(folder, changed, differing=None, unloaded=()):
    ran, answer = set(), {}

    def note(frame, event, _):
        code = frame.f_code
        is_function = not code.co_name.startswith("<") and code.co_name != "__annotate__"
        if event == "call" and is_function and code.co_filename.startswith(folder):
            ran.add((os.path.relpath(code.co_filename, folder), code.co_firstlineno))

    sys.path.insert(0, folder)
    sys.path.insert(1, f"{folder}/benchmarks")
    names = {name.partition(".")[0] for name in os.listdir(folder)}
    namespaces = Namespaces(ProjectImports(folder, "/nowhere", [], names, [], []), changed, random.getstate())
    try:
        sys.setprofile(note)
        import bench

        sys.setprofile(None)
        modules, others, surroundings = namespaces.observed()
        if differing is None:
            answer = {"modules": modules, "others": others, "surroundings": surroundings}
        else:
            functions, unread = namespaces.readers(differing, unloaded)
            answer = {"functions": functions, "unread": unread}
            sys.setprofile(note)
            answer["outcome"] = repr(bench.benchmark())
    except Exception as error:
        answer["outcome"] = repr(error)
    sys.setprofile(None)
    nothing = {"modules": {}, "others": {}, "surroundings": {}, "functions": [], "unread": []}
    outcome = answer.get("outcome", "").replace(folder, "")
    return nothing | answer | {"outcome": outcome, "ran": sorted(ran)}


def main():
    sys.dont_write_bytecode = True
    # The folder of this file belongs to none of the projects.
    sys.path.pop(0)
    for asked in json.load(sys.stdin):
        receiving, sending = os.pipe()
        child = os.fork()
        if not child:
            with open(sending, "w") as pipe:
                json.dump(observe(**asked), pipe)
                pipe.flush()
                os._exit(0)
        os.close(sending)
        with open(receiving) as pipe:
            print(pipe.read(), flush=True)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
