"""What differs between two versions of files, by CPython's trees; written from the rules in `docs/finder.md`."""

import itertools
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from own_code import Module, Reader, Statement
from sources import dotted_name

REFUSALS = (SyntaxError, ValueError, RecursionError, MemoryError)

# They tell about a program, not to it (rule 8).
ABOUT = {"__version__", "__author__", "__copyright__", "__license__", "__date__", "__email__"}


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
    """Names of the modules that it imports."""
    class_attributes: set = field(default_factory=set)
    classes: set = field(default_factory=set)

    def copy(self):
        return Touched(set(self.names), set(self.attributes), set(self.class_attributes), set(self.classes))

    def add(self, other):
        self.names |= other.names
        self.attributes |= other.attributes
        self.class_attributes |= other.class_attributes
        self.classes |= other.classes

    def every(self):
        return self.names | self.attributes | self.class_attributes

    def seen(self, code):
        return (self.names & code.names) | ((self.attributes | self.class_attributes) & code.attributes)

    def touches(self, code):
        return bool(self.seen(code))

    def add_name(self, qualname):
        outer, _, name = qualname.rpartition(".")
        (self.class_attributes if outer else self.names).add(name)

    def add_class(self, qualname):
        self.classes.add(qualname)
        self.add_name(qualname)


def place(path, function):
    return (path, function.qualname, function.first)


def target(path, function, change, base, head):
    return (path, function.qualname, change, (function.first, function.last), base, head)


def split(these, others):
    """What of the first the others have as well, by code, and what they do not have; in its order."""
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
    """What each of two lists has more than the other, by code, in its order."""
    return split(before, after)[1], split(after, before)[1]


def common(these, others):
    """What both have, in the order of the first."""
    return split(these, others)[0]


def stand_otherwise(before, after):
    return [each.code for each in common(before, after)] != [each.code for each in common(after, before)]


def is_reordered(before, after):
    """The statements stand in another order (rule 3)."""

    def statements(body):
        return [each for each in body if isinstance(each, Statement) and not each.is_import]

    return stand_otherwise(statements(before), statements(after))


def stars_see_others(before, after):
    """The star imports of a module stand in another order (rule 3)."""
    return before_stars(before, after) != before_stars(after, before)


def before_stars(these, others):
    """What both have before each star import, in whatever order."""
    found, passed = [], Counter()
    if any(each.is_star for each in these):
        for each in common([each for each in these if each.binds or each.is_star], others):
            if each.is_star:
                found.append((each.code, passed.copy()))
            passed[each.code] += 1
    # Of two star imports, the second one has the first one before it.
    return {(code, frozenset(before.items())) for code, before in found}


def registers_otherwise(before, after):
    def registering(body):
        return [each for each in body if not isinstance(each, Statement) and each.registers]

    return stand_otherwise(registering(before), registering(after))


def reordered_names(before, after):
    """{name: whether all that bind it are imports} of those that are bound in another order (rule 3)."""

    def places(body):
        found = defaultdict(list)
        for each in body:
            for name in each.binds:
                found[name].append(each)
        return found

    old, new = places(before), places(after)
    return {
        name: all(each.is_import for each in common(new[name], old[name]))
        for name in old.keys() & new.keys()
        if len(old[name]) > 1 and len(new[name]) > 1 and stand_otherwise(old[name], new[name])
    }


def crossing(pairs):
    """Those of (place on base, place on head) that another one crosses."""
    return [
        (was, now)
        for was, now in pairs
        if any((was < other_was) != (now < other_now) for other_was, other_now in pairs if other_was != was)
    ]


def differs_as_whole(each, binds, *, has_effect, is_import):
    """Whether a differing statement of a class body makes another class of it (rule 6)."""
    is_private = any(bound.startswith("__") for bound in binds)
    return has_effect or not binds or is_private or (each.is_made and not is_import)


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
        self.on_base, self.seen_on_base, self.only_on_base = {}, {}, {}
        # {path: functions of a module that only one side has}.
        self.one_sided = defaultdict(set)
        touched = {}
        removed, added = [], []
        for path, (base, head) in files.items():
            before = self.read(path, "base", base, found)
            after = self.read(path, "head", head, found)
            if before is None or after is None:
                found.unattributed.add(path)
                continue
            names = Touched()
            self.compare_functions(path, before, after, names, found, removed, added)
            self.compare_statements(path, before, after, names, found)
            if head is None:
                self.only_on_base[path] = {each.qualname for each in before.functions if "." not in each.qualname}
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

    def compare_functions(self, path, before, after, touched, found, removed, added):
        old, new = by_name(before.functions), by_name(after.functions)
        for name in old.keys() | new.keys():
            were, are = (sorted(group, key=lambda each: each.first) for group in (old[name], new[name]))
            lost, gained = difference(were, are)
            pairs, left = [], list(were)
            for now in are:
                if now not in gained:
                    was = next(each for each in left if each.code == now.code)
                    left.remove(was)
                    pairs.append((were.index(was), are.index(now)))
                    self.on_base[place(path, now)] = place(path, was)
            both = min(len(lost), len(gained))
            others = [(were.index(was), are.index(now)) for was, now in zip(lost[:both], gained[:both], strict=True)]
            for was, now in {*crossing(pairs + others), *others}:
                was, now = were[was], are[now]
                found.targets.add(target(path, now, "modified", place(path, was), place(path, now)))
                if now.decorators and was.decorators and was.decorators.code != now.decorators.code:
                    touched.add_name(now.qualname)
            self.one_sided[path] |= {
                function.qualname for function in (*lost[both:], *gained[both:]) if "." not in function.qualname
            }
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

    def compare_statements(self, path, before, after, touched, found):
        lost, gained = difference(before.statements, after.statements)
        for statement in (*lost, *gained):
            touched.names |= statement.binds
            if statement.has_effect:
                found.unattributed.add(path)
        touched.names |= reordered_names(before.body, after.body).keys()
        if any(differs(before.body, after.body) for differs in (is_reordered, stars_see_others, registers_otherwise)):
            found.unattributed.add(path)
        old, new = by_name(before.classes), by_name(after.classes)
        for name in old.keys() | new.keys():
            were, are = old[name], new[name]
            same = []
            for index, was in enumerate(were):
                taken = {now for _, now in same}
                alike = [now for now in range(len(are)) if now not in taken and self.is_same(was, are[now])]
                if alike:
                    same.append((index, alike[0]))
            if len(were) != len(are):
                touched.add_name(name)
            lost = [index for index in range(len(were)) if index not in {index for index, _ in same}]
            gained = [index for index in range(len(are)) if index not in {index for _, index in same}]
            others = list(zip(lost, gained, strict=False))
            if crossing(same + others):
                touched.add_class(name)
            for was, now in others:
                self.compare_classes(path, name, were[was], are[now], touched, found)

    def is_same(self, was, now):
        return (
            was.header == now.header
            and difference(was.statements, now.statements) == ([], [])
            and not is_reordered(was.body, now.body)
            and not reordered_names(was.body, now.body)
        )

    def compare_classes(self, path, name, was, now, touched, found):
        is_whole = was.header != now.header
        lost, gained = difference(was.statements, now.statements)
        differing = [(statement.binds, statement.has_effect, statement.is_import) for statement in (*lost, *gained)]
        reordered = reordered_names(was.body, now.body)
        differing += [({bound}, False, is_import) for bound, is_import in reordered.items()]
        for binds, has_effect, is_import in differing:
            touched.class_attributes |= binds
            is_whole |= differs_as_whole(now, binds, has_effect=has_effect, is_import=is_import)
        if is_reordered(was.body, now.body):
            if now.is_made:
                is_whole = True
            else:
                found.unattributed.add(path)
        if is_whole:
            touched.add_class(name)

    def attribute(self, changed, modules, found):
        """Rules 6 to 8."""
        parsed, unreadable = {}, {}
        for path, (dotted, source) in modules.items():
            try:
                parsed[path] = (dotted, self.reader.read(source))
            except REFUSALS:
                unreadable[path] = source
        touched = {}
        for path, names in changed.items():
            if path in parsed:
                touched.setdefault(parsed[path][0], Touched()).add(names)
        still_there = {dotted for dotted, _ in modules.values()}
        for path, functions in self.only_on_base.items():
            dotted = dotted_name(path)
            names = changed.get(path, Touched()).copy()
            # A package may have taken the place of a module.
            names.names |= functions if dotted not in still_there else set()
            if names != Touched():
                touched.setdefault(dotted, Touched()).add(names)
        one_sided = {}
        for path, functions in self.one_sided.items():
            if functions:
                dotted = parsed[path][0] if path in parsed else dotted_name(path)
                one_sided.setdefault(dotted, set()).update(functions)
        if not changed and not touched and not one_sided:
            return
        while True:
            before = {name: each.copy() for name, each in touched.items()}
            everywhere = set().union(*(each.class_attributes for each in touched.values()))
            for path, (dotted, module) in parsed.items():
                names = touched.get(dotted, Touched()).copy()
                names.class_attributes |= everywhere
                importer = Importer(dotted, path.endswith("/__init__.py"), touched, one_sided)
                self.spread_by_import(importer, module, names)
                self.spread_within(module, names)
                if names != Touched():
                    touched[dotted] = names
            if touched == before:
                break
        known = {head for *_, head in found.targets if head}
        seen = set()
        for path, (dotted, module) in parsed.items():
            names = touched.get(dotted, Touched())
            importer = Importer(dotted, path.endswith("/__init__.py"), touched, one_sided)
            for function in module.functions:
                by_import = self.seen_by_import(importer, function)
                seen |= names.seen(function) | by_import
                here = place(path, function)
                belongs = any(function.qualname.startswith(f"{name}.") for name in names.classes)
                if here not in known and (belongs or names.touches(function) or by_import):
                    found.targets.add(target(path, function, "module level", self.on_base.get(here, here), here))
            statements = itertools.chain(module.statements, *(each.statements for each in module.classes))
            if any(statement.has_effect and names.touches(statement) for statement in statements):
                found.unattributed.add(path)
            if any(map(importer.gets_another_choice, itertools.chain(*(each.imports for each in module.statements)))):
                found.unattributed.add(path)
        for path, names in changed.items():
            if not names.every() - ABOUT <= seen | self.seen_on_base[path]:
                found.unattributed.add(path)
        every_name = set().union(*(each.every() for each in touched.values()))
        for path, source in unreadable.items():
            if every_name & set(re.findall(r"\w+", source.decode("utf-8", "replace"))):
                found.unattributed.add(path)

    def spread_within(self, module, touched):
        while True:
            before = touched.copy()
            for statement in module.statements:
                if touched.touches(statement):
                    touched.names |= statement.binds
            for function in module.functions:
                if function.decorators and touched.touches(function.decorators):
                    touched.add_name(function.qualname)
            for each in module.classes:
                if touched.touches(each):
                    touched.add_class(each.qualname)
                for statement in each.statements:
                    if touched.touches(statement):
                        touched.class_attributes |= statement.binds
                        has_effect, is_import = statement.has_effect, statement.is_import
                        if differs_as_whole(each, statement.binds, has_effect=has_effect, is_import=is_import):
                            touched.add_class(each.qualname)
            if touched == before:
                return

    def spread_by_import(self, importer, module, own):
        for statement in module.statements:
            for imported in statement.imports:
                names, attributes = importer.gets(imported)
                own.names |= names
                own.attributes |= attributes
        for each in module.classes:
            for statement in each.statements:
                for imported in statement.imports:
                    # No Python compiles a star import there.
                    if imported.name != "*":
                        own.class_attributes |= set().union(*importer.gets(imported))

    def seen_by_import(self, importer, function):
        """What touches a function through its own imports and those of the functions around it (rule 7)."""
        seen = set()
        for imported in (*function.imports, *function.imports_around):
            names, attributes = importer.gets(imported)
            # By the name that it has where it is from.
            seen |= {imported.name} if names else set()
            seen |= attributes & function.attributes
        return seen


@dataclass
class Importer:
    """A module that imports from others, of which names are touched."""

    dotted_name: str
    is_package: bool
    touched: dict
    one_sided: dict
    """{module: its functions that only one side has}: who imports one can do without it (rule 7)."""

    def below(self, source):
        """Every touched name of a module and of those below it."""
        inside = [each for name, each in self.touched.items() if f"{name}.".startswith(f"{source}.")]
        return set().union(*(each.names | each.attributes for each in inside))

    def source(self, imported):
        """The module that an import names."""
        if not imported.level:
            return imported.module
        parts = self.dotted_name.split(".")
        parts = parts[: max(0, len(parts) - (imported.level - self.is_package))]
        return ".".join([*parts, imported.module] if imported.module else parts)

    def gets_another_choice(self, imported):
        """A star import gives what `__all__` says."""
        touched = self.touched.get(self.source(imported), Touched())
        return imported.name == "*" and "__all__" in touched.names

    def gets(self, imported):
        """(names, attributes) that an import touches."""
        source = self.source(imported)
        if imported.name is None:
            return set(), self.below(source if imported.is_renamed else source.partition(".")[0])
        touched = self.touched.get(source, Touched())
        every_name = touched.names | self.one_sided.get(source, set())
        names = every_name if imported.name == "*" else {imported.alias if imported.name in every_name else None}
        return names - {None}, touched.attributes | self.below(f"{source}.{imported.name}".strip("."))
