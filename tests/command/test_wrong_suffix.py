"""A file whose name says another format than its bytes: the result keeps what the file is, or says what it became."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

FAST = ("--lambda", "0.1", "--iterations", "3")


@pytest.fixture
def png_inside(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    Image.fromarray(np.random.default_rng(14).integers(80, 160, (24, 20, 3), dtype=np.uint8)).save(path, "PNG")
    return path


def format_of(path: Path) -> str | None:
    with Image.open(path) as image:
        return image.format


@pytest.mark.parametrize("words", [(), ("-o", "FOLDER")], ids=["beside the input", "into a folder"])
def test_a_png_named_jpg_stays_a_png_where_the_result_is_named_after_it(denoise, png_inside, tmp_path, words):
    (tmp_path / "clean").mkdir()
    target = tmp_path / "clean" / "photo.jpg" if words else tmp_path / "photo_denoised.jpg"
    outcome = denoise(png_inside, *FAST, *(tmp_path / "clean" if word == "FOLDER" else word for word in words))
    assert outcome.code == 0, outcome.err
    assert format_of(target) == "PNG"
    assert "is a PNG file named .jpg; written as PNG" in outcome.err


@pytest.mark.parametrize("words", [("-o", "RESULT"), ("--format", "jpeg", "-o", "RESULT")])
def test_a_png_named_jpg_becomes_a_jpeg_where_that_was_typed_and_it_is_said(denoise, png_inside, tmp_path, words):
    target = tmp_path / "result.jpg"
    outcome = denoise(png_inside, *FAST, *(target if word == "RESULT" else word for word in words))
    assert outcome.code == 0, outcome.err
    assert format_of(target) == "JPEG"
    assert "is a PNG file named .jpg; written as JPEG" in outcome.err


@pytest.mark.parametrize(
    ("before", "words"), [((), (*FAST, "-o")), ((), (*FAST, "--residual")), (("add-noise",), ("--gaussian", "0.1", "-o"))]
)
def test_a_name_and_a_format_that_contradict_one_another_are_refused(denoise, png_inside, tmp_path, before, words):
    outcome = denoise(*before, png_inside, "--format", "jpeg", *words, tmp_path / "x.png")
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1
    assert "x.png: the name says PNG, --format says JPEG; leave --format out, or change" in outcome.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photo.jpg"]


@pytest.mark.parametrize("name", ["x", "x.dat", "x.JPE"])
def test_a_name_that_says_nothing_else_takes_the_format_that_is_typed(denoise, png_inside, tmp_path, name):
    assert denoise(png_inside, *FAST, "--format", "jpeg", "-o", tmp_path / name).code == 0
    assert format_of(tmp_path / name) == "JPEG"


def test_noise_residuals_and_paths_keep_the_format_as_well(denoise, png_inside, tmp_path):
    noisy = denoise("add-noise", png_inside, "--gaussian", "0.1")
    assert format_of(tmp_path / "photo_noisy.jpg") == "PNG"
    assert "is a PNG file named .jpg; written as PNG" in noisy.err
    (tmp_path / "removed").mkdir()
    assert denoise(png_inside, *FAST, "--residual", tmp_path / "removed").code == 0
    assert format_of(tmp_path / "removed" / "photo.jpg") == "PNG"
    assert denoise("path", png_inside, "--lambdas", "0.1", "-o", tmp_path / "sheet.png", "--results", tmp_path / "many").code == 0
    assert {format_of(path) for path in (tmp_path / "many").iterdir()} == {"PNG"}


def test_nothing_is_said_of_a_name_that_is_right(denoise, tmp_path):
    picture = tmp_path / "right.PNG"
    Image.fromarray(np.full((8, 8), 90, np.uint8)).save(picture)
    assert "named" not in denoise(picture, *FAST).err


def test_a_result_whose_name_says_no_format_says_which_one_it_has(denoise, tmp_path):
    for name in ("a.png", "a.v2"):
        Image.fromarray(np.full((8, 8), 90, np.uint8)).save(tmp_path / name, "PNG")
    outcome = denoise(tmp_path / "a.png", *FAST, "-o", tmp_path / "b.jpgg")
    assert format_of(tmp_path / "b.jpgg") == "PNG"
    assert "no format is called .jpgg; written as PNG" in outcome.err
    for words in (("a.png", "-o", tmp_path / "b"), ("a.v2",), ("a.png", "-o", tmp_path / "c.dat", "--format", "jpeg")):
        assert "no format" not in denoise(tmp_path / words[0], *FAST, *words[1:]).err
