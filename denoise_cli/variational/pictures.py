"""Pictures as arrays of any type ↔ the planar floats that are computed with."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from denoise_cli.measure.comparison import peak_of
from denoise_cli.variational.layout import Layout
from denoise_cli.variational.state import Reference
from denoise_cli.variational.strips import Array

__all__ = ["Frame", "as_float", "as_map", "as_reference", "checked", "default_dtype", "planar"]

#: Types that are pictures from 0 to 1: they are computed with as they are, as in version 0.1.
UNIT_TYPES = ("bool", "uint8", "uint16")
#: Up to here integers are exact in float64.
LARGEST_EXACT = 2**53
#: Units that float32 can hold with room for squares and for sums.
SMALLEST_UNIT, LARGEST_UNIT = 2.0**-60, 2.0**60


def as_float(image: npt.ArrayLike, dtype: npt.DTypeLike | None = None) -> Array:
    """The picture in floats: bool → 0, 1; uint8, uint16, uint32 over the largest value of their type; other integers in their own units.

    Floats stay as they are. Integers become float64, or `dtype` if it is given (the nearest to the float64 quotient, without a float64
    picture in between for 8 and 16 bits).

    Raises TypeError for what is no number or complex, ValueError for what is no picture, and for integers beyond 2^53, which float64
    cannot hold.
    """
    return _floats(checked(image), dtype)


def _floats(pixels: Array, dtype: npt.DTypeLike | None = None) -> Array:
    """`as_float` of checked pixels, whatever their shape."""
    if pixels.dtype.kind == "f":
        return pixels if dtype is None else pixels.astype(dtype, copy=False)
    wanted = np.dtype(np.float64 if dtype is None else dtype)
    table = _table(pixels.dtype, wanted)
    if table is not None:
        return np.take(table, pixels.astype(np.uint8) if pixels.dtype.kind == "b" else pixels)
    return _typed(pixels).astype(wanted, copy=False)


def checked(image: npt.ArrayLike, axes: int = 2) -> Array:
    """The picture, with so many spatial axes, as an array in the machine's byte order, if it is one; errors as `as_float`."""
    pixels = np.asarray(image)
    if pixels.ndim not in (axes, axes + 1):
        wanted = "a picture is (height, width) or (height, width, channels)" if axes == 2 else f"{axes} spatial axes were announced"
        raise ValueError(f"{wanted}, not an array of shape {pixels.shape}")
    if pixels.size == 0:
        raise ValueError(f"the picture is empty: shape {pixels.shape}")
    if not pixels.dtype.isnative:
        pixels = pixels.astype(pixels.dtype.newbyteorder("="))
    if pixels.dtype.kind not in "bfiu":
        raise TypeError(f"pixels of type {pixels.dtype} have no agreed scale: convert them to floats (or to uint8, uint16) first")
    return pixels


def default_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """What is computed in unless it is told: float64 for what float32 does not hold exactly (float64; integers of 32 bits and more)."""
    exact = dtype.kind == "b" or dtype.itemsize <= (4 if dtype.kind == "f" else 2)
    return np.dtype(np.float32 if exact else np.float64)


def _table(given: np.dtype[Any], wanted: np.dtype[Any]) -> Array | None:
    """What each value of a small type is worth; None for large types."""
    if given.name not in UNIT_TYPES:
        return None
    count = 2 if given.kind == "b" else np.iinfo(given).max + 1
    table: Array = (np.arange(count) / np.float64(count - 1)).astype(wanted)
    return table


def _typed(pixels: Array) -> Array:
    """Integers of the types that no table has, in float64."""
    if pixels.dtype == np.uint32:
        return pixels / np.float64(np.iinfo(np.uint32).max)
    if pixels.dtype.itemsize == 8 and (int(pixels.max()) > LARGEST_EXACT or int(pixels.min()) < -LARGEST_EXACT):
        raise ValueError(f"pixels of type {pixels.dtype} reach beyond 2^53, where floats are not exact: subtract or divide first")
    return pixels.astype(np.float64)


@dataclass(frozen=True)
class Frame:
    """Where a picture lies:  typed value = unit · number + offset,  with numbers around 0 that span between ½ and 1.

    Pictures are planes, (channels, *spatial), of any type. `offset`, (channels, 1, …, 1), is the middle of the known
    values of each channel; `unit` the power of two next above the largest span of a channel, so that to divide by it rounds nothing: a
    picture on [0, 1] has unit 1. bool, uint8 and uint16 have unit 1 always. `far` is whether float32 cannot hold offset and span
    together, or not the unit: then subtraction, and the result, are in float64.
    """

    offset: Array
    unit: float
    far: bool

    @classmethod
    def of(cls, pixels: Array, dtype: np.dtype[Any], known: Array | None, scalable: bool) -> Frame:
        """That of checked planes, to be computed with in `dtype`; `known` is (*spatial), None for all."""
        low, high = _range(pixels, known)
        middle, span = low / 2 + high / 2, float(np.max(high / 2 - low / 2)) * 2
        unit = 1.0
        if scalable and pixels.dtype.name not in UNIT_TYPES and 0 < span < math.inf:
            mantissa, exponent = math.frexp(span)
            unit = math.ldexp(1.0, exponent - (mantissa == 0.5))
        distant = span > 0 and bool(np.any(np.abs(middle) > span))
        far = dtype == np.float32 and ((distant and default_dtype(pixels.dtype) != np.float32) or not SMALLEST_UNIT < unit < LARGEST_UNIT)
        if not far:
            # Each end rounded as the pixels are.
            middle = low.astype(dtype) / 2 + high.astype(dtype) / 2
        return cls(middle.reshape(-1, *(1 for _ in pixels.shape[1:])), unit, far)

    def numbers(self, pixels: Array, dtype: np.dtype[Any], known: Array | None = None) -> Array:
        """Planes of `dtype`, contiguous, with offset and unit taken off; 0 where a pixel is not known."""
        if not self.far:
            out = _planes(pixels, dtype)
            with np.errstate(invalid="ignore", over="ignore"):
                out -= self.offset
                if self.unit != 1:
                    out *= dtype.type(1 / self.unit)
        else:
            out = np.empty(pixels.shape, dtype)
            for plane, channel, middle in zip(out, pixels, self.offset, strict=True):
                with np.errstate(invalid="ignore", over="ignore"):
                    plane[...] = (_floats(channel).astype(np.float64) - middle) / self.unit
        if known is not None:
            out[:, ~known] = 0
        return out


def _range(pixels: Array, known: Array | None) -> tuple[Array, Array]:
    """The smallest and the largest typed value of each channel, float64, of the known pixels; ValueError where one is not finite."""
    ends = []
    for channel in pixels:
        values = channel if known is None else channel[known]
        ends.append([values.min(), values.max()])
    low, high = (_floats(np.array(end, pixels.dtype)).astype(np.float64) for end in zip(*ends, strict=True))
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise ValueError("the picture holds NaN or infinite pixels; replace them, or mask them with a weight of 0")
    return low, high


def planar(pixels: Array, dtype: np.dtype[Any], name: str) -> Array:
    """Planes of any type as `dtype`, contiguous; ValueError for NaN and infinity, and for what `dtype` cannot hold."""
    planes = _planes(pixels, dtype)
    if not np.isfinite(planes).all():
        if np.isfinite(pixels).all():
            raise ValueError(f"{name} holds values beyond {np.finfo(dtype).max:.3g}, the largest of {dtype}; divide it first")
        raise ValueError(f"{name} holds NaN or infinite pixels; replace them, or mask them with a weight of 0")
    return planes


def _planes(pixels: Array, dtype: np.dtype[Any]) -> Array:
    if pixels.dtype.kind != "f":
        return np.ascontiguousarray(_floats(pixels, dtype))
    with np.errstate(over="ignore"):
        return pixels.astype(dtype, order="C")


def as_map(values: npt.ArrayLike, name: str, size: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    """One number ≥ 0 a pixel, of shape `size`."""
    table = np.asarray(values)
    if table.shape != size:
        raise ValueError(f"{name} has shape {table.shape}, the picture {size}: they must agree")
    with np.errstate(over="ignore"):
        table = table.astype(dtype, order="C")
    if not (np.isfinite(table).all() and (table >= 0).all()):
        raise ValueError(f"{name} must be finite and not negative in every pixel")
    return table


def as_reference(reference: npt.ArrayLike, layout: Layout, white: float) -> Reference:
    """A clean picture to compare with; its peak is `white` where it lies on [0, white], else what it spans."""
    clean = _floats(checked(reference, np.ndim(reference)))
    if clean.shape != layout.shape:
        raise ValueError(f"the reference has shape {clean.shape}, the picture {layout.shape}: they must agree")
    return Reference(planar(layout.planes(clean), np.dtype(np.float64), "the reference"), peak_of([clean], white))
