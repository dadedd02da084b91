"""The levels of a picture: how far apart they are, and whether values pile up at the last one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["is_cut_off", "quantiles", "quantum_of", "thinned"]

Array = npt.NDArray[Any]

#: Values that the span, the steps and the cut-off ends are read from: more of them change σ and λ by less than 0.1 %.
SAMPLE = 2**18
#: Values at an end that make it a cut-off end: so many, such a share of the sample, and so many times the number at the next level.
PILED_VALUES, PILED_SHARE, PILED_TIMES = 8, 2e-5, 1.5
#: A float picture with this share of different values, or more, has no levels.
FEW_LEVELS = 0.25
#: How far a value may lie beside a level, in steps: 8 bits in float32 are within 1e-4.
LEVEL_TOLERANCE = 1e-3


def thinned(values: Array) -> Array:
    """About SAMPLE values from all over, in a step that has nothing in common with the length of a row."""
    flat = values.reshape(-1)
    row = math.prod(values.shape[1:])
    step = max(1, flat.size // SAMPLE)
    while step > 1 and math.gcd(step, row) > 1:
        step += 1
    return flat[::step]


def quantiles(sample: Array, shares: Sequence[float]) -> list[float]:
    """The smallest values of the sample, of any real type, that such shares of it do not exceed: numpy.quantile's "inverted_cdf"."""
    if not is_counted(sample.dtype):
        return [float(value) for value in np.quantile(sample.astype(np.float64), shares, method="inverted_cdf")]
    up_to = np.bincount(sample).cumsum()
    places = [max(0, math.ceil(sample.size * share - 1)) for share in shares]
    return [float(np.searchsorted(up_to, place, side="right")) for place in places]


def is_counted(dtype: np.dtype[Any]) -> bool:
    """Whether values are so few that counting them is quicker than putting them in order."""
    return dtype.kind == "u" and dtype.itemsize <= 2


def quantum_of(sample: Array, white: float) -> float:
    """The distance between neighbouring levels of the sample, of the type that it was stored in, where `white` is 1; 0 where there are no
    levels."""
    if sample.dtype.kind == "b":
        return 1.0
    if sample.dtype.kind in "iu":
        steps = np.diff(np.flatnonzero(np.bincount(sample)) if is_counted(sample.dtype) else np.unique(sample.astype(np.float64)))
        # 12 bits that were shifted into 16 have steps of 16.
        return float(np.gcd.reduce(steps.astype(np.int64))) / white if len(steps) and steps.max() < 2**62 else 1 / white
    levels = np.unique(sample.astype(np.float64) / white)
    if len(levels) < 3 or len(levels) > FEW_LEVELS * len(sample) or not math.isfinite(float(levels[-1]) - float(levels[0])):
        return 0.0
    step = float(np.diff(levels).min())
    places = (levels - levels[0]) / step
    return step if np.abs(places - np.rint(places)).max() < LEVEL_TOLERANCE * max(1.0, places[-1] / 255) else 0.0


def is_cut_off(sample: Array, end: float, quantum: float, *, fixed: bool) -> bool:
    """Whether values pile up at `end`, the smallest of the sample (for the largest, negate both).

    fixed : the type itself ends there.
    """
    at_end = int(np.count_nonzero(sample <= end))
    if at_end < max(PILED_VALUES, PILED_SHARE * len(sample)):
        return False
    if fixed or quantum == 0:
        return True
    following = int(np.count_nonzero(sample <= end + 1.5 * quantum)) - at_end
    return at_end > PILED_TIMES * following
