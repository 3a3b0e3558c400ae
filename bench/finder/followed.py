"""A pytest plugin that records what every test runs of a folder: `pytest -p followed`, for `replay.py`.

`FOLLOWED_FOLDER` is the folder, `FOLLOWED_FILE` gets a JSON object: for each test a digest of the functions that ran in
its call, each with its code, how often it was called and how many of its lines ran. Where two versions of a program
have the same digest, the test did the same on both.
"""

import hashlib
import json
import os
import sys
import types

import pytest

FOLDER = os.path.realpath(os.environ["FOLLOWED_FOLDER"]) + os.sep
FOUND = {}


class Follower:
    def __init__(self):
        self.counts = {}

    def call(self, frame, event, _):
        if event != "call" or not frame.f_code.co_filename.startswith(FOLDER):
            return None
        counts = self.counts.setdefault(frame.f_code, [0, 0])
        counts[0] += 1

        def line(_, event, __):
            counts[1] += event == "line"
            return line

        return line

    def digest(self):
        told = sorted((name_of(code), digest_of(code), *counts) for code, counts in self.counts.items())
        return hashlib.sha256(repr(told).encode()).hexdigest()


def name_of(code):
    return code.co_filename.removeprefix(FOLDER), getattr(code, "co_qualname", code.co_name)


def digest_of(code):
    """Returns a digest of what the code does, not of its place or docstring."""
    constants = list(code.co_consts)
    if constants and isinstance(constants[0], str):
        del constants[0]
    kept = [repr(constant) for constant in constants if not isinstance(constant, types.CodeType)]
    return hashlib.sha256(repr((code.co_code, kept, code.co_names)).encode()).hexdigest()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    follower = Follower()
    sys.settrace(follower.call)
    try:
        return (yield)
    finally:
        sys.settrace(None)
        FOUND[item.nodeid] = follower.digest()


def pytest_sessionfinish():
    with open(os.environ["FOLLOWED_FILE"], "w") as file:
        json.dump(FOUND, file)
