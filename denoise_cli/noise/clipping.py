"""What is left of noise that was cut off at black and white: its variance, the shift of the mean, the tails."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["after_clipping", "before_clipping", "cut_off"]

Array = npt.NDArray[Any]

#: So many σ from the ends, nothing of the noise is cut off: the variance of a normal distribution is less by under 10⁻⁴ of itself.
FAR = 5.0
#: Entries of the table of what is left of noise: neighbours differ by 10⁻⁴ of the span, and by 0.3 % of σ² where σ is 5/255.
ENTRIES = 2**14


def after_clipping(mean: Array, sigma: float, ends: tuple[float, float], nodes: int = 129) -> tuple[Array, ...]:
    """What is left of normal noise of standard deviation σ cut off at `ends`, where the mean after clipping is `mean`: the share of
    σ² that is left, and the excess kurtosis.

    By quadrature over the noise at `nodes` values of the true mean (cf. Foi 2009, Signal Processing 89, 2609–2629).
    """
    low, high = ends
    if sigma <= 0 or not (math.isfinite(low) or math.isfinite(high)):
        return np.ones_like(mean), np.zeros_like(mean)
    lowest, highest = float(mean.min()), float(mean.max())
    bottom, top = max(low, lowest - 9 * sigma), min(high, highest + 9 * sigma)
    true = np.linspace(bottom - 2.5 * sigma, top + 2.5 * sigma, nodes)[:, None]
    x = np.linspace(-4.5, 4.5, nodes | 1)
    weights = np.exp(-(x**2) / 2)
    weights /= weights.sum()
    noisy = np.clip(true + sigma * x, low, high)
    centre = noisy @ weights
    squares = (noisy - centre[:, None]) ** 2
    variance = squares @ weights
    kurtosis = (squares**2) @ weights / np.maximum(variance**2, 1e-300) - 3
    return looked_up(mean, centre, variance / sigma**2, np.minimum(kurtosis, 10))


def before_clipping(mean: Array, variance: Array, ends: tuple[float, float]) -> tuple[Array, Array]:
    """What share of each variance clipping has left, and the whole of it; `mean` and `variance` are (n,)."""
    low, high = ends
    kept, whole = np.ones(len(mean)), np.array(variance, float)
    changing = np.full(len(mean), True)
    for _ in range(4):
        sigma = np.sqrt(whole)
        at_one_end = changing & (high - low > 2 * FAR * sigma) & (sigma > 0)
        at_both = changing & ~at_one_end & (sigma > 0)
        kept[at_one_end] = np.interp(np.minimum(mean - low, high - mean)[at_one_end] / sigma[at_one_end], *_near_one_end())
        kept[at_both] = _kept_between(mean[at_both], sigma[at_both], ends)
        changing &= (kept > 0.5) & (kept < 0.995)
        if not changing.any():
            break
        whole[changing] = variance[changing] / kept[changing]
    return kept, whole


def _kept_between(mean: Array, sigma: Array, ends: tuple[float, float], nodes: int = 41) -> Array:
    """The share of σ² that `after_clipping` finds, of each mean with a σ > 0 of its own, (n,)."""
    low, high = ends
    x = np.linspace(-4.5, 4.5, nodes | 1)
    weights = np.exp(-(x**2) / 2)
    weights /= weights.sum()
    true = np.linspace(np.maximum(low, mean - 9 * sigma) - 2.5 * sigma, np.minimum(high, mean + 9 * sigma) + 2.5 * sigma, nodes, axis=1)
    noisy = np.clip(true[:, :, None] + sigma[:, None, None] * x, low, high)
    centre = noisy @ weights
    noisy -= centre[:, :, None]
    kept = (noisy**2) @ weights / sigma[:, None] ** 2
    return np.array([np.interp(*row) for row in zip(mean, centre, kept, strict=True)])


@cache
def _near_one_end() -> tuple[Array, Array]:
    """Distances of the mean from an end, in σ, and the share of σ² that is left there."""
    distance = np.linspace(0, FAR, 501)
    return distance, after_clipping(distance, 1.0, (0.0, math.inf))[0]


def cut_off(mean: Array, sigma: float, ends: tuple[float, float]) -> tuple[Array, Array]:
    """What is left of Gaussian noise of standard deviation `sigma` after values were cut off at `ends` (lowest, highest; ∓∞ for none):
    its variance, and how far the mean moved, where `mean` is what the cut-off values scatter around.

    With a, b the ends less the value x, over σ, z standard normal, φ and Φ its density and distribution:
    E clip(z) = aΦ(a) + b(1 − Φ(b)) + φ(a) − φ(b), and likewise for the square; solved for x by a table.
    """
    low, high = ends
    if sigma == 0 or (math.isinf(low) and math.isinf(high)):
        return np.full_like(mean, sigma**2), np.zeros_like(mean)
    x = np.linspace(max(low, float(mean.min()) - 4 * sigma), min(high, float(mean.max()) + 4 * sigma), 400)
    a, b = np.maximum((low - x) / sigma, -40), np.minimum((high - x) / sigma, 40)
    below, above = (np.array([0.5 * (1 + math.erf(sign * z / math.sqrt(2))) for z in t]) for t, sign in ((a, 1), (b, -1)))
    density_a, density_b = (np.exp(-t * t / 2) / math.sqrt(2 * math.pi) for t in (a, b))
    first = a * below + b * above + density_a - density_b
    second = a * a * below + b * b * above + (1 - below - above) + a * density_a - b * density_b
    moved = sigma * first
    variance = sigma**2 * (second - first**2)
    left, shift = looked_up(mean, x + moved, variance, moved)
    return left, shift


def looked_up(places: Array, known: Array, *tables: Array) -> tuple[Array, ...]:
    """`np.interp(places, known, table)` for each of `tables`, to the width of a step of ENTRIES; of many places a tenth of the time, as
    nothing is searched for."""
    if places.size < ENTRIES:
        return tuple(np.interp(places, known, table) for table in tables)
    even = np.linspace(known[0], known[-1], ENTRIES)
    index = np.clip((places - known[0]) * ((ENTRIES - 1) / (known[-1] - known[0])) + 0.5, 0, ENTRIES - 1).astype(np.int32)
    return tuple(np.interp(even, known, table).astype(places.dtype)[index] for table in tables)
