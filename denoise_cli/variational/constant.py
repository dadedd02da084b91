"""Where λ is far above the contrast of a picture, its minimiser is a constant, and one Poisson equation proves it without an iteration."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from denoise_cli.variational.certificate import Certificate
from denoise_cli.variational.engines import Engine
from denoise_cli.variational.engines.terms import divergence_of
from denoise_cli.variational.operators import BOUNDARIES
from denoise_cli.variational.problem import Problem
from denoise_cli.variational.strips import Array

__all__ = ["ConstantMinimiser", "constant_minimiser"]

#: λ over the contrast of the picture from which a constant is looked for. Under it only pictures of a few pixels have one.
WORTH_A_LOOK = 0.5
#: (I + penalty·DᵀD) q = penalty·g has the q of DᵀDq = g, but for a share of 1/(penalty·(π/n)²) at the lowest frequency of n pixels along
#: a side: 1e-5 for 10,000.
PENALTY = 1e12
#: The gap that rounding leaves of 0 in float32: 5e-7 in all of 160 runs, L1 and L2. A constant with more is only near the minimiser.
ROUNDING = 2e-6


@dataclass(frozen=True)
class ConstantMinimiser:
    """A picture of one value a channel, the certificate that it is a minimiser, and the dual variable p that proves it."""

    picture: Array
    certificate: Certificate
    p: Array


def constant_minimiser(engine: Engine) -> ConstantMinimiser | None:
    """The mean of each channel (L2) or its median (L1) with what can be proved of it; None where a constant is no minimiser, or was not
    looked for.

    A constant c minimises F(u; f) + λR(u) if and only if a dual feasible p has  Dᵀp = g,  with −g the derivative of F at c (of L1: one of
    its subgradients). Of all p of this divergence the shortest is  p = Dq,  DᵀDq = g. It is moved onto the dual ball, and the bound of what
    comes out is computed as any other: where p was within the ball, the gap is that of rounding, and only then is c returned. In one
    dimension that is the case exactly where c is a minimiser; in more, from a somewhat larger λ on.
    """
    problem = engine.problem
    # A picture without any contrast is solved in one iteration anyway.
    if not _is_looked_for(problem) or not 0 < WORTH_A_LOOK * engine.contrast() < problem.regulariser.weight:
        return None
    value, g = _mean(problem) if problem.fidelity.kernel == "squared_l2" else _median(problem)
    if _a_cut_tells_against_it(problem, g):
        return None
    p = _projected(problem, _shortest(problem, g))
    picture = np.broadcast_to(value, problem.observed.shape).astype(problem.observed.dtype)
    cost = engine.cost(picture)
    bound, _ = engine.bound(divergence_of(problem, p, np.empty_like(picture)), None)
    certificate = Certificate(picture, cost, bound - problem.margin(cost))
    if certificate.gap > ROUNDING:
        return None
    return ConstantMinimiser(picture, certificate.in_units(problem.unit, problem.cost_unit), p)


def _is_looked_for(problem: Problem) -> bool:
    fidelity, regulariser = problem.fidelity, problem.regulariser
    return (
        fidelity.kernel in ("squared_l2", "l1")
        and fidelity.weights is None
        and not fidelity.summed_channels
        and regulariser.kernel == "total_variation"
        and regulariser.grouping(len(problem.observed)) != "sum"
        and isinstance(regulariser.weight, float)
        and problem.operator.kernel in BOUNDARIES
    )


def _mean(problem: Problem) -> tuple[Array, Array]:
    """The mean of each channel, (channels, 1, …, 1), and g = 2(f − mean), in float64."""
    f = problem.observed.astype(np.float64)
    mean = f.mean(axis=tuple(range(1, f.ndim)), keepdims=True)
    return mean, 2 * (f - mean)


def _median(problem: Problem) -> tuple[Array, Array]:
    """A median of each channel, the value of one of its pixels, and g = sign(f − median); pixels at the median make up for the others."""
    f = problem.observed
    flat = f.reshape(len(f), -1)
    middle = (flat.shape[1] - 1) // 2
    median = np.partition(flat, middle, axis=1)[:, middle].reshape(-1, *(1 for _ in problem.spatial))
    g, axes = np.sign(f - median, dtype=np.float64), tuple(range(1, f.ndim))
    at = f == median
    return median, np.where(at, -g.sum(axis=axes, keepdims=True) / at.sum(axis=axes, keepdims=True), g)


def _a_cut_tells_against_it(problem: Problem, g: Array) -> bool:
    """Whether what flows through a straight cut is more than λ allows: then no p at all has the divergence g."""
    spatial, weights = problem.spatial, problem.operator.axis_weights
    for axis, (length, weight) in enumerate(zip(spatial, weights, strict=True), start=1):
        others = tuple(other for other in range(1, g.ndim) if other != axis)
        flow = np.cumsum(g.sum(axis=others), axis=1)
        # Between two cuts, so that it holds where opposite edges are neighbours as well; the smaller is 0 where they are not.
        most = 2 * problem.regulariser.weight * weight * math.prod(spatial) / length
        if (np.ptp(flow, axis=1) > most * (1 + 1e-6)).any():
            return True
    return False


def _shortest(problem: Problem, g: Array) -> Array:
    """p = Dq with DᵀDq = g, whose channels have mean 0: (axes, channels, *spatial), float64."""
    # An operator of its own: that of the problem keeps divisors in the problem's precision.
    operator = BOUNDARIES[problem.operator.kernel or ""](problem.strips, problem.operator.axis_weights)
    q = operator.solve(g * PENALTY, PENALTY)
    return operator.differences(q, slice(0, q.shape[1]), np.empty((problem.axes, *q.shape)))


def _projected(problem: Problem, p: Array) -> Array:
    p = p.astype(problem.observed.dtype)
    return problem.regulariser.project(p, slice(0, p.shape[2]), 1.0, np.empty_like(p), np.empty_like(p))
