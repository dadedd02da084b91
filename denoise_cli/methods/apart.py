"""Every channel of a picture by itself, with the λ that suits its own noise: `--channels separate` where no λ is typed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from denoise_cli.measure.scale import Scale
from denoise_cli.methods.method import Method, Plan, Subject, Watch
from denoise_cli.noise.model import Noise, rms
from denoise_cli.variational.solution import Solution, as_one

if TYPE_CHECKING:
    from denoise_cli.settings import Settings

__all__ = ["is_apart", "plan_apart", "run_apart"]

#: Kinds of noise that one line lists, as it lists the plans of so many pages.
SAID = 3


def is_apart(subject: Subject, settings: Settings) -> bool:
    """Whether there are several channels, each of which is to have a λ of its own: λ that is typed is one for all."""
    return settings.automatic and settings.channels == "separate" and subject.stored.ndim == 3 and subject.stored.shape[2] > 1


def plan_apart(method: Method, subject: Subject, settings: Settings) -> Plan:
    """What `method` plans for each channel as a grey picture, as one plan that keeps them in its details.

    Its λ is the geometric mean of theirs, which stands for them where one number is wanted: whoever scales it scales all of them.
    Raises what `Method.plan` raises, with the number of the channel.
    """
    whole, plans = subject.scale, list[Plan]()
    limits = None if whole.limits is None else (whole.limits[0] * whole.white, whole.limits[1] * whole.white)
    for number, each in enumerate(_channels_of(subject), 1):
        try:
            plans.append(method.plan(replace(each, scale=Scale.of(each.stored, whole.known, limits=limits)), settings))
        except ValueError as error:
            raise ValueError(f"channel {number}: {error}") from error
    fidelities, levels = {plan.fidelity for plan in plans}, [plan.sigma for plan in plans if plan.sigma is not None]
    return Plan(
        method, settings, whole, fidelity=fidelities.pop() if len(fidelities) == 1 else None, weight=_mean_weight(plans),
        noise=_noise_of(plans), sigma=rms(levels) if levels else None, sentence=_sentence(plans),
        notes=tuple(dict.fromkeys(note for plan in plans for note in plan.notes)), details={"apart": tuple(plans)},
    )  # fmt: skip


def run_apart(subject: Subject, plan: Plan, watch: Watch | None, **details: Any) -> Solution:
    """One problem a channel, which are certified together: costs and lower bounds add up. None sets out from an earlier solution."""
    assert plan.weight is not None
    factor = plan.weight / _mean_weight(plan.parts)
    asked = {name: value for name, value in details.items() if name not in ("start", "keep_dual")}
    parts: list[Solution] = [
        own.method.run(each, replace(own, weight=factor * weight), watch, **asked)
        for each, own, weight in zip(_channels_of(subject), plan.parts, plan.weights, strict=True)
    ]
    return as_one(parts, np.stack([part.image for part in parts], axis=2))


def _channels_of(subject: Subject) -> list[Subject]:
    """Each channel as a grey picture; a pixel that is unknown in one of them is unknown in all."""
    return [
        replace(
            subject, stored=np.ascontiguousarray(subject.stored[:, :, number]), noise=None,
            reference=None if subject.reference is None else np.ascontiguousarray(subject.reference[:, :, number]),
        )
        for number in range(subject.stored.shape[2])
    ]  # fmt: skip


def _mean_weight(plans: Sequence[Plan]) -> float:
    return math.exp(sum(math.log(plan.weight or 1.0) for plan in plans) / len(plans))


def _noise_of(plans: Sequence[Plan]) -> Noise:
    """The noise of all channels: of the kind that the noisiest has, with the level of each and the mean share of impulses."""
    found = [plan.noise for plan in plans if plan.noise is not None]
    noisiest, told = max(found, key=lambda noise: (noise.impulses, noise.sigma)), Noise.told(tuple(noise.sigma for noise in found))
    shares = {name: sum(getattr(noise, name) for noise in found) / len(found) for name in ("impulses", "salt_pepper", "random_valued")}
    return replace(told, model=noisiest.model, evidence=noisiest.evidence, **shares)


def _sentence(plans: Sequence[Plan]) -> str:
    """ "Gaussian noise, σ ≈ 0.021, 0.034, 0.019 → λ 0.031, 0.052, 0.027, L2": what was assumed of each channel, and what follows."""
    found = [plan.choice or plan.details["impulses"] for plan in plans]
    have_levels = all(each.level for each in found)
    groups = dict[str, list[int]]()
    for number, each in enumerate(found, 1):
        groups.setdefault(each.kind if have_levels else each.assumed, []).append(number)
    apart = [f"{_channels(own)}: {kind}" for kind, own in groups.items()]
    words = list(groups) if len(groups) == 1 else apart[:SAID] + [f"and {len(apart) - SAID} more"] * (len(apart) > SAID)
    if have_levels:
        # What share of its range each is would make the line too long.
        levels = [each.level.partition(" (")[0] for each in found]
        words.append(f"σ {'=' if found[0].given else '≈'} {', '.join(levels[:1] if len(set(levels)) == 1 else levels)}")
    fidelities = [str(plan.fidelity).upper() for plan in plans]
    told = ", ".join(fidelities[:1] if len(set(fidelities)) == 1 else fidelities)
    sentence = f"{(', ' if len(groups) == 1 else '; ').join(words)} → λ {_listed([each.weight for each in found])}, {told}"
    strength = plans[0].settings.strength
    if strength is None or strength == 1:
        return sentence
    return f"{sentence}, times the strength {strength:g} → λ {_listed([plan.weight or 0.0 for plan in plans])}"


def _channels(numbers: Sequence[int]) -> str:
    """ "channel 1", "channels 2, 3 and 4"."""
    *others, last = map(str, numbers)
    return f"channels {', '.join(others)} and {last}" if others else f"channel {last}"


def _listed(weights: Sequence[float]) -> str:
    return ", ".join(f"{weight:.3g}" for weight in weights)
