"""Times the finder of changed functions and others on the same repository and refs: `python bench/finder/speed.py`.

Prints the median time of each, its ratio to `git diff -U0`, and its peak memory. deadheat's finder and git are timed as
whole processes; codeflash's, from PyPI and in an environment of its own, without its imports and with head checked out
for it. They run in turn, so that all see the same machine.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import sources  # noqa: E402

if __name__ == "__main__":
    sources.go_on_in_newest_python(Path(__file__).resolve())

import asking  # noqa: E402
import recording  # noqa: E402

CODEFLASH = "codeflash==0.20.6"
REFS = ("pylint-1.4", "HEAD")
FILES = 5_000
KEPT = 1 << 16
ASK_CODEFLASH = """
import resource, sys, time
from pathlib import Path
from codeflash.benchmarking.compare import discover_changed_functions
start = time.perf_counter()
found = discover_changed_functions(*sys.argv[2:], Path(sys.argv[1]))
seconds = time.perf_counter() - start
print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, sum(map(len, found.values())))
"""


def run(command, **keywords):
    return subprocess.run(command, check=True, **keywords)


def timed(command):
    """Returns the seconds, peak memory (in KiB on Linux) and output of a process."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    output = process.stdout.read(KEPT)
    # A process begins with the memory of the one that starts it, so a diff is not kept.
    while process.stdout.read(KEPT):
        pass
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return seconds, usage.ru_maxrss, output.decode(errors="replace")


def pylint(options):
    """Returns a clone with head checked out, which codeflash reads."""
    folder = options.work / "pylint"
    if not folder.exists():
        given = options.histories / "pylint-dev/pylint" if options.histories else None
        url = str(given) if given and given.exists() else "https://github.com/pylint-dev/pylint"
        run(["git", "clone", "--quiet", url, str(folder)])
    return folder


def many_files(options):
    """Returns a repository with files of the packages from PyPI in two commits; the second edits every file."""
    folder = options.work / "many"
    if folder.exists():
        return folder
    wheels = sources.wheels(options.work / "wheels")
    found = [(wheel, name) for wheel in wheels for name, source in sources.in_wheel(wheel) if is_usual(name, source)]
    # Every n-th file, so that all packages are included.
    chosen = set(found[:: len(found) // FILES][:FILES])
    if len(chosen) < FILES:
        raise SystemExit(f"the packages have {len(found)} files only")
    git = ["git", "-C", str(folder), "-c", "user.name=bench", "-c", "user.email=bench@example.org"]
    run(["git", "init", "--quiet", str(folder)])
    for edit in (lambda source: source, edited):
        # The sources are not kept: a process begins with the memory of the one that starts it.
        for wheel in wheels:
            for name, source in sources.in_wheel(wheel):
                if (wheel, name) in chosen:
                    path = folder / wheel.name.partition("-")[0] / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(edit(source))
        run([*git, "add", "--all", "--force"])
        run([*git, "commit", "--quiet", "--message", "files", "--no-gpg-sign"])
    return folder


def is_usual(name, source):
    return name.isprintable() and b"\r" not in source and re.search(rb"^ *def ", source, re.M)


def edited(source):
    """Returns the source with one function modified and one added."""
    first_body = rb"^( *)(def [^\n]*:\n)(\1 +)(?=\S)"
    source = re.sub(first_body, rb"\1\2\3edited = 1\n\3", source, count=1, flags=re.M)
    return source + b"\n\ndef added():\n    return 1\n"


def codeflash(options):
    """Returns the interpreter of an environment with codeflash; `None` if it cannot be installed."""
    folder = options.work / "codeflash"
    python = folder / "bin" / "python"
    try:
        if not python.exists():
            run([sys.executable, "-m", "venv", str(folder)])
            run([str(python), "-m", "pip", "install", "--quiet", CODEFLASH])
    except subprocess.CalledProcessError:
        return None
    return python


def main():
    parser = argparse.ArgumentParser(prog="python bench/finder/speed.py", description=__doc__.partition("\n")[0])
    parser.add_argument("--histories", type=Path, help="where clones of projects lie, as OWNER/NAME")
    parser.add_argument("--work", type=Path, default=asking.ROOT / "target" / "finder-proof")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--record", action="store_true", help="into docs/evidence-finder.json, for docs/evidence.md")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    run(
        ["cargo", "build", "--quiet", "--release", "--package", "deadheat", "--example", "changed_functions"],
        cwd=asking.ROOT,
    )
    program = asking.ROOT / "target" / "release" / "examples" / "changed_functions"
    python = codeflash(options)
    runs = []
    for title, folder, refs in (
        ("pylint", pylint(options), REFS),
        (f"{FILES:,} files", many_files(options), ("HEAD^", "HEAD")),
    ):
        contenders = {
            "git diff -U0": lambda folder=folder, refs=refs: timed(["git", "-C", str(folder), "diff", "-U0", *refs]),
            "deadheat": lambda folder=folder, refs=refs: timed([str(program), str(folder), *refs]),
        }
        if python:

            def ask(folder=folder, refs=refs):
                _, _, output = timed([str(python), "-c", ASK_CODEFLASH, str(folder), *refs])
                seconds, memory, count = output.split()
                return float(seconds), int(memory), count

            contenders["codeflash"] = ask
        measured = {name: [] for name in contenders}
        for _ in range(options.rounds):
            for name, measure in contenders.items():
                measured[name].append(measure())
        head = run(["git", "-C", str(folder), "rev-parse", "--short", refs[1]], capture_output=True, text=True).stdout
        found = json.loads(measured["deadheat"][0][2])
        functions = sum(found["functions"].values())
        print(f"{title}, {refs[0]} to {head.strip()}: {found['files']:,} Python files, {functions:,} functions changed")
        if python:
            print(f"  {int(measured['codeflash'][0][2]):,} of codeflash, which looks for those at top level of head")
        times = {name: statistics.median(row[0] for row in rows) for name, rows in measured.items()}
        programs = {}
        for name, rows in measured.items():
            memory = max(row[1] for row in rows) / (1024 if sys.platform == "linux" else 1 << 20)
            ratio = times[name] / times["git diff -U0"]
            programs[name] = {"seconds": times[name], "ratio": ratio, "mib": memory}
            print(f"  {name:<14}{times[name]:>8.3f} s {ratio:>7.2f} x {memory:>7.0f} MiB", flush=True)
        runs.append({"title": f"{title}, {refs[0]} to {head.strip()}", "files": found["files"], "programs": programs})
    if options.record:
        version = CODEFLASH.partition("==")[2]
        recording.record("speed", {"rounds": options.rounds, "codeflash": version, "runs": runs})


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"`{' '.join(map(str, error.cmd))}` failed")
