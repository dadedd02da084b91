"""The network within split Bregman fills unknown pixels and removes impulses better than total variation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from denoise_cli.methods.learned.network import restore
from denoise_cli.methods.learned.plug_and_play import fill, without_impulses
from denoise_cli.variational import denoise

SAMPLES = Path(__file__).parents[2] / "sample_images"


@pytest.fixture(scope="module")
def clean() -> NDArray[np.float32]:
    with Image.open(SAMPLES / "coffee.png") as picture:
        return np.asarray(picture, np.float32)[100:196, 200:296] / 255


def psnr_db(result: NDArray[np.float32], clean: NDArray[np.float32]) -> float:
    return float(-10 * np.log10(np.mean((result.astype(float) - clean) ** 2)))


def test_unknown_pixels_are_filled_better_than_by_total_variation(clean: NDArray[np.float32]) -> None:
    rng = np.random.default_rng(0)
    known = (rng.random(clean.shape[:2]) < 0.5).astype(np.float32)
    observed = ((clean + 10 / 255 * rng.standard_normal(clean.shape)) * known[..., None]).astype(np.float32)
    by_tv = [denoise(observed, weight, method="optimal", weights=known, gap=1e-2).image for weight in (0.02, 0.04, 0.08)]
    best = max(by_tv, key=lambda image: psnr_db(image, clean))
    assert psnr_db(fill(observed, known, 10 / 255, best, restore), clean) > psnr_db(best, clean) + 1


def test_impulses_are_removed_better_than_by_total_variation(clean: NDArray[np.float32]) -> None:
    rng = np.random.default_rng(1)
    observed = np.where(rng.random(clean.shape) < 0.1, rng.random(clean.shape) < 0.5, clean).astype(np.float32)
    best = max(
        (denoise(observed, weight, fidelity="l1", method="optimal", gap=1e-2).image for weight in (0.4, 0.6, 0.8)),
        key=lambda image: psnr_db(image, clean),
    )
    assert psnr_db(without_impulses(observed, best, restore), clean) > psnr_db(best, clean) + 3


def test_a_picture_that_is_known_without_noise_stays(clean: NDArray[np.float32]) -> None:
    everywhere = np.ones(clean.shape[:2], np.float32)
    assert psnr_db(fill(clean, everywhere, 0.0, clean, restore), clean) > 42
