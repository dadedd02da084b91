"""White noise that became JPEG: the grid and its steps are read off the pixels, and the noise from before is found."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from denoise_cli import denoise
from denoise_cli.noise.blocks import Samples
from denoise_cli.noise.estimate import estimate
from denoise_cli.noise.jpeg_grid import find_grid
from denoise_cli.noise.jpeg_noise import noise_in_jpeg
from denoise_cli.variational import psnr_db


@pytest.fixture(scope="module")
def camera(samples: Path) -> np.ndarray:
    return np.asarray(Image.open(samples / "camera.png"))


def as_jpeg(picture: np.ndarray, quality: int) -> tuple[np.ndarray, np.ndarray]:
    """The picture after JPEG, and the steps that its file names for luma."""
    stored = io.BytesIO()
    Image.fromarray(np.rint(np.clip(picture, 0, 255)).astype(np.uint8)).save(stored, "JPEG", quality=quality)
    with Image.open(stored) as opened:
        return np.asarray(opened), np.array(opened.quantization[0]).reshape(8, 8)


def noisy(clean: np.ndarray, sigma: float) -> np.ndarray:
    return clean + np.random.default_rng(3).normal(0, sigma, clean.shape)


@pytest.mark.parametrize(("top", "left"), [(0, 0), (3, 6)])
@pytest.mark.parametrize("quality", [50, 75])
def test_place_and_steps_of_the_grid_are_read_off_the_pixels(camera: np.ndarray, quality: int, top: int, left: int) -> None:
    pixels, steps = as_jpeg(noisy(camera, 10), quality)
    found = find_grid(pixels[top:, left:].astype(np.float32))
    assert found is not None
    assert (found.top, found.left) == (-top % 8, -left % 8)
    read = np.isfinite(found.steps)
    assert read.sum() >= 20
    low = read & (np.add.outer(np.arange(8), np.arange(8)) <= 6)
    assert (np.abs(found.steps - steps)[low] <= 1).mean() > 0.9


def test_what_never_was_jpeg_has_no_grid(camera: np.ndarray) -> None:
    assert find_grid(camera.astype(np.float32)) is None
    assert find_grid(np.rint(noisy(camera, 15)).astype(np.float32)) is None
    assert find_grid(np.full((128, 128), 7, np.float32)) is None


@pytest.mark.parametrize(("sigma", "quality"), [(10, 50), (10, 70), (15, 60)])
def test_the_level_before_jpeg_is_found(camera: np.ndarray, sigma: float, quality: int) -> None:
    pixels, _ = as_jpeg(noisy(camera, sigma), quality)
    found = noise_in_jpeg(Samples.of(pixels))
    assert found is not None
    unit = 255 * Samples.of(pixels).scale.unit
    assert found.sigma * unit == pytest.approx(sigma, rel=0.15)
    assert found.spectrum.sigmas[0] < found.sigma


@pytest.mark.parametrize("quality", [30, 50, 75, 90])
def test_a_clean_jpeg_has_no_noise_from_before(camera: np.ndarray, quality: int) -> None:
    pixels, _ = as_jpeg(camera, quality)
    assert noise_in_jpeg(Samples.of(pixels)) is None


def test_noise_that_compression_hides_from_calm_blocks_is_removed_all_the_same(camera: np.ndarray) -> None:
    pixels, _ = as_jpeg(noisy(camera, 10), 50)
    result = denoise(pixels, method="optimal")
    clean = camera / 255
    assert result.plan is not None
    assert "white noise that became JPEG" in result.plan.sentence
    assert psnr_db(result.image, clean) > psnr_db(pixels / 255, clean) + 1.5


def test_in_colour_it_is_told_in_luma_and_chroma(samples: Path) -> None:
    with Image.open(samples / "coffee.png") as picture:
        clean = np.asarray(picture.convert("RGB"))[:256, :320].astype(float)
    pixels, _ = as_jpeg(noisy(clean, 15), 60)
    found = estimate(pixels)
    assert found.before_jpeg is not None
    assert 255 * found.before_jpeg == pytest.approx(15, rel=0.2)
    assert found.luma is not None
    assert found.chroma is not None
    assert found.chroma < found.luma
    doubled = found.times(2.0)
    assert doubled.before_jpeg == pytest.approx(2 * found.before_jpeg)
