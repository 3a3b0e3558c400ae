"""The aims, and whether they are met."""

import math
import statistics

from sections.beside_peers import shares_of_codeflash, short_rows
from sections.counting import (
    CONDITIONS,
    FINE,
    NEUTRAL,
    USUAL,
    bound_of,
    covers_one,
    is_false,
    is_moved,
    is_right,
    is_wrong_sign,
    percent,
    table,
    upper_bound,
)
from sections.whole_runs import neutral_rows, planted_neutral


def aims_table(outcomes, live, edited, real, short):
    """Returns the aims and the results, missed aims included."""
    every = [neutral_aims(edited), commits_aims(real), replayed_aims(outcomes), wall_aims(live), statement_aims(short)]
    rows = [
        [what, to_reach, reached, "yes" if is_met else "**no**"]
        for aims in every
        for what, to_reach, reached, is_met in aims
    ]
    return table(["what", "to reach", "reached", "met"], rows)


RARELY = "1 %, upper 95 % bound 2 %"


def rarely(false, of):
    """Returns the value that was reached for that aim, and whether the aim is met."""
    is_met = upper_bound(false, of) <= 0.02 and false <= 0.01 * of
    return f"{percent(false, of)}, bound {bound_of(false, of)}", is_met


def neutral_aims(edited):
    """Yields those of unchanged code in a changed program."""
    every = [row for condition in NEUTRAL for row in neutral_rows(edited, condition)[1]]
    yield "comparisons of unchanged code in a changed program", "1,000", f"{len(every):,}", len(every) >= 1000
    for condition, words in NEUTRAL.items():
        _, own, _ = neutral_rows(edited, condition)
        what = f"called a change, unchanged code in a changed program, {words}"
        yield what, RARELY, *rarely(sum(map(is_moved, own)), len(own))
    if every:
        covered = sum(map(covers_one, every))
        yield "there, the interval covers 1", "98 %", percent(covered, len(every)), covered >= 0.98 * len(every)
    for size, least in ((3, 0.95), (5, 0.99)):
        if size in planted_neutral(edited):
            right, of, wrong, _ = planted_neutral(edited)[size]
            reached = f"{right} of {of}, {wrong} with the wrong sign"
            is_met = right >= least * of and not wrong
            yield f"±{size} % found, each under another layout", f"{100 * least:.0f} %", reached, is_met


def commits_aims(real):
    """Yields those of benchmarks that real commits leave alone."""
    own = [row for run in real for row in run["rows"].values()]
    if own:
        projects = len({run["project"] for run in real})
        what = f"called a change, benchmarks that real commits leave alone: {len(own)} of {projects} projects"
        reached, is_rare = rarely(sum(map(is_moved, own)), len(own))
        yield what, f"300 of eight; {RARELY}", reached, is_rare and len(own) >= 300 and projects >= 8


def replayed_aims(outcomes):
    """Yields those of the comparisons of the bank."""
    same = [row for row in outcomes if row["condition"] in CONDITIONS]
    yield "comparisons of the same code", "300", f"{len(same):,}", len(same) >= 300
    for condition, words in CONDITIONS.items():
        own = [row for row in same if row["condition"] == condition]
        yield (
            f"false verdicts, same code, {words}",
            RARELY,
            *rarely(sum(map(is_false, own)), len(own)),
        )
    covered = sum(row["covers"] for row in outcomes)
    yield "the interval covers the truth", "98 %", percent(covered, len(outcomes)), covered >= 0.98 * len(outcomes)
    yield found_aim(outcomes, 3, USUAL[1], False, 0.95)
    yield found_aim(outcomes, 3, USUAL[1], True, 0.95)
    yield found_aim(outcomes, 5, USUAL[1], False, 0.99)
    yield found_aim(outcomes, 1, FINE[1], False, 0.5)
    quiet = [row for row in same if row["condition"] == "same"]
    unchanged = sum(row["verdict"] == "unchanged" for row in quiet)
    is_met = unchanged >= 0.9 * len(quiet)
    yield "`unchanged`, same code, nothing beside it", "90 %", percent(unchanged, len(quiet)), is_met


def found_aim(outcomes, size, threshold, is_long, least):
    """Returns the aim for planted changes of a size."""
    group = [
        row
        for row in outcomes
        if row["condition"] == "planted"
        and round(abs(row["truth"] - 1) * 100) == size
        and row["threshold_percent"] == threshold
        and (row["workload"] == "long") == is_long
    ]
    right, wrong = sum(map(is_right, group)), sum(map(is_wrong_sign, group))
    budget = max((row["seconds"] for row in group), default=math.nan)
    what = f"±{size} % found" + (" of 200 ms an iteration" if is_long else "")
    what += f", threshold {threshold:g} %" if threshold != USUAL[1] else ""
    reached = f"{right} of {len(group)}, {wrong} with the wrong sign, at most {budget:.1f} s of rounds"
    is_met = group and right >= least * len(group) and not wrong
    return what, f"{100 * least:.0f} %, no wrong sign", reached, is_met


def wall_aims(live):
    if live:
        share = statistics.median(shares_of_codeflash(live, "deadheat"))
        yield "start to table, four clear benchmarks", "a tenth of codeflash compare's", f"{share:.2f}", share <= 0.1


def statement_aims(short):
    if short:
        off = [abs(row["micro"] / row[tool] - 1) for row in short_rows(short) for tool in ("timeit", "pyperf")]
        near = sum(share <= 0.05 for share in off)
        what = "statements of some ten nanoseconds, ratios within 5 % of timeit's and pyperf's"
        yield what, "all", f"{near} of {len(off)}; the farthest {100 * max(off):.1f} %", near == len(off)
