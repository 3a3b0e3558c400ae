"""A client of the Model Context Protocol, and a server that it talks to."""

import contextlib
import os

import anyio
import pytest
from mcp import Client, StdioServerParameters

from conftest import command

# The server and everything that it starts hold the witness open.
START = 'echo $$ >"$1"; witness=$2; shift 2; exec "$@" 9>"$witness"'


class Server:
    """Starts `deadheat mcp` in the repository for each conversation; nothing of it is left afterwards."""

    def __init__(self, repository, witness, folder):
        self.repository = repository
        self.witness = witness
        self.process = folder / "server"
        self.temporary = folder / "temporary"
        self.temporary.mkdir()

    def run(self, main, tidies=True):
        """Runs a function that connects to the server, and returns what it returns."""
        result = anyio.run(main)
        assert self.witness.saw_all_end()
        # A worker that is killed may leave files of its own there.
        assert not tidies or list(self.temporary.glob("deadheat*")) == []
        return result

    def talk(self, conversation, mode="auto"):
        """The same with a function of one client."""

        async def main():
            async with self.connect(mode) as client:
                return await conversation(client)

        return self.run(main)

    def connect(self, mode="auto"):
        arguments = ["-c", START, "sh", str(self.process), str(self.witness.path), *command("mcp")]
        environment = {**os.environ, "TMPDIR": str(self.temporary)}
        folder = self.repository.folder
        parameters = StdioServerParameters(command="sh", args=arguments, cwd=folder, env=environment)
        return Client(parameters, mode=mode)

    def call(self, tool, **arguments):
        """Calls one tool, and returns its result."""
        return self.talk(lambda client: client.call_tool(tool, arguments))

    def send_signal(self, number):
        os.kill(int(self.process.read_text()), number)


@pytest.fixture
def server(repository, witness, tmp_path):
    return Server(repository, witness, tmp_path)


async def call_and_forget(client, tool, arguments, progress=None):
    """Calls a tool whose connection may end before the call does."""
    with contextlib.suppress(Exception):
        await client.call_tool(tool, arguments, progress_callback=progress)


async def cancelled(client, tool, arguments, ready):
    """Calls a tool, and cancels the call when `ready` returns, which is given the messages of its progress."""
    send, receive = anyio.create_memory_object_stream(1000)

    async def progress(done, total, message):
        await send.send(message)

    async with anyio.create_task_group() as calls:
        calls.start_soon(call_and_forget, client, tool, arguments, progress)
        await ready(receive)
        calls.cancel_scope.cancel()
