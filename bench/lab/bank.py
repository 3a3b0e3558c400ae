"""The folder of JSON files that the lab records into: existing files stay, and none is ever half written."""

import argparse
import glob
import json
import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))


def asked_for(name):
    """Returns the arguments of a program that records `name`, and the folder for it, which is created."""
    parser = argparse.ArgumentParser()
    parser.add_argument("bank")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    folder = os.path.join(arguments.bank, name)
    os.makedirs(folder, exist_ok=True)
    return arguments, folder


def read(folder):
    """Returns the contents of a folder's files, in the order of their names."""
    found = []
    for file in sorted(glob.glob(os.path.join(folder, "*.json"))):
        with open(file) as text:
            found.append(json.load(text))
    return found


def write(file, value):
    """Writes a record; a mapping gets the `commit` of deadheat that recorded it."""
    if isinstance(value, dict):
        value = {**value, "commit": own_commit()}
    with open(file + ".new", "w") as out:
        json.dump(value, out)
    os.replace(file + ".new", file)


def own_commit():
    """Returns the commit that is checked out, with a plus if files differ from it."""
    git = ["git", "-C", HERE]
    head = subprocess.run([*git, "rev-parse", "--short=10", "HEAD"], stdout=subprocess.PIPE, text=True, check=True)
    differs = subprocess.run([*git, "diff-index", "--quiet", "HEAD", "--", "../.."], check=False).returncode != 0
    return head.stdout.strip() + ("+" if differs else "")
