"""Runs the project's own benchmarks: `python bench`, in the environment that deadheat is installed in."""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "tests"))
sys.path = [entry for entry in sys.path if os.path.abspath(entry) != HERE]
from conftest import INTERPRETERS, PACKAGE  # noqa: E402

for version in sorted(INTERPRETERS, key=lambda version: int(version.partition(".")[2])):
    for arguments in ([], ["exceptions"]):
        subprocess.run(
            [INTERPRETERS[version], os.path.join(HERE, "tracing.py"), str(PACKAGE), *arguments],
            check=True,
            # On one core, as measured processes are.
            preexec_fn=(lambda: os.sched_setaffinity(0, {max(os.sched_getaffinity(0))}))
            if hasattr(os, "sched_setaffinity")
            else None,
        )
