"""Whoever is asked about a picture, the run, `noise`, `info`, `path`, `benchmark` or Python, finds the same noise, method and λ."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from denoise_cli import denoise as python_denoise

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def clean(samples: Path) -> np.ndarray:
    return np.asarray(Image.open(samples / "coffee.png"))[:160, :200]


def noisy(clean: np.ndarray, sigma: float, seed: int = 1) -> np.ndarray:
    return clean / 255 + sigma * np.random.default_rng(seed).standard_normal(clean.shape)


def eight_bit(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(255 * values), 0, 255).astype(np.uint8)


def half_transparent(clean: np.ndarray, path: Path) -> None:
    alpha = np.full(clean.shape[:2], 255, np.uint8)
    alpha[:, 100:] = 0
    picture = eight_bit(noisy(clean, 0.06))
    picture[:, 100:] = 7
    Image.fromarray(np.dstack([picture, alpha])).save(path)


def twelve_in_sixteen(clean: np.ndarray, path: Path) -> None:
    tifffile.imwrite(path, np.clip(np.rint(300 + 3000 * noisy(clean[:, :, 1], 0.03)), 0, 4095).astype(np.uint16))


def palette(clean: np.ndarray, path: Path) -> None:
    Image.fromarray(eight_bit(noisy(clean[:, :, 0], 0.05))).convert("P").save(path)


def counts(clean: np.ndarray, path: Path) -> None:
    np.save(path, np.random.default_rng(5).poisson(40 * clean[:, :, 1] / 255).astype(np.float32))


def impulses(clean: np.ndarray, path: Path) -> None:
    picture = clean[:, :, 1].copy()
    chance = np.random.default_rng(6).random(picture.shape)
    picture[chance < 0.1], picture[chance < 0.05] = 255, 0
    Image.fromarray(picture).save(path)


AWKWARD = {
    "half transparent": ("png", half_transparent), "12 bits in 16": ("tif", twelve_in_sixteen), "palette": ("png", palette),
    "float counts": ("npy", counts), "impulses": ("png", impulses),
}  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What somebody says about a picture."""

    sigma: float | None
    fidelity: str | None
    weight: float | None
    sentence: str | None


@pytest.mark.parametrize("name", AWKWARD)
def test_all_say_the_same(denoise: Run, tmp_path: Path, clean: np.ndarray, name: str) -> None:
    suffix, make = AWKWARD[name]
    path = tmp_path / f"picture.{suffix}"
    make(clean, path)
    report = json.loads(denoise(path, "--json").out.splitlines()[0])
    assert report["error"] is None
    run = Answer(report["sigma"], report["fidelity"], report["weight"], report["assumed"])
    seen = json.loads(denoise("noise", path, "--json").out)["automatic"]
    assert Answer(seen["sigma"], seen["fidelity"], seen["lambda"], seen["sentence"]) == run
    facts = json.loads(denoise("info", path, "--json").out)
    assert (facts["fidelity"], facts["weight"], facts["plan"]) == (run.fidelity, run.weight, run.sentence)
    if report["method"] != "optimal":
        # A path follows the certified minimiser: its answer is that of the same run by name.
        certified = json.loads(denoise(path, "-o", tmp_path / f"certified.{suffix}", "--method", "optimal", "--json").out.splitlines()[0])
        run = replace(run, sentence=certified["assumed"])
    walk = denoise("path", path, "--csv", tmp_path / "path.csv", "-o", tmp_path / "sheet.png")
    assert walk.code == 0, walk.err
    assert str(run.sentence) in walk.err


@pytest.mark.parametrize("name", ["12 bits in 16", "float counts", "impulses"])
def test_python_says_the_same(denoise: Run, tmp_path: Path, clean: np.ndarray, name: str) -> None:
    suffix, make = AWKWARD[name]
    path = tmp_path / f"picture.{suffix}"
    make(clean, path)
    report = json.loads(denoise(path, "--json").out.splitlines()[0])
    stored = np.load(path) if suffix == "npy" else tifffile.imread(path) if suffix == "tif" else np.asarray(Image.open(path))
    plan = python_denoise(stored).plan
    assert plan is not None
    assert (plan.method.name, plan.fidelity, plan.weight, plan.sentence) == (
        report["method"], report["fidelity"], report["weight"], report["assumed"],
    )  # fmt: skip


def test_pages_of_different_noise_are_planned_one_by_one(denoise: Run, tmp_path: Path, clean: np.ndarray) -> None:
    pages = [eight_bit(noisy(clean[:, :, 1], sigma, seed)) for seed, sigma in enumerate((0.02, 0.1))]
    tifffile.imwrite(tmp_path / "pages.tif", np.stack(pages), photometric="minisblack")
    report = json.loads(denoise(tmp_path / "pages.tif", "--json").out.splitlines()[0])
    told = [json.loads(line)["automatic"]["sentence"] for line in denoise("noise", tmp_path / "pages.tif", "--json").out.splitlines()]
    assert report["assumed"] == "; ".join(told)
    assert report["weight"] is None


def test_a_mask_takes_its_pixels_out_of_the_plan(denoise: Run, tmp_path: Path, clean: np.ndarray) -> None:
    picture = eight_bit(noisy(clean[:, :, 1], 0.04))
    mask = np.full(picture.shape, 255, np.uint8)
    mask[:, 120:] = 0
    spoilt = picture.copy()
    spoilt[:, 120:] = np.random.default_rng(3).integers(0, 256, spoilt[:, 120:].shape)
    for name, pixels in (("mask", mask), ("a", picture), ("b", spoilt)):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    reports = [
        json.loads(denoise(tmp_path / f"{name}.png", "--mask", tmp_path / "mask.png", "--json").out.splitlines()[0]) for name in "ab"
    ]
    assert reports[0]["sigma"] == reports[1]["sigma"] == pytest.approx(0.04, rel=0.1)
    assert reports[0]["weight"] == reports[1]["weight"]


def test_the_visible_half_of_a_picture_is_denoised_as_if_it_were_all(denoise: Run, tmp_path: Path, clean: np.ndarray) -> None:
    half_transparent(clean, tmp_path / "half.png")
    visible = np.asarray(Image.open(tmp_path / "half.png"))[:, :100, :3]
    Image.fromarray(visible).save(tmp_path / "visible.png")
    for name in ("half", "visible"):
        assert denoise(tmp_path / f"{name}.png", "-o", tmp_path / f"{name}_out.png").code == 0
    found = [np.asarray(Image.open(tmp_path / f"{name}_out.png"))[:, :100, :3] / 255 for name in ("half", "visible")]
    psnrs = [-10 * np.log10(np.mean((picture - clean[:, :100] / 255) ** 2)) for picture in found]
    assert psnrs[0] == pytest.approx(psnrs[1], abs=0.1)
    assert psnrs[0] > -10 * np.log10(np.mean((visible / 255 - clean[:, :100] / 255) ** 2)) + 3
    hidden = [np.asarray(Image.open(tmp_path / name))[:, 100:] for name in ("half.png", "half_out.png")]
    np.testing.assert_array_equal(hidden[0], hidden[1])
