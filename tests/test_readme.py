"""The README shows the report of `docs/example.json.gz` as this version writes it.

`make pictures` takes the picture again, and `make example` measures the report again.
"""

import gzip
import hashlib
import os
import re
import subprocess

import pytest

from conftest import CHROMIUM, ROOT, command

DOCS = ROOT / "docs"
PICTURE, PAGE_OF_PICTURE = DOCS / "report.png", DOCS / "report.png.page-sha256"


@pytest.fixture
def report(tmp_path):
    path = tmp_path / "example.json"
    path.write_bytes(gzip.decompress((DOCS / "example.json.gz").read_bytes()))
    return path


def written(report, *arguments):
    completed = subprocess.run(
        command("report", report, *arguments),
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "100", "NO_COLOR": "1"},
    )
    return completed.stdout


def shown_in(page):
    """Returns a page's text, and the lines of the example in it."""
    text = page.read_text()
    (block,) = re.findall(r"```console\n\$ deadheat demo\n(.*?)```", text, re.DOTALL)
    return text, block.splitlines()


def the_same_of(shown, lines):
    """Returns the lines of another measurement: the next with the same first word, else the next one."""
    place, found = 0, []
    for old in shown[:-1]:
        if old.strip() == "...":
            found.append(old)
            continue
        same = [number for number in range(place, len(lines)) if lines[number].split()[:1] == old.split()[:1]]
        place = (same or [place])[0] + 1
        found.append(lines[place - 1])
    return [*found, next(line for line in lines if "; geometric mean " in line)]


@pytest.mark.quick
@pytest.mark.parametrize("page", [ROOT / "README.md", DOCS / "index.md"], ids=["README", "site"])
def test_the_example_is_shown_as_it_is(page, report):
    text, shown = shown_in(page)
    lines = written(report).splitlines()
    if "DEADHEAT_PICTURES" in os.environ:
        page.write_text(text.replace("\n".join(shown), "\n".join(the_same_of(shown, lines))))
        shown = shown_in(page)[1]
    rest = iter(lines)
    for line in shown:
        if line.strip() != "...":
            assert line in rest, f"not in the output, or not in this order: {line!r}"


@pytest.mark.skipif("DEADHEAT_PICTURES" in os.environ, reason="the picture is being taken")
def test_the_picture_is_that_of_the_page(report):
    page = written(report, "-o", "html:-")
    assert hashlib.sha256(page.encode()).hexdigest() == PAGE_OF_PICTURE.read_text().strip(), "run `make pictures`"


@pytest.mark.skipif("DEADHEAT_PICTURES" not in os.environ, reason="`make pictures` takes the picture")
def test_take_the_picture(report):
    from playwright.sync_api import sync_playwright

    page_of_report = report.with_suffix(".html")
    page_of_report.write_text(written(report, "-o", "html:-"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        page = browser.new_page(viewport={"width": 1200, "height": 1240}, device_scale_factor=1.5)
        page.goto(page_of_report.as_uri())
        page.locator("#benchmarks .open").nth(0).click()
        page.mouse.move(0, 0)
        page.screenshot(path=PICTURE)
        browser.close()
    PAGE_OF_PICTURE.write_text(hashlib.sha256(page_of_report.read_bytes()).hexdigest() + "\n")
