"""What the compiled code reads by name: a problem, the arrays of a sweep, and a strip of it (_arguments.h)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from denoise_cli.variational.engines.transform_tables import Tables
from denoise_cli.variational.problem import Problem
from denoise_cli.variational.strips import Array

__all__ = ["DescribedProblem", "DescribedStrip", "DescribedSweep"]


@dataclass(frozen=True, slots=True)
class DescribedProblem:
    """f and its shape; λ as a number or a map; the words for F, R and D; the weights of F."""

    channels: int
    height: int
    width: int
    observed: Array
    weight: float
    weight_map: Array | None
    fidelity: str | None
    weights: Array | None
    grouping: str
    boundary: str | None

    @classmethod
    def of(cls, problem: Problem) -> DescribedProblem:
        """A picture; or a volume as a picture whose rows are its planes."""
        weight, weight_map = problem.regulariser.weight_and_map
        channels, height, *rest = problem.observed.shape
        width = math.prod(rest)
        return cls(
            channels, height, width, problem.observed, weight, weight_map, problem.fidelity.kernel, problem.fidelity.weights,
            problem.regulariser.grouping(channels), problem.operator.kernel,
        )  # fmt: skip

    @classmethod
    def of_gradients(cls, problem: Problem) -> DescribedProblem:
        """The problem whose cost at f is Σ |Df|, the lengths of its gradients."""
        channels, height, *rest = problem.observed.shape
        width = math.prod(rest)
        return cls(channels, height, width, problem.observed, 1.0, None, "squared_l2", None, "pixel", problem.operator.kernel)


@dataclass(frozen=True, slots=True)
class DescribedSweep:
    """The arrays of an iteration of split Bregman, as `CompiledSweep` has them; None is what is not wanted.

    `tables` are those of the rows; of a volume, `tables_down` are those of the columns of its planes."""

    tables: Tables
    tables_down: Tables | None
    length: int
    u: Array | None
    given: bool
    state: Array
    right_side: Array
    fidelity_state: Array | None
    anchor: Array | None
    clean: Array | None
    tally: bool
    curvature: float
    divergence: Array | None
    picture: Array | None
    derivative: Array | None
    multiplier: Array | None


@dataclass(frozen=True, slots=True)
class DescribedStrip:
    """Rows start … stop; what they owe to the strip below, transformed; u of the row below; what Dᵀp owes."""

    start: int
    stop: int
    owed: Array
    seam: Array | None
    spill: Array
