"""Records live runs of deadheat and its peers: `python bench/lab/peers.py BANK [--quick]`.

deadheat, codeflash compare and pytest-benchmark compare the same two commits in turn, each in an environment of its own
with what PyPI has. `BANK/live/N.json` is one such round; existing rounds are not repeated.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import bank  # noqa: E402
import project  # noqa: E402

PEERS = {"codeflash": ["codeflash==0.20.6", "pytest-benchmark"], "pytest-benchmark": ["pytest-benchmark==5.3.1"]}
ROUNDS = 3
# Benchmarks with known changes: half of them run the same code on both sides.
KNOWN = [f"{work}:same-1" for work in ("arithmetic", "dict_and_str", "objects", "c_heavy")]
KNOWN += ["arithmetic:+3", "dict_and_str:-5", "objects:+10", "c_heavy:-3"]
CONFIG = """
[tool.codeflash]
module-root = "labwork"
tests-root = "tests"
benchmarks-root = "benchmarks"
"""
SLOW = """
def squares(count):
    total = 0
    for index in range(count):
        total += index * index
    return total


def words(count):
    found = []
    for index in range(count):
        if str(index) not in found:
            found.append(str(index))
    return found


def joined(count):
    text = ""
    for index in range(count):
        text = text + str(index) + ","
    return text


def reversed_copy(count):
    found = []
    for index in range(count):
        found.insert(0, index)
    return found
"""
FAST = """
def squares(count):
    return (count - 1) * count * (2 * count - 1) // 6


def words(count):
    return [str(index) for index in range(count)]


def joined(count):
    return "".join([f"{index}," for index in range(count)])


def reversed_copy(count):
    return list(range(count - 1, -1, -1))
"""
CLEAR = """
from labwork import work


def test_squares(benchmark):
    benchmark(work.squares, 1000)


def test_words(benchmark):
    benchmark(work.words, 60)


def test_joined(benchmark):
    benchmark(work.joined, 1000)


def test_reversed_copy(benchmark):
    benchmark(work.reversed_copy, 300)
"""


def main():
    arguments, live = bank.asked_for("live")
    # Environments hold absolute paths, and are not data: they stay out of the bank.
    pythons = {peer: environment(f"{os.path.abspath(arguments.bank)}-{peer}", needs) for peer, needs in PEERS.items()}
    for number in range(1 if arguments.quick else ROUNDS):
        file = os.path.join(live, f"{number}.json")
        if not os.path.exists(file):
            with tempfile.TemporaryDirectory(prefix="deadheat-peers-") as place:
                found = {"clear": round_of(place, "clear", pythons), "known": round_of(place, "known", pythons)}
            found["date"] = time.strftime("%Y-%m-%d", time.gmtime())
            bank.write(file, found)
            print(
                f"live round {number}",
                {tool: round(run["seconds"]) for tool, run in found["clear"].items()},
                flush=True,
            )


def environment(folder, needs, interpreter=sys.executable):
    python = os.path.join(folder, "bin", "python")
    if not os.path.exists(os.path.join(folder, "complete")):
        subprocess.run([interpreter, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *needs], check=True)
        open(os.path.join(folder, "complete"), "w").close()
    return python


def round_of(place, which, pythons):
    folder = os.path.join(place, which)
    if which == "clear":
        trees = [dict(project.tree(work, {}), **{"benchmarks/test_work.py": CLEAR}) for work in (SLOW, FAST)]
    else:
        # A comment in every function: without a change in a function, codeflash compares nothing.
        commented = re.sub(r"\n    return", "\n    # done\n    return", project.WORK)
        trees = []
        for planting, work in ((False, project.WORK), (True, commented)):
            trees.append(project.tree(work, {name: project.length(name, planting) for name in KNOWN}))
    for tree in trees:
        tree["pyproject.toml"] += CONFIG
        tree["tests/__init__.py"] = ""
    project.commit(folder, *trees)
    ours = timed(deadheat, folder)
    return {
        "deadheat": ours,
        "codeflash": timed(codeflash, folder, pythons["codeflash"]),
        "pytest-benchmark": timed(pytest_benchmark, folder, pythons["pytest-benchmark"], ours["seconds"]),
    }


def timed(compare, *arguments):
    started = time.monotonic()
    rows = compare(*arguments)
    return {"seconds": time.monotonic() - started, "rows": rows}


def run(command, folder):
    ran = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if ran.returncode != 0:
        sys.exit(f"{command} ended with {ran.returncode}:\n{ran.stdout}")


def deadheat(folder):
    report = os.path.join(folder, os.pardir, "report.json")
    run([sys.executable, "-m", "deadheat", "compare", "HEAD^", "HEAD", "--output", report], folder)
    with open(report) as file:
        rows = json.load(file)["comparisons"]
    return {
        short(row["benchmark"]): {
            "ratios": {"estimate": row["estimate"]["point_estimate"]},
            "verdict": row["verdict"],
        }
        for row in rows
    }


UNITS = {"ns": 1e-9, "μs": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0}


def codeflash(folder, python):
    report = os.path.join(folder, os.pardir, "report.md")
    program = os.path.join(os.path.dirname(python), "codeflash")
    run([program, "compare", "HEAD^", "HEAD", "--output", report], folder)
    with open(report) as file:
        text = file.read()
    rows = {}
    for section in text.split("\n### ")[1:]:
        times = {}
        for line in section.splitlines():
            cells = [cell.strip() for cell in line.split("|")]
            for side in ("base", "head"):
                if len(cells) > 4 and cells[1].endswith(f"({side})"):
                    times[side] = dict(zip(("min", "median", "mean"), map(seconds, cells[2:5]), strict=True))
        ratios = {kind: times["head"][kind] / times["base"][kind] for kind in times["base"]}
        rows[short(section.partition("\n")[0])] = {"ratios": ratios}
    return rows


def seconds(text):
    number, unit = re.fullmatch(r"([\d.,]+)\s*(\D+)", text).groups()
    return float(number.replace(",", "")) * UNITS[unit]


def pytest_benchmark(folder, python, to_spend):
    """Runs base, then head, as its guide says: two runs, and head's is compared with the saved one."""
    count = {"clear": 4, "known": len(KNOWN)}[os.path.basename(folder)]
    found = []
    for ref in ("HEAD^", "HEAD"):
        checkout = os.path.join(folder, os.pardir, f"{os.path.basename(folder)}-{len(found)}")
        run(["git", "worktree", "add", "--quiet", "--detach", checkout, ref], folder)
        report = os.path.join(checkout, "report.json")
        command = [python, "-m", "pytest", "-q", "benchmarks", f"--benchmark-json={report}", "--benchmark-autosave"]
        command += [f"--benchmark-storage=file://{folder}/.benchmarks", f"--benchmark-max-time={to_spend / 2 / count}"]
        command += ["--benchmark-compare"] if found else []
        run([*command, "-p", "no:cacheprovider"], checkout)
        with open(report) as file:
            found.append({row["name"]: row["stats"] for row in json.load(file)["benchmarks"]})
    base, head = found
    return {
        short(name): {"ratios": {kind: head[name][kind] / base[name][kind] for kind in ("min", "median", "mean")}}
        for name in base
    }


def short(name):
    """Returns the workload of a parametrized benchmark, or the test's name."""
    return name.partition("[")[2].rstrip("]") or name.rpartition("::")[2]


def rounds(folder):
    """Returns the recorded rounds."""
    return bank.read(os.path.join(folder, "live"))


if __name__ == "__main__":
    main()
