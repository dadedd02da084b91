"""λ in other units: k·f + c gets k times the λ of L2 and the same λ of L1, and a narrow range costs no quality."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from denoise_cli.choice.choose import choose
from denoise_cli.measure.scale import Scale
from denoise_cli.variational import denoise, psnr_db


@pytest.fixture(scope="module")
def camera(samples: Path) -> np.ndarray:
    return np.asarray(Image.open(samples / "camera.png"))[60:188, 60:188] / 255


@pytest.mark.parametrize(("k", "spans"), [(1e-12, 0.0), (1e-3, 1e3), (1e12, -1e4), (37.0, 5.0)])
@pytest.mark.parametrize("impulses", [False, True])
def test_lambda_scales_with_the_picture(camera: np.ndarray, k: float, spans: float, impulses: bool) -> None:
    rng = np.random.default_rng(1)
    noisy = np.where(rng.random(camera.shape) < 0.15, rng.integers(0, 2, camera.shape), camera) if impulses else rng.normal(camera, 0.06)
    first, other = choose(noisy), choose(k * noisy + k * spans)
    assert other.fidelity == first.fidelity == ("l1" if impulses else "l2")
    assert other.weight == pytest.approx(first.weight * (1.0 if impulses else k), rel=2e-3)
    assert other.noise.sigma == pytest.approx(k * first.noise.sigma, rel=1e-4)


@pytest.mark.parametrize(("black", "steps"), [(0, 4095), (100, 1023), (500, 200)])
def test_counts_of_a_camera_lose_nothing_to_the_same_picture_stretched(camera: np.ndarray, black: int, steps: int) -> None:
    noisy = np.clip(camera + np.random.default_rng(2).normal(0, 0.05, camera.shape), 0, 1)
    counts = np.rint(black + steps * noisy).astype(np.uint16)
    scale = Scale.of(counts)
    result = denoise(scale.floats(counts), choose(counts, scale=scale).weight, method="optimal", records=False).image
    stretched = denoise(noisy, choose(noisy).weight, method="optimal", records=False).image
    back = (result * 65535 - black) / steps
    assert psnr_db(back, camera) == pytest.approx(psnr_db(stretched, camera), abs=0.05)


def test_stored_pixels_and_their_floats_get_the_same_lambda(camera: np.ndarray) -> None:
    stored = np.rint(np.clip(np.random.default_rng(3).normal(camera, 0.08), 0, 1) * 255).astype(np.uint8)
    scale = Scale.of(stored)
    assert choose(scale.floats(stored), scale=scale).weight == pytest.approx(choose(stored, scale=scale).weight, rel=1e-6)


def test_what_is_unknown_may_be_nan_or_most_of_the_picture(camera: np.ndarray) -> None:
    whole = np.tile(camera, (5, 5))
    noisy = np.random.default_rng(4).normal(whole, 0.06)
    holed = noisy.copy()
    holed[:, 100:] = np.nan
    assert choose(holed).weight == pytest.approx(choose(noisy[:, :100]).weight, rel=0.1)
