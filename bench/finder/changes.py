"""Compares two versions of files by CPython's trees; written from the rules in `docs/finder.md`."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import lru_cache

from own_code import Module, read

REFUSALS = (SyntaxError, ValueError, RecursionError, MemoryError)


@dataclass
class Found:
    """The differences found, comparable with `Found.of_finder`."""

    targets: set = field(default_factory=set)
    outside: set = field(default_factory=set)
    """Files whose code differs outside functions."""
    ambiguous: set = field(default_factory=set)
    """Undecorated functions with the same name, as path and name."""
    refused: set = field(default_factory=set)

    @staticmethod
    def of_finder(answer):
        def place(given):
            return tuple(given) if given else None

        return Found(
            targets={
                (
                    target["path"],
                    target["qualname"],
                    target["change"],
                    tuple(target["lines"]),
                    place(target["base"]),
                    place(target["head"]),
                )
                for target in answer["targets"]
            },
            outside=set(answer["outside"]),
            ambiguous={(path, name) for path, names in answer["ambiguous"].items() for name in names},
            refused={(path, side) for path, side, _ in answer["refused"]},
        )


def place(path, function):
    return (path, function.qualname, function.first)


def target(path, function, change, base, head):
    return (path, function.qualname, change, (function.first, function.last), base, head)


def split(these, others):
    """Splits `these` by code into those that `others` have as well and the rest, each in order."""
    left = Counter(other.code for other in others)
    both, more = [], []
    for each in these:
        if left[each.code]:
            left[each.code] -= 1
            both.append(each)
        else:
            more.append(each)
    return both, more


def difference(before, after):
    """Returns the items that each of two lists has beyond the other, by code, in order."""
    return split(before, after)[1], split(after, before)[1]


def crossing(pairs):
    """Returns the pairs (place on base, place on head) that another pair crosses."""
    return [
        (was, now)
        for was, now in pairs
        if any((was < other_was) != (now < other_now) for other_was, other_now in pairs if other_was != was)
    ]


def by_name(items):
    groups = defaultdict(list)
    for item in items:
        groups[item.qualname].append(item)
    return groups


class Oracle:
    def __init__(self):
        # Most edits leave most files unchanged.
        self.read = lru_cache(1000)(read)

    def changes(self, files):
        """Returns the differences in `files`, {path: (base, head)}."""
        found = Found()
        removed, added = [], []
        for path, (base, head) in files.items():
            before = self.module(path, "base", base, found)
            after = self.module(path, "head", head, found)
            if before is None or after is None:
                continue
            self.compare_functions(path, before, after, found, removed, added)
            if base is None or head is None or before.outside != after.outside:
                found.outside.add(path)
        self.match_moved(removed, added, found)
        return found

    def module(self, path, side, source, found):
        if source is None:
            return Module()
        try:
            return self.read(source)
        except REFUSALS:
            found.refused.add((path, side))
            return None

    def compare_functions(self, path, before, after, found, removed, added):
        old, new = by_name(before.functions), by_name(after.functions)
        for name in old.keys() | new.keys():
            were, are = (sorted(group, key=lambda each: each.first) for group in (old[name], new[name]))
            if any(sum(not each.is_decorated for each in group) > 1 for group in (were, are)):
                found.ambiguous.add((path, name))
            lost, gained = difference(were, are)
            pairs, left = [], list(were)
            for now in are:
                if now not in gained:
                    was = next(each for each in left if each.code == now.code)
                    left.remove(was)
                    pairs.append((were.index(was), are.index(now)))
            both = min(len(lost), len(gained))
            others = [(were.index(was), are.index(now)) for was, now in zip(lost[:both], gained[:both], strict=True)]
            for was, now in {*crossing(pairs + others), *others}:
                was, now = were[was], are[now]
                found.targets.add(target(path, now, "modified", place(path, was), place(path, now)))
            removed += [(path, function) for function in lost[both:]]
            added += [(path, function) for function in gained[both:]]

    def match_moved(self, removed, added, found):
        """Matches one to one, the most alike first; among the equally alike the first by path and name (rule 2)."""

        def order(entry):
            path, function = entry
            return path, function.qualname, function.first

        def likeness(was, now):
            leaves = [function.qualname.rpartition(".")[2] for _, function in (was, now)]
            if was[1].qualname == now[1].qualname:
                return 0
            if leaves[0] == leaves[1]:
                return 1 if was[0] == now[0] else 2
            return 3

        removed, added = sorted(removed, key=order), sorted(added, key=order)
        # Only functions with the same code can be the same function.
        candidates = defaultdict(list)
        for entry in added:
            candidates[entry[1].code].append(entry)
        for degree in range(4):
            for was in list(removed):
                for now in candidates[was[1].code]:
                    if likeness(was, now) == degree:
                        found.targets.add(target(*now, "moved", place(*was), place(*now)))
                        candidates[was[1].code].remove(now)
                        removed.remove(was)
                        added.remove(now)
                        break
        found.targets |= {target(*was, "removed", place(*was), None) for was in removed}
        found.targets |= {target(*now, "added", None, place(*now)) for now in added}
