"""The HTML report in a real browser."""

import itertools
import json
import os
import subprocess

import pytest

from conftest import CHROMIUM, WORK, command

pytestmark = [
    pytest.mark.counted,
    pytest.mark.xdist_group("one browser, and one report for all"),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (Debian: apt-get install chromium)"),
]

CONTRAST = """
() => {
    const parse = color => color.match(/[\\d.]+/g).map(Number);
    const luminance = ([r, g, b]) => {
        const [x, y, z] = [r, g, b].map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const background = element => {
        for (let at = element; at; at = at.parentElement) {
            const color = parse(getComputedStyle(at).backgroundColor);
            if (color.length === 3 || color[3] === 1) return color;
        }
        return [255, 255, 255];
    };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const poor = [];
    let seen = 0;
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const element = node.parentElement;
        if (!node.data.trim() || !element.checkVisibility() || element.closest("script")) continue;
        const style = getComputedStyle(element);
        const color = parse(element.closest("svg") ? style.fill : style.color);
        const [light, dark] = [luminance(color), luminance(background(element))].sort((a, b) => b - a);
        const ratio = (light + 0.05) / (dark + 0.05);
        seen += 1;
        if (ratio < 4.5) poor.push(`${ratio.toFixed(2)} ${node.data.trim()}`);
    }
    return [seen, poor];
}
"""


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """Opens a file; any complaint of the browser, or request for anything else, fails the test."""
    complaints = []
    pages = []

    def open_page(path, script=True, **settings):
        settings = {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light", **settings}
        page = browser.new_page(java_script_enabled=script, **settings)
        pages.append(page)
        url = path.as_uri()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: request.url == url or complaints.append(request.url))
        page.goto(url)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert complaints == []


@pytest.fixture(scope="module")
def demo(tmp_path_factory, counted_package):
    """The demo's report as a page, and as JSON."""
    folder = tmp_path_factory.mktemp("demo")
    outputs = ("-o", folder / "report.html", "-o", f"json:{folder / 'report'}")
    subprocess.run(
        command("demo", "-q", *outputs, package=counted_package),
        env={**os.environ, "XDG_CACHE_HOME": str(folder)},
        check=True,
        capture_output=True,
        timeout=300,
    )
    return folder / "report.html", json.loads((folder / "report").read_text())


def names(page):
    """Returns the names of the visible rows, in order."""
    return page.locator("#benchmarks .open:visible").all_inner_texts()


def short(row):
    return row["benchmark"].rpartition("::")[2]


def test_the_answer_comes_first(demo, open_page):
    path, report = demo
    page = open_page(path)
    counts = report["summary"]["counts"]
    answer = page.locator("h1").inner_text()
    for verdict in ("regressed", "improved"):
        assert (f"{counts[verdict]} {verdict}" in answer) == (counts[verdict] > 0)
    assert page.title() == "deadheat: HEAD^ → HEAD"
    text = page.locator("main").inner_text()
    for side in ("base", "head"):
        assert report["revisions"][side]["commit"] in text
    assert f"--seed {report['seed']}" in text
    assert "ImportError: cannot import name 'monthly'" in text


def test_rows_are_sorted_filtered_and_searched(demo, open_page):
    path, report = demo
    page = open_page(path)
    rows = report["comparisons"]

    def by(key, reverse=False):
        return [short(row) for row in sorted(rows, key=key, reverse=reverse)]

    assert names(page) == by(lambda row: row["estimate"]["point_estimate"], reverse=True)
    page.get_by_role("button", name="benchmark", exact=True).click()
    assert names(page) == by(short)
    assert page.get_by_role("columnheader", name="benchmark").get_attribute("aria-sort") == "ascending"
    page.get_by_role("button", name="benchmark", exact=True).click()
    assert names(page) == by(short, reverse=True)
    page.get_by_role("button", name="base", exact=True).click()
    assert names(page) == by(lambda row: row["base"]["median_ns"], reverse=True)

    verdict = rows[0]["verdict"]
    chip = page.locator(f".chip[data-only={verdict}]")
    chip.click()
    assert chip.get_attribute("aria-pressed") == "true"
    wanted = {short(row) for row in rows if row["verdict"] == verdict}
    assert set(names(page)) == wanted
    assert page.get_by_role("status").inner_text() in {f"{len(wanted)} of {len(rows)} shown", f"{len(rows)} shown"}
    chip.click()
    assert len(names(page)) == len(rows)

    page.keyboard.press("/")
    page.keyboard.type("LEDGER bal")
    assert names(page) == ["test_balance"]
    page.get_by_role("searchbox").fill("nothing is called this")
    assert names(page) == []
    assert page.locator("#none").is_visible()


def test_a_row_opens_with_the_keyboard_and_shows_how_it_came_about(demo, open_page):
    path, report = demo
    page = open_page(path)
    row = max(report["comparisons"], key=lambda row: row["estimate"]["point_estimate"])
    first, second = page.locator("#benchmarks .open").nth(0), page.locator("#benchmarks .open").nth(1)
    first.focus()
    assert page.locator(".panel:visible").count() == 0
    page.keyboard.press("ArrowDown")
    assert second.evaluate("element => element === document.activeElement")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    assert first.get_attribute("aria-expanded") == "true"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    panel = page.locator(".panel:visible")
    assert row["benchmark"] in panel.inner_text()
    ratios, samples = panel.locator(".figure[role=img]").all()
    assert f"{len(row['replicates'])} replicates, in time order" in ratios.get_attribute("aria-label")
    assert "base median" in samples.get_attribute("aria-label")
    assert ratios.locator(".dots").get_attribute("d").count("M") == len(row["replicates"])
    assert ratios.bounding_box()["height"] > 100
    for function in row["functions"]:
        assert panel.get_by_role("row", name=function["name"]).locator(".bars rect").count() == 2
    page.keyboard.press("Space")
    assert first.get_attribute("aria-expanded") == "false"
    # A click anywhere in the row works.
    page.locator("#benchmarks .row .verdict").nth(0).click()
    assert first.get_attribute("aria-expanded") == "true"


def test_a_link_opens_its_benchmark(demo, open_page):
    path, report = demo
    page = open_page(path)
    page.evaluate("location.hash = '#b1'")
    panel = page.locator("#b1 .panel")
    panel.wait_for(state="visible")
    assert report["comparisons"][1]["benchmark"] in panel.inner_text()
    # The row is below the heading, which stays in sight.
    heading = page.locator("#benchmarks > thead").bounding_box()
    row = page.locator("#b1 .row").bounding_box()
    assert row["y"] >= heading["y"] + heading["height"] - 1
    assert row["y"] < 300


def test_the_labels_of_the_axis_are_whole(demo, open_page):
    for width in (1280, 1181, 900, 400):
        page = open_page(demo[0], viewport={"width": width, "height": 800})
        axis = page.locator("#benchmarks .labels").bounding_box()
        labels = [label.bounding_box() for label in page.locator("#benchmarks .labels text").all()]
        assert len(labels) >= 2
        for label in labels:
            # A bounding box includes the halo of its letters.
            assert label["x"] >= axis["x"] - 2
            assert label["x"] + label["width"] <= axis["x"] + axis["width"] + 2
        labels.sort(key=lambda label: label["x"])
        for left, right in itertools.pairwise(labels):
            assert left["x"] + left["width"] <= right["x"] + 4


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_themes_can_be_read(demo, open_page, scheme):
    page = open_page(demo[0], color_scheme=scheme)
    page.locator("#benchmarks .open").nth(0).click()
    seen, poor = page.evaluate(CONTRAST)
    assert seen > 100
    assert poor == []


def test_the_theme_can_be_chosen(demo, open_page):
    page = open_page(demo[0])
    background = "getComputedStyle(document.body).backgroundColor"
    system = page.evaluate(background)
    button = page.get_by_role("button", name="Theme")
    button.click()
    assert (button.inner_text(), page.evaluate(background)) == ("Theme: light", system)
    button.click()
    assert button.inner_text() == "Theme: dark"
    assert page.evaluate(background) != system
    page.reload()
    assert button.inner_text() == "Theme: dark"
    assert page.evaluate(background) != system


@pytest.mark.parametrize("width", [1280, 800, 390])
def test_it_fits_every_width(demo, open_page, width):
    page = open_page(demo[0], viewport={"width": width, "height": 800})
    for button in page.locator("#benchmarks .open").all():
        button.click()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.locator("#benchmarks tbody .interval:visible").count() == len(demo[1]["comparisons"])


def test_without_script_everything_is_open(demo, open_page):
    path, report = demo
    page = open_page(path, script=False)
    assert page.locator(".panel:visible").count() == len(report["comparisons"])
    assert page.locator("#toolbar").is_hidden()


def test_names_are_shown_and_nothing_more(repository, deadheat_command, open_page, tmp_path):
    hostile = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&lt;"
    base = {
        "pkg/__init__.py": WORK.format(times=2),
        "bench/test_it.py": f"""\
            import pytest
            from pkg import work

            @pytest.mark.parametrize("size", [1000], ids=[{hostile!r}])
            def test_work(benchmark, size):
                benchmark(work, size)

            def test_fails(benchmark):
                raise ValueError({hostile!r})
            """,
    }
    repository.commit(base)
    repository.commit({"pkg/__init__.py": WORK.format(times=4)})
    path = tmp_path / "a report.html"
    outcome = deadheat_command(
        "compare", "HEAD^", "HEAD", "--benchmarks-root", "bench", "--replicates", 3, "-o", f"html:{path}"
    )
    assert outcome.code == 0, outcome.err
    page = open_page(path)
    assert names(page) == [f"test_work[{hostile}]"]
    assert page.locator("img:not(svg *)").count() == 0
    assert f"ValueError: {hostile}" in page.locator("main").inner_text()
    page.locator("#benchmarks .open").click()
    assert page.locator(".panel .id").inner_text() == f"bench/test_it.py::test_work[{hostile}]"


def test_html_goes_to_stdout_where_that_is_asked_for(deadheat_command, repository):
    refused = deadheat_command("compare", "--json", "-o", "html:-")
    assert refused.code == 2
    assert "stdout cannot hold both" in refused.err
    refused = deadheat_command("profile", "-o", "a.html")
    assert refused.code == 2
