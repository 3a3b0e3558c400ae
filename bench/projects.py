"""Tries public projects' own suites: `python bench/projects.py FOLDER [--sources FOLDER] [--only NAME]`.

The projects are those of `public_projects.py`. Each one's suite is compared, as it is, at two commits of its history.
`FOLDER/NAME.json` is its report; existing reports are not made again. At the end the tables in `docs/compatibility.md`
are written from the existing reports. `--sources` names a folder with existing clones, `NAME` each; otherwise they come
from GitHub.
"""

import argparse
import collections
import json
import os
import re
import subprocess
import sys
import time

from public_projects import PREPARED, PROJECTS

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGE = os.path.join(TOP, "docs", "compatibility.md")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--sources")
    parser.add_argument("--only")
    arguments = parser.parse_args()
    os.makedirs(arguments.folder, exist_ok=True)
    for project, about in [*PROJECTS.items(), *PREPARED.items()]:
        report = report_of(arguments.folder, project, about)
        name = os.path.splitext(os.path.basename(report))[0]
        if arguments.only in (None, name) and not os.path.exists(report):
            try_out(project, about, os.path.abspath(arguments.folder), arguments.sources, report)
    write_table(arguments.folder, PROJECTS, "projects", ())
    write_table(arguments.folder, PREPARED, "prepared", ("prepared in, again in",))


def report_of(folder, project, about):
    return os.path.join(folder, f"{about.get('name', project.partition('/')[2])}.json")


def set_up(project, about, folder, sources):
    """Returns the project's clone and the Python of its environment; both are made once."""
    name = project.partition("/")[2]
    clone = os.path.join(folder, "clones", name)
    environment = os.path.join(folder, "environments", about.get("name", name))
    if not os.path.exists(clone):
        source = os.path.join(os.path.abspath(sources), name) if sources else f"https://github.com/{project}"
        subprocess.run(["git", "clone", "--quiet", source, clone], check=True)
    python = os.path.join(environment, "bin", "python")
    if not os.path.exists(python):
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "pytest", *about["needs"]], check=True)
        for part in about.get("is_built", ()):
            # Makes the files that the build writes; the measured code still comes from the commits.
            editable = os.path.join(clone, part)
            subprocess.run([python, "-m", "pip", "install", "--quiet", "--editable", editable], check=True)
    return clone, python


def command_of(about, base, head, python):
    command = [sys.executable, "-m", "deadheat", "compare", base, head, "--python", python]
    command += ["--benchmarks-root", about["root"]] if "root" in about else []
    command += ["-k", about["keyword"]] if "keyword" in about else []
    command += ["--budget", str(about["budget"])] if "budget" in about else []
    command += ["--build", about["build"]] if "build" in about else []
    command += ["--env", about["env"]] if "env" in about else []
    return command


def try_out(project, about, folder, sources, report):
    clone, python = set_up(project, about, folder, sources)
    started_in = os.path.join(clone, about.get("folder", ""))
    command = command_of(about, *about["commits"].split(".."), python)
    print(" ".join(command), flush=True)
    took, variables = [], {**os.environ, **about.get("environment", {})}
    if "name" in about:
        # Times the environments and builds alone, in a cache that is empty at first.
        variables["XDG_CACHE_HOME"] = os.path.join(folder, "caches", about["name"])
        for _ in range(2):
            started = time.monotonic()
            subprocess.run(
                [*command, "--dry-run"], cwd=started_in, env=variables, check=False, stdout=subprocess.DEVNULL
            )
            took.append(time.monotonic() - started)
    subprocess.run([*command, "-o", os.path.abspath(report)], cwd=started_in, env=variables, check=False)
    with open(f"{os.path.splitext(report)[0]}.seconds", "w") as file:
        json.dump(took, file)


def write_table(folder, projects, section, more):
    """Writes a table of the existing reports into a section of the page; `more` are headings for the times taken."""
    files = {project: report_of(folder, project, about) for project, about in projects.items()}
    found = {project: file for project, file in files.items() if os.path.exists(file)}
    if not found:
        return
    reports = {project: read(file) for project, file in found.items()}
    rows = []
    for project, report in reports.items():
        took = read(f"{os.path.splitext(found[project])[0]}.seconds") if more else ()
        times = [", ".join(f"{seconds:.0f} s" for seconds in took)] if more else []
        rows.append([*row_of(project, projects[project], report), *times])
    headings = [
        "project",
        "particular",
        "commits",
        "collected",
        "measured",
        "failed",
        "verdicts",
        "not measured because",
        *more,
    ]
    lines = [headings, ["---"] * len(headings), *rows]
    table = "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
    judged = sum(len(report["comparisons"]) for report in reports.values())
    open_ones = sum(report["summary"]["counts"]["inconclusive"] for report in reports.values())
    share = 100 * (judged - open_ones) / max(judged, 1)
    dates = sorted({time.strftime("%Y-%m-%d", time.gmtime(os.path.getmtime(file))) for file in found.values()})
    report = list(reports.values())[-1]
    machine, version = report["machine"], report["python"]["head"]["version"]
    about = f"deadheat {report['tool_version']}, CPython {version}, {machine['processor']}, {machine['cores']} cores"
    table = f"{' to '.join(dates)}, {about} ({machine['system']}, a shared virtual machine):\n\n{table}"
    table += f"\n\n{share:.0f} % of the {judged} measured rows have a verdict other than inconclusive."
    replace_section(section, table)
    print(table)


def read(file):
    with open(file) as text:
        return json.load(text)


def row_of(project, about, report):
    counts = report["summary"]["counts"]
    measured = len(report["comparisons"])
    base, head = (report["revisions"][side]["commit"][:9] for side in ("base", "head"))
    verdicts = [f"{counts[verdict]} {verdict}" for verdict in ("improved", "regressed", "unchanged", "inconclusive")]
    chosen = f"; `-k '{about['keyword']}'`" if "keyword" in about else ""
    chosen += f"; `--budget {about['budget']}`" if "budget" in about else ""
    chosen += f"; `--env {about['env']}`" if "env" in about else ""
    chosen += f"; `--build '{about['build']}'`" if "build" in about else ""
    return [
        f"[{project}](https://github.com/{project})",
        about["trait"] + chosen,
        f"`{base}..{head}`",
        measured + len(report["missing"]),
        measured,
        counts["failed"],
        ", ".join(verdict for verdict in verdicts if not verdict.startswith("0 ")) or "-",
        why_missing(report),
    ]


def replace_section(section, text):
    begin, end = f"<!-- {section}: begin -->", f"<!-- {section}: end -->"
    with open(PAGE) as page:
        before, _, rest = page.read().partition(begin)
    _, _, after = rest.partition(end)
    with open(PAGE, "w") as page:
        page.write(f"{before}{begin}\n{text}\n{end}{after}")


def why_missing(report):
    """Returns the reasons with their counts, each with the first row's words if these are pytest's."""
    found = collections.defaultdict(list)
    for row in report["missing"]:
        found[row["reason"]].append(row)
    words = []
    for reason, rows in found.items():
        text = f"{len(rows)} {reason.replace('_', ' ')}"
        if reason not in ("not_reached", "only_base", "only_head"):
            lines = rows[0]["message"].strip().splitlines() or [""]
            marked = [line[1:].strip() for line in lines if line.startswith("E ")]
            text += f" ({re.sub(r'[|`]', ' ', (marked or lines)[0])[:100]})"
        words.append(text)
    return "; ".join(words) or "-"


if __name__ == "__main__":
    main()
