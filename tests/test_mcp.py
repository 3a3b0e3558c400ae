"""`deadheat mcp`: programs call the commands as tools of the Model Context Protocol."""

import json

import pytest

from clients import cancelled
from conftest import BENCHMARKS, FAST, SLOW

pytestmark = pytest.mark.counted

LIMIT = 1500
READ_ONLY = {"detect", "explain", "status", "log"}


def answer(result):
    """Returns a result's value, which is also its text, and brief."""
    (content,) = result.content
    assert json.loads(content.text) == result.structured_content
    assert len(content.text.encode()) <= LIMIT
    return result.structured_content


@pytest.mark.quick
@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_the_tools_are_described_in_few_bytes(repository, server, mode):
    async def listed(client):
        return await client.list_tools()

    tools = server.talk(listed, mode).tools
    assert {tool.name for tool in tools} == READ_ONLY | {"micro", "compare"}
    assert {tool.name for tool in tools if tool.annotations and tool.annotations.read_only_hint} == READ_ONLY
    texts = [tool.model_dump_json(by_alias=True, exclude_none=True) for tool in tools]
    assert sum(map(len, texts)) < 6000
    for tool in tools:
        assert tool.description
        assert all(schema["description"] for schema in tool.input_schema["properties"].values())
    (explain,) = (tool for tool in tools if tool.name == "explain")
    assert explain.input_schema["required"] == ["name"]


def test_a_comparison_tells_its_progress_and_is_explained(two_commits, server, deadheat_command, tmp_path):
    stored = tmp_path / "r.json"
    told = []

    async def progress(done, total, message):
        told.append((done, message))

    async def conversation(client):
        available = answer(await client.call_tool("detect"))["available"]
        refs = {"base": "HEAD^", "head": "HEAD", "budget": 0.2}
        own = await client.call_tool("compare", refs, progress_callback=progress)
        functions = await client.call_tool("explain", {"name": "work"})
        named = await client.call_tool(
            "compare", {**refs, "keyword": "test_worker", "report": str(stored), "all": True}
        )
        last = await client.call_tool("explain", {"name": "test_worker", "depth": 1})
        return available, *map(answer, (own, functions, named, last))

    available, own, function, named, benchmark = server.talk(conversation)
    assert available is True
    assert (own["verdict"], own["counts"]["improved"]) == ("improved", 1)
    numbers = [number for number, _ in told]
    assert numbers == sorted(set(numbers))
    assert "collecting the benchmarks" in [message for _, message in told]
    assert (function["function"], function["change"], function["run_by"]) == ("pkg/core.py::work", "modified", 1)
    assert function["benchmarks"][0]["benchmark"] == "benchmarks/test_b.py::test_work"
    assert named["report"] == str(stored)
    again = deadheat_command("report", stored, "--brief").report
    assert {**again, "next": []} == {**named, "report": None, "next": []}
    assert benchmark["benchmark"] == "benchmarks/test_b.py::test_worker"
    assert deadheat_command("explain", stored, "test_worker", "--json", "--depth", 1).report == benchmark


def test_experiments_are_recorded_and_listed(two_commits, server, deadheat_command):
    two_commits.git("checkout", "--quiet", "HEAD^")
    deadheat_command("start")
    two_commits.git("checkout", "--quiet", "main")

    async def conversation(client):
        recorded = await client.call_tool("compare", {"record": "fewer times", "budget": 0.2})
        status = await client.call_tool("status")
        log = await client.call_tool("log", {"cwd": "benchmarks"})
        return tuple(map(answer, (recorded, status, log)))

    recorded, status, log = server.talk(conversation)
    # It is faster, and returns something else.
    assert (recorded["status"], recorded["next"][0]["action"]) == ("mixed", "fix_output")
    assert status["counts"] == {"keep": 0, "mixed": 1, "discard": 0, "other": 0}
    assert status == deadheat_command("status", "--brief").report
    assert log == deadheat_command("log", "--brief").report
    assert [row["description"] for row in log["rows"]] == ["fewer times"]


def test_a_guard_is_passed_on(two_commits, server, deadheat_command):
    two_commits.git("checkout", "--quiet", "HEAD^")
    deadheat_command("start")
    two_commits.git("checkout", "--quiet", "main")
    value = answer(server.call("compare", record="fewer times", budget=0.2, guard="echo no; false"))
    assert (value["status"], value["warnings"]["guard_failed"]) == ("checks_failed", 1)


def test_a_change_is_screened(two_commits, server):
    call = {"target": "pkg/core.py::work", "call": "work(N)", "setup": "N = 200", "base": "HEAD^"}
    value = answer(server.call("micro", **call))
    assert (value["decision"], value["verdict"]) == ("go", "improved")


def test_no_decision_is_an_error_with_the_usual_answer(two_commits, server):
    result = server.call("micro", target="pkg/core.py::work", call="work(1)")
    assert result.is_error
    value = answer(result)
    assert (value["decision"], value["warnings"][0]["code"]) == ("no_answer", "nothing_changed")


@pytest.mark.quick
@pytest.mark.parametrize(
    ("tool", "arguments", "code", "words"),
    [
        ("compare", {"base": "nowhere"}, "no_such_ref", "nowhere"),
        ("compare", {"head": "HEAD"}, "usage", "base is missing"),
        ("compare", {"bugdet": 3}, "usage", "no parameter `bugdet`"),
        ("compare", {"budget": [3]}, "usage", "budget takes a number"),
        ("compare", {"budget": -1}, "usage", "--budget"),
        ("compare", {"tests": [3]}, "usage", "tests takes a list of strings"),
        ("compare", {"all": "yes"}, "usage", "all takes true or false"),
        ("compare", {"cwd": "nowhere"}, "usage", "there is no folder"),
        ("compare", {"base": "HEAD^", "script": "echo broken; exit 3"}, "nothing_measured", "broken"),
        ("micro", {}, "usage", "SCRIPT.py|FILE.py::FUNCTION"),
        ("explain", {"name": "work"}, "usage", "nothing has been compared"),
        ("explain", {"name": "work", "report": "no.json"}, "usage", "no.json"),
    ],
)
def test_errors_are_results_that_say_what_was_wrong(two_commits, server, tool, arguments, code, words):
    result = server.call(tool, **arguments)
    assert result.is_error
    error = answer(result)["error"]
    assert (error["code"], words in error["message"]) == (code, True), error


def test_options_in_values_stay_values(two_commits, server):
    error = answer(server.call("micro", a="-1", b="--2", setup="--json"))["error"]
    assert "--setup" in error["message"], error


def test_a_name_that_stands_for_several_is_not_guessed(repository, server):
    repository.commit_both(SLOW, FAST, BENCHMARKS)
    repository.commit({"benchmarks/test_c.py": BENCHMARKS})

    async def conversation(client):
        await client.call_tool("compare", {"base": "HEAD~2", "head": "HEAD", "budget": 0.2})
        return await client.call_tool("explain", {"name": "test_work"})

    error = answer(server.talk(conversation))["error"]
    assert "stands for 2" in error["message"]
    assert "benchmarks/test_c.py::test_work" in error["hint"]


@pytest.mark.quick
def test_a_call_is_cancelled_as_soon_as_it_tells_progress(two_commits, server):
    before = two_commits.state()

    async def conversation(client):
        await cancelled(client, "compare", {"base": "HEAD^", "head": "HEAD"}, lambda progress: progress.receive())
        # It has its turn when the other has ended.
        after = answer(await client.call_tool("detect"))
        return after["available"], two_commits.state()

    assert server.talk(conversation) == (True, before)
