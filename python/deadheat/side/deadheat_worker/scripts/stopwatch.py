"""Runs one command through the shell and prints its exit status, times and peak memory as one JSON object.

A separate process, because the system counts the memory of the starting process towards the peak of the process that
it starts: this one is about as small as an interpreter gets.
"""

import json
import os
import signal
import sys
import time


def main() -> None:
    # The command's environment variables, each followed by NUL: an interpreter may change its own when it starts.
    entries = [entry.partition(b"=") for entry in sys.stdin.buffer.read().split(b"\0") if entry]
    environment = {name: value for name, _, value in entries}
    # The last variable: if it is missing, the driver was killed while it wrote.
    if b"PYTHONHASHSEED" not in environment:
        return
    arguments = [b"sh", b"-c", os.fsencode(sys.argv[1])]
    actions = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), (os.POSIX_SPAWN_DUP2, 2, 1)]
    # Python ignores these signals, and its child processes would inherit that.
    ignored = [signal.SIGPIPE, signal.SIGXFSZ]
    started = time.perf_counter_ns()
    process = os.posix_spawnp("sh", arguments, environment, file_actions=actions, setsigdef=ignored)
    _, status, usage = os.wait4(process, 0)
    elapsed_ns = time.perf_counter_ns() - started
    facts = {
        "status": status,
        "elapsed_ns": elapsed_ns,
        "user_ns": round(usage.ru_utime * 1e9),
        "system_ns": round(usage.ru_stime * 1e9),
        "peak_bytes": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
    }
    print(json.dumps(facts))


main()
