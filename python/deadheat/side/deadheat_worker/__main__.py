"""Starts a worker: claims the channel, makes the worktree importable, then lets pytest collect and the driver steer."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def end_with_driver():
    """Have the kernel end this process when the driver is killed; an endless loop would notice nothing else."""
    if sys.platform != "linux":
        return
    try:
        import ctypes

        pr_set_pdeathsig, sigkill = 1, 9
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, sigkill)
    except (ImportError, OSError, AttributeError):
        # A Python without ctypes, or a C library without prctl: the worker then ends when it next reads.
        pass


def main():
    # The script's own folder is first on the path; its place takes the folder that holds only this package, last.
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != HERE]
    sys.path.append(os.path.dirname(HERE))
    from deadheat_worker.channel import Channel

    channel = Channel.claim_standard_streams()
    end_with_driver()
    from deadheat_worker import protocol
    from deadheat_worker.conversation import Conversation
    from deadheat_worker.foreign_options import PLUGINS
    from deadheat_worker.imports import ProjectImports

    request = protocol.expect(channel.receive(), protocol.HELLO)
    if request["protocol"] != protocol.VERSION:
        raise protocol.ProtocolError(f"the driver speaks version {request['protocol']}, not {protocol.VERSION}")
    project_folder = os.path.join(request["worktree"], request["project"])
    os.chdir(project_folder)
    imports = ProjectImports(
        request["worktree"],
        request["repository"],
        request["import_folders"],
        request["roots"],
        request["code_names"],
        request["test_packages"],
        request["loose_names"],
    )
    imports.take_precedence(project_folder)
    import platform

    import pytest

    from deadheat_worker.plugin import DeadheatPlugin
    from deadheat_worker.stand_ins import Finder

    sys.meta_path.append(Finder())
    conversation = Conversation(channel, imports)
    conversation.reply(protocol.hello(platform.python_version(), pytest.__version__, platform.python_implementation()))
    request = conversation.receive()
    if protocol.kind_of(request) == protocol.TRACE:
        conversation.start_tracing(request)
        request = conversation.receive()
    protocol.expect(request, protocol.COLLECT)
    arguments = ["-q", "--rootdir", project_folder, "-o", "required_plugins=", "--maxfail=0"]
    for name in PLUGINS:
        arguments += ["-p", f"no:{name}"]
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
