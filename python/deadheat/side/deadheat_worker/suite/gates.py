"""Opens the gates by which suites keep their benchmarks out of ordinary runs.

The gates check the command line, options of benchmark plugins, `-m`, and the registered plugins. Each finds what it
would find in a benchmark run: `pytest --codspeed --benchmark-only -m benchmark`.
"""

from __future__ import annotations

import sys

from deadheat_worker.suite.settings import MARKERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    import pytest

ARGUMENTS = ["--codspeed", "--benchmark-enable", "--benchmark-only", "-m", MARKERS[0]]


class Gates:
    """The gates of one pytest session."""

    def __init__(self) -> None:
        self._own_choice: str | None = None

    def take_command_line(self) -> None:
        """Replace the command line. Call before any of the project's code is imported."""
        sys.argv[:] = ["pytest", *ARGUMENTS]

    def open(self, config: pytest.Config) -> None:
        """Set the plugins' options and `-m`. Call before the collection."""
        option = config.option
        # The suite's own choice decides how functions are called, as in pytest-codspeed.
        option.deadheat_codspeed = option.codspeed
        option.codspeed = option.benchmark_enable = option.benchmark_only = True
        if any(marker in option.markexpr for marker in MARKERS):
            option.markexpr = ""
        self._own_choice = option.markexpr
        self.ask_by_marker(config)

    def ask_by_marker(self, config: pytest.Config) -> None:
        """Show `-m benchmark` to the suite, unless the project has its own expression."""
        if not self._own_choice:
            config.option.markexpr = MARKERS[0]

    def choose_by_marker(self, config: pytest.Config) -> None:
        """Show pytest the project's own expression: `-m benchmark` would deselect benchmarks without the marker."""
        config.option.markexpr = self._own_choice
