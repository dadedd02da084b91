"""Gradient projection in NumPy."""

from __future__ import annotations

import numpy as np

from denoise_cli.variational.engines.terms import cost_terms, divergence_of, step_of
from denoise_cli.variational.problem import Problem
from denoise_cli.variational.strips import Array, row_sums

__all__ = ["NumPyProjection"]


class NumPyProjection:
    """p ← P(q + step·Du(q)), with u = f − Dᵀq/c and step = `step_of`; or, with `beyond`, u = −½(|Dᵀq| − beyond)₊ sign(Dᵀq) and c = 2."""

    def __init__(self, problem: Problem, p: Array, before: Array, *, beyond: float | None) -> None:
        self.problem, self.p, self._before, self._beyond = problem, p, before, beyond
        self._curvature = 2.0 if beyond is not None else problem.fidelity.curvature or 2.0
        self._step = step_of(problem, self._curvature)
        self._axes = problem.axes

    def walk(self, momentum: Array) -> None:
        problem, axes = self.problem, self._axes
        u = np.empty_like(problem.observed)
        for beta in momentum:
            q = np.subtract(self.p, self._before, out=self._before)
            q *= q.dtype.type(beta)
            q += self.p
            self._primal(q, u)

            def strip(index: int, rows: slice, scratch: Array, q: Array = q) -> None:  # noqa: ARG001
                v = problem.operator.differences(u, rows, scratch[:axes])
                v *= self._step
                v += q[:, :, rows]
                problem.regulariser.project(v, rows, 1.0, q[:, :, rows], scratch[axes:])

            problem.strips.each(strip, planes=2 * axes)
            self.p, self._before = q, self.p

    def prove(self, picture: Array, *, residual: bool) -> tuple[float, float, float]:
        problem, f, axes = self.problem, self.problem.observed, self._axes
        g = self._primal(self.p, picture)

        def terms(rows: slice, scratch: Array) -> Array:
            bound = row_sums(problem.fidelity.bound(g[:, rows], f[:, rows], rows, problem.box, scratch[:2]))
            v = problem.operator.differences(picture, rows, scratch[:axes])
            v *= self._step
            v += self.p[:, :, rows]
            moved = problem.regulariser.project(v, rows, 1.0, scratch[axes : 2 * axes], scratch[2 * axes :])
            moved -= self.p[:, :, rows]
            moved *= 1 / self._step
            changes = np.square(moved, out=moved)
            return np.stack([bound, row_sums(changes.reshape(-1, *changes.shape[2:]))])

        def costs(rows: slice, scratch: Array) -> Array:
            return cost_terms(problem, picture, problem.operator.differences(picture, rows, scratch[:axes]), rows, scratch[axes:])

        bound, change = problem.strips.totals(terms, planes=3 * axes)
        return float(problem.strips.totals(costs, planes=2 * axes).sum()), float(bound), float(change) if residual else 0.0

    def shorten(self) -> None:
        self._step = step_of(self.problem, self._curvature, proved=True)

    def divergence(self, out: Array) -> Array:
        return divergence_of(self.problem, self.p, out)

    def _primal(self, p: Array, out: Array) -> Array:
        """u, in `out`; returns Dᵀp."""
        g = divergence_of(self.problem, p, np.empty_like(out))
        if self._beyond is not None:
            np.clip(g, -self._beyond, self._beyond, out=out)
            out -= g
            out *= 0.5
            return g
        np.multiply(g, 1 / self._curvature, out=out)
        np.subtract(self.problem.observed, out, out=out)
        return g
