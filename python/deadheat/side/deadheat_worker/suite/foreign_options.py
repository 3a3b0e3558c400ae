"""Options of other benchmark plugins that suites put into their pytest configuration: accepted, without effect.

Those plugins are kept out of the worker (only one `benchmark` fixture can run a test), so their options must be known
here, with the same arity, or pytest would refuse the project's configuration.
Source: `plugin.py` of pytest-benchmark 5 and of pytest-codspeed 4.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    import pytest

WITH_NUMBER = {
    "--benchmark-min-time": 0.000005,
    "--benchmark-max-time": 1.0,
    "--benchmark-min-rounds": 5,
    "--benchmark-calibration-precision": 10,
    "--benchmark-warmup-iterations": 100_000,
}
"""The values are pytest-benchmark's defaults, which suites read."""
WITH_VALUE = [
    "--benchmark-timer",
    "--benchmark-precision",
    "--benchmark-confidence",
    "--benchmark-save",
    "--benchmark-cprofile",
    "--benchmark-cprofile-loops",
    "--benchmark-cprofile-top",
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
WITH_OPTIONAL_VALUE = [
    "--benchmark-warmup",
    "--benchmark-compare",
    "--benchmark-histogram",
    "--benchmark-netrc",
    "--benchmark-cprofile-dump",
]
WITH_VALUES = ["--benchmark-compare-fail"]
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
"""Names of other plugins that define a `benchmark` fixture."""


def arguments_against() -> list[str]:
    """Return arguments that keep pytest from loading `PLUGINS` by itself."""
    return [argument for name in PLUGINS for argument in ("-p", f"no:{name}")]


def keep_out(manager: pytest.PytestPluginManager) -> None:
    """Keep pytest's plugin manager from loading any of `PLUGINS`, however a project asks for it.

    `-p no:NAME` alone is overridden by a `-p NAME` in the project's own options.
    """
    load = manager.import_plugin

    def import_plugin(name: str, *arguments: Any, **keywords: Any) -> None:
        if name not in PLUGINS:
            load(name, *arguments, **keywords)

    manager.import_plugin = import_plugin  # type: ignore[method-assign, assignment]


def declare(parser: pytest.Parser) -> None:
    """Add every option to pytest's parser, in a separate group."""
    group = parser.getgroup("other benchmark plugins (accepted, without effect)")
    for name, default in WITH_NUMBER.items():
        group.addoption(name, type=type(default), default=default)
    for name in WITH_VALUE:
        group.addoption(name, default=None)
    for name in WITH_OPTIONAL_VALUE:
        group.addoption(name, nargs="?", default=None, const=True)
    for name in WITH_VALUES:
        group.addoption(name, nargs="+", default=None)
    for name in FLAGS:
        group.addoption(name, action="store_true", default=False)
