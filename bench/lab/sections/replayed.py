"""Comparisons of the bank, replayed: the same code, planted changes, other methods, the noise."""

import collections
import itertools
import math
import statistics

import project
from sections.counting import (
    CONDITIONS,
    COST,
    USUAL,
    USUAL_OF_LONG,
    bound_of,
    cost_of,
    is_false,
    is_right,
    is_wrong_sign,
    lower_bound,
    median_of,
    percent,
    table,
)


def replayed_sections(outcomes, parts):
    sequential = [row for row in outcomes if row["method"] == "until settled"]
    count = sum(row["condition"] in CONDITIONS for row in sequential)
    correlation = shared_noise(parts)
    return f"""
## The same code on both sides

{count} comparisons. A false verdict is any "improved" or "regressed". A comparison may take {USUAL[0]:g} s of
rounds ({USUAL_OF_LONG[0]:g} s of the workload that takes 200 ms or more an iteration).

{same_code_table(sequential, correlation)}

The copies of a workload share their processes, and so a part of the noise: their rank correlation is
{correlation:.2f} on average. The second bound counts as many comparisons as that leaves.

## Planted changes

Head's loops run this much more or less often than base's.

{planted_table(sequential)}

![How many of the planted changes were found](evidence.svg)

## Other methods on the same replicates

The first is what deadheat does; the others take 14 replicates each and look once.

{method_table(outcomes)}

## The noise itself

The standard deviation of log(head/base) between replicates, from its quartiles: no method can do better than it allows.

{spread_table(parts)}
"""


def shared_noise(parts):
    """Returns the mean rank correlation between the copies of a workload, which are measured in the same processes."""
    values = collections.defaultdict(list)
    for part in parts:
        for name, row in part["benchmarks"].items():
            if part["condition"] in CONDITIONS:
                values[part["condition"], name] += row["log_ratios"]
    found = []
    for condition in CONDITIONS:
        for workload in project.LENGTHS:
            copies = [values[condition, f"{workload}:{copy}"] for copy in project.COPIES]
            for first, second in itertools.combinations([ranks(copy) for copy in copies if copy], 2):
                found.append(statistics.correlation(first, second))
    return statistics.mean(found) if found else 0.0


def ranks(values):
    places = sorted(range(len(values)), key=values.__getitem__)
    found = [0] * len(values)
    for rank, place in enumerate(places):
        found[place] = rank
    return found


def same_code_table(outcomes, correlation):
    rows = []
    # Comparisons of copies are not independent: this many of them count as one (Kish's design effect).
    effect = 1 + (len(project.COPIES) - 1) * correlation
    for condition, words in CONDITIONS.items():
        own = [row for row in outcomes if row["condition"] == condition]
        groups = [(words, own)] + [
            (f"- {workload}", [row for row in own if row["workload"] == workload]) for workload in project.LENGTHS
        ]
        for name, group in groups:
            if group:
                false, unchanged = (
                    sum(map(is_false, group)),
                    sum(row["verdict"] == "unchanged" for row in group),
                )
                rows.append(
                    [
                        name,
                        len(group),
                        false,
                        percent(false, len(group)),
                        bound_of(false, len(group)),
                        bound_of(false, max(int(len(group) / effect), false)),
                        percent(unchanged, len(group)),
                        percent(sum(row["covers"] for row in group), len(group)),
                        *cost_of(group),
                    ]
                )
    headings = [
        "beside it",
        "comparisons",
        "false verdicts",
        "rate",
        "upper 95 % bound",
        "if copies are correlated",
        "`unchanged`",
        "interval covers 1",
        *COST,
    ]
    return table(headings, rows)


def planted_table(outcomes):
    rows = []
    groups = collections.defaultdict(list)
    for row in outcomes:
        if row["condition"] == "planted":
            is_long = row["workload"] == "long"
            size = round(abs(row["truth"] - 1) * 100)
            groups[is_long, row["threshold_percent"], size].append(row)
    for (is_long, threshold, size), group in sorted(groups.items()):
        right, covers = sum(map(is_right, group)), sum(row["covers"] for row in group)
        rows.append(
            [
                f"±{size} %" + (", 200 ms an iteration" if is_long else ""),
                f"{threshold:g} %",
                len(group),
                percent(right, len(group)),
                f"{100 * lower_bound(right, len(group)):.1f} %",
                sum(map(is_wrong_sign, group)),
                percent(covers, len(group)),
                *cost_of(group),
            ]
        )
    headings = [
        "planted",
        "threshold",
        "comparisons",
        "found, right sign",
        "lower 95 % bound",
        "wrong sign",
        "interval covers the truth",
        *COST,
    ]
    return table(headings, rows)


def method_table(outcomes):
    rows = []
    names = list(dict.fromkeys(row["method"] for row in outcomes))
    for name in names:
        own = [row for row in outcomes if row["method"] == name and row["workload"] != "long"]
        same = [row for row in own if row["condition"] in CONDITIONS]
        three = [row for row in own if round(abs(row["truth"] - 1) * 100) == 3 and row["threshold_percent"] == 2]
        rows.append(
            [
                name,
                len(own),
                percent(sum(row["covers"] for row in own), len(own)),
                f"{median_of(same, 'half_width'):.2f} %",
                percent(sum(map(is_false, same)), len(same)),
                percent(sum(map(is_right, three)), len(three)),
                f"{statistics.mean(row['replicates'] for row in own):.1f}" if own else "-",
            ]
        )
    headings = [
        "method",
        "comparisons",
        "interval covers the truth",
        "half width, same code (median)",
        "false verdicts, same code",
        "±3 % found",
        "replicates (mean)",
    ]
    return table(headings, rows)


def spread_table(parts):
    """Returns the standard deviations between replicates, which limit every method."""
    rows = []
    values = collections.defaultdict(list)
    for part in parts:
        for name, row in part["benchmarks"].items():
            workload = name.partition(":")[0]
            truth = math.log(project.planted(name))
            values[part["condition"], workload] += [value - truth for value in row["log_ratios"]]
    for workload in project.LENGTHS:
        row = [workload]
        for condition in [*CONDITIONS, "planted"]:
            own = sorted(values.get((condition, workload), []))
            quarter = len(own) // 4
            # Computed from the quartiles, which a few odd process pairs do not move.
            row.append(f"{(own[-1 - quarter] - own[quarter]) / 1.349 * 100:.2f} %" if len(own) > 7 else "-")
        rows.append(row)
    return table(["workload", *CONDITIONS.values(), "planted, nothing else"], rows)


def plot(outcomes):
    """Draws the share of planted changes found, by their size."""
    width, height, left, bottom = 560, 300, 60, 40
    groups = collections.defaultdict(list)
    for row in outcomes:
        usual = row["method"] == "until settled" and row["threshold_percent"] == USUAL[1]
        if usual and row["condition"] == "planted" and row["workload"] != "long":
            groups[round((row["truth"] - 1) * 100)].append(is_right(row))
    same = [row for row in outcomes if row["method"] == "until settled" and row["condition"] == "same"]
    groups[0] = [is_false(row) for row in same if row["workload"] != "long"]

    def x(size):
        return left + (size + 11) / 22 * (width - left - 20)

    def y(share):
        return 20 + (1 - share) * (height - bottom - 20)

    marks = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        marks.append(f'<line x1="{left}" x2="{width - 20}" y1="{y(share):.1f}" y2="{y(share):.1f}" class="grid"/>')
        marks.append(f'<text x="{left - 8}" y="{y(share) + 4:.1f}" text-anchor="end">{share:.0%}</text>')
    points = [(size, sum(found) / len(found), len(found)) for size, found in sorted(groups.items()) if found]
    line = " ".join(f"{x(size):.1f},{y(share):.1f}" for size, share, _ in points)
    marks.append(f'<polyline points="{line}" class="line"/>')
    for size, share, count in points:
        title = f"{size:+d} %: {share:.1%} of {count} called a change"
        marks.append(f'<circle cx="{x(size):.1f}" cy="{y(share):.1f}" r="4"><title>{title}</title></circle>')
        marks.append(f'<text x="{x(size):.1f}" y="{height - bottom + 18}" text-anchor="middle">{size:+d}</text>')
    style = (
        "text{font:12px sans-serif;fill:#555}.grid{stroke:#8884}.line{fill:none;stroke:#2a6fb0;stroke-width:2}"
        "circle{fill:#2a6fb0}"
        "@media(prefers-color-scheme:dark){text{fill:#bbb}.line{stroke:#7ab8f5}circle{fill:#7ab8f5}}"
    )
    label = f'<text x="{(left + width) / 2:.0f}" y="{height - 4}" text-anchor="middle">true change in percent</text>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">'
        f"<title>Share of comparisons with the right sign by true change; at 0, called a change at all</title>"
        f"<style>{style}</style>{''.join(marks)}{label}</svg>\n"
    )
