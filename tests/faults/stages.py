"""The stages of a run, at each of which it can be made to wait until it is stopped."""

import os
import signal

import pytest
from causes import two_commits

from processes import Witness, start

# Each stage is a point where a run can be stopped: it reports this and waits until it is killed or the gate opens.
WAITING = """\
    import os
    import signal

    def stand():
        os.write(os.open({moment!r}, os.O_WRONLY), b"x")
        signal.pause()
    """
STAGES = {
    "checkout": {},
    "collection": {"benchmarks/conftest.py": "from pkg.waiting import stand\n\nstand()\n"},
    "set-up": {
        "benchmarks/test_stand.py": (
            "import pytest\n\nfrom pkg.waiting import stand\n\n\n@pytest.fixture\ndef stands():\n    stand()\n\n\n"
            "def test_stands(stands, benchmark):\n    benchmark(len, [])\n"
        )
    },
    "round": {
        "benchmarks/test_stand.py": (
            "from pkg.waiting import stand\n\n\ndef test_stands(benchmark):\n    benchmark(stand)\n"
        )
    },
}
# At some stages pytest itself runs, which needs real workers.
AT_EVERY_STAGE = pytest.mark.parametrize(
    "stage",
    [pytest.param(stage, marks=pytest.mark.real if stage in ("collection", "set-up") else ()) for stage in STAGES],
)


def make_stand(repository, stage, moment, gate):
    """Commits a project whose comparison waits at a stage."""
    files = {"pkg/waiting.py": WAITING.format(moment=str(moment.path)), **STAGES[stage]}
    two_commits(repository, files)
    if stage == "checkout":
        # git runs this hook when the files are there; the checkout ends when the hook does.
        hook = repository.folder / ".git" / "hooks" / "post-checkout"
        hook.write_text(f"#!/bin/sh\necho x > {moment.path}\nread line < {gate.path}\n")
        hook.chmod(0o755)


class Stopped:
    """A run that waits at a stage, and a pipe that everything it has started holds open."""

    def __init__(self, repository, tmp_path, stage, moment, gate, report, **keywords):
        make_stand(repository, stage, moment, gate)
        self.repository = repository
        self.gate = gate
        self.stage = stage
        self.before = repository.state()
        self.witness = Witness(tmp_path / "all")
        held = os.open(self.witness.path, os.O_WRONLY)
        self.process = start(
            repository,
            *("compare", "HEAD^", "HEAD", "--all", "--replicates", 2, "-o", report),
            pass_fds=(held,),
            # However the tests were started, for example with `nohup`.
            **{"preexec_fn": lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL), **keywords},
        )
        os.close(held)
        moment.wait()

    def open_gate(self):
        if self.stage == "checkout":
            os.write(self.gate.descriptor, b"go on\ngo on\n")

    def check_gone(self):
        assert self.witness.saw_all_end()
        self.witness.close()


def waiting(moment, gate):
    """Returns a suite whose benchmark reports that it is running and waits for the gate."""
    return f"""\
        import os


        def test_waits(benchmark):
            os.write(os.open({str(moment.path)!r}, os.O_WRONLY), b"x")
            os.read(os.open({str(gate.path)!r}, os.O_RDONLY), 1)
            benchmark(len, [])
        """
