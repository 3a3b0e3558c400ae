"""The parts of pytest's internals that the worker uses: a new pytest that moves any of them breaks this file alone.

(`probe.py`, which runs alone, reads the version from `_pytest._version`.)
"""

from __future__ import annotations

import _pytest.config
from _pytest.runner import runtestprotocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    import pytest


def tear_down_before(item: pytest.Item, following: pytest.Item | None) -> None:
    """Tear down the set-up of a test that the following one does not share; None: there is no following one."""
    item.session._setupstate.teardown_exact(following)


def run_phases(item: pytest.Item, following: pytest.Item | None) -> list[pytest.TestReport]:
    """Set up, call and tear down a test, and return the reports of these phases without announcing them."""
    return runtestprotocol(item, log=False, nextitem=following)


def sort_by_parameters(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Sort tests in place so that a parameter of a wider scope is set up once."""
    session._fixturemanager.pytest_collection_modifyitems(items)


def argument_names(function: pytest.Function) -> tuple[str, ...]:
    """Return the names of the fixtures that a test function takes as arguments."""
    return function._fixtureinfo.argnames


def fixtures_of(item: pytest.Item) -> list[Sequence[pytest.FixtureDef[Any]]]:
    """Return the definitions of each fixture that a test uses, itself or through others; the last one applies."""
    return list(getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {}).values())


def replace_run(item: pytest.Item, run: Callable[[], object]) -> None:
    """Have pytest run a test by calling this."""
    item.runtest = run  # type: ignore[method-assign, assignment]


def replace_function(item: Any, function: Callable[..., object]) -> None:
    """Have a test run this function instead of its own."""
    item.obj = function


def default_plugins() -> list[str]:
    """Return the names of the modules that pytest imports as its own plugins."""
    return [f"_pytest.{name}" for name in getattr(_pytest.config, "default_plugins", ())]
