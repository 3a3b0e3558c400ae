"""The documentation holds what it promises: the tests, types, codes and files that it names exist."""

import ast
import json
import re

import pytest

from conftest import ROOT

RELIABILITY, COMPATIBILITY, REFERENCE = (
    (ROOT / "docs" / f"{page}.md").read_text() for page in ("reliability", "compatibility", "reference")
)
NAMED = re.compile(r"`(?:(test_\w+\.py)::)?(test_\w+)`")
UNIT_TESTS = re.compile(r"unit tests of `(\w+\.rs)`")


def find_tests():
    """Returns the sources of all tests, by file and test name. No two files have the same name."""
    found = {}
    for path in [*ROOT.glob("tests/test_*.py"), *ROOT.glob("tests/faults/test_*.py")]:
        text = path.read_text()
        assert path.name not in found
        found[path.name] = {
            node.name: ast.get_source_segment(text, node)
            for node in ast.parse(text).body
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        }
    return found


TESTS = find_tests()


def named_in(text, file=None):
    """Yields the tests that a text names; one without a file is in the same file as the one before it."""
    for match in NAMED.finditer(text):
        file = match[1] or file
        yield file, match[2]


def tables(page):
    """Yields the rows of each table whose last column is its tests, as lists of cells."""
    for table in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE):
        # A cell of code may hold the separator, as `\|`.
        head, _, *rows = ([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table.splitlines())
        if head[-1] == "test":
            yield rows


def check(text, file=None):
    """Checks that the tests that a text names exist, and returns their number."""
    tests, units = list(named_in(text, file)), UNIT_TESTS.findall(text)
    for place, name in tests:
        assert name in TESTS.get(place, {}), f"there is no {place}::{name}"
    for unit in units:
        sources = [path.read_text() for path in ROOT.glob(f"crates/*/src/**/{unit}")]
        assert any("#[test]" in source for source in sources), f"{unit} has no tests"
    return len(tests) + len(units)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("page", "file", "least"),
    [(RELIABILITY, None, 60), (COMPATIBILITY, "test_contract.py", 15)],
    ids=["faults", "suites"],
)
def test_every_promise_has_a_test(page, file, least):
    rows = 0
    for table in tables(page):
        before = 0
        for *promise, tests in table:
            before = before if tests == "the same" else check(tests, file)
            assert before > 0, f"no test for {promise[0]}"
            rows += 1
    assert rows >= least
    # Text outside tables also names tests.
    for paragraph in re.sub(r"(?m)^\|.*\n", "", page).split("\n\n"):
        check(paragraph, file)


@pytest.mark.quick
def test_every_exit_code_is_explained_and_has_a_test_that_expects_it():
    source = (ROOT / "crates" / "deadheat" / "src" / "error.rs").read_text()
    enumeration = re.search(r"enum ExitCode \{(.*?)\n\}", source, re.DOTALL)[1]
    codes = set(re.findall(r"= (\d),", enumeration))
    assert codes == set("012345")

    def rows(page):
        section = page.partition("\n## Exit codes\n")[2].partition("\n## ")[0]
        return dict(re.findall(r"(?m)^\| (\d) \| (.*) \|$", section))

    assert set(rows(REFERENCE)) == codes
    tested = rows(RELIABILITY)
    assert set(tested) == codes
    for code, tests in tested.items():
        for file, name in named_in(tests):
            assert re.search(rf"\bassert \w+\.code == {code}\b", TESTS[file][name]), f"{name} expects no {code}"


@pytest.mark.quick
def test_every_code_of_a_report_has_an_entry_in_troubleshooting():
    schema = json.loads((ROOT / "docs" / "schemas" / "report.schema.json").read_text())
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    entries = re.findall(r"^\| `?(\w+)`? \|(.*)\|$", page, re.MULTILINE)
    cells = {code: [cell.strip() for cell in rest.split("|")] for code, rest in entries}
    codes = set(
        re.findall(r"^\| (\d) \|", REFERENCE.partition("## Exit codes")[2].partition("## Reports")[0], re.MULTILINE)
    )
    assert len(codes) == 6
    for name in ("WarningCode", "MissingReason", "OpenReason"):
        kinds = schema["$defs"][name]
        found = {kind["const"] for kind in kinds.get("oneOf", [])} | set(kinds.get("enum", []))
        assert found
        codes |= found
    assert codes - cells.keys() == set(), "docs/troubleshooting.md has no row for these"
    assert [code for code in codes if not all(cells[code])] == []


@pytest.mark.quick
def test_the_types_of_the_glossary_are_where_it_says():
    crates = ROOT / "crates"
    text = (ROOT / "docs" / "glossary.md").read_text()
    rows = [row.split("|")[2] for row in text.splitlines() if row.startswith("| ") and "`" in row.split("|")[2]]
    assert len(rows) > 30
    for row in rows:
        place = re.search(r"\(`([\w:]+)`\)", row)
        crate, *parts = place[1].split("::") if place else ("deadheat_core", "model")
        if crate not in ("deadheat", "deadheat_core"):
            continue
        source = crates / crate.replace("_", "-") / "src" / "/".join(parts)
        files = list(source.rglob("*.rs")) if source.is_dir() else []
        files += [source.with_suffix(".rs")] if parts and source.with_suffix(".rs").exists() else []
        assert files, place[1]
        code = "".join(file.read_text() for file in files)
        for name in re.findall(r"`([A-Z]\w*)", row.partition("(")[0]):
            assert re.search(rf"\b(struct|enum|trait|type) {name}\b", code), (name, place and place[1])


@pytest.mark.quick
def test_links_lead_to_files_and_every_page_is_on_the_site():
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    links = [
        (page, target.partition("#")[0])
        for page in pages
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text())
        if not re.match(r"https?:|#", target)
    ]
    assert len(links) > 100
    # `make docs` checks anchors.
    assert [(page.name, target) for page, target in links if not (page.parent / target).exists()] == []
    navigation = (ROOT / "zensical.toml").read_text()
    names = [str(page.relative_to(ROOT / "docs")) for page in pages[2:]]
    assert [name for name in names if f'"{name}"' not in navigation] == []
