"""What `denoise` returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from denoise_cli.variational.records import IterationRecord
from denoise_cli.variational.state import Status
from denoise_cli.variational.strips import Array

__all__ = ["WORSE", "Dual", "Solution", "as_one"]


@dataclass(frozen=True)
class Dual:
    """Where a run ended, for another to set out from: p, |p| ≤ λ, (axes, channels, *spatial); and λ, both in the run's own units."""

    p: Array
    weight: float


@dataclass(frozen=True)
class Solution:
    """What `denoise` returns.

    image: the result, shaped as the input, float; not clipped.  iterations: how many were done.  cost: F(image) + λR(image).
    status: why it ended.  records: one IterationRecord an iteration, if asked for.  bound ≤ optimum ≤ cost and
    gap = (cost − bound)/cost, None under "matlab", which has none.  psnr_db: against the reference, if there was one.
    input_is_a_minimiser: λ is at or under the threshold where L1 has its own input as an exact minimiser.
    dual: where the run ended, for `start`, if it was to be kept.
    """

    image: Array
    iterations: int
    cost: float
    status: Status
    records: list[IterationRecord] = field(default_factory=list)
    bound: float | None = None
    gap: float | None = None
    psnr_db: float | None = None
    input_is_a_minimiser: bool = False
    dual: Dual | None = field(default=None, repr=False)


Found = TypeVar("Found", bound=Solution)

#: How runs end, from the best to the worst.
WORSE = ("done", "input_is_minimiser", "iterations_done", "converged", "iteration_limit", "stopped")


def as_one(solutions: Sequence[Found], image: Array) -> Found:
    """Problems that were solved apart as one with the picture `image`: their costs and bounds add up, and so does the proof."""
    worst = max(solutions, key=lambda solution: WORSE.index(solution.status))
    bounds = [solution.bound for solution in solutions if solution.bound is not None]
    cost = sum(solution.cost for solution in solutions)
    bound = sum(bounds) if len(bounds) == len(solutions) else None
    return replace(
        worst, image=image, iterations=sum(solution.iterations for solution in solutions), cost=cost, bound=bound,
        gap=None if bound is None else max(0.0, (cost - bound) / cost) if cost > 0 else 0.0, psnr_db=None, dual=None,
        records=[record for solution in solutions for record in solution.records],
    )  # fmt: skip
