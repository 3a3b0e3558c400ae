"""Parts of deadheat on their own: the finder of changed functions, the draw of memory layouts."""

import collections
import json
import math
import os
import statistics

import layout
import neutral
from sections.counting import (
    table,
)

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
RECORDED = os.path.join(TOP, "docs", "evidence-finder.json")


def finder_section():
    """Returns the section on the last records of `make finder-proof` and `make bench`."""
    try:
        with open(RECORDED) as text:
            recorded = json.load(text)
    except FileNotFoundError:
        return ""
    proof, speed = recorded["proof"], recorded["speed"]

    def count(name, title):
        return f"{proof[name]['counts'][title]:,}"

    def disagreements(name):
        return proof[name]["disagreements"]

    as_they_are = count("structure", "functions of files as they are")
    commits = count("history", "commits")
    in_other_writings = count("structure", "functions in other writings")
    lines = "\n".join(
        f"| {entry['title']} | {entry['files']:,} | {name} "
        f"| {row['seconds']:.2f} s | {row['ratio']:.1f} | {row['mib']:.0f} MiB |"
        for entry in speed["runs"]
        for name, row in entry["programs"].items()
    )
    return f"""
## The finder of changed functions

Held against CPython's own parser by `make finder-proof` on {proof["date"]} ({proof["python"]}, {proof["machine"]});
[finder.md](finder.md) says what is compared, by which rules, and what is not seen.

| proof | compared | disagreements |
| --- | --- | --- |
| structure | {as_they_are} functions, and {in_other_writings} in other writings | {disagreements("structure")} |
| change | {count("changes", "edits")} generated edits | {disagreements("changes")} |
| real history | {commits} commits of {len(proof["history"]["details"])} projects | {disagreements("history")} |

{replay_section(recorded.get("replay"))}
How long it takes, by `make bench` on {speed["date"]} ({speed["machine"]}): the median of {speed["rounds"]} rounds in
turn, times `git diff -U0`, and the peak memory. codeflash {speed["codeflash"]} looks for functions at the top level of
head alone, and is timed without its imports.

| diff | Python files | by | time | times git | memory |
| --- | --- | --- | --- | --- | --- |
{lines}
"""


def replay_section(replay):
    if replay is None:
        return ""
    titles = [
        "commits",
        "commits where everything is measured",
        "commits that differ outside functions",
        "functions changed",
        "functions affected",
        "measured",
        "measured, the same on both sides",
        "spared",
        "spared, not the same",
    ]
    projects = {name: counts for name, counts in replay.items() if isinstance(counts, dict)}
    every = {title: sum(counts.get(title, 0) for counts in projects.values()) for title in titles}
    rows = [[name, *(counts.get(title, 0) for title in titles)] for name, counts in [*projects.items(), ("all", every)]]
    headings = [
        "project",
        "commits",
        "all measured",
        "differ outside functions",
        "changed functions",
        "affected ones",
        "benchmarks measured",
        "of them the same",
        "spared",
        "of them not the same",
    ]
    return f"""
Commits of public projects, replayed on {replay["date"]} ({replay["machine"]}). Every benchmark was
followed through both versions, line by line: it is *the same* where the same functions with the same code were called
as often and ran as many lines. A rule that measures everything as soon as code outside functions differs would do so
for the commits of that column.

{table(headings, rows)}
"""


def layout_section(runs):
    if not runs:
        return ""
    found = collections.defaultdict(list)
    for run in runs:
        found[run["python"], run["variant"]].append(run)
    rows = []
    for (version, variant), of_it in found.items():
        each = [row for run in of_it for row in run["rows"].values()]
        count = of_it[0]["replicates"]
        bias = math.sqrt(statistics.mean(row["mean"] ** 2 for row in each))
        by_chance = math.sqrt(statistics.mean(row["deviation"] ** 2 / count for row in each))
        rows.append(
            [
                version,
                variant,
                f"{100 * bias:.2f} %",
                f"{100 * by_chance:.2f} %",
                f"{100 * max(abs(row['mean']) for row in each):.1f} %",
                f"{100 * statistics.median(row['deviation'] for row in each):.2f} %",
                f"{statistics.mean(run['seconds'] for run in of_it) / count:.2f} s",
            ]
        )
    rows.sort(key=lambda row: (int(row[0].partition(".")[2]), list(layout.VARIANTS).index(row[1])))
    count = len(runs) // len(found)
    edits = "a neutral edit" if count == 1 else f"{count} neutral edits"
    headings = ["CPython", "drawn", "off by", "by chance", "worst", "spread", "a replicate takes"]
    return f"""
## Parts of the memory layout

{len(neutral.WORKLOADS)} workloads with {edits} and {runs[0]["replicates"]} replicates, parts of the draw switched off.
"Off by" is the root mean square of the estimated changes, all of which are 0 in truth; "by chance" is what it would be
if replicates shared no layout. "Spread" is the median standard deviation between replicates.

{table(headings, rows)}
"""
