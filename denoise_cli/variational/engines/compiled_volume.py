"""The compiled engine of volumes: gradient projection, several iterations in one walk over the planes; the rest is NumPy's."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from denoise_cli.variational.engines.description import DescribedProblem
from denoise_cli.variational.engines.in_numpy import NumPyEngine
from denoise_cli.variational.engines.protocol import Projection, ProjectionRange
from denoise_cli.variational.engines.terms import step_of
from denoise_cli.variational.problem import Problem
from denoise_cli.variational.strips import Array

__all__ = ["CompiledVolumeEngine"]

#: Bytes of planes that a walk keeps at hand: 8 iterations a walk at 128², 4 at 256², 1 at 512², the quickest of 1 to 8 each time.
CACHE = 12 * 2**20
#: Planes, for each component, that an iteration of a walk touches: q and u, p and the p before it, f.
PLANES = 11
#: A strip has at least so many planes a thread: what is less spends more on the halo than it saves.
SHORTEST_STRIP = 8


class CompiledVolumeEngine(NumPyEngine):
    """Squared L2 with mirrored edges on volumes, by _volume.h; without the GIL, on threads."""

    projects: ClassVar[ProjectionRange] = ProjectionRange(0.45, tight=1e-5)
    fidelities: ClassVar[frozenset[str]] = frozenset({"squared_l2"})
    regularisers: ClassVar[frozenset[str]] = frozenset({"total_variation"})
    boundaries: ClassVar[frozenset[str]] = frozenset({"symmetric"})

    def __init__(self, problem: Problem, compiled: Any) -> None:
        super().__init__(problem)
        self.compiled = compiled

    @classmethod
    def takes(cls, problem: Problem) -> bool:
        """Whether there is code for every part of the problem."""
        fidelity, regulariser = problem.fidelity, problem.regulariser
        return (
            problem.axes == 3
            and problem.operator.kernel in cls.boundaries
            and fidelity.kernel in cls.fidelities
            and fidelity.weights is None
            and regulariser.kernel in cls.regularisers
            and regulariser.grouping(len(problem.observed)) != "sum"
        )

    def projection(self, p: Array, before: Array, *, beyond: float | None = None) -> Projection:
        if beyond is not None:
            return super().projection(p, before, beyond=beyond)
        return CompiledVolumeProjection(self.problem, self.compiled, p, before)


class CompiledVolumeProjection:
    """The iterations of `NumPyProjection` on a volume; in the compiled code, a volume is a picture whose rows are planes."""

    def __init__(self, problem: Problem, compiled: Any, p: Array, before: Array) -> None:
        self.problem, self.p, self._before, self._compiled = problem, p, before, compiled
        channels, depth, height, width = problem.observed.shape
        self._described = DescribedProblem.of(problem)
        z, y, x = problem.operator.axis_weights
        self._beside = (float(width), x, y, z, step_of(problem, problem.fidelity.curvature or 2.0))
        self._plane = channels * height * width
        teams = max(1, min(problem.strips.threads, depth // SHORTEST_STRIP))
        self._parts = [slice(k * depth // teams, (k + 1) * depth // teams) for k in range(teams)]
        self._together = max(1, CACHE // (PLANES * self._plane * p.itemsize))

    def walk(self, momentum: Array) -> None:
        for start in range(0, len(momentum), self._together):
            self._walk(np.ascontiguousarray(momentum[start : start + self._together]))

    def _walk(self, momentum: Array) -> None:
        iterations, depth = len(momentum), self.problem.spatial[0]
        jobs = []
        for part in self._parts:
            planes = min(iterations, part.start) + min(iterations, depth - part.stop)
            halo = np.empty(6 * planes * self._plane, self.p.dtype)
            jobs.append((self._described, part.start, part.stop, self.p, self._before, halo, momentum, self._beside))
        for job in jobs:
            self._compiled.volume_halo(*job)
        self.problem.strips.share(jobs, lambda job: self._compiled.volume_walk(*job))
        if iterations % 2:
            self.p, self._before = self._before, self.p

    def prove(self, picture: Array, *, residual: bool) -> tuple[float, float, float]:
        strips = self.problem.strips
        sums = np.zeros((len(strips), 4))

        def work(item: tuple[int, slice]) -> None:
            index, planes = item
            sums[index] = self._compiled.volume_prove(
                self._described, planes.start, planes.stop, self.p, picture, residual, self._beside
            )  # fmt: skip

        strips.share(list(enumerate(strips)), work)
        fidelity, regularity, bound, change = (float(total) for total in sums.sum(axis=0))
        return fidelity + regularity, bound, change

    def shorten(self) -> None:
        self._beside = (*self._beside[:-1], step_of(self.problem, self.problem.fidelity.curvature or 2.0, proved=True))

    def divergence(self, out: Array) -> Array:
        """Only asked of projections with `beyond`, which NumPy has."""
        raise NotImplementedError
