"""A picture in blocks of 8 × 8 pixels, in units of its own span: what every estimate of noise looks at."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from denoise_cli.measure.scale import Scale, as_pixels

__all__ = ["SIDE", "Samples", "calmest", "cosines"]

Array = npt.NDArray[Any]

#: Side of a block in pixels, as in JPEG: of 6, 8, 10 and 12, 8 has the smallest mean error of σ (benchmarks/noise.py).
SIDE = 8
#: A picture of fewer known pixels a channel tells nothing: it would be one block.
FEWEST_PIXELS = 64
#: How far beyond the span a value is followed, in spans: hot pixels count as bright, not as bright as they are.
BEYOND = 1.0
#: Spans that float64 computes with: their squares neither overflow nor vanish.
SMALLEST_SPAN, LARGEST_SPAN = 1e-150, 1e150


@dataclass(frozen=True)
class Samples:
    """The pixels as they were stored, and what their values mean; nothing of the size of the picture is copied.

    Inside, a value is (typed value − scale.bottom)/scale.unit: from 0 to 1 but for the outermost half per cent on either side, whatever
    the type of the pixels and however much of its range they use.
    """

    pixels: Array  # (height, width, channels): as stored, or floats in the typed units of the scale
    scale: Scale
    white: float = 1.0  # the value of `pixels` that is 1 in typed units
    least: float = 0.0  # the extremes of the values, at most BEYOND outside of 0…1
    most: float = 1.0
    floor: float = -math.inf  # where values pile up because they cannot be lower or higher; ∓∞ if they do not
    ceiling: float = math.inf
    quantum: float = 0.0  # distance of neighbouring levels, 0 where there are none
    two_levels: bool = False
    nothing: str = ""  # why there is nothing to estimate

    @property
    def channels(self) -> int:
        return int(self.pixels.shape[2])

    @property
    def known(self) -> Array | None:
        return self.scale.known

    @property
    def side(self) -> tuple[int, int]:
        height, width = self.pixels.shape[:2]
        return min(SIDE, height), min(SIDE, width)

    @property
    def ends(self) -> tuple[float, float]:
        """Where values were cut off."""
        return self.floor, self.ceiling

    @classmethod
    def of(cls, stored: npt.ArrayLike, scale: Scale | None = None) -> Samples:
        pixels = as_pixels(stored)
        scale = Scale.of(pixels) if scale is None else scale
        pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
        count = pixels.size if scale.known is None else int(np.count_nonzero(scale.known)) * pixels.shape[2]
        nothing = ""
        if pixels.size == 0:
            nothing = "there are no pixels"
        elif count == 0:
            nothing = "no pixel is known"
        elif scale.low == scale.high:
            nothing = "the picture is constant"
        elif count < FEWEST_PIXELS * pixels.shape[2]:
            nothing = "too few pixels to tell noise from content"
        elif not (SMALLEST_SPAN < scale.high / 2 - scale.low / 2 < LARGEST_SPAN and scale.unit > SMALLEST_SPAN):
            nothing = "the values are too far apart, or too near, to compute with"
        if nothing:
            return cls(pixels, scale, nothing=nothing)
        white = 1.0 if pixels.dtype.kind == "f" else scale.white

        def inside(value: float) -> float:
            return (value - scale.bottom) / scale.unit

        least, most = max(inside(scale.low), -BEYOND), min(inside(scale.high), 1 + BEYOND)
        # Where the outermost half per cent are equal, they are as good as cut off: counts of no photon, for one.
        floor = least if scale.bottom == scale.low else max(inside(scale.floor), least) if math.isfinite(scale.floor) else -math.inf
        ceiling = most if scale.top == scale.high else min(inside(scale.ceiling), most) if math.isfinite(scale.ceiling) else math.inf
        return cls(
            pixels, scale, white, least, most, floor, ceiling, scale.quantum / scale.unit,
            two_levels=_has_two_levels(pixels, scale, white),
        )  # fmt: skip

    def means(self) -> tuple[float, ...]:
        """The mean of each channel, roughly, from rows all over the picture."""
        step = max(1, len(self.pixels) // 512)
        some = self.pixels[::step]
        some = some.reshape(-1, self.channels) if self.known is None else some[self.known[::step]]
        if len(some) == 0:  # only rows in between are known
            some = self.pixels[self.known]
        return tuple(float(mean) for mean in self.inside(some).mean(axis=0, dtype=np.float64))

    def inside(self, stored: Array) -> Array:
        """Stored values in the units of the blocks, float32."""
        scale, white = self.scale, self.white
        if stored.dtype.kind in "bu" and stored.dtype.itemsize <= 2:
            values = stored.astype(np.float32)
            values -= np.float32(scale.bottom * white)
            values *= np.float32(1 / (white * scale.unit))
        else:
            wide = stored.astype(np.float64)
            wide -= scale.bottom * white
            wide /= white * scale.unit
            values = wide.astype(np.float32)
        return np.clip(values, np.float32(self.least), np.float32(self.most), out=values)

    def blocks(self, channel: int, count: int) -> tuple[Array, Array | None]:
        """About `count` blocks, (n, pixels a block), spread evenly, and which of their pixels are known (None: all)."""
        step = _step(self.pixels.shape[:2], self.side, count)
        cut = self._cut(self.pixels[:, :, channel], step)
        known = None
        if self.known is not None:
            known = self._cut(self.known, step)
            some = known.any(axis=1)
            cut, known = cut[some], known[some]
            cut = np.where(known, cut, _filler(cut, known))
            known = None if known.all() else known
        return self.inside(cut), known

    def _cut(self, plane: Array, step: int) -> Array:
        windows = np.lib.stride_tricks.sliding_window_view(plane, self.side)[::step, ::step]
        return windows.reshape(windows.shape[0] * windows.shape[1], -1)


def _filler(cut: Array, known: Array) -> Any:
    """A value for unknown pixels, which may be NaN: any known one will do, as they are not looked at."""
    return cut[known][0] if known.any() else cut.dtype.type(0)


def _has_two_levels(pixels: Array, scale: Scale, white: float) -> bool:
    """Whether nothing lies between the smallest and the largest known value: a bilevel scan."""
    if scale.dtype == np.bool_:
        return True
    least, most = pixels.dtype.type(scale.low * white), pixels.dtype.type(scale.high * white)
    rows = pixels[:: max(1, len(pixels) // 64)]
    if scale.known is not None:
        rows = rows[scale.known[:: max(1, len(pixels) // 64)]]
    if ((rows != least) & (rows != most)).any():
        return False
    known = pixels if scale.known is None else pixels[scale.known]
    return bool(((known == least) | (known == most)).all())


def _step(shape: tuple[int, ...], side: tuple[int, int], count: int) -> int:
    positions = (shape[0] - side[0] + 1) * (shape[1] - side[1] + 1)
    step = max(1, math.isqrt(max(1, positions // count)))
    if min(shape) < 4 * SIDE:
        return max(1, min(step, positions // count))
    # Odd, so that the grid of JPEG's own blocks is met in every phase.
    return step if step < 4 or step % 2 else step + 1


@cache
def cosines(height: int, width: int) -> tuple[Array, int]:
    """The orthonormal cosine transform's low half without the mean, (pixels, functions), and how many functions are in the high half."""

    def one(n: int) -> Array:
        k, x = np.arange(n)[:, None], np.arange(n)[None, :]
        basis = np.cos(np.pi * k * (x + 0.5) / n) * math.sqrt(2 / n)
        basis[0] /= math.sqrt(2)
        return basis

    frequency = SIDE * (np.arange(height)[:, None] / height + np.arange(width)[None, :] / width).ravel()
    half = (frequency.max() + 2) / 2
    low = (frequency > 0) & (frequency < half)
    basis = np.kron(one(height), one(width))[low].T
    return np.ascontiguousarray(basis, dtype=np.float32), int((frequency >= half).sum())


def calmest(low: Array, share: float, fewest: int) -> Array:
    """Indices of the blocks with the least energy at low frequencies."""
    count = min(len(low), max(fewest, int(share * len(low))))
    chosen: Array = np.argpartition(low, count - 1)[:count]
    return chosen
