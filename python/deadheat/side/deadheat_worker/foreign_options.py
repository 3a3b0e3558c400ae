"""Options of other benchmark plugins that suites put into their pytest configuration: accepted, without effect.

Those plugins are kept out of the worker (one `benchmark` fixture can run a test), so that their options have to be
known here, with the same arity, or pytest would refuse the project's own configuration.
Source: `plugin.py` of pytest-benchmark 5 and of pytest-codspeed 4.
"""

WITH_VALUE = [
    "--benchmark-min-time",
    "--benchmark-max-time",
    "--benchmark-min-rounds",
    "--benchmark-timer",
    "--benchmark-calibration-precision",
    "--benchmark-warmup-iterations",
    "--benchmark-save",
    "--benchmark-compare-fail",
    "--benchmark-cprofile",
    "--benchmark-cprofile-loops",
    "--benchmark-cprofile-top",
    "--benchmark-cprofile-dump",
    "--benchmark-storage",
    "--benchmark-sort",
    "--benchmark-group-by",
    "--benchmark-columns",
    "--benchmark-name",
    "--benchmark-time-unit",
    "--benchmark-json",
    "--codspeed-mode",
    "--codspeed-warmup-time",
    "--codspeed-max-time",
    "--codspeed-max-rounds",
]
WITH_OPTIONAL_VALUE = ["--benchmark-warmup", "--benchmark-compare", "--benchmark-histogram", "--benchmark-netrc"]
FLAGS = [
    "--benchmark-disable-gc",
    "--benchmark-skip",
    "--benchmark-disable",
    "--benchmark-enable",
    "--benchmark-only",
    "--benchmark-autosave",
    "--benchmark-save-data",
    "--benchmark-verbose",
    "--benchmark-quiet",
    "--codspeed",
]

PLUGINS = (
    "benchmark",
    "pytest_benchmark.plugin",
    "codspeed",
    "pytest_codspeed.plugin",
    "codeflash-benchmark",
    "codeflash_benchmark.plugin",
)
"""Names under which other plugins define a `benchmark` fixture."""


def declare(parser):
    """Add every option to pytest's parser, in a group of their own."""
    group = parser.getgroup("other benchmark plugins (accepted, without effect)")
    for name in WITH_VALUE:
        group.addoption(name, action="append", default=None)
    for name in WITH_OPTIONAL_VALUE:
        group.addoption(name, action="append", nargs="?", default=None, const=True)
    for name in FLAGS:
        group.addoption(name, action="store_true", default=False)
