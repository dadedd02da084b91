"""Where λ is large, a constant is the minimiser, and that is proved at once; where it is none, no such thing is said."""

from __future__ import annotations

import numpy as np
import pytest

from denoise_cli.variational import denoise

RANDOM = np.random.default_rng(5)


def largest_flow(derivative: np.ndarray) -> float:
    """The λ from which on a constant is the minimiser of a row of pixels: p is the sum of what lies before, as it has no other choice."""
    return float(np.abs(np.cumsum(derivative.astype(np.float64))).max())


@pytest.mark.parametrize("fidelity", ["l2", "l1"])
@pytest.mark.parametrize(("side", "iterations"), [(1.0001, 0), (0.98, 1)])
def test_a_row_is_constant_exactly_from_the_lambda_on_that_its_flow_says(fidelity: str, side: float, iterations: int) -> None:
    f = RANDOM.random((1, 101), np.float32)
    derivative = 2 * (f - f.mean(dtype=np.float64)) if fidelity == "l2" else np.sign(f - np.median(f))
    found = denoise(f, side * largest_flow(derivative), fidelity=fidelity, method="optimal", gap=1e-6, dtype="float64")
    assert min(found.iterations, 1) == iterations
    assert (np.ptp(found.image) == 0) == (iterations == 0)
    assert found.gap is not None
    assert found.gap <= 1e-6


@pytest.mark.parametrize("boundary", ["symmetric", "periodic"])
@pytest.mark.parametrize("tv", ["isotropic", "anisotropic"])
@pytest.mark.parametrize("channels", ["coupled", "separate"])
@pytest.mark.parametrize("fidelity", ["l2", "l1"])
def test_far_above_the_contrast_it_is_the_mean_or_a_median_of_each_channel(fidelity: str, channels: str, tv: str, boundary: str) -> None:
    f = RANDOM.random((24, 31, 3)).astype(np.float32)
    found = denoise(f, 50.0, fidelity=fidelity, channels=channels, tv=tv, boundary=boundary, method="optimal", gap=1e-6, dtype="float64")
    flat = found.image.reshape(-1, 3)
    assert (found.iterations, found.status) == (0, "converged")
    assert np.ptp(flat, axis=0).max() == 0
    if fidelity == "l2":
        np.testing.assert_allclose(flat[0], f.mean(axis=(0, 1), dtype=np.float64), atol=1e-12)
    else:
        assert (np.abs(np.sign(f - flat[0]).sum(axis=(0, 1))) <= (f == flat[0]).sum(axis=(0, 1))).all()
    direct = ((f - flat[0].astype(np.float64)) ** 2).sum() if fidelity == "l2" else np.abs(f - flat[0].astype(np.float64)).sum()
    assert found.cost == pytest.approx(direct, rel=1e-5)
    assert found.bound <= found.cost
    assert found.gap < 1e-10


@pytest.mark.parametrize("fidelity", ["l2", "l1"])
def test_a_constant_that_can_be_bettered_is_never_certified(fidelity: str) -> None:
    """Two halves: λ · height is what a step between them costs for each unit of its height, and size/2 what it gains at first."""
    f = np.zeros((16, 20))
    f[:, 10:] = 1
    threshold = 10.0
    told = {"fidelity": fidelity, "method": "optimal", "gap": 1e-6, "dtype": "float64"}
    under, above = (denoise(f, share * threshold, **told) for share in (0.9, 1.1))
    assert np.ptp(above.image) == 0
    assert above.iterations == 0
    assert np.ptp(under.image) > 0.05
    assert under.iterations > 0


def test_a_volume_in_other_units_is_its_mean_and_a_log_has_a_row() -> None:
    f = 1000 + 20 * RANDOM.standard_normal((6, 8, 9))
    seen: list[int] = []
    found = denoise(
        f, 5000.0, method="optimal", axes=3, axis_weights=(0.5, 1, 1), records=True, callback=lambda state: seen.append(state.iteration)
    )
    assert seen == [0]
    assert len(found.records) == 1
    np.testing.assert_allclose(found.image, f.mean(), rtol=1e-6)


def test_what_is_kept_of_a_constant_is_where_the_next_lambda_sets_out() -> None:
    f = RANDOM.random((20, 20))
    first = denoise(f, 40.0, method="optimal", keep_dual=True)
    assert first.iterations == 0
    second = denoise(f, 0.1, method="optimal", start=first)
    assert second.cost == pytest.approx(denoise(f, 0.1, method="optimal", gap=1e-6, dtype="float64").cost, rel=1e-3)
