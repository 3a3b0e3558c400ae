"""Replays commits of public projects: which benchmarks deadheat spares, and whether it may.

`python bench/finder/replay.py CLONES [--sources FOLDER]` asks `deadheat compare --dry-run` about the newest commits of
each project up to the one that `bench/public_projects.py` names, and follows every benchmark through both versions
(`followed.py`): one that does the same on both could be spared, one that does not must be measured.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "lab")]
import recording  # noqa: E402
from commits import commits_of_code  # noqa: E402
from own_code import Module, read  # noqa: E402
from public_projects import PROJECTS  # noqa: E402

import projects  # noqa: E402

REPLAYED = (
    "python-attrs/attrs",
    "aio-libs/yarl",
    "jab/bidict",
    "executablebooks/markdown-it-py",
    "konradhalas/dacite",
)
COMMITS = 12


def main():
    parser = argparse.ArgumentParser(prog="python bench/finder/replay.py", description=__doc__.partition("\n")[0])
    parser.add_argument("clones", help="where clones and environments are, or are made")
    parser.add_argument("--sources", help="a folder with clones that are there already, NAME each")
    parser.add_argument("--commits", type=int, default=COMMITS, help="of each project")
    parser.add_argument("--record", action="store_true", help="into docs/evidence-finder.json, for docs/evidence.md")
    options = parser.parse_args()
    found = {}
    for project in REPLAYED:
        about = PROJECTS[project]
        clone, python = projects.set_up(project, about, os.path.abspath(options.clones), options.sources)
        counts = found[project] = Counter()
        for commit in commits_of_code(clone, about["commits"].split("..")[1])[: options.commits]:
            replay(about, clone, python, commit, counts)
        print(project, dict(counts), flush=True)
    if options.record:
        recording.record("replay", found)


def replay(about, clone, python, commit, counts):
    command = projects.command_of(about, f"{commit}^", commit, python)
    variables = {**os.environ, **about.get("environment", {})}
    asked = subprocess.run(
        [*command, "--dry-run", "--json", "--quiet"],
        cwd=clone,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode != 0:
        counts["commits that do not run"] += 1
        return
    report = json.loads(asked.stdout)
    measured = set((report.get("plan") or {}).get("benchmarks", ()))
    spared = {row["benchmark"] for row in report["missing"] if row["reason"] == "not_reached"}
    counts["commits"] += 1
    counts["commits where everything is measured"] += report["selection"]["rule"] == "all"
    counts["commits that differ outside functions"] += differs_outside(clone, commit, report)
    counts["functions changed"] += sum(each["change"] != "affected" for each in report["target_functions"])
    counts["functions affected"] += sum(each["change"] == "affected" for each in report["target_functions"])
    counts["measured"] += len(measured)
    counts["spared"] += len(spared)
    base, head = (followed(about, clone, python, commit, side, report) for side in (f"{commit}^", commit))
    for benchmarks, title in ((measured, "measured, the same on both sides"), (spared, "spared, not the same")):
        both = [each for each in benchmarks if each in base and each in head]
        is_same = title.startswith("measured")
        counts[title] += sum((base[each] == head[each]) == is_same for each in both)


def differs_outside(clone, commit, report):
    """Whether any file of the code differs outside its functions; a plain rule would then measure everything."""
    roots = report["settings"]["module_roots"]
    listed = subprocess.run(
        ["git", "diff", "--name-only", "--no-renames", f"{commit}^", commit, "--", *roots],
        cwd=clone, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip

    def module(side, path):
        shown = subprocess.run(["git", "show", f"{side}:{path}"], cwd=clone, capture_output=True, check=False)
        return read(shown.stdout) if shown.returncode == 0 else Module()

    paths = [path for path in listed.stdout.splitlines() if path.endswith(".py")]
    return any(module(f"{commit}^", path).outside != module(commit, path).outside for path in paths)


def followed(about, clone, python, commit, side, report):
    """Returns {benchmark: digest} of one side, which runs head's benchmarks."""
    root = report["settings"]["benchmarks_root"]
    folders = [os.path.join("{}", folder) for folder in ("src", "lib", "python", ".")]
    with tempfile.TemporaryDirectory() as place:
        worktree, answer = os.path.join(place, "worktree"), os.path.join(place, "answer")
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", worktree, side], cwd=clone, check=True)
        try:
            subprocess.run(["git", "checkout", "--quiet", commit, "--", root], cwd=worktree, check=True)
            variables = {
                **os.environ,
                **about.get("environment", {}),
                "PYTHONPATH": os.pathsep.join([*(folder.format(worktree) for folder in folders), str(HERE)]),
                "PYTHONHASHSEED": "0",
                "FOLLOWED_FOLDER": worktree,
                "FOLLOWED_FILE": answer,
            }
            arguments = ["-p", "followed", "-q", "-o", "addopts=", "-p", "no:cacheprovider", root]
            options = ["--benchmark-disable"] if "pytest-benchmark" in about["needs"] else []
            subprocess.run(
                [python, "-m", "pytest", *arguments, *options],
                cwd=worktree, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
            )  # fmt: skip
            if not os.path.exists(answer):
                return {}
            with open(answer) as file:
                return json.load(file)
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", worktree], cwd=clone, check=True)


if __name__ == "__main__":
    main()
