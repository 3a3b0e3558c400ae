"""Run in an interpreter with the name of a folder: makes a virtual environment there that has all of the interpreter's
packages, so that a build installs into the folder and the interpreter's own environment stays as it is.

Further arguments are folders that come before those packages: a worktree's, which an editable install of the project
must not replace.
"""

import os
import sys
import sysconfig
import venv

# The script's folder comes first on the path; nothing must be imported from it.
del sys.path[0]
folder = sys.argv[1]
venv.EnvBuilder(symlinks=True).create(folder)
own = sysconfig.get_path("purelib", "posix_prefix", vars={"base": folder, "platbase": folder})
below = [entry for entry in sys.path if os.path.basename(entry) in ("site-packages", "dist-packages")]
with open(os.path.join(own, "layer.pth"), "w", encoding="utf-8") as file:
    file.writelines(f"{before}\n" for before in sys.argv[2:])
    for entry in below:
        # Not only as a path entry: path files and editable installs also count.
        file.write(f"import site; site.addsitedir({entry!r})\n")
# Programs with these names elsewhere on the PATH install into other environments.
for name in ("pip", "pip3"):
    program = os.path.join(folder, "bin", name)
    with open(program, "w", encoding="utf-8") as file:
        file.write('#!/bin/sh\nexec "$(dirname "$0")/python" -m pip "$@"\n')
    os.chmod(program, 0o755)
