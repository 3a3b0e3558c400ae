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
        # What the suite itself asks for says how pytest-codspeed would call its functions.
        option.deadheat_codspeed = option.codspeed
        option.codspeed = option.benchmark_enable = option.benchmark_only = True
        if any(marker in option.markexpr for marker in MARKERS):
            option.markexpr = ""
        self._own_choice = option.markexpr
        self.ask_by_marker(config)

    def ask_by_marker(self, config):
        """For whoever asks what `-m` says, where the project chooses nothing else by it."""
        if not self._own_choice:
            config.option.markexpr = MARKERS[0]

    def choose_by_marker(self, config):
        """For pytest, which leaves out what the expression does not match: benchmarks need not have the marker."""
        config.option.markexpr = self._own_choice
