"""Records what real commits do to benchmarks that run nothing of them: `python bench/lab/commits.py BANK`.

The projects are those of `bench/public_projects.py`. Of each, the newest commits up to the one that it names are
compared with their parents by `deadheat compare --all`, as long as they change code and, as `--dry-run` says, leave
some benchmarks alone. Only those benchmarks are recorded: any change of theirs is layout, machine, or state that the
timed part finds. It ends when there are enough comparisons of enough projects. `--clones` keeps clones and
environments for the next time. Existing records stay.
"""

import argparse
import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
import bank  # noqa: E402
from neutral import rows_of  # noqa: E402
from public_projects import PROJECTS  # noqa: E402

import projects  # noqa: E402

ENOUGH_ROWS = 300
ENOUGH_PROJECTS = 8
COMMITS = 3
# The number of newest commits that are tried at most.
MOST_TRIED = 12
FEWEST_LEFT_ALONE = 3
# Seconds of measuring.
BUDGET = 90


def runs(folder):
    """Returns the recorded runs that have rows."""
    return [run for run in bank.read(os.path.join(folder, "commits")) if run["rows"]]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bank")
    parser.add_argument("--clones", default=os.path.join(os.path.dirname(os.path.dirname(HERE)), "target", "projects"))
    parser.add_argument("--sources", help="a folder with clones that are there already, NAME each")
    parser.add_argument("--only", help="the name of one project")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    folder = os.path.join(arguments.bank, "commits")
    os.makedirs(folder, exist_ok=True)
    for project, about in PROJECTS.items():
        if enough(arguments.bank):
            break
        if arguments.only in (None, project.partition("/")[2]):
            clone, python = projects.set_up(project, about, os.path.abspath(arguments.clones), arguments.sources)
            record_project(folder, project, about, clone, python, 1 if arguments.quick else COMMITS)


def enough(folder):
    """Whether there are enough comparisons; their number decides, whatever their verdicts."""
    recorded = runs(folder)
    rows = sum(len(run["rows"]) for run in recorded)
    return rows >= ENOUGH_ROWS and len({run["project"] for run in recorded}) >= ENOUGH_PROJECTS


def record_project(folder, project, about, clone, python, wanted):
    found = 0
    for head in commits_of_code(clone, about["commits"].split("..")[1])[:MOST_TRIED]:
        file = os.path.join(folder, f"{project.replace('/', '.')}.{head[:10]}.json")
        if not os.path.exists(file):
            record(file, project, about, clone, python, head)
        with open(file) as text:
            found += bool(json.load(text)["rows"])
        if found == wanted:
            break


def commits_of_code(clone, last):
    """Returns the commits that change Python files other than tests and benchmarks, the newest first."""
    log = ["git", "log", "--first-parent", "--no-merges", "--format=%H", last, "--", "*.py", ":!*test*", ":!*bench*"]
    ran = subprocess.run([*log, ":!docs", ":!setup.py"], cwd=clone, stdout=subprocess.PIPE, text=True, check=True)
    return ran.stdout.split()


def record(file, project, about, clone, python, head):
    command = projects.command_of({**about, "budget": BUDGET}, f"{head}^", head, python)
    started = time.monotonic()

    def ran(*arguments):
        """Returns the report; None if a commit does not run in this environment."""
        variables = {**os.environ, **about.get("environment", {})}
        asked = [*command, *arguments, "--json", "--samples", "--quiet"]
        started_in = os.path.join(clone, about.get("folder", ""))
        done = subprocess.run(asked, cwd=started_in, env=variables, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(done.stderr.strip().splitlines()[-1:], file=sys.stderr)
            return None
        return json.loads(done.stdout)

    rows, plan = {}, ran("--dry-run")
    # Running the whole suite takes minutes, so it has to be worth it.
    if plan and left_alone(plan) >= FEWEST_LEFT_ALONE:
        report = ran("--all")
        rows = {name: row for name, row in rows_of(report).items() if row["is_control"]} if report else {}
    seconds = time.monotonic() - started
    about = {
        "project": project,
        "head": head,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "seconds": seconds,
        "rows": rows,
    }
    bank.write(file, about)
    verdicts = [row["verdict"] for row in rows.values()]
    counts = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in dict.fromkeys(verdicts))
    print(f"{project} {head[:10]}: {counts or 'no benchmark was left alone'}; {seconds:.0f} s", flush=True)


def left_alone(plan):
    """Returns the number of benchmarks that run nothing that changed."""
    return sum(row["reason"] == "not_reached" for row in plan["missing"])


if __name__ == "__main__":
    main()
