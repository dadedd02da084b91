"""What a picture's noise is: the record that an estimate returns, and noise drawn from it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from denoise_cli.digits import plain
from denoise_cli.measure.scale import Scale
from denoise_cli.noise.opponent_colours import MEAN
from denoise_cli.noise.spectrum import Spectrum

__all__ = ["Noise", "rms"]

Array = npt.NDArray[Any]

#: Side of the square, in pixels, whose mean is the brightness that the noise of a pixel depends on.
AROUND = 7


def rms(levels: Sequence[float]) -> float:
    """The root mean square: the level of noise whose channels have these."""
    return math.sqrt(sum(each**2 for each in levels) / len(levels))


@dataclass(frozen=True)
class Noise:
    """The noise of one picture. Levels are in typed units (`denoise_cli.measure.scale.Scale`).

    model: "none", "gaussian" (white), "poisson" (its variance grows with brightness), "coloured" (in clumps of pixels) or "impulses".
    sigma: standard deviation of the noise that is not impulses, root mean square over channels; where it grows with brightness, at the
    mean brightness.  sigmas: one a channel.
    impulses = salt_pepper + random_valued: shares of the pixels, 0–1.  gain, read_noise, black:
    variance = gain·max(0, brightness − black) + read_noise²; gain is 0 for uniform noise. `black` is the dark end of the
    picture, so that read_noise is the noise there, or the pedestal that a camera adds, if that is brighter.  evidence: why, in one line.
    luma, chroma: standard deviations in luma and (root mean square) in the two chromas of `basis`, of pictures of three channels.
    clump: side, in pixels, of the square over which noise is alike; 1 for white noise.  spectrum: of coloured noise.
    called: in words, where `model` does not say what it is.
    before_jpeg: the standard deviation of each channel of white noise, before the picture became JPEG.
    restless: whether even the calmest places hold more at low frequencies than white noise explains: content, or noise in clumps.
    if_white: what the noise is if it is white after all, where clumps, rough terrain or a pattern were found instead.
    """

    model: str
    sigma: float
    sigmas: tuple[float, ...]
    impulses: float
    salt_pepper: float
    random_valued: float
    gain: float
    read_noise: float
    evidence: str
    black: float = 0.0
    luma: float | None = None
    chroma: float | None = None
    clump: float = 1.0
    spectrum: Spectrum | None = field(default=None, repr=False)
    basis: str = MEAN
    before_jpeg: float | None = None
    called: str = ""
    restless: bool = False
    if_white: Noise | None = None

    @classmethod
    def none(cls, channels: int, why: str) -> Noise:
        """No noise, and the reason why none can be told."""
        return cls("none", 0.0, (0.0,) * channels, 0.0, 0.0, 0.0, 0.0, 0.0, why)

    @classmethod
    def coloured(cls, found: Spectrum, scale: Scale, why: str = "demosaicked, enlarged or compressed") -> Noise:
        """Noise of a spectrum that is told in spans of the scale, with brightness from its bottom on."""
        spectrum = found.times(scale.unit, -scale.bottom / scale.unit)
        sigmas = spectrum.sigmas
        sigma = rms(sigmas)
        luma = chroma = None
        told = f"σ ≈ {scale.amount(sigma)}"
        if len(sigmas) == 3:
            luma, *chromas = spectrum.opponent_sigmas
            chroma = rms(chromas)
            told += f", {scale.amount(luma)} in luma and {scale.amount(chroma)} in chroma"
        evidence = f"{spectrum.clumped} ({why}): {told}"
        return cls(
            "coloured", sigma, sigmas, 0.0, 0.0, 0.0, 0.0, sigma, evidence, scale.bottom, luma=luma, chroma=chroma, clump=spectrum.clump,
            spectrum=spectrum, basis=spectrum.basis,
        )  # fmt: skip

    @classmethod
    def told(cls, sigmas: tuple[float, ...]) -> Noise:
        """White Gaussian noise whose standard deviation, one a channel, is known."""
        sigma = rms(sigmas)
        return cls("gaussian", sigma, sigmas, 0.0, 0.0, 0.0, 0.0, sigma, "sigma was told")

    @property
    def growth(self) -> str:
        """The law of the variance, where it grows: "0.0447·(brightness − 0.0118) + 0²"."""
        sign = "−" if self.black > 0 else "+"
        brightness = f"(brightness {sign} {plain(abs(self.black), 5)})" if self.black else "brightness"
        return f"{self.gain:.3g}·{brightness} + {self.read_noise:.3g}²"

    def times(self, factor: float, black: float = 0.0) -> Noise:
        """The noise of factor·(picture − black)."""
        return replace(
            self, sigma=factor * self.sigma, sigmas=tuple(factor * level for level in self.sigmas), gain=factor * self.gain,
            read_noise=factor * self.read_noise, black=factor * (self.black - black),
            luma=None if self.luma is None else factor * self.luma, chroma=None if self.chroma is None else factor * self.chroma,
            spectrum=None if self.spectrum is None else self.spectrum.times(factor, black),
            before_jpeg=None if self.before_jpeg is None else factor * self.before_jpeg,
            if_white=None if self.if_white is None else self.if_white.times(factor, black),
        )  # fmt: skip

    def weaker(self, share: float) -> Noise:
        """Noise that is not in clumps, with `share` times the standard deviation, of the same picture."""
        return replace(
            self, sigma=share * self.sigma, sigmas=tuple(share * level for level in self.sigmas), gain=share**2 * self.gain,
            read_noise=share * self.read_noise, luma=None if self.luma is None else share * self.luma,
            chroma=None if self.chroma is None else share * self.chroma,
        )  # fmt: skip

    def level_map(self, pixels: npt.ArrayLike) -> Array:
        """The standard deviation of the noise at each pixel and channel, (height, width, channels), float32.

        pixels : (height, width) or (height, width, channels), floats in typed units, noisy or not: the mean around one is its brightness.
        """
        values = np.atleast_3d(np.asarray(pixels))
        if self.gain:
            brightness = np.stack([_mean_around(values[:, :, c]) for c in range(values.shape[2])], axis=-1)
            variance = np.maximum(self.gain * (brightness - self.black), 0) + self.read_noise**2
            return np.sqrt(variance).astype(np.float32)
        levels = np.broadcast_to(np.asarray(self.sigmas, np.float32), (*values.shape[:2], len(self.sigmas)))
        if self.spectrum is None or not self.spectrum.levels:
            return levels.copy()
        factor = self.spectrum.factor(_mean_around(values.mean(axis=2)))
        return (levels * factor[:, :, None]).astype(np.float32)

    def draw(self, shape: tuple[int, int], random: np.random.Generator, pixels: npt.ArrayLike | None = None) -> Array:
        """Noise like this, (height, width, channels), float32; at the brightness of `pixels`, if they are given. Impulses are left out."""
        if self.spectrum is not None:
            brightness = None if pixels is None else _mean_around(np.atleast_3d(np.asarray(pixels)).mean(axis=2))
            return self.spectrum.draw(shape, random, brightness)
        white = random.standard_normal((*shape, len(self.sigmas)), dtype=np.float32)
        levels = np.asarray(self.sigmas, np.float32) if pixels is None else self.level_map(pixels)
        drawn: Array = white * levels
        return drawn


def _mean_around(plane: Array) -> Array:
    """The mean of AROUND × AROUND pixels about each, by running sums; at the borders the outermost pixels are repeated."""
    reach = AROUND // 2
    sums = np.pad(plane.astype(np.float64), ((reach + 1, reach), (reach + 1, reach)), mode="edge").cumsum(axis=0).cumsum(axis=1)
    total = sums[AROUND:, AROUND:] - sums[:-AROUND, AROUND:] - sums[AROUND:, :-AROUND] + sums[:-AROUND, :-AROUND]
    mean: Array = (total / AROUND**2).astype(np.float32)
    return mean
