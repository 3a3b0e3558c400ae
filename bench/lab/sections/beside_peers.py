"""Other tools on the same commits and statements."""

import statistics

import project
from sections.counting import is_false, table

ESTIMATES = {
    "deadheat": ["estimate"],
    "codeflash": ["min", "median", "mean"],
    "pytest-benchmark": ["min", "median", "mean"],
}
NAMES = {"codeflash": "codeflash compare 0.20.6", "pytest-benchmark": "pytest-benchmark 5.3.1 `--benchmark-compare`"}


def shares_of_codeflash(live, tool):
    """Returns a tool's time by codeflash's, for each round."""
    return [found["clear"][tool]["seconds"] / found["clear"]["codeflash"]["seconds"] for found in live]


def wall_table(live):
    rows = []
    for tool in ESTIMATES:
        taken = [found["clear"][tool]["seconds"] for found in live]
        shares = shares_of_codeflash(live, tool)
        each = ", ".join(f"{seconds:.1f}" for seconds in taken)
        rows.append(
            [NAMES.get(tool, tool), f"{statistics.median(taken):.1f} s", each, f"{statistics.median(shares):.2f}"]
        )
    return table(["tool", "start to table (median)", "each run", "of codeflash's time, same run (median)"], rows)


def live_table(live):
    rows = []
    for tool, kinds in ESTIMATES.items():
        taken = statistics.median(found["known"][tool]["seconds"] for found in live)
        for kind in kinds:
            same, planted = [], []
            for found in live:
                for name, row in found["known"][tool]["rows"].items():
                    error = row["ratios"][kind] / project.planted(name) - 1
                    (same if project.planted(name) == 1 else planted).append((error, row, project.planted(name)))
            far = sum(abs(error) > 0.02 for error, _, _ in same)
            wrong = sum((row["ratios"][kind] > 1) != (truth > 1) for _, row, truth in planted)
            words = f"{far} of {len(same)}"
            if tool == "deadheat":
                false = sum(is_false(row) for _, row, _ in same)
                words += f" ({false} called a change)"
            rows.append(
                [
                    NAMES.get(tool, tool),
                    kind,
                    f"{taken:.0f} s",
                    words,
                    f"{100 * max(abs(error) for error, _, _ in same):.1f} %",
                    f"{wrong} of {len(planted)}",
                    f"{100 * statistics.median(abs(error) for error, _, _ in planted):.1f} %",
                    f"{100 * max(abs(error) for error, _, _ in planted):.1f} %",
                ]
            )
    headings = [
        "tool",
        "by",
        "time (median)",
        "same code: off by more than 2 %",
        "worst error, same code",
        "planted 3 to 10 %: wrong sign",
        "median error",
        "worst error",
    ]
    return table(headings, rows)


def live_section(live):
    if not live:
        return ""
    return f"""
## Beside the peers

{len(live)} rounds; in each, the tools compare the same two commits one after another on the same machine, each in an
environment of its own, with what PyPI has. Two projects:

Four small benchmarks with clear effects (2 to 230 times), all at their defaults:

{wall_table(live)}

Eight benchmarks, four of the same code on both sides and four with a planted change (+3, -5, +10 and -3 %).
pytest-benchmark gets as much time as deadheat took (`--benchmark-max-time`), base first and then head; codeflash has
no such option. Neither of them gives a verdict, so their ratios are held against the truth:

{live_table(live)}
"""


def short_rows(short):
    """Returns for each pair the rounds' median ratios by tool, and how often micro's interval covers timeit's ratio."""
    rows = []
    for found in zip(*short, strict=True):
        ratios = {tool: [one[f"{tool}_ns"][1] / one[f"{tool}_ns"][0] for one in found] for tool in ("timeit", "pyperf")}
        rows.append(
            {
                "pair": found[0]["pair"],
                "ns": [statistics.median(one["timeit_ns"][side] for one in found) for side in (0, 1)],
                "micro": statistics.median(one["micro"][1] for one in found),
                **{tool: statistics.median(each) for tool, each in ratios.items()},
                "covered": sum(
                    one["micro"][0] <= ratio <= one["micro"][2]
                    for one, ratio in zip(found, ratios["timeit"], strict=True)
                ),
            }
        )
    return rows


def statements_section(short):
    if not short:
        return ""
    rows = [
        [
            f"`{row['pair'][0]}` and `{row['pair'][1]}`",
            f"{row['ns'][0]:.1f} and {row['ns'][1]:.1f} ns",
            f"{row['timeit']:.3f}",
            f"{row['pyperf']:.3f}",
            f"{row['micro']:.3f}",
            f"{row['covered']} of {len(short)}",
        ]
        for row in short_rows(short)
    ]
    headings = [
        "statements",
        "by timeit",
        "ratio by timeit",
        "by pyperf",
        "by `deadheat micro`",
        "its interval has timeit's",
    ]
    return f"""
## Statements of some ten nanoseconds

{len(short)} rounds, medians. In each, timeit (the least of 15 repeats, both statements in turn), pyperf and `deadheat
micro` time the same pairs one after another. What timeit and pyperf find for `pass` is subtracted from their times, as
deadheat subtracts its own empty loop.

{table(headings, rows)}
"""
