"""The worker's half of the protocol: the names and shapes of `docs/protocol.md`, nothing else.

`tests/protocol/*.jsonl` holds whole conversations that this file and the driver's are both tested against.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from deadheat_worker.wire.messages import (
        Changed,
        Foreign,
        FunctionTime,
        Output,
        Place,
        Reached,
        Reader,
        Reply,
        TestOutcome,
        Told,
    )

VERSION = 1

HELLO = "hello"
TRACE = "trace"
COLLECT = "collect"
MICRO = "micro"
ENTER = "enter"
RUN = "run"
PROFILE = "profile"
LEAVE = "leave"
REACH = "reach"
OBSERVE = "observe"
READERS = "readers"
TEST = "test"
STOP = "stop"

# The purposes of a `trace` request in addition to profiling the functions that it names.
PURPOSE_REACH = "reach"
PURPOSE_SURVEY = "survey"
PURPOSE_MEMORY = "memory"


class ProtocolError(Exception):
    """The driver sent something that has no place in the conversation at this point."""


def kind_of(request: object) -> str:
    """Return the request's name; raise ProtocolError if it has none."""
    kind = request.get("request") if isinstance(request, dict) else None
    if not isinstance(kind, str):
        raise ProtocolError(f"not a request: {str(request)[:200]}")
    return kind


def expect(request: Any, kind: str) -> Any:
    """Return the request; raise ProtocolError if its name is not `kind`."""
    if kind_of(request) != kind:
        raise ProtocolError(f"expected the request {kind!r}, got {kind_of(request)!r}")
    return request


def hello(python: str, pytest: str, implementation: str) -> Reply:
    return {
        "reply": "hello",
        "protocol": VERSION,
        "python": python,
        "pytest": pytest,
        "implementation": implementation,
    }


def tracing(problem: str | None) -> Reply:
    """`problem`: why functions cannot be watched here, None if they are."""
    return {"reply": "tracing", "problem": problem}


def collected(
    benchmarks: list[str], errors: Iterable[Told], skipped: Iterable[Told], deselected: int, foreign: list[Foreign]
) -> Reply:
    """`benchmarks`: node ids in order.

    `errors` and `skipped`: pairs of a node whose collection failed, or was skipped, and pytest's message.
    """
    return {
        "reply": "collected",
        "benchmarks": benchmarks,
        "errors": [{"node": node, "message": message} for node, message in errors],
        "skipped": [{"node": node, "message": message} for node, message in skipped],
        "deselected": deselected,
        "foreign": foreign,
    }


def collection_failed(exit_code: int) -> Reply:
    return {"reply": "collection_failed", "exit_code": exit_code}


def entered(
    iterations_per_sample: int | None, samples: int | None, own_clock: bool, can_set_up_each_call: bool
) -> Reply:
    """`iterations_per_sample` is None if the driver may choose; `samples` is None if there is no limit.

    `own_clock`: whether the suite prescribes the clock. `can_set_up_each_call`: whether the test's own fixtures, which
    were set up once, could be set up for each call.
    """
    return {
        "reply": "entered",
        "iterations_per_sample": iterations_per_sample,
        "samples": samples,
        "own_clock": own_clock,
        "can_set_up_each_call": can_set_up_each_call,
    }


def sample(elapsed_ns: int, iterations: int, idle_cpu_ns: int, waits: int) -> Reply:
    """`idle_cpu_ns`: the processor time that the process used between its last reply and this request.

    `waits`: the number of times that the process gave up its core voluntarily during the sample.
    """
    return {
        "reply": "sample",
        "elapsed_ns": elapsed_ns,
        "iterations": iterations,
        "idle_cpu_ns": idle_cpu_ns,
        "waits": waits,
    }


def profiled(elapsed_ns: int, iterations: int, record: Mapping[str, Any]) -> Reply:
    """`record`: the record of the functions between the two readings of the clock."""
    return {"reply": "profiled", "elapsed_ns": elapsed_ns, "iterations": iterations, **record}


def surveyed(elapsed_ns: int, iterations: int, record: Mapping[str, Any]) -> Reply:
    """Like `profiled`, for every function of the project, regardless of the functions that the driver named."""
    return {"reply": "surveyed", "elapsed_ns": elapsed_ns, "iterations": iterations, **record}


def weighed(elapsed_ns: int, iterations: int, peak_bytes: int, allocations: int) -> Reply:
    """`peak_bytes`: beyond the memory in use before. `allocations`: the number over all iterations."""
    return {
        "reply": "weighed",
        "elapsed_ns": elapsed_ns,
        "iterations": iterations,
        "peak_bytes": peak_bytes,
        "allocations": allocations,
    }


def peaked(elapsed_ns: int, iterations: int, peak_bytes: int) -> Reply:
    """`peak_bytes`: the most memory in use at once, of that which the calls allocated."""
    return {"reply": "peaked", "elapsed_ns": elapsed_ns, "iterations": iterations, "peak_bytes": peak_bytes}


def entered_function(elapsed_ns: int, iterations: int, function: bool | None) -> Reply:
    """`function`: whether a call entered the compared function; None if that cannot be seen."""
    return {"reply": "entered_function", "elapsed_ns": elapsed_ns, "iterations": iterations, "function": function}


def reached(by: list[Reached]) -> Reply:
    """`by`: dicts of `node`, the `functions` that ran on its account, and whether it started other `processes`.

    `timed`: whether any of that happened inside a sample. `parallel`: whether a sample used several cores at once.
    """
    return {"reply": "reached", "by": by}


def observed(modules: dict[str, dict[str, str]], others: dict[str, str], surroundings: dict[str, str]) -> Reply:
    """Digests of the project's `modules` by path and name, of `others` by module, and of their `surroundings`."""
    return {"reply": "observed", "modules": modules, "others": others, "surroundings": surroundings}


def readers(functions: list[Reader], unread: list[Place]) -> Reply:
    """`functions`: dicts of `path`, `qualname`, `line` and `reads`; `reads` and each of `unread`: `path` and `name`."""
    return {"reply": "readers", "functions": functions, "unread": unread}


def not_observed(problem: str) -> Reply:
    """The reply instead of `observed` or `readers`, with the reason."""
    return {"reply": "not_observed", "problem": problem}


def left(foreign: list[Foreign], project_modules: int, output: Output, changed: Iterable[Changed] = ()) -> Reply:
    """`foreign`: modules of the project from outside the worktree. `project_modules`: the number from inside.

    `output`: the result of the first sample, as `outputs.carry_over` returns it. `changed`: the values of a snippet's
    set-up that its calls changed, as `setup_values.SetupValues.changed` returns them.
    """
    return {
        "reply": "left",
        "foreign": foreign,
        "project_modules": project_modules,
        "output": output,
        "changed": list(changed),
    }


def failed(phase: str, message: str, foreign: Iterable[Foreign] = ()) -> Reply:
    """`phase`: setup, call or teardown."""
    return {"reply": "failed", "phase": phase, "message": message, "foreign": list(foreign)}


def skipped(reason: str) -> Reply:
    return {"reply": "skipped", "reason": reason}


def tested(
    exit_code: int,
    tests: list[TestOutcome],
    errors: Iterable[Told],
    functions: list[FunctionTime],
    foreign: list[Foreign],
    project_modules: int,
) -> Reply:
    """`exit_code`: pytest's. `tests`: dicts of `node`, `outcome`, `duration_ns` and `message`.

    `errors`: pairs, as in `collected`. `functions`: as in `surveyed`, over all tests; empty without the profiler.
    """
    return {
        "reply": "tested",
        "exit_code": exit_code,
        "tests": tests,
        "errors": [{"node": node, "message": message} for node, message in errors],
        "functions": functions,
        "foreign": foreign,
        "project_modules": project_modules,
    }


def stopped() -> Reply:
    return {"reply": "stopped"}
