"""The project's text in every output: nothing is executed, no output is broken, nothing is written elsewhere."""

import contextlib
import csv
import json
import os
import pty
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from causes import check_sound, two_commits
from markdown_it import MarkdownIt

from conftest import command

pytestmark = pytest.mark.counted

EVIL = (
    "\\x1b]0;owned\\x07\\x1b[31mred\\x1b[2J \\x9b31m <script>alert(1)</script> | a | b |\\n# head\\n[x](javascript:y)"
    "\\t\\ttabs\\r\\nline `code` ``` \\u202eright to left \\udcff\\ud800 \\x00 {braces} %s $(id) ' \\\" \\\\"
)
HOSTILE = f"""\
    import pytest

    from pkg.core import work

    EVIL = "{EVIL}"


    class Nasty(Exception):
        def __str__(self):
            raise RuntimeError(EVIL)

        __repr__ = __str__


    LONG = "y" * (1 << 20)


    @pytest.mark.parametrize("x", [EVIL, LONG, b"\\xff\\xfe", "a::b[c]"], ids=[EVIL, LONG, None, None])
    def test_named(benchmark, x):
        benchmark(work)


    def test_returns(benchmark):
        benchmark(lambda: EVIL)


    def test_raises(benchmark):
        raise ValueError(EVIL)


    def test_raises_much(benchmark):
        raise ValueError("z" * (1 << 20))


    def test_raises_nasty(benchmark):
        raise Nasty()


    def test_skips(benchmark):
        pytest.skip(EVIL)


    def test_dies_with_words(benchmark):
        import os

        os.write(2, b"\\x1b[31m\\xff\\xfe\\x00 last words \\x9b")
        os._exit(3)
    """


def harmful(text):
    """Returns the characters that a terminal takes for more than text."""
    return {
        character
        for character in text
        if character not in "\n\t" and (ord(character) < 32 or 127 <= ord(character) < 160)
    }


@pytest.mark.real
def test_what_a_suite_says_steers_no_terminal_and_breaks_no_file(repository, deadheat_command):
    two_commits(repository, {"benchmarks/test_hostile.py": HOSTILE})
    repository.git("commit", "--quiet", "--allow-empty", "-m", "\x1b[31m<script>\t|")
    repository.git("branch", "<img>|`x`")
    assert deadheat_command("start").code == 0
    report = repository.folder.parent / "report.json"
    files = ["report.md", "report.html", "report.csv", "report.metrics"]
    formats = {"report.metrics": "metrics:"}
    written = [part for name in files for part in ("-o", f"{formats.get(name, '')}{report.with_name(name)}")]
    written += ["-o", f"pytest-benchmark:{report.with_name('runs')}"]
    arguments = ("compare", "HEAD^^", "<img>|`x`", "--all", "--replicates", 2, "-o", report, *written)
    outcome = deadheat_command(*arguments, "--record", "a\tb\nc\x1b[31m | <b>")
    assert outcome.code == 0, outcome.err
    assert harmful(outcome.out + outcome.err) == set()
    assert len(outcome.out) < 1 << 20
    rows = json.loads(report.read_text())
    assert len(rows["comparisons"]) == 6
    assert {row["benchmark"].rpartition("::")[2] for row in rows["missing"]} == {
        "test_raises",
        "test_raises_much",
        "test_raises_nasty",
        "test_skips",
        "test_dies_with_words",
    }
    messages = {row["benchmark"].rpartition("::")[2]: row["message"] for row in rows["missing"]}
    # Lone surrogates, which JSON in UTF-8 cannot carry, are spelled out.
    assert "ValueError: \x1b]0;owned" in messages["test_raises"]
    assert "right to left \\udcff\\ud800 \x00" in messages["test_raises"]
    assert "z" * 1000 in messages["test_raises_much"]
    assert "raise Nasty()" in messages["test_raises_nasty"]
    assert "{braces} %s $(id)" in messages["test_skips"]
    assert "exit status: 3" in messages["test_dies_with_words"]
    check_documents(report, len(rows["comparisons"]) + len(rows["missing"]))
    # The loop's table has a row for each benchmark and one for all of them.
    lines = (repository.folder / ".codeflash" / "results.tsv").read_text().splitlines()
    columns = len(lines[0].split("\t"))
    assert [len(line.split("\t")) for line in lines] == [columns] * (1 + 6 + 1)
    assert harmful("\n".join(lines)) == set()
    log = deadheat_command("log", "-v")
    assert (log.code, harmful(log.out + log.err)) == (0, set())
    check_sound(repository)


def check_documents(report, count):
    """Checks the other formats as their readers parse them: none of the suite's text has become part of the markup."""
    markdown = report.with_suffix(".md").read_text()
    assert harmful(markdown) == set()
    shown = MarkdownIt("commonmark", {"html": True}).enable("table").parse(markdown)
    inline = [child for token in shown for child in token.children or []]
    own = {"details", "summary", "code", "sub", "br", "b"}
    for token in [*shown, *inline]:
        if token.type.startswith("html"):
            assert set(re.findall(r"</?(\w+)", token.content)) <= own, token.content
    assert all("javascript" not in str(token.attrs.get("href")) for token in inline)
    page = Page()
    text = report.with_suffix(".html").read_text()
    assert harmful(text) == set()
    page.feed(text)
    page.close()
    assert page.scripts
    assert all("alert(1)" not in script for script in page.scripts)
    assert page.open == []
    with report.with_suffix(".csv").open(newline="") as file:
        # By default, Python's reader does not accept a name of 1 MiB.
        usual = csv.field_size_limit(4 << 20)
        table = list(csv.reader(file))
        csv.field_size_limit(usual)
    assert {len(row) for row in table} == {len(table[0])}
    assert len(table) == 1 + count
    metrics = report.with_suffix(".metrics").read_text().splitlines()
    names = [re.fullmatch(r"METRIC ([A-Za-z0-9_.]+)=[0-9.e+-]+", line)[1] for line in metrics]
    assert len(set(names)) == len(names)
    assert sum(name.startswith("speedup.") for name in names) == 6
    for side in ("base", "head"):
        stored = json.loads((report.parent / f"runs.{side}.json").read_text())
        assert len(stored["benchmarks"]) == 6


class Page(HTMLParser):
    """The open elements of a page and the text of its scripts."""

    VOID = frozenset({"meta", "link", "br", "hr", "img", "input", "wbr", "col"})

    def __init__(self):
        super().__init__()
        self.open = []
        self.scripts = []

    def handle_starttag(self, tag, attributes):
        assert all(not name.startswith("on") for name, _ in attributes), (tag, attributes)
        assert all("javascript:" not in (value or "") for name, value in attributes if name in ("href", "src"))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        while self.open and self.open[-1] != tag and self.open[-1] in ("p", "li", "td", "th", "tr", "option"):
            self.open.pop()
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)


def last_two(arguments):
    return arguments[-2].lstrip("-") + " " + ascii(arguments[-1])


@pytest.mark.parametrize(
    "arguments",
    [
        ["\x1b[31mno-such-ref", "HEAD"],
        ["HEAD^", "HEAD", "-k", "\x1b[31m"],
        ["HEAD^", "HEAD", "--functions", "\x1b[31m.py::f"],
        ["HEAD^", "HEAD", "--functions", "pkg/core.py::\x1b[31m"],
        ["HEAD^", "HEAD", "--benchmarks-root", "\x1b[31m"],
        ["HEAD^", "HEAD", "--inject", "\x1b[31m"],
        ["HEAD^", "HEAD", "--python", "\x1b[31m"],
        ["HEAD^", "HEAD", "-o", "/no/\x1b[31m/x.json"],
        ["HEAD^", "HEAD", "--config-file", "\x1b[31m.toml"],
        ["HEAD^", "HEAD", "--fail-on", "\x1b[31m"],
        ["HEAD^", "HEAD", "--\x1b[31m"],
        ["HEAD^", "HEAD", "--tests", "\x1b[31m.py"],
    ],
    ids=last_two,
)
def test_what_is_typed_wrong_is_shown_harmlessly(repository, deadheat_command, arguments):
    two_commits(repository)
    outcome = deadheat_command("compare", *arguments)
    finds_nothing = {"-k", "--benchmarks-root"} & set(arguments)
    assert outcome.code == (3 if finds_nothing else 2), outcome.err
    assert harmful(outcome.out + outcome.err) == set()


@pytest.mark.parametrize(
    "arguments",
    [
        ["\x1b[5mno-such-ref", "HEAD"],
        ["HEAD^", "HEAD", "--functions", "pkg/core.py::\x1b[5m"],
        ["HEAD^", "HEAD", "--inject", "\x1b[5m"],
        ["HEAD^", "HEAD", "--fail-on", "\x1b[5m"],
        ["HEAD^", "HEAD", "--\x1b[5m"],
        ["HEAD^", "HEAD", "--script", "printf '\x1b[5m'; exit 3"],
    ],
    ids=last_two,
)
def test_a_terminal_gets_no_escapes_from_elsewhere(repository, arguments):
    """Captured output says nothing of it: escapes are stripped there."""
    two_commits(repository)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command("compare", *arguments), cwd=repository.folder, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    seen = b""
    with contextlib.suppress(OSError):
        while part := os.read(ours, 4096):
            seen += part
    os.close(ours)
    assert process.wait() != 0
    assert b"deadheat:" in seen or b"error:" in seen
    assert b"\x1b[5m" not in seen


def test_nothing_is_written_where_nobody_pointed(repository, deadheat_command, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "data").write_text("mine")
    two_commits(repository)
    (repository.folder / "link").symlink_to(outside)
    (repository.folder / "into-git.json").symlink_to(".git/config")
    state = repository.state()
    before = sorted(outside.rglob("*"))
    for arguments in (
        ["--inject", "../outside"],
        ["--inject", "link/../../outside"],
        ["--inject", str(outside)],
        ["--inject", ".git"],
        ["--inject", ".git/config"],
        ["--benchmarks-root", "../outside"],
        ["-o", "link"],
        ["-o", "json:../outside"],
        ["-o", "json:.git/HEAD"],
        ["-o", ".git/new.json"],
        ["-o", "into-git.json"],
        ["-o", "pytest-benchmark:.git/run"],
    ):
        outcome = deadheat_command("compare", "HEAD^", "HEAD", *arguments)
        assert outcome.code == 2, (arguments, outcome.err)
    for key in ("module-root", "tests-root", "benchmarks-root"):
        repository.write({"pyproject.toml": f"[tool.deadheat]\n{key} = '../outside'\n"})
        outcome = deadheat_command("compare", "HEAD^", "HEAD")
        assert outcome.code == 2, (key, outcome.err)
    repository.write({"pyproject.toml": "[tool.deadheat]\nstate-dir = 'link'\n"})
    assert deadheat_command("start").code == 2
    repository.write({"pyproject.toml": "[tool.deadheat]\ninject = ['../outside']\n"})
    assert deadheat_command("compare", "HEAD^", "HEAD").code == 2
    (repository.folder / "pyproject.toml").unlink()
    assert repository.state() == state
    assert sorted(outside.rglob("*")) == before
    assert (outside / "data").read_text() == "mine"


HELLO = '{"reply": "hello", "protocol": %d, "python": "3.11.7", "pytest": "9", "implementation": "CPython"}'
LINES = {
    "another version": (HELLO % 2, "speaks version 2 of the protocol"),
    "no JSON": ("}{", "the answer cannot be read"),
    "no UTF-8": ("\\xff\\xfe", "the answer cannot be read"),
    "no such reply": ('{"reply": "goodbye"}', "the answer cannot be read"),
    "a field is missing": ('{"reply": "hello"}', "the answer cannot be read"),
    "out of order": ('{"reply": "stopped"}', "the worker answered out of order"),
    "not an object": ("[1, 2]", "the answer cannot be read"),
    "deeply nested": ("[" * 200_000, "the answer cannot be read"),
    "too long": ("x" * (65 << 20), "the line does not end"),
    "nothing": ("", "the answer cannot be read"),
}


@pytest.mark.parametrize("line", LINES)
def test_a_worker_that_does_not_keep_to_the_protocol_is_refused(repository, deadheat_command, tmp_path, line):
    """The interpreter is real, but answers with this line instead of running the worker's script."""
    text, words = LINES[line]
    two_commits(repository)
    answers = tmp_path / "line"
    answers.write_bytes(
        text.encode("latin-1").decode("unicode_escape").encode("latin-1") if "\\x" in text else text.encode()
    )
    folder = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    site = next((folder / "lib").glob("python*")) / "site-packages"
    (site / "own.pth").write_text(f"{pytest.__path__[0].rpartition('/')[0]}\nimport answer_instead\n")
    (site / "answer_instead.py").write_text(
        "import os, sys\n"
        # If no worker can be forked, each is started on its own.
        "if any(part.endswith('scripts/fork_server.py') for part in sys.orig_argv):\n"
        "    os._exit(1)\n"
        "if any(part.endswith('scripts/worker.py') for part in sys.orig_argv):\n"
        "    sys.stdin.readline()\n"
        f"    data = open({str(answers)!r}, 'rb').read() + b'\\n'\n"
        "    while data:\n"
        "        data = data[os.write(1, data):]\n"
        "    sys.stdin.read()\n"
        "    os._exit(0)\n"
    )
    outcome = deadheat_command("compare", "HEAD^", "HEAD", "--python", folder / "bin" / "python")
    # A valid line of the protocol is not the suite's fault.
    assert outcome.code == (5 if line in ("another version", "out of order") else 3), outcome.err
    assert words in outcome.err
    assert "panicked" not in outcome.err
    assert len(outcome.err) < 10_000
    check_sound(repository)
