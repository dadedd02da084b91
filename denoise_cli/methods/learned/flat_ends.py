"""Areas that are black or white all over stay what they are: the background of a scan, a letterbox, a masked field of view."""

from __future__ import annotations

import math

import numpy as np

from denoise_cli.measure.scale import Scale
from denoise_cli.methods.method import Array

__all__ = ["keep_flat_ends"]

#: Side, in pixels, of the smallest square that counts as such an area. Where half of the noise is cut off at black, all samples of one
#: square are black by chance once in 2⁴⁹.
SIDE = 7


def keep_flat_ends(image: Array, pixels: Array, scale: Scale) -> None:
    """Put back into `image` the samples of `pixels` that lie in a square in which all samples of that channel are at the same end.

    pixels, image : (height, width) or (height, width, channels), in the units of `scale`, whose floor and ceiling are the ends. Whatever
    was there lay at the end or beyond, and was cut off with its noise: what is stored is as near to it as any result can be.
    """
    from scipy.ndimage import maximum_filter1d, minimum_filter1d

    for end, at_end in ((scale.floor, np.less_equal), (scale.ceiling, np.greater_equal)):
        if not math.isfinite(end):
            continue
        flat = at_end(pixels, pixels.dtype.type(end)).view(np.uint8)
        if np.count_nonzero(flat) < SIDE**2:
            continue
        for axis in (0, 1):
            flat = minimum_filter1d(flat, SIDE, axis, mode="nearest")
        for axis in (0, 1):
            flat = maximum_filter1d(flat, SIDE, axis, mode="nearest")
        np.copyto(image, pixels, where=flat.view(bool))
