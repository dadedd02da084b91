"""Was a picture JPEG once? The grid of its 8 × 8 blocks and the steps of its luma, read off the pixels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["SIDE", "ZERO", "JpegGrid", "find_grid"]

Array = npt.NDArray[Any]

SIDE = 8
#: Blocks that each of the 64 places of the grid is tried with, and those that the steps are read from.
TRIED, READ = 64, 4096
#: Coefficients at or beyond this anti-diagonal count as high frequencies.
HIGH = 7
#: Rounding to levels leaves a standard deviation of 0.29 levels in each coefficient: one below this was stored as 0.
ZERO = 0.9
#: At the true place, at least this share of the high coefficients is zero, and so much more than at the median place. Without JPEG no
#: place is better than another by more than 0.07 (58 clean and noisy photographs).
LEAST_ZEROS, MORE_ZEROS = 0.2, 0.15
#: Steps that are tried, in levels of 256; smaller ones do not show beside the rounding.
STEPS = np.arange(2, 121)
#: For each: what a coefficient is multiplied by to have a full turn a step; the mean cosine that the rounding leaves at the true step.
TURNS, LEFT = (2 * np.pi / STEPS).astype(np.float32), np.exp(-2 * (np.pi / STEPS) ** 2 / 12)
#: Coefficients that must not be zero for a step to be read, and those that are looked at.
FEWEST, LOOKED_AT = 12, 400
#: The mean of cos(2π·coefficient/step), at the true step, over what the rounding leaves of it.
AGREE = 0.7
#: At least this many steps must be read.
FEWEST_STEPS = 6


@dataclass(frozen=True)
class JpegGrid:
    """top, left: where the first whole block begins.  steps: (8, 8), in levels of 256, NaN where too few coefficients are not zero.
    coefficients: (n, 8, 8), orthonormal, of blocks from all over the picture, in levels of 256.
    """

    top: int
    left: int
    steps: Array
    coefficients: Array


@cache
def cosine_basis() -> Array:
    """(pixels, coefficients) of the orthonormal two-dimensional cosine transform, both row by row."""
    k, x = np.arange(SIDE)[:, None], np.arange(SIDE)[None, :]
    one = np.cos(np.pi * k * (x + 0.5) / SIDE) * 0.5
    one[0] /= np.sqrt(2)
    return np.ascontiguousarray(np.kron(one, one).T, np.float32)


def find_grid(luma: Array) -> JpegGrid | None:
    """The grid and the steps of `luma`, (height, width), in levels of 256; None where it shows none.

    At the true place of the grid, coefficients are multiples of their steps, and many of the high ones are zero (Fan & de Queiroz 2003,
    IEEE Trans. Image Process. 12, 230–235). A step is the largest number that the coefficients of its frequency are multiples of.
    """
    height, width = luma.shape
    if min(height, width) < 8 * SIDE:
        return None
    high = np.add.outer(np.arange(SIDE), np.arange(SIDE)).ravel() >= HIGH
    basis = cosine_basis()
    zeros = np.zeros((SIDE, SIDE))
    for top in range(SIDE):
        for left in range(SIDE):
            found = _blocks(luma, top, left, TRIED) @ basis[:, high]
            zeros[top, left] = (np.abs(found) < ZERO).mean()
    top, left = divmod(int(zeros.argmax()), SIDE)
    if zeros.max() < LEAST_ZEROS or zeros.max() - np.median(zeros) < MORE_ZEROS:
        return None
    coefficients = _blocks(luma, top, left, READ) @ basis
    steps = np.array([_step(coefficients[:, k]) for k in range(SIDE**2)])
    steps[0] = np.nan
    if np.isfinite(steps).sum() < FEWEST_STEPS:
        return None
    return JpegGrid(top, left, steps.reshape(SIDE, SIDE), coefficients.reshape(-1, SIDE, SIDE))


def _blocks(luma: Array, top: int, left: int, count: int) -> Array:
    """About `count` blocks of the grid that begins there, evenly spread, (n, 64), float32."""
    rows, columns = ((length - offset) // SIDE for length, offset in zip(luma.shape, (top, left), strict=True))
    cut = luma[top : top + rows * SIDE, left : left + columns * SIDE].reshape(rows, SIDE, columns, SIDE)
    step = max(1, int((rows * columns / count) ** 0.5))
    return np.ascontiguousarray(cut[::step, :, ::step].transpose(0, 2, 1, 3)).reshape(-1, SIDE**2).astype(np.float32)


def _step(values: Array) -> float:
    """The largest step that `values` are multiples of, NaN where none is."""
    there = values[np.abs(values) > ZERO]
    if len(there) < FEWEST:
        return float("nan")
    there = there[:: max(1, len(there) // LOOKED_AT)]
    # A step larger than all values fits them all.
    tried = np.searchsorted(STEPS, 1.5 * np.sort(np.abs(there))[int(0.9 * len(there))])
    score = np.cos(there[:, None] * TURNS[:tried]).mean(axis=0) / LEFT[:tried]
    fitting = np.flatnonzero(score > AGREE)
    if not len(fitting):
        return float("nan")
    # Numbers beside the step fit nearly as well: the best of the last run is taken.
    last = fitting[np.flatnonzero(np.diff(fitting, prepend=-2) > 1)[-1] :]
    return float(STEPS[last[score[last].argmax()]])
