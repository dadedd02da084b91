"""Which fidelity and which λ suit a picture: the one with the smallest estimated error, found by a few quick solves."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from denoise_cli.choice.decision import Choice
from denoise_cli.choice.laws import HARDLY_ANY, clumped_law, gaussian_law, impulse_law, jpeg_law
from denoise_cli.choice.opponent import Pair, is_better, opponent_weights
from denoise_cli.choice.risk import Recorrupted, Stein
from denoise_cli.choice.rough import MORE_WHITE, RoughSolver
from denoise_cli.choice.sample import CLUMPED_TILES, CLUMPED_VALUES, Sample
from denoise_cli.choice.search import least
from denoise_cli.measure.scale import Scale, as_pixels
from denoise_cli.noise.estimate import estimate
from denoise_cli.noise.model import Noise
from denoise_cli.variational.volume import Volume

__all__ = ["Choice", "choose"]

Array = npt.NDArray[Any]
#: λ in spans, and the risks of what was tried; luma and chroma by themselves.
Found = tuple[float, dict[float, float], Pair | None]

#: Fewer values tell nothing about the risk: the law decides.
SMALLEST_SAMPLE = 2**11
#: Where nothing is to be removed, λ is this share of the span, which no 8-bit picture shows.
LEAST = 1e-4
#: The share of the law in the λ for impulses (in log λ): the few pixels that are hit on purpose tell a little less than all.
LAW = 0.25
#: The λ of L2 with the least estimate is larger than the best one: the logarithm of their ratio is this times σ in spans (28 training
#: photographs, σ told: 0.00, 0.01, 0.02, 0.03 and 0.05 at σ 5, 10, 15, 25 and 50/255 as floats, 0.06 and 0.08 at 25 and 50 in 8 bits).
LARGER = 0.3
#: Steps in log λ between tries.
STEPS = {"l2": 0.25, "l1": 0.1}
#: λ is rounded to so many digits, in units of the span: rounding of the sample to float32 does not show.
DIGITS = 3


def choose(
    stored: npt.ArrayLike,
    *,
    scale: Scale | None = None,
    fidelity: str | None = None,
    sigma: float | npt.ArrayLike | None = None,
    noise: Noise | None = None,
    weights: npt.ArrayLike | None = None,
    tv: str | None = None,
    channels: str | None = None,
    boundary: str | None = None,
    workers: int | None = None,
    strength: float = 1.0,
    opponent: bool = False,
    volume: Volume | None = None,
) -> Choice:
    """The fidelity and the λ with which `denoise(image, λ, fidelity=…, method="optimal")` comes nearest to the clean picture.

    No clean picture is needed: the mean squared error to it is estimated for a few λ, and a parabola through the estimates says where it
    is least. Two estimates, each for the noise that it holds for:

    * Gaussian noise of standard deviation σ: Stein's unbiased risk estimate (`choice.risk.Stein`).
    * impulses that hit a fraction p of the pixels: more impulses of the same kind are put into the picture, at places whose values are
      then known, and the error on those stands for that on the others (`choice.risk.Recorrupted`).

    Everything is measured in the span of the picture: k·stored + c gets k times the λ of L2, and the same λ of L1.

    Parameters
    ----------
    stored : (height, width) or (height, width, channels), of any real type, as it was stored; or floats in the typed units of `scale`.
    scale : what the numbers mean and which pixels are known; made by `Scale.of` unless given.
    fidelity : "l2" or "l1"; chosen by the noise unless told: l1 for impulses, l2 for the rest.
    sigma : the standard deviation of the noise, where it is known: one value, or one a channel, ≥ 0, in typed units. The noise then
        is Gaussian. Estimated unless told.
    noise : what `estimate` found, if that has been done.
    weights : as in `denoise`; a pixel of weight 0 does not count.
    tv, channels, boundary, workers : as in `denoise`.
    strength : λ is that of least estimated error times this: less than 1 leaves more noise and more detail.
    volume : where the picture holds the slices of a volume, one below the other: λ is then that of the volume.
    opponent : also try luma and chroma with a λ each (`Choice.opponent`), which takes as long again.

    Raises ValueError for a σ that is negative or not finite, and what `denoise` raises.
    """
    if not 0 < strength < math.inf:
        raise ValueError(f"strength must be positive and finite, not {strength}")
    pixels = as_pixels(stored)
    if pixels.size == 0:
        raise ValueError(f"the picture is empty: shape {pixels.shape}")
    weights = None if weights is None else np.asarray(weights, np.float32)
    scale = Scale.of(pixels, None if weights is None else weights > 0) if scale is None else scale
    count = pixels.shape[2] if pixels.ndim == 3 else 1
    if sigma is not None:
        told = np.broadcast_to(np.asarray(sigma, np.float64), count)
        if not (np.isfinite(told).all() and (told >= 0).all()):
            raise ValueError(f"sigma must be finite and not negative, not {sigma}")
        noise = Noise.told(tuple(float(level) for level in told))
    elif noise is None:
        noise = estimate(pixels, scale)
    by_impulses = noise.model == "impulses"
    if fidelity is None:
        fidelity = "l1" if by_impulses else "l2"
    options: dict[str, Any] = {"tv": tv, "channels": channels, "boundary": boundary, "workers": workers}
    size = {} if noise.spectrum is None or count != 3 else {"tiles": CLUMPED_TILES, "values": CLUMPED_VALUES}
    sample = Sample.of(pixels, scale, weights, fidelity, options, volume, **size)
    apart = opponent and fidelity == "l2" and channels != "separate"
    weight, risks, pair = _impulses(sample, noise, channels) if by_impulses else _gaussian(sample, noise, scale, channels, apart=apart)
    unit = scale.unit if fidelity == "l2" else 1.0
    return Choice(
        fidelity, float(f"{weight:.{DIGITS}g}") * unit * strength, noise, None if by_impulses else noise.sigma, sigma is not None,
        tuple((tried * unit, risk * scale.unit**2) for tried, risk in sorted(risks.items())), amount=scale.amount(noise.sigma),
        strength=strength,
        opponent=None if pair is None else (pair.luma * unit * strength, pair.chroma * unit * strength),
    )  # fmt: skip


def _gaussian(sample: Sample, noise: Noise, scale: Scale, channels: str | None, *, apart: bool) -> Found:
    """λ in spans and the risks of what was tried; and luma and chroma by themselves, where that is asked for and better."""
    noise = noise.times(1 / scale.unit, scale.bottom)
    sigma, risks = noise.sigma, dict[float, float]()
    start = gaussian_law(sigma, _coupled(sample, channels), sample.fidelity)
    if noise.spectrum is not None and sample.fidelity == "l2":
        start = clumped_law(sigma, noise.clump, _coupled(sample, channels))
    if sigma <= HARDLY_ANY:
        return max(start, LEAST), risks, None
    if noise.before_jpeg is not None and sample.fidelity == "l2":
        return jpeg_law(noise.before_jpeg, _coupled(sample, channels)), risks, None
    if sample.seen.size < SMALLEST_SAMPLE:
        return start, risks, None
    stein = Stein(sample.pixels, noise, ends=sample.ends, known=None if sample.weights is None else sample.weights > 0)
    if apart and noise.spectrum is not None:
        stein.draw(sample.pixels)
    pair = opponent_weights(sample, noise, stein.probe) if apart else None
    rough = RoughSolver(sample, more=MORE_WHITE if noise.spectrum is None else 1.0)
    weight = least(lambda weight: stein(rough.at(weight)), start if pair is None else pair.as_one, STEPS[sample.fidelity], risks)
    if pair is not None and not is_better(pair, noise, min(risks.values())):
        pair = None
    return weight * (1.0 if noise.spectrum is not None or sample.fidelity == "l1" else math.exp(-LARGER * sigma)), risks, pair


def _impulses(sample: Sample, noise: Noise, channels: str | None) -> Found:
    """The same under impulses."""
    risk, risks = Recorrupted(sample, noise), dict[float, float]()
    start = impulse_law(noise.impulses, _coupled(sample, channels if sample.fidelity == "l1" else None), sample.fidelity, whole=risk.whole)
    if sample.seen.size < SMALLEST_SAMPLE:
        return start, risks, None
    weight = least(risk, start, STEPS[sample.fidelity], risks)
    return (start**LAW * weight ** (1 - LAW) if sample.fidelity == "l1" else weight), risks, None


def _coupled(sample: Sample, channels: str | None) -> int:
    """How many channels share one norm."""
    return 1 if channels == "separate" else int(sample.pixels.shape[2])
