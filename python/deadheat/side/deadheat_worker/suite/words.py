"""pytest's messages, in the form that the driver gets."""

import os
import re

_COLOUR = re.compile("\x1b\\[[0-9;]*m")


def words_of_failure(longrepr: object) -> str:
    """Return the text without the colours that FORCE_COLOR and PY_COLORS ask for, which are for terminals.

    For a failed collection, pytest makes a coloured text in advance.
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


def words_of_skip(reason: object) -> str:
    """Return the reason of a skip, which pytest gives as (file, line, text)."""
    return str(reason[2]) if isinstance(reason, tuple) else str(reason)
