"""AddedNoise has the statistics of its name, and is the same wherever and whenever it is made."""

from __future__ import annotations

import math
import zlib

import numpy as np
import pytest

from denoise_cli.noise.synthetic import AddedNoise, generator

SHAPE = (400, 500)
COUNT = SHAPE[0] * SHAPE[1]


def noisy(level: float, **amounts: float) -> np.ndarray:
    return AddedNoise(**amounts).add(np.full(SHAPE, level), np.random.default_rng(1))


def near(measured: float, expected: float, standard_error: float) -> bool:
    return abs(measured - expected) < 3 * standard_error


def test_gaussian_noise_has_its_sigma_and_no_mean() -> None:
    change = noisy(0.5, gaussian=0.1) - 0.5
    assert near(change.std(), 0.1, 0.1 / math.sqrt(2 * COUNT))
    assert near(change.mean(), 0, 0.1 / math.sqrt(COUNT))
    assert near((change > 0.1).mean(), 0.158655, math.sqrt(0.1587 * 0.8413 / COUNT))


def test_photons_vary_as_their_number() -> None:
    photons = noisy(0.4, poisson=50) * 50
    np.testing.assert_allclose(photons, np.rint(photons), atol=1e-9)
    assert near(photons.mean(), 20, math.sqrt(20 / COUNT))
    assert near(photons.var(), 20, math.sqrt((20 + 2 * 400) / COUNT))


def test_speckle_is_proportional_to_the_picture() -> None:
    for level in (0.2, 0.8):
        change = noisy(level, speckle=0.3) - level
        assert near(change.std(), 0.3 * level, 0.3 * level / math.sqrt(2 * COUNT))
    assert (noisy(0, speckle=0.3) == 0).all()


def test_salt_and_pepper_fall_in_equal_parts() -> None:
    hit = noisy(0.5, salt_pepper=0.1)
    for value in (0, 1):
        assert near((hit == value).mean(), 0.05, math.sqrt(0.05 * 0.95 / COUNT))
    assert ((hit == 0) | (hit == 1) | (hit == 0.5)).all()
    assert (noisy(0.5, salt_pepper=1) != 0.5).all()


def test_random_impulses_are_even_between_black_and_white() -> None:
    hit = noisy(2.0, random_impulse=0.2)
    values = hit[hit != 2.0]
    assert near(values.size / COUNT, 0.2, math.sqrt(0.2 * 0.8 / COUNT))
    assert values.min() >= 0
    assert values.max() < 1
    assert near(values.mean(), 0.5, math.sqrt(1 / 12 / values.size))
    assert near(values.var(), 1 / 12, math.sqrt(1 / 180 / values.size))


def test_variances_of_photons_and_read_noise_add() -> None:
    variance = noisy(0.5, poisson=100, gaussian=0.05).var()
    assert near(variance, 0.5 / 100 + 0.05**2, 0.0075 * math.sqrt(2 / COUNT))


def test_impulses_come_last_and_stay_black_and_white() -> None:
    hit = noisy(0.5, gaussian=0.01, salt_pepper=0.1)
    assert near(((hit == 0) | (hit == 1)).mean(), 0.1, math.sqrt(0.1 * 0.9 / COUNT))


@pytest.mark.parametrize("kind", ["salt_pepper", "random_impulse"])
def test_impulses_hit_channels_by_themselves_or_whole_pixels(kind: str) -> None:
    clean = np.full((100, 100, 3), 0.5)
    each, whole = (AddedNoise(**{kind: 0.3}, whole_pixels=word).add(clean, np.random.default_rng(0)) != 0.5 for word in (False, True))
    assert each.any(axis=2).mean() == pytest.approx(1 - 0.7**3, abs=0.02)
    assert (whole.any(axis=2) == whole.all(axis=2)).all()
    assert whole[:, :, 0].mean() == pytest.approx(0.3, abs=0.02)


def test_the_noise_is_numpys_for_the_seed_and_the_pixels() -> None:
    picture = np.arange(12, dtype=np.uint16).reshape(3, 4)
    expected = np.random.default_rng([7, zlib.crc32(picture.astype("<u2").tobytes())]).standard_normal((3, 4))
    made = AddedNoise(gaussian=1).add(np.zeros((3, 4)), generator(picture, 7))
    np.testing.assert_array_equal(made, expected)
    np.testing.assert_array_equal(generator(picture.astype(">u2"), 7).random(3), generator(picture, 7).random(3))
    assert (generator(picture, 8).random(3) != generator(picture, 7).random(3)).all()
    assert (generator(picture + np.uint16(1), 7).random(3) != generator(picture, 7).random(3)).all()


def test_photons_of_less_than_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        AddedNoise(poisson=10).add(np.array([[-0.1]]), np.random.default_rng(0))
    with pytest.raises(ValueError, match="too many"):
        AddedNoise(poisson=1e30).add(np.array([[0.5]]), np.random.default_rng(0))


@pytest.mark.parametrize(
    "amounts", [{"gaussian": 0.0}, {"gaussian": math.nan}, {"poisson": math.inf}, {"salt_pepper": 1.5}, {"speckle": -1}]
)
def test_amounts_out_of_range_are_refused(amounts: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(amounts)).replace("_", "-")):
        AddedNoise(**amounts)
