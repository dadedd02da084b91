"""A picture in blocks of 32 × 32 pixels, and their energies in rings of frequencies: what the spectrum of noise is read from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from denoise_cli.noise.blocks import Samples
from denoise_cli.noise.opponent_colours import BASES, MEAN
from denoise_cli.noise.spectrum import RINGS, ring_of

__all__ = ["SIDE", "energies_of", "energy", "half_rings", "logarithms", "ring_counts", "square_blocks", "window"]

Array = npt.NDArray[Any]

#: Side of a block in pixels: 16 costs 0.6 dB on photographs of cameras, as it holds too few of the low frequencies.
SIDE = 32
#: Blocks that are looked at, about; and the fewest that tell anything.
BLOCKS, FEWEST = 900, 48
#: Blocks with more than this share of pixels at black or white are left out.
SATURATED = 0.1
#: Less than any energy of a block, in squares of the span: its logarithm stays finite.
NO_ENERGY = 1e-16


def square_blocks(picture: Samples, basis: str = MEAN) -> Array | None:
    """(n, channels, SIDE, SIDE), known throughout and hardly cut off, luma and chromas of `basis` if there are three channels."""
    height, width, channels = picture.pixels.shape
    if min(height, width) < SIDE or channels > 4:
        return None
    step = max(4, math.isqrt((height - SIDE + 1) * (width - SIDE + 1) // BLOCKS))
    step += 1 - step % 2 if step > 4 else 0  # odd, so that JPEG's own blocks are met in every phase
    windows = np.lib.stride_tricks.sliding_window_view(picture.pixels, (SIDE, SIDE), axis=(0, 1))[::step, ::step]
    windows = windows.reshape(-1, channels, SIDE, SIDE)
    if picture.known is not None:
        known = np.lib.stride_tricks.sliding_window_view(picture.known, (SIDE, SIDE))[::step, ::step].reshape(-1, SIDE, SIDE)
        windows = windows[known.all(axis=(1, 2))]
    if len(windows) < FEWEST:
        return None
    blocks: Array = picture.inside(windows)
    if math.isfinite(picture.floor) or math.isfinite(picture.ceiling):
        cut_off = ((blocks <= picture.floor) | (blocks >= picture.ceiling)).mean(axis=(2, 3), dtype=np.float32).max(axis=1)
        blocks = blocks[cut_off <= SATURATED]
    if len(blocks) < FEWEST:
        return None
    return (BASES[basis].astype(np.float32) @ blocks.reshape(-1, 3, SIDE**2)).reshape(blocks.shape) if channels == 3 else blocks


def window() -> Array:
    """Hann's, of mean square 1."""
    one = np.hanning(SIDE + 2)[1:-1]
    weight = np.outer(one, one)
    weight /= math.sqrt(float(np.mean(weight**2)))
    return weight.astype(np.float32)


def half_rings() -> tuple[Array, Array]:
    """Ring of each frequency of a real transform (−1 for the mean), and how often it counts."""
    radius = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None, :])
    ring = ring_of(radius)
    ring[0, 0] = -1
    times = np.full(ring.shape, 2.0)
    times[:, 0] = times[:, -1] = 1
    return ring, times


def ring_counts() -> Array:
    """How many frequencies are in each ring."""
    ring, times = half_rings()
    return np.array([times[ring == r].sum() for r in range(len(RINGS) - 1)])


def energies_of(blocks: Array, robust: bool, basis: str = MEAN) -> tuple[Array, Array, Array]:
    """Transforms (n, channels, SIDE, SIDE/2 + 1), their `energy` (n, rings, channels), and the brightness of each block."""
    weight = window()
    mean = blocks.reshape(*blocks.shape[:2], -1) @ (weight / weight.sum()).ravel()
    windowed = blocks - mean[:, :, None, None]
    windowed *= weight / np.float32(SIDE)
    transforms = np.fft.rfft2(windowed).astype(np.complex64, copy=False)
    ring, times = half_rings()
    found = [energy(transforms[:, :, ring == r], times[ring == r], robust) for r in range(len(RINGS) - 1)]
    brightness = mean @ BASES[basis].mean(axis=1) if blocks.shape[1] == 3 else mean.mean(axis=1)
    return transforms, np.stack(found, axis=1), brightness


def energy(values: Array, times: Array, robust: bool) -> Array:
    """The mean energy of complex normal `values`, (n, channels, frequencies), (n, channels), frequencies counted `times`.

    robust : by the mean of its logarithm, which is γ lower than the logarithm of its mean, and which few strong frequencies hardly move.
    """
    share = times / times.sum()
    if robust:
        geometric: Array = np.exp(logarithms(values) @ share + np.euler_gamma)
        return geometric
    mean: Array = (values.real**2 + values.imag**2) @ share
    return mean


def logarithms(values: Array) -> Array:
    """Of their energies, finite where there is none."""
    found: Array = np.log(values.real**2 + values.imag**2 + NO_ENERGY)
    return found
