"""Split Bregman: few iterations, each with an exact solve."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import cast

import numpy as np

from denoise_cli.variational.certificate import Certificate, GapTarget
from denoise_cli.variational.engines import DualEvidence, Engine, engine_for
from denoise_cli.variational.problem import Problem
from denoise_cli.variational.repair import Repair, can_repair
from denoise_cli.variational.schedule import Anchors, Penalties, Schedule
from denoise_cli.variational.state import Reference, State
from denoise_cli.variational.strips import Array

__all__ = ["SplitBregman"]

#: Up to how many times the gap that is asked for a dual variable is repaired, which makes bounds 3 to 4 times as good (docs/solver.md).
WITHIN_REPAIR = 30


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

    In units of z = Du the state of the iteration is V = ρv, and a step V + ρ(Du − (V − ρw)). With `anchors`, ρ is 2 (reflection), and
    (1 − t)·anchor is mixed in; dividing by tρ instead of ρ leaves Du alone as before, so that the sweep only sees other numbers (`Step`).

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
        anchors: Anchors | None = None,
        dual: Array | None = None,
        keep_dual: bool = False,
        engine: Engine | None = None,
    ) -> None:
        self.problem = problem
        self.engine = engine_for(problem) if engine is None else engine
        self.schedule = Schedule(penalties, relaxation, None if split_fidelity else problem.fidelity.curvature, anchors)
        self.start_from_observed = start_from_observed
        self.dual = dual
        self.keep_dual = keep_dual
        self.p: Array | None = None
        self._bound = -math.inf

    def states(
        self, iterations: int, *, target: GapTarget | None = None, reference: Reference | None = None, watched: bool = True
    ) -> Iterator[State]:
        """One State an iteration, at most `iterations`; with a target, some carry a Certificate, and the last is the first to meet it.

        If nobody asks for records (`watched`), certificates come without residuals, and nothing is tallied.
        """
        start = time.perf_counter()
        own_units = self.problem.offset is None and self.problem.unit == 1
        clean = reference.clean_as(self.problem.observed.dtype) if reference is not None and own_units else None
        sweep = self.engine.sweep(self.schedule, clean=clean, watched=watched, keeps_p=self.repairs)
        sweep.set_out(self.dual, from_observed=self.start_from_observed)
        for iteration in range(1, iterations + 1):
            certify = target is not None and (iteration == iterations or target.is_due(iteration))
            u, evidence, tally = sweep.advance(iteration, certify=certify, last=iteration == iterations)
            certificate = None
            if evidence is not None and target is not None:
                certificate = self._certify(u, evidence, target.gap)
                target.saw(iteration, certificate)
            shown = None if certificate is None else certificate.in_units(self.problem.unit, self.problem.cost_unit)
            yield State(self.engine, iteration, u, time.perf_counter() - start, shown, reference, tally)
            if certificate is not None and target is not None and certificate.gap <= target.gap:
                break
        if self.keep_dual:
            self.p = sweep.multiplier(iteration, u)

    @property
    def repairs(self) -> bool:
        """Whether p is repaired for a certificate: where the bound of a fidelity with a steepest slope lags behind for want of anchors."""
        return self.schedule.anchors is None and can_repair(self.problem)

    def _certify(self, u: Array, evidence: DualEvidence, goal: float) -> Certificate:
        """The certified picture is u; where the fidelity is split off it is f + d instead, which holds what f holds wherever d is 0."""
        problem, engine = self.problem, self.engine
        picture, cost = u, evidence.cost
        if evidence.picture is not None:
            picture = evidence.picture
            cost = engine.cost(picture)
        bound, stationarity = engine.bound(evidence.divergence, evidence.derivative)
        if bound == -math.inf:
            bound = self._bound_within_slope(evidence)
        # Any bound holds for good; the next one may be worse where the fidelity has no curvature.
        self._bound = max(self._bound, bound - problem.margin(cost))
        if evidence.p is not None and goal * cost < cost - self._bound < WITHIN_REPAIR * goal * cost:
            Repair(engine, evidence.p).divergence(evidence.divergence)
            self._bound = max(self._bound, engine.bound(evidence.divergence, None)[0] - problem.margin(cost))
        if evidence.derivative is None:
            return Certificate(picture, cost, self._bound)
        size = problem.observed.size
        entries = size * (problem.axes + self.schedule.splits_fidelity)
        return Certificate(picture, cost, self._bound, math.sqrt(evidence.primal / entries), math.sqrt(stationarity / size))

    def _bound_within_slope(self, evidence: DualEvidence) -> float:
        """The bound of t·p, 0 < t < 1, with |Dᵀtp| ≤ m·steepest everywhere: it is finite where p itself proves nothing."""
        fidelity = self.problem.fidelity
        if fidelity.steepest is None:
            return -math.inf
        g = np.abs(evidence.divergence)
        with np.errstate(divide="ignore", invalid="ignore"):
            room = np.where(g > 0, fidelity.steepest * cast("float", fidelity.weights_on(slice(None))) / g, math.inf)
        scaled = evidence.divergence * g.dtype.type(min(1.0, float(room.min())) * (1 - 4 * np.finfo(g.dtype).eps))
        return self.engine.bound(scaled, None)[0]
