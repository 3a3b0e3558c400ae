"""Runs the project's own benchmarks: `python bench`, in the environment that deadheat is installed in."""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path = [
    os.path.join(os.path.dirname(HERE), "tools"),
    *(entry for entry in sys.path if os.path.abspath(entry) != HERE),
]
import deadheat  # noqa: E402
import pythons  # noqa: E402

PACKAGE = os.path.dirname(os.path.abspath(deadheat.__file__))

for interpreter in pythons.find().values():
    for arguments in ([], ["exceptions"]):
        subprocess.run(
            [interpreter, os.path.join(HERE, "tracing.py"), PACKAGE, *arguments],
            check=True,
            # On one core, as measured processes are.
            preexec_fn=(lambda: os.sched_setaffinity(0, {max(os.sched_getaffinity(0))}))
            if hasattr(os, "sched_setaffinity")
            else None,
        )
