"""The compiled engine of volumes: gradient projection, several iterations in one walk over the planes; and split Bregman."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from denoise_cli.variational.engines.compiled import CompiledEngine
from denoise_cli.variational.engines.compiled_volume_sweep import CompiledVolumeSweep
from denoise_cli.variational.engines.description import DescribedProblem
from denoise_cli.variational.engines.protocol import DEVIATIONS, GRADIENTS, Projection, ProjectionRange, Sweep
from denoise_cli.variational.engines.terms import step_of
from denoise_cli.variational.problem import Problem
from denoise_cli.variational.schedule import Schedule
from denoise_cli.variational.strips import Array

__all__ = ["CompiledVolumeEngine"]

#: Bytes that a walk keeps at hand. Nanoseconds of one core for a voxel and an iteration, whole planes, 8, 4 or 1 at a time, and bands of 16
#: to 64 rows by 8: 1.2 and 1.3 to 1.5 at 128², 1.2 and 1.1 to 1.2 at 256², 2.0 and 1.1 at 512².
CACHE = 6 * 2**20
#: Rows, for each component, that an iteration of a walk touches in a plane: q and u, p and the p before it, f.
PLANES = 11
#: Iterations in one walk, at most: so many are asked for at once.
LONGEST_WALK = 8
#: Rows of a band for each iteration of a walk, at least: fewer spend more on the edges between bands than further iterations save.
ROWS_AN_ITERATION = 2
#: A strip has at least so many planes a thread: what is less spends more on the halo than it saves.
SHORTEST_STRIP = 8
#: Planes of a strip for each iteration of a walk, where there are several strips: copies of the neighbours' planes then stay under three
#: volumes, whatever the number of threads.
PLANES_AN_ITERATION = 4


class CompiledVolumeEngine(CompiledEngine):
    """Volumes of three axes, by _volume.h and _volume_sweep.h, plane by plane and on threads, without the GIL."""

    projects: ClassVar[ProjectionRange] = ProjectionRange(0.2, by_gap=0.15, tight=1e-5)

    def __init__(self, problem: Problem, compiled: Any) -> None:
        super().__init__(problem, compiled)
        z, y, x = problem.operator.axis_weights
        self._beside = (float(problem.spatial[-1]), x, y, z, 1.0)

    @classmethod
    def takes(cls, problem: Problem) -> bool:
        """Whether there is code for every part of the problem."""
        fidelity, regulariser = problem.fidelity, problem.regulariser
        return (
            problem.axes == 3
            and problem.operator.kernel in cls.boundaries
            and fidelity.kernel in cls.fidelities
            and regulariser.kernel in cls.regularisers
            and regulariser.grouping(len(problem.observed)) != "sum"
        )

    def cost(self, u: Array) -> float:
        return sum(self._terms(self.described, u))

    def contrast(self) -> float:
        f = self.problem.observed
        # Noise has that much more gradient in a volume as it has neighbours there.
        mean_gradient = self._terms(DescribedProblem.of_gradients(self.problem), f)[1] / f.size * math.sqrt(2 / 3)
        return max(DEVIATIONS * float(np.std(f)), GRADIENTS * mean_gradient)

    def sweep(self, schedule: Schedule, *, clean: Array | None, watched: bool, keeps_p: bool) -> Sweep:
        return CompiledVolumeSweep(self.problem, schedule, self.compiled, self.described, clean=clean, watched=watched, keeps_p=keeps_p)

    def projection(self, p: Array, before: Array, *, beyond: float | None = None) -> Projection:
        return CompiledVolumeProjection(self.problem, self.compiled, self.described, p, before, excess=beyond is not None)

    def _terms(self, described: DescribedProblem, u: Array) -> tuple[float, float]:
        """F and λR of u."""
        strips = self.problem.strips
        sums = np.zeros((len(strips), 2))

        def work(item: tuple[int, slice]) -> None:
            index, planes = item
            sums[index] = self.compiled.volume_cost(described, planes.start, planes.stop, u, self._beside)

        strips.share(list(enumerate(strips)), work)
        fidelity, regularity = (float(total) for total in sums.sum(axis=0))
        return fidelity, regularity


class CompiledVolumeProjection:
    """The iterations of `NumPyProjection` on a volume; in the compiled code, a volume is a picture whose rows are planes."""

    def __init__(self, problem: Problem, compiled: Any, described: DescribedProblem, p: Array, before: Array, *, excess: bool) -> None:
        self.problem, self.p, self._before, self._compiled, self._described = problem, p, before, compiled, described
        self._excess, self._curvature = excess, 2.0 if excess else problem.fidelity.curvature or 2.0
        channels, depth, height, width = problem.observed.shape
        z, y, x = problem.operator.axis_weights
        self._beside = (float(width), x, y, z, step_of(problem, self._curvature))
        self._plane = channels * height * width
        self._together, self._band = _walk_of(channels * width * p.itemsize, height)
        teams = max(1, min(problem.strips.threads, depth // SHORTEST_STRIP))
        if teams > 1:
            self._together = max(1, min(self._together, depth // teams // PLANES_AN_ITERATION))
        self._parts = [slice(k * depth // teams, (k + 1) * depth // teams) for k in range(teams)]

    def walk(self, momentum: Array) -> None:
        for start in range(0, len(momentum), self._together):
            self._walk(np.ascontiguousarray(momentum[start : start + self._together]))

    def _walk(self, momentum: Array) -> None:
        iterations, depth = len(momentum), self.problem.spatial[0]
        jobs = []
        for part in self._parts:
            planes = min(iterations, part.start) + min(iterations, depth - part.stop)
            halo = np.empty(6 * planes * self._plane, self.p.dtype)
            jobs.append(
                (self._described, part.start, part.stop, self.p, self._before, halo, momentum, self._beside, self._excess, self._band)
            )
        for job in jobs:
            self._compiled.volume_halo(*job)
        self.problem.strips.share(jobs, lambda job: self._compiled.volume_walk(*job))
        if iterations % 2:
            self.p, self._before = self._before, self.p

    def prove(self, picture: Array, *, residual: bool) -> tuple[float, float, float]:
        fidelity, regularity, bound, change = (float(total) for total in self._prove(picture, residual).sum(axis=0))
        return fidelity + regularity, bound, change

    def shorten(self) -> None:
        self._beside = (*self._beside[:-1], step_of(self.problem, self._curvature, proved=True))

    def divergence(self, out: Array) -> Array:
        self._prove(out, False)
        return out

    def _prove(self, picture: Array, residual: bool) -> Array:
        strips = self.problem.strips
        sums = np.zeros((len(strips), 4))

        def work(item: tuple[int, slice]) -> None:
            index, planes = item
            sums[index] = self._compiled.volume_prove(
                self._described, planes.start, planes.stop, self.p, picture, residual, self._beside, self._excess
            )  # fmt: skip

        strips.share(list(enumerate(strips)), work)
        return sums


def _walk_of(row_bytes: int, rows: int) -> tuple[int, int]:
    """How many iterations a walk does, and how many rows a band has, so that both together stay in the cache."""
    fitting = max(1, CACHE // (PLANES * row_bytes))
    if fitting >= LONGEST_WALK * rows:
        return LONGEST_WALK, rows
    together = max(1, min(LONGEST_WALK, math.isqrt(fitting // ROWS_AN_ITERATION)))
    return together, max(together, fitting // together)
