"""Starts a worker for one piece of code, without pytest: says hello, prepares it, then times it as the driver asks."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    # The script's own folder is first on the path; its place takes the folder that holds only this package, last.
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != HERE]
    sys.path.append(os.path.dirname(HERE))
    from deadheat_worker.channel import Channel

    channel = Channel.claim_standard_streams()
    from deadheat_worker import protocol, start

    start.end_with_driver()
    import platform

    from deadheat_worker.micro_conversation import MicroConversation

    imports = start.imports_of(start.expect_greeting(channel))
    imports.take_precedence(os.getcwd())
    conversation = MicroConversation(channel, imports)
    conversation.reply(protocol.hello(platform.python_version(), "", platform.python_implementation()))
    conversation.serve()


# A child that `multiprocessing` spawns runs this file once more, under another name.
if __name__ == "__main__":
    main()
