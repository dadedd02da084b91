"""Noise in clumps that looks like texture in grey: the network sees it where the calmest blocks do not, and takes nothing else for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from denoise_cli import denoise
from denoise_cli.measure.scale import Scale
from denoise_cli.noise.estimate import estimate


def psnr_db(result: np.ndarray, clean: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean((result - clean) ** 2)))


@pytest.mark.parametrize(("sigma", "blur"), [(4, 0.8), (5, 1.3)])
def test_clumps_in_a_grey_photograph_go_though_the_noise_model_sees_none(samples: Path, sigma: float, blur: float) -> None:
    with Image.open(samples / "camera.png") as picture:
        clean = np.asarray(picture, float)
    clumps = gaussian_filter(np.random.default_rng(1).standard_normal(clean.shape), blur)
    noisy = np.clip(np.rint(clean + sigma * clumps / clumps.std()), 0, 255).astype(np.uint8)
    assert estimate(noisy, Scale.of(noisy)).model == "none"
    result = denoise(noisy)
    assert result.plan is not None
    assert result.plan.sentence.startswith("noise that only the network sees")
    assert result.plan.noise is not None
    assert result.plan.noise.called == "noise that only the network sees", "the verdict of `denoise noise`"
    assert psnr_db(result.image, clean / 255) > psnr_db(noisy / 255, clean / 255) + 2.5


def pattern(kind: str) -> np.ndarray:
    """Pictures without noise, of which the network would remove much."""
    y, x = np.mgrid[:192, :192]
    rng = np.random.default_rng(3)
    if kind == "chequerboard":
        return ((x // 2 + y // 2) % 2 * 255).astype(np.uint8)
    if kind == "halftone":
        return np.where(np.sin(0.9 * x) * np.sin(0.9 * y) > x / 192 - 0.5, 255, 0).astype(np.uint8)
    if kind == "rectangles":
        page = np.full((192, 192), 30, np.uint8)
        for top, left, tall, wide, level in rng.integers((0, 0, 5, 5, 0), (170, 170, 60, 60, 255), (40, 5)):
            page[top : top + tall, left : left + wide] = level
        return page
    # Rough terrain in metres: power falls with the frequency to the 3.5.
    frequency = np.hypot(np.fft.fftfreq(192)[:, None], np.fft.fftfreq(192))
    frequency[0, 0] = 1
    spectrum = np.fft.fft2(rng.standard_normal((192, 192))) * frequency**-1.75
    return (200 + 20 * np.fft.ifft2(spectrum).real).astype(np.float32)


@pytest.mark.parametrize("kind", ["chequerboard", "halftone", "rectangles", "terrain"])
def test_patterns_and_terrain_stay_with_total_variation(kind: str) -> None:
    page = pattern(kind)
    result = denoise(page)
    assert result.plan is not None
    assert result.plan.method.name == "optimal"
    span = float(page.max()) - float(page.min())
    stored = result.image * (255 if page.dtype == np.uint8 else 1)
    assert psnr_db(stored / span, page / span) > 45


def test_a_clean_photograph_stays_as_it_is(samples: Path) -> None:
    for name in ("camera.png", "coffee.png"):
        with Image.open(samples / name) as picture:
            page = np.asarray(picture.convert("L"))
        assert psnr_db(denoise(page).image, page / 255) > 48
