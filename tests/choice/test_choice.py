"""The λ that is chosen, against the best one that a clean picture tells, and the estimates behind it against what they estimate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from denoise_cli.choice.choose import choose
from denoise_cli.choice.risk import Recorrupted, Stein
from denoise_cli.choice.sample import Sample
from denoise_cli.noise.clipping import cut_off
from denoise_cli.noise.estimate import Noise
from denoise_cli.variational import denoise, psnr_db


@pytest.fixture(scope="module")
def camera(samples: Path) -> np.ndarray:
    return np.asarray(Image.open(samples / "camera.png")) / 255


@pytest.fixture(scope="module")
def coffee(samples: Path) -> np.ndarray:
    return np.asarray(Image.open(samples / "coffee.png"))[:200, :200] / 255


def with_noise(clean: np.ndarray, sigma: float, seed: int = 0) -> np.ndarray:
    return clean + sigma * np.random.default_rng(seed).standard_normal(clean.shape)


def with_impulses(clean: np.ndarray, fraction: float, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    hit = random.random(clean.shape) < fraction
    return np.where(hit, random.integers(0, 2, clean.shape), clean)


def impulses(fraction: float, channels: int = 1) -> Noise:
    return Noise("impulses", 0.0, (0.0,) * channels, fraction, fraction, 0.0, 0.0, 0.0, "told")


def lost(noisy: np.ndarray, clean: np.ndarray, weight: float, fidelity: str, step: float) -> float:
    """dB between this λ and the best of a fine search."""

    def psnr(w: float) -> float:
        gap = 1e-3 if fidelity == "l2" else 5e-3
        return psnr_db(denoise(noisy, w, fidelity=fidelity, method="optimal", gap=gap, records=False, dtype="float32").image, clean)

    here = psnr(weight)
    best = here
    for factor in (step, 1 / step):
        w, value = weight * factor, psnr(weight * factor)
        while value > best:
            best, w = value, w * factor
            value = psnr(w)
    return best - here


@pytest.mark.parametrize("sigma", [5 / 255, 15 / 255, 50 / 255])
def test_with_sigma_told_little_is_lost_to_the_best_lambda(camera: np.ndarray, sigma: float) -> None:
    noisy = with_noise(camera, sigma)
    choice = choose(noisy, sigma=sigma)
    assert choice.fidelity == "l2"
    assert lost(noisy, camera, choice.weight, "l2", 1.08) < 0.1


def test_so_in_colour(coffee: np.ndarray) -> None:
    noisy = with_noise(coffee, 25 / 255)
    assert lost(noisy, coffee, choose(noisy, sigma=25 / 255).weight, "l2", 1.08) < 0.05


def test_so_where_noise_was_cut_off_at_black_and_white(camera: np.ndarray) -> None:
    stored = np.rint(np.clip(with_noise(camera, 50 / 255), 0, 1) * 255) / 255
    assert lost(stored, camera, choose(stored, sigma=50 / 255).weight, "l2", 1.08) < 0.15


@pytest.mark.parametrize("fraction", [0.05, 0.2])
def test_with_the_impulses_told_little_is_lost_to_the_best_lambda(camera: np.ndarray, fraction: float) -> None:
    noisy = with_impulses(camera, fraction)
    choice = choose(noisy, noise=impulses(fraction))
    assert choice.fidelity == "l1"
    assert lost(noisy, camera, choice.weight, "l1", 1.06) < 0.25


def test_a_fidelity_that_is_told_is_kept(camera: np.ndarray) -> None:
    noisy = with_noise(camera[:96, :96], 0.1)
    l1, l2 = choose(noisy, fidelity="l1", sigma=0.1), choose(noisy, fidelity="l2", noise=impulses(0.1))
    assert (l1.fidelity, l2.fidelity) == ("l1", "l2")
    assert lost(noisy, camera[:96, :96], l1.weight, "l1", 1.08) < 0.3


def test_steins_estimate_is_the_mean_squared_error(camera: np.ndarray) -> None:
    sigma = 20 / 255
    noisy = with_noise(camera, sigma).astype(np.float32)
    risk = Stein(noisy[..., None], Noise.told((sigma,)))
    sample = Sample(noisy[..., None])
    for weight in (0.05, 0.1, 0.2):
        u = denoise(noisy, weight, method="optimal", gap=1e-2, records=False).image
        assert risk(sample.solver(weight)) == pytest.approx(np.mean((u - camera) ** 2), rel=0.06)


def test_the_error_on_impulses_that_were_added_is_the_error_on_those_that_were_there(camera: np.ndarray) -> None:
    noisy = with_impulses(camera, 0.2).astype(np.float32)
    risk = Recorrupted(Sample(noisy[..., None], fidelity="l1"), impulses(0.2))
    for weight in (0.55, 0.7):
        u = denoise(noisy, weight, fidelity="l1", method="optimal", gap=5e-3, records=False).image
        assert risk(weight) == pytest.approx(np.mean((u - camera) ** 2), rel=0.4)


@pytest.mark.parametrize("value", [0.0, 0.02, 0.5, 0.97])
def test_what_is_left_of_noise_that_was_cut_off(value: float) -> None:
    sigma = 0.1
    stored = np.clip(value + sigma * np.random.default_rng(0).standard_normal(400_000), 0, 1)
    variance, bias = cut_off(np.array([stored.mean()]), sigma, (0.0, 1.0))
    assert variance[0] == pytest.approx(stored.var(), rel=0.02)
    assert bias[0] == pytest.approx(stored.mean() - value, abs=0.001)


def test_units_do_not_matter(camera: np.ndarray) -> None:
    noisy = with_noise(camera[:128, :128], 0.08)
    small, large = choose(noisy, sigma=0.08), choose(4000 * noisy + 700, sigma=0.08 * 4000)
    assert large.weight == pytest.approx(4000 * small.weight, rel=0.05)


def test_what_is_hidden_does_not_matter(camera: np.ndarray) -> None:
    noisy = with_noise(camera[:128, :128], 0.08)
    known = np.ones(noisy.shape)
    known[30:60, 40:90] = 0
    spoilt = np.where(known > 0, noisy, 5.0)
    assert choose(spoilt, sigma=0.08, weights=known).weight == pytest.approx(choose(noisy, sigma=0.08, weights=known).weight, rel=1e-3)


def test_a_large_picture_is_judged_by_a_sample(camera: np.ndarray) -> None:
    large = np.tile(camera, (4, 4))
    noisy = with_noise(large, 0.1)
    assert choose(noisy, sigma=0.1).weight == pytest.approx(choose(noisy[:256, :256], sigma=0.1).weight, rel=0.15)


@pytest.mark.parametrize("name", ["camera.png", "coffee.png"])
def test_a_clean_picture_stays_as_it_is(samples: Path, name: str) -> None:
    clean = np.asarray(Image.open(samples / name))
    choice = choose(clean)
    result = denoise(clean, choice.weight, fidelity=choice.fidelity, method="optimal", records=False).image
    assert psnr_db(np.rint(result * 255) / 255, clean / 255) > 40


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (1, 40), (40, 1), (3, 3, 3)])
@pytest.mark.parametrize("kind", ["constant", "noise"])
def test_pictures_too_small_to_tell_get_a_lambda_all_the_same(shape: tuple[int, ...], kind: str) -> None:
    picture = np.full(shape, 0.5) if kind == "constant" else np.random.default_rng(0).random(shape)
    choice = choose(picture)
    assert 0 < choice.weight < 10
    assert choice.sentence


def test_nothing_is_taken_from_a_constant_picture() -> None:
    constant = np.full((64, 64), 77, np.uint8)
    choice = choose(constant)
    assert np.abs(denoise(constant, choice.weight, fidelity=choice.fidelity, method="optimal").image - 77 / 255).max() < 1e-6


def test_pure_noise_becomes_nearly_flat() -> None:
    noise = 0.5 + 0.1 * np.random.default_rng(0).standard_normal((128, 128))
    choice = choose(noise)
    assert denoise(noise, choice.weight, fidelity=choice.fidelity, method="optimal").image.std() < 0.01


@pytest.mark.parametrize("sigma", [-0.1, np.nan, np.inf])
def test_a_sigma_that_is_none_is_refused(sigma: float) -> None:
    with pytest.raises(ValueError, match="sigma"):
        choose(np.zeros((8, 8)), sigma=sigma)


def test_the_sentence_says_what_was_assumed(camera: np.ndarray) -> None:
    noisy = np.rint(with_noise(camera[:64, :64], 10.4 / 255) * 255).clip(0, 255).astype(np.uint8)
    assert choose(noisy, sigma=10.4 / 255).sentence.startswith("Gaussian noise, σ = 0.0408 (10.4/255) → λ 0.")
    assert choose(4000 * noisy.astype(np.float64) + 700, sigma=4000 * 10.4).sentence.startswith("Gaussian noise, σ = 41600 (")
    assert choose(with_impulses(camera[:64, :64], 0.1), noise=impulses(0.1)).sentence.startswith(
        "impulse noise, 10 % salt and pepper → λ 0."
    )
