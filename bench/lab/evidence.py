"""Makes `docs/evidence.md` from the bank: `python bench/lab/evidence.py BANK [--out FOLDER]`.

The comparisons are made by deadheat's own statistics (`crates/deadheat-core/examples/replay.rs`) and counted here.
"""

import argparse
import collections
import gzip
import itertools
import json
import math
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
import bank as banks  # noqa: E402
import commits  # noqa: E402
import layout  # noqa: E402
import neutral  # noqa: E402
import peers  # noqa: E402
import project  # noqa: E402
import statements  # noqa: E402

# Seconds of rounds that a comparison may take, and the threshold in percent.
USUAL = (3.0, 2.0)
USUAL_OF_LONG = (30.0, 2.0)
FINE = (15.0, 0.25)
NEUTRAL = {
    "idle": "nothing else",
    "neighbour": "a busy neighbour on the other core",
    "fitful": "one that comes and goes on the same core",
}
CONDITIONS = {
    "same": "nothing else",
    "same-neighbour": "a busy neighbour on the other core",
    "same-fitful": "one that comes and goes on the same core",
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bank", help="a folder of parts, or the bank that an earlier page was made of")
    parser.add_argument("--out", default=os.path.join(TOP, "docs"))
    parser.add_argument("--profile", default="release", help="how cargo builds the statistics; the page is the same")
    arguments = parser.parse_args()
    recorded = dict.fromkeys(("parts", "live", "neutral", "commits", "statements", "layout"), ())
    if arguments.bank.endswith(".gz"):
        with gzip.open(arguments.bank) as file:
            recorded |= json.load(file)
    else:
        recorded["parts"] = banks.read(arguments.bank)
        recorded["live"] = peers.rounds(arguments.bank)
        for program in (neutral, commits, statements, layout):
            recorded[program.__name__] = program.runs(arguments.bank)
    if not recorded["parts"]:
        sys.exit(f"no parts in {arguments.bank}: record first")
    outcomes = replay(sequences(recorded["parts"]), arguments.profile)
    text = page(recorded, outcomes)
    with open(os.path.join(arguments.out, "evidence.md"), "w") as file:
        file.write(text)
    with open(os.path.join(arguments.out, "evidence.svg"), "w") as file:
        file.write(plot(outcomes))
    # Without a date in the header, the same bank gives the same file.
    packed = gzip.compress(json.dumps(recorded, separators=(",", ":")).encode(), mtime=0)
    with open(os.path.join(arguments.out, "evidence-bank.json.gz"), "wb") as file:
        file.write(packed)
    print(text)


def read(file):
    with open(file) as text:
        return json.load(text)


def sequences(parts):
    """Returns a sequence for each benchmark, condition and setting; parts of the same benchmark are joined."""
    ratios, seconds = collections.defaultdict(list), collections.defaultdict(list)
    for part in parts:
        for name, row in part["benchmarks"].items():
            # Recorded together with planted changes, without load.
            condition = "same" if project.planted(name) == 1 and part["condition"] == "planted" else part["condition"]
            ratios[condition, name] += row["log_ratios"]
            seconds[condition, name].append(row["rounds_seconds"])
    found = []
    for (condition, name), log_ratios in ratios.items():
        workload = name.partition(":")[0]
        settings = [USUAL_OF_LONG if workload == "long" else USUAL]
        if name.endswith((":+1", ":-1")):
            settings.append(FINE)
        for budget, threshold in settings:
            found.append(
                {
                    "condition": condition,
                    "workload": workload,
                    "truth": project.planted(name),
                    "log_ratios": log_ratios,
                    "rounds_seconds": statistics.median(seconds[condition, name]),
                    "budget_seconds": budget,
                    "threshold_percent": threshold,
                }
            )
    return found


def replay(found, profile):
    command = ["cargo", "run", "--profile", profile, "--quiet", "--package", "deadheat-core", "--example", "replay"]
    ran = subprocess.run(command, cwd=TOP, input=json.dumps(found), stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(ran.stdout)


def upper_bound(count, of):
    """Returns the one-sided upper 95 % bound of a rate (Clopper and Pearson 1934)."""
    if count == of:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        at_most = sum(math.comb(of, k) * middle**k * (1 - middle) ** (of - k) for k in range(count + 1))
        low, high = (middle, high) if at_most > 0.05 else (low, middle)
    return high


def lower_bound(count, of):
    return 1 - upper_bound(of - count, of)


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


def is_false(outcome):
    return outcome["verdict"] in ("improved", "regressed")


def is_right(outcome):
    return outcome["verdict"] == ("regressed" if outcome["truth"] > 1 else "improved")


def is_wrong_sign(outcome):
    return outcome["verdict"] == ("improved" if outcome["truth"] > 1 else "regressed")


def percent(part, of):
    return f"{100 * part / of:.1f} %" if of else "-"


def table(headings, rows):
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def median_of(rows, key):
    return statistics.median(row[key] for row in rows) if rows else math.nan


# The headings of `cost_of`.
COST = ["replicates (median)", "rounds (median)"]


def cost_of(rows):
    return [f"{median_of(rows, 'replicates'):.0f}", f"{median_of(rows, 'seconds'):.2f} s"]


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
                false, unchanged = sum(map(is_false, group)), sum(row["verdict"] == "unchanged" for row in group)
                rows.append(
                    [
                        name,
                        len(group),
                        false,
                        percent(false, len(group)),
                        f"{100 * upper_bound(false, len(group)):.1f} %",
                        f"{100 * upper_bound(false, max(int(len(group) / effect), false)):.1f} %",
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


ESTIMATES = {"deadheat": ["estimate"], "codeflash": ["min", "median", "mean"]}
ESTIMATES["pytest-benchmark"] = ESTIMATES["codeflash"]
NAMES = {"codeflash": "codeflash compare 0.20.6", "pytest-benchmark": "pytest-benchmark 5.3.1 `--benchmark-compare`"}


def wall_table(live):
    rows = []
    for tool in ESTIMATES:
        taken = [found["clear"][tool]["seconds"] for found in live]
        shares = [found["clear"][tool]["seconds"] / found["clear"]["codeflash"]["seconds"] for found in live]
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
                false = sum(row["verdict"] in ("improved", "regressed") for _, row, _ in same)
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


MOVED = ("improved", "regressed", "unexplained")


def neutral_rows(edited, condition):
    """Returns the runs and comparisons of one condition, and the number of runs with a false one."""
    own = [run for run in edited if run["condition"] == condition]
    rows = [row for run in own for row in run["rows"].values()]
    false_runs = sum(any(row["verdict"] in MOVED for row in run["rows"].values()) for run in own)
    return own, rows, false_runs


def neutral_table(edited):
    rows = []
    for condition, words in NEUTRAL.items():
        own, all_rows, false_runs = neutral_rows(edited, condition)
        if not own:
            continue
        false = sum(row["verdict"] in MOVED for row in all_rows)
        counted = sum(row["verdict"] in ("improved", "regressed") for row in all_rows)
        rows.append(
            [
                words,
                f"{len(own)} runs, {len(all_rows)}",
                false,
                counted,
                percent(false, len(all_rows)),
                f"{100 * upper_bound(false, len(all_rows)):.1f} %",
                f"{false_runs} of {len(own)}, {100 * upper_bound(false_runs, len(own)):.1f} %",
                percent(sum(row["verdict"] == "unchanged" for row in all_rows), len(all_rows)),
                percent(sum(row["bounds"][0] <= 1 <= row["bounds"][1] for row in all_rows), len(all_rows)),
                f"{100 * max(abs(row['ratio'] - 1) for row in all_rows):.1f} %",
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
    moved = [run for run in runs if any(row["verdict"] in MOVED for row in run["rows"].values())]
    false = sum(row["verdict"] in MOVED for row in rows)
    return [
        name,
        len(runs),
        len(rows),
        false,
        f"{100 * upper_bound(false, len(rows)):.1f} %",
        len(moved),
        percent(sum(row["verdict"] == "unchanged" for row in rows), len(rows)),
        percent(sum(row["bounds"][0] <= 1 <= row["bounds"][1] for row in rows), len(rows)),
        f"{100 * max(abs(row['ratio'] - 1) for row in rows):.1f} %",
    ]


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


def aims_table(outcomes, live, edited, real, short):
    """Returns the aims and the results, missed aims included."""
    same = [row for row in outcomes if row["condition"] in CONDITIONS]
    rows = []

    def aim(what, to_reach, reached, is_met):
        rows.append([what, to_reach, reached, "yes" if is_met else "**no**"])

    def aim_found(sizes, threshold, is_long, least):
        group = [
            row
            for row in outcomes
            if row["condition"] == "planted"
            and round(abs(row["truth"] - 1) * 100) in sizes
            and row["threshold_percent"] == threshold
            and (row["workload"] == "long") == is_long
        ]
        right, wrong = sum(map(is_right, group)), sum(map(is_wrong_sign, group))
        budget = max((row["seconds"] for row in group), default=math.nan)
        words = f"±{min(sizes)} % found" + (" of 200 ms an iteration" if is_long else "")
        words += f", threshold {threshold:g} %" if threshold != USUAL[1] else ""
        reached = f"{right} of {len(group)}, {wrong} with the wrong sign, at most {budget:.1f} s of rounds"
        aim(words, f"{100 * least:.0f} %, no wrong sign", reached, group and right >= least * len(group) and not wrong)

    all_rows = [row for condition in NEUTRAL for row in neutral_rows(edited, condition)[1]]
    aim("comparisons of unchanged code in a changed program", "1,000", f"{len(all_rows):,}", len(all_rows) >= 1000)
    for condition, words in NEUTRAL.items():
        _, own, _ = neutral_rows(edited, condition)
        false = sum(row["verdict"] in MOVED for row in own)
        bound = upper_bound(false, len(own)) if own else 1.0
        reached = f"{percent(false, len(own))}, bound {100 * bound:.1f} %"
        is_met = own and bound <= 0.02 and false <= 0.01 * len(own)
        aim(
            f"called a change, unchanged code in a changed program, {words}",
            "1 %, upper 95 % bound 2 %",
            reached,
            is_met,
        )
    if all_rows:
        covered = sum(row["bounds"][0] <= 1 <= row["bounds"][1] for row in all_rows)
        reached = percent(covered, len(all_rows))
        aim("there, the interval covers 1", "98 %", reached, covered >= 0.98 * len(all_rows))
    for size, least in ((3, 0.95), (5, 0.99)):
        if size in planted_neutral(edited):
            right, of, wrong, _ = planted_neutral(edited)[size]
            reached = f"{right} of {of}, {wrong} with the wrong sign"
            aim(
                f"±{size} % found, each under another layout",
                f"{100 * least:.0f} %",
                reached,
                right >= least * of and not wrong,
            )
    own = [row for run in real for row in run["rows"].values()]
    if own:
        false = sum(row["verdict"] in MOVED for row in own)
        bound = upper_bound(false, len(own))
        projects = len({run["project"] for run in real})
        aim(
            f"called a change, benchmarks that real commits leave alone: {len(own)} of {projects} projects",
            "300 of eight; 1 %, upper 95 % bound 2 %",
            f"{percent(false, len(own))}, bound {100 * bound:.1f} %",
            len(own) >= 300 and projects >= 8 and bound <= 0.02 and false <= 0.01 * len(own),
        )
    aim("comparisons of the same code", "300", f"{len(same):,}", len(same) >= 300)
    for condition, words in CONDITIONS.items():
        own = [row for row in same if row["condition"] == condition]
        false, bound = sum(map(is_false, own)), upper_bound(sum(map(is_false, own)), len(own)) if own else 1.0
        is_met = own and bound <= 0.02 and false <= 0.01 * len(own)
        reached = f"{percent(false, len(own))}, bound {100 * bound:.1f} %"
        aim(f"false verdicts, same code, {words}", "1 %, upper 95 % bound 2 %", reached, is_met)
    covered = sum(row["covers"] for row in outcomes)
    aim("the interval covers the truth", "98 %", percent(covered, len(outcomes)), covered >= 0.98 * len(outcomes))
    aim_found({3}, USUAL[1], False, 0.95)
    aim_found({3}, USUAL[1], True, 0.95)
    aim_found({5}, USUAL[1], False, 0.99)
    aim_found({1}, FINE[1], False, 0.5)
    quiet = [row for row in same if row["condition"] == "same"]
    unchanged = sum(row["verdict"] == "unchanged" for row in quiet)
    reached = percent(unchanged, len(quiet))
    aim("`unchanged`, same code, nothing beside it", "90 %", reached, unchanged >= 0.9 * len(quiet))
    if live:
        shares = [found["clear"]["deadheat"]["seconds"] / found["clear"]["codeflash"]["seconds"] for found in live]
        share = statistics.median(shares)
        aim("start to table, four clear benchmarks", "a tenth of codeflash compare's", f"{share:.2f}", share <= 0.1)
    if short:
        off = [abs(row["micro"] / row[tool] - 1) for row in short_rows(short) for tool in ("timeit", "pyperf")]
        near = sum(share <= 0.05 for share in off)
        aim(
            "statements of some ten nanoseconds, ratios within 5 % of timeit's and pyperf's",
            "all",
            f"{near} of {len(off)}; the farthest {100 * max(off):.1f} %",
            near == len(off),
        )
    return table(["what", "to reach", "reached", "met"], rows)


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


def finder_section():
    """Returns the section on what `make finder-proof` and `make bench` recorded last."""
    try:
        recorded = read(os.path.join(TOP, "docs", "evidence-finder.json"))
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
    table = "\n".join(
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
{table}
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


def page(recorded, outcomes):
    parts, live, edited, real = (recorded[name] for name in ("parts", "live", "neutral", "commits"))
    short = recorded["statements"]
    sequential = [row for row in outcomes if row["method"] == "until settled"]
    machine, replicates = (
        parts[0]["machine"],
        sum(len(row["log_ratios"]) for part in parts for row in part["benchmarks"].values()),
    )
    seconds = sum(one["seconds"] for one in [*parts, *edited, *real, *recorded["layout"]])
    seconds += sum(tool["seconds"] for one in live for which in ("clear", "known") for tool in one[which].values())
    version = parts[0]["deadheat"]
    dates = sorted({part["date"] for part in parts})
    same = [row for row in sequential if row["condition"] in CONDITIONS]
    correlation = shared_noise(parts)
    commits_used = sorted(
        {one.get("commit", "an earlier one") for one in [*parts, *live, *edited, *real, *recorded["layout"]]}
    )
    return f"""# Evidence

How often deadheat is wrong, measured. Made by `make evidence`; written by a program, not by hand.

Recorded {" to ".join(dict.fromkeys([dates[0], dates[-1]]))} in {seconds / 60:.0f} minutes with deadheat {version}
(commit {", ".join(commits_used)}) and CPython {parts[0]["python"]} on {machine["processor"]}, {machine["cores"]} cores
({machine["system"]}, {machine["architecture"]}; a shared virtual machine).
The bank holds {replicates} replicates, each of a fresh pair of processes:
[`evidence-bank.json.gz`](evidence-bank.json.gz). Below it is replayed through deadheat's own statistics: every
comparison takes its replicates one after another, stops by deadheat's rule, and shares no replicate with another
comparison. The copies of a workload run in the same processes, as the benchmarks of a suite do. Each comparison is
judged alone; in a suite the correction for many benchmarks makes false verdicts rarer still.

## What is aimed at

{aims_table(sequential, live, edited, real, short)}

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
{commits_section(real)}
## The same code on both sides

{len(same)} comparisons. A false verdict is any "improved" or "regressed". A comparison may take {USUAL[0]:g} s of
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
{layout_section(recorded["layout"])}{live_section(live)}{statements_section(short)}{finder_section()}"""


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


if __name__ == "__main__":
    main()
