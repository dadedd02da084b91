"""Split Bregman: a generator of States."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

from denoise_cli.kernels import binding as kernels
from denoise_cli.variational.problem import GapTarget, Problem, Reference, State
from denoise_cli.variational.strips import Array
from denoise_cli.variational.sweeps import CompiledSweep, Sweep

__all__ = ["Anchors", "Penalties", "SplitBregman", "Step"]


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
class Anchors:
    """Restarted Halpern iteration from iteration `first` on: where the state is pulled back to, and how far.

    An anchor is a state of an earlier iteration; m iterations after it, the next state is (1 − t)·anchor + t·(reflected step), with
    t = (m + 1)/(m + 2). When m exceeds `share` of all iterations, the state becomes the next anchor. Penalties are constant by then.
    Where F and R are made of edges and corners (L1 with anisotropic TV is a linear programme), plain alternating directions circle
    around the solution, and this does not.

    Halpern 1967, Bull. Amer. Math. Soc. 73, 957–961; Lu & Yang 2024, arXiv:2407.16144 (restarts, linear programmes).
    """

    first: int = 45
    share: float = 0.15

    def since(self, iteration: int) -> int | None:
        """Iterations since the last anchor, 0 where one is dropped; None before the first."""
        if iteration < self.first:
            return None
        anchor = self.first
        while (following := math.floor(anchor / (1 - self.share)) + 1) <= iteration:
            anchor = following
        return iteration - anchor


@dataclass(frozen=True)
class Step:
    """The numbers of one iteration: its penalties, and what it makes of v and w = P(v).

    h = v − (1 + c)w goes into the right-hand side, times `to_rhs` behind Dᵀ and times `scale` for d. The next state is
    from_anchor·anchor + from_v·v + from_w·w; v is the anchor from now on if `drops_anchor`. αρw is the dual variable, ρ = `scale`.
    """

    alpha: float
    beta: float
    scale: float
    c: float
    to_rhs: float
    from_v: float
    from_w: float
    from_anchor: float = 0.0
    drops_anchor: bool = False


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
    ) -> None:
        self.problem = problem
        self.penalties = penalties
        self.relaxation = relaxation
        self.split_fidelity = split_fidelity
        self.start_from_observed = start_from_observed
        self.anchors = anchors
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
        goal = 0.0 if target is None else target.gap
        sweep = (Sweep if kernels.compiled is None else CompiledSweep)(self, reference, goal=goal, watched=watched)
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

    @property
    def repairs(self) -> bool:
        """Whether p is repaired for a certificate: where L1's bound lags behind for want of anchors."""
        problem = self.problem
        return self.anchors is None and problem.fidelity.has_kink and problem.fidelity.weights is None and not problem.operator.periodic

    def step(self, iteration: int) -> Step:
        """What iteration `iteration` does; 0 is what comes before the first solve."""
        (alpha, beta), (next_alpha, _) = self.penalties.at(iteration), self.penalties.at(iteration + 1)
        scale, c, since = self._scale(iteration), alpha / next_alpha, self._since(iteration)
        to_rhs = next_alpha * scale / self.shift(iteration + 1)
        if since is None:
            return Step(alpha, beta, scale, c, to_rhs, 1 - scale, scale - 1 + c)
        following = self._scale(iteration + 1)
        anchored = self._scale(iteration - since)
        return Step(alpha, beta, scale, c, to_rhs, -scale / 2, scale, (1 - following / 2) * anchored / following, since == 0)

    def _scale(self, iteration: int) -> float:
        """V over v: ρ, or 2t where the iteration before was anchored."""
        since = self._since(iteration - 1)
        return self.relaxation if since is None else 2 * (since + 1) / (since + 2)

    def _since(self, iteration: int) -> int | None:
        return None if self.anchors is None else self.anchors.since(iteration)

    def shift(self, iteration: int) -> float:
        """What u's solve has on the identity: β where the fidelity is split off, its curvature where it is not."""
        curvature = self.problem.fidelity.curvature
        if self.split_fidelity or curvature is None:
            return self.penalties.at(iteration)[1]
        return curvature
