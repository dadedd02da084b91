"""An iteration of split Bregman: in NumPy, which is the readable reference, and compiled."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from denoise_cli.kernels import binding as kernels
from denoise_cli.variational.cut import Cut
from denoise_cli.variational.problem import Certificate, Reference, Tally
from denoise_cli.variational.projection import Repair
from denoise_cli.variational.strips import Array, row_sums
from denoise_cli.variational.transforms import tables

if TYPE_CHECKING:
    from denoise_cli.variational.solver import SplitBregman, Step

__all__ = ["CompiledSweep", "Sweep"]

# Compiled: columns that are solved side by side (BLOCK of _kernels.c); rows of a strip, in steps that the transform takes without a
# remainder, and no more strips than that: a seam costs the transforms of two rows.
COLUMNS = 128
ROWS_TOGETHER, SHORTEST_STRIP, MOST_STRIPS = 32, 128, 16
# Up to how many times the gap that is asked for a dual variable is repaired, which makes bounds 3 to 4 times as good.
WITHIN_REPAIR = 30
# Pixels (times channels) up to which a second thread costs more than it brings.
ALONE = 2**17


@dataclass(frozen=True)
class _Dual:
    """What only a certificate needs: Dᵀp; f + d, if d is split off; the fidelity's derivative (or multiplier), for the residuals; p."""

    divergence: Array
    picture: Array | None
    derivative: Array | None
    p: Array | None


class Sweep:
    """An iteration: the solve, and from u to the next right-hand side, strip by strip; s and s_d are the state in between."""

    def __init__(self, solver: SplitBregman, reference: Reference | None, *, goal: float, watched: bool) -> None:
        self.solver = solver
        self.goal = goal
        self.reference = reference
        self.watched = watched
        f = solver.problem.observed
        self.u, self.rhs = np.empty_like(f), np.empty_like(f)
        self.s = np.zeros((2, *f.shape), f.dtype)
        self.s_d = np.zeros_like(f) if solver.split_fidelity else None
        self.anchor: Array | None = None
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
            step = solver.step(0)
            divergence = np.empty_like(f)
            spills = np.empty_like(self.spills[0])
            for index, rows in enumerate(self.strips):
                problem.operator.adjoint(solver.dual[:, :, rows], divergence[:, rows])
                spills[index] = solver.dual[1][:, rows.stop - 1]
            problem.operator.join(self.strips, spills, divergence)
            np.multiply(solver.dual, 1 / (step.alpha * step.scale), out=self.s)
            if self.s_d is not None:
                np.multiply(divergence, -1 / (step.beta * step.scale), out=self.s_d)
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
        problem, step = self.solver.problem, self.solver.step(iteration + 1)
        alpha, rho = step.alpha, step.scale
        p = np.empty_like(self.s)

        def strip(index: int, rows: slice, scratch: Array) -> None:  # noqa: ARG001
            v = problem.operator.differences(u, rows, scratch[:2])
            v *= rho - 1
            v += self.s[:, :, rows]
            problem.regulariser.project(v, rows, 1 / (alpha * rho), p[:, :, rows], scratch[2:])

        problem.strips.each(strip, planes=4)
        p *= alpha * rho
        return p

    def _anchor(self, step: Step) -> Array | None:
        """Room for the anchor of g and, behind it, of d; None before the first one."""
        if self.anchor is None and step.drops_anchor:
            self.anchor = np.empty((len(self.s) + (self.s_d is not None), *self.s.shape[1:]), self.s.dtype)
        return self.anchor

    def _room_for_dual(self) -> _Dual:
        if self.dual is None:
            f = self.solver.problem.observed
            self.dual = _Dual(
                divergence=np.empty_like(f),
                picture=None if self.s_d is None else np.empty_like(f),
                derivative=np.empty_like(f) if self.watched else None,
                p=np.empty_like(self.s) if self.solver.repairs else None,
            )
        return self.dual

    def _certify(self, dual: _Dual, primal: float, cost: float) -> Certificate:
        problem, picture = self.solver.problem, self.u
        if dual.picture is not None:
            picture = dual.picture
            cost = problem.cost(picture)
        bound, stationarity = self._bound(dual)
        # Any bound holds for good; under L1 the next one may be worse.
        self.bound = max(self.bound, bound - problem.margin(cost))
        if dual.p is not None and self.goal * cost < cost - self.bound < WITHIN_REPAIR * self.goal * cost:
            Repair(problem, dual.p).divergence(dual.divergence)
            self.bound = max(self.bound, self._bound(dual)[0] - problem.margin(cost))
        if not self.watched:
            return Certificate(picture, cost, self.bound)
        entries = self.s.size + (self.s_d.size if self.s_d is not None else 0)
        return Certificate(picture, cost, self.bound, math.sqrt(primal / entries), math.sqrt(stationarity / self.s[0].size))

    def _bound(self, dual: _Dual) -> tuple[float, float]:
        """The lower bound that Dᵀp gives, and Σ (∂F + Dᵀp)² if that is wanted."""
        problem, f = self.solver.problem, self.solver.problem.observed

        def terms(rows: slice, scratch: Array) -> Array:
            g = dual.divergence[:, rows]
            bound = row_sums(problem.fidelity.bound(g, f[:, rows], rows, problem.box, scratch))
            if dual.derivative is None:
                return np.stack([bound, np.zeros_like(bound)])
            stationarity = np.add(dual.derivative[:, rows], g, out=scratch[0])
            return np.stack([bound, row_sums(np.square(stationarity, out=stationarity))])

        bound, stationarity = problem.strips.totals(terms, planes=2)
        return float(bound), float(stationarity)

    def _run(self, iteration: int, u: Array, dual: _Dual | None) -> tuple[float, float]:
        """The squared change of the multipliers (for the primal residual) and, where the fidelity is not split off, the cost of u."""
        problem, step, rhs, s, s_d = self.solver.problem, self.solver.step(iteration), self.rhs, self.s, self.s_d
        anchor = self._anchor(step)
        operator, f, rho, alpha, beta = problem.operator, problem.observed, step.scale, step.alpha, step.beta
        primal, cost = np.zeros(len(problem.strips)), np.zeros(len(problem.strips))

        def relax(v: Array, w: Array, state: Array, h: Array, anchor: Array | None) -> None:
            """h, and the next state, as Step has them. Destroys v and w."""
            np.multiply(w, 1 + step.c, out=h)
            np.subtract(v, h, out=h)
            if anchor is not None and step.drops_anchor:
                anchor[...] = v
            if step.from_v == 0 and step.from_w == 1 and anchor is None:
                state[...] = w
                return
            v *= step.from_v
            w *= step.from_w
            np.add(v, w, out=state)
            if anchor is not None:
                np.multiply(anchor, step.from_anchor, out=v)
                state += v

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
                if dual.p is not None:
                    np.multiply(w, alpha * rho, out=dual.p[:, :, rows])
                divergence = operator.adjoint(w, dual.divergence[:, rows])
                divergence *= alpha * rho
                self.spills[1, index] = w[1][:, -1]
                if dual.derivative is not None:
                    primal[index] += primal_residual(v, w, state, h)
            relax(v, w, state, h, None if anchor is None else anchor[:2, :, rows])
            operator.adjoint(h, out)
            out *= step.to_rhs
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
            relax(v_d, w_d, state_d, h_d, None if anchor is None else anchor[2, :, rows])
            if rho != 1:
                h_d *= rho
            out += h_d

        problem.strips.each(strip, planes=6)
        operator.join(self.strips, self.spills[0], rhs, step.to_rhs)
        if dual is not None:
            operator.join(self.strips, self.spills[1], dual.divergence, alpha * rho)
        return float(primal.sum()), float(cost.sum())


class CompiledSweep(Sweep):
    """The same in two compiled walks an iteration: one over blocks of columns, one over strips of rows.

    The solve is a transform of the rows, a recursion down and up the columns, and a transform back (_transform.h); `rhs` is kept
    transformed, so that the second walk takes a strip from frequencies to u, to the right-hand side and to frequencies again. What it
    needs of the row below is copied before; what its last row owes to the strip below is transformed and added after.

    Rows of an awkward length are made longer, to one that is easily transformed, and the picture is cut off from its margin after the
    columns are solved (cut.py).
    """

    def __init__(self, solver: SplitBregman, reference: Reference | None, *, goal: float, watched: bool) -> None:
        super().__init__(solver, reference, goal=goal, watched=watched)
        f, operator = solver.problem.observed, solver.problem.operator
        channels, height, width = f.shape
        self.cut = Cut(operator, f.shape) if Cut.pays(width) else None
        length = width if self.cut is None else self.cut.length
        if self.cut is not None:
            self.rhs = np.empty((channels, height, length), f.dtype)
        self.tables = tables(length, self.cut is not None or not operator.periodic, f.dtype)
        self.eigenvalues = operator.laplacian(length) if self.cut is None else self.cut.eigenvalues
        self.owed = np.zeros((len(self.strips), channels, length), f.dtype)
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
        # Whoever does not watch sees the u of the last iteration, or a certificate's.
        cost, primal, squared_error = self._sweep(iteration, self.u, dual, kept=certify or self.watched)
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

    def _sweep(self, iteration: int, u: Array, dual: _Dual | None, *, given: bool = False, kept: bool = True) -> tuple[float, float, float]:
        """From frequencies (or, if it is `given`, from u) to the next ones: the cost of u, the squared change, the squared error."""
        compiled, solver, problem, below = kernels.compiled, self.solver, self.solver.problem, self.below
        assert compiled is not None
        step = solver.step(iteration)
        anchor, to_dual = self._anchor(step), step.alpha * step.scale
        seams: list[Array | None] = [None] * len(self.strips)
        if not given and below:
            seams[: len(below)] = np.ascontiguousarray(self._transformed(self.rhs[:, below], back=True).swapaxes(0, 1))
        weight, weight_map = problem.regulariser.weight_and_map
        divergence, picture, derivative = (None, None, None) if dual is None else (dual.divergence, dual.picture, dual.derivative)
        tally = self.watched if dual is None else self.s_d is None
        grouping, curvature = problem.regulariser.grouping(len(u)), problem.fidelity.curvature or 0.0
        sums = np.zeros((len(self.strips), 3))

        def work(index: int) -> None:
            rows = self.strips[index]
            sums[index] = compiled.iterate(
                *u.shape, rows.start, rows.stop, self.tables, given, u if kept else None, problem.observed, self.s, self.rhs,
                self.owed[index], seams[index], weight_map, self.s_d, problem.fidelity.weights, divergence,
                None if dual is None else self.spills[1, index], derivative, picture, self.clean, grouping, problem.operator.periodic,
                problem.fidelity.has_kink, step.drops_anchor, tally, weight, 1 / to_dual, step.c, step.scale, step.to_rhs, to_dual,
                curvature, step.beta, self.rhs.shape[2], anchor, step.from_v, step.from_w, step.from_anchor,
                None if dual is None else dual.p,
            )  # fmt: skip

        self._share(work, range(len(self.strips)))
        if dual is not None:
            problem.operator.join(self.strips, self.spills[1], dual.divergence, to_dual)
        if below:
            owed = self.owed[: len(below)].swapaxes(0, 1) * self.owed.dtype.type(step.to_rhs)
            self.rhs[:, below] += self._transformed(owed, back=False)
        cost, primal, squared_error = sums.sum(axis=0)
        return float(cost), float(primal), float(squared_error)

    def _transformed(self, rows: Array, *, back: bool) -> Array:
        """A few rows, (channels, rows, length); each channel apart, so that equal ones stay equal to the last bit."""
        compiled, planes = kernels.compiled, np.ascontiguousarray(rows)
        assert compiled is not None
        compiled.rows(*planes.shape, 0, planes.shape[1], planes, self.tables, back, self.u.shape[2])
        return planes

    def _bound(self, dual: _Dual) -> tuple[float, float]:
        compiled, problem, f = kernels.compiled, self.solver.problem, self.solver.problem.observed
        if problem.fidelity.weights is not None:
            return super()._bound(dual)
        box = np.stack(problem.box, axis=1).reshape(len(f), 2).astype(np.float64)
        sums = np.zeros((len(problem.strips), 2))

        def work(index: int, rows: slice, scratch: Array) -> None:  # noqa: ARG001
            assert compiled is not None
            sums[index] = compiled.bound(
                *f.shape, rows.start, rows.stop, dual.divergence, f, dual.derivative, problem.fidelity.has_kink, box
            )

        problem.strips.each(work)
        bound, stationarity = sums.sum(axis=0)
        return float(bound), float(stationarity)
