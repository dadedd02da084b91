"""The mean squared error of a denoiser, estimated without the clean picture."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from denoise_cli.choice.sample import Sample
from denoise_cli.noise.clipping import cut_off
from denoise_cli.noise.model import Noise

__all__ = ["Recorrupted", "Stein"]

Array = npt.NDArray[Any]

#: Not a seed that anybody made the noise with.
SEED = (2, 71828, 18284, 59045)


class Stein:
    """Stein's unbiased estimate of the mean squared error of any denoiser u = solve(f) under Gaussian noise of covariance C:

        ‖u − f‖²/n − tr C/n + 2/n · tr(∂u/∂f · C)

    (Stein 1981, Ann. Statist. 9, 1135–1151), the last term from a second solve with f + εb, b of covariance C: bᵀ(u(f + εb) − u(f))/ε
    (Ramani, Blu & Unser 2008, IEEE Trans. Image Process. 17, 1540–1554). For white noise b is ±σ; for coloured noise it is drawn from the
    spectrum, scaled with the brightness of the first u. Where white noise was cut off at black or white, the variance and the bias that are
    left there take the places of σ² and 0; those, too, are of the first u: others for each solve would make the risks incomparable.

    >>> f = np.random.default_rng(0).normal(0.5, 0.1, (64, 64, 1)).astype(np.float32)
    >>> risk = Stein(f, Noise.told((0.1,)))
    >>> round(risk(lambda pixels: np.full_like(pixels, 0.5)), 3), round(risk(lambda pixels: pixels), 3)
    (0.0, 0.01)
    """

    #: ε: smaller steps are lost in rough solves, larger ones see another picture (benchmarks/choice.py). Coloured noise bears a larger one.
    STEP, COLOURED_STEP = 0.06, 0.2

    def __init__(
        self, pixels: Array, noise: Noise, *, ends: tuple[float, float] = (-math.inf, math.inf), known: Array | None = None,
        guide: Array | None = None, probe: Array | None = None,
    ) -> None:  # fmt: skip
        """pixels : (height, width, channels), floats; noise : in their units; ends : where values were cut off; known : (height, width).

        guide : (height, width, channels), the brightness that the noise depends on; the first u unless given.
        probe : b, where it was drawn before.
        """
        self.pixels, self.noise, self.ends, self.guide = pixels, noise, ends, guide
        self.known = None if known is None else known[:, :, None]
        self.probe = probe
        self.left: tuple[Array, Array] | None = None

    def __call__(self, solve: Callable[[Array], Array]) -> float:
        f = self.pixels
        u = solve(f)
        if self.probe is None:
            self.draw(u)
        if self.left is None:
            self.left = self._left(u)
        step = f.dtype.type(self.COLOURED_STEP if self.noise.spectrum is not None else self.STEP)
        variance, bias = self.left
        moved = solve(f + step * self.probe)
        moved -= u
        moved *= self.probe if self.noise.spectrum is not None else variance / self.probe
        moved *= 2 / step
        difference = u - f
        moved += difference * (difference + 2 * bias)
        moved -= variance
        return float(np.mean(moved, dtype=np.float64, where=True if self.known is None else self.known))

    def draw(self, u: Array) -> None:
        """Make b, of noise in clumps at the brightness of `u`."""
        random = np.random.default_rng(SEED)
        if self.noise.spectrum is not None:
            self.probe = self.noise.draw(u.shape[:2], random, u if self.guide is None else self.guide)
        else:
            # One size for all channels: what a channel is moved by must not vanish where it has no noise.
            self.probe = random.choice(np.array([-1, 1], np.float32), u.shape) * np.float32(max(self.noise.sigmas))

    def _left(self, u: Array) -> tuple[Array, Array]:
        """Variance and bias of the noise as it was stored, pixel by pixel where some was cut off."""
        if self.noise.spectrum is not None or (self.noise.gain and not any(map(math.isfinite, self.ends))):
            return np.square(self.noise.level_map(u if self.guide is None else self.guide)), np.zeros(1, u.dtype)
        if not any(map(math.isfinite, self.ends)):
            return np.square(np.asarray(self.noise.sigmas, u.dtype)), np.zeros(1, u.dtype)
        channels = [cut_off(u[:, :, c], sigma, self.ends) for c, sigma in enumerate(self.noise.sigmas)]
        return np.stack([v for v, _ in channels], axis=-1), np.stack([b for _, b in channels], axis=-1)


class Recorrupted:
    """The mean squared error under impulses: on pixels that were not hit, to what they hold; on those that were, that on others hit on
    purpose, at places whose values are then known (the idea of Noisier2Noise: Moran et al. 2020, CVPR, 12064–12072).
    """

    #: How many more are hit, compared with those that were.
    MORE = 0.1
    #: What stands out by this much, in spans, was hit; what differs by so much from its four neighbours.
    DISTANCE, HIT = 0.1, 0.25

    def __init__(self, sample: Sample, noise: Noise) -> None:
        self.sample = sample
        f = sample.pixels
        seen = sample.seen
        low, high = float(seen.min()), float(seen.max())
        self.low, self.high = low, high
        self.fraction = noise.impulses
        self.at_the_ends = noise.salt_pepper >= noise.random_valued
        chance = max(self.MORE * self.fraction, min(0.02, 1000 / (f.shape[0] * f.shape[1])))
        random = np.random.default_rng(SEED)
        self.whole = self._whole_pixels(low, high)
        size = (*f.shape[:2], 1) if self.whole else f.shape
        self.more = np.broadcast_to((random.random(size) < chance) & sample.known, f.shape)
        pepper, salt = int(np.count_nonzero(f == low)), int(np.count_nonzero(f == high))
        extreme = np.where(random.random(size) < pepper / max(1, pepper + salt), low, high)
        values = np.where(random.random(size) * noise.impulses < noise.salt_pepper, extreme, low + (high - low) * random.random(f.shape))
        self.worse = np.where(self.more, values, f).astype(f.dtype)
        self.candidates = (f == low) | (f == high) if self.at_the_ends else np.ones(f.shape, bool)
        self.distance = self.DISTANCE
        self.clean: Array | None = None

    def _whole_pixels(self, low: float, high: float) -> bool:
        """Whether a hit takes all channels at once."""
        f = self.sample.pixels
        if f.shape[2] == 1:
            return True
        if self.at_the_ends:
            hit = (f == low) | (f == high)
        else:
            around = (np.roll(f, 1, 0) + np.roll(f, -1, 0) + np.roll(f, 1, 1) + np.roll(f, -1, 1)) / 4
            hit = np.abs(f - around) > self.HIT
        return bool(hit.any(axis=2).mean() < 1.5 * hit.mean())

    def __call__(self, weight: float) -> float:
        f = self.sample.pixels
        u, _ = self.sample.solve(self.worse, weight)
        error = np.clip(u, self.low, self.high).astype(np.float64) - f
        if self.clean is None:
            self.clean = ~((np.abs(error) > self.distance) & self.candidates)
        known = self.sample.known
        unhurt, hurt = (error**2).mean(where=self.clean & ~self.more & known), (error**2).mean(where=self.clean & self.more & known)
        return float((1 - self.fraction) * unhurt + self.fraction * hurt)
