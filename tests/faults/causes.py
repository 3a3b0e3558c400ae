"""Ways to cause faults for real."""

import os
import shutil
import sys

from conftest import LONG

IS_LINUX = sys.platform == "linux"
CAN_MOUNT = IS_LINUX and os.geteuid() == 0 and shutil.which("unshare") is not None

SLOW = "def work():\n    for _ in range(300):\n        pass\n"
FAST = "def work():\n    for _ in range(30):\n        pass\n"
USUAL = "from pkg.core import work\n\n\ndef test_usual(benchmark):\n    benchmark(work)\n"


def times(short, long):
    """Returns `long` in the long version of the tests, `short` otherwise."""
    return long if LONG else short


def two_commits(repository, files=None):
    """Makes a project whose head is some ten times faster, with `files` on both sides."""
    repository.commit({"pkg/__init__.py": "", "pkg/core.py": SLOW, "benchmarks/test_usual.py": USUAL, **(files or {})})
    repository.commit({"pkg/core.py": FAST})
    return repository


def check_sound(repository):
    """Checks that git finds nothing wrong and has no worktree but the user's own."""
    repository.git("fsck", "--strict", "--no-dangling")
    assert len(repository.git("worktree", "list").splitlines()) == 1
