"""Data terms F(u; f): how far a picture may stray from what was observed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from denoise_cli.variational.claims import Claims
from denoise_cli.variational.strips import Array

__all__ = ["FIDELITIES", "L1", "Fidelity", "SquaredL2"]


@dataclass(frozen=True)
class Fidelity(Claims):
    """F(u; f) = Σ m·φ(u − f), pixel by pixel; φ is convex and smallest at 0, where it is 0.

    m ≥ 0 are `weights`, one a pixel, (*spatial); None means 1 everywhere, and 0 means unknown. Arrays are strips
    (channels, rows, *rest); `rows` says which, so that the weights can follow.

    A fidelity of your own is a subclass with `value`, `dual_part` and `bound`. It runs in NumPy. What it claims beyond that makes it
    quicker, and is used only if the class itself says so (`Claims`):

    * `kernel`: the name of the compiled code that computes this φ, and nothing but this φ.
    * `second_derivative`: φ'' where it is the same everywhere, i.e. φ(r) = φ''·r²/2: u is then solved for without splitting F off.
    * `kink`: φ(r) ≥ kink·|r|, so that a λ small enough leaves f as it is.
    * `steepest`: the largest |φ'|: a dual variable with |Dᵀp| beyond it is worth less than one without.
    * `degree`: φ(k·r) = k^degree·φ(r) for k > 0, so that the picture may be measured in other units.
    """

    claims: ClassVar[dict[str, Any]] = {"kernel": None, "second_derivative": None, "kink": 0.0, "steepest": None, "degree": None}
    kernel: ClassVar[str | None] = None
    second_derivative: ClassVar[float | None] = None
    kink: ClassVar[float] = 0.0
    steepest: ClassVar[float | None] = None
    degree: ClassVar[float | None] = None

    weights: Array | None = None
    # The original shrinks a colour by Σ_c |v_c|, which is no proximal operator: reproduced for `matlab`, and nowhere else.
    summed_channels: bool = False

    @property
    def curvature(self) -> float | None:
        """c where F'' = c everywhere, so that u can be solved for without splitting F off; None otherwise."""
        return self.second_derivative if self.weights is None else None

    def stiffness(self, residual: float) -> float:
        """2φ(r)/r² at r = `residual`: the curvature of the parabola that is as high there."""
        size = (1, 1, 1) if self.weights is None else (1, *self.weights.shape)
        values = self.value(np.full(size, residual), slice(0, size[1]), np.empty(size))
        mean = 1.0 if self.weights is None else float(np.mean(self.weights, dtype=np.float64)) or 1.0
        return 2 * float(values.mean()) / mean / residual**2 or 1.0

    def weights_on(self, rows: slice) -> float | Array:
        return 1.0 if self.weights is None else self.weights[rows]

    def value(self, residual: Array, rows: slice, scratch: Array) -> Array:
        """m·φ(residual), elementwise, in `scratch`."""
        raise NotImplementedError

    def dual_part(self, v: Array, rows: slice, penalty: float, relaxation: float, out: Array, scratch: Array) -> Array:
        """(ρv − prox(ρv))/ρ, with prox(x) = argmin over r of m·φ(r) + penalty/2·(r − x)², and ρ the relaxation; in `out`."""
        raise NotImplementedError

    def bound(self, g: Array, observed: Array, rows: slice, box: tuple[Array, Array], scratch: Array) -> Array:
        """At most the minimum over lo ≤ u ≤ hi of m·φ(u − f) + g·u, elementwise, in scratch[0]; scratch is two strips.

        Summed over the pixels, with g = Dᵀp and p dual feasible, it is a lower bound of the optimum if a minimiser stays within
        `box` = (lo, hi), which may be infinite.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class SquaredL2(Fidelity):
    """Data term for Gaussian noise:  F(u; f) = Σ m (u − f)²   (no ½).

    prox(v) of F/penalty = penalty/(2m + penalty) · v. Conjugate, m > 0: g·f − g²/(4m).
    Rudin, Osher & Fatemi 1992, Physica D 60, 259–268.
    """

    kernel: ClassVar[str | None] = "squared_l2"
    second_derivative: ClassVar[float | None] = 2.0
    degree: ClassVar[float | None] = 2.0

    def stiffness(self, residual: float) -> float:  # noqa: ARG002
        return 2.0

    def value(self, residual: Array, rows: slice, scratch: Array) -> Array:
        np.multiply(residual, residual, out=scratch)
        return scratch if self.weights is None else np.multiply(scratch, self.weights_on(rows), out=scratch)

    def dual_part(self, v: Array, rows: slice, penalty: float, relaxation: float, out: Array, scratch: Array) -> Array:  # noqa: ARG002
        m = self.weights_on(rows)
        np.multiply(v, 2 * m / (2 * m + penalty), out=out)
        return out

    def bound(self, g: Array, observed: Array, rows: slice, box: tuple[Array, Array], scratch: Array) -> Array:
        value: Array = scratch[0]
        residual: Array = scratch[1]
        if self.weights is None:
            # Without the box: it is met by the time that the bound is worth anything.
            np.multiply(g, -0.25, out=value)
            value += observed
            value *= g
            return value
        if not np.isfinite(box).all():
            with np.errstate(divide="ignore", invalid="ignore"):
                np.divide(g, -4 * self.weights_on(rows), out=value)
                np.copyto(value, np.where(g == 0, 0, (value + observed) * g))
            return value
        # 0 = unknown: the minimum lies at the end of the box that g points to.
        m = np.maximum(self.weights_on(rows), np.finfo(g.dtype).tiny)
        with np.errstate(over="ignore"):
            np.divide(g, -2 * m, out=residual)
        np.clip(residual, box[0] - observed, box[1] - observed, out=residual)
        self.value(residual, rows, value)
        residual += observed
        residual *= g
        value += residual
        return value


@dataclass(frozen=True)
class L1(Fidelity):
    """Outlier-robust data term, for impulse noise:  F(u; f) = Σ m |u − f|.

    prox(v) of F/penalty = sign(v) · max(|v| − m/penalty, 0). Minimisers need not be unique, and contrast below a threshold in λ is
    kept exactly.  Nikolova 2004, J. Math. Imaging Vis. 20, 99–120; Chan & Esedoḡlu 2005, SIAM J. Appl. Math. 65, 1817–1837.
    """

    kernel: ClassVar[str | None] = "l1"
    kink: ClassVar[float] = 1.0
    steepest: ClassVar[float | None] = 1.0
    degree: ClassVar[float | None] = 1.0

    def value(self, residual: Array, rows: slice, scratch: Array) -> Array:
        np.abs(residual, out=scratch)
        return scratch if self.weights is None else np.multiply(scratch, self.weights_on(rows), out=scratch)

    def dual_part(self, v: Array, rows: slice, penalty: float, relaxation: float, out: Array, scratch: Array) -> Array:
        radius = self.weights_on(rows) / (penalty * relaxation)
        if not self.summed_channels or len(v) == 1:
            np.clip(v, -radius, radius, out=out)
            return out
        magnitude, *others = np.abs(v, out=scratch)
        for other in others:
            np.add(magnitude, other, out=magnitude)
        np.maximum(magnitude, radius, out=magnitude)
        np.divide(radius, magnitude, out=magnitude)
        np.multiply(v, magnitude, out=out)
        return out

    def bound(self, g: Array, observed: Array, rows: slice, box: tuple[Array, Array], scratch: Array) -> Array:
        # Piecewise linear in u: the minimum is at f or at an end of the box.
        value: Array = scratch[0]
        other: Array = scratch[1]
        m = self.weights_on(rows)
        np.multiply(g, observed, out=value)
        if not np.isfinite(box).all():
            np.copyto(value, -np.inf, where=np.abs(g) > m)
            return value
        for end in box:
            np.subtract(end, observed, out=other)
            np.abs(other, out=other)
            other *= m
            other += g * end
            np.minimum(value, other, out=value)
        return value


FIDELITIES: dict[str, type[Fidelity]] = {"l2": SquaredL2, "l1": L1}
