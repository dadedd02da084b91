"""The quick test that a picture holds no impulses never misses what the full evidence counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from denoise_cli.noise.calm_places import evidence, tones
from denoise_cli.noise.lone_pixels import most_lone


@pytest.fixture(scope="module")
def camera(samples: Path) -> np.ndarray:
    return np.asarray(Image.open(samples / "camera.png")).astype(np.float32) / np.float32(255)


@pytest.mark.parametrize("sigma", [0.0, 0.02, 0.1, 0.2])
@pytest.mark.parametrize("share", [0.0, 0.0005, 0.02, 0.5])
@pytest.mark.parametrize("extreme", [True, False])
def test_no_lone_pixel_is_missed(camera: np.ndarray, sigma: float, share: float, extreme: bool) -> None:
    rng = np.random.default_rng(int(1000 * (sigma + share)))
    noisy = camera + sigma * rng.standard_normal(camera.shape)
    values = rng.integers(0, 2, camera.shape) if extreme else rng.random(camera.shape)
    stored = np.rint(np.clip(np.where(rng.random(camera.shape) < share, values, noisy), 0, 1) * 255) / 255
    planes = stored.astype(np.float32)[:, :, None]
    low, high = float(planes.min()), float(planes.max())
    found = evidence(planes, low, high, 1.0)
    at_ends, others = most_lone(planes, low, high, 1.0)
    assert at_ends >= found.pepper.lone + found.salt.lone
    assert others >= found.far.lone


def test_white_noise_alone_has_hardly_a_lone_pixel() -> None:
    noise = np.random.default_rng(0).normal(0.5, 0.05, (256, 256, 1)).astype(np.float32)
    assert max(most_lone(noise, float(noise.min()), float(noise.max()), 1.0)) < 10


def test_pixels_around_what_is_unknown_are_not_lone() -> None:
    planes = np.full((64, 64, 1), 0.5, np.float32)
    planes[10::12, 10::12] = 1.0
    known = np.ones((64, 64), bool)
    assert most_lone(planes, 0.5, 1.0, 0.5, known)[0] == 25
    known[11::12] = False
    assert most_lone(planes, 0.5, 1.0, 0.5, known)[0] == 0


def test_the_tone_is_the_middle_of_the_shortest_interval_with_half_of_the_neighbours() -> None:
    around = np.random.default_rng(1).normal(0.5, 0.1, (24, 50)).astype(np.float32)
    tone, spread, flat = tones(around)
    ordered = np.sort(around, axis=0)
    lengths = ordered[11:] - ordered[:13]
    best, columns = lengths.argmin(axis=0), np.arange(50)
    assert tone == pytest.approx((ordered[best, columns] + ordered[best + 11, columns]) / 2, rel=1e-5)
    assert spread == pytest.approx(lengths.min(axis=0) / 1.12, rel=1e-5)
    assert not flat.any()
