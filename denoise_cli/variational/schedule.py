"""The numbers of split Bregman, iteration by iteration: penalties, relaxation, anchors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from denoise_cli.variational.problem import Problem

__all__ = ["Anchors", "Penalties", "Schedule", "Step", "anchors_of", "mean_of", "penalties_of"]


#: Unknown pixels are scattered if blocks of 2^3 pixels a side all hold a known one (`python -m benchmarks holes` has what follows from it).
SCATTERED = 3


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
        """(α, β) of an iteration."""
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


@dataclass(frozen=True, slots=True)
class Step:
    """The numbers of one iteration: its penalties, and what it makes of v and w = P(v).

    h = v − (1 + c)w goes into the right-hand side, times `to_rhs` behind Dᵀ and times `scale` for d. The next state is
    from_anchor·anchor + from_v·v + from_w·w; v is the anchor from now on if `drops_anchor`. αρw is the dual variable, ρ = `scale`.
    The compiled engine reads the fields by name.
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


@dataclass(frozen=True)
class Schedule:
    """What every iteration does: a Step each. `curvature` is F'' where d = u − f is not split off, and None where it is."""

    penalties: Penalties
    relaxation: float = 1.0
    curvature: float | None = None
    anchors: Anchors | None = None

    @property
    def splits_fidelity(self) -> bool:
        return self.curvature is None

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

    def shift(self, iteration: int) -> float:
        """What u's solve has on the identity: β where the fidelity is split off, its curvature where it is not."""
        return self.penalties.at(iteration)[1] if self.curvature is None else self.curvature

    def penalty(self, iteration: int) -> float:
        """What u's solve has on DᵀD, if it has 1 on the identity."""
        return self.penalties.at(iteration)[0] / self.shift(iteration)

    def _scale(self, iteration: int) -> float:
        """V over v: ρ, or 2t where the iteration before was anchored."""
        since = self._since(iteration - 1)
        return self.relaxation if since is None else 2 * (since + 1) / (since + 2)

    def _since(self, iteration: int) -> int | None:
        return None if self.anchors is None else self.anchors.since(iteration)


def penalties_of(problem: Problem, spread: float) -> Penalties:
    """Penalties in units of λ, of the weights and of the contrast of the picture, so that a change of units changes nothing.

    docs/solver.md has the search. `stiffness`, 2φ(s)/s² at the contrast s, is 2 for squared L2. A fidelity that grows no faster than
    its distance (`steepest`) has its penalties as L1 has.
    """
    level, fidelity_weight = mean_of(problem.regulariser.weight), mean_of(problem.fidelity.weights)
    if problem.fidelity.kink and problem.fidelity.steepest is not None:
        fidelity_weight *= problem.fidelity.steepest
        start = 4 * min(1.0, level / fidelity_weight) ** 2 * fidelity_weight / spread
        return Penalties(start, start, growth=1.1, peak=10, settled=10)
    alpha, beta = 4 * level / spread, fidelity_weight * problem.fidelity.stiffness(spread) / 4
    if problem.hole_depth:
        # An unknown pixel moves by a share αk²/β of its way at wave number k: β must be small, but not so small that known ones lag.
        scattered = problem.hole_depth <= SCATTERED
        alpha *= 0.3 if scattered else 1.0
        beta *= min(1.0, (0.3 if scattered else 0.2) * math.sqrt(level / (fidelity_weight * spread)))
    return Penalties(alpha, beta, growth=1.3, peak=45, decay=0.93, settled=8)


def anchors_of(problem: Problem) -> Anchors | None:
    """For fidelities with a kink, and every difference by itself. Where differences share a norm, plain steps come to 1e-4 sooner."""
    return Anchors() if problem.fidelity.kink and problem.regulariser.is_polyhedral(len(problem.observed)) else None


def mean_of(weights: float | np.ndarray | None) -> float:
    """The mean of weights or of λ, which are one number or a map; 1 for None, and where all are 0."""
    return 1.0 if weights is None else float(np.mean(weights, dtype=np.float64)) or 1.0
