"""Values that stand for "nothing was measured here" though nobody said so: the 0 of a depth camera, the −9999 of an elevation model."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from denoise_cli.measure.levels import thinned

__all__ = ["unmeasured"]

Array = npt.NDArray[Any]

#: What the makers of such data write where nothing was measured, beside 0 and the ends of a float type: elevation models, netCDF, CT.
FILLERS = (-9999.0, -99999.0, -999.0, -32768.0, -32767.0, -2147483648.0, 1e20, 9.969209968386869e36)
#: Fillers other than 0 count from this distance on to the nearest other value, in spans of the others: a value of the picture is nearer.
FILLER_GAP = 1.0
#: The same for a value that nobody has heard of: then it is a filler of somebody's own, or a sample that went wrong.
ANY_GAP = 100.0
#: Zero counts if no other value lies within this share of the span of the others, within so many of their steps, and within so many times
#: the distance from the smallest of them to the one below which a hundredth of them lie. Dark places of a picture fade into black.
ZERO_GAP, ZERO_STEPS, ZERO_TAILS = 0.03, 8, 2.0
#: Zeros that lie alone, as chance has it, are dead pixels under this share: a sensor has at most a few in a thousand.
DEAD_PIXELS = 0.005
#: Fewer zeros are no sign of anything: every picture that was stretched over its type or over [0, 1] has one.
FEWEST_ZEROS = 16
#: Zeros lie together if a neighbour of one is a zero so many times as often as chance has it.
TOGETHER = 2.0
#: Pixels of the brightest value, for each zero, from which both are impulses: salt and pepper.
SALT = 0.25
#: Pixels with the value in some channel, for each with it in all, up to which it is meant for the pixel.
ALL_CHANNELS = 1.1
#: Different values that the measured pixels must have: fewer are a drawing or a page, where black is a colour.
FEWEST_VALUES = 16


def unmeasured(stored: Array, known: Array | None = None) -> tuple[float, ...]:
    """The stored values of `stored`, (height, width) or (height, width, channels), that stand for "nothing was measured"; mostly none.

    known : (height, width), False where it is said already that a pixel has no value.

    8-bit pictures have no such values: there, 0 is black. Of other types, the smallest or the largest value counts if all others are far
    from it; not so far for 0, and for what such data are filled up with (`FILLERS`, the ends of a signed or a float type). Zeros that lie
    alone and are few are dead pixels, and zeros with as many pixels at the brightest value are salt and pepper: neither is left alone.
    """
    if stored.dtype.kind not in "fiu" or stored.dtype == np.uint8 or stored.size == 0:
        return ()
    usable = np.isfinite(stored) if stored.dtype.kind == "f" else None
    if usable is not None and usable.all():
        usable = None
    if known is not None:
        shown = known if stored.ndim == 2 else np.broadcast_to(known[:, :, None], stored.shape)
        usable = shown if usable is None else usable & shown
    if usable is not None and not usable.any():
        return ()
    values: dict[str, Any] = {} if usable is None else {"where": usable}
    top = np.inf if stored.dtype.kind == "f" else np.iinfo(stored.dtype).max
    bottom = -np.inf if stored.dtype.kind == "f" else np.iinfo(stored.dtype).min
    ends = {float(stored.min(initial=top, **values)), float(stored.max(initial=bottom, **values))}
    return tuple(end for end in sorted(ends) if _stands_apart(stored, usable, end))


def _is_filler(value: float, dtype: np.dtype[Any]) -> bool:
    if dtype.kind != "f":
        return value in FILLERS or (dtype.kind == "i" and value == np.iinfo(dtype).min)
    with np.errstate(over="ignore"):
        return abs(value) == np.finfo(dtype).max or value in np.asarray(FILLERS).astype(dtype).astype(float)


def _stands_apart(stored: Array, usable: Array | None, value: float) -> bool:
    """Whether `value`, the smallest or the largest of the usable ones, is no value of the picture."""
    same = stored == stored.dtype.type(value)
    if usable is not None:
        same &= usable
    at = same if same.ndim == 2 else same.all(axis=2)
    if same.ndim == 3 and int(same.any(axis=2).sum()) > ALL_CHANNELS * int(at.sum()):
        return False
    others = stored[~same] if usable is None else stored[usable & ~same]
    if others.size == 0:
        return False
    low, high = float(others.min()), float(others.max())
    gap, span = max(low - value, value - high), high - low
    if gap < (ZERO_GAP if value == 0 else FILLER_GAP if _is_filler(value, stored.dtype) else ANY_GAP) * span:
        return False
    sample = thinned(others)
    levels = np.unique(sample)
    if len(levels) < FEWEST_VALUES:
        return False
    if value != 0:
        return True
    tail = float(np.quantile(sample, 0.01)) - low
    if low < 0 or gap < max(ZERO_STEPS * float(np.diff(levels).min()), ZERO_TAILS * tail):
        return False
    count = int(at.sum())
    if count < FEWEST_ZEROS or int((stored == stored.dtype.type(high)).sum()) >= SALT * int(same.sum()):
        return False
    return count >= DEAD_PIXELS * at.size or _lie_together(at, count / at.size)


def _lie_together(at: Array, share: float) -> bool:
    """Whether zeros have zeros beside and below them more often than chance has it."""
    pairs = int((at[:, 1:] & at[:, :-1]).sum()) + int((at[1:] & at[:-1]).sum())
    by_chance = share * share * (at[:, 1:].size + at[1:].size)
    return pairs >= max(TOGETHER * by_chance, 2)
