"""The compiled engine: several times faster, for the parts that it has code for."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from denoise_cli.variational.engines.compiled_projection import CompiledProjection
from denoise_cli.variational.engines.compiled_sweep import CompiledSweep
from denoise_cli.variational.engines.description import DescribedProblem
from denoise_cli.variational.engines.in_numpy import NumPyEngine
from denoise_cli.variational.engines.protocol import DEVIATIONS, GRADIENTS, Projection, ProjectionRange, Sweep
from denoise_cli.variational.problem import Problem
from denoise_cli.variational.schedule import Schedule
from denoise_cli.variational.strips import Array

__all__ = ["CompiledEngine"]


class CompiledEngine(NumPyEngine):
    """The passes of _kernels.c, strip by strip and on threads, without the GIL; what it has no code for is done in NumPy."""

    projects: ClassVar[ProjectionRange] = ProjectionRange(0.26, by_gap=0.15, tight=1e-4)
    #: The names of the parts that there is code for, as classes claim them.
    fidelities: ClassVar[frozenset[str]] = frozenset({"squared_l2", "l1"})
    regularisers: ClassVar[frozenset[str]] = frozenset({"total_variation"})
    boundaries: ClassVar[frozenset[str]] = frozenset({"periodic", "symmetric"})

    def __init__(self, problem: Problem, compiled: Any) -> None:
        super().__init__(problem)
        self.compiled = compiled
        self.described = DescribedProblem.of(problem)

    @classmethod
    def takes(cls, problem: Problem) -> bool:
        """Whether there is code for every part of the problem."""
        fidelity, regulariser = problem.fidelity, problem.regulariser
        if not problem.operator.is_plain:
            return False
        if fidelity.kernel not in cls.fidelities or regulariser.kernel not in cls.regularisers:
            return False
        # The original's sum over channels is one choice for both: the code knows no mixture.
        summed = regulariser.grouping(len(problem.observed)) == "sum"
        return problem.operator.kernel in cls.boundaries and (fidelity.summed_channels == summed or len(problem.observed) == 1)

    def cost(self, u: Array) -> float:
        sums = np.zeros(len(self.problem.strips))

        def work(index: int, rows: slice, scratch: Array) -> None:  # noqa: ARG001
            sums[index] = sum(self.compiled.cost(self.described, rows.start, rows.stop, u))

        self.problem.strips.each(work)
        return float(sums.sum())

    def contrast(self) -> float:
        f = self.problem.observed
        _, gradients = self.compiled.cost(DescribedProblem.of_gradients(self.problem), 0, f.shape[1], f)
        return max(DEVIATIONS * float(np.std(f)), GRADIENTS * float(gradients) / f.size)

    def squared_error(self, picture: Array, clean: Array) -> float:
        if not picture.flags.c_contiguous or picture.dtype != clean.dtype:
            return super().squared_error(picture, clean)
        sums, (channels, height, *rest) = np.zeros(len(self.problem.strips)), picture.shape
        width = math.prod(rest)

        def work(index: int, rows: slice, scratch: Array) -> None:  # noqa: ARG001
            sums[index], _ = self.compiled.distance(channels, height, width, rows.start, rows.stop, picture, clean)

        self.problem.strips.each(work)
        return float(sums.sum())

    def bound(self, divergence: Array, derivative: Array | None) -> tuple[float, float]:
        problem = self.problem
        if problem.fidelity.weights is not None:
            return super().bound(divergence, derivative)
        box = np.stack(problem.box, axis=1).reshape(len(problem.observed), 2).astype(np.float64)
        sums = np.zeros((len(problem.strips), 2))

        def work(index: int, rows: slice, scratch: Array) -> None:  # noqa: ARG001
            sums[index] = self.compiled.bound(self.described, rows.start, rows.stop, divergence, derivative, box)

        problem.strips.each(work)
        bound, stationarity = sums.sum(axis=0)
        return float(bound), float(stationarity)

    def sweep(self, schedule: Schedule, *, clean: Array | None, watched: bool, keeps_p: bool) -> Sweep:
        return CompiledSweep(self.problem, schedule, self.compiled, self.described, clean=clean, watched=watched, keeps_p=keeps_p)

    def projection(self, p: Array, before: Array, *, beyond: float | None = None) -> Projection:
        return CompiledProjection(self.problem, self.compiled, self.described, p, before, excess=beyond is not None)
