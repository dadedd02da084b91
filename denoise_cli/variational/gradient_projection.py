"""Accelerated gradient projection on the dual: many cheap iterations where split Bregman does few dear ones."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import numpy as np

from denoise_cli.variational.certificate import Certificate, GapTarget
from denoise_cli.variational.engines import Engine, engine_for
from denoise_cli.variational.problem import Problem
from denoise_cli.variational.state import Reference, State
from denoise_cli.variational.strips import Array

__all__ = ["TOGETHER", "GradientProjection", "Momentum", "can_project"]

#: Iterations in one walk over the rows: more keep more rows in the cache than fit.
TOGETHER = 8
#: Looks in a row, each two thirds further on, at which the gap is no smaller than it has been: then the steps are too long for the problem.
#: (None of 24 small volumes of noise, checks and impulses has shown it, at λ from 0.05 to 5.)
IN_VAIN = 2


def can_project(problem: Problem) -> bool:
    """Whether gradient projection can solve `problem`: F'' is the same everywhere, ‖D‖ is known, and edges are mirrored."""
    return problem.fidelity.curvature is not None and problem.operator.norm_squared is not None and not problem.operator.periodic


class Momentum:
    """(t − 1)/t₊ of one iteration after the other, with t₁ = 1 and t₊ = (1 + sqrt(1 + 4t²))/2."""

    def __init__(self) -> None:
        self._t = 1.0

    def next(self, iterations: int) -> Array:
        """Those of the next iterations."""
        momentum = np.empty(iterations)
        for k in range(iterations):
            following = (1 + math.sqrt(1 + 4 * self._t**2)) / 2
            momentum[k], self._t = (self._t - 1) / following, following
        return momentum


class GradientProjection:
    """Fast gradient projection on the dual of  c/2·Σ (u − f)² + λR(u):  maximise  ⟨Dᵀp, f⟩ − ‖Dᵀp‖²/2c  over |p| ≤ λ.

    From p = p₋ = 0, with t₁ = 1 and P the projection onto the dual ball of radius λ:

        t₊ = (1 + sqrt(1 + 4t²))/2         q = p + (t − 1)/t₊ · (p − p₋)
        p₊ = P(q + c/‖D‖² · D(f − Dᵀq/c))         (squared L2: c = 2; of a picture ‖D‖² ≤ 8, so that the step is ¼)

    In volumes the step is longer (`engines.terms.STRETCH`), for as long as the gap falls. Every p is dual feasible, and u = f − Dᵀp/c is
    its picture: a certificate costs one pass. The gap falls like 1/k²; how many iterations that takes grows with λ over the contrast of the
    picture.

    Beck & Teboulle 2009, IEEE Trans. Image Process. 18, 2419–2434; Chambolle 2004, J. Math. Imaging Vis. 20, 89–97.
    """

    def __init__(self, problem: Problem, *, dual: Array | None = None, engine: Engine | None = None) -> None:
        self.problem = problem
        self.engine = engine_for(problem) if engine is None else engine
        shape, dtype = (problem.axes, *problem.observed.shape), problem.observed.dtype
        p = np.zeros(shape, dtype) if dual is None else np.array(dual, dtype, order="C")
        self._projection = self.engine.projection(p, p.copy() if dual is not None else np.zeros_like(p))
        self._momentum = Momentum()
        self._picture: Array | None = None
        self._bound = -math.inf
        self._least_gap, self._in_vain = math.inf, 0

    @property
    def p(self) -> Array:
        """The dual variable as it stands."""
        return self._projection.p

    def states(self, iterations: int, *, target: GapTarget, reference: Reference | None = None, every: bool = True) -> Iterator[State]:
        """States with a Certificate: one an iteration if `every`, else only those at which the target looks."""
        start = time.perf_counter()
        iteration = 0
        while iteration < iterations:
            due = iteration + 1
            while not (every or due == iterations or target.is_due(due)):
                due += 1
            self._walk(due - iteration)
            iteration = due
            certificate = self._certify(residual=every)
            if counts := target.is_due(iteration):
                target.saw(iteration, certificate)
                self._watch(certificate.gap)
            shown = certificate.in_units(self.problem.unit, self.problem.cost_unit)
            yield State(self.engine, iteration, certificate.picture, time.perf_counter() - start, shown, reference)
            # A caller that looks at every iteration gets the same picture as one that does not.
            if counts and certificate.gap <= target.gap:
                return

    def unproved(self, iterations: int) -> Array:
        """The picture after so many more iterations, of which nothing is proved."""
        self._walk(iterations)
        picture = np.empty_like(self.problem.observed)
        self._projection.prove(picture, residual=False)
        return picture

    def _walk(self, iterations: int) -> None:
        for done in range(0, iterations, TOGETHER):
            self._projection.walk(self._momentum.next(min(TOGETHER, iterations - done)))

    def _watch(self, gap: float) -> None:
        """Where the gap falls no more, the momentum begins anew with shorter steps."""
        self._in_vain = self._in_vain + 1 if gap >= self._least_gap else 0
        self._least_gap = min(self._least_gap, gap)
        if self._in_vain == IN_VAIN:
            self._projection.shorten()
            self._momentum = Momentum()

    def _certify(self, *, residual: bool) -> Certificate:
        if self._picture is None:
            self._picture = np.empty_like(self.problem.observed)
        cost, bound, change = self._projection.prove(self._picture, residual=residual)
        self._bound = max(self._bound, bound - self.problem.margin(cost))
        if not residual:
            return Certificate(self._picture, cost, self._bound)
        # F'(u) = −Dᵀp holds by construction.
        return Certificate(self._picture, cost, self._bound, math.sqrt(change / self.p.size), 0.0)
