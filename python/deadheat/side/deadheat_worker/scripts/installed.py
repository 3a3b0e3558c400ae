"""Run in an interpreter: prints the versions of all distributions that are installed there, as one JSON object."""

import importlib.metadata
import json
import re
import sys

# The script's folder comes first on the path; nothing must be imported from it.
del sys.path[0]
versions: dict[str, str] = {}
for distribution in importlib.metadata.distributions():
    name = distribution.metadata["Name"]
    # The first one on the path is the one that is imported.
    if name:
        versions.setdefault(re.sub("[-_.]+", "-", name).lower(), distribution.version)
print(json.dumps(versions, sort_keys=True))
