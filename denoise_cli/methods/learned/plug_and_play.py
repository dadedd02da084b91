"""The network in the place of the shrinkage: pictures with unknown pixels, and pictures with impulses.

    minimise over u      F(u; f) + R(u)

is split into u = z, as in split Bregman, with scaled multiplier b. R is known only by its proximal
operator, which is "remove white noise of standard deviation s": the network, told the level s. One
iteration at strength s:

    u ← prox of F at z − b        z ← network(u + b, s)        b ← b + u − z

Venkatakrishnan, Bouman & Wohlberg 2013, GlobalSIP ("plug-and-play"). The strength s falls from iteration to iteration: Zhang, Li, Zuo,
Zhang, Van Gool & Timofte 2022, IEEE TPAMI 44. Both functions need a start that is already good, which total variation gives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["KNOWN_ENOUGH", "fill", "without_impulses"]

Array = NDArray[Any]
#: network(picture, level) → clean; `functools.partial(restore, device=…)` is one.
Restorer = Callable[[Array, float], Array]

#: Iterations. 24 gave 0.1 to 0.2 dB more than 12 with half of the pixels known, for twice the time.
ITERATIONS = 12
#: Strengths at the beginning, for white = 1. From 40/255, a picture with one pixel in five known loses 2 dB against its start; from
#: 15/255 it gains 0.5, and half of the pixels known lose 0.2 of the 2 dB that they gain. Impulses are known by their size: 40/255.
UNKNOWN_BEGINS, IMPULSES_BEGIN = 15 / 255, 40 / 255
#: Strengths at the end. Under 3/255 the network changes nothing; impulses: 2/255 gave 0.8 dB less than 5/255 (10 % of impulses).
UNKNOWN_ENDS, IMPULSES_END = 3 / 255, 5 / 255
#: Weight of Σ|u − f| against ½‖u − z‖²/s². 20 gave 1.7 dB less under 10 % of impulses, 200 gave 1.5 dB less, 30 % the same order.
IMPULSE_WEIGHT = 60.0
#: Share of known values under which total variation fills better: with 35 % known, `fill` gains 1.5 dB, with 20 % and noise it loses 1.3.
KNOWN_ENOUGH = 1 / 3
#: A value at most this far from the result was not hit, and is right as it was. 0.02 loses 0.3 dB, 0.08 and 0.12 lose 0.1 to 5 dB.
NOT_HIT = 0.05
#: A noise level of zero would make known pixels infinitely certain.
LEAST_LEVEL = 1e-3


def split(network: Restorer, proximal: Callable[[Array, float], Array], start: Array, strengths: Array) -> Array:
    """The iteration above; `proximal(v, s)` minimises F(u; f) + ½‖u − v‖²/s² over u."""
    z, b = start, np.zeros_like(start)
    for strength in strengths:
        u = proximal(z - b, float(strength))
        z = network(u + b, float(strength))
        b += u - z
    return z


def fill(observed: Array, weights: Array, level: float, start: Array, network: Restorer, *, iterations: int = ITERATIONS) -> Array:
    """Restore and fill a picture of which some pixels are unknown:  F(u; f) = Σ w·(u − f)²/(2·level²).

    `observed` and `start` are (height, width) or (height, width, channels), with white at 1; `weights` is w,
    (height, width) or of the shape of `observed`, 0 where a value is unknown; `level` is the standard
    deviation of the noise of known values, which may be 0. `start` is a picture without unknown values.

    Gain over TV at its best λ, mean of four Kodak crops in dB: with noise of 10/255 and 80, 50, 35 % of the pixels known 2.2, 2.0, 1.5;
    without noise 2.3, 2.0, 1.8. Under `KNOWN_ENOUGH`, leave it to TV.
    """
    confidence = weights[..., None] if weights.ndim < observed.ndim else weights
    confidence = np.asarray(confidence / max(level, LEAST_LEVEL) ** 2, observed.dtype)

    def proximal(v: Array, strength: float) -> Array:
        kept: Array = (confidence * observed + v / strength**2) / (confidence + 1 / strength**2)
        return kept.astype(observed.dtype)

    ends = max(level, UNKNOWN_ENDS)
    strengths = np.geomspace(max(ends, UNKNOWN_BEGINS), ends, iterations)
    filled = split(network, proximal, start.astype(observed.dtype), strengths)
    # Known pixels without noise are right; the network is not asked to improve on them.
    return filled if level >= UNKNOWN_ENDS else proximal(filled, ends)


def without_impulses(
    observed: Array, start: Array, network: Restorer, *, weights: Array | None = None, iterations: int = ITERATIONS
) -> Array:
    """Remove impulses, whose places need not be known:  F(u; f) = IMPULSE_WEIGHT · Σ w·|u − f|.

    `observed` is (height, width) or (height, width, channels), with white at 1; `start` is the result of L1-TV (λ 0.8 serves); `weights`
    is w, (height, width) or of the shape of `observed`, 1 unless told, 0 where a value is unknown. Values that are near the result were
    not hit, and come back as they were, so noise of another kind must be removed afterwards. docs/learned.md has what it gains.
    """
    given = np.ones((1, 1)) if weights is None else weights
    trusted = np.asarray(given[..., None] if given.ndim < observed.ndim else given, observed.dtype)

    def proximal(v: Array, strength: float) -> Array:
        away = v - observed
        kept: Array = observed + np.sign(away) * np.maximum(np.abs(away) - IMPULSE_WEIGHT * trusted * strength**2, 0)
        return kept.astype(observed.dtype)

    restored = split(network, proximal, start.astype(observed.dtype), np.geomspace(IMPULSES_BEGIN, IMPULSES_END, iterations))
    return np.where((np.abs(restored - observed) <= NOT_HIT) & (trusted > 0), observed, restored)
