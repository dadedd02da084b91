"""Masked arrays of NumPy: what is masked is unknown, whatever it holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from denoise_cli import denoise, denoising, variational
from denoise_cli.noise.estimate import estimate

RANDOM = np.random.default_rng(5)
CLEAN = np.repeat(np.linspace(0.2, 0.6, 40)[None], 32, axis=0)
NOISY = np.clip(CLEAN + RANDOM.normal(0, 0.05, CLEAN.shape), 0, 1)
HIDDEN = np.zeros(CLEAN.shape, bool)
HIDDEN[10:14, 20:30] = True


def masked(values: np.ndarray, held: float) -> Any:
    """`values`, with something else below the mask."""
    hidden = np.broadcast_to(HIDDEN if values.ndim == 2 else HIDDEN[:, :, None], values.shape)
    return np.ma.array(np.where(hidden, held, values).astype(values.dtype), mask=hidden)


@pytest.mark.parametrize("told", [{"weight": 0.1}, {"weight": 0.1, "method": "optimal"}, {}, {"method": "learned"}])
def test_what_is_masked_takes_part_in_nothing_as_nan_does(told: dict[str, Any]) -> None:
    expected = denoise(np.where(HIDDEN, np.nan, NOISY), **told).image
    for held in (0.0, 0.99):
        result = denoise(masked(NOISY, held), **told).image
        assert not np.ma.isMaskedArray(result)
        np.testing.assert_array_equal(result[~HIDDEN], expected[~HIDDEN])
        np.testing.assert_array_equal(result[HIDDEN], held)


def test_integers_come_back_in_the_units_of_the_result() -> None:
    stored = (255 * NOISY).round().astype(np.uint8)
    result = denoise(masked(stored, 255), 0.1, method="optimal").image
    np.testing.assert_array_equal(result[HIDDEN], 1)
    np.testing.assert_array_equal(result[~HIDDEN], denoise(masked(stored, 0), 0.1, method="optimal").image[~HIDDEN])


def test_what_is_masked_is_filled_in_where_that_is_asked_for() -> None:
    result = denoise(masked(NOISY, 0.0), 0.1, method="optimal", fill=True).image
    np.testing.assert_array_equal(result, denoise(masked(NOISY, 1.0), 0.1, method="optimal", fill=True).image)
    assert np.abs(result - CLEAN)[HIDDEN].max() < 0.1


@pytest.mark.parametrize("told", [{"channel_axis": -1}, {"axes": "yxc", "method": "optimal"}])
def test_a_pixel_that_is_masked_in_every_channel_is_unknown_however_channels_are_told(told: dict[str, Any]) -> None:
    colours = np.stack([NOISY, NOISY[::-1]], axis=-1)
    dark, bright = (denoise(masked(colours, held), 0.1, **told).image for held in (0.0, 0.99))
    np.testing.assert_array_equal(dark[~HIDDEN], bright[~HIDDEN])
    np.testing.assert_array_equal(bright[HIDDEN], 0.99)


def test_the_solver_gives_masked_pixels_weight_0() -> None:
    expected = variational.denoise(NOISY, 0.1, method="optimal", weights=1.0 - HIDDEN).image
    np.testing.assert_array_equal(variational.denoise(masked(NOISY, 0.99), 0.1, method="optimal").image, expected)
    halves = np.full(NOISY.shape, 0.5)
    both = variational.denoise(masked(NOISY, 0.99), 0.1, method="optimal", weights=halves).image
    np.testing.assert_array_equal(both, variational.denoise(NOISY, 0.1, method="optimal", weights=halves * ~HIDDEN).image)


def test_the_noise_is_that_of_what_is_not_masked() -> None:
    dark, bright = (estimate(masked(NOISY, held)).sigma for held in (0.0, 0.99))
    assert dark == pytest.approx(bright, rel=1e-6)
    assert dark == pytest.approx(0.05, rel=0.2)


def test_where_a_mask_would_be_lost_it_is_refused() -> None:
    with pytest.raises(ValueError, match="masked array has no meaning for method matlab"):
        variational.denoise(masked(NOISY, 0.0), 0.1)
    with pytest.raises(ValueError, match="input must not be a masked array"):
        denoising(masked(NOISY, 0.0), 0.1, 3, 2, NOISY)
    with pytest.raises(ValueError, match="reference must not be a masked array"):
        denoise(NOISY, 0.1, reference=masked(CLEAN, 0.0))
    with pytest.raises(ValueError, match="weights must not be a masked array"):
        denoise(NOISY, 0.1, method="optimal", weights=masked(np.ones(NOISY.shape), 0.0))


def test_chunks_refuse_masked_arrays() -> None:
    pytest.importorskip("dask")
    from denoise_cli.large import denoise as lazily

    with pytest.raises(ValueError, match="must not be a masked array"):
        lazily(masked(NOISY, 0.0), 0.1)
