"""Run in an interpreter before it is used: prints one JSON object about it.

Written in Python that every version understands, so that an interpreter that is too old can say so.
"""

import json
import platform
import sys

# The script's folder comes first on the path; our modules must not be found there by their short names.
del sys.path[0]
# Where modules come from, including those of editable installs, whose finders know the packages' folders.
paths = [path for path in sys.path if path]
for finder in sys.meta_path:
    kind = finder if isinstance(finder, type) else type(finder)
    mapping = getattr(sys.modules.get(kind.__module__), "MAPPING", None)
    if isinstance(mapping, dict):
        paths += [str(path) for path in mapping.values()]
facts = {
    "executable": sys.executable,
    "version": platform.python_version(),
    "version_info": list(sys.version_info[:2]),
    "implementation": platform.python_implementation(),
    "prefix": sys.prefix,
    "extension_suffixes": [],
    "paths": paths,
    "pytest": None,
    "error": None,
}
try:
    from importlib.machinery import EXTENSION_SUFFIXES

    facts["extension_suffixes"] = EXTENSION_SUFFIXES
except ImportError:
    # Too old, as the version says.
    pass
if "--without-pytest" not in sys.argv[1:]:
    try:
        try:
            # Importing the rest takes most of the time.
            from _pytest._version import version
        except ImportError:
            import pytest

            version = pytest.__version__
        facts["pytest"] = version
    except Exception as error:
        facts["error"] = type(error).__name__ + ": " + str(error)
print(json.dumps(facts))
