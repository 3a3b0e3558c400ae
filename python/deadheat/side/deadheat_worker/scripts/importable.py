"""Run in an interpreter: imports packages of a project from its working tree, and writes the outcome to a file.

The arguments are a file for the answer, the repository, and one JSON object: `import_folders` (relative to the
repository), `project` (its folder) and `names`. The answer is a JSON object with the names as keys: null for those
that can be imported, the reason for those that cannot.
"""

import importlib
import json
import os
import sys

# Replace the script's folder, first on the path, by the folder that holds only the worker's package, last on it.
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != HERE]
sys.path.append(os.path.dirname(os.path.dirname(HERE)))


def main() -> None:
    from deadheat_worker.imports import ProjectImports

    answer, repository, request = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    project_folder = os.path.join(repository, request["project"])
    names = request["names"]
    imports = ProjectImports(repository, repository, request["import_folders"], names, [], [])
    imports.take_precedence(project_folder)
    outcome: dict[str, str | None] = {}
    for name in names:
        try:
            importlib.import_module(name)
        # A module may do anything while it is imported, `sys.exit` included.
        except BaseException as error:
            outcome[name] = f"{type(error).__name__}: {error}"
        else:
            outcome[name] = None
        # Written after each one, because the next may end the process.
        with open(answer, "w", encoding="utf-8") as file:
            json.dump(outcome, file)


main()
