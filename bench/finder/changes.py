"""What differs between two versions of files, by CPython's trees; written from the rules in `docs/finder.md`."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from own_code import Module, Reader

REFUSALS = (SyntaxError, ValueError, RecursionError, MemoryError)


@dataclass
class Found:
    """Comparable with `Found.of_finder`."""

    targets: set = field(default_factory=set)
    unattributed: set = field(default_factory=set)
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
            unattributed=set(answer["unattributed"]),
            refused={(path, side) for path, side, _ in answer["refused"]},
        )


@dataclass
class Touched:
    """Names of a module that mean something else (rule 6)."""

    names: set = field(default_factory=set)
    attributes: set = field(default_factory=set)
    classes: set = field(default_factory=set)

    def copy(self):
        return Touched(set(self.names), set(self.attributes), set(self.classes))

    def add(self, other):
        self.names |= other.names
        self.attributes |= other.attributes
        self.classes |= other.classes

    def touches(self, code):
        return bool(self.names & code.names or self.attributes & code.attributes)

    def seen(self, code):
        return (self.names & code.names) | (self.attributes & code.attributes)

    def add_class_name(self, qualname):
        outer, _, name = qualname.rpartition(".")
        (self.attributes if outer else self.names).add(name)


def place(path, function):
    return (path, function.qualname, function.first)


def target(path, function, change, base, head):
    return (path, function.qualname, change, (function.first, function.last), base, head)


def difference(before, after):
    """What each of two lists has more than the other, by code, in its order."""

    def more(these, others):
        left = Counter(other.code for other in others)
        found = []
        for each in these:
            if left[each.code]:
                left[each.code] -= 1
            else:
                found.append(each)
        return found

    return more(before, after), more(after, before)


def is_reordered(before, after):
    """The statements that both have stand in another order, imports aside (rule 3)."""

    def common(these, others):
        left = Counter(other.code for other in others)
        found = []
        for each in these:
            if not each.is_import and left[each.code]:
                left[each.code] -= 1
                found.append(each.code)
        return found

    return common(before, after) != common(after, before)


def by_name(items):
    groups = defaultdict(list)
    for item in items:
        groups[item.qualname].append(item)
    return groups


class Oracle:
    def __init__(self):
        self.reader = Reader()

    def changes(self, files, modules):
        """`files`: {path: (base, head)}, `modules`: {path: (dotted name, source)}."""
        found = Found()
        self.on_base, self.seen_on_base = {}, {}
        touched = {}
        removed, added = [], []
        for path, (base, head) in files.items():
            before = self.read(path, "base", base, found)
            after = self.read(path, "head", head, found)
            if before is None or after is None:
                found.unattributed.add(path)
                continue
            self.compare_functions(path, before, after, found, removed, added)
            names = self.compare_statements(path, before, after, found)
            if names != Touched():
                touched[path] = names
                self.seen_on_base[path] = set().union(*(names.seen(function) for function in before.functions))
        self.match_moved(removed, added, found)
        self.attribute(touched, modules, found)
        return found

    def read(self, path, side, source, found):
        if source is None:
            return Module()
        try:
            return self.reader.read(source)
        except REFUSALS:
            found.refused.add((path, side))
            return None

    def compare_functions(self, path, before, after, found, removed, added):
        old, new = by_name(before.functions), by_name(after.functions)
        for name in old.keys() | new.keys():
            were, are = (sorted(group, key=lambda each: each.first) for group in (old[name], new[name]))
            lost, gained = difference(were, are)
            for now in are:
                if now not in gained:
                    was = next(each for each in were if each.code == now.code)
                    were.remove(was)
                    self.on_base[place(path, now)] = place(path, was)
            both = min(len(lost), len(gained))
            for was, now in zip(lost[:both], gained[:both], strict=True):
                found.targets.add(target(path, now, "modified", place(path, was), place(path, now)))
            removed += [(path, function) for function in lost[both:]]
            added += [(path, function) for function in gained[both:]]

    def match_moved(self, removed, added, found):
        """One to one, the most alike first; among the equally alike the first by path and name (rule 2)."""

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
        # Only those of the same code can be the same function.
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

    def compare_statements(self, path, before, after, found):
        touched = Touched()
        lost, gained = difference(before.statements, after.statements)
        for statement in (*lost, *gained):
            touched.names |= statement.binds
            if statement.has_effect:
                found.unattributed.add(path)
        if is_reordered(before.statements, after.statements):
            found.unattributed.add(path)
        old, new = by_name(before.classes), by_name(after.classes)
        for name in old.keys() | new.keys():
            were, are = list(old[name]), list(new[name])
            for was in list(were):
                same = [now for now in are if self.is_same(was, now)]
                if same:
                    were.remove(was)
                    are.remove(same[0])
            if len(were) != len(are):
                touched.add_class_name(name)
            for was, now in zip(were, are, strict=False):
                self.compare_classes(path, name, was, now, touched, found)
        return touched

    def is_same(self, was, now):
        return (
            was.header == now.header
            and difference(was.statements, now.statements) == ([], [])
            and not is_reordered(was.statements, now.statements)
        )

    def compare_classes(self, path, name, was, now, touched, found):
        is_whole = was.header != now.header
        lost, gained = difference(was.statements, now.statements)
        for statement in (*lost, *gained):
            touched.attributes |= statement.binds
            is_whole |= statement.has_effect or not statement.binds
            is_whole |= any(bound.startswith("__") for bound in statement.binds)
            is_whole |= now.is_made and not statement.is_import
        if is_reordered(was.statements, now.statements):
            if now.is_made:
                is_whole = True
            else:
                found.unattributed.add(path)
        if is_whole:
            touched.classes.add(name)
            touched.add_class_name(name)

    def attribute(self, changed, modules, found):
        """Rules 6 to 8."""
        if not changed:
            return
        parsed = {}
        for path, (dotted_name, source) in modules.items():
            try:
                parsed[path] = (dotted_name, self.reader.read(source))
            except REFUSALS:
                continue
        touched = {}
        for path, (dotted_name, _) in parsed.items():
            if path in changed:
                touched.setdefault(dotted_name, Touched()).add(changed[path])
        while True:
            before = {name: each.copy() for name, each in touched.items()}
            for path, (dotted_name, module) in parsed.items():
                names = touched.get(dotted_name, Touched()).copy()
                self.spread_by_import(dotted_name, path.endswith("/__init__.py"), module, touched, names)
                self.spread_within(module, names)
                if names != Touched():
                    touched[dotted_name] = names
            if touched == before:
                break
        known = {head for *_, head in found.targets if head}
        seen = set()
        for path, (dotted_name, module) in parsed.items():
            names = touched.get(dotted_name)
            if names is None:
                continue
            for function in module.functions:
                seen |= names.seen(function)
                here = place(path, function)
                belongs = any(function.qualname.startswith(f"{name}.") for name in names.classes)
                if here not in known and (belongs or names.touches(function)):
                    found.targets.add(target(path, function, "module level", self.on_base.get(here, here), here))
        for path, names in changed.items():
            if not (names.names | names.attributes) <= seen | self.seen_on_base[path]:
                found.unattributed.add(path)

    def spread_within(self, module, touched):
        while True:
            before = touched.copy()
            for statement in module.statements:
                if touched.touches(statement):
                    touched.names |= statement.binds
            for each in module.classes:
                if touched.touches(each):
                    touched.classes.add(each.qualname)
                    touched.add_class_name(each.qualname)
                for statement in each.statements:
                    if touched.touches(statement):
                        touched.attributes |= statement.binds
            if touched == before:
                return

    def spread_by_import(self, importer, is_package, module, touched, own):
        for imported in module.imports:
            source = imported.module
            if imported.level:
                parts = importer.split(".")
                parts = parts[: max(0, len(parts) - (imported.level - is_package))]
                source = ".".join([*parts, source] if source else parts)
            if imported.name is None:
                parts = source.split(".")
                lengths = [len(parts)] if imported.is_renamed else range(1, len(parts) + 1)
                for length in lengths:
                    names = touched.get(".".join(parts[:length]), Touched())
                    own.attributes |= names.names | names.attributes
                continue
            names = touched.get(source, Touched())
            if imported.name == "*":
                own.names |= names.names
            elif imported.name in names.names:
                own.names.add(imported.alias)
            own.attributes |= names.attributes
            names = touched.get(f"{source}.{imported.name}".strip("."), Touched())
            own.attributes |= names.names | names.attributes
