"""SSIM and its companions against closed forms, and against scikit-image on whole pictures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from skimage import metrics

from denoise_cli.measure import comparison
from denoise_cli.measure.comparison import figures, pooled
from denoise_cli.variational import mae, ssim


@pytest.mark.parametrize("shape", [(11, 11), (12, 300), (540, 37), (40, 50, 3)])
@pytest.mark.parametrize("data_range", [1.0, 255.0])
def test_ssim_is_that_of_scikit_image(shape: tuple[int, ...], data_range: float) -> None:
    rng = np.random.default_rng(3)
    clean = rng.random(shape) * data_range
    picture = clean + 0.2 * data_range * rng.standard_normal(shape)
    expected = metrics.structural_similarity(
        clean, picture, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=data_range,
        channel_axis=2 if len(shape) == 3 else None,
    )  # fmt: skip
    assert ssim(picture, clean, data_range) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32, np.float64])
def test_the_errors_of_strips_are_those_of_the_whole(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    clean, picture = ((rng.random((70, 40, 3)) * 200).astype(kind) for _ in range(2))
    monkeypatch.setattr(comparison, "PIXELS_AT_ONCE", 500)
    told = figures(picture, clean, 200.0)
    clean, picture = clean.astype(np.float64), picture.astype(np.float64)
    assert told.psnr_db == pytest.approx(metrics.peak_signal_noise_ratio(clean, picture, data_range=200.0), rel=1e-12)
    assert told.rmse == pytest.approx(math.sqrt(metrics.mean_squared_error(clean, picture)), rel=1e-12)
    assert told.nrmse == pytest.approx(metrics.normalized_root_mse(clean, picture), rel=1e-12)
    assert told.mae == pytest.approx(np.abs(clean - picture).mean(), rel=1e-12)


def test_the_normalised_error_needs_no_range_and_no_unit() -> None:
    clean = np.random.default_rng(1).normal(1000, 300, (30, 20))
    assert figures(clean * 1.1, clean, 0.0).nrmse == pytest.approx(0.1)
    assert figures(clean, clean * 0, 1.0).nrmse is None
    pages = [figures(clean[:10] + 5, clean[:10], 1.0), figures(clean[10:] + 9, clean[10:], 1.0)]
    offsets = np.repeat([5.0, 9.0], [10, 20])[:, None]
    assert pooled(pages).nrmse == pytest.approx(metrics.normalized_root_mse(clean, clean + offsets))


def test_ssim_of_two_flat_pictures_compares_their_means_alone() -> None:
    c1 = 0.01**2
    expected = (2 * 0.3 * 0.6 + c1) / (0.3**2 + 0.6**2 + c1)
    assert ssim(np.full((20, 30), 0.3), np.full((20, 30), 0.6)) == pytest.approx(expected, abs=1e-12)


def test_ssim_of_a_ramp_and_its_half_is_the_formula_with_the_variance_of_the_window() -> None:
    offsets = np.arange(-5, 6)
    window = np.exp(-(offsets**2) / (2 * 1.5**2))
    variance = 0.01**2 * (window * offsets**2).sum() / window.sum()
    mean = 0.01 * np.arange(5, 35)
    c1, c2 = 0.01**2, 0.03**2
    expected = (mean**2 + c1) * (variance + c2) / ((1.25 * mean**2 + c1) * (1.25 * variance + c2))
    ramp = np.broadcast_to(0.01 * np.arange(40), (600, 40))
    assert ssim(ramp / 2, ramp) == pytest.approx(expected.mean(), abs=1e-12)


def test_ssim_refuses_what_is_smaller_than_its_window() -> None:
    with pytest.raises(ValueError, match="11 × 11"):
        ssim(np.zeros((10, 50)), np.zeros((10, 50)))
    assert figures(np.zeros((10, 50)), np.ones((10, 50)), 1.0).ssim is None


def test_eight_bits_as_stored_give_the_figures_of_floats() -> None:
    rng = np.random.default_rng(0)
    one, other = (rng.integers(0, 256, (30, 20, 3), dtype=np.uint8) for _ in range(2))
    stored = figures(one, other, 255, unit=255)
    floats = figures(one / 255, other / 255, 1.0)
    for name in ("psnr_db", "ssim", "rmse", "mae", "data_range"):
        assert getattr(stored, name) == pytest.approx(getattr(floats, name), rel=1e-9)
    assert mae(one, other) == pytest.approx(np.abs(one.astype(float) - other).mean())


def test_pages_are_pooled_over_their_errors_not_their_decibels() -> None:
    blank = np.zeros((20, 20))
    near, far = figures(blank + 0.1, blank, 1.0), figures(np.full((20, 60), 0.3), np.zeros((20, 60)), 1.0)
    together = pooled([near, far])
    mean_square = (0.01 * 400 + 0.09 * 1200) / 1600
    assert together.rmse == pytest.approx(math.sqrt(mean_square))
    assert together.psnr_db == pytest.approx(-10 * math.log10(mean_square))
    assert together.mae == pytest.approx((0.1 * 400 + 0.3 * 1200) / 1600)
