"""Gradient projection, compiled: several iterations in one walk over the rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from denoise_cli.variational.engines.description import DescribedProblem
from denoise_cli.variational.problem import Problem
from denoise_cli.variational.strips import Array, Strips

__all__ = ["CompiledProjection"]

#: A strip is at least so many rows high, per thread: what is less spends more on the halo than it saves.
SHORTEST_STRIP = 32


class CompiledProjection:
    """The iterations of `NumPyProjection` for squared L2, or for what is beyond 1 (`excess`), with mirrored edges."""

    def __init__(self, problem: Problem, compiled: Any, described: DescribedProblem, p: Array, before: Array, *, excess: bool) -> None:
        self.problem, self.p, self._before = problem, p, before
        self._compiled, self._described, self._excess = compiled, described, excess
        self._strips = _cut(problem.strips)

    def walk(self, momentum: Array) -> None:
        f, iterations = self.problem.observed, len(momentum)
        channels, height, width = f.shape
        halos = [
            np.empty((2, 2, channels, min(iterations, rows.start) + min(iterations, height - rows.stop), width), f.dtype)
            for rows in self._strips
        ]
        jobs = [
            (self._described, rows.start, rows.stop, self.p, self._before, halo, momentum, self._excess)
            for rows, halo in zip(self._strips, halos, strict=True)
        ]
        for job in jobs:
            self._compiled.halo(*job)
        self.problem.strips.share(jobs, lambda job: self._compiled.walk(*job))
        if iterations % 2:
            self.p, self._before = self._before, self.p

    def prove(self, picture: Array, *, residual: bool) -> tuple[float, float, float]:
        fidelity, regularity, bound, change = (float(total) for total in self._prove(picture, residual).sum(axis=0))
        return fidelity + regularity, bound, change

    def shorten(self) -> None:
        """Steps in pictures are the shortest already."""

    def divergence(self, out: Array) -> Array:
        self._prove(out, False)
        return out

    def _prove(self, picture: Array, residual: bool) -> Array:
        sums = np.zeros((len(self.problem.strips), 4))

        def work(index: int, rows: slice, scratch: Array) -> None:  # noqa: ARG001
            sums[index] = self._compiled.prove(self._described, rows.start, rows.stop, self.p, picture, residual, self._excess)

        self.problem.strips.each(work)
        return sums


def _cut(strips: Strips) -> list[slice]:
    """As many strips as there are threads: where they are cut changes no bit, and each cut costs its halo."""
    height = strips.shape[1]
    teams = max(1, min(strips.threads, height // SHORTEST_STRIP))
    return [slice(k * height // teams, (k + 1) * height // teams) for k in range(teams)]
