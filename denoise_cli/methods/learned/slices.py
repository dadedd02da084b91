"""A network on the slices of a volume, one by one: it was trained on pictures, and couples nothing beyond them."""

from __future__ import annotations

from typing import Any

import numpy as np

from denoise_cli.methods.learned.network import Array, Levels, restore
from denoise_cli.variational.volume import Volume

__all__ = ["restore_slices"]


def restore_slices(image: Array, levels: Levels = None, *, volume: Volume | None, **told: Any) -> Array:
    """`restore` of a picture; of the slices of a volume that lie one below the other (`Volume.tall`), each by itself.

    levels, told : as for `restore`; a map of the level is cut as the picture is.
    """
    if volume is None:
        return restore(image, levels, **told)
    rows = volume.shape[-2] if volume.axes > 1 else 1
    clean = np.empty_like(image)
    for start in range(0, len(image), rows):
        piece = slice(start, start + rows)
        own = levels[piece] if isinstance(levels, np.ndarray) and levels.ndim > 1 else levels
        clean[piece] = restore(image[piece], own, **told)
    return clean
