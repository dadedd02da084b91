"""What both passes in NumPy compute of a strip."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from denoise_cli.variational.problem import Problem
from denoise_cli.variational.strips import Array, row_sums

__all__ = ["cost_terms", "divergence_of"]


def cost_terms(problem: Problem, u: Array, differences: Array, rows: slice, scratch: Array, derivative: Array | None = None) -> Array:
    """Row sums of F and of λR, (2, rows), where Du is at hand; and F'(u) of a fidelity with a curvature, in `derivative`."""
    regularity = problem.regulariser.value(differences, rows, scratch)
    residual = np.subtract(u[:, rows], problem.observed[:, rows], out=scratch[0])
    if derivative is not None:
        np.multiply(residual, problem.fidelity.curvature or 0.0, out=derivative)
    return np.stack([row_sums(problem.fidelity.value(residual, rows, scratch[1])), regularity])


def divergence_of(problem: Problem, p: Array, out: Array, strips: Iterable[slice] | None = None) -> Array:
    """Dᵀp, in `out`."""
    strips = list(problem.strips if strips is None else strips)
    spills = np.empty((len(strips), out.shape[0], *out.shape[2:]), out.dtype)
    for index, rows in enumerate(strips):
        problem.operator.adjoint(p[:, :, rows], out[:, rows])
        spills[index] = p[-1][:, rows.stop - 1]
    return problem.operator.join(strips, spills, out)
