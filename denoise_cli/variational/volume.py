"""A volume as one tall picture, and back: what looks at pixels one by one needs to know of no further axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from denoise_cli.variational.strips import Array

__all__ = ["Volume", "weights_of_spacing"]


@dataclass(frozen=True)
class Volume:
    """The spatial shape of an array with any number of spatial axes, and by what the differences along each of them are multiplied.

    `tall` puts the slices one below the other: (*spatial, …) becomes (rows of all slices, columns, …). Scale, noise level, rounding and
    everything else that looks at a pixel, or at a small neighbourhood, takes that for a picture; only the solver goes back to the volume.
    """

    shape: tuple[int, ...]
    axis_weights: tuple[float, ...] | None = None

    @property
    def axes(self) -> int:
        return len(self.shape)

    @property
    def height(self) -> int:
        """Rows of the tall picture."""
        return math.prod(self.shape[:-1])

    def tall(self, array: Array) -> Array:
        """(*spatial) or (*spatial, channels) as a picture (height, width) or (height, width, channels)."""
        return array.reshape(self.height, self.shape[-1], *array.shape[self.axes :])

    def deep(self, picture: Array) -> Array:
        """The tall picture as the volume that it came from."""
        return picture.reshape(*self.shape, *picture.shape[2:])


def weights_of_spacing(spacing: Sequence[float]) -> tuple[float, ...]:
    """By what differences are multiplied where neighbours are `spacing` apart: the smallest distance over each.

    Differences over the smallest distance count as those of a picture do, whatever the unit of length, so that λ keeps its meaning.
    Raises ValueError where a distance is not positive and finite.
    """
    for distance in spacing:
        if not 0 < distance < math.inf:
            raise ValueError(f"spacing must be positive and finite along every axis, not {distance:g}")
    return tuple(min(spacing) / distance for distance in spacing)
