"""Luma and chroma by themselves, with a λ each: where the noise of one is stronger than that of the other."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from denoise_cli.choice.laws import HARDLY_ANY, clumped_law, gaussian_law
from denoise_cli.choice.risk import Stein
from denoise_cli.choice.rough import MORE_WHITE, RoughSolver
from denoise_cli.choice.sample import Sample
from denoise_cli.choice.search import least
from denoise_cli.noise.model import Noise
from denoise_cli.noise.opponent_colours import MEAN, from_opponent, to_opponent
from denoise_cli.noise.spectrum import Spectrum
from denoise_cli.variational import Solution, denoise
from denoise_cli.variational.solution import as_one

__all__ = ["Pair", "denoise_opponent", "is_better", "opponent_weights"]

Array = npt.NDArray[Any]

#: Luma and chroma must differ by this factor, in σ, in white noise for the two to be tried.
DIFFERENT = 1.5
#: Their estimated error must be under this share of that of one λ for all.
BETTER = 0.97
#: Where chroma has this many times the σ of luma, two are taken whatever their estimated error: one λ for all blurs luma for the sake of
#: chroma (σ 4/255 in luma and 18/255 in chroma, white or in blotches: an error of 4.7/255 in luma becomes 5.2 to 8.5, with two 3.4 to 4.1).
MOSTLY_CHROMA = 2.5
#: λ of luma and of chroma where there is hardly any noise, in spans.
LEAST = 1e-4


def denoise_opponent(image: npt.ArrayLike, two: tuple[float, float], /, basis: str = MEAN, **options: Any) -> Solution:
    """The certified minimiser with luma and chroma (an orthonormal turn of red, green and blue) as two problems, λ = `two`.

        minimise over u   ‖u − f‖² + λ_luma · TV(luma of u) + λ_chroma · TV(the two chromas of u, coupled)

    The turn leaves ‖u − f‖² as it is, so that costs and lower bounds of the two add up, and the sum is certified.
    image : (height, width, 3), floats.  basis : which turn (`noise.opponent_colours`).
    options : as in `denoise` with fidelity "l2" and method "optimal".
    """
    pixels = np.asarray(image)
    turned = to_opponent(pixels if pixels.dtype.kind == "f" else pixels.astype(np.float64), basis)
    parts = [
        denoise(np.ascontiguousarray(turned[:, :, channels]), weight, fidelity="l2", method="optimal", **options)
        for channels, weight in ((slice(0, 1), two[0]), (slice(1, 3), two[1]))
    ]
    u = np.concatenate([np.atleast_3d(part.image) for part in parts], axis=2)
    return as_one(parts, from_opponent(u, basis))


@dataclass(frozen=True)
class Pair:
    """λ of luma and of chroma of least estimated error, and the mean of that over the channels, in the units of the sample."""

    luma: float
    chroma: float
    error: float

    @property
    def as_one(self) -> float:
        """About the λ of least estimated error for all three channels."""
        return math.hypot(self.luma, self.chroma)


def opponent_weights(sample: Sample, noise: Noise, probe: Array | None = None) -> Pair | None:
    """The best λ of luma and of chroma; None where their noise is alike, or is not known apart.

    noise : of the sample, in its units.  probe : noise in clumps that was drawn for it.
    """
    if sample.pixels.shape[2] != 3 or noise.luma is None or noise.chroma is None or min(noise.luma, noise.chroma) < 0:
        return None
    if noise.spectrum is None and 1 / DIFFERENT < noise.chroma / max(noise.luma, 1e-30) < DIFFERENT:
        return None
    turned = to_opponent(sample.pixels, noise.basis)
    turned_probe = None if probe is None or noise.spectrum is None else to_opponent(probe, noise.basis)
    guide = sample.pixels.mean(axis=2, keepdims=True)
    weights, errors, beyond = [], [], 1.0
    for channels, level in ((slice(0, 1), noise.luma), (slice(1, 3), noise.chroma)):
        part = replace(sample, pixels=np.ascontiguousarray(turned[:, :, channels]))
        count = part.pixels.shape[2]
        spectrum = None if noise.spectrum is None else _part(noise.spectrum, channels)
        own = replace(noise, sigma=level, sigmas=(level,) * count, spectrum=spectrum)
        if spectrum is not None:
            own = replace(own, sigmas=spectrum.sigmas, clump=spectrum.clump)
        risks: dict[float, float] = {}
        law = gaussian_law(level, count) if spectrum is None else clumped_law(level, own.clump, count, apart=True)
        if level <= HARDLY_ANY:
            weights.append(LEAST)
            errors.append(count * level**2)
            continue
        stein = Stein(
            part.pixels, own, known=None if part.weights is None else part.weights > 0, guide=guide,
            probe=None if turned_probe is None else np.ascontiguousarray(turned_probe[:, :, channels]),
        )  # fmt: skip
        rough = RoughSolver(part, more=MORE_WHITE if spectrum is None else 1.0)
        # What luma is beyond its law, chroma is, too.
        weights.append(least(lambda weight, rough=rough, stein=stein: stein(rough.at(weight)), max(law * beyond, LEAST), 0.3, risks))  # type: ignore[misc]
        errors.append(count * min(risks.values()))
        beyond = weights[-1] / max(law, LEAST)
    return Pair(weights[0], weights[1], sum(errors) / 3)


def is_better(pair: Pair, noise: Noise, one: float) -> bool:
    """Whether two λ are taken, where `one` is the estimated error of the best λ for all."""
    ratio = (noise.chroma or 0.0) / max(noise.luma or 0.0, 1e-30)
    return ratio > MOSTLY_CHROMA or pair.error <= BETTER * one


def _part(spectrum: Spectrum, channels: slice) -> Spectrum:
    """The spectrum of some of the opponent channels."""
    density = tuple(tuple(tuple(row[channels]) for row in ring[channels]) for ring in spectrum.density)
    return replace(spectrum, density=density)
