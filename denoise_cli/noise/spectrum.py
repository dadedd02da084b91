"""The spectrum of noise: how strong it is at each frequency, in which channels, and how that grows with brightness."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from denoise_cli.kernels.fourier import fourier, inverse_fourier
from denoise_cli.noise.opponent_colours import BASES, MEAN, from_opponent

__all__ = ["RINGS", "Spectrum", "ring_of"]

Array = npt.NDArray[Any]

#: Borders of the rings of frequencies that the spectrum is told in, in cycles a pixel. Noise of cameras and of JPEG is about as strong in
#: every direction, and half as many numbers err half as much.
RINGS = tuple(edge / 32 for edge in (0.5, 1.6, 2.6, 4.0, 6.0, 8.5, 11.5, 14.5, 24.0))
#: Clumps of a smaller side, in pixels, are called nearly white.
SHOWS = 1.25


def ring_of(frequency: Array) -> Array:
    """The ring that a radial frequency, in cycles a pixel, lies in; the mean counts to the innermost."""
    return np.clip(np.searchsorted(RINGS, frequency, side="right") - 1, 0, len(RINGS) - 2)


@cache
def _shares() -> Array:
    """The share of all frequencies that lies in each ring."""
    frequency = np.fft.fftfreq(256)
    return np.bincount(ring_of(np.hypot(frequency[:, None], frequency[None, :])).ravel(), minlength=len(RINGS) - 1) / 256**2


@dataclass(frozen=True)
class Spectrum:
    """Gaussian noise with a covariance: stationary noise of cross-spectral density `density`, times a factor that depends on brightness.

    density: one symmetric matrix (channels × channels) a ring of `RINGS`, in squares of typed units: white noise of standard deviation σ
    has σ²·1 in all of them. Three channels are told as luma and two chromas (`basis`), others as they are.  levels: (brightness,
    factor) from dark to bright: the variance at a brightness (mean over the channels) is that of `density` times the factor, linear between
    the points and level beyond them; none if noise does not depend on brightness.
    """

    density: tuple[tuple[tuple[float, ...], ...], ...]
    levels: tuple[tuple[float, float], ...] = ()
    basis: str = MEAN

    @property
    def channels(self) -> int:
        return len(self.density[0])

    @property
    def covariance(self) -> Array:
        """Of the channels of one pixel, (channels, channels): opponent channels, where there are three."""
        covariance: Array = np.tensordot(_shares(), np.asarray(self.density), axes=1)
        return covariance

    @property
    def sigmas(self) -> tuple[float, ...]:
        """Standard deviations, one a channel of the picture."""
        covariance = self.covariance
        if self.channels == 3:
            covariance = BASES[self.basis].T @ covariance @ BASES[self.basis]
        return tuple(float(level) for level in np.sqrt(np.maximum(np.diag(covariance), 0)))

    @property
    def opponent_sigmas(self) -> tuple[float, ...]:
        """Standard deviations of luma and the two chromas, where there are three channels."""
        return tuple(float(level) for level in np.sqrt(np.maximum(np.diag(self.covariance), 0)))

    @property
    def clump(self) -> float:
        """The side, in pixels, of a square over which noise is alike, in luma: √(strongest density/variance), 1 for white noise."""
        return self._clump(0)

    @property
    def clumped(self) -> str:
        """Its clumps in words."""
        if self.clump >= SHOWS:
            return f"noise in clumps of about {self.clump:.1f} pixels"
        if self.channels == 3 and (chroma := max(self._clump(1), self._clump(2))) >= SHOWS:
            return f"noise that is nearly white in luma, and in clumps of about {chroma:.1f} pixels in chroma"
        return "noise that is nearly white"

    def _clump(self, channel: int) -> float:
        density = np.asarray(self.density)[:, channel, channel]
        return math.sqrt(max(1.0, float(density.max() / max(_shares() @ density, 1e-300))))

    def factor(self, brightness: Array) -> Array:
        """The standard deviation at a brightness, over that of `density`."""
        if not self.levels:
            return np.ones_like(np.asarray(brightness, float))
        points, factors = np.array(self.levels).T
        factor: Array = np.sqrt(np.interp(brightness, points, factors))
        return factor

    def times(self, factor: float, black: float = 0.0) -> Spectrum:
        """The spectrum of the noise of factor·(picture − black)."""
        density = tuple(tuple(tuple(factor**2 * value for value in row) for row in ring) for ring in self.density)
        return replace(self, density=density, levels=tuple((factor * (point - black), level) for point, level in self.levels))

    def with_white_luma(self, sigma: float) -> Spectrum:
        """The same with white luma of standard deviation `sigma`, of noise with three channels."""
        density = np.array(self.density)
        factors = sigma / np.sqrt(np.maximum(density[:, 0, 0], 1e-300))
        density[:, 0, :] *= factors[:, None]
        density[:, :, 0] *= factors[:, None]
        return replace(self, density=tuple(tuple(tuple(float(value) for value in row) for row in ring) for ring in density))

    def draw(self, shape: tuple[int, int], random: np.random.Generator, brightness: Array | None = None) -> Array:
        """Noise of this spectrum, (height, width, channels), float32, periodic; at a `brightness`, (height, width), if one is given."""
        height, width = shape
        drawn = random.standard_normal((self.channels, height, width), dtype=np.float32)
        white = fourier(drawn, np.empty((self.channels, height, width // 2 + 1), np.complex64), 1)
        radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
        roots = np.stack([_root(np.asarray(matrix)) for matrix in self.density])
        centres = (np.array(RINGS[:-1]) + np.array((*RINGS[1:-1], 0.5))) / 2
        coloured = np.zeros_like(white)
        for row in range(self.channels):
            for column in range(self.channels):
                if roots[:, row, column].any():
                    coloured[row] += np.interp(radius, centres, roots[:, row, column]) * white[column]
        noise: Array = np.ascontiguousarray(np.moveaxis(inverse_fourier(coloured, drawn, 1), 0, -1))
        if self.channels == 3:
            noise = from_opponent(noise, self.basis)
        if brightness is not None and self.levels:
            noise *= self.factor(brightness).astype(np.float32)[:, :, None]
        return noise


def _root(matrix: Array) -> Array:
    """The symmetric square root of a covariance."""
    values, vectors = np.linalg.eigh(matrix)
    root: Array = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return root
