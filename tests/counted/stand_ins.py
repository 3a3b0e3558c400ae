"""Replaces the worker's `stand_ins.py`; without pytest, no plugin needs a stand-in."""

import importlib.abc


class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, fullname, path=None, target=None):
        return None
