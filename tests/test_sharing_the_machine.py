"""Benchmarks whose two sides want the same lock, port or core, and those that want several cores."""

import os
import socket

import pytest

from conftest import WORK, WORK_FROM_FILE, short

SLOW, FAST = WORK.format(times=30), WORK.format(times=1)
ALONE = """\
    import os
    import socket
    import pytest
    from pkg.core import work


    @pytest.fixture(scope="session")
    def server():
        with socket.create_server(("127.0.0.1", {port})) as server:
            yield server


    @pytest.fixture
    def lock():
        os.close(os.open({lock!r}, os.O_CREAT | os.O_EXCL))
        yield
        os.unlink({lock!r})


    @pytest.fixture
    def polite_lock():
        try:
            os.close(os.open({other_lock!r}, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            pytest.skip("somebody else is here")
        yield
        os.unlink({other_lock!r})


    def test_locked(benchmark, lock):
        benchmark(work, 500)


    def test_served(benchmark, server):
        benchmark(work, 500)


    def test_served_in_the_call(benchmark):
        def serve():
            with socket.create_server(("127.0.0.1", {other_port})):
                # Long enough for both sides to be asked at once.
                sum(range(3_000_000))
                work(500)

        benchmark(serve)


    def test_skips_when_locked(benchmark, polite_lock):
        benchmark(work, 500)


    def test_usual(benchmark):
        benchmark(work, 500)
    """


def test_what_cannot_be_taken_twice_is_measured_one_side_after_the_other(repository, compare, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free, socket.create_server(("127.0.0.1", 0)) as other:
        ports = {"port": free.getsockname()[1], "other_port": other.getsockname()[1]}
    benchmarks = ALONE.format(lock=str(tmp_path / "lock"), other_lock=str(tmp_path / "other"), **ports)
    repository.commit_both(SLOW, FAST, benchmarks)
    outcome = compare("HEAD^", "HEAD", replicates=5)
    assert outcome.missing() == {}, outcome.report["missing"]
    rows = {short(row["benchmark"]): row for row in outcome.report["comparisons"]}
    reasons = {
        "test_locked": "File exists",
        "test_served": "already in use",
        "test_served_in_the_call": "already in use",
        "test_skips_when_locked": "somebody else is here",
    }
    assert set(rows) == {*reasons, "test_usual"}
    for name, row in rows.items():
        words = [warning["message"] for warning in row["warnings"] if warning["code"] == "one_side_at_a_time"]
        if name == "test_usual":
            assert words == []
        else:
            assert "one after the other" in words[0]
            assert reasons[name] in words[0]
        # In this one, `work` takes the smallest part of the time.
        if name != "test_served_in_the_call":
            assert name in outcome.clearly_faster()
            # `work` adds up 30 times as much on base, and returns the sum.
            assert row["output"] == "different"
        assert row["functions"][0]["qualname"] == "work"
        orders = [replicate["pairs"][0]["order"] for replicate in row["replicates"]]
        assert set(orders) == {"base_head", "head_base"}


SKIPS_ON_ONE_CORE = """\
    import os

    import pytest

    from pkg.core import work


    @pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two cores")
    def test_two(benchmark):
        benchmark(work, 200)


    def test_work(benchmark):
        benchmark(work, 200)
    """


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="processes cannot be given cores here")
def test_what_skips_itself_on_one_core_says_how_it_gets_more(repository, compare):
    if len(os.sched_getaffinity(0)) == 1:
        pytest.skip("there is only one core")
    repository.commit_both(SLOW, FAST, SKIPS_ON_ONE_CORE)
    outcome = compare("HEAD^", "HEAD")
    assert outcome.clearly_faster() == {"test_work"}
    (skipped,) = outcome.report["missing"]
    assert skipped["message"].endswith(
        "needs two cores; it ran before it was pinned to one core: --no-pin leaves it all cores"
    )
    assert outcome.missing() == {"test_two": ("skipped", None)}
    plan = compare("HEAD^", "HEAD", "--no-pin", "--dry-run").report["plan"]
    assert {short(benchmark) for benchmark in plan["benchmarks"]} == {"test_two", "test_work"}


BUSY = """\
    import hashlib
    import multiprocessing
    import threading
    import time
    import pytest
    from pkg.core import TIMES, work

    # So many that their share is large whatever else wants the core.
    MANY = 8


    def spin(until):
        while not until.is_set():
            # Without the interpreter's lock.
            hashlib.pbkdf2_hmac("sha256", b"", b"", 2_000)


    @pytest.fixture
    def server():
        context = multiprocessing.get_context("fork")
        stop = context.Event()
        processes = [context.Process(target=spin, args=(stop,)) for _ in range(MANY)]
        for process in processes:
            process.start()
        yield
        stop.set()
        for process in processes:
            process.join()


    @pytest.fixture
    def threads():
        stop = threading.Event()
        # On head only.
        threads = [threading.Thread(target=spin, args=(stop,)) for _ in range(MANY if TIMES == 29 else 0)]
        for thread in threads:
            thread.start()
        yield
        stop.set()
        for thread in threads:
            thread.join()


    def call():
        work(10)
        # Leaves the core to others for many of the kernel's time slices.
        time.sleep(0.03)


    def test_beside_a_server(benchmark, server):
        benchmark(call)


    def test_beside_threads(benchmark, threads):
        benchmark(call)
    """


def test_a_side_that_is_busy_while_it_waits_is_said(repository, compare):
    files = {"pkg/__init__.py": "", "pkg/core.py": WORK_FROM_FILE, "pkg/times": "30", "benchmarks/test_b.py": BUSY}
    repository.commit(files)
    repository.commit({"pkg/times": "29"})
    outcome = compare("HEAD^", "HEAD", "--all")
    busy = {}
    for row in outcome.report["comparisons"]:
        words = [warning["message"] for warning in row["warnings"] if warning["code"] == "idle_side_busy"]
        busy[short(row["benchmark"])] = {message.split()[0] for message in words}
    assert busy["test_beside_a_server"] == {"base", "head"}
    assert "head" in busy["test_beside_threads"]


HASHES = """\
    import hashlib
    import os
    from concurrent.futures import ThreadPoolExecutor

    CORES = len(os.sched_getaffinity(0))
    NUMBERS = range(8)
    POOL = ThreadPoolExecutor(2)


    def digest(number):
        # Some hundredths of a second without the interpreter's lock, and nothing to send to another process.
        return hashlib.pbkdf2_hmac("sha256", b"", bytes([number]), 60_000).hex()


    def one_by_one():
        return [digest(number) for number in NUMBERS]


    def in_threads():
        return one_by_one()


    def in_processes(pool):
        return one_by_one()
    """
ON_SEVERAL_CORES = """\
    import multiprocessing

    import pytest
    from pkg.core import CORES, in_processes, in_threads, one_by_one


    @pytest.fixture
    def pool():
        with multiprocessing.get_context("fork").Pool(2) as pool:
            yield pool


    def test_one_by_one(benchmark):
        benchmark(one_by_one)


    def test_in_threads(benchmark):
        benchmark(in_threads)
        assert CORES == {cores}


    def test_in_processes(benchmark, pool):
        benchmark(in_processes, pool)
        assert CORES == {cores}
    """


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="processes cannot be given cores here")
def test_what_uses_several_cores_gets_them(repository, compare):
    cores = len(os.sched_getaffinity(0))
    if cores == 1:
        pytest.skip("there is only one core")
    suite = ON_SEVERAL_CORES.format(cores=cores)
    base = {"pkg/__init__.py": "", "pkg/core.py": HASHES, "benchmarks/test_b.py": suite}
    repository.commit(base)
    parallel = HASHES.replace("def digest(number):", "def digest(number, /):")
    for name, mapped in ("in_threads", "POOL.map"), ("in_processes", "pool.map"):
        head, call = f"def {name}", "return one_by_one()"
        before, found, after = parallel.partition(head)
        parallel = before + found + after.replace(call, f"return list({mapped}(digest, NUMBERS))", 1)
    repository.commit({"pkg/core.py": parallel})
    report = compare("HEAD^", "HEAD", timeout=600).report
    assert report["missing"] == []
    rows = {short(row["benchmark"]): row for row in report["comparisons"]}
    assert {name for name, row in rows.items() if row.get("several_cores")} == {"test_in_threads", "test_in_processes"}
    for name, row in rows.items():
        codes = [warning["code"] for warning in row["warnings"]]
        assert ("several_cores" in codes) == (name != "test_one_by_one")
        clocks = {replicate["clock"] for replicate in row["replicates"]}
        # With pinning, calls this long run on both sides at once if they have one core.
        assert name == "test_one_by_one" or clocks == {"wall"}
    core = str(min(os.sched_getaffinity(0)))
    pinned = compare("HEAD^", "HEAD", "-k", "threads", "--cpu", core, "--dry-run").report
    assert [row["code"] for row in pinned["warnings"] if row["benchmark"]] == ["one_of_several_cores"]
