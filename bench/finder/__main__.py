"""Checks the finder of changed functions against CPython: `python bench/finder [structure] [changes] [history]`.

Prints what was compared and how often the two disagree, and ends with 1 if they do. `docs/finder.md` has the rules and
the figures of a full run. The oracle is the newest CPython on this machine, 3.12 or later.
"""

import argparse
import itertools
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))


import sources  # noqa: E402

if __name__ == "__main__":
    sources.go_on_in_newest_python(HERE)

import asking  # noqa: E402
import history  # noqa: E402
import recording  # noqa: E402
from changes import REFUSALS  # noqa: E402
from edits import EDITS  # noqa: E402
from edits.text import Text  # noqa: E402
from edits.writings import WRITINGS  # noqa: E402
from proof import NEWER_GRAMMAR, Proof, described  # noqa: E402
from structure import compiled, parse, refusal, structure  # noqa: E402


def all_files(options):
    """Returns an iterator over (name, bytes), each content once."""
    found = every_file(options)
    return itertools.islice(found, 0, None, options.every) if options.quick else found


def every_file(options):
    distinct = sources.Distinct()
    for version, folder in options.libraries.items():
        for name, source in sources.in_standard_library(folder):
            if distinct.is_new(source):
                yield f"{version}/{name}", source
    for wheel in options.wheels:
        for name, source in sources.in_wheel(wheel):
            if distinct.is_new(source):
                yield f"{wheel.name.partition('-')[0]}/{name}", source


def with_older_grammar(source):
    """Returns the tree of a source, and the source in a grammar that this Python reads."""
    while True:
        try:
            return parse(source), source
        except SyntaxError as error:
            if NEWER_GRAMMAR not in str(error):
                raise
            lines = source.splitlines(keepends=True)
            old = lines[error.lineno - 1]
            new = re.sub(rb"except(\*?)\s+(.+?)\s*:", rb"except\1 (\2):", old, count=1)
            if new == old:
                raise
            lines[error.lineno - 1] = new
            source = b"".join(lines)


def prove_structure(options, finder, failures):
    counts, lines = Counter(), Counter()

    def compare(name, source):
        try:
            tree, readable = with_older_grammar(source)
        except REFUSALS as error:
            answer = finder.functions(source)
            counts["files refused"] += 1
            if answer[0] != "refused":
                failures.append(f"--- {name} is refused by CPython alone: {error}\n")
            elif answer[1] != refusal(error):
                counts["files refused with another line"] += 1
                lines[re.sub(r"'[^']*'|\d+", "_", str(error.args[0]))[:70]] += 1
            return None
        counts["files read"] += 1
        counts["files in a newer grammar"] += readable != source
        expected = structure(tree)
        counts["functions"] += len(expected)
        if finder.functions(source) != ("functions", expected):
            failures.append(f"--- {name}: the functions differ\n")
        return tree

    random = Random(options.seed)
    for index, (name, source) in enumerate(all_files(options)):
        tree = compare(name, source)
        if tree is None:
            continue
        ours = {(qualname, first) for qualname, first, _ in structure(tree)}
        codes = compiled(tree)
        counts["functions with code objects"] += len(codes)
        if not codes <= ours:
            failures.append(f"--- {name}: the oracle misses {sorted(codes - ours)}\n")
        # The same file in another form, and with a part of it gone.
        try:
            text = source.decode()
        except UnicodeDecodeError:
            continue
        if "\r" in text or source.startswith(b"\xef\xbb\xbf"):
            continue
        before = counts.copy()
        compare(f"{name} ({WRITINGS[index % len(WRITINGS)].__name__})", WRITINGS[index % len(WRITINGS)](source))
        for kind in ("reindent", "damage"):
            try:
                other = EDITS[kind](random, Text(text))
            except REFUSALS:
                continue
            if other is not None:
                compare(f"{name} ({kind})", other.encode("utf-8", "surrogatepass"))
        counts["functions in other writings"] += counts["functions"] - before["functions"]
        counts["functions"] = before["functions"]
    counts["functions of files as they are"] = counts.pop("functions")
    return counts, lines


def prove_changes(options, finder, failures):
    """Edits groups of files from the same folder; the same seeds give the same edits."""
    folders = {}
    for name, source in all_files(options):
        if not 200 < len(source) < 30_000 or b"def " not in source or b"\r" in source:
            continue
        try:
            parse(source)
            source.decode()
        except REFUSALS:
            continue
        if not source.startswith(b"\xef\xbb\xbf"):
            # Without the version or package before it, files can import each other.
            folders.setdefault(name.rpartition("/")[0], []).append((name.partition("/")[2], source))
    # Folders by name, so that a smaller choice of files does not change the meaning of the seeds.
    groups = sorted(folders)
    proof = Proof(finder)
    counts, kinds = Counter(), Counter()
    seed = options.seed
    while counts["edits"] < options.edits and len(failures) < 20:
        random = Random(seed)
        group = folders[random.choice(groups)]
        chosen = random.sample(group, min(len(group), random.randrange(1, 6)))
        base = dict(chosen)
        for _ in range(20):
            head, used = edited(random, base)
            if head == base:
                continue
            counts["edits"] += 1
            kinds.update(used)
            files = question(base, head)
            expected, actual = proof.both(files)
            for *_, change, _, _, _ in expected.targets:
                counts[f"targets: {change}"] += 1
            counts["edits outside functions"] += bool(expected.outside)
            counts["edits that leave no Python"] += bool(expected.refused)
            counts["edits that change no code"] += expected == type(expected)()
            if expected != actual:
                small = proof.shrink(files)
                failures.append(f"--- seed {seed}, {used}\n{described(small, *proof.both(small))}")
        seed += 1
    return counts, kinds


def edited(random, base):
    """Returns another version of some files, and the kinds of the edits."""
    head, used = dict(base), []
    for name in random.sample(sorted(base), min(len(base), random.choice([1, 1, 1, 2]))):
        text = head[name].decode("utf-8", "surrogatepass")
        for _ in range(random.choice([1, 1, 1, 2, 3])):
            kind = random.choice(list(EDITS))
            try:
                new = EDITS[kind](random, Text(text))
            except REFUSALS:
                break
            if new is not None and new != text:
                text = new
                used.append(kind)
        head[name] = text.encode("utf-8", "surrogatepass")
        if random.random() < 0.1:
            writing = random.choice(WRITINGS)
            head[name] = writing(head[name]) if b"\\ud" not in head[name] else head[name]
            used.append(writing.__name__)
    fate = random.random()
    name = random.choice(sorted(head))
    if fate < 0.04:
        head[f"{name.removesuffix('.py')}_renamed.py"] = head.pop(name)
        used.append("rename_file")
    elif fate < 0.07:
        del head[name]
        used.append("remove_file")
    elif fate < 0.09 and len(head) > 1:
        # Move everything in one file to another.
        other = random.choice([each for each in sorted(head) if each != name])
        head[other] += b"\n" + head.pop(name)
        used.append("move_file_into_file")
    return head, used


def question(base, head):
    paths = sorted({*base, *head})
    return {path: (base.get(path), head.get(path)) for path in paths if base.get(path) != head.get(path)}


def prove_history(options, finder, failures):
    proof = Proof(finder)
    counts, projects = Counter(), Counter()
    for name, folder in history.repositories(options.histories, options.work).items():
        for commit, files in history.commits(folder, options.commits):
            counts["commits"] += 1
            projects[name] += 1
            counts["files"] += len(files)
            expected, actual = proof.both(files)
            for *_, change, _, _, _ in expected.targets:
                counts[f"targets: {change}"] += 1
            counts["commits that change code outside functions"] += bool(expected.outside)
            counts["files that this Python refuses"] += len(expected.refused)
            if expected != actual:
                small = proof.shrink(files)
                failures.append(f"--- {name} {commit}\n{described(small, *proof.both(small))}")
    return counts, projects


PROOFS = {"structure": prove_structure, "changes": prove_changes, "history": prove_history}


def main():
    parser = argparse.ArgumentParser(prog="python bench/finder", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "proofs", nargs="*", metavar="|".join(PROOFS), help="which proofs; all of them if none is named"
    )
    parser.add_argument("--quick", action="store_true", help="some files of one standard library, unoptimised")
    parser.add_argument("--every", type=int, default=20, help="with --quick: how many files there are to one of these")
    parser.add_argument("--finder", type=Path, help="a program that answers as the finder does, in its place")
    parser.add_argument("--edits", type=int, help="25,000, or 300 with --quick")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--commits", type=int, default=400, help="of each project, the newest first")
    parser.add_argument("--histories", type=Path, help="where clones of the projects lie, as OWNER/NAME")
    parser.add_argument("--work", type=Path, default=asking.ROOT / "target" / "finder-proof")
    parser.add_argument("--record", action="store_true", help="into docs/evidence-finder.json, for docs/evidence.md")
    options = parser.parse_args()
    options.edits = options.edits or (300 if options.quick else 25_000)
    unknown = set(options.proofs) - PROOFS.keys()
    if unknown:
        parser.error(f"there is no proof of {', '.join(sorted(unknown))}")
    libraries = sources.standard_libraries()
    newest = max(libraries, key=lambda name: [int(part) for part in re.findall(r"\d+", name)])
    options.newest = newest
    options.libraries = {newest: libraries[newest]} if options.quick else libraries
    options.wheels = [] if options.quick else sources.wheels(options.work / "wheels")
    options.work.mkdir(parents=True, exist_ok=True)

    python = f"{sys.implementation.name} {sys.version.split()[0]}"
    program = options.finder or asking.build("dev" if options.quick else "release")
    results = {"python": python}
    is_proven = True
    for name in options.proofs or list(PROOFS):
        failures = []
        with asking.Finder(program) as finder:
            counts, details = PROOFS[name](options, finder, failures)
        (options.work / f"{name}.failures").write_text("\n".join(failures))
        results[name] = {"counts": counts, "details": details, "disagreements": len(failures)}
        is_proven &= not failures
        print(f"\n{name}, held against {python}")
        for title, count in (*sorted(counts.items()), ("disagreements", len(failures))):
            print(f"{count:>10,}  {title}")
        print("of them")
        for title, count in details.most_common():
            print(f"{count:>10,}  {title}")
        if failures:
            print(f"\n{failures[0]}\nall: {options.work / name}.failures", flush=True)
    (options.work / "results.json").write_text(json.dumps(results, indent=1))
    if options.record:
        recording.record("proof", results)
    return 0 if is_proven else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(f"`{' '.join(map(str, error.cmd))}` failed")
