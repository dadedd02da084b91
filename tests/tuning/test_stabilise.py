"""The generalised Anscombe transform makes noise uniform, its inverse brings back the mean: by sums over all counts, and by experiment."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from denoise_cli import denoise
from denoise_cli.noise.estimate import estimate
from denoise_cli.noise.stabilise import Stabiliser


def moments(photons: float, read_noise: float) -> tuple[float, float]:
    """Mean and variance of forward(z), z = Poisson(photons) + N(0, read_noise²), summed over all counts and integrated over the rest."""
    counts = np.arange(int(photons + 12 * math.sqrt(photons + 1) + 20))
    logs = counts * math.log(photons) - photons - np.array([math.lgamma(k + 1) for k in counts])
    x = np.linspace(-8, 8, 401)
    density = np.exp(-(x**2) / 2)
    weights = np.exp(logs)[:, None] * (density / density.sum())
    values = Stabiliser(1, read_noise).forward(counts[:, None] + read_noise * x)
    mean = float((weights * values).sum())
    return mean, float((weights * (values - mean) ** 2).sum())


@pytest.mark.parametrize("read_noise", [0.0, 0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("photons", [1, 3, 5, 10, 30, 100])
def test_the_inverse_of_the_mean_is_the_mean(photons: float, read_noise: float) -> None:
    mean, _ = moments(photons, read_noise)
    assert Stabiliser(1, read_noise).inverse(np.array([mean]))[0] == pytest.approx(photons, abs=0.035)


def test_the_algebraic_inverse_would_be_darker() -> None:
    mean, _ = moments(5, 0)
    assert (mean / 2) ** 2 - 3 / 8 < 4.8 < Stabiliser(1).inverse(np.array([mean]))[0]


@pytest.mark.parametrize("read_noise", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("photons", [3, 10, 100])
def test_the_variance_is_1_from_3_photons_up(photons: float, read_noise: float) -> None:
    assert moments(photons, read_noise)[1] == pytest.approx(1, abs=0.08)


def test_noise_of_a_synthetic_picture_becomes_uniform() -> None:
    rng = np.random.default_rng(0)
    for brightness in (0.1, 0.3, 1.0):
        z = rng.poisson(brightness * 50, 100_000) / 50 + rng.normal(0, 0.02, 100_000)
        assert Stabiliser(1 / 50, 0.02).forward(z).std() == pytest.approx(1, abs=0.03)


def test_normalised_pictures_span_0_to_1_and_say_their_noise() -> None:
    stabiliser = Stabiliser(1 / 100, 0.01)
    ends, _ = stabiliser.normalise(np.array([0.0, 1.0]))
    assert ends == pytest.approx([0, 1])
    z = np.random.default_rng(1).poisson(0.5 * 100, 100_000) / 100
    values, sigma = Stabiliser(1 / 100).normalise(z)
    assert values.std() == pytest.approx(sigma, rel=0.02)


def test_restoring_a_normalised_mean_gives_the_brightness() -> None:
    stabiliser = Stabiliser(1 / 60, 0.02)
    rng = np.random.default_rng(2)
    z = rng.poisson(0.4 * 60, 400_000) / 60 + rng.normal(0, 0.02, 400_000)
    values, _ = stabiliser.normalise(z)
    assert stabiliser.restore(np.array([values.mean()]))[0] == pytest.approx(0.4, rel=0.002)


def test_units_do_not_matter() -> None:
    z = np.linspace(0, 1, 11)
    assert Stabiliser(2.55, 5.1).forward(255 * z) == pytest.approx(Stabiliser(0.01, 0.02).forward(z))
    d = np.linspace(1, 20, 11)
    assert Stabiliser(2.55, 5.1).inverse(d) == pytest.approx(255 * Stabiliser(0.01, 0.02).inverse(d))


def test_without_gain_it_is_a_division() -> None:
    z = np.array([-1.0, 0.0, 2.0])
    assert Stabiliser(0, 0.5).forward(z) == pytest.approx(z / 0.5)
    assert Stabiliser(0, 0.5).inverse(Stabiliser(0, 0.5).forward(z)) == pytest.approx(z)


def test_black_and_what_is_below_stay_finite() -> None:
    stabiliser = Stabiliser(0.1, 0.05)
    assert (stabiliser.forward(np.array([-5.0, 0.0])) >= 0).all()
    assert stabiliser.inverse(np.array([-3.0, 0.0, 0.1])) == pytest.approx([0, 0, 0], abs=0.01)


def test_float32_stays_float32() -> None:
    stabiliser = Stabiliser(0.1, 0.05)
    z = np.linspace(0, 1, 5, dtype=np.float32)
    values, _ = stabiliser.normalise(z)
    assert values.dtype == stabiliser.restore(values).dtype == np.float32


@pytest.mark.parametrize(("gain", "read_noise"), [(0, 0), (-1, 1), (1, -1), (math.nan, 1), (math.inf, 1)])
def test_what_is_no_noise_is_refused(gain: float, read_noise: float) -> None:
    with pytest.raises(ValueError, match=r"gain|read_noise"):
        Stabiliser(gain, read_noise)


@pytest.mark.parametrize(("name", "mode", "best"), [("camera", "L", 1.6), ("coffee", "L", 1.6), ("coffee", "RGB", 2.6)])
def test_around_the_solver_it_gains_a_third_of_a_decibel_over_the_best_plain_lambda_at_peak_30(
    samples: Path, name: str, mode: str, best: float
) -> None:
    clean = np.asarray(Image.open(samples / f"{name}.png").convert(mode)) / 255
    noisy = np.random.default_rng(3).poisson(clean * 30) / 30

    def psnr(image: np.ndarray) -> float:
        return -10 * math.log10(float(np.mean((np.clip(image, 0, 1) - clean) ** 2)))

    plain = max(psnr(denoise(noisy, weight, method="optimal").image) for weight in (0.18, 0.22, 0.26, 0.31, 0.37, 0.44))
    found = estimate(noisy)
    assert found.model == "poisson"
    stabiliser = Stabiliser(found.gain, found.read_noise)
    values, sigma = stabiliser.normalise(noisy)
    stabilised = psnr(stabiliser.restore(denoise(values, best * sigma, method="optimal").image))
    assert stabilised > plain + 0.3
