"""Measures which part of the drawn memory layout matters, by Python: `python bench/lab/layout.py BANK [--quick]`.

The workloads of `neutral.py`, with a neutral edit on head, are compared with parts of the draw switched off
(`timing/layout.py` of the worker). Any deviation of an estimate from 1 beyond the spread of its replicates is a bias of
the layout, since nothing else differs. `BANK/layout/VERSION.VARIANT.SEED.json` is one run; existing runs are not
repeated.
"""

import json
import math
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOOLS = os.path.join(os.path.dirname(os.path.dirname(HERE)), "tools")
sys.path[:0] = [HERE, TOOLS]
import bank  # noqa: E402
import neutral  # noqa: E402
import peers  # noqa: E402
import project  # noqa: E402
from record import log_ratio  # noqa: E402

import pythons  # noqa: E402

EDITS = (501,)
REPLICATES = 10
NO_BLOCKS_BEFORE_IMPORTS = "Layout.draw_for_imports = lambda self: None\n"
NO_BLOCKS_BEFORE_SAMPLES = "Layout.draw_for_sample = lambda self: self._random.choice(self._frames)\n"
NO_FRAMES = """
draw_for_sample = Layout.draw_for_sample
same_frame = _call_with_stack(0)
Layout.draw_for_sample = lambda self: (draw_for_sample(self), same_frame)[1]
"""
# Code that is appended to `deadheat_worker/timing/layout.py`.
VARIANTS = {
    "nothing": NO_BLOCKS_BEFORE_IMPORTS + NO_BLOCKS_BEFORE_SAMPLES + NO_FRAMES,
    "blocks before the imports": NO_BLOCKS_BEFORE_SAMPLES + NO_FRAMES,
    "blocks before samples": NO_BLOCKS_BEFORE_IMPORTS + NO_FRAMES,
    "frames of samples": NO_BLOCKS_BEFORE_IMPORTS + NO_BLOCKS_BEFORE_SAMPLES,
    "all of it": "",
}


def runs(folder):
    """Returns the recorded runs."""
    return bank.read(os.path.join(folder, "layout"))


def main():
    # Not imported above, because the evidence page is made without deadheat.
    import deadheat

    package_folder = os.path.dirname(os.path.abspath(deadheat.__file__))

    arguments, folder = bank.asked_for("layout")
    environments = f"{os.path.abspath(arguments.bank)}-python"
    with tempfile.TemporaryDirectory(prefix="deadheat-lab-") as place:
        packages = {
            variant: package(package_folder, os.path.join(place, variant), code) for variant, code in VARIANTS.items()
        }
        for seed in EDITS[:1] if arguments.quick else EDITS:
            repository = os.path.join(place, str(seed))
            _, text = neutral.edits(random.Random(seed))
            project.commit(repository, *neutral.trees(text, neutral.WORKLOADS, neutral.WORKLOADS))
            # All variants of a Python in a row, because the machine drifts.
            for version, interpreter in pythons.find().items():
                for variant in VARIANTS:
                    file = os.path.join(folder, f"{version}.{variant}.{seed}.json")
                    if not os.path.exists(file):
                        python = peers.environment(environments + version, ["pytest"], interpreter)
                        bank.write(file, record(repository, packages[variant], python, version, variant))


def package(installed, folder, code):
    """Makes a package folder like the installed one: the workers' files, the layout's with `code` at its end."""
    own = os.path.join(folder, "side", "deadheat_worker")
    shutil.copytree(os.path.join(installed, "side", "deadheat_worker"), own)
    with open(os.path.join(own, "timing", "layout.py"), "a") as file:
        file.write("\n\n" + code)
    return folder


def record(repository, package, python, version, variant):
    command = [sys.executable, os.path.join(TOOLS, "with_workers.py"), package, "compare", "HEAD^", "HEAD"]
    command += ["--python", python, "--all", "--replicates", str(REPLICATES), "--json", "--samples", "--quiet"]
    started = time.monotonic()
    ran = subprocess.run(command, cwd=repository, stdout=subprocess.PIPE, text=True, check=True)
    seconds = time.monotonic() - started
    rows = {}
    for comparison in json.loads(ran.stdout)["comparisons"]:
        log_ratios = [log_ratio(replicate) for replicate in comparison["replicates"]]
        name = comparison["benchmark"].partition("[")[2].rstrip("]")
        rows[name] = {"mean": statistics.mean(log_ratios), "deviation": statistics.stdev(log_ratios)}
    bias = math.sqrt(statistics.mean(row["mean"] ** 2 for row in rows.values()))
    print(f"CPython {version}, {variant}: off by {100 * bias:.2f} %, {seconds:.0f} s", flush=True)
    return {
        "python": version,
        "variant": variant,
        "replicates": REPLICATES,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "seconds": seconds,
        "rows": rows,
    }


if __name__ == "__main__":
    main()
