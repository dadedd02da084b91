"""The levels of a picture: how far apart they are, and whether values pile up at the last one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["is_cut_off", "quantum_of", "thinned"]

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


def quantum_of(sample: Array, dtype: np.dtype[Any], white: float) -> float:
    """The distance between neighbouring levels of the sample; 0 where there are no levels."""
    if dtype.kind == "b":
        return 1.0
    if dtype.kind in "iu":
        steps = np.diff(np.unique(np.rint(sample * white)))
        # 12 bits that were shifted into 16 have steps of 16.
        return float(np.gcd.reduce(steps.astype(np.int64))) / white if len(steps) and steps.max() < 2**62 else 1 / white
    levels = np.unique(sample)
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
