"""Pixels that are not known: filled by the model, or cut out of it."""

from __future__ import annotations

import numpy as np
import pytest

from denoise_cli.variational import denoise
from denoise_cli.variational.holes import filled

RANDOM = np.random.default_rng(12)
PICTURE = np.where(np.arange(40) < 23, 0.2, 0.8) + 0.1 * RANDOM.standard_normal((30, 40))


@pytest.mark.parametrize("fidelity", ["l1", "l2"])
@pytest.mark.parametrize("tv", ["isotropic", "anisotropic"])
def test_what_lies_right_of_a_hole_and_below_it_is_as_if_it_were_alone(fidelity: str, tv: str) -> None:
    weights = np.ones(PICTURE.shape)
    weights[:, 15:18] = 0
    cut = denoise(PICTURE, 0.6, fidelity=fidelity, tv=tv, method="optimal", weights=weights, fill=False, gap=1e-10)
    alone = denoise(PICTURE[:, 18:], 0.6, fidelity=fidelity, tv=tv, method="optimal", gap=1e-10)
    turned = denoise(PICTURE.T, 0.6, fidelity=fidelity, tv=tv, method="optimal", weights=weights.T, fill=False, gap=1e-10)
    for part in (cut.image[:, 18:], turned.image[18:].T):
        residual = np.abs(part - PICTURE[:, 18:])
        x, y = np.diff(part, axis=1, append=part[:, -1:]), np.diff(part, axis=0, append=part[-1:])
        variation = np.hypot(x, y) if tv == "isotropic" else np.abs(x) + np.abs(y)
        cost = (residual if fidelity == "l1" else residual**2).sum() + 0.6 * variation.sum()
        # Under L1 a minimiser may not be the only one, and turning a picture changes which two differences share a norm at its edges.
        assert cost == pytest.approx(alone.cost, rel=1e-7)
        if fidelity == "l2":
            assert np.abs(part - alone.image).max() < 1e-4


@pytest.mark.parametrize("value", [np.nan, np.inf, -9999.0, 0.5])
@pytest.mark.parametrize("depth", [None, 3])
def test_what_is_cut_out_comes_back_as_it_was_and_changes_nothing_else(value: float, depth: int | None) -> None:
    f = PICTURE.astype(np.float32) if depth is None else np.stack([PICTURE] * depth, axis=-1).astype(np.float32)
    weights = np.ones(PICTURE.shape)
    weights[4:9, 30:] = weights[20, 20] = 0
    plain = denoise(f, 0.3, method="optimal", weights=weights, fill=False)
    f[weights == 0] = value
    poisoned = denoise(f, 0.3, method="optimal", weights=weights, fill=False)
    np.testing.assert_array_equal(poisoned.image[weights == 0], f[weights == 0])
    np.testing.assert_array_equal(poisoned.image[weights > 0], plain.image[weights > 0])
    assert poisoned.cost == plain.cost


def test_counts_that_are_cut_out_come_back_in_the_units_of_the_result() -> None:
    counts, weights = np.round(255 * PICTURE.clip(0, 1)).astype(np.uint8), np.ones(PICTURE.shape)
    weights[3:5, 3:9] = 0
    image = denoise(counts, 0.1, method="optimal", weights=weights, fill=False).image
    np.testing.assert_array_equal(image[weights == 0], (counts[weights == 0] / 255.0).astype(image.dtype))


def test_cutting_a_hole_out_takes_no_more_iterations_than_a_picture_without_one() -> None:
    weights = np.ones(PICTURE.shape)
    weights[5:20, 10:30] = 0
    whole = denoise(PICTURE, 0.1, method="optimal").iterations
    assert denoise(PICTURE, 0.1, method="optimal", weights=weights, fill=False).iterations <= whole + 2


def test_weights_that_differ_stay_when_a_hole_is_cut_out() -> None:
    weights = RANDOM.random(PICTURE.shape) + 0.1
    weights[10:14, 10:14] = 0
    cut = denoise(PICTURE, 0.2, method="optimal", weights=weights, fill=False, gap=1e-7)
    flat = denoise(PICTURE, 0.2, method="optimal", weights=(weights > 0).astype(float), fill=False, gap=1e-7)
    assert np.abs(cut.image - flat.image)[weights > 0].max() > 0.01


@pytest.mark.parametrize("fidelity", ["l1", "l2"])
def test_a_large_hole_is_filled_and_certified_in_few_hundred_iterations(fidelity: str) -> None:
    y, x = np.mgrid[:96, :96]
    f = (0.3 * np.sin(x / 17) + 0.2 * np.cos(y / 13) + 0.003 * RANDOM.standard_normal(x.shape)).astype(np.float32)
    weights = np.where((x - 50) ** 2 + (y - 45) ** 2 < 24**2, 0, 1)
    solution = denoise(f, 0.005 if fidelity == "l2" else 0.8, fidelity=fidelity, method="optimal", weights=weights, iterations=900)
    assert solution.status == "converged"
    assert f[weights > 0].min() <= solution.image.min()
    assert solution.image.max() <= f[weights > 0].max() + 1e-6


def test_a_first_guess_keeps_what_is_known_and_stays_in_its_range() -> None:
    known = RANDOM.random((33, 47)) > 0.7
    known[5:20, 8:40] = False
    planes = RANDOM.random((2, 33, 47))
    guess, depth = filled(planes, known)
    assert depth >= 4  # blocks of 8 × 8 fit into the hole
    np.testing.assert_array_equal(guess[:, known], planes[:, known])
    for before, after in zip(planes, guess, strict=True):
        assert before[known].min() <= after.min()
        assert after.max() <= before[known].max()
    moved, _ = filled(3 * planes - 7, known)
    np.testing.assert_allclose(moved, 3 * guess - 7, atol=1e-12)


def test_the_depth_of_holes_counts_doublings() -> None:
    known = np.ones((16, 16), bool)
    assert filled(np.zeros((1, 16, 16)), known)[1] == 0
    known[4, 4] = False
    assert filled(np.zeros((1, 16, 16)), known)[1] == 1
    known[4:8, 4:8] = False
    assert filled(np.zeros((1, 16, 16)), known)[1] == 3
    one = np.zeros((16, 16), bool)
    one[15, 0] = True
    guess, depth = filled(np.full((1, 16, 16), 2.5), one)
    assert depth == 4
    np.testing.assert_array_equal(guess, 2.5)
