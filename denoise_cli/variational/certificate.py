"""What is proved about a picture, and when to look for a proof."""

from __future__ import annotations

import math
from dataclasses import dataclass

from denoise_cli.variational.strips import Array

__all__ = ["Certificate", "GapTarget"]

#: Of the gap that is asked for: a certificate that misses it by a hair costs another one.
AIM = 0.95


@dataclass(frozen=True)
class Certificate:
    """bound ≤ optimum ≤ cost of `picture`, and how far the two optimality conditions are from holding (root mean squares).

    Under gradient projection the primal residual is that of p = P(p + ¼Du), times 4, and the dual one is 0 by construction.
    """

    picture: Array
    cost: float
    bound: float
    primal_residual: float | None = None
    dual_residual: float | None = None

    def in_units(self, unit: float, cost_unit: float) -> Certificate:
        """The same, for values that are `unit` times as large, and costs that are `cost_unit` times as large; `picture` stays."""
        if unit == cost_unit == 1:
            return self
        primal, dual = self.primal_residual, self.dual_residual
        return Certificate(
            self.picture, self.cost * cost_unit, self.bound * cost_unit, None if primal is None else primal * unit,
            None if dual is None else dual * cost_unit / unit,
        )  # fmt: skip

    @property
    def gap(self) -> float:
        """(cost − bound)/cost, which has no unit."""
        return max(0.0, (self.cost - self.bound) / self.cost) if self.cost > 0 else 0.0


class GapTarget:
    """When to look for a certificate: at the first iteration, and then where the gap, falling as it did, should meet the target."""

    def __init__(self, gap: float) -> None:
        self.gap = gap
        self._next = 1
        self._seen: list[tuple[int, float]] = []

    def is_due(self, iteration: int) -> bool:
        """Whether a certificate is worth its time at this iteration."""
        return iteration >= self._next

    def saw(self, iteration: int, certificate: Certificate) -> None:
        """Learn from a certificate when the next one is due."""
        gap = max(certificate.gap, 1e-300)
        self._seen.append((iteration, gap))
        if self.gap <= 0:
            step = iteration
        elif not gap < math.inf:
            step = max(2, math.ceil(iteration / 1.5))
        elif len(self._seen) == 1:
            step = min(5, math.ceil(math.log(max(gap / self.gap, 1.1)) / 0.7))
        else:
            # Gaps fall like a power of the iteration, or slower; never look further ahead than two thirds of the way behind.
            before, old = self._seen[-2]
            step = max(2, math.ceil(iteration / 1.5))
            if self.gap < gap < old < math.inf:
                power = math.log(old / gap) / math.log(iteration / before)
                step = min(step, math.ceil(iteration * math.expm1(min(math.log(gap / (AIM * self.gap)) / power, 20))))
        self._next = iteration + max(1, step)
