"""The private line to the driver: one JSON object a line, strict alternation.

The descriptors are copies made before anything else is imported; the old ones are pointed elsewhere, so that no print
of the project's code, of C code or of a child process can break the conversation.
"""

import contextlib
import fcntl
import json
import os

# Out of the way of code that closes, or writes to, the first few descriptors whatever they are.
FIRST_DESCRIPTOR = 100


class Channel:
    """Reads requests and writes replies on descriptors of its own."""

    def __init__(self, requests, replies):
        """Take two open descriptors; they are not inherited by programs that the project starts."""
        self._requests = os.fdopen(requests, "rb")
        self._replies = replies
        self._process = os.getpid()

    @classmethod
    def claim_standard_streams(cls):
        """Make the process's stdin and stdout private, and leave /dev/null and the log (stderr) in their places."""
        channel = cls(_copy(0), _copy(1))
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        os.dup2(2, 1)
        return channel

    def receive(self):
        """Wait for the next request; EOFError when the driver is gone."""
        self._end_unless_own()
        line = self._requests.readline()
        if not line:
            raise EOFError("the driver closed the channel")
        return json.loads(line)

    def send(self, message):
        """Write one reply as one line."""
        self._end_unless_own()
        # ASCII only, so that a lone surrogate in a test id or a message can be carried too.
        data = json.dumps(message, ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n"
        while data:
            data = data[os.write(self._replies, data) :]

    def _end_unless_own(self):
        # A fork of the project's code that came back here would answer for its parent.
        if os.getpid() != self._process:
            os._exit(0)


def _copy(descriptor):
    with contextlib.suppress(OSError):
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, FIRST_DESCRIPTOR)
    # So few are allowed here.
    return os.dup(descriptor)
