"""The certified minimiser of F + λ·TV, with λ as it is told or as the page suggests."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from denoise_cli.measure.scale import Scale
from denoise_cli.methods.base import Method, Plan, Subject, Watch
from denoise_cli.methods.variational import ended, run_solver, saved_options, solver_options, threshold_note
from denoise_cli.variational import METHODS, Solution

if TYPE_CHECKING:
    from denoise_cli.noise.stabilise import Stabiliser
    from denoise_cli.settings import Settings

__all__ = ["Optimal"]


class Optimal(Method):
    """The exact minimiser, which a lower bound from the dual problem certifies; unknown pixels have weight 0 and are inpainted."""

    name: ClassVar[str] = "optimal"
    summary: ClassVar[str] = "the exact minimiser, certified"
    options: ClassVar[Mapping[str, Any]] = {
        **METHODS["optimal"], "fidelity": None, "sigma": None, "vst": None, "mask": None, "lambda_map": None,
    }  # fmt: skip
    has_weight: ClassVar[bool] = True
    is_automatic: ClassVar[bool] = True

    def check(self, settings: Settings) -> None:
        super().check(settings)
        solver_options(self.name, settings)
        if settings.sigma is not None and not 0 < settings.sigma < math.inf:
            raise ValueError(f"sigma must be positive and finite, not {settings.sigma:g}; leave it out to have it estimated")
        if settings.vst is not None and (settings.fidelity == "l1" or settings.sigma is not None or settings.lambda_map is not None):
            raise ValueError(
                "vst goes around the L2 solve, with noise estimated from the picture: leave --l1, --sigma and --lambda-map out"
            )

    def told_options(self, settings: Settings) -> dict[str, Any]:
        return saved_options(self.name, settings)

    def plan(self, subject: Subject, settings: Settings) -> Plan:
        from denoise_cli.choice.choose import choose
        from denoise_cli.noise.estimate import estimate

        plan = Plan(self, settings, subject.scale, fidelity=settings.fidelity or "l2", weight=settings.weight)
        if not settings.automatic and settings.vst is None:
            return plan
        told = {name: getattr(settings, name) for name in ("tv", "channels", "boundary", "workers")}
        if settings.vst is not None:
            return self._stabilised(subject, plan, told)
        noise = subject.noise
        if noise is None and settings.sigma is None:
            noise = estimate(subject.stored, subject.scale)
        choice = choose(
            subject.stored,
            scale=subject.scale,
            fidelity=settings.fidelity,
            sigma=settings.sigma,
            noise=noise,
            weights=subject.fidelity_weights,
            **told,
        )
        notes = ("the noise grows with brightness; --vst generalized does better",) if choice.noise.model == "poisson" else ()
        return replace(
            plan, fidelity=choice.fidelity, weight=choice.weight, noise=choice.noise, sigma=choice.sigma, choice=choice,
            sentence=choice.sentence, notes=notes,
        )  # fmt: skip

    def _stabilised(self, subject: Subject, plan: Plan, told: Mapping[str, Any]) -> Plan:
        """L2 between the generalised Anscombe transform and its inverse; λ counts in the stabilised page, which is on [0, 1] again."""
        from denoise_cli.choice.choose import choose
        from denoise_cli.noise.estimate import estimate
        from denoise_cli.noise.stabilise import Stabiliser

        noise = subject.noise or estimate(subject.stored, subject.scale)
        if noise.gain <= 0:
            raise ValueError("the noise was not found to grow with brightness, so there is nothing to stabilise: leave --vst out")
        stabiliser = Stabiliser(noise.gain, noise.read_noise if plan.settings.vst == "generalized" else 0.0, noise.black)
        ends = _ends(subject)
        plan = replace(plan, fidelity="l2", noise=noise, details={"stabiliser": stabiliser, "ends": ends})
        if plan.weight is not None:
            return plan
        stable, sigma = stabiliser.normalise(subject.pixels, *ends)
        stable_scale = Scale.of(stable, subject.known)
        choice = replace(
            choose(stable, scale=stable_scale, fidelity="l2", sigma=sigma, weights=subject.fidelity_weights, **told),
            noise=replace(noise, read_noise=stabiliser.read_noise),
            stabilised=True,
        )
        return replace(plan, weight=choice.weight, noise=choice.noise, sigma=choice.sigma, choice=choice, sentence=choice.sentence)

    def run(self, subject: Subject, plan: Plan, watch: Watch | None = None, **details: Any) -> Solution:
        weight: Any = plan.weight
        if subject.weight_map is not None:
            weight = subject.weight_map if plan.settings.weight is None else subject.weight_map * plan.settings.weight
        details = {"weights": subject.fidelity_weights} | details
        stabiliser: Stabiliser | None = plan.details.get("stabiliser")
        if stabiliser is None:
            return run_solver(subject.pixels, plan, weight, subject, watch, **details)
        ends = plan.details["ends"]
        stable, _ = stabiliser.normalise(subject.pixels, *ends)
        solution = run_solver(stable, plan, weight, replace(subject, reference=None), watch, **details)
        return replace(solution, image=stabiliser.restore(solution.image, *ends))

    def pictures_in_memory(self, fidelity: str) -> float:
        return 15.3 if fidelity == "l1" else 11.0  # python -m benchmarks memory

    def told(self, solution: Solution) -> str:
        return ended(solution)

    def notes(self, plan: Plan, solution: Solution) -> tuple[str, ...]:
        return threshold_note(plan, solution, "the exact answer is the input; a larger λ removes noise")


def _ends(subject: Subject) -> tuple[float, float]:
    """Black and white of the stabilised page."""
    low, high = subject.scale.low, subject.scale.high
    return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)
