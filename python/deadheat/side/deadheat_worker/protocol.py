"""The worker's half of the protocol: the names and shapes of `docs/protocol.md`, nothing else.

`tests/protocol/*.jsonl` holds whole conversations that this file and the driver's are both tested against.
"""

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


def kind_of(request):
    """Return the request's name; raise ProtocolError if it has none."""
    if not isinstance(request, dict) or not isinstance(request.get("request"), str):
        raise ProtocolError(f"not a request: {str(request)[:200]}")
    return request["request"]


def expect(request, kind):
    """Return the request; raise ProtocolError if its name is not `kind`."""
    if kind_of(request) != kind:
        raise ProtocolError(f"expected the request {kind!r}, got {kind_of(request)!r}")
    return request


def hello(python, pytest, implementation):
    return {
        "reply": "hello",
        "protocol": VERSION,
        "python": python,
        "pytest": pytest,
        "implementation": implementation,
    }


def tracing(problem):
    """`problem`: why functions cannot be watched here, None if they are."""
    return {"reply": "tracing", "problem": problem}


def collected(benchmarks, errors, skipped, deselected, foreign):
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


def collection_failed(exit_code):
    return {"reply": "collection_failed", "exit_code": exit_code}


def entered(iterations_per_sample, samples, own_clock, can_set_up_each_call):
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


def sample(elapsed_ns, iterations, idle_cpu_ns, waits):
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


def profiled(elapsed_ns, iterations, record):
    """`record`: the record of the functions between the two readings of the clock."""
    return {"reply": "profiled", "elapsed_ns": elapsed_ns, "iterations": iterations, **record}


def surveyed(elapsed_ns, iterations, record):
    """Like `profiled`, for every function of the project, whatever the driver named."""
    return {"reply": "surveyed", "elapsed_ns": elapsed_ns, "iterations": iterations, **record}


def weighed(elapsed_ns, iterations, peak_bytes, allocations):
    """`peak_bytes`: beyond the memory in use before. `allocations`: the number over all iterations."""
    return {
        "reply": "weighed",
        "elapsed_ns": elapsed_ns,
        "iterations": iterations,
        "peak_bytes": peak_bytes,
        "allocations": allocations,
    }


def peaked(elapsed_ns, iterations, peak_bytes):
    """`peak_bytes`: the most memory in use at once, of that which the calls allocated."""
    return {"reply": "peaked", "elapsed_ns": elapsed_ns, "iterations": iterations, "peak_bytes": peak_bytes}


def reached(by):
    """`by`: dicts of `node`, the `functions` that ran on its account, and whether it started other `processes`.

    `timed`: whether any of that happened inside a sample. `parallel`: whether a sample used several cores at once.
    """
    return {"reply": "reached", "by": by}


def observed(modules, others, surroundings):
    """Digests of the project's `modules` by path and name, of `others` by module, and of their `surroundings`."""
    return {"reply": "observed", "modules": modules, "others": others, "surroundings": surroundings}


def readers(functions, unread):
    """`functions`: dicts of `path`, `qualname`, `line` and `reads`; `reads` and each of `unread`: `path` and `name`."""
    return {"reply": "readers", "functions": functions, "unread": unread}


def not_observed(problem):
    """The reply instead of `observed` or `readers`, with the reason."""
    return {"reply": "not_observed", "problem": problem}


def left(foreign, project_modules, output, changed=()):
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


def failed(phase, message, foreign=()):
    """`phase`: setup, call or teardown."""
    return {"reply": "failed", "phase": phase, "message": message, "foreign": list(foreign)}


def skipped(reason):
    return {"reply": "skipped", "reason": reason}


def tested(exit_code, tests, errors, functions, foreign, project_modules):
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


def stopped():
    return {"reply": "stopped"}
