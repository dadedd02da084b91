"""White noise in texture that looks like clumps, terrain or a pattern: the network sees that it is white."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from denoise_cli.measure.scale import Scale
from denoise_cli.methods.learned.blind_run import Removed
from denoise_cli.methods.learned.told_level import white_after_all
from denoise_cli.methods.method import Subject
from denoise_cli.noise.estimate import estimate
from denoise_cli.noise.model import Noise
from denoise_cli.noise.spectrum import RINGS, Spectrum
from denoise_cli.pipeline.plan import make_plan
from denoise_cli.settings import Settings

SIGMA = 5.0


def leaves() -> np.ndarray:
    """Small discs of random brightness one over the other (dead leaves), seen through a lens: rough at every scale, 192 × 192."""
    rng = np.random.default_rng(4)
    y, x = np.mgrid[-8:9, -8:9]
    page = np.full((208, 208), 128.0)
    # Areas of discs that look alike at every scale: radius^-3.
    for top, left, radius in zip(*rng.integers(0, 192, (2, 30_000)), np.minimum(0.7 / (1 - 0.92 * rng.random(30_000)), 8), strict=True):
        page[top : top + 17, left : left + 17][y**2 + x**2 <= radius**2] = 68 + 120 * rng.random()
    page = page[8:-8, 8:-8]
    soft = np.pad(page, 1, mode="edge")
    soft = (soft[:-2] + 2 * soft[1:-1] + soft[2:]) / 4
    return (soft[:, :-2] + 2 * soft[:, 1:-1] + soft[:, 2:]) / 4


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_white_noise_in_texture_that_is_as_rough_as_terrain_is_told_as_it_is(dtype: str) -> None:
    noisy = leaves() + np.random.default_rng(1).normal(0, SIGMA, (192, 192))
    page = np.rint(np.clip(noisy, 0, 255)).astype(dtype)
    assert estimate(page).sigma * (255 if dtype == "uint8" else 1) < SIGMA / 2, "calm places alone do not tell"
    for method in ("optimal", None):
        noise = make_plan(Subject(page, Scale.of(page)), Settings(method=method)).noise
        assert noise is not None
        assert noise.model == "gaussian"
        assert noise.sigma * (255 if dtype == "uint8" else 1) == pytest.approx(SIGMA, rel=0.1)


def removed(noise: np.ndarray) -> Removed:
    pixels = np.full((*noise.shape, 1), 0.5, np.float32)
    return Removed([(pixels, noise[:, :, None].astype(np.float32), np.ones((*noise.shape, 1), bool))])


SCALE = Scale.of(np.array([[0, 255]], np.uint8))
FOUND = {
    "clumps": Noise.coloured(Spectrum(tuple(((0.01,),) for _ in RINGS[1:])), SCALE),
    "terrain": Noise.none(1, "rough"),
}


@pytest.mark.parametrize("found", FOUND)
def test_what_is_removed_bounds_the_level_and_has_to_be_white(found: str) -> None:
    white = np.random.default_rng(2).normal(0, 1, (144, 144))
    noise = replace(FOUND[found], if_white=Noise.told((0.04,)))
    fine = 1.1 * white - 0.2 * np.roll(white, 1, 0) - 0.2 * np.roll(white, 1, 1)
    told = white_after_all(removed(0.03 * fine), noise, SCALE)
    assert told is not None
    assert told.sigma == 0.04, "most of it is removed"
    told = white_after_all(removed(0.008 * fine), noise, SCALE)
    assert told is not None
    assert told.sigma < 0.02, "a fifth of it is removed: the rest is texture"
    clumps = white + np.roll(white, 1, 0) + np.roll(white, 1, 1)
    assert white_after_all(removed(0.02 * clumps), noise, SCALE) is None


def test_in_colour_white_noise_is_told_at_most_half_as_much_again_as_is_removed() -> None:
    white = np.random.default_rng(3).normal(0, 0.02, (144, 144, 3)).astype(np.float32)
    seen = Removed([(np.full_like(white, 0.5), white, np.ones((144, 144, 1), bool))])
    noise = replace(Noise.none(3, "rough"), if_white=Noise.told((0.04, 0.04, 0.04)))
    noise = replace(noise, spectrum=Spectrum(tuple(tuple(map(tuple, np.eye(3) * 0.01)) for _ in RINGS[1:])))
    told = white_after_all(seen, noise, SCALE)
    assert told is not None
    assert told.sigma == pytest.approx(0.03, rel=0.02)


def test_where_calm_places_were_cleared_of_it_in_one_channel_they_tell_nothing() -> None:
    """As JPEG with coarse colours does it; on the mean of the channels, no more is removed than was found."""
    white = np.random.default_rng(3).normal(0, 0.04, (144, 144, 3)).astype(np.float32)
    seen = Removed([(np.full_like(white, 0.5), white, np.ones((144, 144, 1), bool))])
    for red, is_white in ((0.04, True), (0.026, False)):
        noise = replace(FOUND["clumps"], if_white=Noise.told((red, 0.045, 0.045)))
        assert (white_after_all(seen, noise, SCALE) is not None) == is_white
