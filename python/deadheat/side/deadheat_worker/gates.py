"""Opens the gates by which suites keep their benchmarks out of ordinary runs.

They look at the command line, at options of benchmark plugins, at `-m`, and at the plugins that are there. All of them
find what they would find in a run for benchmarks: `pytest --codspeed --benchmark-only -m benchmark`.
"""

import sys

from deadheat_worker.settings import MARKERS

ARGUMENTS = ["--codspeed", "--benchmark-enable", "--benchmark-only", "-m", MARKERS[0]]


class Gates:
    """Of one pytest session."""

    def __init__(self):
        self._own_choice = None

    def take_command_line(self):
        """Call before anything of the project is imported."""
        sys.argv[:] = ["pytest", *ARGUMENTS]

    def open(self, config):
        """Call before anything is collected."""
        option = config.option
        # The suite's own choice decides how functions are called, as in pytest-codspeed.
        option.deadheat_codspeed = option.codspeed
        option.codspeed = option.benchmark_enable = option.benchmark_only = True
        if any(marker in option.markexpr for marker in MARKERS):
            option.markexpr = ""
        self._own_choice = option.markexpr
        self.ask_by_marker(config)

    def ask_by_marker(self, config):
        """Show `-m benchmark` to the suite, unless the project has an expression of its own."""
        if not self._own_choice:
            config.option.markexpr = MARKERS[0]

    def choose_by_marker(self, config):
        """Show pytest the project's own expression: benchmarks without the marker would be deselected."""
        config.option.markexpr = self._own_choice
