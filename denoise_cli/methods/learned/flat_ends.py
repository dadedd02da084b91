"""Areas that are black or white all over stay what they are: the background of a scan, a letterbox, a masked field of view."""

from __future__ import annotations

import math

import numpy as np

from denoise_cli.measure.scale import Scale
from denoise_cli.methods.method import Array

__all__ = ["SIDE", "WIDE", "keep_flat_ends"]

#: Side, in pixels, of the smallest square that counts as such an area. Where half of white noise is cut off at black, all samples of one
#: square are black by chance once in 2⁴⁹. Few photons and noise in clumps leave larger squares black where the scene is not: at
#: 0.02 photons a pixel a square of 7 is empty with probability 0.4, one of 15 with 0.01.
SIDE, WIDE = 7, 15


def keep_flat_ends(image: Array, pixels: Array, scale: Scale, side: int = SIDE) -> None:
    """Put back into `image` the samples of `pixels` that lie in a square in which all samples of that channel are at the same end.

    pixels, image : (height, width) or (height, width, channels), in the units of `scale`, whose floor and ceiling are the ends. What was
    there lay at the end or beyond, and was cut off with its noise.
    """
    from scipy.ndimage import maximum_filter1d, minimum_filter1d

    for end, at_end in ((scale.floor, np.less_equal), (scale.ceiling, np.greater_equal)):
        if not math.isfinite(end):
            continue
        flat = at_end(pixels, pixels.dtype.type(end)).view(np.uint8)
        if np.count_nonzero(flat) < side**2:
            continue
        for axis in (0, 1):
            flat = minimum_filter1d(flat, side, axis, mode="constant")
        for axis in (0, 1):
            flat = maximum_filter1d(flat, side, axis, mode="constant")
        np.copyto(image, pixels, where=flat.view(bool))
