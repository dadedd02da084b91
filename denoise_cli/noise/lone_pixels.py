"""At most how many pixels stand alone in calm places? What shows in a few milliseconds that a picture holds no impulses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from denoise_cli.noise.calm_places import CALM_SHARE, FAR_SHARE, FAR_SPREADS, FARTHER, places_of, telling, tones
from denoise_cli.noise.rank_order import AROUND, INNER

__all__ = ["most_lone"]

Array = npt.NDArray[Any]

#: Places, on a lattice, that tell how calm calm places are: the quantile of the spread errs by about 1 % of the places.
PLACES = 2**13
#: What the lattice says is taken to err by this much: more places are thought calm, and smaller distances far.
MARGIN = 1.1
#: Of more candidates than this the full evidence is gathered at once.
MOST = 2**15


def most_lone(pixels: Array, low: float, high: float, unit: float, known: Array | None = None) -> tuple[float, float]:
    """How many pixels of `pixels`, (height, width, channels), can be what `calm_places.evidence` counts as lone: at the smallest or the
    largest value of the picture, and FARTHER away at others. More than are, rather than fewer; infinite if too many must be looked at.

    A lone pixel differs from all eight neighbours by more than half of the distance that makes an impulse, and that is nowhere shorter
    than in the calmer half of the calm places. Few pixels of a picture do, and only theirs have to be put in order.
    """
    at_ends = others = 0.0
    for plane, there in places_of(pixels, known):
        counted = _lone_in(plane, there, low, high, unit)
        if counted is None:
            return math.inf, math.inf
        at_ends, others = at_ends + counted[0], others + counted[1]
    return at_ends, others


def _lone_in(plane: Array, known: Array | None, low: float, high: float, unit: float) -> tuple[float, float] | None:
    if min(plane.shape) < 2:
        return 0.0, 0.0
    plane = np.pad(plane, 2, mode="symmetric")
    known = None if known is None else np.pad(known, 2).ravel()
    height, width = plane.shape
    flat, offsets = plane.ravel(), np.array([y * width + x for y, x in AROUND])
    step = max(1, math.isqrt(plane.size // PLACES))
    rows, columns = np.arange(2, height - 2, step), np.arange(2, width - 2, step)
    lattice = (rows[:, None] * width + columns).ravel()
    if known is not None:
        lattice = lattice[known[lattice]]
    if not lattice.size:
        return 0.0, 0.0
    tone, spread, _ = tones(flat[lattice + offsets[:, None]])
    spread = spread[telling(tone, spread, low, high)]
    if not spread.size:
        return 0.0, 0.0
    calm, calmer = np.quantile(spread, (MARGIN * CALM_SHARE, CALM_SHARE / MARGIN / 2))
    nearest = max(FAR_SPREADS * float(calmer), FAR_SHARE * unit)
    places = _unlike_neighbours(plane, np.float32(nearest / 2 / MARGIN))
    if known is not None:
        places = places[known[places]]
    if places.size > MOST:
        return None
    around = flat[places + offsets[:, None]]
    values = flat[places]
    tone, spread, _ = tones(around)
    reach = np.maximum(FAR_SPREADS * spread, nearest) / MARGIN
    off = np.abs(values - tone)
    lone = (spread <= calm) & (off > reach) & telling(tone, spread, low, high)
    lone &= (np.abs(around[list(INNER)] - values) > reach / 2).all(axis=0)
    ends = (values <= low) | (values >= high)
    return float((lone & ends).sum()), float((lone & ~ends & (off > FARTHER * reach)).sum())


def _unlike_neighbours(plane: Array, distance: np.float32) -> Array:
    """Places, in the flattened plane, two pixels inside of it, that differ by more than `distance` from the four nearest."""
    across = np.abs(plane[2:-2, 1:-2] - plane[2:-2, 2:-1]) > distance
    down = np.abs(plane[1:-2, 2:-2] - plane[2:-1, 2:-2]) > distance
    rows, columns = np.nonzero(across[:, 1:] & across[:, :-1] & down[1:] & down[:-1])
    places: Array = (rows + 2) * plane.shape[1] + columns + 2
    return places
