"""How faults are caused: for real, and at moments that are known."""

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
    """How often something is done, in the version of the tests that runs."""
    return long if LONG else short


def two_commits(repository, files=None):
    """A project whose head is some ten times faster, with what else both sides have."""
    repository.commit({"pkg/__init__.py": "", "pkg/core.py": SLOW, "benchmarks/test_usual.py": USUAL, **(files or {})})
    repository.commit({"pkg/core.py": FAST})
    return repository


class Moment:
    """A pipe that says when something has happened elsewhere: whoever writes a byte into it."""

    def __init__(self, path):
        os.mkfifo(path)
        self.path = path
        # Both ends, so that nobody who opens it waits.
        self.descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)

    def wait(self):
        assert select.select([self.descriptor], [], [], 60)[0], "it never happened"
        return os.read(self.descriptor, 4096)


def start(repository, *arguments, **keywords):
    """deadheat in the repository, still running."""
    return subprocess.Popen(
        command(*arguments),
        cwd=repository.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **keywords,
    )


def check_sound(repository):
    """git finds nothing wrong, and no worktree but the user's own."""
    repository.git("fsck", "--strict", "--no-dangling")
    assert len(repository.git("worktree", "list").splitlines()) == 1
