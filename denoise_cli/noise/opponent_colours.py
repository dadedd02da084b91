"""Luma and two chromas from red, green and blue, and back: turns that leave white noise white, and squares as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["BASES", "MEAN", "WEIGHTED", "from_opponent", "to_opponent"]

Array = npt.NDArray[Any]

#: Luma is the mean of the channels, which has least noise where they have equal levels; or it is weighted as by ITU-R BT.601, in which
#: cameras and JPEG tell luma from chroma, so that the noise that they leave in chroma does not show in it.
MEAN, WEIGHTED = "mean", "weighted"
WEIGHTS = (0.299, 0.587, 0.114)


def _weighted() -> Array:
    """Luma along WEIGHTS; red less blue as far as it is orthogonal to that; and what is orthogonal to both."""
    luma = np.array(WEIGHTS) / np.linalg.norm(WEIGHTS)
    first = np.array([1.0, 0, -1]) - luma * (luma[0] - luma[2])
    first /= np.linalg.norm(first)
    return np.stack([luma, first, np.cross(luma, first)])


#: Rows are luma and two chromas, orthonormal: the transposed matrix leads back.
BASES: dict[str, Array] = {MEAN: np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / np.sqrt([[3], [2], [6]]), WEIGHTED: _weighted()}


def to_opponent(pixels: Array, basis: str = MEAN) -> Array:
    """(…, 3) red, green, blue → luma, two chromas."""
    turned: Array = pixels @ BASES[basis].T.astype(pixels.dtype)
    return turned


def from_opponent(turned: Array, basis: str = MEAN) -> Array:
    """The reverse of `to_opponent`."""
    pixels: Array = turned @ BASES[basis].astype(turned.dtype)
    return pixels
