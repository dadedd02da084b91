"""What an engine can do: the passes over whole pictures that the algorithms are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

from denoise_cli.variational.problem import Problem
from denoise_cli.variational.schedule import Schedule
from denoise_cli.variational.strips import Array

__all__ = ["DualEvidence", "Engine", "Projection", "ProjectionRange", "Sweep", "Tally"]

#: What a picture's contrast is in standard deviations, and in mean gradients.
DEVIATIONS, GRADIENTS = 3.5, 5.2


@dataclass(frozen=True)
class Tally:
    """What a sweep found out about u on its way: F + λR, and Σ (u − clean)² where there is a clean picture."""

    cost: float
    squared_error: float | None


@dataclass
class DualEvidence:
    """What a certificate is made of: Dᵀp; f + d, if d is split off; the fidelity's derivative (or multiplier), for the residuals; p.

    `primal` is the squared change of the multipliers, and `cost` that of u, where the fidelity is not split off.
    """

    divergence: Array
    picture: Array | None
    derivative: Array | None
    p: Array | None
    primal: float = 0.0
    cost: float = 0.0


@dataclass(frozen=True)
class ProjectionRange:
    """Where gradient projection is done sooner than split Bregman, in an engine.

    Up to λ = limit · (gap/1e-3)^by_gap times the contrast of the picture, and for every λ at gaps under `tight`
    (docs/performance.md has the measurement).
    """

    limit: float
    by_gap: float = 0.0
    tight: float = 0.0

    def holds(self, weight: float, spread: float, gap: float) -> bool:
        """Whether λ = `weight` is in the range, for a picture of contrast `spread`."""
        return gap < self.tight or weight <= self.limit * (gap / 1e-3) ** self.by_gap * spread


class Sweep(Protocol):
    """The state of split Bregman, and one iteration after the other of it."""

    s: Array
    s_d: Array | None

    def set_out(self, dual: Array | None, *, from_observed: bool) -> None:
        """The first right-hand side: from a dual variable, from u = f, or from zero."""
        ...

    def advance(self, iteration: int, *, certify: bool, last: bool) -> tuple[Array, DualEvidence | None, Tally | None]:
        """u, and the next right-hand side unless this is the last iteration; what a certificate needs, if it is asked for."""
        ...

    def multiplier(self, iteration: int, u: Array) -> Array:
        """The dual variable p after the last iteration."""
        ...


class Projection(Protocol):
    """The state of gradient projection: p, and the p before it, each (axes, channels, *spatial)."""

    p: Array

    def walk(self, momentum: Array) -> None:
        """One iteration for each momentum (t − 1)/t₊."""
        ...

    def prove(self, picture: Array, *, residual: bool) -> tuple[float, float, float]:
        """f − Dᵀp/c in `picture`; its cost, the dual objective, and Σ of the squared changes if `residual`."""
        ...

    def shorten(self) -> None:
        """From now on the steps are so short that convergence is proved."""
        ...

    def divergence(self, out: Array) -> Array:
        """Dᵀp, in `out`."""
        ...


class Engine(Protocol):
    """Arithmetic on one problem."""

    projects: ClassVar[ProjectionRange]
    problem: Problem

    def cost(self, u: Array) -> float:
        """F(u; f) + λR(u), accumulated in float64."""
        ...

    def contrast(self) -> float:
        """How much f varies: of 3.5 standard deviations and 5.2 mean gradients, the larger; 1 or less for a picture on [0, 1].

        The one is that of a picture with large regions, the other that of noise or fine texture (docs/solver.md).
        """
        ...

    def squared_error(self, picture: Array, clean: Array) -> float:
        """Σ (picture − clean)², accumulated in float64."""
        ...

    def bound(self, divergence: Array, derivative: Array | None) -> tuple[float, float]:
        """The lower bound that Dᵀp gives, and Σ (∂F + Dᵀp)² where there is a derivative."""
        ...

    def sweep(self, schedule: Schedule, *, clean: Array | None, watched: bool, keeps_p: bool) -> Sweep:
        """Split Bregman's state. `watched`: costs are tallied, and residuals come with certificates; `keeps_p`: so does p."""
        ...

    def projection(self, p: Array, before: Array, *, beyond: float | None = None) -> Projection:
        """Gradient projection from p; with `beyond`, it minimises ½‖(|Dᵀp| − beyond)₊‖² instead. Both arrays are overwritten."""
        ...
