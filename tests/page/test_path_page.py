"""denoise path --html: the picture at every λ, and the command that gives it."""

from __future__ import annotations

import base64
import io
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, samples: Path) -> Path:
    from denoise_cli.cli.app import main

    folder = tmp_path_factory.mktemp("path")
    for name in ("camera_gaussian.png", "camera.png"):
        Image.open(samples / name).crop((60, 40, 160, 130)).save(folder / name)
    picture = folder / "a <b>.png"
    (folder / "camera_gaussian.png").rename(picture)
    words = ["path", picture, "--steps", 3, "--html", folder / "p.html", "--reference", folder / "camera.png", "--gap", "1e-5"]
    assert main([str(word) for word in words]) == 0
    return folder / "p.html"


def told(page: Path) -> Any:
    found = re.search(r'^<script type="application/json" id="path">(.*)</script>$', page.read_text(), re.MULTILINE)
    assert found is not None
    return json.loads(found[1])


def pixels(url: str) -> Any:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))))


def test_each_step_is_the_picture_that_its_command_gives(denoise: Run, page: Path, tmp_path: Path) -> None:
    steps = told(page)["steps"]
    assert [step["automatic"] for step in steps] == [False, True, False]
    assert np.array_equal(pixels(told(page)["others"][0]["picture"]), np.asarray(Image.open(page.with_name("a <b>.png"))))
    for at, step in enumerate(steps):
        for about, text in step["commands"]:
            result = tmp_path / f"{at}.png"
            assert denoise(*shlex.split(text)[1:], "-o", result, "--overwrite").code == 0, about
            assert np.abs(np.asarray(Image.open(result)).astype(int) - pixels(step["picture"])).max() <= 1


def test_a_page_under_another_name_or_over_a_file_is_refused(denoise: Run, page: Path, tmp_path: Path) -> None:
    picture = page.with_name("camera.png")
    for name, said in (("p.png", "name it .html"), ("there.html", "exists already")):
        (tmp_path / "there.html").write_text("mine")
        run = denoise("path", picture, "--html", tmp_path / name, "-o", tmp_path / "sheet.png")
        assert run.code != 0
        assert said in run.err
    assert (tmp_path / "there.html").read_text() == "mine"
    assert not (tmp_path / "sheet.png").exists()


@pytest.mark.parametrize(("width", "dark"), [(390, True), (1280, False)])
def test_it_loads_without_a_word_in_the_console(browser: Any, page: Path, width: int, dark: bool) -> None:
    assert browser.open(page, width=width, dark=dark) == []
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    assert browser.run("return document.querySelector('h1').textContent") == "a <b>.png"


def test_the_dial_shows_another_lambda_with_its_command(browser: Any, page: Path) -> None:
    browser.open(page)
    steps = told(page)["steps"]

    def shown() -> tuple[str, str]:
        right, command = browser.run("return [compare.right.src, document.querySelector('#commands code').textContent]")
        return str(right), str(command)

    assert shown() == (steps[1]["picture"], steps[1]["commands"][0][1])
    browser.run("range.focus()")
    browser.press("right")
    assert shown() == (steps[2]["picture"], steps[2]["commands"][0][1])
    assert browser.run("return range.getAttribute('aria-valuetext')").startswith("λ ")
    browser.click("tbody tr:nth-child(1) button")
    assert shown() == (steps[0]["picture"], steps[0]["commands"][0][1])
    assert browser.run("return document.querySelectorAll('[aria-current]').length") == 1


def test_a_lambda_can_be_compared_with_the_automatic_one_and_the_clean_picture(browser: Any, page: Path) -> None:
    browser.open(page)
    path = told(page)
    for at, expected in ((1, path["steps"][1]["picture"]), (2, path["others"][2]["picture"])):
        browser.run("others.value = arguments[0]; others.dispatchEvent(new Event('change'))", at)
        assert browser.run("return compare.left.src") == expected
    assert browser.run("return compare.leftName.textContent") == "clean"
