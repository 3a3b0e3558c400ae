"""Shared parts of the three proofs: asking finder and CPython, showing where they differ, shrinking a difference."""

import ast
import json

from changes import REFUSALS, Found, Oracle
from structure import parse

# Python 3.14 (PEP 758) reads such code, and so does the finder; an older oracle does not.
NEWER_GRAMMAR = "multiple exception types must be parenthesized"


class Proof:
    def __init__(self, finder):
        self.finder = finder
        self.oracle = Oracle()

    def both(self, files):
        expected = self.oracle.changes(files)
        return expected, Found.of_finder(self.finder.changes(files))

    def differs(self, files):
        expected, actual = self.both(files)
        return expected != actual

    def shrink(self, files, budget=3000):
        """Returns fewer files and statements that still differ in the same kind of answer."""
        was_refused = bool(self.both(files)[1].refused)

        def still(files):
            nonlocal budget
            budget -= 1
            if budget < 0:
                return False
            expected, actual = self.both(files)
            return expected != actual and bool(actual.refused) == was_refused

        for path in list(files):
            fewer = {other: each for other, each in files.items() if other != path}
            if still(fewer):
                files = fewer
        progress = True
        while progress and budget > 0:
            progress = False
            for path in list(files):
                for side in (0, 1, 2):
                    for smaller in self.smaller(files[path], side):
                        changed = {**files, path: smaller}
                        if still(changed):
                            files, progress = changed, True
                            break
        return files

    def smaller(self, versions, side):
        """Yields versions with one statement less on one side, or the same statement less on both."""
        base, head = versions
        if side == 0:
            yield from ((each, head) for each in without_a_statement(base))
        elif side == 1:
            yield from ((base, each) for each in without_a_statement(head))
        elif base is not None and head is not None:
            for text, without in statements(base):
                for other, rest in statements(head):
                    if text == other:
                        yield without, rest
                        break


def statements(source):
    """Yields (text of a statement, the source without it), the largest first."""
    lines = source.splitlines(keepends=True)
    try:
        tree = parse(source)
    except REFUSALS:
        # Without a tree there are only lines.
        for size in (64, 16, 4, 1):
            for at in range(0, len(lines), size):
                yield b"".join(lines[at : at + size]), b"".join([*lines[:at], *lines[at + size :]])
        return
    spans = []
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt):
            first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
            spans.append((first, node.end_lineno))
    for first, last in sorted(set(spans), key=lambda span: span[0] - span[1]):
        text = b"".join(lines[first - 1 : last])
        blank = text[: len(text) - len(text.lstrip())]
        yield text, b"".join([*lines[: first - 1], *lines[last:]])
        if text.strip() != b"pass":
            yield text, b"".join([*lines[: first - 1], blank + b"pass\n", *lines[last:]])


def without_a_statement(source):
    if source is not None:
        for _, rest in statements(source):
            yield rest


def described(files, expected, actual):
    """Returns a failure as text to read and to make a test from."""
    parts = []
    for path, (base, head) in files.items():
        for side, source in (("base", base), ("head", head)):
            parts.append(f"--- {path} on {side}\n{'(no such file)' if source is None else show(source)}")
            try:
                parse(source or b"")
            except REFUSALS as error:
                parts.append(f"CPython: {error}")
    for name in ("targets", "outside", "ambiguous", "refused"):
        want, got = getattr(expected, name), getattr(actual, name)
        if want != got:
            parts.append(f"{name}: CPython {sorted(want - got, key=str)}, finder {sorted(got - want, key=str)}")
    return "\n".join(parts) + "\n"


def show(source):
    text = source.decode("utf-8", "backslashreplace")
    return text if text.isprintable() or "\r" not in text else json.dumps(text)
