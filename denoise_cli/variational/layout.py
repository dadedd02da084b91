"""How the array of a caller, with any number of axes, lies in the planes that are computed with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from denoise_cli.variational.strips import Array

__all__ = ["MOST_AXES", "Layout"]

#: Spatial axes of an array: a series of volumes has four.
MOST_AXES = 4


@dataclass(frozen=True)
class Layout:
    """An array (*spatial) or (*spatial, channels), with `axes` spatial axes, and its planes (channels, *solved).

    What is solved has no axis of length 1, because there is no difference along it: a volume of one slice is the very problem of that
    slice. It has two axes at least: a signal, along whichever axis it lies, is a picture of one row.
    """

    shape: tuple[int, ...]
    axes: int

    @property
    def spatial(self) -> tuple[int, ...]:
        """The shape without the channels."""
        return self.shape[: self.axes]

    @property
    def channels(self) -> int:
        return self.shape[self.axes] if len(self.shape) > self.axes else 1

    @cached_property
    def _dropped(self) -> tuple[int, ...]:
        """The spatial axes that are left out, of length 1."""
        single = [axis for axis, length in enumerate(self.spatial) if length == 1]
        return tuple(single[: self.axes - 1])

    @property
    def solved(self) -> tuple[int, ...]:
        """The spatial shape of the planes."""
        kept = tuple(length for axis, length in enumerate(self.spatial) if axis not in self._dropped)
        return (1,) * (2 - len(kept)) + kept

    def planes(self, array: Array) -> Array:
        """(channels, *solved), a view."""
        first = array if array.ndim > self.axes else array[..., None]
        moved: Array = first.transpose(self.axes, *range(self.axes))
        return moved.reshape(len(moved), *self.solved) if moved.shape[1:] != self.solved else moved

    def table(self, values: Array) -> Array:
        """What has one number a pixel, (*spatial), in the shape `solved`."""
        return values.reshape(self.solved)

    def weights(self, told: Sequence[float] | None) -> tuple[float, ...] | None:
        """The weights of the axes that are solved, from those of all; None stays None."""
        if told is None:
            return None
        if len(told) != self.axes:
            raise ValueError(f"axis_weights must be one number for each of the {self.axes} axes, not {len(told)}")
        kept = tuple(float(weight) for axis, weight in enumerate(told) if axis not in self._dropped)
        return (1.0,) * (2 - len(kept)) + kept
