"""Noise that is weak in the calmest places and strong elsewhere: the network sees more than was found, and is told no level."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from denoise_cli import denoise

Recipe = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def psnr_db(result: np.ndarray, clean: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean((result - clean) ** 2)))


def towards_the_corners(clean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    rows, columns = np.mgrid[-1 : 1 : clean.shape[0] * 1j, -1 : 1 : clean.shape[1] * 1j]
    return clean + (4 + 12 * (rows**2 + columns**2)) / 255 * rng.standard_normal(clean.shape)


def speckle(clean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return clean * rng.gamma(16, 1 / 16, clean.shape)


@pytest.mark.parametrize("noise", [towards_the_corners, speckle])
def test_noise_that_differs_from_place_to_place_goes_everywhere(samples: Path, noise: Recipe) -> None:
    with Image.open(samples / "camera.png") as picture:
        clean = np.asarray(picture)[:256, :256] / 255
    stored = np.rint(255 * np.clip(noise(clean, np.random.default_rng(5)), 0, 1)).astype(np.uint8)
    result = denoise(stored)
    assert result.plan is not None
    assert result.plan.sentence.startswith("noise that differs from place to place")
    assert result.plan.sentence.endswith("told no level")
    assert psnr_db(result.image, clean) > psnr_db(stored / 255, clean) + 6
    assert psnr_db(result.image, clean) > psnr_db(denoise(stored, method="optimal").image, clean) + 3


@pytest.mark.parametrize("sigma", [5, 25])
def test_noise_that_is_alike_everywhere_is_told_as_it_was_found(samples: Path, sigma: int) -> None:
    with Image.open(samples / "camera.png") as picture:
        clean = np.asarray(picture) / 255
    noisy = clean + np.random.default_rng(5).normal(0, sigma / 255, clean.shape)
    plan = denoise(np.rint(255 * np.clip(noisy, 0, 1)).astype(np.uint8)).plan
    assert plan is not None
    assert plan.details["times"] == 1
