"""Split Bregman, the one loop behind every method: a generator of States."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np

from denoise_cli.variational import kernels
from denoise_cli.variational.cut import Cut
from denoise_cli.variational.fidelities import Fidelity
from denoise_cli.variational.metrics import decibels
from denoise_cli.variational.operators import Gradient
from denoise_cli.variational.records import IterationRecord
from denoise_cli.variational.regularisers import GROUPINGS, TotalVariation
from denoise_cli.variational.strips import Array, Strips, row_sums
from denoise_cli.variational.transforms import tables

__all__ = ["Certificate", "GapTarget", "Penalties", "Problem", "Reference", "SplitBregman", "State", "Status"]

BOUND_MARGIN = 4

# Compiled: columns that are solved side by side (BLOCK of _kernels.c); rows of a strip, in steps that the transform takes without a
# remainder, and no more strips than that: a seam costs the transforms of two rows.
COLUMNS = 128
ROWS_TOGETHER, SHORTEST_STRIP, MOST_STRIPS = 32, 128, 16
# Pixels (times channels) up to which a second thread costs more than it brings.
ALONE = 2**17


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

    def scores(self, picture: Array, strips: Strips, squared_error: float | None = None) -> tuple[float, float, float]:
        """rmse, snr_db and psnr_db of a picture, from one pass over it, or from Σ (picture − clean)² if that is known."""
        if squared_error is not None:
            return self._scores(squared_error, picture.size)
        clean = self.clean_as(picture.dtype)

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

    def clean_as(self, dtype: np.dtype[Any]) -> Array:
        return self._single if dtype == np.float32 else self.clean


@dataclass(frozen=True)
class Tally:
    """What a sweep found out about u on its way: F + λR, and Σ (u − clean)² where there is a clean picture."""

    cost: float
    squared_error: float | None


@dataclass
class State:
    """After an iteration. `u` is valid until the next one; the record is computed when asked for, unless the iteration has tallied it."""

    problem: Problem
    iteration: int
    u: Array
    seconds: float
    certificate: Certificate | None = None
    reference: Reference | None = None
    tally: Tally | None = None

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
        certificate, reference, tally = self.certificate, self.reference, self.tally
        error, snr, psnr = (
            reference.scores(self.picture, self.problem.strips, tally.squared_error if tally else None) if reference else (None, None, None)
        )
        return IterationRecord(
            iteration=self.iteration,
            cost=certificate.cost if certificate else tally.cost if tally else self.problem.cost(self.solution),
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
        self, iterations: int, *, target: GapTarget | None = None, reference: Reference | None = None, watched: bool = True
    ) -> Iterator[State]:
        """One State an iteration, at most `iterations`; with a target, some carry a Certificate, and the last is the first to meet it.

        If nobody asks for records (`watched`), certificates come without residuals, and nothing is tallied.
        """
        start = time.perf_counter()
        sweep = (_Sweep if kernels.compiled is None else _CompiledSweep)(self, reference, watched=watched)
        sweep.set_out()
        for iteration in range(1, iterations + 1):
            certify = target is not None and (iteration == iterations or target.is_due(iteration))
            u, certificate, tally = sweep.advance(iteration, certify=certify, last=iteration == iterations)
            if certificate is not None and target is not None:
                target.saw(iteration, certificate)
            yield State(self.problem, iteration, u, time.perf_counter() - start, certificate, reference, tally)
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
    """An iteration: the solve, and from u to the next right-hand side, strip by strip; s and s_d are the state in between."""

    def __init__(self, solver: SplitBregman, reference: Reference | None, *, watched: bool) -> None:
        self.solver = solver
        self.reference = reference
        self.watched = watched
        f = solver.problem.observed
        self.u, self.rhs = np.empty_like(f), np.empty_like(f)
        self.s = np.zeros((2, *f.shape), f.dtype)
        self.s_d = np.zeros_like(f) if solver.split_fidelity else None
        self.strips = self._strips()
        self.spills = np.zeros((2, len(self.strips), f.shape[0], f.shape[2]), f.dtype)
        self.dual: _Dual | None = None
        self.bound = -math.inf

    def _strips(self) -> list[slice]:
        return list(self.solver.problem.strips)

    def set_out(self) -> None:
        """The first right-hand side: from a dual variable, from u = f, or from zero."""
        solver, problem = self.solver, self.solver.problem
        f = problem.observed
        if solver.dual is not None:
            alpha, beta = solver.penalties.at(0)
            divergence = np.empty_like(f)
            spills = np.empty_like(self.spills[0])
            for index, rows in enumerate(self.strips):
                problem.operator.adjoint(solver.dual[:, :, rows], divergence[:, rows])
                spills[index] = solver.dual[1][:, rows.stop - 1]
            problem.operator.join(self.strips, spills, divergence)
            np.multiply(solver.dual, 1 / (alpha * solver.relaxation), out=self.s)
            if self.s_d is not None:
                np.multiply(divergence, -1 / (beta * solver.relaxation), out=self.s_d)
            self._set_out_from(f if self.s_d is not None else f - divergence / solver.shift(0))
        elif solver.start_from_observed:
            self._set_out_from(f)
        else:
            self.rhs[:, :, : f.shape[2]] = f

    def _set_out_from(self, u: Array) -> None:
        self._run(0, u, None)

    def advance(self, iteration: int, *, certify: bool, last: bool) -> tuple[Array, Certificate | None, Tally | None]:
        """u, and the next right-hand side unless this is the last iteration; what can be proved with the dual variable, if asked.

        The certified picture is u; where the fidelity is split off it is f + d instead, which holds exactly what f holds wherever d is 0.
        """
        alpha, _ = self.solver.penalties.at(iteration)
        solution = self.solver.problem.operator.solve(self.rhs, alpha / self.solver.shift(iteration))
        # The solve may have worked in place, behind an array object of its own.
        self.u, self.rhs = solution, (self.u if np.may_share_memory(solution, self.rhs) else self.rhs)
        if certify:
            dual = self._room_for_dual()
            return self.u, self._certify(dual, *self._run(iteration, self.u, dual)), None
        if not last:
            self._run(iteration, self.u, None)
        return self.u, None, None

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

    def _room_for_dual(self) -> _Dual:
        if self.dual is None:
            f = self.solver.problem.observed
            self.dual = _Dual(np.empty_like(f), None if self.s_d is None else np.empty_like(f), np.empty_like(f) if self.watched else None)
        return self.dual

    def _certify(self, dual: _Dual, primal: float, cost: float) -> Certificate:
        problem, f = self.solver.problem, self.solver.problem.observed
        divergence, derivative, picture = dual.divergence, dual.derivative, self.u
        if dual.picture is not None:
            picture = dual.picture
            cost = problem.cost(picture)

        def terms(rows: slice, scratch: Array) -> Array:
            g = divergence[:, rows]
            bound = row_sums(problem.fidelity.bound(g, f[:, rows], rows, problem.box, scratch))
            if derivative is None:
                return bound[None]
            stationarity = np.add(derivative[:, rows], g, out=scratch[0])
            return np.stack([bound, row_sums(np.square(stationarity, out=stationarity))])

        bound, *stationarity = problem.strips.totals(terms, planes=2)
        return self._certificate(picture, cost, primal, float(bound), float(stationarity[0]) if stationarity else 0.0)

    def _certificate(self, picture: Array, cost: float, primal: float, bound: float, dual: float) -> Certificate:
        # Any bound holds for good; under L1 the next one may be worse.
        self.bound = max(self.bound, bound - self.solver.problem.margin(cost))
        if not self.watched:
            return Certificate(picture, cost, self.bound)
        entries = self.s.size + (self.s_d.size if self.s_d is not None else 0)
        return Certificate(picture, cost, self.bound, math.sqrt(primal / entries), math.sqrt(dual / self.s[0].size))

    def _run(self, iteration: int, u: Array, dual: _Dual | None) -> tuple[float, float]:
        """The squared change of the multipliers (for the primal residual) and, where the fidelity is not split off, the cost of u."""
        solver, problem, rhs, s, s_d = self.solver, self.solver.problem, self.rhs, self.s, self.s_d
        operator, f, rho = problem.operator, problem.observed, solver.relaxation
        alpha, beta = solver.penalties.at(iteration)
        next_alpha, _ = solver.penalties.at(iteration + 1)
        c = alpha / next_alpha
        plain = rho == 1 and c == 1
        to_rhs = next_alpha * rho / solver.shift(iteration + 1)
        primal, cost = np.zeros(len(problem.strips)), np.zeros(len(problem.strips))

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
        operator.join(self.strips, self.spills[0], rhs, to_rhs)
        if dual is not None:
            operator.join(self.strips, self.spills[1], dual.divergence, alpha * rho)
        return float(primal.sum()), float(cost.sum())


class _CompiledSweep(_Sweep):
    """The same in two compiled walks an iteration: one over blocks of columns, one over strips of rows.

    The solve is a transform of the rows, a recursion down and up the columns, and a transform back (_transform.h); `rhs` is kept
    transformed, so that the second walk takes a strip from frequencies to u, to the right-hand side and to frequencies again. What it
    needs of the row below is copied before; what its last row owes to the strip below is transformed and added after.

    Rows of an awkward length are made longer, to one that is easily transformed, and the picture is cut off from its margin after the
    columns are solved (cut.py).
    """

    def __init__(self, solver: SplitBregman, reference: Reference | None, *, watched: bool) -> None:
        super().__init__(solver, reference, watched=watched)
        f, operator = solver.problem.observed, solver.problem.operator
        channels, height, width = f.shape
        self.cut = Cut(operator, f.shape) if Cut.pays(width) else None
        length = width if self.cut is None else self.cut.length
        if self.cut is not None:
            self.rhs = np.empty((channels, height, length), f.dtype)
        self.tables = tables(length, self.cut is not None or not operator.periodic, f.dtype)
        self.eigenvalues = operator.laplacian(length) if self.cut is None else self.cut.eigenvalues
        self.seams, self.owed = np.zeros((2, len(self.strips), channels, length), f.dtype)
        # The row that follows each strip; none follows the last one of a picture that is mirrored there.
        below = [strip.stop % height for strip in self.strips]
        self.below = below if operator.periodic else below[:-1]
        self.clean = None if reference is None or solver.problem.offset is not None else reference.clean_as(f.dtype)

    def _strips(self) -> list[slice]:
        height = self.solver.problem.observed.shape[1]
        rows = max(SHORTEST_STRIP, -(-height // (MOST_STRIPS * ROWS_TOGETHER)) * ROWS_TOGETHER)
        return [slice(start, min(start + rows, height)) for start in range(0, height, rows)]

    def set_out(self) -> None:
        super().set_out()
        if self.solver.dual is None and not self.solver.start_from_observed:
            self._transform(self.rhs)

    def _set_out_from(self, u: Array) -> None:
        self._sweep(0, u, None, given=True)

    def advance(self, iteration: int, *, certify: bool, last: bool) -> tuple[Array, Certificate | None, Tally | None]:
        alpha, _ = self.solver.penalties.at(iteration)
        self._solve_columns(alpha / self.solver.shift(iteration))
        if last and not certify:
            self._transform(self.rhs, back=True)
            if self.cut is None:
                return self.rhs, None, None
            np.copyto(self.u, self.rhs[:, :, : self.u.shape[2]])
            return self.u, None, None
        dual = self._room_for_dual() if certify else None
        cost, primal, squared_error = self._sweep(iteration, self.u, dual)
        if dual is not None:
            return self.u, self._certify(dual, primal, cost), None
        return self.u, None, Tally(cost, None if self.clean is None else squared_error) if self.watched else None

    def _share(self, work: Callable[[Any], object], items: Iterable[Any]) -> None:
        strips = self.solver.problem.strips
        strips.share(list(items), work, threads=1 if self.rhs.size <= ALONE else strips.threads)

    def _transform(self, planes: Array, *, back: bool = False) -> None:
        compiled = kernels.compiled
        assert compiled is not None
        used = self.u.shape[2]
        self._share(lambda part: compiled.rows(*planes.shape, part.start, part.stop, planes, self.tables, back, used), self.strips)

    def _solve_columns(self, penalty: float) -> None:
        compiled, operator, rhs = kernels.compiled, self.solver.problem.operator, self.rhs
        assert compiled is not None
        channels, height, length = rhs.shape
        eigenvalues = 1 + penalty * self.eigenvalues

        def solve(j: int) -> None:
            compiled.columns(channels, length, height, j, min(j + COLUMNS, length), rhs, eigenvalues, penalty, operator.periodic)

        self._share(solve, range(0, length, COLUMNS))
        if (cut := self.cut) is None:
            return
        self._share(lambda part: cut.look(rhs, part), self.strips)
        cut.decide(penalty)
        self._share(lambda j: cut.amend(rhs, slice(j, min(j + COLUMNS, length)), penalty), range(0, length, COLUMNS))

    def _sweep(self, iteration: int, u: Array, dual: _Dual | None, *, given: bool = False) -> tuple[float, float, float]:
        """From frequencies (or, if it is `given`, from u) to the next ones: the cost of u, the squared change, the squared error."""
        compiled, solver, problem, below = kernels.compiled, self.solver, self.solver.problem, self.below
        assert compiled is not None
        rho, (alpha, beta), (next_alpha, _) = solver.relaxation, solver.penalties.at(iteration), solver.penalties.at(iteration + 1)
        c, to_rhs = alpha / next_alpha, next_alpha * rho / solver.shift(iteration + 1)
        seams = self.seams[: len(below)]
        if not given:
            seams[...] = self.rhs[:, below].swapaxes(0, 1)
            self._transform_few(seams, back=True)
        weight, weight_map = problem.regulariser.weight_and_map
        divergence, picture, derivative = (None, None, None) if dual is None else (dual.divergence, dual.picture, dual.derivative)
        tally = self.watched or (dual is not None and self.s_d is None)
        grouping, curvature = problem.regulariser.grouping(len(u)), problem.fidelity.curvature or 0.0
        sums = np.zeros((len(self.strips), 3))

        def work(index: int) -> None:
            rows = self.strips[index]
            sums[index] = compiled.iterate(
                *u.shape, rows.start, rows.stop, self.tables, given, u, problem.observed, self.s, self.rhs, self.owed[index],
                None if given or index >= len(seams) else seams[index], weight_map, self.s_d, problem.fidelity.weights, divergence,
                None if dual is None else self.spills[1, index], derivative, picture, self.clean, grouping, problem.operator.periodic,
                problem.fidelity.has_kink, rho == 1 and c == 1, tally, weight, 1 / (alpha * rho), c, rho, to_rhs, alpha * rho, curvature,
                beta, self.rhs.shape[2],
            )  # fmt: skip

        self._share(work, range(len(self.strips)))
        if dual is not None:
            problem.operator.join(self.strips, self.spills[1], dual.divergence, alpha * rho)
        owed = self.owed[: len(below)]
        owed *= owed.dtype.type(to_rhs)
        self._transform_few(owed)
        for row, spill in zip(below, owed, strict=True):
            self.rhs[:, row] += spill
        cost, primal, squared_error = sums.sum(axis=0)
        return float(cost), float(primal), float(squared_error)

    def _transform_few(self, rows: Array, *, back: bool = False) -> None:
        """Rows of strips, (strips, channels, width), in place."""
        compiled = kernels.compiled
        assert compiled is not None
        if count := rows.shape[0] * rows.shape[1]:
            compiled.rows(1, count, rows.shape[2], 0, count, rows, self.tables, back, self.u.shape[2])

    def _certify(self, dual: _Dual, primal: float, cost: float) -> Certificate:
        compiled, problem, f = kernels.compiled, self.solver.problem, self.solver.problem.observed
        if problem.fidelity.weights is not None:
            return super()._certify(dual, primal, cost)
        picture = self.u
        if dual.picture is not None:
            picture = dual.picture
            cost = problem.cost(picture)
        box = np.stack(problem.box, axis=1).reshape(len(f), 2).astype(np.float64)
        sums = np.zeros((len(problem.strips), 2))

        def work(index: int, rows: slice, scratch: Array) -> None:  # noqa: ARG001
            assert compiled is not None
            sums[index] = compiled.bound(
                *f.shape, rows.start, rows.stop, dual.divergence, f, dual.derivative, problem.fidelity.has_kink, box
            )

        problem.strips.each(work)
        bound, stationarity = sums.sum(axis=0)
        return self._certificate(picture, cost, primal, float(bound), float(stationarity))


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
