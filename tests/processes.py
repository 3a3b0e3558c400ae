"""Pipes that tell when another process has come to a point or has ended, and runs that stand still."""

import contextlib
import os
import select
import signal
import subprocess

import pytest

from conftest import Outcome, command


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


class Pipe:
    """A named pipe, whose end here never blocks."""

    def __init__(self, path):
        os.mkfifo(path)
        self.path = path
        self.descriptor = os.open(path, self.MODE | os.O_NONBLOCK)

    def is_readable(self):
        return bool(select.select([self.descriptor], [], [], 60)[0])

    def close(self):
        os.close(self.descriptor)


class Witness(Pipe):
    """A pipe that processes hold open for as long as they live."""

    MODE = os.O_RDONLY

    def saw_all_end(self):
        # Readable without any data: no writer is left.
        return self.is_readable() and os.read(self.descriptor, 1) == b""


class Moment(Pipe):
    """A pipe that reports an event in another process, which writes a byte into it."""

    # Both ends are open here, so that opening the pipe elsewhere does not block.
    MODE = os.O_RDWR

    def wait(self):
        assert self.is_readable(), "it never happened"
        return os.read(self.descriptor, 4096)


@pytest.fixture
def witness(tmp_path):
    with contextlib.closing(Witness(tmp_path / "witness")) as witness:
        yield witness


@pytest.fixture
def moment(tmp_path):
    with contextlib.closing(Moment(tmp_path / "moment")) as moment:
        yield moment


@pytest.fixture
def gate(tmp_path):
    """The same, the other way round: another process waits until a test writes into it."""
    with contextlib.closing(Moment(tmp_path / "gate")) as gate:
        yield gate


class Standstill:
    """A module that a given number of processes can import; the next one reports itself and never ends.

    A run that gets there has done a known amount of work, however long that took.
    """

    MODULE = """\
        import os
        import signal

        COUNTER = {counter!r}
        with open(COUNTER, "a") as file:
            file.write("x")
        if os.path.getsize(COUNTER) > int(open({limit!r}).read()):
            os.write(os.open({moment!r}, os.O_WRONLY), b"x")
            while True:
                signal.pause()
        """

    def __init__(self, folder, moment):
        self.moment = moment
        self.counter, self.limit = folder / "imports", folder / "most_imports"
        self.module = self.MODULE.format(counter=str(self.counter), limit=str(self.limit), moment=str(moment.path))

    def let_pass(self, count):
        """Sets the number of processes, from now on, that can import the module."""
        before = self.counter.stat().st_size if self.counter.exists() else 0
        self.limit.write_text(str(before + count))

    def interrupt(self, repository, *arguments, number=signal.SIGINT):
        """Runs deadheat until it waits, and ends it by a signal."""
        process = start(repository, *arguments)
        self.moment.wait()
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        return Outcome(subprocess.CompletedProcess(process.args, process.returncode, out, err))


@pytest.fixture
def standstill(tmp_path, moment):
    return Standstill(tmp_path, moment)
