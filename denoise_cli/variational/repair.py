"""A dual variable brought nearer to where it proves most: |Dᵀp| no larger than the fidelity is steep."""

from __future__ import annotations

from denoise_cli.variational.engines import Engine
from denoise_cli.variational.gradient_projection import TOGETHER, Momentum
from denoise_cli.variational.problem import Problem
from denoise_cli.variational.strips import Array

__all__ = ["Repair", "can_repair"]


def can_repair(problem: Problem) -> bool:
    """Whether the fidelity has a steepest slope, one for all pixels, and the operator a known norm (and mirrored edges)."""
    fidelity, operator = problem.fidelity, problem.operator
    return fidelity.steepest is not None and fidelity.weights is None and operator.norm_squared is not None and not operator.periodic


class Repair:
    """A few iterations of  minimise  ½‖(|Dᵀp| − S)₊‖²  over |p| ≤ λ,  S = `steepest` (1 for L1).

    What is beyond S costs a bound the whole range of the picture. Split Bregman's p gets there late, while its picture is long good enough.
    The iteration is that of GradientProjection, with −½(|g| − S)₊ sign(g), g = Dᵀq, in the place of f − ½g: the step is 1/‖D‖².
    The dual variable is overwritten.
    """

    def __init__(self, engine: Engine, dual: Array) -> None:
        self._projection = engine.projection(dual, dual.copy(), beyond=engine.problem.fidelity.steepest)

    @property
    def p(self) -> Array:
        return self._projection.p

    def divergence(self, out: Array) -> None:
        """Dᵀp after `TOGETHER` iterations, in `out`."""
        self._projection.walk(Momentum().next(TOGETHER))
        self._projection.divergence(out)
