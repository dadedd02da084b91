"""What both passes in NumPy compute of a strip."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from denoise_cli.variational.problem import Problem
from denoise_cli.variational.strips import Array, row_sums

__all__ = ["cost_terms", "divergence_of", "step_of"]

#: Steps of gradient projection in volumes are so many times c/‖D‖², the longest for which convergence is proved. For a quadratic, which
#: the dual is where no |p| = λ, 4/3 is the end of what is stable under momentum. 1.3 needs 0.75 to 0.9 times as many iterations (blobs,
#: 48³, λ 0.05 to 0.4, gaps 1e-3 and 1e-4). Pictures keep the step that they always had.
STRETCH = 1.3


def step_of(problem: Problem, curvature: float, *, proved: bool = False) -> float:
    """The step of gradient projection on a problem whose F'' is `curvature`; with `proved`, one for which convergence is proved."""
    assert problem.operator.norm_squared is not None
    return (1.0 if proved or problem.axes == 2 else STRETCH) * curvature / problem.operator.norm_squared


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
