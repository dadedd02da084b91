"""How unlike its neighbours is a pixel? The sorted differences and values that tell an impulse from an edge."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["AROUND", "INNER", "descriptions", "in_order", "neighbours"]

Array = npt.NDArray[Any]

#: Where the 24 neighbours within two rows and columns are, row by row; and which of them touch the pixel.
AROUND = tuple((y, x) for y in range(-2, 3) for x in range(-2, 3) if (y, x) != (0, 0))
INNER = tuple(k for k, (y, x) in enumerate(AROUND) if max(abs(y), abs(x)) == 1)
#: Differences far under these, in units of the picture, are all alike (two and eight grey levels of 8 bits).
SMALLEST, SMALL = np.float32(1 / 128), np.float32(0.03)
#: Which of the sorted differences to the eight and to the 24 neighbours are looked at, counted from 0.
OF_EIGHT, OF_ALL = (0, 1, 2, 3, 5), (2, 5, 8, 11, 14)


def neighbours(plane: Array, radius: int) -> Array:
    """All neighbours at most `radius` rows and columns away, mirrored at the rim: (height, width) → (count, height, width), row by row."""
    height, width = plane.shape
    padded = np.pad(plane, radius, mode="symmetric")
    side = range(2 * radius + 1)
    return np.stack([padded[y : y + height, x : x + width] for y in side for x in side if (y, x) != (radius, radius)])


@cache
def _exchanges(count: int) -> tuple[tuple[int, int], ...]:
    """Batcher's odd-even merge sort, as pairs to be put in order (Batcher 1968, AFIPS 32, 307–314)."""
    pairs = []
    size = 1
    while size < count:
        step = size
        while step >= 1:
            for start in range(step % size, count - step, 2 * step):
                for k in range(min(step, count - start - step)):
                    if (start + k) // (2 * size) == (start + k + step) // (2 * size):
                        pairs.append((start + k, start + k + step))
            step //= 2
        size *= 2
    return tuple(pairs)


def in_order(stack: Array) -> Array:
    """`stack`, (count, height, width), sorted along its first axis: four times as fast as numpy.sort, which gathers column by column."""
    ordered = list(stack.copy())
    scratch = np.empty_like(ordered[0])
    for lower, upper in _exchanges(len(ordered)):
        below, above = ordered[lower], ordered[upper]
        np.minimum(below, above, out=scratch)
        np.maximum(below, above, out=above)
        ordered[lower], scratch = scratch, below
    return np.stack(ordered)


def descriptions(plane: Array, surroundings: Array) -> Array:
    """38 numbers a pixel, (38, height, width), float32: its rank-ordered differences, its neighbours' spread, and they themselves.

    plane : (height, width), the pixel to judge; the picture spans about 1.
    surroundings : where its neighbours are taken from: `plane`, or `plane` with the pixels under suspicion replaced.

    Rank-ordered absolute differences: Garnett et al. 2005, IEEE Trans. Image Process. 14, 1747–1754; their logarithms, which tell a small
    difference from none: Dong, Chan & Xu 2007, IEEE Trans. Image Process. 16, 1112–1120.
    """
    around = neighbours(surroundings, 2)
    inner = list(INNER)
    values, inner_values = in_order(around), in_order(around[inner])
    np.subtract(around, plane, out=around)
    sizes = np.abs(around)
    differences, inner_differences = in_order(sizes), in_order(sizes[inner])
    told = [inner_differences[k] for k in OF_EIGHT] + [differences[k] for k in OF_ALL]
    told += [values[15] - values[8], values[18] - values[5], inner_values[5] - inner_values[2]]
    told += [np.abs(plane - (values[11] + values[12]) / 2)]
    logarithms = (np.log2(np.stack(told) + SMALLEST) + 4) / 3
    signed = np.copysign(np.log2(1 + sizes / SMALL) / 3, around)
    described: Array = np.concatenate([logarithms, signed]).astype(np.float32, copy=False)
    return described
