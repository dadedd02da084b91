"""White noise that was compressed as JPEG: its level before, from the coefficients that are stored, and what is left at each frequency."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from denoise_cli.noise.jpeg_grid import SIDE, ZERO, JpegGrid

__all__ = ["NoiseBeforeJpeg", "noise_before_jpeg"]

Array = npt.NDArray[Any]

#: Anti-diagonals of the coefficients that two estimates are read from: (first, last). Blocks are chosen by the other ones.
NEAR, FARTHER = (2, 3), (4, 6)
#: The share of the calmest blocks that is read, and the fewest; and a larger share, to see whether those are as calm.
CALM, FEWEST, LESS_CALM = 0.04, 60, 0.2
#: Standard deviations that are tried, in levels of 256.
LEVELS = np.geomspace(0.5, 80, 160)
#: White noise gives the same level at both sets of frequencies, to this factor, and in less calm blocks at most this factor more.
WHITE, EQUAL = 1.25, 1.25
#: Coefficients that are not zero are strewn over the less calm blocks independently of each other: their number varies at most so much
#: more. White noise of σ 10 and 15 in 20 JPEGs of quality 50 to 70: 0.9 to 1.25, but for one with 1.37; content that passes the other tests
#: in 19 of 396 clean JPEGs of quality 30 to 95: 1.2 to 3.7, but for two, whose σ was under 0.2 of the median step, where hardly any noise
#: is left (0.24 and more where it is).
DISPERSION, SHOWS = 1.3, 0.2


@dataclass(frozen=True)
class NoiseBeforeJpeg:
    """sigma: of the noise before it was compressed, in levels of 256.  variances: (8, 8), of what is left of it in the coefficients."""

    sigma: float
    variances: Array


def noise_before_jpeg(grid: JpegGrid) -> NoiseBeforeJpeg | None:
    """The white noise that was in a picture before it became JPEG; None where what is there is content.

    In a calm place a coefficient was noise alone, n ~ N(0, σ²), stored as step·round(n/step): it is m steps with the probability
    Φ((m + ½)·step/σ) − Φ((m − ½)·step/σ), also where that leaves hardly any that are not 0. σ is the likeliest for the coefficients of
    the calmest blocks, whose calm is judged by other frequencies. Content falls off with the frequency, white noise does not: two sets
    of frequencies must agree.
    """
    calm = [_calm(grid, band, CALM) for band in (NEAR, FARTHER)]
    less_calm = [_calm(grid, band, LESS_CALM) for band in (NEAR, FARTHER)]
    if any(band is None for band in (*calm, *less_calm)):
        return None
    near, far = (_likeliest(*band) for band in calm if band is not None)
    sigma, less = math.sqrt(near * far), math.sqrt(math.prod(_likeliest(*band) for band in less_calm if band is not None))
    if not 1 / WHITE < near / far < WHITE or less > EQUAL * sigma or sigma < SHOWS * float(np.nanmedian(grid.steps)):
        return None
    if max(_dispersion(*band) for band in less_calm if band is not None) > DISPERSION:
        return None
    return NoiseBeforeJpeg(sigma, _left(grid, sigma))


def _band(first: int, last: int) -> Array:
    diagonal = np.add.outer(np.arange(SIDE), np.arange(SIDE))
    inside: Array = (diagonal >= first) & (diagonal <= last)
    return inside


def _calm(grid: JpegGrid, band: tuple[int, int], share: float) -> tuple[Array, Array] | None:
    """The steps of the frequencies in `band`, (k,), and how many of them the coefficients of the calmest blocks hold, (n, k); None where
    there are too few."""
    known = np.isfinite(grid.steps)
    read, judged = _band(*band) & known, _band(1, FARTHER[1]) & ~_band(*band) & known
    if not read.any() or not judged.any():
        return None
    energy = (grid.coefficients[:, judged] ** 2).sum(axis=1)
    # Where brightness was cut off, a block may hold nothing at all.
    lively = np.flatnonzero(np.abs(grid.coefficients).reshape(len(energy), -1)[:, 1:].max(axis=1) > ZERO)
    if len(lively) < FEWEST:
        return None
    count = max(FEWEST, int(share * len(lively)))
    # Many blocks are as calm as can be, all zero: which of them come first says nothing.
    calm = lively[np.argsort(energy[lively], kind="stable")[:count]]
    return grid.steps[read], np.abs(np.rint(grid.coefficients[:, read][calm] / grid.steps[read])).astype(int)


def _dispersion(_steps: Array, multiples: Array) -> float:
    """The variance of the number of coefficients that are not zero in a block, over that of independent ones: 1 for noise."""
    there = multiples > 0
    share = there.mean(axis=0)
    return float(there.sum(axis=1).var() / max(1e-9, float((share * (1 - share)).sum())))


def _likeliest(steps: Array, multiples: Array) -> float:
    """The σ under which these multiples of the steps are likeliest."""
    log_likelihood = np.zeros(len(LEVELS))
    for step, held in zip(steps, multiples.T, strict=True):
        counts = np.bincount(np.minimum(held, 8), minlength=9)
        below = _normal((np.arange(10) - 0.5)[:, None] * step / LEVELS)
        chance = np.diff(below, axis=0)
        chance[1:] *= 2
        chance[8] = 2 * (1 - below[8])
        log_likelihood += counts @ np.log(np.maximum(chance, 1e-12))
    return float(LEVELS[log_likelihood.argmax()])


def _normal(z: Array) -> Array:
    """Φ(z)."""
    there: Array = np.interp(z, *_distribution())
    return there


@cache
def _distribution() -> tuple[Array, Array]:
    places = np.linspace(-6, 6, 2401)
    return places, np.array([0.5 * (1 + math.erf(z / math.sqrt(2))) for z in places])


def _left(grid: JpegGrid, sigma: float) -> Array:
    """The variance of the error of the coefficients: of step·round(n/step) where there is nothing but noise; where there is content,
    which spreads it over the step, σ² + step²/12. The share of the coefficients that are not zero tells the two apart."""
    variances = np.full((SIDE, SIDE), sigma**2)
    for place in np.ndindex(SIDE, SIDE):
        step = grid.steps[place]
        if not np.isfinite(step):
            variances[place] = sigma**2 if place == (0, 0) else 0.0
            continue
        multiples = np.arange(1, 9)
        calm = 2 * float(((multiples * step) ** 2) @ np.diff(_normal((np.arange(9) + 0.5) * step / sigma)))
        there = float((np.abs(grid.coefficients[:, place[0], place[1]]) > step / 2).mean())
        expected = 2 * (1 - float(_normal(np.array(step / 2 / sigma))))
        content = min(1.0, max(0.0, (there - expected) / max(1 - expected, 1e-6)))
        variances[place] = calm + content * (sigma**2 + step**2 / 12 - calm)
    return variances
