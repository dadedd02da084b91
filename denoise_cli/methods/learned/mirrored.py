"""What the network sees in the place of pixels without a value."""

from __future__ import annotations

import numpy as np

from denoise_cli.methods.method import Array

__all__ = ["mirrored"]


def mirrored(pixels: Array, known: Array | None) -> Array:
    """`pixels` with every unknown one like its mirror image in the nearest known one, noise and all; where that is unknown, too, like the
    nearest known one itself."""
    if known is None or not known.any():
        return pixels
    from scipy.ndimage import distance_transform_edt

    nearest = distance_transform_edt(~known, return_distances=False, return_indices=True)
    places = np.indices(known.shape)
    mirror = np.clip(2 * nearest - places, 0, np.array(known.shape).reshape(2, 1, 1) - 1)
    usable = known[mirror[0], mirror[1]]
    rows, columns = np.where(usable, mirror, nearest)
    filled: Array = pixels[rows, columns]
    return filled
