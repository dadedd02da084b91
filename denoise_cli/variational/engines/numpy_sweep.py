"""An iteration of split Bregman in NumPy."""

from __future__ import annotations

import numpy as np

from denoise_cli.variational.engines.protocol import DualEvidence, Tally
from denoise_cli.variational.engines.terms import cost_terms, divergence_of
from denoise_cli.variational.problem import Problem
from denoise_cli.variational.schedule import Schedule, Step
from denoise_cli.variational.strips import Array, row_sums

__all__ = ["NumPySweep"]


class NumPySweep:
    """An iteration: the solve, and from u to the next right-hand side, strip by strip; s and s_d are the state in between."""

    def __init__(self, problem: Problem, schedule: Schedule, *, watched: bool, keeps_p: bool) -> None:
        self.problem, self.schedule, self.watched, self.keeps_p = problem, schedule, watched, keeps_p
        f = problem.observed
        self.u, self.rhs = np.empty_like(f), np.empty_like(f)
        self.s = np.zeros((problem.axes, *f.shape), f.dtype)
        self.s_d = np.zeros_like(f) if schedule.splits_fidelity else None
        self.anchor: Array | None = None
        self.strips = self._strips()
        self.spills = np.zeros((2, len(self.strips), f.shape[0], *f.shape[2:]), f.dtype)
        self.evidence: DualEvidence | None = None

    def _strips(self) -> list[slice]:
        return list(self.problem.strips)

    def set_out(self, dual: Array | None, *, from_observed: bool) -> None:
        f = self.problem.observed
        if dual is not None:
            step = self.schedule.step(0)
            divergence = divergence_of(self.problem, dual, np.empty_like(f), self.strips)
            np.multiply(dual, 1 / (step.alpha * step.scale), out=self.s)
            if self.s_d is not None:
                np.multiply(divergence, -1 / (step.beta * step.scale), out=self.s_d)
            self._set_out_from(f if self.s_d is not None else f - divergence / self.schedule.shift(0))
        elif from_observed:
            self._set_out_from(f)
        else:
            self.rhs[..., : f.shape[-1]] = f

    def _set_out_from(self, u: Array) -> None:
        self._run(0, u, None)

    def advance(self, iteration: int, *, certify: bool, last: bool) -> tuple[Array, DualEvidence | None, Tally | None]:
        solution = self.problem.operator.solve(self.rhs, self.schedule.penalty(iteration))
        # The solve may have worked in place, behind an array object of its own.
        self.u, self.rhs = solution, (self.u if np.may_share_memory(solution, self.rhs) else self.rhs)
        evidence = self._room_for_evidence() if certify else None
        if certify or not last:
            self._run(iteration, self.u, evidence)
        return self.u, evidence, None

    def multiplier(self, iteration: int, u: Array) -> Array:
        """The dual variable p after the last iteration."""
        problem, step, axes = self.problem, self.schedule.step(iteration + 1), self.problem.axes
        alpha, rho = step.alpha, step.scale
        p = np.empty_like(self.s)

        def strip(index: int, rows: slice, scratch: Array) -> None:  # noqa: ARG001
            v = problem.operator.differences(u, rows, scratch[:axes])
            v *= rho - 1
            v += self.s[:, :, rows]
            problem.regulariser.project(v, rows, 1 / (alpha * rho), p[:, :, rows], scratch[axes:])

        problem.strips.each(strip, planes=2 * axes)
        p *= alpha * rho
        return p

    def _anchor(self, step: Step) -> Array | None:
        """Room for the anchor of g and, behind it, of d; None before the first one."""
        if self.anchor is None and step.drops_anchor:
            self.anchor = np.empty((len(self.s) + (self.s_d is not None), *self.s.shape[1:]), self.s.dtype)
        return self.anchor

    def _room_for_evidence(self) -> DualEvidence:
        if self.evidence is None:
            f = self.problem.observed
            self.evidence = DualEvidence(
                divergence=np.empty_like(f),
                picture=None if self.s_d is None else np.empty_like(f),
                derivative=np.empty_like(f) if self.watched else None,
                p=np.empty_like(self.s) if self.keeps_p else None,
            )
        return self.evidence

    def _run(self, iteration: int, u: Array, dual: DualEvidence | None) -> None:
        """From u to the next right-hand side; what a certificate needs goes into `dual`."""
        problem, step, rhs, s, s_d = self.problem, self.schedule.step(iteration), self.rhs, self.s, self.s_d
        anchor = self._anchor(step)
        operator, f, rho, alpha, beta = problem.operator, problem.observed, step.scale, step.alpha, step.beta
        axes = problem.axes
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
            v, w, h = scratch[:axes], scratch[axes : 2 * axes], scratch[2 * axes :]
            state, out = s[:, :, rows], rhs[:, rows]
            operator.differences(u, rows, v)
            if dual is not None and s_d is None:
                derivative = None if dual.derivative is None else dual.derivative[:, rows]
                cost[index] = cost_terms(problem, u, v, rows, h, derivative).sum()
            v += state
            problem.regulariser.project(v, rows, 1 / (alpha * rho), w, h)
            if dual is not None:
                if dual.p is not None:
                    np.multiply(w, alpha * rho, out=dual.p[:, :, rows])
                divergence = operator.adjoint(w, dual.divergence[:, rows])
                divergence *= alpha * rho
                self.spills[1, index] = w[-1][:, -1]
                if dual.derivative is not None:
                    primal[index] += primal_residual(v, w, state, h)
            relax(v, w, state, h, None if anchor is None else anchor[:axes, :, rows])
            operator.adjoint(h, out)
            out *= step.to_rhs
            self.spills[0, index] = h[-1][:, -1]

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
            relax(v_d, w_d, state_d, h_d, None if anchor is None else anchor[axes, :, rows])
            if rho != 1:
                h_d *= rho
            out += h_d

        problem.strips.each(strip, planes=3 * axes)
        operator.join(self.strips, self.spills[0], rhs, step.to_rhs)
        if dual is not None:
            operator.join(self.strips, self.spills[1], dual.divergence, alpha * rho)
            dual.primal, dual.cost = float(primal.sum()), float(cost.sum())
