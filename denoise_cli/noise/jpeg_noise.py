"""White noise in a picture that became JPEG, as a spectrum: what compression has left of it, in luma and chroma."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from denoise_cli.noise.before_jpeg import noise_before_jpeg
from denoise_cli.noise.blocks import Samples
from denoise_cli.noise.coloured import coloured
from denoise_cli.noise.jpeg_grid import SIDE, find_grid
from denoise_cli.noise.opponent_colours import WEIGHTED, WEIGHTS
from denoise_cli.noise.ring_energies import SquareBlocks
from denoise_cli.noise.spectrum import RINGS, Spectrum, ring_of

__all__ = ["CompressedNoise", "noise_in_jpeg"]

Array = npt.NDArray[Any]

#: Sides of the middle of a large picture that is looked at.
LOOKED_AT = 1024
#: JPEG has changed white noise if less than this part of its variance is left; above, it is white noise as any other.
CHANGED = 0.9
#: Of noise of this share of that of luma, in variance, there is none in chroma.
NO_CHROMA = 1e-4


@dataclass(frozen=True)
class CompressedNoise:
    """sigma: of each channel, or of the grey picture, before it became JPEG.  spectrum: of what is left.  In the units of the blocks."""

    sigma: float
    spectrum: Spectrum


def noise_in_jpeg(picture: Samples, blocks: SquareBlocks | None = None) -> CompressedNoise | None:
    """The white noise that `picture` held before it became JPEG, if there was any, and it is not white any more; None for other pictures.

    What is said of chroma, which JPEG stores at half the resolution and with large steps, comes from its calmest blocks, as in
    `coloured`; it is no stronger than luma's was before.
    """
    pixels = picture.pixels
    if pixels.dtype != np.uint8 or picture.channels not in (1, 3) or picture.known is not None:
        return None
    rows, columns = (slice(max(0, (length - LOOKED_AT) // 2), (length + LOOKED_AT) // 2) for length in pixels.shape[:2])
    seen = pixels[rows, columns].astype(np.float32)
    grid = find_grid(seen[:, :, 0] if picture.channels == 1 else seen @ np.array(WEIGHTS, np.float32))
    found = None if grid is None else noise_before_jpeg(grid)
    if found is None or found.variances.mean() > CHANGED * found.sigma**2:
        return None
    level = 1 / (255 * picture.scale.unit)
    if picture.channels == 3:
        level /= float(np.linalg.norm(WEIGHTS))
    luma = _in_rings(found.variances) * level**2
    if picture.channels == 1:
        return CompressedNoise(found.sigma * level, Spectrum(tuple(((float(value),),) for value in luma)))
    return CompressedNoise(found.sigma * level, _with_chroma(luma, (found.sigma * level) ** 2, blocks or SquareBlocks(picture)))


def _in_rings(variances: Array) -> Array:
    """Variances of the 8 × 8 coefficients → a mean for each ring of frequencies."""
    place = np.arange(SIDE) / (2 * SIDE)
    ring = ring_of(np.hypot(place[:, None], place[None, :]))
    counts = np.bincount(ring.ravel(), minlength=len(RINGS) - 1)
    sums = np.bincount(ring.ravel(), variances.ravel(), minlength=len(RINGS) - 1)
    there = np.flatnonzero(counts)
    means: Array = np.interp(np.arange(len(counts)), there, sums[there] / counts[there])
    return means


def _with_chroma(luma: Array, before: float, blocks: SquareBlocks) -> Spectrum:
    """The spectrum in weighted luma and chromas: luma as told, chroma as it is found, if it is; variances of `before` at most."""
    found = coloured(blocks, WEIGHTED)
    density = np.zeros((len(luma), 3, 3))
    density[:, 0, 0] = luma
    for chroma in (1, 2):
        seen = np.zeros(len(luma)) if found is None else np.array([ring[chroma][chroma] for ring in found.spectrum.density])
        density[:, chroma, chroma] = np.maximum(np.minimum(seen, before), NO_CHROMA * before)
    told = tuple(tuple(tuple(float(value) for value in row) for row in ring) for ring in density)
    return replace(Spectrum(told), basis=WEIGHTED)
