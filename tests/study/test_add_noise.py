"""`denoise add-noise`: depth and metadata stay, what is clipped is said, and nothing is overwritten."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

GREY = np.random.default_rng(2).integers(60, 190, (40, 50), dtype=np.uint8)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(GREY).save("grey.png", dpi=(300, 300))
    Image.fromarray(np.zeros((100, 100), np.uint8)).save("black.png")
    rgba = np.dstack([GREY, GREY, GREY, np.tile(np.arange(50, dtype=np.uint8), (40, 1))])
    Image.fromarray(rgba).save("rgba.png")
    tifffile.imwrite("deep.tif", GREY.astype(np.uint16) * 257, compression="lzw", predictor=True, photometric="minisblack")
    tifffile.imwrite("pages.tif", np.stack([GREY, GREY]), photometric="minisblack")
    tifffile.imwrite("inverted.tif", 255 - np.full((60, 60), 200, np.uint8), photometric="miniswhite")
    np.save("floats.npy", GREY / 255)
    np.save("negative.npy", GREY / 255 - 1)
    np.save("nan.npy", np.full((9, 9), np.nan))
    (tmp_path / "text.png").write_text("no picture\n")
    return tmp_path


def test_the_file_holds_the_noise_in_its_own_depth_with_its_metadata(denoise: Callable[..., Any], desk: Path) -> None:
    outcome = denoise("add-noise", "grey.png", "-o", "noisy.png", "--gaussian", "10/255")
    assert outcome.code == 0, outcome.err
    made = Image.open(desk / "noisy.png")
    assert made.mode == "L"
    assert made.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    change = np.asarray(made).astype(float) - GREY
    assert change.std() == pytest.approx(10, rel=0.1)
    denoise("add-noise", "deep.tif", "--gaussian", "10/255")
    assert tifffile.imread(desk / "deep_noisy.tif").dtype == np.uint16


def test_the_same_picture_and_seed_give_the_same_noise_under_any_name(denoise: Callable[..., Any], desk: Path) -> None:
    (desk / "folder" / "deep").mkdir(parents=True)
    Image.fromarray(GREY).save(desk / "folder" / "deep" / "other_name.png")
    Image.fromarray(GREY).save(desk / "folder" / "twin.bmp")
    Image.fromarray(GREY + np.uint8(1)).save(desk / "folder" / "almost.png")
    assert denoise("add-noise", "folder", "-r", "-o", "out", "--gaussian", "0.1").code == 0
    assert denoise("add-noise", "grey.png", "--gaussian", "0.1").code == 0
    assert denoise("add-noise", "grey.png", "-o", "seven.png", "--gaussian", "0.1", "--seed", "7").code == 0
    alone = np.asarray(Image.open(desk / "grey_noisy.png")).astype(int)
    for name in ("deep/other_name.png", "twin.bmp"):
        assert (np.asarray(Image.open(desk / "out" / name)) == alone).all(), name
    almost = np.asarray(Image.open(desk / "out" / "almost.png")).astype(int)
    assert np.corrcoef((almost - GREY).ravel(), (alone - GREY).ravel())[0, 1] < 0.1
    assert (np.asarray(Image.open(desk / "seven.png")) != alone).mean() > 0.9


def test_how_much_was_clipped_is_said(denoise: Callable[..., Any], desk: Path) -> None:  # noqa: ARG001
    said = denoise("add-noise", "black.png", "--gaussian", "0.1").err
    (percent,) = re.findall(r"([\d.]+)% of the samples clipped", said)
    assert float(percent) == pytest.approx(50, abs=1.5)
    assert "clipped" not in denoise("add-noise", "grey.png", "--gaussian", "0.01").err


@pytest.mark.parametrize("name", ["out.tif", "out.npy"])
def test_no_clip_keeps_what_lies_beyond(name: str, denoise: Callable[..., Any], desk: Path) -> None:
    assert denoise("add-noise", "black.png", "-o", name, "--gaussian", "0.1", "--no-clip").code == 0
    made = tifffile.imread(desk / name) if name.endswith("tif") else np.load(desk / name)
    assert made.dtype == np.float32
    assert (made < 0).mean() == pytest.approx(0.5, abs=0.02)
    assert made.std() == pytest.approx(0.1, rel=0.03)


def test_no_clip_takes_compressed_tiffs_alpha_and_folders(denoise: Callable[..., Any], desk: Path) -> None:
    assert denoise("add-noise", "deep.tif", "-o", "a.tif", "--gaussian", "0.1", "--no-clip").code == 0
    assert tifffile.imread(desk / "a.tif") == pytest.approx(GREY / 255, abs=0.6)
    assert denoise("add-noise", "rgba.png", "-o", "b.tif", "--gaussian", "0.1", "--no-clip").code == 0
    np.testing.assert_allclose(tifffile.imread(desk / "b.tif")[:, :, 3], np.tile(np.arange(50) / 255, (40, 1)), atol=1e-7)
    assert denoise("add-noise", "grey.png", "rgba.png", "-o", "out", "--gaussian", "0.1", "--no-clip", "--format", "tiff").code == 0
    assert tifffile.imread(desk / "out" / "grey.tif").dtype == np.float32


def test_transparency_is_untouched(denoise: Callable[..., Any], desk: Path) -> None:
    assert denoise("add-noise", "rgba.png", "--salt-pepper", "0.5").code == 0
    before, after = (np.asarray(Image.open(desk / name)) for name in ("rgba.png", "rgba_noisy.png"))
    assert (before[:, :, 3] == after[:, :, 3]).all()
    assert (before[:, 1:, :3] != after[:, 1:, :3]).mean() == pytest.approx(0.5, abs=0.05)


def test_every_page_has_noise_of_its_own(denoise: Callable[..., Any], desk: Path) -> None:
    assert denoise("add-noise", "pages.tif", "--gaussian", "0.1").code == 0
    pages = tifffile.imread(desk / "pages_noisy.tif").astype(float) - GREY
    assert pages.shape == (2, 40, 50)
    assert abs(np.corrcoef(pages[0].ravel(), pages[1].ravel())[0, 1]) < 0.1


def test_photons_are_counted_in_light_where_white_is_zero(denoise: Callable[..., Any], desk: Path) -> None:
    assert denoise("add-noise", "inverted.tif", "--poisson", "1000").code == 0
    light = (255 - tifffile.imread(desk / "inverted_noisy.tif").astype(float)) / 255
    level = 200 / 255
    assert light.mean() == pytest.approx(level, abs=0.002)
    assert light.var() == pytest.approx(level / 1000, rel=0.1)


def test_floats_stay_floats_and_are_clipped_only_for_formats_without_them(denoise: Callable[..., Any], desk: Path) -> None:
    assert denoise("add-noise", "floats.npy", "--gaussian", "1").code == 0
    made = np.load(desk / "floats_noisy.npy")
    assert made.dtype == np.float64
    assert made.min() < -1
    outcome = denoise("add-noise", "floats.npy", "-o", "floats.png", "--gaussian", "1")
    assert outcome.code == 0
    assert "clipped" in outcome.err


def test_a_result_that_exists_is_kept(denoise: Callable[..., Any], desk: Path) -> None:
    words = ("add-noise", "grey.png", "black.png", "-o", "out", "--gaussian", "0.1")
    assert denoise(*words).code == 0
    first = (desk / "out" / "grey.png").read_bytes()
    assert denoise(*words, "--seed", "1").code == 1
    assert denoise(*words, "--seed", "1", "--skip-existing").code == 0
    assert (desk / "out" / "grey.png").read_bytes() == first
    assert denoise(*words, "--seed", "1", "--overwrite").code == 0
    assert (desk / "out" / "grey.png").read_bytes() != first


def test_one_bad_picture_does_not_stop_the_others(denoise: Callable[..., Any], desk: Path) -> None:
    outcome = denoise("add-noise", "text.png", "grey.png", "-o", "out", "--gaussian", "0.1")
    assert outcome.code == 1
    assert "text.png" in outcome.err
    assert (desk / "out" / "grey.png").exists()


def test_pages_become_an_array_of_pages(desk, denoise):
    outcome = denoise("add-noise", "pages.tif", "-o", "pages.npy", "--gaussian", "0.1", "--no-clip")
    assert outcome.code == 0
    assert "named" not in outcome.err
    made = np.load(desk / "pages.npy")
    assert made.shape == (2, *GREY.shape)
    assert np.std(made - GREY / 255) == pytest.approx(0.1, rel=0.1)


CASES = {
    "no noise": (["grey.png"], 2, ["--gaussian 25/255"]),
    "no number": (["grey.png", "--gaussian", "25/0"], 2, ["25/0", "25/255"]),
    "sigma zero": (["grey.png", "--gaussian", "0"], 2, ["--gaussian", "positive"]),
    "too many impulses": (["grey.png", "--salt-pepper", "2"], 2, ["--salt-pepper", "at most 1"]),
    "whole pixels of nothing": (["grey.png", "--gaussian", "1", "--whole-pixels"], 2, ["--whole-pixels", "--salt-pepper"]),
    "negative photons": (["negative.npy", "--poisson", "9"], 1, ["negative.npy", "photons"]),
    "NaN": (["nan.npy", "--gaussian", "1"], 1, ["nan.npy", "NaN"]),
    "no picture": (["text.png", "--gaussian", "1"], 1, ["text.png", "not a picture"]),
    "a missing file": (["none.png", "--gaussian", "1"], 1, ["none.png", "no such file"]),
    "the input as output": (["grey.png", "-o", "grey.png", "--gaussian", "1", "--overwrite"], 1, ["never overwrites"]),
    "no clip to PNG": (["grey.png", "--gaussian", "1", "--no-clip"], 1, ["PNG", ".tif", ".npy"]),
    "pages to PNG": (["pages.tif", "-o", "p.png", "--gaussian", "1"], 1, ["2 pages", "tif"]),
    "many into one": (["grey.png", "black.png", "-o", "one.png", "--gaussian", "1"], 2, ["one.png", "folder"]),
    "an unknown format": (["grey.png", "--gaussian", "1", "--format", "gif"], 2, ["gif", "tiff"]),
    "a folder without pictures": (["empty", "--gaussian", "1"], 2, ["empty", "no picture"]),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_one_line(case: str, denoise: Callable[..., Any], desk: Path) -> None:
    (desk / "empty").mkdir()
    words, code, said = CASES[case]
    before = sorted(desk.iterdir())
    outcome = denoise("add-noise", *words)
    assert outcome.code == code, outcome.err
    assert len(outcome.err.strip().splitlines()) == 1, outcome.err
    assert all(word in outcome.err for word in said), outcome.err
    assert sorted(desk.iterdir()) == before


@pytest.mark.parametrize("command", ["add-noise", "benchmark"])
def test_levels_of_255_are_not_taken_for_the_whole_range(denoise, tmp_path, command):
    Image.fromarray(np.full((16, 16), 90, np.uint8)).save(tmp_path / "a.png")
    extra = ("--methods", "matlab") if command == "benchmark" else ()
    outcome = denoise(command, tmp_path / "a.png", "--gaussian", 25, *extra)
    assert outcome.code == 1
    assert "did you mean --gaussian 25/255?" in outcome.err
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    np.save(tmp_path / "counts.npy", np.full((16, 16), 900.0))
    assert denoise(command, tmp_path / "counts.npy", "--gaussian", 25, *extra).code == 0
