"""Luma and chroma with a λ each: one certified problem, better where their noise differs, and left out where it does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from denoise_cli import denoise as denoise_by_itself
from denoise_cli.choice.choose import choose
from denoise_cli.choice.opponent import denoise_opponent
from denoise_cli.noise.estimate import estimate
from denoise_cli.noise.opponent_colours import BASES, WEIGHTED, from_opponent, to_opponent
from denoise_cli.variational import denoise, psnr_db

LUMA, CHROMA = 4 / 255, 20 / 255


@pytest.fixture(scope="module")
def coffee(samples: Path) -> np.ndarray:
    return np.asarray(Image.open(samples / "coffee.png"))[:200, :200] / 255


def noisy(clean: np.ndarray, luma: float, chroma: float) -> np.ndarray:
    return clean + from_opponent(np.random.default_rng(0).standard_normal(clean.shape) * (luma, chroma, chroma))


def test_the_levels_of_luma_and_chroma_are_found(coffee: np.ndarray) -> None:
    found = estimate(noisy(coffee, LUMA, CHROMA))
    assert found.luma == pytest.approx(LUMA, rel=0.35)
    assert found.chroma == pytest.approx(CHROMA, rel=0.1)


def test_two_weights_are_better_where_chroma_is_noisier(coffee: np.ndarray) -> None:
    picture = noisy(coffee, LUMA, CHROMA)
    choice = choose(picture, opponent=True)
    assert choice.opponent is not None
    assert choice.opponent[0] < choice.opponent[1]
    assert "in luma and" in choice.sentence
    two = psnr_db(denoise_opponent(picture, choice.opponent).image, coffee)
    assert two > psnr_db(denoise(picture, choice.weight, method="optimal").image, coffee) + 0.3


def test_equal_noise_gets_one_weight(coffee: np.ndarray) -> None:
    assert choose(noisy(coffee, 0.06, 0.06), opponent=True).opponent is None


def test_costs_and_bounds_of_the_two_problems_add_up(coffee: np.ndarray) -> None:
    picture, weights = coffee[:60, :80], (0.05, 0.1)
    solution = denoise_opponent(picture, weights, gap=1e-4)
    u, f = to_opponent(solution.image), to_opponent(picture)

    def variation(channels: np.ndarray) -> float:
        down, right = np.zeros_like(channels), np.zeros_like(channels)
        down[:-1], right[:, :-1] = np.diff(channels, axis=0), np.diff(channels, axis=1)
        return float(np.sqrt((down**2 + right**2).sum(axis=2)).sum())

    cost = ((u - f) ** 2).sum() + weights[0] * variation(u[:, :, :1]) + weights[1] * variation(u[:, :, 1:])
    assert solution.cost == pytest.approx(cost, rel=1e-5)
    assert solution.bound is not None
    assert 0 <= (solution.cost - solution.bound) / solution.cost <= 1e-4 * (1 + 1e-6)


#: BT.601, in which cameras and JPEG tell luma from chroma.
TO_LUMA = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])


@pytest.mark.parametrize("blotches", [0.0, 2.0])
def test_luma_does_not_pay_for_noise_in_chroma(coffee: np.ndarray, blotches: float) -> None:
    grain = np.random.default_rng(16).normal(0, 1, coffee.shape)
    if blotches:
        grain[..., 1:] = gaussian_filter(grain[..., 1:], (blotches, blotches, 0))
        grain[..., 1:] /= grain[..., 1:].std()
    picture = coffee + (grain * np.array([4, 18, 18]) / 255) @ np.linalg.inv(TO_LUMA).T
    stored = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    result = denoise_by_itself(stored, method="optimal")
    before, after = (np.sqrt(np.mean(((image - coffee) @ TO_LUMA.T) ** 2, axis=(0, 1))) for image in (stored / 255, result.image))
    assert after[0] < 0.95 * before[0]
    assert (after[1:] < 0.75 * before[1:]).all()


def test_the_turns_leave_white_noise_white_and_weighted_luma_free_of_chroma() -> None:
    for basis in BASES.values():
        assert basis @ basis.T == pytest.approx(np.eye(3), abs=1e-12)
        assert (basis[0] > 0).all()
    chroma = np.linalg.inv(TO_LUMA)[:, 1:].T
    assert to_opponent(chroma, WEIGHTED)[:, 0] == pytest.approx(0, abs=1e-6)
    assert abs(to_opponent(chroma)[:, 0]).min() > 0.3
    assert from_opponent(to_opponent(chroma, WEIGHTED), WEIGHTED) == pytest.approx(chroma)
