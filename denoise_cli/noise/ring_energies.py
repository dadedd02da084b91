"""A picture in blocks of 32 × 32 pixels, and their energies in rings of frequencies: what the spectrum of noise is read from."""

from __future__ import annotations

import math
from functools import cache, cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from denoise_cli.kernels.fourier import fourier
from denoise_cli.noise.blocks import Samples
from denoise_cli.noise.opponent_colours import BASES, MEAN
from denoise_cli.noise.spectrum import RINGS, ring_of

__all__ = ["SIDE", "SquareBlocks", "energies_of", "energy", "half_rings", "logarithms", "radii", "ring_counts", "window"]

Array = npt.NDArray[Any]

#: Side of a block in pixels: 16 costs 0.6 dB on photographs of cameras, as it holds too few of the low frequencies.
SIDE = 32
#: Blocks that are looked at, about; and the fewest that tell anything.
BLOCKS, FEWEST = 900, 48
#: Blocks with more than this share of pixels at black or white are left out.
SATURATED = 0.1
#: Less than any energy of a block, in squares of the span: its logarithm stays finite.
NO_ENERGY = 1e-16


class SquareBlocks:
    """The blocks of a picture, cut and transformed once, whatever is asked of them."""

    def __init__(self, picture: Samples) -> None:
        self.picture = picture

    @cached_property
    def transforms(self) -> tuple[Array, Array] | None:
        """Windowed and transformed, (channels, n, SIDE, SIDE/2 + 1), complex64, and their brightness, (n,); None where they are too few.

        They are known throughout and hardly cut off.
        """
        picture = self.picture
        windows = _cut(picture)
        if windows is None:
            return None
        channels, count = windows.shape[:2]
        weight = window()
        spectra = np.empty((channels, count, SIDE, SIDE // 2 + 1), np.complex64)
        means, cut_off = np.empty((channels, count), np.float32), np.zeros(count, int)
        # Channel by channel: the memory for all of them at once would take as long to get as what is computed in it.
        for channel in range(channels):
            blocks = picture.inside(windows[channel])
            if math.isfinite(picture.floor) or math.isfinite(picture.ceiling):
                ends = (blocks <= picture.floor) | (blocks >= picture.ceiling)
                np.maximum(cut_off, np.count_nonzero(ends, axis=(1, 2)), out=cut_off)
            means[channel] = blocks.reshape(count, -1) @ (weight / weight.sum()).ravel()
            blocks -= means[channel, :, None, None]
            blocks *= weight / np.float32(SIDE)
            fourier(blocks, spectra[channel], 1)
        inside = cut_off <= SATURATED * SIDE**2
        if np.count_nonzero(inside) < FEWEST:
            return None
        return (spectra, means.mean(axis=0)) if inside.all() else (spectra[:, inside], means[:, inside].mean(axis=0))

    def turned(self, basis: str = MEAN) -> tuple[Array, Array] | None:
        """The same for luma and the two chromas of `basis`, if there are three channels."""
        if self.transforms is None:
            return None
        transforms, brightness = self.transforms
        if len(transforms) != 3:
            return transforms, brightness
        turn = BASES[basis].astype(np.float32)
        return (turn @ transforms.view(np.float32).reshape(3, -1)).view(np.complex64).reshape(transforms.shape), brightness


def _cut(picture: Samples) -> Array | None:
    """(channels, n, SIDE, SIDE), a copy as it was stored, known throughout; None where they are too few."""
    height, width, channels = picture.pixels.shape
    if min(height, width) < SIDE or channels > 4:
        return None
    step = max(4, math.isqrt((height - SIDE + 1) * (width - SIDE + 1) // BLOCKS))
    step += 1 - step % 2 if step > 4 else 0  # odd, so that JPEG's own blocks are met in every phase
    windows = np.lib.stride_tricks.sliding_window_view(picture.pixels, (SIDE, SIDE), axis=(0, 1))[::step, ::step]
    windows = np.moveaxis(windows, 2, 0).reshape(channels, -1, SIDE, SIDE)
    if picture.known is not None:
        known = np.lib.stride_tricks.sliding_window_view(picture.known, (SIDE, SIDE))[::step, ::step].reshape(-1, SIDE, SIDE)
        windows = windows[:, known.all(axis=(1, 2))]
    return windows if windows.shape[1] >= FEWEST else None


@cache
def window() -> Array:
    """Hann's, of mean square 1."""
    one = np.hanning(SIDE + 2)[1:-1]
    weight = np.outer(one, one)
    weight /= math.sqrt(float(np.mean(weight**2)))
    return weight.astype(np.float32)


@cache
def radii() -> Array:
    """Radius of each frequency of a real transform, in cycles a pixel, (SIDE, SIDE/2 + 1)."""
    radius: Array = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None, :])
    return radius


@cache
def half_rings() -> tuple[Array, Array]:
    """Ring of each frequency of a real transform (−1 for the mean), and how often it counts."""
    ring = ring_of(radii())
    ring[0, 0] = -1
    times = np.full(ring.shape, 2.0)
    times[:, 0] = times[:, -1] = 1
    return ring, times


@cache
def ring_counts() -> Array:
    """How many frequencies are in each ring."""
    ring, times = half_rings()
    return np.array([times[ring == r].sum() for r in range(len(RINGS) - 1)])


@cache
def _shares() -> Array:
    """The share of each frequency in the mean over its ring, (frequencies, rings), float32."""
    ring, times = half_rings()
    shares = np.zeros((ring.size, len(RINGS) - 1), np.float32)
    for r in range(len(RINGS) - 1):
        shares[(ring == r).ravel(), r] = times[ring == r] / times[ring == r].sum()
    return shares


def energies_of(transforms: Array, robust: bool) -> Array:
    """The `energy` of (channels, n, SIDE, SIDE/2 + 1) complex numbers in each ring, (n, rings, channels)."""
    values = transforms.reshape(*transforms.shape[:2], -1)
    power = values.real**2 + values.imag**2
    if not robust:
        return np.ascontiguousarray(np.moveaxis(power @ _shares(), 0, -1))
    power += np.float32(NO_ENERGY)
    np.log(power, out=power)
    means = power @ _shares()
    means += np.float32(np.euler_gamma)
    return np.ascontiguousarray(np.moveaxis(np.exp(means), 0, -1))


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
