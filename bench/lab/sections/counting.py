"""Rates with their bounds, and tables of them."""

import math
import statistics

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


def is_false(outcome):
    return outcome["verdict"] in ("improved", "regressed")


def is_moved(row):
    """Whether a row of a whole run is called a change, be it as a control."""
    return is_false(row) or row["verdict"] == "unexplained"


def covers_one(row):
    return row["bounds"][0] <= 1 <= row["bounds"][1]


def farthest(rows):
    return f"{100 * max(abs(row['ratio'] - 1) for row in rows):.1f} %"


def is_right(outcome):
    return outcome["verdict"] == ("regressed" if outcome["truth"] > 1 else "improved")


def is_wrong_sign(outcome):
    return outcome["verdict"] == ("improved" if outcome["truth"] > 1 else "regressed")


def bound_of(count, of):
    return f"{100 * upper_bound(count, of):.1f} %"


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
