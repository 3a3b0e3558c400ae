"""The commits of real projects."""

import subprocess
from pathlib import Path

PROJECTS = (Path(__file__).resolve().parent / "projects.txt").read_text().split()


def repositories(given, work):
    """Returns {OWNER/NAME: folder}; projects that are not among the given clones are cloned from GitHub."""
    found = {}
    for name in PROJECTS:
        candidates = [*([given / name] if given else []), work / "histories" / name]
        folder = next((each for each in candidates if each.exists()), None)
        if folder is None:
            folder = candidates[-1]
            folder.parent.mkdir(parents=True, exist_ok=True)
            url = f"https://github.com/{name}"
            subprocess.run(["git", "clone", "--quiet", "--bare", url, str(folder)], check=True)
        found[name] = folder
    return found


class Repository:
    def __init__(self, folder):
        self.folder = folder
        self.blobs = {}

    def git(self, *arguments):
        # Renames are the finder's business.
        return subprocess.run(["git", "-C", str(self.folder), *arguments], check=True, capture_output=True).stdout

    def python_files(self, tree):
        """Returns {path: blob}, without links and submodules."""
        found = {}
        for entry in self.git("ls-tree", "-r", "-z", tree).split(b"\0"):
            if entry:
                kind, _, path = entry.partition(b"\t")
                mode, _, blob = kind.split()
                if path.endswith(b".py") and mode.startswith(b"100"):
                    found[path.decode("utf-8", "surrogateescape")] = blob.decode()
        return found

    def read(self, blobs):
        """Reads the contents of blobs into `blobs`, each once."""
        missing = sorted(set(blobs) - self.blobs.keys())
        if missing:
            answer = subprocess.run(
                ["git", "-C", str(self.folder), "cat-file", "--batch"],
                input="\n".join(missing).encode(),
                check=True,
                capture_output=True,
            ).stdout
            for blob in missing:
                header, _, answer = answer.partition(b"\n")
                size = int(header.split()[2])
                self.blobs[blob], answer = answer[:size], answer[size + 1 :]


def commits(folder, most):
    """Yields (commit, files) as the proof needs them, for commits with one parent that change Python files."""
    repository = Repository(folder)
    history = repository.git(
        "log", "--no-merges", "--min-parents=1", f"--max-count={most}", "--format=%H", "--", "*.py"
    )
    for commit in history.decode().split():
        base, head = (repository.python_files(each) for each in (f"{commit}^", commit))
        changed = sorted(path for path in base.keys() | head.keys() if base.get(path) != head.get(path))
        if not changed:
            continue
        repository.read([side[path] for path in changed for side in (base, head) if path in side])

        def content(files, path):
            return repository.blobs[files[path]] if path in files else None

        yield commit, {path: (content(base, path), content(head, path)) for path in changed}
