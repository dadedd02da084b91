"""The engine in NumPy: the readable reference, for every problem, and where nothing could be compiled."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from denoise_cli.variational.engines.numpy_projection import NumPyProjection
from denoise_cli.variational.engines.numpy_sweep import NumPySweep
from denoise_cli.variational.engines.protocol import DEVIATIONS, GRADIENTS, Projection, ProjectionRange, Sweep
from denoise_cli.variational.engines.terms import cost_terms
from denoise_cli.variational.problem import Problem
from denoise_cli.variational.schedule import Schedule
from denoise_cli.variational.strips import Array, row_sums

__all__ = ["NumPyEngine"]


class NumPyEngine:
    """Strip by strip, on threads (`Strips`)."""

    projects: ClassVar[ProjectionRange] = ProjectionRange(0.05)

    def __init__(self, problem: Problem) -> None:
        self.problem = problem

    def cost(self, u: Array) -> float:
        problem, axes = self.problem, self.problem.axes

        def terms(rows: slice, scratch: Array) -> Array:
            return cost_terms(problem, u, problem.operator.differences(u, rows, scratch[:axes]), rows, scratch[axes:])

        return float(problem.strips.totals(terms, planes=2 * axes).sum())

    def contrast(self) -> float:
        problem, f, axes = self.problem, self.problem.observed, self.problem.axes

        def terms(rows: slice, scratch: Array) -> Array:
            first, *others = problem.operator.differences(f, rows, scratch)
            first *= first
            for other in others:
                other *= other
                first += other
            return row_sums(np.sqrt(first, out=first))[None]

        # Noise has that much more gradient in a volume as it has neighbours there.
        mean_gradient = float(problem.strips.totals(terms, planes=axes)[0]) / f.size * math.sqrt(2 / axes)
        return max(DEVIATIONS * float(np.std(f)), GRADIENTS * mean_gradient)

    def squared_error(self, picture: Array, clean: Array) -> float:
        def squares(rows: slice, scratch: Array) -> Array:
            difference = np.subtract(picture[:, rows], clean[:, rows], out=scratch[0] if picture.dtype == scratch.dtype else None)
            return row_sums(np.square(difference, out=difference))[None]

        return float(self.problem.strips.totals(squares, planes=1)[0])

    def bound(self, divergence: Array, derivative: Array | None) -> tuple[float, float]:
        problem, f = self.problem, self.problem.observed

        def terms(rows: slice, scratch: Array) -> Array:
            g = divergence[:, rows]
            bound = row_sums(problem.fidelity.bound(g, f[:, rows], rows, problem.box, scratch))
            if derivative is None:
                return np.stack([bound, np.zeros_like(bound)])
            stationarity = np.add(derivative[:, rows], g, out=scratch[0])
            return np.stack([bound, row_sums(np.square(stationarity, out=stationarity))])

        bound, stationarity = problem.strips.totals(terms, planes=2)
        return float(bound), float(stationarity)

    def sweep(self, schedule: Schedule, *, clean: Array | None, watched: bool, keeps_p: bool) -> Sweep:  # noqa: ARG002
        return NumPySweep(self.problem, schedule, watched=watched, keeps_p=keeps_p)

    def projection(self, p: Array, before: Array, *, beyond: float | None = None) -> Projection:
        return NumPyProjection(self.problem, p, before, beyond=beyond)
