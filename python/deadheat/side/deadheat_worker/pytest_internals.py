"""What the worker uses of pytest beyond its public interface: a new pytest that moves any of it breaks this file alone.

(`probe.py`, which runs alone, reads the version from `_pytest._version`.)
"""

import _pytest.config
from _pytest.runner import runtestprotocol


def tear_down_before(item, following):
    """Tear down what was set up for a test and is not shared with the following one; None: there is none."""
    item.session._setupstate.teardown_exact(following)


def run_phases(item, following):
    """Set up, call and tear down a test, and return the reports of these phases without announcing them."""
    return runtestprotocol(item, log=False, nextitem=following)


def sort_by_parameters(session, items):
    """Sort tests in place so that a parameter of a wider scope is set up once."""
    session._fixturemanager.pytest_collection_modifyitems(items)


def argument_names(function):
    """Return the names of the fixtures that a test function takes as arguments."""
    return function._fixtureinfo.argnames


def fixtures_of(item):
    """Return the definitions of each fixture that a test uses, itself or through others; the last one applies."""
    return list(getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {}).values())


def default_plugins():
    """Return the names of the modules that pytest imports as its own plugins."""
    return [f"_pytest.{name}" for name in getattr(_pytest.config, "default_plugins", ())]
