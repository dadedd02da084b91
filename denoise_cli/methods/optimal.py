"""The certified minimiser of F + λ·TV, with λ as it is told or as the page suggests."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from denoise_cli.measure.scale import Scale
from denoise_cli.methods.apart import is_apart, plan_apart, run_apart
from denoise_cli.methods.method import Array, Method, Plan, Subject, Watch
from denoise_cli.methods.solving import ended, large_weight_note, run_solver, saved_options, solver_options, threshold_note
from denoise_cli.variational import METHODS, Solution

if TYPE_CHECKING:
    from denoise_cli.choice.impulse_plan import ImpulsePlan
    from denoise_cli.noise.model import Noise
    from denoise_cli.noise.stabilise import Stabiliser
    from denoise_cli.settings import Settings

__all__ = ["Optimal"]

#: From this share of impulses of any value on, calm blocks show them as well (289 of 290 pictures with 5 % and more, python -m benchmarks
#: noise). What only the detector of single pixels takes for so many impulses is another noise: strong noise of the colours alone.
SEEN_BY_BOTH = 0.05


class Optimal(Method):
    """The exact minimiser, which a lower bound from the dual problem certifies; unknown pixels have weight 0 and are inpainted."""

    name: ClassVar[str] = "optimal"
    summary: ClassVar[str] = "the exact minimiser, certified"
    options: ClassVar[Mapping[str, Any]] = {
        **METHODS["optimal"], "fidelity": None, "sigma": None, "vst": None, "strength": None, "mask": None, "lambda_map": None,
    }  # fmt: skip
    has_weight: ClassVar[bool] = True
    is_automatic: ClassVar[bool] = True
    is_tiled: ClassVar[bool] = True
    takes_volumes: ClassVar[bool] = True
    couples_slices: ClassVar[bool] = True

    def check(self, settings: Settings) -> None:
        super().check(settings)
        solver_options(self.name, settings)
        if settings.strength is not None and not settings.automatic:
            raise ValueError("strength scales the λ that is chosen from the picture, and has no meaning beside one that is given")
        if settings.sigma is not None and not 0 < settings.sigma < math.inf:
            raise ValueError(f"sigma must be positive and finite, not {settings.sigma:g}; leave it out to have it estimated")
        if _is_forced(settings) and (settings.fidelity == "l1" or settings.sigma is not None or settings.lambda_map is not None):
            raise ValueError(
                "vst goes around the L2 solve, with noise estimated from the picture: leave --l1, --sigma and --lambda-map out"
            )

    def told_options(self, settings: Settings) -> dict[str, Any]:
        return saved_options(self.name, settings)

    def plan(self, subject: Subject, settings: Settings) -> Plan:
        if is_apart(subject, settings):
            return plan_apart(self, subject, settings)
        plan = Plan(self, settings, subject.scale, fidelity=settings.fidelity or "l2", weight=settings.weight)
        if not settings.automatic and not _is_forced(settings):
            return replace(plan, notes=large_weight_note(subject, settings, settings.fidelity or "l2"))
        return _strengthened(self._chosen(subject, plan))

    def _chosen(self, subject: Subject, plan: Plan) -> Plan:
        """The plan with what the page suggests."""
        from denoise_cli.choice.choose import choose
        from denoise_cli.noise.estimate import estimate
        from denoise_cli.noise.stabilise import Stabiliser, stabiliser_for

        settings = plan.settings
        told = {name: getattr(settings, name) for name in ("tv", "channels", "boundary", "workers")}
        if _is_forced(settings):
            grown = subject.noise or estimate(subject.stored, subject.scale)
            if grown.gain <= 0:
                raise ValueError("the noise was not found to grow with brightness, so there is nothing to stabilise: leave --vst out")
            read_noise = grown.read_noise if settings.vst == "generalized" else 0.0
            return self._stabilised(subject, plan, grown, Stabiliser(grown.gain, read_noise, grown.black), told)
        noise = subject.noise
        if noise is None and settings.sigma is None:
            noise = estimate(subject.stored, subject.scale)
        if noise is not None and settings.fidelity != "l1":
            if (spoilt := self._with_impulses(subject, plan, noise)) is not None:
                return spoilt
            two_levels = subject.scale.quantum >= subject.scale.high - subject.scale.low > 0
            if noise.model == "impulses" and not two_levels:
                # What stands alone here has a reason: letters, stars, rims. (Black and white alone, specks can only be told by L1.)
                noise = replace(noise, model="none", impulses=0.0, salt_pepper=0.0, random_valued=0.0)
        if noise is not None and settings.fidelity != "l1" and settings.vst != "none":
            stabiliser = stabiliser_for(noise, subject.scale)
            if stabiliser is not None:
                return self._stabilised(subject, plan, noise, stabiliser, told)
        if noise is not None and settings.fidelity != "l1" and subject.volume is None:
            from denoise_cli.methods.learned.seen_again import seen_again

            noise = seen_again(subject, noise, workers=settings.workers)
        choice = choose(
            subject.stored,
            scale=subject.scale,
            fidelity=settings.fidelity,
            sigma=settings.sigma,
            noise=noise,
            weights=subject.fidelity_weights,
            opponent=settings.channels is None and subject.volume is None,
            volume=subject.volume,
            **told,
        )
        notes = ("the noise grows with brightness; without --vst none it would be stabilised",) if choice.noise.model == "poisson" else ()
        return replace(
            plan, fidelity=choice.fidelity, weight=choice.weight, noise=choice.noise, sigma=choice.sigma, choice=choice,
            sentence=choice.sentence, notes=notes, details={} if choice.opponent is None else {"opponent": choice.opponent},
        )  # fmt: skip

    def _with_impulses(self, subject: Subject, plan: Plan, noise: Noise) -> Plan | None:
        """Impulses become unknown, and the rest is solved; None where there are none. By name, L1 stays L1 on all pixels."""
        from denoise_cli.choice.impulse_plan import impulse_plan

        settings = plan.settings
        told = {name: getattr(settings, name) for name in ("tv", "channels", "boundary")}
        found = impulse_plan(subject.pixels, subject.scale, fidelity=settings.fidelity, workers=settings.workers, **told)
        if found is None:
            return None
        impulses = found.impulses
        if impulses.random_valued > SEEN_BY_BOTH and not noise.random_valued:
            return None
        noise = replace(
            noise, model="impulses", sigma=found.sigma, impulses=impulses.share, salt_pepper=impulses.pepper + impulses.salt,
            random_valued=impulses.random_valued, evidence=impulses.evidence,
        )  # fmt: skip
        return replace(
            plan, fidelity=found.fidelity, weight=found.weight, noise=noise, sigma=found.sigma if found.removes_noise else None,
            sentence=found.sentence, details={"impulses": found},
        )  # fmt: skip

    def _stabilised(self, subject: Subject, plan: Plan, noise: Noise, stabiliser: Stabiliser, told: Mapping[str, Any]) -> Plan:
        """L2 between the generalised Anscombe transform and its inverse; λ counts in the stabilised page, which is on [0, 1] again."""
        from denoise_cli.choice.choose import choose

        ends = _ends(subject)
        plan = replace(plan, fidelity="l2", noise=noise, details={"stabiliser": stabiliser, "ends": ends})
        if plan.weight is not None:
            return plan
        stable, sigma = stabiliser.normalise(subject.pixels, *ends)
        stable_scale = Scale.of(stable, subject.known)
        choice = replace(
            choose(stable, scale=stable_scale, fidelity="l2", sigma=sigma, weights=subject.fidelity_weights, volume=subject.volume, **told),
            noise=replace(noise, read_noise=stabiliser.read_noise),
            stabilised=True,
        )
        return replace(plan, weight=choice.weight, noise=choice.noise, sigma=choice.sigma, choice=choice, sentence=choice.sentence)

    def run(self, subject: Subject, plan: Plan, watch: Watch | None = None, **details: Any) -> Solution:
        if "apart" in plan.details:
            return run_apart(subject, plan, watch, **details)
        weight: Any = plan.weight
        if subject.weight_map is not None:
            weight = subject.weight_map if plan.settings.weight is None else subject.weight_map * plan.settings.weight
        # What nobody asks to fill in is cut out, which takes a fraction of the time.
        fill = plan.settings.fill or subject.filled_in is not False
        details = {"weights": subject.fidelity_weights, "fill": fill} | details
        if (spoilt := plan.details.get("impulses")) is not None:
            return self._run_with_impulses(subject, plan, spoilt, watch, **details)
        if "opponent" in plan.details:
            return self._run_opponent(subject, plan, watch, **details)
        stabiliser: Stabiliser | None = plan.details.get("stabiliser")
        if stabiliser is None:
            return run_solver(subject.pixels, plan, weight, subject, watch, **details)
        ends = plan.details["ends"]
        stable, _ = stabiliser.normalise(subject.pixels, *ends)
        solution = run_solver(stable, plan, weight, replace(subject, reference=None), watch, **details)
        return replace(solution, image=stabiliser.restore(solution.image, *ends))

    def _run_with_impulses(self, subject: Subject, plan: Plan, spoilt: ImpulsePlan, watch: Watch | None, **details: Any) -> Solution:
        """The problem of the impulse plan, with the λ that --strength made of its own."""
        from denoise_cli.choice.impulse_plan import solve_trusted

        def solve(pixels: Array, weight: float, *, reference: Array | None, **words: Any) -> Solution:
            return run_solver(pixels, plan, weight, replace(subject, reference=reference), watch, **words)

        assert plan.weight is not None
        spoilt = replace(spoilt, weight=plan.weight)
        return solve_trusted(subject.pixels, spoilt, solve, reference=subject.reference, **(details | {"fill": True}))

    def _run_opponent(self, subject: Subject, plan: Plan, watch: Watch | None, **details: Any) -> Solution:
        """Luma and chroma with a λ each; whoever scales λ scales both."""
        from denoise_cli.choice.opponent import denoise_opponent

        assert plan.choice is not None
        assert plan.weight is not None
        settings, factor = plan.settings, plan.weight / plan.choice.weight
        luma, chroma = plan.details["opponent"]
        told = {name: getattr(settings, name) for name in ("iterations", "gap", "tv", "boundary", "dtype", "workers")}
        asked = {name: value for name, value in details.items() if name not in ("start", "keep_dual")}
        return denoise_opponent(subject.pixels, (factor * luma, factor * chroma), plan.choice.noise.basis, callback=watch, **(told | asked))

    def pictures_in_memory(self, fidelity: str) -> float:
        return 15.3 if fidelity == "l1" else 11.0  # python -m benchmarks memory

    def told(self, solution: Solution) -> str:
        return ended(solution)

    def notes(self, plan: Plan, solution: Solution) -> tuple[str, ...]:
        return threshold_note(plan, solution, "the exact answer is the input; a larger λ removes noise")


def _is_forced(settings: Settings) -> bool:
    """Whether a transform that stabilises the noise was asked for by name."""
    return settings.vst not in (None, "none")


def _strengthened(plan: Plan) -> Plan:
    """The plan with the λ that was chosen times --strength, and with a word on it."""
    strength = plan.settings.strength
    if strength is None or strength == 1 or plan.weight is None or not plan.settings.automatic:
        return plan
    weight = strength * plan.weight
    return replace(plan, weight=weight, sentence=f"{plan.sentence}, times the strength {strength:g} → λ {weight:.3g}")


def _ends(subject: Subject) -> tuple[float, float]:
    """Black and white of the stabilised page."""
    low, high = subject.scale.low, subject.scale.high
    return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)
