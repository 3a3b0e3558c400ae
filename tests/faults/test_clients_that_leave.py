"""Calls over the Model Context Protocol that are cancelled, and clients and servers that go in the middle of one."""

import functools
import signal

import anyio
import pytest
from causes import check_sound, times, two_commits
from stages import AT_EVERY_STAGE, make_stand

from clients import call_and_forget, cancelled

pytestmark = pytest.mark.counted

CALL = {"base": "HEAD^", "head": "HEAD", "all": True}


def until(moment):
    """Waits in a thread for another process."""

    async def ready(_):
        await anyio.to_thread.run_sync(moment.wait)

    return ready


@AT_EVERY_STAGE
def test_a_call_that_is_cancelled_at_every_stage(repository, server, stage, moment, gate):
    make_stand(repository, stage, moment, gate)
    before = repository.state()

    async def conversation(client):
        await cancelled(client, "compare", CALL, until(moment))
        # It has its turn when the cancelled call has ended.
        await client.call_tool("micro", {"a": "1", "b": "2", "timeout": 2})
        return repository.state()

    assert server.talk(conversation) == before
    check_sound(repository)


@AT_EVERY_STAGE
@pytest.mark.parametrize("number", [None, signal.SIGTERM], ids=["closed", "terminated"])
def test_a_client_that_leaves_or_ends_the_server_at_every_stage(repository, server, stage, number, moment, gate):
    make_stand(repository, stage, moment, gate)
    before = repository.state()

    async def main():
        async with anyio.create_task_group() as calls, server.connect() as client:
            calls.start_soon(call_and_forget, client, "compare", CALL)
            await until(moment)(None)
            if number is not None:
                server.send_signal(number)

    server.run(main)
    assert repository.state() == before
    check_sound(repository)


def test_a_server_that_is_killed_leaves_nothing_running(repository, server, moment, gate, deadheat_command):
    make_stand(repository, "round", moment, gate)
    before = repository.state()

    async def main():
        async with anyio.create_task_group() as calls, server.connect() as client:
            calls.start_soon(call_and_forget, client, "compare", CALL)
            await until(moment)(None)
            server.send_signal(signal.SIGKILL)

    server.run(main, tidies=False)
    assert deadheat_command("clean").code == 0
    assert repository.state() == before
    check_sound(repository)


def test_calls_that_are_cancelled_one_after_the_other(repository, server):
    """Each at another step of its run."""
    two_commits(repository)
    before = repository.state()
    count = times(3, 20)

    async def after(steps, progress):
        for _ in range(steps):
            await progress.receive()

    async def conversation(client):
        states = []
        for number in range(count):
            await cancelled(client, "compare", CALL, functools.partial(after, 1 + number * 7 % 8))
            await client.call_tool("micro", {"a": "1", "b": "2", "timeout": 2})
            states.append(repository.state() == before)
        return states

    assert server.talk(conversation) == [True] * count
    check_sound(repository)
