"""Runs the benchmarks of projects whose folders standard input lists, and prints a line of JSON for each.

Every one has a process of its own, forked from this one, which has imported nothing of it: its result or its exception,
and the path and first line of every function of the project that ran (Python 3.10 has no qualified names of code).
`__annotate__`, with which Python 3.14 evaluates annotations, is none of them.
"""

import importlib
import json
import os
import sys

# What many of the projects import, so that not every process has to.
SHARED = "abc collections contextlib dataclasses enum functools inspect operator types typing"
for name in SHARED.split():
    importlib.import_module(name)


def observe(folder):
    ran = set()

    def note(frame, event, _):
        code = frame.f_code
        is_function = not code.co_name.startswith("<") and code.co_name != "__annotate__"
        if event == "call" and is_function and code.co_filename.startswith(folder):
            ran.add((os.path.relpath(code.co_filename, folder), code.co_firstlineno))

    sys.path.insert(0, folder)
    sys.path.insert(1, f"{folder}/benchmarks")
    sys.setprofile(note)
    try:
        import bench

        outcome = repr(bench.benchmark())
    except Exception as error:
        outcome = repr(error)
    sys.setprofile(None)
    return {"outcome": outcome.replace(folder, ""), "ran": sorted(ran)}


def main():
    sys.dont_write_bytecode = True
    # The folder of this file is none of the projects'.
    sys.path.pop(0)
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


if __name__ == "__main__":
    main()
