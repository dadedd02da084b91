"""What the methods that minimise F + λ·TV have in common: their options, the call of the solver, and words."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from denoise_cli.methods.method import Array, Plan, Subject, Watch
from denoise_cli.plural import counted
from denoise_cli.variational import Solution, check_options
from denoise_cli.variational import denoise as solve

if TYPE_CHECKING:
    from denoise_cli.settings import Settings

__all__ = ["SOLVER_OPTIONS", "ended", "large_weight_note", "run_solver", "saved_options", "solver_options", "threshold_note"]

#: The settings that go to the solver as they are.
SOLVER_OPTIONS = ("iterations", "alpha", "beta", "gap", "tv", "channels", "boundary")
#: A λ of L2 that was typed for a picture with a white is called large from so many times its largest value on: whoever means levels of 255
#: types 5 and more, and with 12 camera_gaussian.png keeps a third of its contrast (a standard deviation of 0.10; 0.29 with λ 0.1, 0.20
#: with 5; `matlab`).
LARGE = 4.0


def solver_options(method: str, settings: Settings) -> dict[str, Any]:
    """What the solver is told, with its defaults. Raises ValueError, its message beginning with the option's name."""
    told = {name: getattr(settings, name) for name in SOLVER_OPTIONS}
    return check_options(method, settings.fidelity or "l2", settings.dtype, settings.workers, **told)


def saved_options(method: str, settings: Settings, fixed: tuple[str, ...] = ()) -> dict[str, Any]:
    """The solver's options for a settings file, without those that the method fixes."""
    options = solver_options(method, settings)
    return {name: options[name] for name in SOLVER_OPTIONS if name in options and name not in fixed}


def run_solver(pixels: Array, plan: Plan, weight: float | Array | None, subject: Subject, watch: Watch | None, **details: Any) -> Solution:
    """`pixels`, typed units, by the plan's method with λ = `weight`."""
    assert weight is not None
    settings = plan.settings
    told = {name: getattr(settings, name) for name in SOLVER_OPTIONS}
    defaults: dict[str, Any] = {"reference": subject.reference, "white": subject.peak, "records": False, "callback": watch}
    words: dict[str, Any] = {
        "fidelity": plan.fidelity or "l2",
        "method": plan.method.name,
        "dtype": settings.dtype,
        "workers": settings.workers,
    }
    words |= told | defaults | details
    volume = subject.volume
    if volume is None:
        return solve(pixels, weight, **words)
    for name in ("weights", "reference"):
        if words.get(name) is not None:
            words[name] = volume.deep(words[name])
    level: Any = weight if isinstance(weight, float) else volume.deep(np.asarray(weight))
    found = solve(volume.deep(pixels), level, axes=volume.axes, axis_weights=volume.axis_weights, **words)
    return replace(found, image=volume.tall(found.image))


def ended(solution: Solution) -> str:
    """How a run of the solver ended."""
    gap, iterations = f"gap {solution.gap or 0:.1e}", counted(solution.iterations, "iteration")
    asked = "was" if solution.iterations == 1 else "were"
    return {
        "iterations_done": f"{iterations}, all that {asked} asked for",
        "converged": f"{iterations}, certified: {gap}",
        "iteration_limit": f"stopped at the limit of {iterations}, NOT at the optimum: {gap}",
        "input_is_minimiser": "0 iterations, the input is the exact minimiser: gap 0",
        "stopped": f"stopped by the callback after {iterations}",
    }[solution.status]


def threshold_note(plan: Plan, solution: Solution, effect: str) -> tuple[str, ...]:
    """A word where λ is so small that TV-L1 has its own input as a minimiser; `effect` says what follows."""
    if not solution.input_is_a_minimiser:
        return ()
    weight = "this λ map" if plan.weight is None else f"λ {plan.weight:g}"
    return (f"L1 with {weight} is at or under the threshold (1/4 anisotropic, 0.2929 isotropic; more in 1-D): {effect}",)


def large_weight_note(subject: Subject, settings: Settings, fidelity: str) -> tuple[str, ...]:
    """A word where a λ of L2 that was typed is far above the values: it was meant in levels of 255, or they are small ones in many bits."""
    typed, white = settings.weight, subject.scale.white
    if fidelity != "l2" or typed is None or white == 1:
        return ()
    if typed >= LARGE:
        return (f"λ {typed:g} is {typed:g} times white: only large areas are left. White counts as 1 here; a usual λ is 0.1",)
    largest = int(subject.stored.max(initial=0))
    if not 0 < LARGE * largest <= typed * white:
        return ()
    return (
        f"λ {typed:g} is {typed * white / largest:,.0f} times the largest value: only large areas are left. {white:,.0f} counts as 1 here, "
        f"and {largest:,} as {largest / white:.2g}; give as small a --lambda, or leave it out",
    )
