"""Which pixels at black or white are salt and pepper, and which belong to something black or white in the picture?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["salt_and_pepper"]

Array = npt.NDArray[Any]

#: Sides of the squares, and length of the lines in four directions, in which others at the same end are counted, in pixels.
SQUARES, LINE = (3, 5, 7), 11
#: So rarely a square or line of impulses alone holds more at one end than is taken for chance. At 10⁻⁴ (four standard deviations) the
#: clumps that are kept by mistake cost brick with 10 % impulses 3 dB (benchmarks/impulses.py).
CHANCE = 1e-6
#: Normal noise crosses an end this many σ away once in 160 pixels.
CUT_OFF = 2.5


def salt_and_pepper(
    plane: Array, low: float, high: float, pepper: float, salt: float, known: Array | None = None, noise: float = 0.0
) -> Array:
    """The pixels of `plane`, (height, width), that are impulses at `low` or `high`: (height, width), bool.

    pepper, salt : the shares of the pixels that were hit by each, 0–1.
    noise : σ of the Gaussian noise beside them. Where the tone is within CUT_OFF of it from an end, noise itself was cut off there; to
        take out the darkest values alone would brighten such a place.

    Impulses fall independently of each other: around one, about that share of the pixels is at the same end. Letters, rules, bars and
    blown-out lights come in more than chance allows, and are kept. (Two ends and the boundary between them: Ng & Ma 2006, IEEE Trans.
    Image Process. 15, 1506–1516; the positions only are needed afterwards: Chan, Ho & Nikolova 2005, ibid. 14, 1479–1485.)
    """
    hit = np.zeros(plane.shape, bool)
    for at_end, share, end in ((plane <= low, pepper, low), (plane >= high, salt, high)):
        if share <= 0:
            continue
        if known is not None:
            at_end &= known
        drawn = np.zeros(plane.shape, bool)
        for size, inside in _counts(at_end):
            drawn |= inside > most_by_chance(size - 1, share)
        if noise > 0:
            drawn |= np.abs(_tone(plane, low, high) - end) < CUT_OFF * noise
        hit |= at_end & ~drawn
    return hit


def _tone(plane: Array, low: float, high: float) -> Array:
    """The mean of the pixels around each that are at neither end, over about 5 × 5 of them; far from both ends where there are none."""
    from scipy.ndimage import gaussian_filter

    between = ((plane > low) & (plane < high)).astype(np.float64)
    weight = gaussian_filter(between, 1.2, mode="mirror", truncate=2.0)
    light = gaussian_filter(between * (plane - low), 1.2, mode="mirror", truncate=2.0)
    tone: Array = low + np.where(weight > 1e-3, light / np.maximum(weight, 1e-3), (high - low) / 2)
    return tone


def most_by_chance(count: int, share: float) -> int:
    """The smallest k so that more than k of `count` independent pixels are hit with a probability under CHANCE."""
    tail, k = 1.0, -1
    while tail >= CHANCE:
        k += 1
        tail -= math.comb(count, k) * share**k * (1 - share) ** (count - k)
        if k == count:
            break
    return k


def _counts(at_end: Array) -> Iterator[tuple[int, Array]]:
    """(number of pixels, how many others in it are at the end) for the squares and lines around each pixel."""
    from scipy.ndimage import correlate1d

    ones = at_end.astype(np.float32)
    for side in SQUARES:
        both = correlate1d(correlate1d(ones, np.ones(side), axis=0, mode="mirror"), np.ones(side), axis=1, mode="mirror")
        yield side**2, both - ones
    for axis in (0, 1):
        yield LINE, correlate1d(ones, np.ones(LINE), axis=axis, mode="mirror") - ones
    reach = LINE // 2
    height, width = at_end.shape
    padded = np.pad(at_end, reach).astype(np.int8)
    for slope in (1, -1):
        counted = np.zeros(at_end.shape, np.int8)
        for k in (*range(-reach, 0), *range(1, reach + 1)):
            counted += padded[reach + k : reach + k + height, reach + slope * k : reach + slope * k + width]
        yield LINE, counted
