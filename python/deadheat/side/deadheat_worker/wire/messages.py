"""The shapes of `docs/protocol.md`. For type checkers only: no process imports this file."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, TypedDict

Request: TypeAlias = dict[str, Any]
"""Any request, before its kind is known."""
Reply: TypeAlias = dict[str, Any]
Output: TypeAlias = dict[str, Any]
"""The return value of a benchmark, as `outputs.carry_over` encodes it."""
Told: TypeAlias = tuple[str, str]
"""A node, and pytest's message about it."""

# Requests.


class Hello(TypedDict):
    protocol: int
    worktree: str
    repository: str
    project: str
    import_folders: list[str]
    code_names: list[str]
    test_packages: list[str]
    loose_names: list[str]


class Function(TypedDict):
    path: str
    qualname: str
    line: int


class Trace(TypedDict):
    purpose: Literal["reach", "profile", "survey", "memory"]
    extension: str
    functions: list[Function | None]


class Collect(TypedDict):
    paths: list[str]
    files: list[str]
    keyword: str | None
    arguments: list[str]
    tests: bool


class Module(TypedDict):
    name: str
    file: str
    source: str


class Code(TypedDict):
    """`form` says which of the others there are."""

    form: Literal["script", "program", "function", "statement"]
    module: Module
    function: str
    script: str
    argument: str
    file: str
    source: str
    setup: str | None
    statement: str
    qualname: str


class Micro(TypedDict):
    benchmark: str
    watch: Literal["memory", "function"] | None
    code: Code


class Test(TypedDict):
    arguments: list[str]
    profiled: list[str] | None


# Parts of replies.


class Foreign(TypedDict):
    module: str
    file: str


class FunctionRecord(TypedDict):
    function: int
    calls: int
    total_ns: float | None
    total_probe_ns: float
    self_ns: float | None
    self_probe_ns: float


class FunctionTime(TypedDict):
    path: str
    line: int
    name: str
    calls: int
    total_ns: int
    self_ns: int


class Reached(TypedDict):
    node: str
    functions: list[int]
    processes: bool
    timed: bool
    parallel: bool


class Place(TypedDict):
    path: str
    name: str


class Reader(TypedDict):
    path: str
    qualname: str
    line: int
    reads: Place


class Changed(TypedDict):
    name: str
    type: str


class Outcome(TypedDict):
    outcome: str
    duration_ns: int
    message: str


class TestOutcome(Outcome):
    node: str
