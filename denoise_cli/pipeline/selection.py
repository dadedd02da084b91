"""Which method suits a page, where none is named: the one with the smaller estimated error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from denoise_cli.choice.risk import Stein
from denoise_cli.choice.sample import Sample
from denoise_cli.measure.scale import Scale
from denoise_cli.methods.method import Array, Method, Plan, Subject
from denoise_cli.noise.estimate import estimate
from denoise_cli.settings import Settings

__all__ = ["best_plan"]

#: Noise of these kinds is white Gaussian noise, so that Stein's estimate holds for any method.
WHITE = ("gaussian", "poisson")
#: Values of the sample below which the estimate says nothing: the first method is taken.
SMALLEST_SAMPLE = 2**13
#: With a smaller share of known pixels the first method is taken: a network has to guess too much there (docs/learned.md).
KNOWN_ENOUGH = 1 / 3
#: The first method is taken if its estimated error is below this share of that of the others: white noise is known well, and the
#: estimate errs by a few per cent; but what seems white may be a camera's.
CLEARLY_BETTER = 0.8


def best_plan(subject: Subject, settings: Settings, candidates: Sequence[Method]) -> Plan:
    """The plan of the candidate with the least estimated mean squared error.

    The first candidate plans for every page. The others are compared with it by Stein's unbiased risk estimate (`choice.risk.Stein`) on a
    sample of the page, where its noise is white: impulses, pages with hardly any noise, pages of which little is known, and pixels to
    be filled in stay with the first. One that doubts what was found, noise or none (`doubts` in its plan's details), is taken as it is.
    Noise in clumps goes to the last candidate, a network. Its level is found too low for Stein's estimate, which then prefers whatever
    leaves noise: in colour it preferred total variation for 20 of 227 photographs (115 by real cameras, 112 by simulated ones), and the
    network was better in 19, by up to 1.8 dB. On drawings of flat areas with a camera's noise they differ by −1.4 to +1.1 dB (24).
    Raises what `Method.plan` raises.
    """
    first, *others = candidates
    if not others or settings.fidelity == "l1" or settings.fill or subject.filled_in is not False:
        return first.plan(subject, settings)
    if subject.noise is None and settings.sigma is None:
        subject = replace(subject, noise=estimate(subject.stored, subject.scale))
    compared = subject.stored.dtype != bool and _share_known(subject) >= KNOWN_ENOUGH
    if compared and settings.sigma is None and subject.noise is not None and subject.noise.model == "coloured":
        return others[-1].plan(subject, settings)
    plan = first.plan(subject, settings)
    noise = plan.noise
    if noise is None or not compared:
        return plan
    if noise.model in ("none", "coloured"):
        # In grey, the noise of a camera looks like texture: one that has seen it doubts that there is none. Clumps that the first candidate
        # saw only when it looked again (`methods.learned.seen_again`) go to the last one as those that were found do.
        other = others[-1].plan(subject, settings)
        return other if noise.model == "coloured" or other.details.get("doubts") else plan
    if noise.model not in WHITE:
        return plan
    sample = Sample.of(subject.stored, subject.scale, subject.fidelity_weights, plan.fidelity or "l2", _options(settings))
    if sample.pixels.size < SMALLEST_SAMPLE:
        return plan
    unit, bottom = subject.scale.unit, subject.scale.bottom
    known = None if sample.weights is None else sample.weights > 0
    risk = Stein(sample.pixels, noise.times(1 / unit, bottom), ends=sample.ends, known=known)
    scale = _unit_scale(sample.pixels)
    # Where noise was cut off, what is left of it is read off the first picture that is judged, and the risks of λ have another first
    # picture. Two more solves of the sample are the price.
    own = None if any(map(math.isfinite, sample.ends)) else _known_risk(plan, unit)
    least = (risk(lambda pixels: _run(plan, pixels, scale, unit, bottom)) if own is None else own) / CLEARLY_BETTER
    if least <= 0:
        # More noise was found than there is in the page: such an estimate prefers whatever removes most.
        least = math.inf
    for method in others:
        other = method.plan(subject, settings)
        if other.details.get("doubts"):
            # It has seen that the noise that was found is texture; whoever believes in that noise would wipe the texture out.
            return other
        estimated = risk(lambda pixels, other=other: _run(other, pixels, scale, unit, bottom))  # type: ignore[misc]
        if estimated < least:
            plan, least = other, estimated
    return plan


def _known_risk(plan: Plan, unit: float) -> float | None:
    """The estimated error of a plan whose λ was chosen by it, on the same sample with the same probe; None for another problem."""
    if plan.choice is None or not plan.choice.risks or plan.details or plan.weight != plan.choice.weight:
        return None
    return min(risk for _, risk in plan.choice.risks) / unit**2


def _share_known(subject: Subject) -> float:
    return 1.0 if subject.known is None else float(subject.known.mean())


def _options(settings: Settings) -> dict[str, object]:
    return {"tv": settings.tv, "channels": settings.channels, "boundary": settings.boundary, "workers": settings.workers}


def _unit_scale(pixels: Array) -> Scale:
    """That of the sample, on which the span of the page is [0, 1]."""
    low, high = float(pixels.min()), float(pixels.max())
    return Scale(np.dtype(np.float32), low=low, high=high, bottom=0.0, top=1.0, unit=1.0)


def _run(plan: Plan, pixels: Array, scale: Scale, unit: float, bottom: float) -> Array:
    """What the method of a plan makes of the sample, (height, width, channels)."""
    if apart := plan.details.get("apart"):
        return np.concatenate([_run(own, pixels[:, :, [at]], scale, unit, bottom) for at, own in enumerate(apart)], axis=2)
    there = replace(
        plan, scale=scale, weight=None if plan.weight is None else plan.weight / (unit if plan.fidelity == "l2" else 1.0),
        noise=None if plan.noise is None else plan.noise.times(1 / unit, bottom),
    )  # fmt: skip
    if "stabiliser" in plan.details:
        # λ counts in the stabilised page, whatever the unit of the page.
        there = replace(there, weight=plan.weight, details=_in_unit(plan, unit, bottom))
    page = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
    return plan.method.run(Subject(page, scale), there).image.reshape(pixels.shape).astype(pixels.dtype)


def _in_unit(plan: Plan, unit: float, bottom: float) -> dict[str, object]:
    """The stabiliser of a plan for a page on [0, 1]."""
    stabiliser = plan.details["stabiliser"]
    ends = tuple((end - bottom) / unit for end in plan.details["ends"])
    scaled = replace(
        stabiliser, gain=stabiliser.gain / unit, read_noise=stabiliser.read_noise / unit, black=(stabiliser.black - bottom) / unit
    )
    return {"stabiliser": scaled, "ends": ends}
