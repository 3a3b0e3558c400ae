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

# What a `trace` request may be for, beside profiles of the functions that it names.
PURPOSE_REACH = "reach"
OBSERVE = "observe"
READERS = "readers"
PURPOSE_SURVEY = "survey"
PURPOSE_MEMORY = "memory"


class ProtocolError(Exception):
    """The driver sent something that has no place in the conversation at this point."""


def kind_of(request):
    """The request's name; ProtocolError when it has none."""
    if not isinstance(request, dict) or not isinstance(request.get("request"), str):
        raise ProtocolError(f"not a request: {str(request)[:200]}")
    return request["request"]


def expect(request, kind):
    """The request itself; ProtocolError when it is another one than `kind`."""
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
    """`problem`: why functions cannot be watched here, None where they are."""
    return {"reply": "tracing", "problem": problem}


def collected(benchmarks, errors, skipped, deselected, foreign):
    """`benchmarks`: node ids in order.

    `errors` and `skipped`: pairs of the node that could not, or was not to be collected, and pytest's words.
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
    """`iterations_per_sample` is None where the driver may choose; `samples` is None where there is no limit.

    `own_clock`: the suite prescribes what samples are timed by. `can_set_up_each_call`: the test's own fixtures, which
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
    """`idle_cpu_ns`: processor time that the process used between its last reply and this request.

    `waits`: how often the process gave its core back of itself during the sample.
    """
    return {
        "reply": "sample",
        "elapsed_ns": elapsed_ns,
        "iterations": iterations,
        "idle_cpu_ns": idle_cpu_ns,
        "waits": waits,
    }


def profiled(elapsed_ns, iterations, record):
    """`record`: what was recorded of the functions between the two readings of the clock."""
    return {"reply": "profiled", "elapsed_ns": elapsed_ns, "iterations": iterations, **record}


def surveyed(elapsed_ns, iterations, record):
    """The same for every function of the project, whatever the driver named."""
    return {"reply": "surveyed", "elapsed_ns": elapsed_ns, "iterations": iterations, **record}


def weighed(elapsed_ns, iterations, peak_bytes, allocations):
    """`peak_bytes`: beyond what was in use before. `allocations`: of all iterations."""
    return {
        "reply": "weighed",
        "elapsed_ns": elapsed_ns,
        "iterations": iterations,
        "peak_bytes": peak_bytes,
        "allocations": allocations,
    }


def peaked(elapsed_ns, iterations, peak_bytes):
    """`peak_bytes`: the most memory that was in use at once of what the calls asked for."""
    return {"reply": "peaked", "elapsed_ns": elapsed_ns, "iterations": iterations, "peak_bytes": peak_bytes}


def reached(by):
    """`by`: dicts of `node`, the `functions` that ran on its account, and whether it started other `processes`.

    `timed` says whether any of that happened inside a sample, `parallel` whether one used more than one core at once.
    """
    return {"reply": "reached", "by": by}


def observed(modules, others, surroundings):
    """Digests: of the project's `modules` by path and name, of `others` by module, of their `surroundings`."""
    return {"reply": "observed", "modules": modules, "others": others, "surroundings": surroundings}


def readers(functions, unread):
    """`functions`: dicts of `path`, `qualname`, `line` and what it `reads`; `unread` and `reads`: `path` and `name`."""
    return {"reply": "readers", "functions": functions, "unread": unread}


def not_observed(problem):
    """In the place of both, with the reason."""
    return {"reply": "not_observed", "problem": problem}


def left(foreign, project_modules, output, changed=()):
    """`foreign`: modules of the project from outside the worktree. `project_modules`: how many came from inside.

    `output`: what the first sample returned, as `outputs.carry_over` has it. `changed`: what the set-up of a piece of
    code made and its calls changed, as `setup_values.SetupValues.changed` has it.
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
