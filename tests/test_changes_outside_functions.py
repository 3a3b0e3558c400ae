"""Changes outside functions: values, files that the code names, links."""

import pytest

pytestmark = pytest.mark.counted

BENCHMARK = """\
    from pkg.core import work


    def test_work(benchmark):
        benchmark(work)
    """


@pytest.mark.parametrize("is_imported", [True, False])
def test_a_value_that_nothing_reads_reaches_everything_where_it_is_imported(repository, compare, is_imported):
    imports = "from pkg import settings\n" if is_imported else ""
    core = "def work():\n    return 1\n"
    files = {"pkg/__init__.py": imports, "pkg/core.py": core, "benchmarks/test_usual.py": BENCHMARK}
    repository.commit({**files, "pkg/settings.py": "LIMIT = 1\n"})
    repository.commit({"pkg/settings.py": "LIMIT = 2\n"})
    outcome = compare("HEAD^", "HEAD", "--dry-run")
    assert outcome.targets() == {}
    if is_imported:
        assert outcome.report["selection"]["rule"] == "all"
        assert "`pkg/settings.py` gives `LIMIT` another value" in outcome.report["selection"]["reason"]
    else:
        assert outcome.report["selection"]["rule"] == "nothing_changed"


READS = "import pathlib\n\n\ndef work():\n    return pathlib.Path(__file__).parents[1].joinpath({name}).exists()\n"


@pytest.mark.parametrize(
    ("core", "path"),
    [
        (READS.format(name="'assets', 'table.json'"), "assets/table.json"),
        (READS.format(name="'pkg', 'text.md'"), "pkg/text.md"),
        ("from tools.helper import work\n", "tools/helper.py"),
    ],
)
def test_what_the_code_has_the_name_of_may_change_it(repository, compare, core, path):
    files = {"pkg/__init__.py": "", "pkg/core.py": core, "benchmarks/test_usual.py": BENCHMARK}
    other = {"README.md": "a\n", "docs/conf.py": "a = 1\n", ".github/settings.json": "1\n", "unnamed.json": "1\n"}
    helper = "def work():\n    return {}\n"
    repository.commit({**files, **other, path: helper.format(1)})
    repository.commit({name: f"{text}\n" for name, text in other.items()})
    repository.commit({path: helper.format(2)})
    outcome = compare("HEAD^^", "HEAD^", "--dry-run")
    assert outcome.report["selection"]["rule"] == "nothing_changed"
    outcome = compare("HEAD^", "HEAD", "--dry-run")
    assert outcome.report["selection"]["rule"] == "all"
    assert f"`{path}`" in outcome.report["selection"]["reason"]
    assert f"no function changed, but `{path}`" in outcome.err


def test_a_link_that_leads_elsewhere_may_change_everything(repository, compare):
    slow, fast = ("def work():\n    return sum(range(1000))\n", "def work():\n    return 499500\n")
    files = {"pkg/__init__.py": "", "pkg/one.py": slow, "pkg/two.py": fast, "benchmarks/test_usual.py": BENCHMARK}
    core = repository.folder / "pkg" / "core.py"
    core.parent.mkdir()
    core.symlink_to("one.py")
    repository.commit(files)
    core.unlink()
    core.symlink_to("two.py")
    repository.commit({})
    outcome = compare("HEAD^", "HEAD", "--dry-run")
    assert outcome.report["selection"]["reason"].startswith("every benchmark: `pkg/core.py` is a symlink")


def test_a_link_beside_the_code_is_read_like_a_file_and_may_be_a_folder(repository, compare):
    files = {"pkg/__init__.py": "", "pkg/core.py": "def work():\n    return 1\n", "benchmarks/test_usual.py": BENCHMARK}
    repository.commit({**files, "changes/1.rst": "first", "changes/2.rst": "second", "v1/a.txt": "", "v2/a.txt": ""})
    for name, target in (("changes/latest.rst", "1.rst"), ("data", "v1")):
        (repository.folder / name).symlink_to(target)
    base = repository.commit({})

    def reason_after(name, target):
        link = repository.folder / name
        link.unlink()
        link.symlink_to(target)
        head = repository.commit({})
        return compare(base, head, "--dry-run").report["selection"]["reason"]

    assert reason_after("changes/latest.rst", "2.rst") == "no code that a benchmark could run differs"
    assert reason_after("data", "v2").startswith("every benchmark: `data` is a symlink")


REGISTERED = """\
    from dataclasses import dataclass, field

    KINDS = {}
    LIMIT = %s


    def register(kind):
        KINDS[kind.__name__] = kind
        return kind


    @register
    @dataclass
    class Point:
        places: list = field(default_factory=lambda: [0] * %s)


    def cap():
        return LIMIT


    def work():
        from pkg.late import work

        return work(), KINDS
    """
LATE = "from pkg.core import LIMIT\n\n\ndef work():\n    return range(LIMIT)\n"


@pytest.mark.parametrize(
    ("limit", "places", "targets"),
    [
        # The limit is read by a module that is imported when the benchmark runs.
        (2, 1, {"work": "affected"}),
        # The class is found through a registry.
        (1, 2, {"register": "affected", "work": "affected"}),
    ],
)
def test_what_is_read_on_other_ways_than_by_its_name(repository, compare, limit, places, targets):
    files = {"pkg/__init__.py": "", "pkg/late.py": LATE, "benchmarks/test_usual.py": BENCHMARK}
    repository.commit({**files, "pkg/core.py": REGISTERED % (1, 1)})
    repository.commit({"pkg/core.py": REGISTERED % (limit, places)})
    outcome = compare("HEAD^", "HEAD", "--dry-run")
    assert outcome.report["plan"]["benchmarks"] == ["benchmarks/test_usual.py::test_work"]
    assert outcome.targets() == targets


def test_stubs_and_what_only_comments_name_are_not_read(repository, compare):
    core = "# See LICENSE.\nimport os\n\n\ndef work():\n    return os.path.join('pkg', 'x')\n"
    files = {"pkg/__init__.py": "", "pkg/core.py": core, "benchmarks/test_usual.py": BENCHMARK}
    repository.commit({**files, "pkg/core.pyi": "def work(): ...\n", "LICENSE": "1\n"})
    repository.commit({"pkg/core.pyi": "def work() -> str: ...\n", "LICENSE": "2\n"})
    outcome = compare("HEAD^", "HEAD", "--dry-run")
    assert outcome.report["selection"]["rule"] == "nothing_changed", outcome.err
