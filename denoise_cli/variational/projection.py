"""Accelerated gradient projection on the dual, for L2 and small λ: many cheap iterations where split Bregman does few dear ones."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import numpy as np

from denoise_cli.kernels import binding as kernels
from denoise_cli.variational.problem import Certificate, GapTarget, Problem, Reference, State
from denoise_cli.variational.strips import Array, Strips, row_sums

__all__ = ["GradientProjection", "Repair", "suits"]

# Iterations in one walk over the rows: more keep more rows in the cache than fit.
TOGETHER = 8


# λ over the contrast up to which this is done sooner than split Bregman, compiled and in NumPy, at a gap of 1e-3; its power of the gap; and
# the gap below which it always is.
FEW_ITERATIONS, FEW_IN_NUMPY, BY_GAP, TIGHT = 0.26, 0.05, 0.15, 1e-4


def suits(problem: Problem, weight: float, spread: float, gap: float) -> bool:
    """Whether gradient projection can solve `problem` (unweighted L2, symmetric boundary), and sooner than split Bregman."""
    if problem.fidelity.curvature is None or problem.operator.periodic:
        return False
    if kernels.compiled is None:
        return weight <= FEW_IN_NUMPY * spread
    return gap < TIGHT or weight <= FEW_ITERATIONS * (gap / 1e-3) ** BY_GAP * spread


class GradientProjection:
    """Fast gradient projection on the dual of  Σ (u − f)² + λR(u):  maximise  ⟨Dᵀp, f⟩ − ¼‖Dᵀp‖²  over |p| ≤ λ.

    From p = p₋ = 0, with t₁ = 1 and P the projection onto the dual ball of radius λ:

        t₊ = (1 + sqrt(1 + 4t²))/2         q = p + (t − 1)/t₊ · (p − p₋)
        p₊ = P(q + ¼ D(f − ½Dᵀq))           (¼ = 1/L, L = ½‖D‖² ≤ 4)

    Every p is dual feasible, and u = f − ½Dᵀp is its picture: a certificate costs one pass. The gap falls like 1/k²; how many iterations
    that takes grows with λ over the contrast of the picture.

    Beck & Teboulle 2009, IEEE Trans. Image Process. 18, 2419–2434; Chambolle 2004, J. Math. Imaging Vis. 20, 89–97.
    """

    # What the walk takes the differences of: f − ½Dᵀq, or what Repair has in its place.
    excess = False

    def __init__(self, problem: Problem, *, dual: Array | None = None) -> None:
        self.problem = problem
        shape = (2, *problem.observed.shape)
        self.p = np.zeros(shape, problem.observed.dtype) if dual is None else np.array(dual, problem.observed.dtype, order="C")
        self._before = self.p.copy() if dual is not None else np.zeros_like(self.p)
        self._t = 1.0
        self._strips = _cut(problem.strips)
        self._picture: Array | None = None
        self._bound = -math.inf

    def states(self, iterations: int, *, target: GapTarget, reference: Reference | None = None, every: bool = True) -> Iterator[State]:
        """States with a Certificate: one an iteration if `every`, else only those at which the target looks."""
        start = time.perf_counter()
        iteration = 0
        while iteration < iterations:
            due = iteration + 1
            while not (every or due == iterations or target.is_due(due)):
                due += 1
            while iteration < due:
                together = min(TOGETHER, due - iteration)
                self._walk(together)
                iteration += together
            certificate = self._certify(residual=every)
            if counts := target.is_due(iteration):
                target.saw(iteration, certificate)
            yield State(self.problem, iteration, certificate.picture, time.perf_counter() - start, certificate, reference)
            # Who watches more closely gets the same picture.
            if counts and certificate.gap <= target.gap:
                return

    def _walk(self, iterations: int) -> None:
        compiled, problem = kernels.compiled, self.problem
        momentum = np.empty(iterations)
        for k in range(iterations):
            following = (1 + math.sqrt(1 + 4 * self._t**2)) / 2
            momentum[k], self._t = (self._t - 1) / following, following
        if compiled is None:
            self._walk_in_numpy(momentum)
            return
        weight, weight_map = problem.regulariser.weight_and_map
        f, grouping = problem.observed, problem.regulariser.grouping(len(problem.observed))
        channels, height, width = f.shape
        halos = [
            np.empty((2, 2, channels, min(iterations, rows.start) + min(iterations, height - rows.stop), width), f.dtype)
            for rows in self._strips
        ]
        jobs = [
            (*f.shape, rows.start, rows.stop, self.p, self._before, f, weight_map, halo, momentum, grouping, weight, self.excess)
            for rows, halo in zip(self._strips, halos, strict=True)
        ]
        for job in jobs:
            compiled.halo(*job)
        problem.strips.share(jobs, lambda job: compiled.walk(*job))
        if iterations % 2:
            self.p, self._before = self._before, self.p

    def _certify(self, *, residual: bool) -> Certificate:
        compiled, problem = kernels.compiled, self.problem
        if self._picture is None:
            self._picture = np.empty_like(problem.observed)
        weight, weight_map = problem.regulariser.weight_and_map
        f, grouping = problem.observed, problem.regulariser.grouping(len(problem.observed))
        sums = np.zeros((len(problem.strips), 4))

        def work(index: int, rows: slice, scratch: Array) -> None:  # noqa: ARG001
            assert compiled is not None
            sums[index] = compiled.prove(
                *f.shape, rows.start, rows.stop, self.p, f, weight_map, self._picture, grouping, weight, residual, self.excess
            )

        if compiled is None:
            cost, bound, change = self._sums_in_numpy(self._picture, residual=residual)
        else:
            problem.strips.each(work)
            fidelity, regularity, bound, change = (float(total) for total in sums.sum(axis=0))
            cost = fidelity + regularity
        self._bound = max(self._bound, bound - problem.margin(cost))
        if not residual:
            return Certificate(self._picture, cost, self._bound)
        # F'(u) = −Dᵀp holds by construction.
        return Certificate(self._picture, cost, self._bound, math.sqrt(change / self.p.size), 0.0)

    # The readable reference, and what runs where nothing could be compiled.

    def _walk_in_numpy(self, momentum: Array) -> None:
        problem = self.problem
        u = np.empty_like(problem.observed)
        for beta in momentum:
            q = np.subtract(self.p, self._before, out=self._before)
            q *= q.dtype.type(beta)
            q += self.p
            self._primal(q, u)

            def strip(index: int, rows: slice, scratch: Array, q: Array = q) -> None:  # noqa: ARG001
                v = problem.operator.differences(u, rows, scratch[:2])
                v *= 0.25
                v += q[:, :, rows]
                problem.regulariser.project(v, rows, 1.0, q[:, :, rows], scratch[2:])

            problem.strips.each(strip, planes=4)
            self.p, self._before = q, self.p

    def _primal(self, p: Array, out: Array) -> Array:
        """f − ½Dᵀp, in `out`; returns Dᵀp."""
        divergence = self._divergence(p, np.empty_like(out))
        np.multiply(divergence, 0.5, out=out)
        np.subtract(self.problem.observed, out, out=out)
        return divergence

    def _divergence(self, p: Array, out: Array) -> Array:
        """Dᵀp, in `out`."""
        problem = self.problem
        spills = np.empty((len(problem.strips), out.shape[0], out.shape[2]), out.dtype)
        for index, rows in enumerate(problem.strips):
            problem.operator.adjoint(p[:, :, rows], out[:, rows])
            spills[index] = p[1][:, rows.stop - 1]
        problem.operator.join(problem.strips, spills, out)
        return out

    def _sums_in_numpy(self, picture: Array, *, residual: bool) -> tuple[float, float, float]:
        """Cost of the picture, dual objective, and Σ (4(P(p + ¼Du) − p))²."""
        problem, f = self.problem, self.problem.observed
        g = self._primal(self.p, picture)

        def terms(rows: slice, scratch: Array) -> Array:
            bound = row_sums(problem.fidelity.bound(g[:, rows], f[:, rows], rows, problem.box, scratch[:2]))
            v = problem.operator.differences(picture, rows, scratch[:2])
            v *= 0.25
            v += self.p[:, :, rows]
            moved = problem.regulariser.project(v, rows, 1.0, scratch[2:4], scratch[4:])
            moved -= self.p[:, :, rows]
            moved *= 4
            changes = np.square(moved, out=moved)
            return np.stack([bound, row_sums(changes.reshape(-1, *changes.shape[2:]))])

        bound, change = problem.strips.totals(terms, planes=6)
        return problem.cost(picture), float(bound), float(change) if residual else 0.0


class Repair(GradientProjection):
    """A dual variable of unweighted L1, brought nearer to |Dᵀp| ≤ 1:  minimise  ½‖(|Dᵀp| − 1)₊‖²  over |p| ≤ λ, a few iterations.

    What is beyond 1 costs a bound the whole range of the picture. Split Bregman's p gets there late, while its picture is long good enough.
    The same iteration as above, with −½(|g| − 1)₊ sign(g), g = Dᵀq, in the place of f − ½g: the step is 1/‖D‖² = 1/8. The dual
    variable is overwritten.
    """

    excess = True

    def __init__(self, problem: Problem, dual: Array) -> None:
        self.problem, self.p, self._before, self._t, self._strips = problem, dual, dual.copy(), 1.0, _cut(problem.strips)

    def divergence(self, out: Array) -> None:
        """Dᵀp after `TOGETHER` iterations, in `out`."""
        self._walk(TOGETHER)
        compiled, problem = kernels.compiled, self.problem
        if compiled is None:
            self._divergence(self.p, out)
            return
        problem.strips.each(
            lambda _, rows, scratch: compiled.prove(  # noqa: ARG005
                *out.shape, rows.start, rows.stop, self.p, problem.observed, None, out, 0, 0.0, False, True
            )
        )

    def _primal(self, p: Array, out: Array) -> Array:
        g = self._divergence(p, np.empty_like(out))
        np.clip(g, -1, 1, out=out)
        out -= g
        out *= 0.5
        return g


def _cut(strips: Strips) -> list[slice]:
    """As many strips as there are threads: where they are cut changes no bit, and each cut costs its halo."""
    height = strips.shape[1]
    teams = max(1, min(strips.threads, height // (4 * TOGETHER)))
    return [slice(k * height // teams, (k + 1) * height // teams) for k in range(teams)]
