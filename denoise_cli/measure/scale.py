"""What the numbers of a picture mean: black and white, the span that counts, the steps between levels, and which pixels are known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from denoise_cli.digits import between, plain
from denoise_cli.measure.levels import is_cut_off, quantiles, quantum_of, thinned
from denoise_cli.measure.masks import hidden_by_mask

__all__ = ["Scale", "as_pixels"]

Array = npt.NDArray[Any]

#: Shares of the values beyond which they do not make the span: hot pixels and specks are fewer, the ink of a page is more.
DARKEST, BRIGHTEST = 0.005, 0.995


@dataclass(frozen=True, eq=False)
class Scale:
    """The scale of one picture, made once and used by everything that measures.

    The levels below are in *typed units*, in which --lambda and --sigma count: bool, uint8, uint16 and uint32 are divided by the largest
    value of their type, so that they lie in [0, 1]; floats, signed integers and 64-bit integers count in their own units.

    dtype: of the stored pixels.  white: the stored value that is 1 in typed units (0 is 0).
    low, high: the smallest and the largest known value.
    bottom, top: the same without the outermost half per cent on either side.
    unit: top − bottom, the span that counts as the whole range in every measurement (1 for a constant picture). Because everything is
        measured in it, k·f + c is treated as f is.
    quantum: the distance between neighbouring levels; 0 for floats without levels.
    floor, ceiling: where values pile up because the camera, the scanner or the type cut them off; −∞ and ∞ where they do not.
    known: (height, width), False where a pixel has no value and takes part in nothing; None where all are known.
    limits: what the user told as black and white level, in typed units; results are clipped there.
    """

    dtype: np.dtype[Any]
    white: float = 1.0
    low: float = 0.0
    high: float = 0.0
    bottom: float = 0.0
    top: float = 0.0
    unit: float = 1.0
    quantum: float = 0.0
    floor: float = -math.inf
    ceiling: float = math.inf
    known: Array | None = None
    limits: tuple[float, float] | None = None

    @classmethod
    def bare(
        cls,
        stored: npt.ArrayLike,
        known: npt.ArrayLike | None = None,
        *,
        nodata: Sequence[float] = (),
        limits: tuple[float, float] | None = None,
    ) -> Scale:
        """The scale without what has to be measured, so that it costs next to nothing: for `floats`, `stored` and `known`. Arguments as
        in `of`."""
        pixels = as_pixels(stored)
        white = _white_of(pixels.dtype)
        told = None if limits is None else (limits[0] / white, limits[1] / white)
        return cls(pixels.dtype, white, known=_known(pixels, known, nodata, hidden_by_mask(stored)), limits=told)

    @classmethod
    def of(
        cls,
        stored: npt.ArrayLike,
        known: npt.ArrayLike | None = None,
        *,
        nodata: Sequence[float] = (),
        limits: tuple[float, float] | None = None,
        levels: int | None = None,
    ) -> Scale:
        """The scale of `stored`, (height, width) or (height, width, channels), of any real type.

        known : (height, width), False where a pixel does not count. A pixel that is NaN or infinite in a channel, holds a value of
            `nodata` there, or is hidden by the mask of a masked array, does not count either.
        nodata : stored values that stand for "no value".
        limits : black and white level in stored values, where they are told: the ends at which values were cut off.
        levels : how many levels the file had, where it had fewer than its type (4 bits in uint8: 16).

        Raises ValueError for a shape that is no picture or differs from that of `known`, TypeError for a type that has no order.
        """
        pixels = as_pixels(stored)
        white = _white_of(pixels.dtype)
        mask = _known(pixels, known, nodata, hidden_by_mask(stored))
        told = None if limits is None else (limits[0] / white, limits[1] / white)
        values = pixels if mask is None else pixels[mask]
        if values.size == 0:
            return cls(pixels.dtype, white, known=mask, limits=told)
        low, high = float(values.min()) / white, float(values.max()) / white
        chosen = thinned(values)
        bottom, top = (end / white for end in quantiles(chosen, (DARKEST, BRIGHTEST)))
        if not top > bottom:
            bottom, top = low, high
        quantum = 1 / (levels - 1) if levels is not None and levels > 1 else quantum_of(chosen, white)
        sample = chosen.astype(np.float64) / white
        has_ends = white > 1 or pixels.dtype == np.bool_
        floor, ceiling = told or (
            low if is_cut_off(sample, low, quantum, fixed=low == 0 and has_ends) else -math.inf,
            high if is_cut_off(-sample, -high, quantum, fixed=high == 1 and has_ends) else math.inf,
        )
        unit = top - bottom if top > bottom else 1.0
        return cls(pixels.dtype, white, low, high, bottom, top, unit, quantum, floor, ceiling, mask, told)

    def floats(self, stored: npt.ArrayLike, precision: str = "float32") -> Array:
        """`stored` in typed units: float32, or float64 where that is asked for, or float32 does not hold the values (32- and 64-bit
        integers, float64).

        Quotients are those of float64, rounded once.
        """
        pixels = np.asarray(stored)
        if precision == "float64" and pixels.dtype.itemsize < 8:
            exact: Array = pixels.astype(np.float64)
            exact /= self.white
            return exact
        if not pixels.dtype.isnative:
            pixels = pixels.astype(pixels.dtype.newbyteorder("="))
        kind, size = pixels.dtype.kind, pixels.dtype.itemsize
        if kind == "f":
            return pixels.astype(np.float32) if size == 2 else pixels.astype(np.float64) if size > 8 else pixels
        if kind == "b" or (kind == "i" and size <= 2):
            return pixels.astype(np.float32)
        if kind == "u" and size <= 2:
            # The same bits as dividing in float64 and rounding (tests/measure/test_scale.py), without a picture of float64.
            single = pixels.astype(np.float32)
            single /= np.float32(self.white)
            return single
        wide: Array = pixels.astype(np.float64)
        if self.white != 1:
            wide /= self.white
        return wide

    def stored(self, values: npt.ArrayLike, levels: int | None = None) -> Array:
        """`values`, in typed units, as pixels of the stored type: clipped to its range and to `limits`, rounded to nearest, never wrapped.

        levels : how many levels an unsigned integer is rounded to, where the file had fewer than its type.
        """
        pixels = np.asarray(values)
        if self.limits is not None:
            pixels = np.clip(pixels, *self.limits)
        if self.dtype.kind == "b":
            return np.asarray(pixels >= 0.5)
        if self.dtype.kind == "f":
            if pixels.dtype.kind == "f" and pixels.dtype.itemsize <= self.dtype.itemsize:
                return pixels.astype(self.dtype)
            limit = float(np.finfo(self.dtype).max)
            limited: Array = np.clip(pixels, -limit, limit).astype(self.dtype)
            return limited
        ends = np.iinfo(self.dtype)
        whole = pixels.astype(np.float64)
        if self.white != 1:
            steps = self.white if levels is None else levels - 1.0
            np.clip(whole, 0, 1, out=whole)
            whole *= steps
            np.rint(whole, out=whole)
            whole *= self.white // steps
        else:
            np.rint(whole, out=whole)
        if self.dtype.itemsize < 8:
            return np.clip(whole, ends.min, ends.max, out=whole).astype(self.dtype)
        # The largest value of 64 bits is no float64: the next one would wrap.
        beyond = whole >= float(ends.max)
        integers: Array = np.where(beyond, 0.0, np.maximum(whole, float(ends.min))).astype(self.dtype)
        integers[beyond] = ends.max
        return integers

    def amount(self, difference: float) -> str:
        """A difference of values, such as σ, in words: "0.041 (10.4/255)" for 8 bits, "20 (0.5 % of the range 100…3600)" for others."""
        if self.dtype in (np.uint8, np.bool_):
            return f"{difference:.3g} ({255 * difference:.3g}/255)"
        ends = "…".join(between(self.bottom * self.white, self.top * self.white))
        return f"{plain(difference * self.white, 4)} ({plain(100 * difference / self.unit, 2)} % of the range {ends})"


def as_pixels(stored: npt.ArrayLike) -> Array:
    """`stored` as an array that can be a picture. Raises ValueError for its shape, TypeError for its type."""
    pixels = np.asarray(stored)
    if pixels.ndim not in (2, 3):
        raise ValueError(f"a picture is (height, width) or (height, width, channels), not an array of shape {pixels.shape}")
    if pixels.dtype.kind not in "bfiu":
        raise TypeError(f"pixels of type {pixels.dtype} have no agreed scale: convert them to floats or integers first")
    return pixels


def _white_of(dtype: np.dtype[Any]) -> float:
    return float(np.iinfo(dtype).max) if dtype.kind == "u" and dtype.itemsize <= 4 else 1.0


def _known(pixels: Array, known: npt.ArrayLike | None, nodata: Sequence[float], hidden: Array | None) -> Array | None:
    """Which pixels have a value in every channel; None if all have."""
    mask = None
    if known is not None:
        mask = np.asarray(known, dtype=bool)
        if mask.shape != pixels.shape[:2]:
            raise ValueError(f"`known` is {mask.shape}, the picture {pixels.shape[:2]}: they must agree")
    missing: Any = hidden
    if pixels.dtype.kind == "f":
        with np.errstate(over="ignore", invalid="ignore"):
            total = float(pixels.sum(dtype=np.float64))
        if not math.isfinite(total):
            endless = ~np.isfinite(pixels)
            missing = endless if missing is None else missing | endless
    for value in nodata:
        if not math.isnan(value):
            # In the type of the pixels: a nodata value of -3.4028235e38 is meant as that float32.
            same: Any = np.equal(pixels, pixels.dtype.type(value) if pixels.dtype.kind == "f" else value)
            missing = same if missing is None else missing | same
    if missing is not None:
        present = ~(missing.any(axis=2) if missing.ndim == 3 else missing)
        mask = present if mask is None else mask & present
    return None if mask is None or mask.all() else mask
