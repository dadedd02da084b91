"""A clean picture is compared by the white that each file says: `--reference` tells what `denoise compare` tells."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

Y, X = np.indices((40, 48))
CLEAN = 0.5 + 0.3 * np.sin(X / 5) * np.cos(Y / 6)
NOISY = CLEAN + 0.06 * np.random.default_rng(3).standard_normal(CLEAN.shape)
FAST = ("--method", "optimal", "--lambda", "0.01")


def levels(picture: np.ndarray, white: int) -> np.ndarray:
    return np.clip(np.rint(white * picture), 0, white).astype(np.uint8 if white < 256 else np.uint16)


def pgm(path: Path, picture: np.ndarray, white: int) -> None:
    values = levels(picture, white)
    head = b"P5 %d %d %d\n" % (*picture.shape[::-1], white)
    path.write_bytes(head + values.astype("u1" if white < 256 else ">u2").tobytes())


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Noisy and clean, with white at 4095, at 15, at 65535, at 0, and in floats."""
    monkeypatch.chdir(tmp_path)
    for name, picture in (("noisy", NOISY), ("clean", CLEAN)):
        pgm(Path(f"{name}12.pgm"), picture, 4095)
        pgm(Path(f"{name}15.pgm"), picture, 15)
        Image.fromarray(levels(picture, 65535)).save(f"{name}16.png")
        tifffile.imwrite(f"{name}_inverted.tif", 255 - levels(picture, 255), photometric="miniswhite")
        np.save(f"{name}.npy", picture)


def decibels(denoise: Callable[..., Any], noisy: str, clean: str) -> tuple[float, float]:
    """What the run says against the clean picture, and what `compare` says of its result."""
    result = f"result{Path(noisy).suffix}"
    run = denoise(noisy, *FAST, "--reference", clean, "-o", result, "--overwrite", "--log", "log.csv", "--json")
    assert run.code == 0, run.err
    with Path("log.csv").open() as file:
        last = list(csv.DictReader(file))[-1]
    told = json.loads(run.out.splitlines()[0])["psnr_db"]
    assert float(last["psnr_db"]) == pytest.approx(told, abs=1e-3)
    return told, json.loads(denoise("compare", clean, result, "--json").out)["results"][0]["psnr_db"]


@pytest.mark.parametrize(("noisy", "clean"), [
    ("noisy12.pgm", "clean12.pgm"), ("noisy12.pgm", "clean16.png"), ("noisy16.png", "clean12.pgm"), ("noisy12.pgm", "clean.npy"),
    ("noisy.npy", "clean12.pgm"), ("noisy16.png", "clean16.png"), ("noisy16.png", "clean_inverted.tif"),
    ("noisy_inverted.tif", "clean16.png"), ("noisy_inverted.tif", "clean_inverted.tif"),
])  # fmt: skip
def test_a_run_and_compare_tell_the_same(denoise: Callable[..., Any], noisy: str, clean: str) -> None:
    told, compared = decibels(denoise, noisy, clean)
    assert told == pytest.approx(compared, abs=0.05)
    assert 20 < told < 45


def test_few_levels_tell_it_up_to_their_rounding(denoise: Callable[..., Any]) -> None:
    told, compared = decibels(denoise, "noisy15.pgm", "clean15.pgm")
    assert told == pytest.approx(compared, abs=2)


@pytest.mark.parametrize("clean", ["clean12.pgm", "clean16.png"])
def test_the_signal_to_noise_ratio_is_that_of_what_the_pictures_show(denoise: Callable[..., Any], clean: str) -> None:
    found = []
    for noisy, weight in (("noisy12.pgm", 0.01 * 4095 / 65535), ("noisy16.png", 0.01)):
        words = ("--method", "optimal", "--gap", "1e-5", "--lambda", weight)
        assert denoise(noisy, *words, "--reference", clean, "--log", f"{noisy}.csv", "-o", f"o{noisy}").code == 0
        with Path(f"{noisy}.csv").open() as file:
            found.append(float(list(csv.DictReader(file))[-1]["snr_db"]))
    assert found[0] == pytest.approx(found[1], abs=0.02)


def test_a_path_tells_the_same(denoise: Callable[..., Any]) -> None:
    tables = []
    for noisy, clean, weight in (("noisy12.pgm", "clean12.pgm", 0.05 * 4095 / 65535), ("noisy16.png", "clean12.pgm", 0.05)):
        words = ("--reference", clean, "--lambdas", weight, "--csv", "path.csv", "-o", "sheet.png", "--overwrite")
        run = denoise("path", noisy, *words)
        assert run.code == 0, run.err
        with Path("path.csv").open() as file:
            tables.append(next(row for row in csv.DictReader(file) if float(row["lambda"]) == pytest.approx(weight, rel=1e-3)))
    for name, far in (("psnr_db", 0.05), ("ssim", 0.005)):
        assert float(tables[0][name]) == pytest.approx(float(tables[1][name]), abs=far)


def test_a_benchmark_tells_the_same(denoise: Callable[..., Any]) -> None:
    rows = []
    for name, noisy, clean in (("deep", "noisy12.pgm", "clean16.png"), ("png", "noisy16.png", "clean12.pgm")):
        Path(name).mkdir()
        Path(noisy).rename(f"{name}/one_real{Path(noisy).suffix}")
        Path(f"{name}/one_mean{Path(clean).suffix}").write_bytes(Path(clean).read_bytes())
        run = denoise("benchmark", "--real", name, "--methods", "noisy", "--csv", f"{name}.csv")
        assert run.code == 0, run.err
        with Path(f"{name}.csv").open() as file:
            rows.append([float(row["psnr_db"]) for row in csv.DictReader(file)])
    assert rows[0] == pytest.approx(rows[1], abs=0.05)


def test_noise_that_is_added_is_told_in_shares_of_white(denoise: Callable[..., Any]) -> None:
    for clean, sigma in (("clean12.pgm", 0.05 * 4095 / 65535), ("clean16.png", 0.05)):
        run = denoise("benchmark", clean, "--gaussian", sigma, "--methods", "noisy", "--csv", f"{clean}.csv")
        assert run.code == 0, run.err
        with Path(f"{clean}.csv").open() as file:
            assert float(next(csv.DictReader(file))["psnr_db"]) == pytest.approx(26.02, abs=0.3)


@pytest.mark.parametrize("white", [1, 15, 4095])
def test_white_of_a_mask_is_what_its_file_says(denoise: Callable[..., Any], white: int) -> None:
    hole = np.ones(CLEAN.shape)
    hole[10:14, 10:14] = 0
    pgm(Path("mask.pgm"), hole, white)
    Image.fromarray(levels(hole, 255)).save("mask.png")
    tifffile.imwrite("mask.tif", 255 - levels(hole, 255), photometric="miniswhite")
    results = []
    for mask in ("mask.pgm", "mask.png", "mask.tif"):
        run = denoise("noisy16.png", *FAST, "--mask", mask, "-o", f"{mask}.png")
        assert run.code == 0, run.err
        results.append(np.asarray(Image.open(f"{mask}.png")))
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])
