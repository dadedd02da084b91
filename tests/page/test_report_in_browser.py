"""The report in Chromium, from the disk, offline: it loads, sorts, and shows before and after."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from denoise_cli.page.report_page import ReportPage

Run = Callable[..., Any]
SHIFTS = """
    return new Promise(resolve => {
      new PerformanceObserver(list => resolve(list.getEntries().reduce((sum, entry) => sum + entry.value, 0)))
        .observe({type: "layout-shift", buffered: true});
      setTimeout(() => resolve(0), 300);
    });
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, samples: Path) -> Path:
    from denoise_cli.cli.app import main

    folder = tmp_path_factory.mktemp("pages")
    (folder / "in").mkdir()
    for name in ("camera_gaussian.png", "camera_impulses.png", "coffee_gaussian.png"):
        (folder / "in" / name).write_bytes((samples / name).read_bytes())
    (folder / "in" / "<script>document.title='taken'<!--.png").write_bytes(b"no picture")
    assert main([str(folder / "in"), "-o", str(folder / "out"), "--report", str(folder / "r.html"), "--lambda", "0.1", "-q"]) == 1
    return folder / "r.html"


def names(browser: Any) -> list[str]:
    found: list[str] = browser.run("return [...document.querySelectorAll('tbody tr:not([hidden]) .file button')].map(b => b.textContent)")
    return found


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_it_loads_without_a_word_in_the_console(browser: Any, page: Path, width: int, dark: bool) -> None:
    assert browser.open(page, width=width, dark=dark) == []
    assert browser.run("return document.title") == "denoise: 3 done, 1 failed"
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    assert browser.run(SHIFTS) == 0
    ground = browser.run("return getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, ground[4:-1].split(", "))) < 120) is dark
    assert browser.run("return performance.getEntriesByType('resource').filter(each => !each.name.startsWith('data:')).length") == 0


def test_a_name_with_a_script_in_it_is_shown_as_text(browser: Any, page: Path) -> None:
    browser.open(page)
    assert "<script>document.title='taken'<!--.png" in names(browser)
    browser.run("items.find(item => item.row.error).button.click()")
    assert browser.run("return document.querySelector('.viewer h2').textContent").startswith("<script>")
    assert "not a picture" in browser.run("return document.querySelector('.none').textContent")
    assert browser.run("return document.title") == "denoise: 3 done, 1 failed"


def test_a_column_sorts_up_and_down_with_mouse_and_keyboard(browser: Any, page: Path) -> None:
    browser.open(page)
    browser.click("th[data-key=file] button")
    up = names(browser)
    assert up == sorted(up)
    assert browser.run("return document.querySelector('th[data-key=file]').getAttribute('aria-sort')") == "ascending"
    browser.press("enter")
    assert names(browser) == up[::-1]
    assert browser.run("return document.querySelector('th[data-key=file]').getAttribute('aria-sort')") == "descending"
    browser.click("th[data-key=seconds] button")
    seconds = browser.run("return items.map(item => item.row.seconds || Infinity).map(each => each === null ? 1e9 : each)")
    seconds = [1e9 if each is None else each for each in seconds]
    assert seconds == sorted(seconds)


def test_names_are_found_and_outcomes_chosen(browser: Any, page: Path) -> None:
    browser.open(page)
    browser.type("#find", "CAMERA")
    assert names(browser) == ["camera_gaussian.png", "camera_impulses.png"]
    assert browser.run("return document.getElementById('count').textContent") == "2 of 4 pictures"
    browser.run("byId('find').value = ''; byId('show').value = 'failed'; byId('show').dispatchEvent(new Event('change'))")
    assert len(names(browser)) == 1


def test_the_slider_moves_the_line_between_before_and_after(browser: Any, page: Path) -> None:
    browser.open(page)
    browser.run("items.find(item => item.row.name === 'camera_gaussian.png').button.click()")

    def at() -> tuple[float, float]:
        """Where the line is, and how much of the left picture can be seen, both as shares of the frame."""
        line, seen = browser.run("""
            const frame = document.querySelector(".scroller"), layers = document.querySelector(".layers");
            const cut = parseFloat(compare.left.style.clipPath.split(" ")[1]);
            const left = layers.offsetLeft - frame.scrollLeft;
            return [parseFloat(compare.divider.style.left) / frame.clientWidth, (left + layers.clientWidth - cut) / frame.clientWidth];
        """)
        return float(line), float(seen)

    assert at() == pytest.approx((0.5, 0.5), abs=0.01)
    browser.run("compare.range.focus()")
    for _ in range(10):
        browser.press("right")
    assert at() == pytest.approx((0.6, 0.6), abs=0.01)
    assert browser.run("return compare.range.getAttribute('aria-valuetext')") == "60 % input"
    browser.drag(".divider", -100)
    width = browser.run("return compare.scroller.clientWidth")
    assert at() == pytest.approx((0.6 - 100 / width,) * 2, abs=0.01)
    # What can be seen is what it says: left of the line the noisy picture, right of it the result.
    picture = np.asarray(Image.open(io.BytesIO(browser.picture())).convert("L")).astype(float)
    x, y, size = browser.run("const box = compare.layers.getBoundingClientRect(); return [box.x, box.y, box.height / 256]")
    line = at()[0] * width + browser.run("return compare.scroller.getBoundingClientRect().x")
    noisy = np.asarray(Image.open(page.parent / "in" / "camera_gaussian.png")).astype(float)
    clean = np.asarray(Image.open(page.parent / "out" / "camera_gaussian.png")).astype(float)
    rows = np.arange(100, 200)
    for column, expected, other in ((40, noisy, clean), (200, clean, noisy)):
        assert (x + column * size < line) == (expected is noisy)
        seen = picture[(y + (rows + 0.5) * size).astype(int), int(x + (column + 0.5) * size)]
        assert np.abs(seen - expected[rows, column]).mean() < np.abs(seen - other[rows, column]).mean() / 2


def test_the_zoom_magnifies_about_the_middle(browser: Any, page: Path) -> None:
    browser.open(page)
    middle = """
        const {scroller, layers} = compare;
        return [layers.clientWidth / 256, (scroller.scrollLeft + scroller.clientWidth / 2 - layers.offsetLeft) / layers.clientWidth];
    """
    browser.run("items.find(item => item.row.name === 'camera_gaussian.png').button.click()")
    browser.run("compare.zooms[5].click()")
    assert browser.run(middle) == pytest.approx([8, 0.5], abs=0.01)
    assert browser.run("return compare.zooms.map(zoom => zoom.getAttribute('aria-pressed'))") == ["false"] * 5 + ["true"]
    browser.run("compare.scroller.scrollLeft = 600; compare.zooms[3].click()")
    assert browser.run(middle) == pytest.approx([4, (600 + browser.run("return compare.scroller.clientWidth") / 2) / 2048], abs=0.01)


def test_arrow_keys_walk_through_the_pictures(browser: Any, page: Path) -> None:
    browser.open(page)
    shown = "return document.querySelector('.viewer h2').textContent"
    browser.run("visible[1].button.focus()")
    browser.press("down")
    assert browser.run(shown) == browser.run("return visible[2].row.name")
    browser.press("up")
    assert browser.run(shown) == browser.run("return visible[1].row.name")
    assert browser.run("return document.querySelectorAll('[aria-current]').length") == 1


def test_on_a_telephone_the_viewer_lies_over_the_list_and_escape_closes_it(browser: Any, page: Path) -> None:
    browser.open(page, width=390, height=844)
    seen = "return getComputedStyle(document.getElementById('viewer')).display !== 'none'"
    assert not browser.run(seen)
    browser.run("visible[2].button.click()")
    assert browser.run(seen)
    assert browser.run("return document.activeElement.id") == "viewer"
    browser.press("escape")
    assert not browser.run(seen)
    assert browser.run("return document.activeElement === visible[2].button")


def test_everything_that_can_be_used_has_a_name(browser: Any, page: Path) -> None:
    browser.open(page)
    browser.chrome("Accessibility.enable", {})
    nodes = browser.chrome("Accessibility.getFullAXTree", {})["nodes"]
    used = {"button", "slider", "combobox", "searchbox", "table", "img", "image"}
    roles = {node["role"]["value"] for node in nodes if not node.get("ignored")}
    assert {"table", "columnheader", "row", "cell", "slider", "button"} <= roles
    nameless = [
        node["role"]["value"] for node in nodes if not node.get("ignored") and node["role"]["value"] in used and not node["name"]["value"]
    ]
    assert nameless == []


def test_nothing_moves_where_less_motion_is_asked_for(browser: Any, page: Path) -> None:
    browser.open(page, reduced_motion=True)
    assert browser.run("return [...document.querySelectorAll('*')].every(each => getComputedStyle(each).transitionDuration === '0s')")


def test_a_thousand_rows_stay_fluent(browser: Any, page: Path, tmp_path: Path) -> None:
    lines = page.read_text().splitlines()
    start = '<script type="application/json" id="'
    run = json.loads(next(line for line in lines if line.startswith(start + "run"))[len(start) + 5 : -9])
    row = next(row for row in run["rows"] if row["crops"] is not None)
    line = next(line for line in lines if line.startswith(f'{start}crops-{row["crops"]}"'))
    crops = line[line.index(">") + 1 : -9].encode()
    with (tmp_path / "spool").open("w+b") as spool, (tmp_path / "many.html").open("wb") as stream:
        many = ReportPage(spool)
        for number in range(1000):
            many.add({**row, "name": f"{number}.png", "input": f"in/{number}.png", "seconds": number * 7919 % 1000 / 10 + 0.1}, crops)
        many.write(stream, "many", run)
    assert (tmp_path / "many.html").stat().st_size < 100e6
    assert browser.open(tmp_path / "many.html") == []
    # Rows that cannot be seen are not laid out, and their pictures not decoded.
    assert browser.run("return getComputedStyle(document.querySelector('tbody tr')).contentVisibility") == "auto"
    assert browser.run(
        "return [...document.querySelectorAll('td img')].every(each => each.loading === 'lazy' && each.decoding === 'async')"
    )
    assert browser.run("return items[900].button.checkVisibility({contentVisibilityAuto: true})") is False
    browser.click("th[data-key=seconds] button")
    assert browser.run("return items.every((item, at) => !at || items[at - 1].row.seconds <= item.row.seconds)")
    browser.run("items[900].button.focus()")
    browser.press("down")
    assert browser.run("return document.querySelector('.viewer h2').textContent === items[901].row.name")
    assert browser.run("return items[901].button.checkVisibility({contentVisibilityAuto: true})")
