"""How far calm places are believed beside what the network removes: texture in calm places looks like noise in clumps."""

from __future__ import annotations

import numpy as np
import pytest

from denoise_cli.measure.scale import Scale
from denoise_cli.methods.learned.blind_run import Removed
from denoise_cli.methods.learned.seen_again import seen_again
from denoise_cli.methods.learned.told_level import believed
from denoise_cli.methods.method import Subject
from denoise_cli.noise.model import Noise
from denoise_cli.noise.spectrum import RINGS, Spectrum

SIDE = 192


def subject(removed: np.ndarray) -> Subject:
    """A grey page from which the network removes this, in spans."""
    page = np.rint(255 * np.clip(0.5 + removed, 0, 1)).astype(np.uint8)
    page[0, :2] = 0, 255
    seen = Subject(page, Scale(page.dtype, low=0.0, high=1.0, bottom=0.0, top=1.0, unit=1.0, quantum=1 / 255))
    removed = removed[:, :, None].astype(np.float32)
    seen.kept[Removed] = Removed([(0.5 + removed, removed, np.ones((SIDE, SIDE, 1), bool))])
    return seen


def clumps(sigma: float, share: float) -> np.ndarray:
    """Noise of standard deviation `sigma` that is white but for `share` times its four neighbours."""
    white = np.random.default_rng(5).standard_normal((SIDE, SIDE))
    noise = white + share * sum(np.roll(white, step, axis) for step in (1, -1) for axis in (0, 1))
    return sigma * noise / noise.std()


def texture(sigma: float, page: Subject) -> Noise:
    return Noise.coloured(Spectrum(tuple(((sigma**2,),) for _ in RINGS[1:])), page.scale)


def test_the_weaker_the_correlation_of_what_is_removed_the_less_is_told_beyond_it() -> None:
    told = []
    for share in (0.1, 0.2, 0.5):
        page = subject(clumps(0.01, share))
        told.append(seen_again(page, texture(0.1, page), workers=1).sigma)
    assert 0.011 < told[0] < told[1] < told[2]
    assert told[0] < 0.016, "nearly white: what is beyond is texture"
    assert told[2] > 0.018, "more of noise in clumps may have been overlooked"


def test_the_network_is_told_no_more_than_it_removes_where_that_is_alike_everywhere() -> None:
    alike = clumps(0.02, 0.4)
    page = subject(alike)
    noise, times = believed(page, texture(0.032, page), device="cpu", workers=1)
    assert times * noise.sigma == pytest.approx(1.2 * 0.02, rel=0.02)
    uneven = alike * np.linspace(0.3, 1.6, SIDE)
    page = subject(uneven)
    noise, times = believed(page, texture(1.6 * uneven.std(), page), device="cpu", workers=1)
    assert times == 1


@pytest.mark.parametrize(("calm", "kind"), [(1.0, "coloured"), (0.1, "none")])
def test_nearly_white_noise_in_grey_is_seen_where_calm_places_have_it_too(calm: float, kind: str) -> None:
    removed = clumps(0.014, 0.02)
    removed[:, SIDE // 2 :] *= calm
    removed *= 0.014 / removed.std()
    found = seen_again(subject(removed), Noise.none(1, "next to no noise"), workers=1)
    assert found.model == kind


@pytest.mark.parametrize(
    ("sigma", "uneven", "told", "times"), [(0.014, False, 0.7, 1), (0.014, True, 1.0, 0), (0.0065, True, 0.7, 1)]
)  # fmt: skip
def test_what_only_the_network_sees_is_told_in_part_unless_it_is_strong_and_uneven(
    sigma: float, uneven: bool, told: float, times: int
) -> None:
    removed = clumps(sigma, 0.0)
    if uneven:
        removed *= np.where(np.arange(SIDE) < SIDE // 2, 0.4, 1.4)
        removed *= sigma / removed.std()
    noise, factor = believed(subject(removed), Noise.none(1, "next to no noise"), device="cpu", workers=1)
    assert factor == times
    assert noise.sigma == pytest.approx(told * sigma, rel=0.02)
