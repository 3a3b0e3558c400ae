"""The folder of JSON files that the lab records into: what is there stays, and nothing half written is ever there."""

import argparse
import glob
import json
import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))


def asked_for(name):
    """The arguments of a program that records `name`, and the folder for it, which is there then."""
    parser = argparse.ArgumentParser()
    parser.add_argument("bank")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    folder = os.path.join(arguments.bank, name)
    os.makedirs(folder, exist_ok=True)
    return arguments, folder


def read(folder):
    """What the files of a folder hold, in the order of their names."""
    found = []
    for file in sorted(glob.glob(os.path.join(folder, "*.json"))):
        with open(file) as text:
            found.append(json.load(text))
    return found


def write(file, value):
    """Writes what was recorded; a mapping gets the `commit` of deadheat that it was recorded with."""
    if isinstance(value, dict):
        value = {**value, "commit": own_commit()}
    with open(file + ".new", "w") as out:
        json.dump(value, out)
    os.replace(file + ".new", file)


def own_commit():
    """The commit that is checked out, with a plus where files differ from it."""
    git = ["git", "-C", HERE]
    head = subprocess.run([*git, "rev-parse", "--short=10", "HEAD"], stdout=subprocess.PIPE, text=True, check=True)
    differs = subprocess.run([*git, "diff-index", "--quiet", "HEAD", "--", "../.."], check=False).returncode != 0
    return head.stdout.strip() + ("+" if differs else "")
