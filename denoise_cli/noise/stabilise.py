"""Noise that grows with brightness made uniform, and back: what L2 wants is noise of one level."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Stabiliser"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Stabiliser:
    """The generalised Anscombe transform for noise of variance gain·brightness + read_noise², and its exact unbiased inverse.

    forward   f(z) = (2/gain)·√(gain·z + ⅜·gain² + read_noise²), 0 where that has no root: the noise of f(z) has variance 1, within a few
              percent from 3 photons (3·gain) up. gain = 0: z/read_noise.
    inverse   of E f(z), not of f(z): the brightness whose noisy pixels have this mean after `forward`. f⁻¹ itself would darken
              (E √z < √E z). In closed form, of D = f and r = read_noise/gain:
              gain·(D²/4 + √(3/2)/4·D⁻¹ − 11/8·D⁻² + 5/8·√(3/2)·D⁻³ − 1/8 − r²), at least 0.

    Starck, Murtagh & Bijaoui 1998 (forward); Mäkitalo & Foi 2011, IEEE TIP 20, 2697–2698, and 2013, IEEE TIP 22, 91–103 (inverse).
    gain ≥ 0 and read_noise ≥ 0, not both 0, in the picture's units: Poisson counts over a peak P have gain 1/P.
    """

    gain: float
    read_noise: float = 0.0

    def __post_init__(self) -> None:
        for name, value in (("gain", self.gain), ("read_noise", self.read_noise)):
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} is a number ≥ 0, not {value}")
        if self.gain == 0 == self.read_noise:
            raise ValueError("gain and read_noise are both 0: there is no noise to stabilise")

    def forward(self, image: npt.ArrayLike) -> Array:
        """Floats of any shape → the same with noise of standard deviation 1."""
        z = _floats(image)
        if self.gain == 0:
            uniform: Array = z / z.dtype.type(self.read_noise)
            return uniform
        root: Array = z * z.dtype.type(self.gain)
        root += z.dtype.type(0.375 * self.gain**2 + self.read_noise**2)
        np.maximum(root, 0, out=root)
        np.sqrt(root, out=root)
        root *= z.dtype.type(2 / self.gain)
        return root

    def inverse(self, stabilised: npt.ArrayLike) -> Array:
        """What `forward` gave, denoised → brightness, without bias."""
        d = _floats(stabilised)
        if self.gain == 0:
            uniform: Array = d * d.dtype.type(self.read_noise)
            return uniform
        ratio = (self.read_noise / self.gain) ** 2
        # Where counts alone would be 0; the powers below run away further down.
        d = np.maximum(d, d.dtype.type(2 * math.sqrt(0.375)))
        half = math.sqrt(1.5)
        photons = d**2 / 4 - (0.125 + ratio) + (half / 4 + (-11 / 8 + 5 / 8 * half / d) / d) / d
        brightness: Array = np.maximum(photons, 0) * d.dtype.type(self.gain)
        return brightness

    def normalise(self, image: npt.ArrayLike, low: float = 0.0, high: float = 1.0) -> tuple[Array, float]:
        """(forward(image) − forward(low)) / (forward(high) − forward(low)): about [0, 1] again; and the standard deviation of its noise."""
        start, length = self._range(low, high)
        values = self.forward(image)
        values -= values.dtype.type(start)
        values /= values.dtype.type(length)
        return values, 1 / length

    def restore(self, values: npt.ArrayLike, low: float = 0.0, high: float = 1.0) -> Array:
        """`inverse` for what `normalise` gave."""
        start, length = self._range(low, high)
        values = _floats(values)
        return self.inverse(values * values.dtype.type(length) + values.dtype.type(start))

    def _range(self, low: float, high: float) -> tuple[float, float]:
        start, end = (float(value) for value in self.forward(np.array([low, high], dtype=np.float64)))
        if not end > start:
            raise ValueError(f"black {low} and white {high} must differ, and white must be brighter")
        return start, end - start


def _floats(image: npt.ArrayLike) -> Array:
    """float32 stays, anything else becomes float64."""
    array = np.asarray(image)
    return array if array.dtype == np.float32 else np.asarray(array, np.float64)
