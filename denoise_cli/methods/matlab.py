"""The MATLAB iteration, reproduced to 1e-10: stopped early, so that the number of iterations shapes the picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from denoise_cli.methods.method import Method, Plan, Subject, Watch
from denoise_cli.methods.solving import ended, large_weight_note, run_solver, saved_options, solver_options, threshold_note
from denoise_cli.variational import METHODS, Solution

if TYPE_CHECKING:
    from denoise_cli.settings import Settings

__all__ = ["Matlab"]


class Matlab(Method):
    """Anisotropic TV, periodic boundary, penalties alpha and beta, so many iterations: the original, iteration by iteration.

    It takes a value for every pixel: unknown ones are like their nearest known neighbour while it runs.
    """

    name: ClassVar[str] = "matlab"
    summary: ClassVar[str] = "the original iteration, stopped early, so that --iterations shapes the picture"
    options: ClassVar[Mapping[str, Any]] = {**METHODS["matlab"], "fidelity": "l2"}
    has_weight: ClassVar[bool] = True

    def check(self, settings: Settings) -> None:
        super().check(settings)
        solver_options(self.name, settings)
        if settings.automatic:
            raise ValueError("method matlab needs a --lambda X: only optimal can choose it from the picture")

    def told_options(self, settings: Settings) -> dict[str, Any]:
        return saved_options(self.name, settings, fixed=("tv", "channels", "boundary"))

    def plan(self, subject: Subject, settings: Settings) -> Plan:
        fidelity = settings.fidelity or self.options["fidelity"]
        notes = large_weight_note(subject, settings, fidelity)
        return Plan(self, settings, subject.scale, fidelity=fidelity, weight=settings.weight, notes=notes)

    def run(self, subject: Subject, plan: Plan, watch: Watch | None = None, **details: Any) -> Solution:
        return run_solver(subject.filled, plan, plan.weight, subject, watch, **details)

    def pictures_in_memory(self, fidelity: str) -> float:  # noqa: ARG002
        return 7.1  # python -m benchmarks memory

    def told(self, solution: Solution) -> str:
        return ended(solution)

    def notes(self, plan: Plan, solution: Solution) -> tuple[str, ...]:
        return threshold_note(plan, solution, "the exact minimiser is the input itself, and the picture you get depends on --iterations")
