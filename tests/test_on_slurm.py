"""The examples of docs/scale.md, word for word; those for SLURM on a cluster of two nodes."""

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from conftest import ROOT, command
from test_examples import steps
from test_merge import BENCHMARKS, FAST, SLOW, names

pytestmark = [pytest.mark.counted, pytest.mark.xdist_group("one cluster for all")]

PAGE = (ROOT / "docs" / "scale.md").read_text()
# Debian has the daemons where only root looks.
PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"
LACKING = [name for name in ("sbatch", "slurmctld", "slurmd", "munged") if shutil.which(name, path=PATH) is None]
CONFIGURATION = """\
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmUser=root
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
# Jobs are found without control groups, and a node may have more cores than this machine.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
# Clients wait for daemons that are starting, and jobs start as soon as they can.
MessageTimeout=60
SchedulerParameters=batch_sched_delay=0,sched_interval=1
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={first} CPUs=2 RealMemory=512
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={second} CPUs=2 RealMemory=512
PartitionName=all Nodes=n1,n2 Default=YES
"""


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def processes_with(variable):
    """Returns the processes whose environment has this variable with its value."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            variables = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if variable.encode() in variables:
            found.append(int(folder.name))
    return found


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A cluster of two nodes; yields the variables of its users, and ends everything that was started on it."""
    if LACKING:
        pytest.skip(f"SLURM is not installed: {', '.join(LACKING)} (slurm-wlm in Debian)")
    if os.geteuid() != 0:
        pytest.skip("the daemons of SLURM need root")
    folder = tmp_path_factory.mktemp("slurm")
    controller, first, second = free_ports(3)
    host = socket.gethostname().partition(".")[0]
    settings, key = folder / "slurm.conf", folder / "munge.key"
    settings.write_text(
        CONFIGURATION.format(folder=folder, host=host, controller=controller, first=first, second=second)
    )
    for name in ("state", "spool-n1", "spool-n2"):
        (folder / name).mkdir()
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    mine = {"SLURM_CONF": str(settings), "PATH": PATH}
    everyones = {**os.environ, **mine}
    munged = ["munged", "--force", f"--key-file={key}", f"--socket={folder}/munge.socket"]
    munged += [f"--{name}-file={folder}/munge.{name}" for name in ("pid", "log", "seed")]
    daemons = []
    try:
        subprocess.run(munged, env=everyones, check=True)
        for daemon in (["slurmctld", "-D"], ["slurmd", "-D", "-N", "n1"], ["slurmd", "-D", "-N", "n2"]):
            with (folder / f"{'-'.join(daemon)}.txt").open("w") as log:
                daemons.append(subprocess.Popen(daemon, env=everyones, stdout=log, stderr=log))
        yield mine
    finally:
        for daemon in daemons:
            daemon.kill()
            daemon.wait()
        # And munged, and jobs that are left.
        while left := processes_with(f"SLURM_CONF={settings}"):
            for process in left:
                os.kill(process, signal.SIGKILL)


@pytest.fixture
def shell(repository, tmp_path, monkeypatch):
    """Runs lines of a shell in a repository with a regression, and returns what the last one ends with."""
    repository.commit_both(FAST, SLOW, BENCHMARKS)
    program = tmp_path / "bin" / "deadheat"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.join(command())} "$@"\n')
    program.chmod(0o755)

    def run(lines, variables=None):
        variables = {**os.environ, **(variables or {})}
        variables["PATH"] = f"{program.parent}:{variables['PATH']}"
        completed = subprocess.run(
            ["bash", "-ec", "\n".join(lines)],
            cwd=repository.folder,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        logs = [f"{log}:\n{log.read_text()}" for log in sorted(repository.folder.rglob("*.log"))]
        return completed.returncode, "\n".join([completed.stdout, *logs])

    return run


def commands(title):
    """Returns the commands in a section of the page."""
    _, found, rest = PAGE.partition(f"\n## {title}\n")
    assert found, title
    return [step.command for step in steps(rest.partition("\n## ")[0].splitlines())]


def results(report):
    return {row["benchmark"]: row["verdict"] for row in report["comparisons"]}, names(report["missing"])


def check_is_whole(file, compare):
    """Checks that a merged report has what one machine measures, in more than one part."""
    merged, whole = json.loads(file.read_text()), compare("HEAD^", "HEAD").report
    assert [part["partition"] for part in merged["shards"]] == [{"shard": 1, "of": 2}, {"shard": 2, "of": 2}]
    assert {row["shard"] for row in merged["comparisons"]} == {1, 2}
    assert not merged["partial"]
    assert results(merged) == results(whole)
    assert set(results(whole)[0].values()) == {"regressed"}
    for one, other in zip(merged["comparisons"], whole["comparisons"], strict=True):
        assert one["estimate"]["point_estimate"] == pytest.approx(other["estimate"]["point_estimate"], rel=0.01)


def test_the_parts_of_a_suite_in_ci(shell, repository, compare):
    code, output = shell(commands("Parts of a suite in CI"))
    assert code == 0, output
    assert "part 1/2, by CI_NODE_INDEX and CI_NODE_TOTAL" in output
    check_is_whole(repository.folder / "all.json", compare)


ROWS = [line.split("|") for line in PAGE.splitlines() if line.startswith("| ") and line.count("| `") > 1]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1].strip())
def test_the_variables_of_the_page_tell_the_part(row, repository, deadheat_command):
    repository.commit_both(FAST, FAST, BENCHMARKS)
    index, total, first = (cell.strip().strip("`") for cell in row[2:5])
    variables = {total: "3"}
    if first == "SLURM_ARRAY_TASK_MIN":
        variables |= {"SLURM_ARRAY_TASK_MIN": "5", "SLURM_ARRAY_TASK_MAX": "9", "SLURM_ARRAY_TASK_STEP": "2"}
        first = "5"
    outcome = deadheat_command(
        "compare", "HEAD^", "HEAD", "--partition", "auto", environment={**variables, index: first}
    )
    assert outcome.code == 0, outcome.err
    assert f"part 1/3, by {index} and " in outcome.err


def test_the_variables_of_six_systems_are_on_the_page():
    assert len(ROWS) == 6


def test_a_slurm_array(cluster, shell, repository, compare):
    array = commands("A SLURM array")
    code, output = shell(array, cluster)
    assert code == 0, output
    printed = [file.read_text() for file in repository.folder.glob("slurm-*_2.out")]
    assert ["part 2/2, by SLURM_ARRAY_TASK_ID and " in text for text in printed] == [True]
    check_is_whole(repository.folder / "all.json", compare)
    (folder,) = repository.folder.glob("deadheat-*-*")
    check_is_whole(folder / "all.json", compare)
    assert (repository.folder / "all.html").exists()


def test_a_part_that_is_lost_and_measured_later(cluster, shell, repository):
    script = "deadheat slurm HEAD^ HEAD --parts 2 --fail-on regression --folder 'a folder' > run.sh"
    code, output = shell([script, "sh run.sh --array=1 --wait"], cluster)
    assert code == 4, output
    folder = repository.folder / "a folder"
    assert "part 2/2 is missing" in (folder / "merge.log").read_text()
    code, output = shell(["sh run.sh --array=2 --wait"], cluster)
    assert code == 1, output
    assert not json.loads((folder / "all.json").read_text())["partial"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--working-tree"], "--working-tree cannot be used here"),
        (["--partition", "1/2"], "--partition cannot be used here"),
        (["-o", "-"], "-o - cannot be used here"),
        (["--pr", "3"], "--pr cannot be used here"),
        (["--balance", "none.json"], "--balance: `none.json` cannot be read"),
        (["-k", "nonsense"], None),
    ],
)
def test_options_without_a_meaning_in_an_array_are_refused(repository, deadheat_command, options, words):
    repository.commit_both(FAST, SLOW, BENCHMARKS)
    outcome = deadheat_command("slurm", "--parts", "2", *options)
    assert outcome.code == (2 if words else 0), outcome.err
    assert (words or "") in outcome.err
