"""Stored numbers that stand for others, value = slope · stored + intercept: FITS's BSCALE and BZERO, DICOM's rescale slope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

    Array = npt.NDArray[Any]

__all__ = ["Rescale"]


@dataclass(frozen=True)
class Rescale:
    """How stored numbers and values in the units of the picture (Hounsfield, counts, kelvin) belong together.

    `stored` lie from `least` to `most`, which may be narrower than their type (12 bits in 16).
    """

    slope: float
    intercept: float
    least: int
    most: int

    def values(self, stored: Array) -> Array:
        """In the smallest type that holds all values: integers where slope is 1 and the intercept whole, floats otherwise."""
        import numpy as np

        if self.slope == 1 and float(self.intercept).is_integer():
            offset = int(self.intercept)
            ends = (self.least + offset, self.most + offset)
            for kind in (np.uint8, np.uint16, np.int16, np.int32, np.uint32, np.int64):
                if np.iinfo(kind).min <= ends[0] and ends[1] <= np.iinfo(kind).max:
                    return (stored.astype(np.int64) + offset).astype(kind) if offset else stored.astype(kind)
        exact = stored.astype(np.float64) * self.slope + self.intercept
        return exact if stored.dtype.itemsize > 2 else exact.astype(np.float32)

    def stored(self, values: Array, dtype: npt.DTypeLike) -> Array:
        """The stored numbers again, rounded, and never beyond their range. Values that are not finite become 0."""
        import numpy as np

        if values.dtype.kind in "iu" and self.slope == 1:
            whole = values.astype(np.int64) - int(self.intercept)
            return np.clip(whole, self.least, self.most).astype(dtype)
        with np.errstate(invalid="ignore", over="ignore"):
            exact = np.rint((values.astype(np.float64) - self.intercept) / self.slope)
        exact = np.nan_to_num(exact, nan=0.0)
        return np.clip(exact, float(self.least), float(self.most)).astype(dtype)
