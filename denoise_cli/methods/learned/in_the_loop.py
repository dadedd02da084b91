"""`--method learned` with --mask, --weights, --fill or --l1, and for pages with impulses: from what was told to a plug-and-play run."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from denoise_cli.methods.learned.plug_and_play import KNOWN_ENOUGH, fill, without_impulses
from denoise_cli.methods.method import Array, Plan, Subject
from denoise_cli.methods.registry import find

if TYPE_CHECKING:
    from denoise_cli.noise.model import Noise
    from denoise_cli.settings import Settings

__all__ = ["Loop", "loop_for"]

#: λ of the L1 solve that the network sets out from.
L1_START = 0.8
#: The start need not be exact.
START_GAP = 1e-2
#: The options that total variation, which makes the start, is told as well.
SHARED = ("sigma", "mask", "weights", "fill", "dtype", "workers")


@dataclass(frozen=True)
class Loop:
    """What the network does in the place of the shrinkage.

    start: the plan of total variation whose result it sets out from.  weights: 0 where a value is unknown, (height, width) or of the shape
    of the page; None where all count alike.  sigma: of the noise of known values, in typed units; None for impulses in unknown places,
    where F is L1.
    """

    start: Plan
    weights: Array | None
    sigma: float | None
    sentence: str

    def run(self, subject: Subject, settings: Settings) -> Array:
        """The page restored, in typed units."""
        from denoise_cli.methods.learned.slices import restore_slices

        scale, network = subject.scale, partial(
            restore_slices, model=settings.model, device=settings.device or "cpu", workers=settings.workers, volume=subject.volume
        )  # fmt: skip
        pixels = subject.filled
        start = self.start.method.run(subject, self.start).image
        observed, begun = ((values - values.dtype.type(scale.bottom)) / values.dtype.type(scale.unit) for values in (pixels, start))
        begun = begun.astype(observed.dtype)
        if self.sigma is None:
            clean = without_impulses(observed, begun, network, weights=self.weights)
        else:
            strength = 1.0 if settings.strength is None else settings.strength
            weights = np.ones(observed.shape[:2], np.float32) if self.weights is None else self.weights
            clean = fill(observed, weights, strength * self.sigma / scale.unit, begun, network)
        image: Array = clean * clean.dtype.type(scale.unit) + clean.dtype.type(scale.bottom)
        return image


def loop_for(subject: Subject, settings: Settings, noise: Noise) -> Loop | None:
    """The loop that a page needs; None where the network by itself does it: nothing is unknown that is to be filled in, and no impulses.

    Raises ValueError where so little is known that total variation fills better.
    """
    if settings.fidelity == "l1":
        start = find("optimal").plan(subject, _for_start(settings, weight=L1_START, fidelity="l1"))
        return Loop(
            start, subject.fidelity_weights, None, "impulses where they do not fit the picture → network in the place of the shrinkage"
        )
    if subject.filled_in is not False or (settings.fill and subject.scale.known is not None):
        weights = subject.fidelity_weights
        assert weights is not None
        _refuse_too_few(weights)
        start = find("optimal").plan(replace(subject, noise=noise), _for_start(settings))
        told = "=" if settings.sigma is not None else "≈"
        sigma = 0.0 if noise.model == "none" else noise.sigma
        words = f"noise beside the unknown pixels, σ {told} {subject.scale.amount(sigma)}" if sigma else "unknown pixels, no noise"
        return Loop(start, weights, sigma, f"{words} → network in the place of the shrinkage")
    if noise.model == "impulses" and settings.sigma is None:
        start = find("optimal").plan(replace(subject, noise=noise), _for_start(settings))
        found = start.details.get("impulses")
        if found is None:
            return None
        if found.fidelity == "l1":
            # Values that were not found remain, and are not to be trusted: 39.6 dB, where `fill` gives 30.9 (three photographs, 10 %).
            sentence = f"impulses: {found.impulses} → network in the place of the shrinkage"
            return Loop(start, subject.fidelity_weights, None, sentence)
        weights = found.weights
        if subject.fidelity_weights is not None:
            own = subject.fidelity_weights
            weights = weights * (own if weights.ndim == 2 else own[:, :, None])
        _refuse_too_few(weights)
        rest = f"; Gaussian noise beside them, σ ≈ {subject.scale.amount(found.sigma)}" if found.removes_noise else ""
        sentence = f"impulses: {found.impulses}{rest} → filled in by the network in the place of the shrinkage"
        return Loop(start, weights, found.sigma if found.removes_noise else 0.0, sentence)
    return None


def _for_start(settings: Settings, **told: Any) -> Settings:
    """Settings of total variation, with what both methods can be told."""
    # The type by its value: the mathematics imports no settings.
    return type(settings)(method="optimal", gap=START_GAP, **({name: getattr(settings, name) for name in SHARED} | told))


def _refuse_too_few(weights: Array) -> None:
    share = float(np.mean(weights > 0))
    if share < KNOWN_ENOUGH:
        raise ValueError(
            f"only {math.floor(100 * share)} % of the values are known, where total variation fills in better than the network: "
            "use method optimal"
        )
