"""Digests of values: equal where values are, and made without running code of the project."""

import collections
import enum
import functools
import io
import operator
import pathlib
import random
import re
import struct
import sys
import types

import pytest

from conftest import PACKAGE

sys.path.append(str(PACKAGE / "side"))
from deadheat_worker.imports import ProjectImports
from deadheat_worker.outputs.namespaces import Namespaces
from deadheat_worker.outputs.sources import Codes
from deadheat_worker.outputs.values import INCOMPLETE, MOST_PARTS, Digests

WORKTREE = "/worktree"


def digest(value):
    return Digests(Codes(ProjectImports(WORKTREE, "/nowhere", [], ["pkg"], [], []), {}), WORKTREE).of(value)


class Shown:
    """A value that fails the test on anything but reading its fields."""

    def __init__(self, value):
        self.value = value

    def refuse(self, *_):
        raise AssertionError("code of the project was run")

    __getattr__ = __repr__ = __eq__ = __hash__ = __len__ = __iter__ = __bool__ = __reduce_ex__ = refuse

    @property
    def __class__(self):
        return self.refuse()


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


def holding(value):
    def inner():
        return value

    return inner


def circle(value):
    found = [value]
    found.append(found)
    return found


@pytest.mark.parametrize(
    "make",
    [
        lambda value: value,
        lambda value: [1, [2, {"key": (value,)}]],
        lambda value: {value, "other"},
        lambda value: {value: 1},
        lambda value: collections.deque([value]),
        lambda value: collections.defaultdict(list, key=value),
        lambda value: collections.OrderedDict(key=value),
        lambda value: types.SimpleNamespace(key=value),
        lambda value: types.MappingProxyType({"key": value}),
        lambda value: functools.partial(print, value),
        lambda value: pathlib.PurePath(str(value)),
        lambda value: Colour(value),
        Shown,
        Slotted,
        holding,
        circle,
        lambda value: lambda given=value: given,
        lambda value: "".join(["text"] * value),
        lambda value: 10 ** (5000 + value),
        lambda value: re.compile("|".join(["word"] * 100 * value)),
        lambda value: struct.Struct("<" + "i" * value),
        lambda value: io.StringIO("text" * value),
        lambda value: random.Random(value),
        lambda value: ValueError(value),
        lambda value: operator.itemgetter(value),
        lambda value: list(range(30_000 * value)),
        lambda value: {number: number for number in range(30_000 * value)},
    ],
)
def test_a_digest_is_that_of_the_value(make):
    assert digest(make(1)) == digest(make(1))
    assert digest(make(1)) != digest(make(2))


def test_the_order_of_a_dictionary_counts_and_that_of_a_set_does_not():
    assert digest({"a": 1, "b": 2}) != digest({"b": 2, "a": 1})
    assert digest({f"{number}" for number in range(50)}) == digest({f"{number}" for number in reversed(range(50))})


def test_the_worktree_in_texts_is_the_same_on_both_sides():
    assert digest(f"{WORKTREE}/pkg/data.txt") == digest("{worktree}/pkg/data.txt")


def test_of_a_large_value_the_beginning_is_read():
    large = [Slotted(number) for number in range(MOST_PARTS)]
    assert digest(large).startswith(INCOMPLETE)
    assert digest(large) == digest([*large[:-1], Slotted(None)])
    assert digest(large) != digest([Slotted(None), *large[1:]])


def test_plain_values_are_read_whole_however_large_they_are():
    large = list(range(3 * MOST_PARTS))
    assert not digest(large).startswith(INCOMPLETE)
    assert digest(large) != digest([*large[:-1], None])
    table = dict.fromkeys(large, 1)
    assert not digest(table).startswith(INCOMPLETE)
    assert digest(table) != digest({**table, large[-1]: 2})


def test_what_holds_itself_or_the_same_twice_is_told_apart():
    row = [0]
    assert digest([row, row]) != digest([[0], [0]])
    inside = types.SimpleNamespace()
    inside.itself, inside.value = inside, 1
    other = types.SimpleNamespace()
    other.itself, other.value = other, 2
    assert digest(inside) != digest(other)


def test_what_cannot_be_read_counts_by_its_type():
    deep = []
    for _ in range(sys.getrecursionlimit()):
        deep = [deep]
    assert digest(deep).startswith(INCOMPLETE)
    assert digest(object()) == digest(object())
    assert digest(object()) != digest(Slotted(1))


def test_names_are_those_of_modules_classes_and_their_attributes(tmp_path, monkeypatch):
    source = (
        "import json\nLIMIT = 1\nclass Shape:\n    sides = 4\n    def area(self): return LIMIT\n"
        "class Square(Shape): pass\ndef draw(): return Shape.sides\ndef idle(): return 1\n"
    )
    (tmp_path / "shapes_of_this_test.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    imports = ProjectImports(str(tmp_path), "/nowhere", [], ["shapes_of_this_test"], [], [])
    namespaces = Namespaces(imports, {})
    __import__("shapes_of_this_test")
    path = "shapes_of_this_test.py"
    names = namespaces.observed()[0][path]
    assert {"LIMIT", "Shape", "Shape.sides", "Shape.area", "Square", "draw", "idle", "json"} <= names.keys()

    def readers(*differing):
        functions, unread = namespaces.readers({path: dict.fromkeys(differing, True)}, [])
        return {function["qualname"] for function in functions}, {each["name"] for each in unread}

    assert readers("LIMIT") == ({"Shape.area"}, set())
    assert readers("Shape.sides") == ({"draw"}, set())
    # A class as a whole: its methods, those of classes derived from it, and readers of its name.
    assert readers("Shape") == ({"Shape.area", "draw"}, set())
    assert readers("json") == (set(), set())
    assert readers("NOBODY") == (set(), set())
