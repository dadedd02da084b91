"""What the axes of an array from Python mean: which are spatial, which is that of the channels; and how they are brought in order."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from denoise_cli.variational.layout import MOST_AXES
from denoise_cli.variational.volume import Volume, weights_of_spacing

__all__ = ["UNTOLD", "Arrangement", "Untold", "array_of", "as_scikit_image_has_it"]

Array = npt.NDArray[Any]
#: The letters that `axes` takes: time, depth, rows, columns, and the channels.
LETTERS = "tzyxc"
#: A third axis of which nothing is told holds channels if it is no longer: cameras of several bands have up to 16. A longer one is that of
#: a volume, which nobody means to be taken for a picture with 40 colours.
MOST_CHANNELS = 16
#: Integers that span less than this after their type's range became 1 are counts that use hardly any of it: 100 in int64 is 1e-17.
FAINTEST_SPAN = 1e-9
#: So many channels are red, green and blue, which the colour network takes together.
COLOURS = 3


class Untold(Enum):
    """The type of UNTOLD, which is not None: `channel_axis=None` says that there are no channels."""

    UNTOLD = "untold"


UNTOLD: Final = Untold.UNTOLD


@dataclass(frozen=True)
class Arrangement:
    """How an array of `shape` becomes a picture: its axes in `order`, spatial ones first, and its slices one below the other.

    volume: what the solver has to know beyond a picture; None for a picture.  channel_axis: in the array, None where there is none.
    like_scikit_image: `channel_axis` was told (or there are axes that no picture has), so that types are converted as there.
    is_plain: nothing was told, and the array is a picture.
    """

    shape: tuple[int, ...]
    order: tuple[int, ...]
    volume: Volume | None = None
    channel_axis: int | None = None
    like_scikit_image: bool = False
    is_plain: bool = True

    @classmethod
    def of(
        cls,
        shape: tuple[int, ...],
        *,
        channel_axis: int | Untold | None = UNTOLD,
        axes: str | None = None,
        spacing: Sequence[float] | None = None,
        time_weight: float | None = None,
    ) -> Arrangement:
        """From what was told. An array of which nothing is told is a picture if it is (height, width) or (height, width, channels) with
        at most 16 channels; else all its axes are spatial. Raises ValueError where things do not fit."""
        count = len(shape)
        is_picture = count == 2 or (count == 3 and shape[2] <= MOST_CHANNELS)
        if axes is not None:
            if channel_axis is not UNTOLD:
                raise ValueError("axes and channel_axis are two ways to say which axis holds the channels: give one of them")
            letters = _letters(axes, shape)
            channels = letters.index("c") if "c" in letters else None
        elif channel_axis is not UNTOLD or not is_picture:
            letters, channels = "", _position(channel_axis, count)
        else:
            letters, channels = "", 2 if count == 3 else None
        spatial = tuple(axis for axis in range(count) if axis != channels)
        if not 1 <= len(spatial) <= MOST_AXES:
            raise ValueError(f"an array has 1 to {MOST_AXES} spatial axes, not {len(spatial)}: shape {shape}")
        order = spatial if channels is None else (*spatial, channels)
        weights = _weights([letters[axis] if letters else "" for axis in spatial], spacing, time_weight)
        sizes = tuple(shape[axis] for axis in spatial)
        volume = None if len(spatial) == 2 and weights in (None, (1.0, 1.0)) else Volume(sizes, weights)
        told = axes is None and (channel_axis is not UNTOLD or not is_picture)
        return cls(shape, order, volume, channels, told, volume is None and axes is None and not told)

    @property
    def spatial(self) -> tuple[int, ...]:
        """The shape without the channels, as the caller has it."""
        return tuple(size for axis, size in enumerate(self.shape) if axis != self.channel_axis)

    def together(self, channels: str | None, may_be_learned: bool) -> bool:
        """Whether the channels are denoised as one picture: where that is told, and three of them where a network may run."""
        if channels is not None:
            return channels == "coupled"
        return may_be_learned and self.channel_axis is not None and self.shape[self.channel_axis] == COLOURS

    def picture(self, array: Array) -> Array:
        """The array, or one of its shape, as a picture."""
        moved = array.transpose(self.order)
        return np.ascontiguousarray(moved) if self.volume is None else self.volume.tall(np.ascontiguousarray(moved))

    def table(self, values: Any, name: str) -> Array | None:
        """A map of one value ≥ 0 a pixel, in the shape `spatial`, as a picture; None where there is none, or one number for all."""
        if values is None or np.ndim(values) == 0:
            return None
        table = np.asarray(values)
        if table.shape != self.spatial:
            raise ValueError(f"{name} has shape {table.shape}, the picture {self.spatial}: they must agree")
        if not (np.isfinite(table).all() and (table >= 0).all()):
            raise ValueError(f"{name} must be finite and not negative in every pixel")
        return table if self.volume is None else self.volume.tall(np.ascontiguousarray(table))

    def array(self, picture: Array) -> Array:
        """A picture as an array of the caller's shape."""
        deep = picture if self.volume is None else self.volume.deep(picture)
        in_order = self.order == tuple(range(len(self.shape)))
        return deep if in_order else np.ascontiguousarray(deep.transpose(np.argsort(self.order)))


def array_of(image: npt.ArrayLike) -> Array:
    """`image` as an array. Raises TypeError for the name of a file, and for what is no array of numbers otherwise."""
    whole = np.asarray(image)
    if whole.ndim == 0 and whole.dtype.kind not in "biuf":
        raise TypeError(f"image must be an array of numbers, not {type(image).__name__}; a file is read first, as by imageio.v3.imread")
    return whole


def as_scikit_image_has_it(array: Array) -> Array:
    """Types as `skimage.restoration` converts them: float16 and float32 to float32, other floats to float64; integers to float64, those of
    unsigned types and bool to [0, 1], those of signed types to [−1, 1]. Raises TypeError for what is no real number."""
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind == "f":
        return array.astype(np.float32 if size <= 4 else np.float64, copy=False)
    if kind not in "biu":
        raise TypeError(f"pixels of type {array.dtype} have no agreed scale: convert them to floats (or to uint8, uint16) first")
    values: Array = array.astype(np.float64)
    if kind == "b":
        return values
    values *= 1.0 / np.iinfo(array.dtype).max
    span = float(values.max() - values.min()) if values.size else 0.0
    if 0 < span < FAINTEST_SPAN:
        warnings.warn(
            f"pixels of type {array.dtype} are divided by the largest value of the type, as scikit-image does, and span {span:.2g} only; "
            "convert them to floats to have λ and σ in their own units",
            stacklevel=3,
        )
    return np.maximum(values, -1.0, out=values)


def _letters(axes: str, shape: tuple[int, ...]) -> str:
    letters = axes.lower()
    if not set(letters) <= set(LETTERS) or len(set(letters)) < len(letters):
        raise ValueError(f"axes must name each axis once, by the letters {', '.join(LETTERS)} (such as 'zyx' or 'tyxc'), not {axes!r}")
    if len(letters) != len(shape):
        raise ValueError(f"axes {axes!r} names {len(letters)} axes, but the array has {len(shape)}: shape {shape}")
    return letters


def _position(channel_axis: int | Untold | None, count: int) -> int | None:
    if channel_axis is None or isinstance(channel_axis, Untold):
        return None
    try:
        channel_axis = operator.index(channel_axis)
    except TypeError:
        raise TypeError(f"channel_axis must be a whole number or None, not {channel_axis!r}") from None
    if not -count <= channel_axis < count:
        raise ValueError(f"channel_axis {channel_axis} is none of the {count} axes of the array")
    return channel_axis % count


def _weights(letters: Sequence[str], spacing: Sequence[float] | None, time_weight: float | None) -> tuple[float, ...] | None:
    """One for each spatial axis; None where none is told. Time has no distance, but a weight of its own."""
    if time_weight is not None and ("t" not in letters or not 0 < time_weight < float("inf")):
        raise ValueError(
            f"time_weight must be positive and finite, not {time_weight:g}"
            if "t" in letters
            else "time_weight needs an axis t: name the axes, such as axes='tyx'"
        )
    if spacing is None and time_weight is None:
        return None
    apart = [axis for axis, letter in enumerate(letters) if letter != "t"]
    if spacing is not None and np.ndim(spacing) != 1:
        raise ValueError(f"spacing must be one number for each of the {len(apart)} spatial axes, such as (2, 1, 1), not {spacing!r}")
    told = [1.0] * len(apart) if spacing is None else [float(distance) for distance in spacing]
    if len(told) != len(apart):
        raise ValueError(f"spacing must be one number for each of the {len(apart)} spatial axes, not {len(told)}")
    weights = [1.0 if time_weight is None else float(time_weight)] * len(letters)
    for axis, weight in zip(apart, weights_of_spacing(told), strict=True):
        weights[axis] = weight
    return tuple(weights)
