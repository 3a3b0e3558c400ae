"""Starts a worker for one piece of code, without pytest: says hello, prepares it, then times it as the driver asks."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def main() -> None:
    # Replace the script's folder, first on the path, by the folder that holds only the worker's package, last on it.
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != HERE]
    sys.path.append(os.path.dirname(os.path.dirname(HERE)))
    from deadheat_worker.wire.channel import Channel

    channel = Channel.claim_standard_streams()
    from deadheat_worker.wire import greeting

    greeting.end_with_driver()
    from deadheat_worker.micro.conversation import MicroConversation

    imports = greeting.imports_of(greeting.expect_greeting(channel))
    imports.take_precedence(os.getcwd())
    conversation = MicroConversation(channel, imports)
    conversation.reply(greeting.hello_with(""))
    conversation.serve()


# A child that `multiprocessing` spawns runs this file again, under another name.
if __name__ == "__main__":
    main()
