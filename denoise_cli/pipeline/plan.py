"""The one decision: from a page and the settings to what is going to be done, and why. All commands and Python ask here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from denoise_cli.digits import plain
from denoise_cli.measure.scale import Scale
from denoise_cli.methods import registry
from denoise_cli.methods.method import Outcome, Plan, Subject, Watch
from denoise_cli.pipeline.selection import best_plan

if TYPE_CHECKING:
    from denoise_cli.formats.picture import Page
    from denoise_cli.methods.method import Method
    from denoise_cli.pipeline.beside import Beside
    from denoise_cli.settings import Settings
    from denoise_cli.variational.volume import Volume

__all__ = ["carry_out", "check", "check_uncoupled", "make_plan", "most_iterations", "options_of", "planned", "subject_of"]


#: Rows and columns of the middle of a page that is looked at for stripes without being asked: 5 ms for each 512² of it.
LOOKED_AT = 1024
#: Larger values, in typed units, cannot be measured: noise is looked for in float32, which ends at 3.4e38.
LARGEST = 1e37
#: More than this flattens every picture, and overflows in the end.
MOST_STRENGTH = 1e6
#: Options that `--save-config` writes, beside λ, σ, the fidelity and files.
SHAPING = ("iterations", "alpha", "beta", "gap", "tv", "channels", "boundary")


def check(settings: Settings) -> None:
    """Refuse settings that no page could make right. Raises ValueError, its message beginning with the option's name."""
    import math

    if settings.weight is not None and not 0 < settings.weight < math.inf:
        raise ValueError(f"lambda must be positive and finite, not {settings.weight:g}")
    if settings.strength is not None and not 0 < settings.strength < math.inf:
        raise ValueError(f"strength must be positive and finite, not {settings.strength:g}")
    if settings.strength is not None and settings.strength > MOST_STRENGTH:
        raise ValueError(f"strength must be at most {MOST_STRENGTH:g}, which flattens any picture, not {settings.strength:g}")
    if settings.workers is not None and settings.workers < 1:
        raise ValueError(f"workers must be at least 1, not {settings.workers}")
    if settings.self_ensemble not in (None, 1, 2, 4, 8):
        raise ValueError(f"self_ensemble must be 1, 2, 4 or 8, not {settings.self_ensemble}")
    if settings.sigma is not None and not settings.automatic:
        raise ValueError("sigma has no meaning beside a λ that is given: leave one of them out")
    if (settings.spacing is not None or settings.time_weight is not None) and not settings.volume:
        raise ValueError(f"{'spacing' if settings.spacing is not None else 'time-weight'} has no meaning without --volume; add that")
    if settings.volume and settings.destripe not in (None, "none"):
        raise ValueError(
            "destripe has no meaning for volumes, whose slices have stripes of their own; take them off without --volume first"
        )
    if settings.weights is not None and settings.mask is not None:
        raise ValueError("weights and --mask are two ways to say the same: give one of them")
    name = registry.named_for(settings)
    if name is not None:
        registry.find(name).check(settings)
    else:
        _candidates(settings)
    if settings.volume and name is not None:
        method = _taking_volumes(name)
        if not method.couples_slices:
            check_uncoupled(name, settings.spacing, settings.time_weight)


def subject_of(
    page: Page, settings: Settings, beside: Beside | None = None, *, numbers: Sequence[int] = (0,), pages: int = 1,
    volume: Volume | None = None,
) -> Subject:  # fmt: skip
    """A page, or the slices of a volume one below the other, as methods get it, with what lies beside it. Raises DenoiseError where that
    does not fit.

    numbers : those of the page or of the slices, of so many `pages` of the file.
    """
    size = page.colour.shape[:2]
    weights = None if beside is None else beside.weights(size, numbers)
    if weights is None or weights.all():
        scale = page.scale if is_measured(settings) else page.units
    else:
        known = weights > 0 if page.units.known is None else page.units.known & (weights > 0)
        scale = (Scale.of if is_measured(settings) else Scale.bare)(page.colour, known, limits=page.limits)
    subject = Subject(
        page.colour, scale, weights=weights, weight_map=None if beside is None else beside.weight_map(size, numbers),
        reference=None if beside is None else beside.reference(numbers, pages, page), peak=page.peak, precision=settings.dtype,
        volume=volume,
    )  # fmt: skip
    return without_stripes(subject, settings)


def without_stripes(subject: Subject, settings: Settings) -> Subject:
    """The page without the stripes that --destripe asks to take off first, and a note on them; or a note on those that stay."""
    asked = settings.destripe
    if _is_too_large(subject.scale):
        return subject
    if asked in (None, "none"):
        return _with_word_on_stripes(subject) if settings.automatic and subject.volume is None else subject
    from denoise_cli.noise.stripes import destripe, every_stripes

    pixels = subject.pixels
    found = [each.direction for each in every_stripes(pixels, subject.scale)]
    directions = found if asked == "auto" else [asked]
    if not directions:
        return replace(subject, notes=(*subject.notes, "no stripes were found, and none taken off"))
    for direction in directions:
        pixels = destripe(pixels, subject.scale, direction)
    told = (
        f"stripes along the {' and the '.join(directions)} were taken off first"
        if set(directions) <= set(found)
        else f"no stripes along the {asked} were recognised; what the {asked} differ by was taken off all the same, as --destripe asks"
    )
    return replace(subject, stored=pixels, notes=(*subject.notes, told))


def _is_too_large(scale: Scale) -> bool:
    return max(-scale.low, scale.high) > LARGEST


def _with_word_on_stripes(subject: Subject) -> Subject:
    """The page as it is, with a note on the stripes that its middle shows."""
    from denoise_cli.noise.stripes import every_stripes

    middle = tuple(slice(max(0, (length - LOOKED_AT) // 2), (length + LOOKED_AT) // 2) for length in subject.stored.shape[:2])
    scale = subject.scale if subject.scale.known is None else replace(subject.scale, known=subject.scale.known[middle])
    if scale.low >= scale.high or (scale.known is not None and not scale.known.any()):
        return subject
    found = every_stripes(scale.floats(subject.stored[middle], "float32"), scale)
    told = (f"stripes of {each.direction}, σ ≈ {scale.amount(each.sigma)}; --destripe {each.direction} removes them" for each in found)
    return replace(subject, notes=(*subject.notes, *told))


def is_measured(settings: Settings) -> bool:
    """Whether somebody looks at the span and the levels of a page, which takes a moment to measure."""
    return settings.automatic or settings.vst not in (None, "none") or settings.destripe not in (None, "none")


def make_plan(subject: Subject, settings: Settings) -> Plan:
    """What is going to be done to a page: scale, noise, method and its parameters, and the sentence that says so.

    The method that is named is taken; where none is named and no λ is typed, the one that suits the page.
    Raises ValueError or TypeError where nothing can be done.
    """
    if subject.known is not None and not subject.known.any():
        hidden = subject.weights is not None and not subject.weights.any()
        raise ValueError(
            "weights hide every pixel: nothing is known to restore the picture from"
            if hidden
            else "no pixel has a value, so there is nothing to denoise"
        )
    if _is_too_large(subject.scale) and is_measured(settings):
        raise ValueError(f"its values reach beyond {LARGEST:g}, and are too large for the arithmetic; divide them first")
    _check_sigma(subject.scale, settings.sigma)
    name = registry.named_for(settings)
    if subject.volume is not None:
        return _plan_of_volume(subject, settings, name)
    if name is not None:
        return registry.find(name).plan(subject, settings)
    return best_plan(subject, settings, _candidates(settings))


def _plan_of_volume(subject: Subject, settings: Settings, name: str | None) -> Plan:
    """By the method that is named, or by the first that couples slices and can do without a number."""
    return _taking_volumes(name).plan(subject, settings)


def _taking_volumes(name: str | None) -> Method:
    """The method of that name, or the first that couples slices. Raises ValueError where it takes none."""
    able = [method for method in registry.all_methods().values() if method.couples_slices]
    method = registry.find(name) if name is not None else next((each for each in able if each.is_automatic), able[0])
    if not method.takes_volumes:
        raise ValueError(
            f"method {method.name} takes pictures, not volumes; use method {' or '.join(each.name for each in able)}, "
            "or denoise the slices one by one"
        )
    return method


def check_uncoupled(name: str, spacing: object, time_weight: object) -> None:
    """Refuse, for a method that takes slices one by one, what weights the differences between them. Raises ValueError."""
    told = [word for word, value in (("spacing", spacing), ("time-weight", time_weight)) if value is not None]
    if told:
        raise ValueError(f"{told[0]} has no meaning for method {name}, which takes slices one by one; leave it out")


def _check_sigma(scale: Scale, sigma: float | None) -> None:
    """Refuse a σ that would leave nothing of the picture, with a guess at what was meant."""
    span = scale.high - scale.low
    if sigma is None or span <= 0 or sigma <= span:
        return
    meant = f"did you mean --sigma {sigma:g}/{scale.white:g}?" if scale.white > 1 else "--sigma counts in the units of the picture"
    raise ValueError(f"--sigma {sigma:g} is larger than the span of the picture, {plain(span, 4)}; {meant}")


def _candidates(settings: Settings) -> list[Method]:
    """The methods that can do without a number and have every option that was told. Raises ValueError where there is none."""
    found, refusals = [], list[ValueError]()
    for method in registry.all_methods().values():
        if method.is_automatic:
            try:
                method.check(settings)
            except ValueError as refusal:
                refusals.append(refusal)
            else:
                found.append(method)
    if not found:
        raise (
            refusals[0]
            if refusals
            else ValueError(
                f"lambda is needed: none of the methods here ({', '.join(registry.known_names())}) can choose it from the picture"
            )
        )
    return found


def most_iterations(settings: Settings) -> int:
    """How many iterations a page takes at most, for a progress bar; 1 for methods that have none."""
    name = registry.named_for(settings)
    method = registry.find(name) if name is not None else _candidates(settings)[0]
    return int(method.options.get("iterations") or 1)


def options_of(settings: Settings) -> dict[str, Any]:
    """The options that shape the picture, as they were told or as the method has them; of an automatic run, those that were told."""
    name = registry.named_for(settings)
    if name is None:
        return {option: value for option in SHAPING if (value := getattr(settings, option)) is not None}
    return registry.find(name).told_options(settings)


def planned(subject: Subject, settings: Settings) -> Plan:
    """`make_plan`, with what was done to the page before among its notes."""
    plan = make_plan(subject, settings)
    return replace(plan, notes=(*subject.notes, *plan.notes)) if subject.notes else plan


def carry_out(subject: Subject, settings: Settings, watch: Watch | None = None, **details: Any) -> Outcome:
    """Plan a page and do it. Raises ValueError or TypeError where it cannot be done."""
    plan = planned(subject, settings)
    return Outcome(plan, plan.method.run(subject, plan, watch, **details))
