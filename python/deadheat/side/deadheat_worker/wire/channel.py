"""The private channel to the driver: one JSON object per line, strict alternation.

The descriptors are copies made before anything else is imported; the old ones are redirected, so that no output of
the project's code, of C code or of a child process can break the conversation.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from deadheat_worker.wire.messages import Reply

# Out of the way of code that closes, or writes to, the first few descriptors without regard to what they are.
FIRST_DESCRIPTOR = 100

# Lone surrogates, which Python makes of bytes that are not text, and which UTF-8 cannot encode.
SURROGATES = re.compile("[\ud800-\udfff]")


def sayable(text: str, escape: str = "\\u") -> str:
    """Return the text with its lone surrogates spelt out; `escape` begins each."""
    if text.isascii():
        return text
    return SURROGATES.sub(lambda found: f"{escape}{ord(found.group()):04x}", text)


class Channel:
    """Reads requests and writes replies on its own descriptors."""

    # Bound here, in no module's namespace: a test may replace them by name, in every module, while it is inside its
    # benchmark.
    _getpid = staticmethod(os.getpid)
    _exit = staticmethod(os._exit)
    _write = staticmethod(os.write)
    _encode = staticmethod(json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode)
    _decode = staticmethod(json.JSONDecoder().decode)

    def __init__(self, requests: int, replies: int) -> None:
        """Take two open descriptors; they are not inherited by programs that the project starts."""
        self._requests = os.fdopen(requests, "rb")
        self._replies = replies
        self._process = self._getpid()

    @classmethod
    def claim_standard_streams(cls) -> Channel:
        """Make the process's stdin and stdout private, and leave /dev/null and the log (stderr) in their places."""
        channel = cls(_copy(0), _copy(1))
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        os.dup2(2, 1)
        return channel

    @classmethod
    def of_own(cls, *descriptors: int) -> Channel:
        """Return a channel on two descriptors that were passed to this process, moved out of the way."""
        copies = [_copy(descriptor) for descriptor in descriptors]
        for descriptor in descriptors:
            os.close(descriptor)
        return cls(*copies)

    def receive(self) -> Any:
        """Wait for the next request and return it; raise EOFError when the driver is gone."""
        self._end_unless_own()
        line = self._requests.readline()
        if not line:
            raise EOFError("the driver closed the channel")
        return self._decode(line.decode())

    def send(self, message: Reply) -> None:
        """Write one reply as one line."""
        self._end_unless_own()
        data = sayable(self._encode(message), r"\\u").encode() + b"\n"
        while data:
            data = data[self._write(self._replies, data) :]

    def _end_unless_own(self) -> None:
        # A fork by the project's code that returned here would answer for its parent.
        if self._getpid() != self._process:
            self._exit(0)


def _copy(descriptor: int) -> int:
    with contextlib.suppress(OSError):
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, FIRST_DESCRIPTOR)
    # The limit on descriptors is lower here.
    return os.dup(descriptor)
