"""pytest's words, as the driver is told them."""

import os


def words_of_failure(longrepr):
    """Without the colours that FORCE_COLOR and PY_COLORS ask for, which are for terminals."""
    asked = os.environ.get("PY_COLORS")
    os.environ["PY_COLORS"] = "0"
    try:
        return str(longrepr)
    finally:
        if asked is None:
            del os.environ["PY_COLORS"]
        else:
            os.environ["PY_COLORS"] = asked


def words_of_skip(reason):
    """pytest gives (file, line, text) for a skip."""
    return str(reason[2]) if isinstance(reason, tuple) else str(reason)
