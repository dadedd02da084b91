"""AddedNoise as the literature makes it, reproducible: test pictures from clean ones."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["AddedNoise", "generator"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class AddedNoise:
    """What befalls a clean picture f, one after the other in this order, as in a camera; None leaves a step out.

    poisson : peak P > 0, the photons that white stands for:  u = Poisson(f·P)/P, of variance f/P.
    speckle : S > 0:  u = f·(1 + S·n), n standard normal.
    gaussian : standard deviation σ > 0:  u = f + σ·n.
    salt_pepper : fraction 0 < p ≤ 1 of the samples that become white or black, half of them each.
    random_impulse : fraction 0 < p ≤ 1 of the samples that become anything between black and white, evenly.
    whole_pixels : impulses hit all channels of a pixel at once (a random one replaces each by its own value); otherwise each by itself.
    """

    poisson: float | None = None
    speckle: float | None = None
    gaussian: float | None = None
    salt_pepper: float | None = None
    random_impulse: float | None = None
    whole_pixels: bool = False

    def __post_init__(self) -> None:
        for name in STEPS:
            value = getattr(self, name)
            most = 1 if name in IMPULSES else math.inf
            if value is not None and not (0 < value <= most and math.isfinite(value)):
                allowed = "above 0, at most 1" if name in IMPULSES else "positive and finite"
                raise ValueError(f"{name.replace('_', '-')} must be {allowed}, not {value:g}")

    @property
    def given(self) -> bool:
        return any(getattr(self, name) is not None for name in STEPS)

    @property
    def impulses(self) -> bool:
        return self.salt_pepper is not None or self.random_impulse is not None

    def __str__(self) -> str:
        said = (f"{words} {getattr(self, name):.6g}" for name, words in STEPS.items() if getattr(self, name) is not None)
        return ", ".join(said) + (", whole pixels" if self.whole_pixels and self.impulses else "")

    def add(self, clean: Array, rng: np.random.Generator, black: float = 0.0, white: float = 1.0) -> Array:
        """The noisy picture, float64, not clipped. `clean`: (height, width) or (height, width, channels), floats.

        `black` and `white` are what impulses become. Raises ValueError where photons would have to be fewer than none.
        """
        noisy = clean.astype(np.float64)
        if self.poisson is not None:
            if noisy.min() < 0:
                raise ValueError(f"photons cannot be counted in negative pixels ({noisy.min():g})")
            if noisy.max() * self.poisson > MOST_PHOTONS:
                raise ValueError(f"{noisy.max() * self.poisson:g} photons in a pixel are too many to draw; give a smaller peak")
            noisy = rng.poisson(noisy * self.poisson) / self.poisson
        if self.speckle is not None:
            noisy *= 1 + self.speckle * rng.standard_normal(noisy.shape)
        if self.gaussian is not None:
            noisy += self.gaussian * rng.standard_normal(noisy.shape)
        if self.salt_pepper is not None:
            chance = self._chances(rng, noisy.shape)
            noisy[np.broadcast_to(chance < self.salt_pepper, noisy.shape)] = white
            noisy[np.broadcast_to(chance < self.salt_pepper / 2, noisy.shape)] = black
        if self.random_impulse is not None:
            hit = np.broadcast_to(self._chances(rng, noisy.shape) < self.random_impulse, noisy.shape)
            noisy[hit] = (black + (white - black) * rng.random(noisy.shape))[hit]
        return noisy

    def _chances(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        return rng.random((*shape[:2], 1) if self.whole_pixels and len(shape) == 3 else shape)


STEPS = {
    "poisson": "Poisson, peak", "speckle": "speckle", "gaussian": "Gaussian, σ", "salt_pepper": "salt and pepper",
    "random_impulse": "random impulses",
}  # fmt: skip
IMPULSES = ("salt_pepper", "random_impulse")
MOST_PHOTONS = 1e15


def generator(clean: Array, seed: int) -> np.random.Generator:
    """The source of randomness for a picture: `numpy.random.default_rng([seed, zlib.crc32(pixels as stored, little-endian)])`.

    The same pixels and the same seed give the same noise, whatever the file is called and whatever else is done beside it; another picture
    gets other noise.
    """
    stored = np.ascontiguousarray(clean, clean.dtype.newbyteorder("<"))
    return np.random.default_rng([seed, zlib.crc32(stored.tobytes())])
