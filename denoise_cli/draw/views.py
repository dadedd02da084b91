"""What of a picture is shown: which part, in which colours, and how much a picture differs from another."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Box", "averaged", "crop_box", "difference", "drawable", "shared_scale", "three_views"]

Array = npt.NDArray[Any]
Box = tuple[int, int, int, int]  # x, y, width, height


def drawable(levels: Array, cmyk: bool = False) -> Array:
    """Floats of any channels as grey, (height, width), or RGB, (height, width, 3)."""
    if cmyk:
        return np.asarray((1 - levels[:, :, :3]) * (1 - levels[:, :, 3:4]))
    return levels if levels.ndim == 2 or levels.shape[2] == 3 else levels.mean(axis=2)


def difference(picture: Array, clean: Array) -> Array:
    """u − clean, (height, width); of colours, in each pixel that of the channel which differs most, so that nothing cancels."""
    signed = np.subtract(picture, clean, dtype=np.float64)
    if signed.ndim == 2:
        return signed
    strongest = np.abs(signed).argmax(axis=2)[:, :, None]
    return np.take_along_axis(signed, strongest, 2)[:, :, 0]


def three_views(slices: Sequence[Array], stretch: float = 1.0) -> Array:
    """The middle slices of a volume in the three directions as one picture: Y and X; beside it Y and Z; below it Z and X.

    slices : (height, width[, channels]) along Z.  stretch : how many pixels the slices are apart; rounded, and at least one.
    """
    volume = np.stack(slices)
    depth, height, width = volume.shape[:3]
    times = max(1, round(stretch))
    sheet = np.zeros((height + times * depth, width + times * depth, *volume.shape[3:]), volume.dtype)
    sheet[:height, :width] = volume[depth // 2]
    sheet[:height, width:] = volume[:, :, width // 2].swapaxes(0, 1).repeat(times, axis=1)
    sheet[height:, :width] = volume[:, height // 2].repeat(times, axis=0)
    return sheet


def shared_scale(maps: Iterable[Array]) -> float:
    """The value that 99 % of |differences| stay below, rounded up to one or two digits; 1 where nothing differs."""
    values = [np.abs(np.asarray(each, float)).ravel() for each in maps]
    high = float(np.quantile(np.concatenate(values), 0.99)) if values else 0.0
    high = high or max((float(each.max(initial=0)) for each in values), default=0.0)
    if not 0 < high < math.inf:
        return 1.0
    power = 10.0 ** math.floor(math.log10(high))
    step = next(step for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10, 15) if step * power >= high * (1 - 1e-9))
    return float(f"{step * power:.6g}")


def averaged(pixels: Array, block: int) -> Array:
    """The means of blocks of so many pixels a side, (height / block, width / block[, channels])."""
    if block == 1:
        return pixels
    # The last rows and columns join a block of their own.
    for axis in (0, 1):
        starts = np.arange(0, pixels.shape[axis], block)
        counts = np.diff(np.append(starts, pixels.shape[axis]))
        shape = [-1 if at == axis else 1 for at in range(pixels.ndim)]
        pixels = np.add.reduceat(np.asarray(pixels, np.float32), starts, axis) / counts.reshape(shape)
    return pixels


def crop_box(pictures: Iterable[Array], size: int = 64) -> Box:
    """Where to look: (x, y, width, height) of the window of `size` pixels, less where the picture ends, that tells `pictures` apart best.

    The score of a window is how much they differ in it, times how much there is to see (the gradient of their mean, with a floor). They
    are smoothed first, so that it is structure and not noise that differs. Where they do not differ at all, or there is only one: where
    there is most to see. Pictures are (height, width[, channels]), all of one size; large ones are looked at in blocks.
    """
    from scipy.ndimage import uniform_filter

    rest = iter(pictures)
    opening = next(rest)
    tall, wide = opening.shape[:2]
    block = max(1, math.isqrt(tall * wide >> 19))

    def smooth(picture: Array) -> Array:
        small = averaged(picture, block)
        smoothed: Array = uniform_filter((small if small.ndim == 2 else small.mean(axis=2)).astype(float), 5, mode="nearest")
        return smoothed

    first, count = smooth(opening), 1
    total, squares = np.zeros_like(first), np.zeros_like(first)
    for picture in rest:
        count += 1
        change = smooth(picture) - first
        total += change
        squares += change * change
    interest = squares - total * total / count
    if interest.max() <= 1e-12 * float(np.abs(first).max()) ** 2:
        interest = np.ones_like(first)
    mean = first + total / count
    structure = sum((np.diff(mean, axis=axis, append=np.take(mean, [-1], axis)) ** 2 for axis in (0, 1)), np.zeros_like(mean))
    height, width = min(size, tall), min(size, wide)
    rows, columns = max(1, height // block), max(1, width // block)
    windows = _window_sums(structure, rows, columns)
    windows = (windows + (0.05 * windows.max() or 1.0)) * _window_sums(interest, rows, columns)
    # Rounded, so that equal windows tie, and the first of them is taken.
    y, x = np.unravel_index(np.round(windows / max(float(windows.max()), 1e-300), 9).argmax(), windows.shape)
    return min(int(x) * block, wide - width), min(int(y) * block, tall - height), width, height


def _window_sums(values: Array, rows: int, columns: int) -> Array:
    sums = np.pad(values, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    windows: Array = sums[rows:, columns:] - sums[:-rows, columns:] - sums[rows:, :-columns] + sums[:-rows, :-columns]
    return windows
