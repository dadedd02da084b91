"""`denoise compare`: the numbers, what is said, what is refused."""

from __future__ import annotations

import csv
import io
import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

CLEAN = np.random.default_rng(5).integers(20, 200, (24, 32), dtype=np.uint8)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """clean.png, and pictures that differ from it by known amounts."""
    monkeypatch.chdir(tmp_path)
    for name, picture in {
        "clean": CLEAN,
        "same": CLEAN,
        "plus10": CLEAN + np.uint8(10),
        "plus20": CLEAN + np.uint8(20),
        "small": CLEAN[:9, :9],
        "small10": CLEAN[:9, :9] + np.uint8(10),
        "wide": CLEAN[:, :30],
        "grey_in_rgb": np.repeat(CLEAN[:, :, None], 3, 2),
        "rgb": np.stack([CLEAN, CLEAN + np.uint8(30), CLEAN], -1),
        "rgba": np.stack([CLEAN, CLEAN, CLEAN, np.full_like(CLEAN, 9)], -1),
    }.items():
        Image.fromarray(picture).save(f"{name}.png")
    Image.fromarray(CLEAN.astype(np.uint16) * 257).save("deep.png")
    np.save("floats.npy", CLEAN / 255)
    np.save("times255.npy", CLEAN.astype(np.float32))
    np.save("plus10.npy", CLEAN.astype(np.float32) + 10)
    np.save("nan.npy", np.full((24, 32), np.nan))
    np.save("flat.npy", np.full((24, 32), 7.0))
    np.save("flat8.npy", np.full((24, 32), 8.0))
    tifffile.imwrite("pages.tif", np.stack([CLEAN + np.uint8(10), CLEAN + np.uint8(30)]), photometric="minisblack")
    tifffile.imwrite("inverted.tif", ~CLEAN, photometric="miniswhite")
    return tmp_path


@pytest.fixture
def compared(denoise: Callable[..., Any], desk: Path) -> Callable[..., dict[str, Any]]:  # noqa: ARG001
    def run(*words: object) -> dict[str, Any]:
        outcome = denoise("compare", *words, "--json")
        assert outcome.code == 0, outcome.err
        # NaN and Infinity are no JSON.
        return json.loads(outcome.out, parse_constant=pytest.fail)["results"][0] | {"said": outcome.err}

    return run


def test_an_offset_of_ten_levels_has_the_figures_of_its_closed_form(compared: Callable[..., Any]) -> None:
    row = compared("clean.png", "plus10.png")
    assert row["rmse"] == pytest.approx(10 / 255)
    assert row["mae"] == pytest.approx(10 / 255)
    assert row["psnr_db"] == pytest.approx(20 * math.log10(25.5))
    assert 0.9 < row["ssim"] < 1


def test_psnr_of_colours_is_over_all_channels(compared: Callable[..., Any]) -> None:
    row = compared("grey_in_rgb.png", "rgb.png")
    assert row["psnr_db"] == pytest.approx(20 * math.log10(255 / (30 / math.sqrt(3))))


def test_equal_pictures_are_inf_at_the_prompt_and_null_in_json(denoise: Callable[..., Any], compared: Callable[..., Any]) -> None:
    row = compared("clean.png", "same.png")
    assert (row["psnr_db"], row["ssim"], row["rmse"], row["equal"]) == (None, 1.0, 0.0, True)
    assert "inf" in denoise("compare", "clean.png", "same.png").out


def test_the_best_psnr_comes_first(denoise: Callable[..., Any], desk: Path) -> None:  # noqa: ARG001
    outcome = denoise("compare", "clean.png", "plus20.png", "same.png", "plus10.png")
    assert [line.split()[0] for line in outcome.out.splitlines()[1:]] == ["same.png", "plus10.png", "plus20.png"]


def test_csv_goes_to_stdout_alone_or_to_a_file_beside_the_table(denoise: Callable[..., Any], desk: Path) -> None:
    outcome = denoise("compare", "clean.png", "plus20.png", "same.png", "--csv", "-")
    rows = list(csv.DictReader(io.StringIO(outcome.out)))
    assert [row["file"] for row in rows] == ["same.png", "plus20.png"]
    assert float(rows[0]["psnr_db"]) == math.inf
    assert float(rows[1]["rmse"]) == pytest.approx(20 / 255)
    outcome = denoise("compare", "clean.png", "plus20.png", "same.png", "--csv", "t.csv")
    assert "PSNR" in outcome.out
    assert list(csv.DictReader(io.StringIO((desk / "t.csv").read_text()))) == rows
    assert denoise("compare", "clean.png", "same.png", "--csv", "t.csv").code == 1


def test_depths_may_differ_and_it_is_said(compared: Callable[..., Any]) -> None:
    row = compared("clean.png", "deep.png")
    assert row["rmse"] < 1e-12
    assert "uint16" in row["said"]
    assert "uint8" in row["said"]
    assert compared("floats.npy", "clean.png")["rmse"] < 1e-12
    assert "divide" in compared("clean.png", "times255.npy")["said"]


def test_white_is_what_the_file_says(compared: Callable[..., Any], desk: Path) -> None:
    twelve = CLEAN.astype(">u2") * 16
    for name, values, white in (("clean", twelve, 4095), ("plus", twelve + 16, 4095), ("stretched", twelve * 16, 65520)):
        (desk / f"{name}.pgm").write_bytes(b"P5 32 24 %d\n" % white + values.astype(">u2").tobytes())
    assert compared("clean.pgm", "stretched.pgm")["rmse"] == pytest.approx(0, abs=1e-7)
    plus = compared("clean.pgm", "plus.pgm")
    assert plus["rmse"] == pytest.approx(16 / 4095)
    assert plus["psnr_db"] == pytest.approx(20 * math.log10(4095 / 16))
    half = compared("clean.pgm", "plus.pgm", "--data-range", "2047.5")
    assert half["psnr_db"] == pytest.approx(20 * math.log10(2047.5 / 16))


def test_floats_beyond_one_peak_at_what_the_clean_picture_spans(compared: Callable[..., Any]) -> None:
    span = float(CLEAN.max()) - float(CLEAN.min())
    row = compared("times255.npy", "plus10.npy")
    assert row["psnr_db"] == pytest.approx(20 * math.log10(span / 10))
    assert row["rmse"] == pytest.approx(10)
    assert compared("times255.npy", "plus10.npy", "--data-range", 255)["psnr_db"] == pytest.approx(20 * math.log10(25.5))
    assert compared("clean.png", "plus10.png", "--data-range", 100)["psnr_db"] == pytest.approx(20)


def test_a_constant_clean_picture_of_floats_has_no_psnr(compared: Callable[..., Any]) -> None:
    row = compared("flat.npy", "flat8.npy")
    assert (row["psnr_db"], row["ssim"], row["rmse"]) == (None, None, 1.0)
    assert "--data-range" in row["said"]


def test_less_than_the_window_of_ssim_has_the_other_figures(denoise: Callable[..., Any], compared: Callable[..., Any]) -> None:
    row = compared("small.png", "small10.png")
    assert row["ssim"] is None
    assert row["psnr_db"] == pytest.approx(20 * math.log10(25.5))
    assert "11 × 11" in row["said"]
    assert "–" in denoise("compare", "small.png", "small10.png").out


def test_grey_in_three_equal_channels_is_grey(compared: Callable[..., Any]) -> None:
    row = compared("clean.png", "grey_in_rgb.png")
    assert row["equal"]
    assert "equal channels" in row["said"]
    assert compared("grey_in_rgb.png", "plus10.png")["rmse"] == pytest.approx(10 / 255)


def test_transparency_is_left_out_and_it_is_said(compared: Callable[..., Any]) -> None:
    row = compared("grey_in_rgb.png", "rgba.png")
    assert row["equal"]
    assert "transparency" in row["said"]


def test_white_is_zero_is_the_same_picture(compared: Callable[..., Any]) -> None:
    assert compared("clean.png", "inverted.tif")["equal"]


def test_pages_are_pooled_and_listed(compared: Callable[..., Any]) -> None:
    row = compared("clean.png", "pages.tif")
    assert row["rmse"] == pytest.approx(math.sqrt((10**2 + 30**2) / 2) / 255)
    assert [page["rmse"] for page in row["pages"]] == pytest.approx([10 / 255, 30 / 255])


def test_pages_of_different_depths_count_each_from_0_to_1(compared: Callable[..., Any], desk: Path) -> None:
    for name, plus in (("mixed.tif", 0), ("mixed10.tif", 10)):
        with tifffile.TiffWriter(desk / name) as pages:
            pages.write(CLEAN + np.uint8(plus), photometric="minisblack")
            pages.write((CLEAN.astype(np.uint16) + np.uint16(plus)) * 257, photometric="minisblack")
    assert [page["rmse"] for page in compared("mixed.tif", "mixed10.tif")["pages"]] == pytest.approx([10 / 255] * 2)


def test_the_border_is_left_out(compared: Callable[..., Any], desk: Path) -> None:
    frame = CLEAN.copy()
    frame[0], frame[-1], frame[:, 0], frame[:, -1] = 0, 0, 0, 0
    Image.fromarray(frame).save(desk / "frame.png")
    assert not compared("clean.png", "frame.png")["equal"]
    assert compared("clean.png", "frame.png", "--crop-border", 1)["equal"]


def test_a_picture_that_cannot_be_compared_does_not_stop_the_others(denoise: Callable[..., Any], desk: Path) -> None:  # noqa: ARG001
    outcome = denoise("compare", "clean.png", "wide.png", "plus10.png", "none.png", "--json")
    assert outcome.code == 1
    told = json.loads(outcome.out)
    assert [row["file"] for row in told["results"]] == ["plus10.png"]
    assert len(told["errors"]) == 2
    assert "30 × 24" in outcome.err
    assert "32 × 24" in outcome.err
    assert "Traceback" not in outcome.err


CASES = {
    "different sizes": (["clean.png", "small.png"], 1, ["small.png", "9 × 9", "32 × 24"]),
    "grey and colour": (["clean.png", "rgb.png"], 1, ["3 channels", "grey"]),
    "NaN": (["clean.png", "nan.npy"], 1, ["nan.npy", "NaN"]),
    "other pages": (["pages.tif", "clean.png"], 1, ["2"]),
    "a missing clean picture": (["none.png", "clean.png"], 1, ["none.png", "no such file"]),
    "one picture": (["clean.png"], 2, ["PICTURE"]),
    "all border": (["clean.png", "same.png", "--crop-border", "12"], 1, ["--crop-border 12"]),
    "stdin twice": (["-", "-"], 2, ["standard input"]),
    "two things on stdout": (["clean.png", "same.png", "--json", "--csv", "-"], 2, ["--csv"]),
    "a sheet by an unknown suffix": (["clean.png", "same.png", "--sheet", "s.docx"], 2, ["s.docx", ".png"]),
    "a sheet over an input": (["clean.png", "same.png", "--sheet", "clean.png", "--overwrite"], 1, ["never overwrites"]),
    "a sheet in no folder": (["clean.png", "same.png", "--sheet", "no/s.png"], 1, ["no"]),
    "a crop that is none": (["clean.png", "same.png", "--sheet", "s.png", "--crop", "1,2,3"], 2, ["X,Y,W,H"]),
    "a crop beyond": (["clean.png", "same.png", "--sheet", "s.png", "--crop", "30,0,9,9"], 2, ["32 × 24"]),
    "a crop without a sheet": (["clean.png", "same.png", "--crop", "0,0,9,9"], 2, ["--sheet"]),
    "a range of nothing": (["clean.png", "same.png", "--data-range", "0"], 2, ["--data-range"]),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_one_line(case: str, denoise: Callable[..., Any], desk: Path) -> None:
    words, code, said = CASES[case]
    before = {path.name: path.read_bytes() for path in desk.iterdir()}
    outcome = denoise("compare", *words)
    assert outcome.code == code
    assert len(outcome.err.strip().splitlines()) == 1, outcome.err
    assert all(word in outcome.err for word in said), outcome.err
    assert {path.name: path.read_bytes() for path in desk.iterdir()} == before


def test_the_sheet_shows_the_same_crop_of_all_magnified(denoise: Callable[..., Any], desk: Path) -> None:
    outcome = denoise("compare", "clean.png", "plus10.png", "plus20.png", "--sheet", "s.png", "--crop", "3,5,16,12")
    assert outcome.code == 0, outcome.err
    sheet = np.asarray(Image.open(desk / "s.png"))
    crop = CLEAN[5:17, 3:19]
    for level in (0, 10, 20):
        magnified = (crop + np.uint8(level)).repeat(16, 0).repeat(16, 1)
        at = find(sheet[:, :, 0], magnified)
        assert at is not None, level
        top, left = at
        assert (sheet[top : top + 192, left : left + 256] == magnified[:, :, None]).all()
        # A frame line around the crop, and nothing of the crop beyond it.
        assert (sheet[top - 1, left : left + 256] == 200).all()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_table_that_finds_no_room_is_one_line(desk: Path) -> None:
    with Path("/dev/full").open("w") as full:
        words = [sys.executable, "-m", "denoise_cli", "compare", "clean.png", "plus10.png"]
        outcome = subprocess.run(words, cwd=desk, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert outcome.returncode == 1
    assert outcome.stderr.count("\n") == 1
    assert "standard output" in outcome.stderr


def find(plane: np.ndarray, part: np.ndarray) -> tuple[int, int] | None:
    """Where `part` lies in `plane`."""
    rows, columns = np.nonzero(plane[: -part.shape[0], : -part.shape[1]] == part[0, 0])
    for top, left in zip(rows, columns, strict=True):
        if plane[top + part.shape[0] - 1, left + part.shape[1] - 1] == part[-1, -1]:
            window = plane[top : top + part.shape[0], left : left + part.shape[1]]
            if (window == part).all():
                return int(top), int(left)
    return None


def _elevations(path: Path, metres: Any, nodata: str | None) -> None:
    tags = [] if nodata is None else [(42113, "s", 0, nodata, True)]
    tifffile.imwrite(path, metres.astype(np.float32), extratags=tags)


@pytest.mark.parametrize("nodata", ["-9999", "nan"])
def test_pixels_without_a_value_do_not_count(denoise: Callable[..., Any], tmp_path: Path, nodata: str) -> None:
    metres = np.random.default_rng(3).uniform(100, 900, (24, 32))
    off = metres + np.random.default_rng(4).normal(0, 20, metres.shape)
    mean_square = np.square(off - metres)[:, 8:].mean()
    for name, values in (("clean.tif", metres), ("off.tif", off)):
        holes = values.copy()
        holes[:, :8] = float(nodata)
        _elevations(tmp_path / name, holes, nodata)
    run = denoise("compare", tmp_path / "clean.tif", tmp_path / "off.tif", "--json", "--sheet", tmp_path / "sheet.png")
    assert run.code == 0, run.err
    (row,) = json.loads(run.out)["results"]
    span = float(np.ptp(metres[:, 8:].astype(np.float32)))
    assert row["rmse"] == pytest.approx(np.sqrt(mean_square), rel=1e-6)
    assert row["data_range"] == pytest.approx(span)
    assert row["psnr_db"] == pytest.approx(10 * np.log10(span**2 / mean_square), abs=1e-4)
    assert row["ssim"] is None
    assert row["notes"] == ["192 pixels have no value, and are left out; SSIM needs all"]
    assert (tmp_path / "sheet.png").exists()


def test_a_sheet_of_twelve_bits_in_sixteen_is_not_black(denoise: Callable[..., Any], tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 4096, (40, 40)).astype(np.uint16)
    for name, shift in (("clean", 0), ("other", 1)):
        tifffile.imwrite(tmp_path / f"{name}.tif", np.roll(pixels, shift))
    words = [tmp_path / "clean.tif", tmp_path / "other.tif", "--sheet", tmp_path / "s.png", "--crop", "0,0,40,40"]
    assert denoise("compare", *words).code == 0
    tile = np.asarray(Image.open(tmp_path / "s.png").convert("L"))[120:200, 30:100]
    assert tile.min() < 20
    assert tile.max() > 235
