"""Makes `docs/evidence.md` from the bank: `python bench/lab/evidence.py BANK [--out FOLDER]`.

The comparisons are made by deadheat's own statistics (`crates/deadheat-core/examples/replay.rs`) and counted here.
"""

import argparse
import collections
import gzip
import json
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
from sections.aims import aims_table  # noqa: E402
from sections.beside_peers import live_section, statements_section  # noqa: E402
from sections.counting import FINE, USUAL, USUAL_OF_LONG  # noqa: E402
from sections.parts import finder_section, layout_section  # noqa: E402
from sections.replayed import plot, replayed_sections  # noqa: E402
from sections.whole_runs import commits_section, neutral_section  # noqa: E402


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


def of_unchanged_code():
    """Returns the recorded sequences of unchanged code as JSON, each around its mean."""
    with gzip.open(os.path.join(TOP, "docs", "evidence-bank.json.gz")) as file:
        found = sequences(json.load(file)["parts"])
    same = [row["log_ratios"] for row in found if row["truth"] == 1]
    return json.dumps([[value - sum(row) / len(row) for value in row] for row in same])


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


def page(recorded, outcomes):
    parts, live, edited, real = (recorded[name] for name in ("parts", "live", "neutral", "commits"))
    short = recorded["statements"]
    sequential = [row for row in outcomes if row["method"] == "until settled"]
    sections = [
        heading(recorded),
        f"\n## Aims\n\n{aims_table(sequential, live, edited, real, short)}\n",
        neutral_section(edited),
        commits_section(real),
        replayed_sections(outcomes, parts),
        layout_section(recorded["layout"]),
        live_section(live),
        statements_section(short),
        finder_section(),
    ]
    return "".join(sections)


def heading(recorded):
    parts, live = recorded["parts"], recorded["live"]
    machine, version = parts[0]["machine"], parts[0]["deadheat"]
    replicates = sum(len(row["log_ratios"]) for part in parts for row in part["benchmarks"].values())
    runs = [*recorded["neutral"], *recorded["commits"], *recorded["layout"]]
    seconds = sum(one["seconds"] for one in [*parts, *runs])
    seconds += sum(tool["seconds"] for one in live for which in ("clear", "known") for tool in one[which].values())
    dates = sorted({part["date"] for part in parts})
    commits_used = sorted({one.get("commit", "an earlier one") for one in [*parts, *live, *runs]})
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
"""


if __name__ == "__main__":
    main()
