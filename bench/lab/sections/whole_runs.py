"""Whole runs of deadheat on code that did not change, in neutral edits and in public projects' commits."""

import collections
import statistics

import neutral
from sections.counting import (
    NEUTRAL,
    bound_of,
    covers_one,
    farthest,
    is_false,
    is_moved,
    lower_bound,
    percent,
    table,
)


def neutral_section(edited):
    return f"""
## Code that did not change in a program that did

{len(edited)} whole runs of `deadheat compare --all` at its defaults, verdicts included. In each, head is the base with
edits of its own that change no benchmark's behaviour: comments, docstrings, unused functions, constants, imports,
renamed local variables, definitions in another order, other functions changed. A run has one to three of them, all
runs together {sum(len(run["kinds"]) for run in edited)}, and compares {len(neutral.WORKLOADS)} workloads.
Any "improved", "regressed" or "unexplained" is wrong here; the second count leaves out what deadheat itself reports as
a control. The comparisons of a run share their processes and their edits: the runs with any of them wrong are counted,
too.

{neutral_table(edited)}

The loops of {len(neutral.PLANTABLE)} workloads longer or shorter by a planted amount, beside such an edit:

{planted_neutral_table(edited)}
"""


def neutral_rows(edited, condition):
    """Returns the runs and comparisons of one condition, and the number of runs with a false one."""
    own = [run for run in edited if run["condition"] == condition]
    rows = [row for run in own for row in run["rows"].values()]
    false_runs = sum(any(map(is_moved, run["rows"].values())) for run in own)
    return own, rows, false_runs


def neutral_table(edited):
    rows = []
    for condition, words in NEUTRAL.items():
        own, all_rows, false_runs = neutral_rows(edited, condition)
        if not own:
            continue
        false = sum(map(is_moved, all_rows))
        counted = sum(map(is_false, all_rows))
        rows.append(
            [
                words,
                f"{len(own)} runs, {len(all_rows)}",
                false,
                counted,
                percent(false, len(all_rows)),
                bound_of(false, len(all_rows)),
                f"{false_runs} of {len(own)}, {bound_of(false_runs, len(own))}",
                percent(sum(row["verdict"] == "unchanged" for row in all_rows), len(all_rows)),
                percent(sum(map(covers_one, all_rows)), len(all_rows)),
                farthest(all_rows),
                f"{statistics.median(row['replicates'] for row in all_rows):.0f}",
                f"{statistics.median(run['seconds'] for run in own):.0f} s",
            ]
        )
    headings = [
        "beside it",
        "comparisons",
        "called a change",
        "of them not a control",
        "rate",
        "upper 95 % bound",
        "runs with one, bound",
        "`unchanged`",
        "interval covers 1",
        "worst estimate",
        "replicates (median)",
        "a run takes",
    ]
    return table(headings, rows)


def planted_neutral(edited):
    """Returns by size: found, all, wrong sign, covered."""
    found = collections.defaultdict(lambda: [0, 0, 0, 0])
    for run in edited:
        if run["condition"] != "planted":
            continue
        for name, row in run["rows"].items():
            truth = run["truth"][name]
            counts = found[round(abs(truth - 1) * 100)]
            right = "regressed" if truth > 1 else "improved"
            counts[0] += row["verdict"] == right
            counts[1] += 1
            counts[2] += row["verdict"] in ("improved", "regressed") and row["verdict"] != right
            counts[3] += row["bounds"][0] <= truth <= row["bounds"][1]
    return dict(sorted(found.items()))


def planted_neutral_table(edited):
    rows = [
        [f"±{size} %", of, percent(right, of), f"{100 * lower_bound(right, of):.1f} %", wrong, percent(covered, of)]
        for size, (right, of, wrong, covered) in planted_neutral(edited).items()
    ]
    headings = [
        "planted",
        "comparisons",
        "found, right sign",
        "lower 95 % bound",
        "wrong sign",
        "interval covers the truth",
    ]
    return table(headings, rows)


def commits_section(real):
    """Returns the section on benchmarks of public projects that their commits leave alone."""
    if not real:
        return ""
    by_project = collections.defaultdict(list)
    for run in real:
        by_project[run["project"]].append(run)
    rows = [commits_row(f"[{project}](https://github.com/{project})", runs) for project, runs in by_project.items()]
    headings = [
        "project",
        "commits",
        "comparisons",
        "called a change",
        "upper 95 % bound",
        "commits with one",
        "`unchanged`",
        "interval covers 1",
        "worst estimate",
    ]
    return f"""
## Real commits

Commits of {len(by_project)} public projects against their parents, by whole runs of `deadheat compare --all`. Only the
benchmarks that run nothing of a commit while they are timed are counted, deadheat's controls: any "improved",
"regressed" or "unexplained" is wrong here, or the state that the untimed part of a benchmark finds.

{table(headings, [*rows, commits_row("all", real)])}
"""


def commits_row(name, runs):
    rows = [row for run in runs for row in run["rows"].values()]
    moved = [run for run in runs if any(map(is_moved, run["rows"].values()))]
    false = sum(map(is_moved, rows))
    return [
        name,
        len(runs),
        len(rows),
        false,
        bound_of(false, len(rows)),
        len(moved),
        percent(sum(row["verdict"] == "unchanged" for row in rows), len(rows)),
        percent(sum(map(covers_one, rows)), len(rows)),
        farthest(rows),
    ]
