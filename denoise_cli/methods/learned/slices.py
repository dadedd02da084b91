"""A network on the slices of a volume, one by one: it was trained on pictures, and couples nothing beyond them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from denoise_cli.methods.learned.network import Array, Levels, restore
from denoise_cli.variational.volume import Volume

__all__ = ["restore_slices", "slices_of"]


def slices_of(rows: int, volume: Volume | None) -> Iterator[slice]:
    """The rows of each slice of a volume whose slices lie one below the other (`Volume.tall`); all of them for a picture."""
    each = rows if volume is None else volume.shape[-2] if volume.axes > 1 else 1
    return (slice(start, start + each) for start in range(0, rows, each))


def restore_slices(image: Array, levels: Levels = None, *, volume: Volume | None, **told: Any) -> Array:
    """`restore` of a picture; of the slices of a volume (`slices_of`), each by itself.

    levels, told : as for `restore`; a map of the level is cut as the picture is.
    """
    if volume is None:
        return restore(image, levels, **told)
    clean = np.empty_like(image)
    for piece in slices_of(len(image), volume):
        own = levels[piece] if isinstance(levels, np.ndarray) and levels.ndim > 1 else levels
        clean[piece] = restore(image[piece], own, **told)
    return clean
