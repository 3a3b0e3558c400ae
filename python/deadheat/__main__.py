"""The launcher: passes the arguments to the program in `deadheat._native` and returns its exit code.

Any failure before or around the program exits with 5, the code for "the tool itself failed": a CI job must never
read a crash as a regression, which is what Python's exit code 1 would mean.
"""

import os
import signal
import sys

TOOL_FAILED = 5


def main() -> int:
    try:
        if sys.platform == "win32":
            print(
                "deadheat: Windows is not supported; Linux and macOS are\nhint: on Windows, run it inside WSL",
                file=sys.stderr,
            )
            return TOOL_FAILED
        # Ctrl-C belongs to the driver: Python's own handler would wait until the native code returns.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        from deadheat import _native

        folder = os.path.dirname(os.path.abspath(__file__))
        ignores_hangup = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        return _native.main(sys.argv[1:], folder, sys.executable, _native.__file__, ignores_hangup)
    except ImportError as error:
        print(
            f"deadheat: a part of the installation cannot be loaded: {error}\n"
            "hint: install deadheat again, with the Python that runs it",
            file=sys.stderr,
        )
        return TOOL_FAILED
    except BaseException as error:
        print(f"deadheat: the program failed: {type(error).__name__}: {error}", file=sys.stderr)
        return TOOL_FAILED


if __name__ == "__main__":
    sys.exit(main())
