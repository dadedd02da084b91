"""Faint noise beside impulses: removed where it is everywhere, left where it may be the grain of a photograph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

import denoise_cli
from denoise_cli.choice.impulse_plan import impulse_plan
from denoise_cli.measure.scale import Scale

Array = npt.NDArray[Any]
SAMPLES = Path(__file__).resolve().parents[2] / "sample_images"


def stars(size: int, rng: np.random.Generator) -> Array:
    """A dark sky of 900 with 80 stars of up to 20,000, 1.3 pixels wide."""
    y, x = np.mgrid[:size, :size]
    sky = np.full((size, size), 900.0)
    for row, column, height in rng.uniform((0, 0, 200), (size, size, 20000), (80, 3)):
        sky += height * np.exp(-((x - column) ** 2 + (y - row) ** 2) / (2 * 1.3**2))
    return sky


def test_the_faint_noise_of_a_dark_sky_with_hot_pixels_is_removed() -> None:
    rng = np.random.default_rng(21)
    clean = stars(320, rng)
    hot = rng.random(clean.shape) < 0.001
    noisy = np.where(hot, 60000, clean + rng.normal(0, 60, clean.shape))
    result = denoise_cli.denoise(np.rint(noisy).astype(np.uint16))
    left = (result.image * 65535 - clean)[~hot]
    assert np.sqrt(np.mean(left**2)) < 0.3 * 60


def test_the_grain_of_a_photograph_without_noise_stays() -> None:
    clean = np.asarray(Image.open(SAMPLES / "camera.png"))
    rng = np.random.default_rng(1)
    salted = np.where(rng.random(clean.shape) < 0.01, rng.choice([0, 255], clean.shape), clean).astype(np.uint8)
    scale = Scale.of(salted)
    plan = impulse_plan(scale.floats(salted), scale)
    assert plan is not None
    assert not plan.removes_noise
