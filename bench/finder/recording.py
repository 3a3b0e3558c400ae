"""Records the findings of a run for `docs/evidence.md`."""

import datetime
import json
import os
import platform

from asking import ROOT

FILE = ROOT / "docs" / "evidence-finder.json"


def record(kind, figures):
    """Records `figures` under `kind` ("proof", "speed" or "replay"); other kinds and other proofs stay."""
    recorded = json.loads(FILE.read_text()) if FILE.exists() else {}
    date = datetime.date.today().isoformat()
    machine = f"{processor()}, {os.cpu_count()} cores, {platform.system()}"
    recorded[kind] = {**recorded.get(kind, {}), "date": date, "machine": machine, **figures}
    FILE.write_text(json.dumps(recorded, indent=1) + "\n")


def processor():
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.machine()
