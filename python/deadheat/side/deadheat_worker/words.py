"""pytest's words, as the driver is told them."""

import os
import re

_COLOUR = re.compile("\x1b\\[[0-9;]*m")


def words_of_failure(longrepr):
    """Without the colours that FORCE_COLOR and PY_COLORS ask for, which are for terminals.

    Of what fails while pytest collects, pytest makes a text with colours before anybody asks for it.
    """
    asked = os.environ.get("PY_COLORS")
    os.environ["PY_COLORS"] = "0"
    try:
        return _COLOUR.sub("", str(longrepr))
    finally:
        if asked is None:
            del os.environ["PY_COLORS"]
        else:
            os.environ["PY_COLORS"] = asked


def words_of_skip(reason):
    """pytest gives (file, line, text) for a skip."""
    return str(reason[2]) if isinstance(reason, tuple) else str(reason)
