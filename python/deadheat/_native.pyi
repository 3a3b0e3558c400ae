"""The program, compiled: everything that the `deadheat` command does outside the project's interpreter."""

def main(arguments: list[str], package_folder: str, interpreter: str) -> int:
    """Run one command and return its exit code.

    `arguments` are those after the program's name; `package_folder` is the installed `deadheat` package, where the
    worker's files lie; `interpreter` is the Python that runs deadheat, one of those tried for the project. Releases
    the GIL, and takes SIGINT and SIGTERM over while it runs. A panic is printed and returned as 5.
    """
