"""Harm that a project's code can do to the process that runs it. The rest of the suite is measured, and the row says
what happened.
"""

import sys

import pytest
from causes import IS_LINUX, check_sound, times, two_commits

ENDS = """\
    import ctypes
    import os
    import signal

    import pytest


    def kill_oneself():
        os.kill(os.getpid(), signal.SIGKILL)


    def test_killed(benchmark):
        benchmark(kill_oneself)


    def test_segfault(benchmark):
        benchmark(ctypes.string_at, 0)


    def test_aborts(benchmark):
        benchmark(os.abort)


    def test_ends_in_a_fixture(request, benchmark):
        os._exit(9)


    def test_system_exit(benchmark):
        benchmark(exit, 3)
    """


def test_a_worker_that_ends_costs_one_row(repository, compare):
    two_commits(repository, {"benchmarks/test_ends.py": ENDS})
    outcome = compare("HEAD^", "HEAD", "--all")
    assert outcome.code == 0, outcome.err
    assert outcome.verdicts().keys() == {"test_usual"}
    words = {row["benchmark"].rpartition("::")[2]: row["message"] for row in outcome.report["missing"]}
    assert {reason for reason, _ in outcome.missing().values()} == {"failed"}
    assert "signal: 9 (SIGKILL)" in words["test_killed"]
    assert "signal: 11 (SIGSEGV)" in words["test_segfault"]
    assert "signal: 6 (SIGABRT)" in words["test_aborts"]
    assert "exit status: 9" in words["test_ends_in_a_fixture"]
    assert "SystemExit: 3" in words["test_system_exit"]


HANGS = ["lock = threading.Lock(); lock.acquire(); lock.acquire()", "while True: pass"]


@pytest.mark.counted
@pytest.mark.parametrize("hang", times(HANGS[:1], HANGS))
def test_what_never_ends_is_cut_off_and_the_rest_goes_on(repository, compare, hang):
    bad = f"import threading\n\n\ndef hang():\n    {hang}\n\n\ndef test_hangs(benchmark):\n    benchmark(hang)\n"
    two_commits(repository, {"benchmarks/test_hangs.py": bad})
    outcome = compare("HEAD^", "HEAD", "--all", "--timeout", 40)
    assert outcome.code == 0, outcome.err
    assert outcome.verdicts().keys() == {"test_usual"}
    assert outcome.missing()["test_hangs"][0] == "failed"
    assert "no answer within" in outcome.report["missing"][0]["message"]


def test_a_fork_that_outlives_its_parent_is_ended_with_it(repository, compare, witness):
    forks = f"""\
        import os
        import signal
        import subprocess
        import sys


        def fork_and_end():
            if os.fork():
                os._exit(5)
            open({str(witness.path)!r}, "w").close()
            kept = open({str(witness.path)!r}, "w")
            signal.pause()


        def test_forks_and_ends(benchmark):
            benchmark(fork_and_end)


        def test_fork_comes_back(benchmark):
            # The child goes on as if it were the worker.
            os.fork()
            benchmark(len, [])


        def test_leaves_a_process(benchmark):
            keeps = "import signal, sys; open(sys.argv[1], 'w').close(); kept = open(sys.argv[1], 'w'); signal.pause()"
            subprocess.Popen([sys.executable, "-c", keeps, {str(witness.path)!r}])
            benchmark(len, [])
        """
    two_commits(repository, {"benchmarks/test_forks.py": forks})
    outcome = compare("HEAD^", "HEAD", "--all")
    assert outcome.code == 0, outcome.err
    assert outcome.verdicts().keys() == {"test_usual", "test_fork_comes_back", "test_leaves_a_process"}
    assert "exit status: 5" in outcome.report["missing"][0]["message"]
    assert witness.saw_all_end()


LIMITED = """\
    def test_takes_too_much(benchmark):
        benchmark(bytearray, 1 << 30)


    def test_takes_little(benchmark):
        benchmark(bytearray, 1 << 20)


    def test_only_reserves(benchmark):
        import mmap

        # Address space is not memory.
        no_reserve = 0x4000
        reserved = mmap.mmap(-1, 8 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | no_reserve, prot=0)
        benchmark(len, reserved)
    """


@pytest.mark.counted
@pytest.mark.skipif(not IS_LINUX, reason="only Linux keeps such limits")
def test_memory_beyond_the_limit_fails_where_it_is_asked_for(repository, compare):
    two_commits(repository, {"benchmarks/test_limited.py": LIMITED})
    outcome = compare("HEAD^", "HEAD", "--all", "--memory-limit", 400)
    assert outcome.code == 0, outcome.err
    assert outcome.verdicts().keys() == {"test_usual", "test_takes_little", "test_only_reserves"}
    assert "MemoryError" in outcome.report["missing"][0]["message"]
    assert outcome.report["settings"]["memory_limit_mib"] == 400
    repository.write({"pyproject.toml": "[tool.deadheat]\nmemory-limit = 400\n"})
    outcome = compare("HEAD^", "HEAD", "-k", "much", "--all")
    assert (outcome.code, outcome.missing().keys()) == (3, {"test_takes_too_much"})
    outcome = compare("HEAD^", "HEAD", "-k", "usual", "--all", "--dry-run", "--memory-limit", 500)
    assert outcome.report["settings"]["memory_limit_mib"] == 500


@pytest.mark.counted
@pytest.mark.skipif(not IS_LINUX, reason="only Linux keeps such limits")
def test_the_limit_holds_for_commands_too(repository, compare):
    two_commits(repository)
    script = f"{sys.executable} -c 'bytearray(1 << 30)'"
    outcome = compare("HEAD^", "HEAD", "--script", script, "--memory-limit", 400)
    assert outcome.code == 3
    assert "MemoryError" in outcome.err


PRINTS = """\
    import os

    import pytest


    def print_for_ever(descriptor):
        while True:
            os.write(descriptor, b"x" * (1 << 20))


    def test_stdout(benchmark):
        benchmark(print_for_ever, 1)


    def test_stderr(benchmark):
        benchmark(print_for_ever, 2)


    def test_past_the_capture(benchmark, capfd):
        with capfd.disabled():
            benchmark(print_for_ever, 1)
    """


def test_output_without_end_is_cut_off(repository, compare):
    two_commits(repository, {"benchmarks/test_prints.py": PRINTS})
    chosen = times("usual or stdout", "usual or stdout or stderr or past_the_capture")
    outcome = compare("HEAD^", "HEAD", "--all", "-k", chosen, "--timeout", 100)
    assert outcome.code == 0, outcome.err
    assert outcome.verdicts().keys() == {"test_usual"}
    assert len(outcome.report["missing"]) == times(1, 3)
    for row in outcome.report["missing"]:
        assert row["message"].startswith("it printed more than 1024 MiB")


MEDDLES = """\
    import os
    import signal
    import sys
    import time

    from pkg.core import work

    seen = []


    def close_all():
        for descriptor in range(10):
            try:
                os.close(descriptor)
            except OSError:
                pass


    def write_to_all():
        for descriptor in range(10):
            try:
                os.write(descriptor, b'{"reply": "left"}\\n')
            except OSError:
                pass


    def test_a_directory(benchmark, tmp_path):
        os.chdir(tmp_path)
        tmp_path.rmdir()
        benchmark(work)


    def test_b_environment(benchmark):
        os.environ.clear()
        os.environ["PATH"] = "/nowhere"
        benchmark(work)


    def test_c_hooks(benchmark):
        sys.setprofile(lambda frame, *_: seen.append(frame.f_code.co_name))
        sys.settrace(lambda frame, *_: seen.append(frame.f_code.co_name))
        benchmark(work)


    def test_d_after_hooks(benchmark):
        benchmark(work)
        assert seen
        assert "work" not in seen
        sys.setprofile(None)
        sys.settrace(None)


    def test_e_signals(benchmark):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM, signal.SIGPIPE):
            signal.signal(number, lambda *_: None)
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        benchmark(work)
        signal.setitimer(signal.ITIMER_REAL, 0)


    def test_f_clocks(benchmark):
        jumps = iter(range(10**12, 0, -(10**6)))
        for name in ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"):
            setattr(time, name, lambda: next(jumps))
        benchmark(work)


    def test_g_writes(benchmark):
        benchmark(write_to_all)


    def test_h_limits(benchmark):
        sys.setrecursionlimit(200)
        sys.stdout = sys.stderr = None
        benchmark(work)


    def test_z_closes(benchmark):
        benchmark(close_all)
    """


def test_what_is_changed_in_the_process_costs_its_own_row_at_most(repository, compare):
    two_commits(repository, {"benchmarks/test_meddles.py": MEDDLES})
    outcome = compare("HEAD^", "HEAD", "--all")
    assert outcome.code == 0, outcome.err
    rows = outcome.report["comparisons"]
    estimates = {row["benchmark"].rpartition("::")[2]: row["estimate"]["point_estimate"] for row in rows}
    for name in ("a_directory", "b_environment", "c_hooks", "d_after_hooks", "e_signals", "f_clocks", "h_limits"):
        assert estimates[f"test_{name}"] < 0.6
    assert {"test_g_writes", "test_usual"} <= estimates.keys()
    assert outcome.missing().keys() <= {"test_z_closes"}


def test_sys_exit_in_a_conftest_ends_with_its_words(repository, compare):
    two_commits(repository, {"benchmarks/conftest.py": "import sys\n\nsys.exit('not today')\n"})
    outcome = compare("HEAD^", "HEAD", "--all")
    assert outcome.code == 3
    assert "not today" in outcome.err


def test_a_worker_that_forges_its_line_is_told_apart(repository, compare):
    """A benchmark can find the line to the driver; nonsense on it is an error of that benchmark."""
    forges = """\
        import os


        def forge():
            for name in os.listdir("/dev/fd"):
                if int(name) > 9:
                    try:
                        os.write(int(name), b"nonsense\\n")
                    except OSError:
                        pass


        def test_forges(benchmark):
            benchmark(forge)
        """
    two_commits(repository, {"benchmarks/test_forges.py": forges})
    outcome = compare("HEAD^", "HEAD", "--all")
    assert outcome.code == 0, outcome.err
    assert outcome.verdicts().keys() == {"test_usual"}
    assert "the answer cannot be read" in outcome.report["missing"][0]["message"]


REMOVES = """\
    import os
    import shutil


    def test_removes(benchmark):
        benchmark(len, [])
        with open({count!r}, "a") as file:
            file.write("x")
        if os.path.getsize({count!r}) > {after}:
            shutil.rmtree(os.getcwd())
    """


@pytest.mark.counted
@pytest.mark.parametrize("after", [0, 6], ids=["at first", "later"])
def test_a_benchmark_that_removes_its_worktree_is_named(repository, tmp_path, compare, after):
    """Its files outside the commit (uncommitted files, builds) cannot be made again, so the run ends there."""
    two_commits(repository, {"benchmarks/test_x.py": REMOVES.format(count=str(tmp_path / "count"), after=after)})
    before = repository.state()
    outcome = compare("HEAD^", "HEAD", "--all", "-k", "usual or removes", replicates=6)
    if after == 0:
        assert outcome.code == 3, outcome.err
        assert "the worktree of base is gone" in outcome.err
        assert "`benchmarks/test_x.py::test_removes` ran last" in outcome.err
    else:
        assert outcome.code == 4, outcome.err
        [stopped] = [row for row in outcome.report["warnings"] if row["code"] == "stopped_early"]
        assert "a benchmark removed or moved the worktree of" in stopped["message"]
        rows = {row["benchmark"]: row for row in outcome.report["missing"]}
        words = rows["benchmarks/test_x.py::test_removes"]["message"]
        assert words.startswith("the worktree of ")
    assert repository.state() == before
    check_sound(repository)
