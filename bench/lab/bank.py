"""The folder of JSON files that the lab records into: what is there stays, and nothing half written is ever there."""

import glob
import json
import os


def read(folder):
    """What the files of a folder hold, in the order of their names."""
    found = []
    for file in sorted(glob.glob(os.path.join(folder, "*.json"))):
        with open(file) as text:
            found.append(json.load(text))
    return found


def write(file, value):
    with open(file + ".new", "w") as out:
        json.dump(value, out)
    os.replace(file + ".new", file)
