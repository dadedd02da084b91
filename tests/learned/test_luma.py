"""Noise in colour alone, which cameras make at high sensitivity: luma must not pay for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from denoise_cli import denoise

#: BT.601, and back.
TO_LUMA = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])


def errors(picture: np.ndarray, clean: np.ndarray) -> tuple[float, float]:
    """Root mean square of the error in luma and in the two colour differences, white being 255."""
    difference = 255 * (picture - clean) @ TO_LUMA.T
    return float(np.sqrt(np.mean(difference[..., 0] ** 2))), float(np.sqrt(np.mean(difference[..., 1:] ** 2)))


@pytest.mark.parametrize(("blotches", "times"), [(0, 6.0), (2, 2.1)])
def test_strong_noise_in_chroma_goes_and_luma_gets_better_too(samples: Path, blotches: float, times: float) -> None:
    with Image.open(samples / "coffee.png") as picture:
        clean = np.asarray(picture.convert("RGB"), float)[:256, :256] / 255
    grain = np.random.default_rng(16).normal(0, 1, clean.shape)
    if blotches:
        grain[..., 1:] = gaussian_filter(grain[..., 1:], (blotches, blotches, 0))
        grain[..., 1:] /= grain[..., 1:].std()
    noisy = clean + (grain * np.array([4, 18, 18]) / 255) @ np.linalg.inv(TO_LUMA).T
    stored = (np.clip(noisy, 0, 1) * 255 + 0.5).astype(np.uint8)
    result = denoise(stored, method="learned")
    before, after = errors(stored / 255, clean), errors(result.image, clean)
    assert result.plan is not None
    assert result.plan.sentence.endswith("luma by itself")
    assert after[0] < before[0]
    assert after[1] < before[1] / times


def test_independent_channels_are_the_colour_networks(samples: Path) -> None:
    with Image.open(samples / "coffee_gaussian.png") as picture:
        result = denoise(np.asarray(picture.convert("RGB"))[:256, :256], method="learned")
    assert result.plan is not None
    assert "luma" not in result.plan.sentence
