"""Kills the driver's process groups when the driver is gone.

Its input has a line for each: `+NUMBER` for one that has started, `~NUMBER` for one that gets time and SIGTERM
before it is killed, so that it can remove its locks (git does), `-NUMBER` for one that has ended. It ends when the
driver does, and a driver that ends normally leaves no group. Its argument is the variable in the environment of groups
that the driver started: it was killed before it could write the line of the last one.
"""

import contextlib
import os
import signal
import sys
import time

# The seconds that a group has to end by itself before it gets SIGTERM, and to end after that; the driver gives as many.
# git removes its locks at SIGTERM, but not one that it is just making.
BY_ITSELF = 0.5
GRACE = 2


def main() -> None:
    # Only the end of its input ends it.
    for ignored in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    groups: dict[int, str] = {}
    for line in sys.stdin:
        number = int(line[1:])
        if line[0] == "-":
            groups.pop(number, None)
        else:
            groups[number] = line[0]
    for group in marked(sys.argv[1].encode()):
        groups.setdefault(group, "~")
    asked = [group for group, sign in groups.items() if sign == "~"]
    for group in groups.keys() - asked:
        send(group, signal.SIGKILL)
    for number, seconds in ((0, BY_ITSELF), (signal.SIGTERM, GRACE)):
        for group in asked:
            send(group, number)
        until = time.monotonic() + seconds
        while any(send(group, 0) for group in asked) and time.monotonic() < until:
            time.sleep(0.02)
    for group in asked:
        send(group, signal.SIGKILL)


def marked(variable: bytes) -> list[int]:
    """Return the groups whose leader has this variable in its environment."""
    found = []
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else []:
        if not name.isdigit() or int(name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            with open(f"/proc/{name}/environ", "rb") as file:
                variables = file.read().split(b"\0")
            if variable in variables and os.getpgid(int(name)) == int(name):
                found.append(int(name))
    return found


def send(group: int, number: int) -> bool:
    """Send a signal to a group; return whether the group was there, as one that has ended by itself is not."""
    with contextlib.suppress(OSError):
        os.killpg(group, number)
        return True
    return False


main()
