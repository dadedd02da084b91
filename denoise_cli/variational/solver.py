"""Split Bregman, the one loop behind every method: a generator of States."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np

from denoise_cli.variational import kernels
from denoise_cli.variational.fidelities import Fidelity
from denoise_cli.variational.metrics import decibels
from denoise_cli.variational.operators import Gradient
from denoise_cli.variational.records import IterationRecord
from denoise_cli.variational.regularisers import GROUPINGS, TotalVariation
from denoise_cli.variational.strips import Array, Strips, row_sums

__all__ = ["Certificate", "GapTarget", "Penalties", "Problem", "Reference", "SplitBregman", "State", "Status"]

BOUND_MARGIN = 4


class Status(StrEnum):
    """Why a run ended."""

    ITERATIONS_DONE = "iterations_done"
    CONVERGED = "converged"
    ITERATION_LIMIT = "iteration_limit"
    INPUT_IS_MINIMISER = "input_is_minimiser"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Penalties:
    """α on g = Du and β on d = u − f at iteration k:  scale_k·(alpha, beta).

    scale_k grows from 1 by `growth` an iteration up to `peak`, then falls by `decay` down to `settled`: small at first, so that the
    differences move far, large while the regions form, moderate for the rest. Constant in the end, it keeps the convergence of ADMM
    (He, Yang & Wang 2000, J. Optim. Theory Appl. 106, 337–356).
    """

    alpha: float
    beta: float
    growth: float = 1.0
    peak: float = 1.0
    decay: float = 1.0
    settled: float = 1.0

    def at(self, iteration: int) -> tuple[float, float]:
        climb = math.ceil(math.log(self.peak) / math.log(self.growth)) if self.growth > 1 else 0
        scale = self.growth**iteration if iteration < climb else max(self.peak * self.decay ** (iteration - climb), self.settled)
        return scale * self.alpha, scale * self.beta


@dataclass(frozen=True)
class Problem:
    """minimise over u   F(u; f) + λR(u),  f = `observed`, planar (channels, height, width).

    `offset`, one value a channel, is what was taken off the picture before and is put back after: neither F nor R notice, but in float32
    the bound of a picture far from 0 would drown in rounding. `shape` is that of the picture as its owner holds it.
    """

    observed: Array
    fidelity: Fidelity
    regulariser: TotalVariation
    operator: Gradient
    shape: tuple[int, ...] | None = None
    offset: Array | None = None

    @property
    def strips(self) -> Strips:
        return self.operator.strips

    def cost(self, u: Array) -> float:
        """F(u; f) + λR(u), accumulated in float64."""
        compiled = kernels.compiled
        if compiled is not None:
            weight, weight_map = self.regulariser.weight_and_map
            sums = np.zeros(len(self.strips))

            def work(index: int, rows: slice, scratch: Array) -> None:  # noqa: ARG001
                sums[index] = sum(
                    compiled.cost(
                        *self.observed.shape, rows.start, rows.stop, u, self.observed, weight_map, self.fidelity.weights,
                        self.regulariser.grouping(len(u)), self.operator.periodic, self.fidelity.has_kink, weight,
                    )
                )  # fmt: skip

            self.strips.each(work)
            return float(sums.sum())

        def terms(rows: slice, scratch: Array) -> Array:
            return self.cost_terms(u, self.operator.differences(u, rows, scratch[:2]), rows, scratch[2:])

        return float(self.strips.totals(terms, planes=4).sum())

    def cost_terms(self, u: Array, differences: Array, rows: slice, scratch: Array, derivative: Array | None = None) -> Array:
        """Row sums of F and of λR, (2, rows), where Du is at hand; and F'(u) of a fidelity with a curvature, in `derivative`."""
        regularity = self.regulariser.value(differences, rows, scratch)
        residual = np.subtract(u[:, rows], self.observed[:, rows], out=scratch[0])
        if derivative is not None:
            np.multiply(residual, self.fidelity.curvature or 0.0, out=derivative)
        return np.stack([row_sums(self.fidelity.value(residual, rows, scratch[1])), regularity])

    @cached_property
    def box(self) -> tuple[Array, Array]:
        """The smallest and the largest value of each channel, (channels, 1, 1): a minimiser lies between them."""
        return self.observed.min(axis=(1, 2), keepdims=True), self.observed.max(axis=(1, 2), keepdims=True)

    def contrast(self) -> float:
        """How much f varies: of 3.5 standard deviations and 5.2 mean gradients, the larger; 1 or less for a picture on [0, 1].

        The one is that of a picture with large regions, the other that of noise or fine texture.
        """

        if kernels.compiled is not None:
            f = self.observed
            _, gradients = kernels.compiled.cost(
                *f.shape, 0, f.shape[1], f, f, None, None, GROUPINGS.index("pixel"), self.operator.periodic, False, 1.0
            )
            return max(3.5 * float(np.std(f)), 5.2 * float(gradients) / f.size)

        def terms(rows: slice, scratch: Array) -> Array:
            x, y = self.operator.differences(self.observed, rows, scratch[:2])
            x *= x
            y *= y
            x += y
            return row_sums(np.sqrt(x, out=x))[None]

        mean_gradient = float(self.strips.totals(terms, planes=2)[0]) / self.observed.size
        return max(3.5 * float(np.std(self.observed)), 5.2 * mean_gradient)

    def input_is_a_minimiser(self) -> bool:
        """True if λ is so small that f itself is a minimiser, whatever f holds: |Dᵀp| ≤ m for every dual feasible p (L1 only)."""
        if not self.fidelity.has_kink:
            return False
        largest = self.regulariser.largest_adjoint(self.operator.neighbours(), self.observed.shape[1:])
        weights = 1.0 if self.fidelity.weights is None else self.fidelity.weights
        return bool(np.all(largest <= weights * (1 + 1e-12)))

    def observed_as_state(self, reference: Reference | None) -> State:
        """Iteration 0 of a problem that f itself solves: the certificate is the theorem."""
        cost = self.cost(self.observed)
        return State(self, 0, self.observed, 0.0, Certificate(self.observed, cost, cost - self.margin(cost), 0.0, 0.0), reference)

    def margin(self, cost: float) -> float:
        """What rounding may have added to a bound, of the order of eps·cost (tests/variational/test_certificate.py has the evidence)."""
        return BOUND_MARGIN * float(np.finfo(self.observed.dtype).eps) * abs(cost)


@dataclass(frozen=True)
class Certificate:
    """bound ≤ optimum ≤ cost of `picture`, and how far the two optimality conditions are from holding (root mean squares).

    Under gradient projection the primal residual is that of p = P(p + ¼Du), times 4, and the dual one is 0 by construction.
    """

    picture: Array
    cost: float
    bound: float
    primal_residual: float | None = None
    dual_residual: float | None = None

    @property
    def gap(self) -> float:
        return max(0.0, (self.cost - self.bound) / self.cost) if self.cost > 0 else 0.0


@dataclass(frozen=True)
class Reference:
    """A clean picture, planar, and the range of its values that PSNR takes for the peak."""

    clean: Array
    data_range: float = 1.0

    def scores(self, picture: Array, strips: Strips) -> tuple[float, float, float]:
        """rmse, snr_db and psnr_db of a picture, from one pass over it."""
        clean = self._clean_as(picture.dtype)

        compiled = kernels.compiled
        if compiled is not None and picture.flags.c_contiguous:
            sums = np.zeros(len(strips))

            def work(index: int, rows: slice, scratch: Array) -> None:  # noqa: ARG001
                sums[index], _ = compiled.distance(*picture.shape, rows.start, rows.stop, picture, clean)

            strips.each(work)
            return self._scores(float(sums.sum()), picture.size)

        def squares(rows: slice, scratch: Array) -> Array:
            difference = np.subtract(picture[:, rows], clean[:, rows], out=scratch[0])
            return row_sums(np.square(difference, out=difference))[None]

        return self._scores(float(strips.totals(squares, planes=1)[0]), picture.size)

    def _scores(self, squared_error: float, size: int) -> tuple[float, float, float]:
        error, root = math.sqrt(squared_error), math.sqrt(size)
        return error / root, decibels(self._norm, error), decibels(self.data_range * root, error)

    @cached_property
    def _norm(self) -> float:
        return math.sqrt(float(np.square(self.clean).sum()))

    @cached_property
    def _single(self) -> Array:
        return self.clean.astype(np.float32)

    def _clean_as(self, dtype: np.dtype[Any]) -> Array:
        return self._single if dtype == np.float32 else self.clean


@dataclass
class State:
    """After an iteration. `u` is valid until the next one; the record is computed when asked for, and costs nothing otherwise."""

    problem: Problem
    iteration: int
    u: Array
    seconds: float
    certificate: Certificate | None = None
    reference: Reference | None = None

    @property
    def solution(self) -> Array:
        """What the run returns if it ends here, planar and without the offset."""
        return self.u if self.certificate is None else self.certificate.picture

    @property
    def picture(self) -> Array:
        """What the run returns if it ends here, (channels, height, width)."""
        return self.solution if self.problem.offset is None else self.solution + self.problem.offset

    @property
    def image(self) -> Array:
        """`picture` in the shape that the caller gave: (height, width) or (height, width, channels)."""
        picture = np.moveaxis(self.picture, 0, -1)
        return picture if self.problem.shape is None else picture.reshape(self.problem.shape)

    @cached_property
    def record(self) -> IterationRecord:
        certificate, reference = self.certificate, self.reference
        error, snr, psnr = reference.scores(self.picture, self.problem.strips) if reference else (None, None, None)
        return IterationRecord(
            iteration=self.iteration,
            cost=self.problem.cost(self.solution) if certificate is None else certificate.cost,
            rmse=error,
            snr_db=snr,
            psnr_db=psnr,
            seconds=self.seconds,
            bound=certificate.bound if certificate else None,
            gap=certificate.gap if certificate else None,
            primal_residual=certificate.primal_residual if certificate else None,
            dual_residual=certificate.dual_residual if certificate else None,
        )


class SplitBregman:
    """Alternating direction method of multipliers on  F(d) + λ|g|,  g = Du  and, if `split_fidelity`,  d = u − f.

    With scaled multipliers the two auxiliary variables and their multipliers collapse into one array each. For g, with penalty α,
    over-relaxation ρ and the projection P onto the dual ball of radius λ/(αρ):

        v = Du + s                      w = P(v)                    (αρw is the dual variable p, |p| ≤ λ)
        s ← (1−ρ)v + ρw                 h = v − 2w

    and likewise for d; then u solves  (shift·I + αDᵀD) u = shift·f + αρDᵀh (+ βρh_d),  shift = β, or F'' if d is not split off. That is
    two transforms an iteration, and one sweep over strips of rows for everything else. Where α grows to α/c after the iteration, w
    enters s and h times c as often as it is a multiplier. With ρ = 1 and constant penalties this is the MATLAB original, which sets
    out from zero; `start_from_observed` sets out from u = f.

    Goldstein & Osher 2009, SIAM J. Imaging Sci. 2, 323–343; Eckstein & Bertsekas 1992, Math. Program. 55, 293–318 (over-relaxation).
    """

    def __init__(
        self,
        problem: Problem,
        penalties: Penalties,
        *,
        relaxation: float = 1.0,
        split_fidelity: bool = True,
        start_from_observed: bool = False,
        dual: Array | None = None,
        keep_dual: bool = False,
    ) -> None:
        self.problem = problem
        self.penalties = penalties
        self.relaxation = relaxation
        self.split_fidelity = split_fidelity
        self.start_from_observed = start_from_observed
        self.dual = dual
        self.keep_dual = keep_dual
        self.p: Array | None = None

    def states(
        self, iterations: int, *, target: GapTarget | None = None, reference: Reference | None = None, residuals: bool = True
    ) -> Iterator[State]:
        """One State an iteration, at most `iterations`; with a target, some carry a Certificate, and the last is the first to meet it."""
        problem, f = self.problem, self.problem.observed
        start = time.perf_counter()
        sweep = _Sweep(self, residuals=residuals)
        u, rhs = np.empty_like(f), np.empty_like(f)
        if self.dual is not None:
            sweep.set_out_from(self.dual, rhs)
        elif self.start_from_observed:
            sweep(0, f, rhs)
        else:
            np.copyto(rhs, f)
        for iteration in range(1, iterations + 1):
            alpha, _ = self.penalties.at(iteration)
            solution = problem.operator.solve(rhs, alpha / self.shift(iteration))
            # The solve may have worked in place, behind an array object of its own.
            u, rhs = solution, (u if np.may_share_memory(solution, rhs) else rhs)
            certificate = None
            if target is not None and (iteration == iterations or target.is_due(iteration)):
                certificate = sweep.certify(iteration, u, rhs)
                target.saw(iteration, certificate)
            elif iteration < iterations:
                sweep(iteration, u, rhs)
            yield State(problem, iteration, u, time.perf_counter() - start, certificate, reference)
            if certificate is not None and target is not None and certificate.gap <= target.gap:
                break
        if self.keep_dual:
            self.p = sweep.multiplier(iteration, u)

    def shift(self, iteration: int) -> float:
        """What u's solve has on the identity: β where the fidelity is split off, its curvature where it is not."""
        curvature = self.problem.fidelity.curvature
        if self.split_fidelity or curvature is None:
            return self.penalties.at(iteration)[1]
        return curvature


@dataclass(frozen=True)
class _Dual:
    """What only a certificate needs: Dᵀp; f + d, if d is split off; the fidelity's derivative (or multiplier), for the residuals."""

    divergence: Array
    picture: Array | None
    derivative: Array | None


class _Sweep:
    """All of an iteration but the solve: from u to the next right-hand side, strip by strip; s and s_d are the state in between."""

    def __init__(self, solver: SplitBregman, *, residuals: bool) -> None:
        self.solver = solver
        self.residuals = residuals
        f = solver.problem.observed
        self.s = np.zeros((2, *f.shape), f.dtype)
        self.s_d = np.zeros_like(f) if solver.split_fidelity else None
        self.spills = np.zeros((2, len(solver.problem.strips), f.shape[0], f.shape[2]), f.dtype)
        self.dual: _Dual | None = None
        self.bound = -math.inf

    def set_out_from(self, p: Array, rhs: Array) -> None:
        """The first right-hand side, from the dual variable of a solution nearby."""
        solver, problem = self.solver, self.solver.problem
        alpha, beta = solver.penalties.at(0)
        strips, f = problem.strips, problem.observed
        divergence = np.empty_like(f)
        spills = np.zeros_like(self.spills[0])
        for index, rows in enumerate(strips):
            problem.operator.adjoint(p[:, :, rows], divergence[:, rows])
            spills[index] = p[1][:, rows.stop - 1]
        problem.operator.join(spills, divergence)
        np.multiply(p, 1 / (alpha * solver.relaxation), out=self.s)
        if self.s_d is not None:
            np.multiply(divergence, -1 / (beta * solver.relaxation), out=self.s_d)
        u = f if self.s_d is not None else f - divergence / solver.shift(0)
        self._run(0, u, rhs, None)

    def multiplier(self, iteration: int, u: Array) -> Array:
        """The dual variable p after the last iteration."""
        solver, problem = self.solver, self.solver.problem
        alpha, _ = solver.penalties.at(iteration)
        rho = solver.relaxation
        p = np.empty_like(self.s)

        def strip(index: int, rows: slice, scratch: Array) -> None:  # noqa: ARG001
            v = problem.operator.differences(u, rows, scratch[:2])
            v *= rho - 1
            v += self.s[:, :, rows]
            problem.regulariser.project(v, rows, 1 / (alpha * rho), p[:, :, rows], scratch[2:])

        problem.strips.each(strip, planes=4)
        p *= alpha * rho
        return p

    def __call__(self, iteration: int, u: Array, rhs: Array) -> None:
        self._run(iteration, u, rhs, None)

    def certify(self, iteration: int, u: Array, rhs: Array) -> Certificate:
        """The same sweep, and what can be proved with its dual variable.

        The picture is u; where the fidelity is split off it is f + d instead, which holds exactly what f holds wherever d is 0.
        """
        problem, f = self.solver.problem, self.solver.problem.observed
        if self.dual is None:
            self.dual = _Dual(
                np.empty_like(f), None if self.s_d is None else np.empty_like(f), np.empty_like(f) if self.residuals else None
            )
        divergence, derivative = self.dual.divergence, self.dual.derivative
        primal, cost = self._run(iteration, u, rhs, self.dual)
        picture = u
        if self.dual.picture is not None:
            picture = self.dual.picture
            cost = problem.cost(picture)

        if kernels.compiled is not None and problem.fidelity.weights is None:
            return self._certificate(picture, cost, primal, *self._compiled_bound(problem))

        def terms(rows: slice, scratch: Array) -> Array:
            g = divergence[:, rows]
            bound = row_sums(problem.fidelity.bound(g, f[:, rows], rows, problem.box, scratch))
            if derivative is None:
                return bound[None]
            stationarity = np.add(derivative[:, rows], g, out=scratch[0])
            return np.stack([bound, row_sums(np.square(stationarity, out=stationarity))])

        bound, *dual = problem.strips.totals(terms, planes=2)
        return self._certificate(picture, cost, primal, float(bound), float(dual[0]) if dual else 0.0)

    def _certificate(self, picture: Array, cost: float, primal: float, bound: float, dual: float) -> Certificate:
        # Any bound holds for good; under L1 the next one may be worse.
        self.bound = max(self.bound, bound - self.solver.problem.margin(cost))
        if not self.residuals:
            return Certificate(picture, cost, self.bound)
        entries = self.s.size + (self.s_d.size if self.s_d is not None else 0)
        return Certificate(picture, cost, self.bound, math.sqrt(primal / entries), math.sqrt(dual / self.s[0].size))

    def _compiled_bound(self, problem: Problem) -> tuple[float, float]:
        compiled, dual, f = kernels.compiled, self.dual, problem.observed
        assert compiled is not None
        assert dual is not None
        box = np.stack(problem.box, axis=1).reshape(len(f), 2).astype(np.float64)
        sums = np.zeros((len(problem.strips), 2))

        def work(index: int, rows: slice, scratch: Array) -> None:  # noqa: ARG001
            sums[index] = compiled.bound(
                *f.shape, rows.start, rows.stop, dual.divergence, f, dual.derivative, problem.fidelity.has_kink, box
            )

        problem.strips.each(work)
        bound, stationarity = sums.sum(axis=0)
        return float(bound), float(stationarity)

    def _run(self, iteration: int, u: Array, rhs: Array, dual: _Dual | None) -> tuple[float, float]:
        solver, problem, s, s_d = self.solver, self.solver.problem, self.s, self.s_d
        operator, f, rho = problem.operator, problem.observed, solver.relaxation
        alpha, beta = solver.penalties.at(iteration)
        next_alpha, _ = solver.penalties.at(iteration + 1)
        c = alpha / next_alpha
        plain = rho == 1 and c == 1
        to_rhs = next_alpha * rho / solver.shift(iteration + 1)
        primal, cost = np.zeros(len(problem.strips)), np.zeros(len(problem.strips))
        compiled = kernels.compiled
        if compiled is not None:
            weight, weight_map = problem.regulariser.weight_and_map
            divergence, picture, derivative = (None, None, None) if dual is None else (dual.divergence, dual.picture, dual.derivative)
            grouping, curvature = problem.regulariser.grouping(len(f)), problem.fidelity.curvature or 0.0

            def work(index: int, rows: slice, scratch: Array) -> None:  # noqa: ARG001
                cost[index], primal[index] = compiled.sweep(
                    *f.shape, rows.start, rows.stop, u, f, s, rhs, self.spills[0, index], weight_map, s_d, problem.fidelity.weights,
                    divergence, None if dual is None else self.spills[1, index], derivative, picture, grouping, operator.periodic,
                    problem.fidelity.has_kink, plain, weight, 1 / (alpha * rho), c, rho, to_rhs, alpha * rho, curvature, beta,
                )  # fmt: skip

            problem.strips.each(work)
            self._join(rhs, dual, to_rhs, alpha * rho)
            return float(primal.sum()), float(cost.sum())

        def relax(v: Array, w: Array, state: Array, h: Array) -> None:
            """h = v − (1+c)w; state = (1−ρ)v + (ρ−1+c)w. Destroys v and w."""
            np.multiply(w, 1 + c, out=h)
            np.subtract(v, h, out=h)
            if plain:
                state[...] = w
                return
            v *= 1 - rho
            w *= rho - 1 + c
            np.add(v, w, out=state)

        def primal_residual(v: Array, w: Array, state: Array, scratch: Array) -> float:
            """Σ (Kx − z)², which is the change of (1−ρ)v + ρw."""
            np.multiply(w, rho, out=scratch)
            scratch -= state
            for part, change in zip(v, scratch, strict=True):
                change += (1 - rho) * part
            return float(row_sums(np.square(scratch, out=scratch).reshape(-1, *scratch.shape[-2:])).sum())

        def strip(index: int, rows: slice, scratch: Array) -> None:
            v, w, h = scratch[0:2], scratch[2:4], scratch[4:6]
            state, out = s[:, :, rows], rhs[:, rows]
            operator.differences(u, rows, v)
            if dual is not None and s_d is None:
                derivative = None if dual.derivative is None else dual.derivative[:, rows]
                cost[index] = problem.cost_terms(u, v, rows, h, derivative).sum()
            v += state
            problem.regulariser.project(v, rows, 1 / (alpha * rho), w, h)
            if dual is not None:
                divergence = operator.adjoint(w, dual.divergence[:, rows])
                divergence *= alpha * rho
                self.spills[1, index] = w[1][:, -1]
                if dual.derivative is not None:
                    primal[index] += primal_residual(v, w, state, h)
            relax(v, w, state, h)
            operator.adjoint(h, out)
            out *= to_rhs
            self.spills[0, index] = h[1][:, -1]

            observed = f[:, rows]
            out += observed
            if s_d is None:
                return
            v_d, w_d, h_d = scratch[0], scratch[1], scratch[2]
            state_d = s_d[:, rows]
            np.subtract(u[:, rows], observed, out=v_d)
            v_d += state_d
            problem.fidelity.dual_part(v_d, rows, beta, rho, w_d, h_d)
            if dual is not None and dual.picture is not None:
                np.subtract(v_d, w_d, out=h_d)
                h_d *= rho
                np.add(observed, h_d, out=dual.picture[:, rows])
                if dual.derivative is not None:
                    np.multiply(w_d, beta * rho, out=dual.derivative[:, rows])
                    primal[index] += primal_residual(v_d, w_d, state_d, h_d)
            relax(v_d, w_d, state_d, h_d)
            if rho != 1:
                h_d *= rho
            out += h_d

        problem.strips.each(strip, planes=6)
        self._join(rhs, dual, to_rhs, alpha * rho)
        return float(primal.sum()), float(cost.sum())

    def _join(self, rhs: Array, dual: _Dual | None, to_rhs: float, to_dual: float) -> None:
        operator = self.solver.problem.operator
        operator.join(self.spills[0], rhs, to_rhs)
        if dual is not None:
            operator.join(self.spills[1], dual.divergence, to_dual)


class GapTarget:
    """When to look for a certificate: at the first iteration, and then where the gap, falling as it did, should meet the target."""

    def __init__(self, gap: float) -> None:
        self.gap = gap
        self._next = 1
        self._seen: list[tuple[int, float]] = []

    def is_due(self, iteration: int) -> bool:
        return iteration >= self._next

    def saw(self, iteration: int, certificate: Certificate) -> None:
        gap = max(certificate.gap, 1e-300)
        self._seen.append((iteration, gap))
        if self.gap <= 0:
            step = iteration
        elif len(self._seen) == 1:
            step = min(5, math.ceil(math.log(max(gap / self.gap, 1.1)) / 0.7))
        else:
            # Gaps fall like a power of the iteration, or slower; never look further ahead than two thirds of the way behind.
            before, old = self._seen[-2]
            step = max(2, math.ceil(iteration / 1.5))
            if self.gap < gap < old:
                power = math.log(old / gap) / math.log(iteration / before)
                step = min(step, math.ceil(iteration * math.expm1(min(math.log(gap / self.gap) / power, 20))))
        self._next = iteration + max(1, step)
