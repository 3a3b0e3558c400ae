"""Ways to cause faults: for real, and at known moments."""

import os
import select
import shutil
import subprocess
import sys

from conftest import LONG, command

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


class Moment:
    """A pipe that reports an event in another process, which writes a byte into it."""

    def __init__(self, path):
        os.mkfifo(path)
        self.path = path
        # Both ends are open here, so that opening the pipe elsewhere does not block.
        self.descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)

    def wait(self):
        assert select.select([self.descriptor], [], [], 60)[0], "it never happened"
        return os.read(self.descriptor, 4096)


def start(repository, *arguments, **keywords):
    """Starts deadheat in the repository without waiting for it."""
    return subprocess.Popen(
        command(*arguments),
        cwd=repository.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **keywords,
    )


def check_sound(repository):
    """Checks that git finds nothing wrong and has no worktree but the user's own."""
    repository.git("fsck", "--strict", "--no-dangling")
    assert len(repository.git("worktree", "list").splitlines()) == 1
