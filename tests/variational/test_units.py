"""The solver in any units: multiplying a picture by k and adding c multiplies and shifts the result, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from denoise_cli.variational import denoise

SIZE = (11, 14)
SHAPES = {"grey": SIZE, "colour": (*SIZE, 3)}


def picture(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """On [0, 1], both ends reached in every channel."""
    random = np.random.default_rng(seed)
    f = np.where(random.random(shape[:2]) < 0.5, 0.2, 0.7).repeat(int(np.prod(shape[2:]))).reshape(shape) + 0.2 * random.random(shape)
    f[0, 0], f[-1, -1] = 0, 1
    return f


@settings(max_examples=60, deadline=None)
@given(
    exponent=st.floats(-12, 12),
    spans_away=st.floats(-1e4, 1e4),
    kind=st.sampled_from(sorted(SHAPES)),
    fidelity=st.sampled_from(["l1", "l2"]),
    weighted=st.booleans(),
    boundary=st.sampled_from(["symmetric", "periodic"]),
    tv=st.sampled_from(["isotropic", "anisotropic"]),
    weight=st.sampled_from([0.05, 0.6]),
    seed=st.integers(0, 3),
)
def test_k_times_the_picture_plus_c_gives_k_times_the_result_plus_c(
    exponent: float, spans_away: float, kind: str, fidelity: str, weighted: bool, boundary: str, tv: str, weight: float, seed: int
) -> None:
    f, k = picture(SHAPES[kind], seed), 10**exponent
    c = spans_away * k
    # What rounding of k·f + c alone does to f, in spans.
    rounding = 3e-16 * (abs(spans_away) + 2)
    options: dict[str, Any] = {"fidelity": fidelity, "method": "optimal", "boundary": boundary, "tv": tv, "iterations": 30, "records": True}
    if weighted:
        options["weights"] = np.random.default_rng(seed).random(SIZE) * (np.random.default_rng(seed + 9).random(SIZE) > 0.2)
    plain = denoise(f, weight, gap=1e-12, **options)
    moved = denoise(k * f + c, weight * (k if fidelity == "l2" else 1), gap=1e-12, **options)
    degree = 2 if fidelity == "l2" else 1
    np.testing.assert_allclose((moved.image - c) / k, plain.image, rtol=0, atol=1e5 * rounding)
    assert moved.iterations == plain.iterations
    assert moved.cost / k**degree == pytest.approx(plain.cost, rel=1e6 * rounding)
    for ours, theirs in zip(moved.records, plain.records, strict=True):
        assert ours.cost / k**degree == pytest.approx(theirs.cost, rel=1e6 * rounding)
        assert (ours.bound is None) == (theirs.bound is None)
        if ours.bound is not None and theirs.bound is not None and ours.primal_residual is not None:
            assert ours.bound / k**degree == pytest.approx(theirs.bound, rel=1e6 * rounding, abs=1e6 * rounding)
            assert ours.gap == pytest.approx(theirs.gap, rel=1e-6, abs=1e7 * rounding)
            assert ours.primal_residual / k == pytest.approx(theirs.primal_residual, rel=1e-6, abs=1e6 * rounding)


@pytest.mark.parametrize("fidelity", ["l1", "l2"])
@pytest.mark.parametrize("power", [-40, -3, 1, 30])
def test_a_power_of_two_changes_no_bit(fidelity: str, power: int) -> None:
    f = picture(SIZE, 1).astype(np.float32)
    k = 2.0**power
    plain = denoise(f, 0.6, fidelity=fidelity, method="optimal")
    scaled = denoise(f * np.float32(k), 0.6 * (k if fidelity == "l2" else 1), fidelity=fidelity, method="optimal")
    np.testing.assert_array_equal(scaled.image, plain.image * np.float32(k))
    assert scaled.cost == plain.cost * k ** (2 if fidelity == "l2" else 1)


def test_a_map_of_lambda_counts_in_the_units_of_the_picture() -> None:
    f, weights = picture(SIZE, 2), 0.5 * np.random.default_rng(1).random(SIZE)
    np.testing.assert_allclose(
        denoise(1e-9 * f, 1e-9 * weights, method="optimal").image, 1e-9 * denoise(f, weights, method="optimal").image, rtol=1e-9
    )


def test_float32_is_enough_for_a_picture_far_from_zero_in_float64() -> None:
    """Elevations: 8,000 m away from 0, in steps that float32 does not have there."""
    f = picture((40, 50), 3)
    near, far = (denoise(f + c, 0.3, method="optimal", dtype="float32").image for c in (0, 1e6))
    assert far.dtype == np.float64
    assert np.ptp(far) > 0.1
    np.testing.assert_allclose(far - 1e6, near, rtol=0, atol=1e-3 * 1e-3 + 2e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -9999.0, 1e300, 0.4])
@pytest.mark.parametrize("fidelity", ["l1", "l2"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_an_unknown_pixel_holds_changes_no_bit(value: float, fidelity: str, dtype: str) -> None:
    f, weights = picture((20, 30, 3), 4), np.ones((20, 30))
    weights[5:9, 12:17] = 0
    weights[0, 0] = 0  # what was the darkest pixel
    plain = denoise(f.astype(dtype), 0.7, fidelity=fidelity, method="optimal", weights=weights)
    f[weights == 0] = value
    with np.errstate(over="ignore"):
        poisoned = denoise(f.astype(dtype), 0.7, fidelity=fidelity, method="optimal", weights=weights, records=True)
    np.testing.assert_array_equal(poisoned.image, plain.image)
    assert np.isfinite(poisoned.image).all()
    assert (poisoned.cost, poisoned.bound) == (plain.cost, plain.bound)
    low, high = f[weights > 0].min(), f[weights > 0].max()
    assert low - 1e-6 <= poisoned.image.min()
    assert poisoned.image.max() <= high + 1e-6


def test_nan_in_a_known_pixel_is_refused() -> None:
    f, weights = picture(SIZE, 1), np.ones(SIZE)
    f[3, 3], weights[3, 4] = np.nan, 0
    with pytest.raises(ValueError, match="mask them with a weight of 0"):
        denoise(f, 0.1, method="optimal", weights=weights)
