"""Starts a worker: claims the channel, makes the worktree importable, then lets pytest collect and the driver steer."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    # The script's own folder is first on the path; its place takes the folder that holds only this package, last.
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != HERE]
    sys.path.append(os.path.dirname(HERE))
    from deadheat_worker.channel import Channel

    channel = Channel.claim_standard_streams()
    from deadheat_worker import protocol
    from deadheat_worker.foreign_options import arguments_against
    from deadheat_worker.greeting import greet

    _, imports = greet(channel)
    import pytest

    from deadheat_worker.conversation import Conversation
    from deadheat_worker.plugin import DeadheatPlugin

    conversation = Conversation(channel, imports)
    request = conversation.receive()
    if protocol.kind_of(request) == protocol.TRACE:
        conversation.start_tracing(request)
        request = conversation.receive()
    protocol.expect(request, protocol.COLLECT)
    arguments = ["-q", "--rootdir", os.curdir, "-o", "required_plugins=", "--maxfail=0", *arguments_against()]
    if request["keyword"] is not None:
        arguments += ["-k", request["keyword"]]
    plugin = DeadheatPlugin(conversation, request["files"], request["tests"])
    exit_code = pytest.main(arguments + request["paths"], plugins=[plugin])
    sys.stdout.flush()
    sys.stderr.flush()
    if conversation.is_asked_to_stop():
        conversation.reply(protocol.stopped())
    elif not conversation.reached_run_loop:
        conversation.reply(protocol.collection_failed(int(exit_code)))


# A child that `multiprocessing` spawns runs this file once more, under another name.
if __name__ == "__main__":
    main()
