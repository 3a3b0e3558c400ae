"""The finder as a process that answers lines of JSON: `crates/deadheat-core/examples/find_functions.rs`."""

import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def build(profile="release"):
    """Builds the program and returns its path."""
    command = ["cargo", "build", "--quiet", "-p", "deadheat-core", "--example", "find_functions"]
    subprocess.run([*command, "--profile", profile], cwd=ROOT, check=True)
    return ROOT / "target" / {"dev": "debug"}.get(profile, profile) / "examples" / "find_functions"


class Finder:
    """One running program. A question that ends it ends the proof."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def ask(self, question):
        self.process.stdin.write(json.dumps(question).encode() + b"\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the finder ended with status {self.process.wait()}")
        return json.loads(line)

    def functions(self, source):
        """Returns `("functions", sorted (qualname, first, last))`, or `("refused", line)`."""
        answer = self.ask({"functions": source.decode("latin-1")})
        if "refused" in answer:
            return "refused", answer["refused"]["line"]
        return "functions", sorted(tuple(function) for function in answer["functions"])

    def changes(self, files):
        """Returns the finder's answer about `files`, {path: (base, head)}."""

        def text(source):
            return None if source is None else source.decode("latin-1")

        versions = [{"path": path, "base": text(base), "head": text(head)} for path, (base, head) in files.items()]
        return self.ask({"compare": versions})["changes"]
