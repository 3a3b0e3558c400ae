"""The rooms of the worker's files, as its README names them."""

import ast

import pytest

from conftest import PACKAGE

WORKER = PACKAGE / "side" / "deadheat_worker"
# A room knows those before it. The files outside any come first.
ROOMS = ("", "timing", "outputs", "wire", "watching", "micro", "suite", "scripts")
# No process imports them.
FOR_TYPE_CHECKERS = {"interfaces.py"}


def imported_modules(node):
    """Yields the worker's modules that a file imports, wherever it does, but not those for type checkers only."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and getattr(child.test, "id", None) == "TYPE_CHECKING":
            continue
        if isinstance(child, ast.ImportFrom) and child.module.partition(".")[0] == WORKER.name:
            yield from (
                [child.module] if "." in child.module else [f"{child.module}.{name.name}" for name in child.names]
            )
        yield from imported_modules(child)


def room_of(module):
    parts = module.split(".")
    return parts[1] if parts[1] in ROOMS else ""


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_knows_only_those_before_it(room):
    files = [file for file in (WORKER / room).glob("*.py") if file.name not in FOR_TYPE_CHECKERS]
    assert files
    for file in files:
        for module in imported_modules(ast.parse(file.read_text())):
            other = room_of(module)
            assert ROOMS.index(other) <= ROOMS.index(room), f"{room}/{file.name} imports {module} of a higher room"


def test_every_folder_is_a_room():
    assert {path.parent.name for path in WORKER.rglob("*.py")} - {WORKER.name} == set(ROOMS[1:])
