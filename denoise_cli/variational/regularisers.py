"""Regularisers R(u): what a picture pays for its differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from denoise_cli.variational.claims import Claims
from denoise_cli.variational.strips import Array, row_sums

__all__ = ["CHANNELS", "TV", "Regulariser", "TotalVariation"]

TV = ("isotropic", "anisotropic")
CHANNELS = ("coupled", "separate", "sum")
TINY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class Regulariser(Claims):
    """λR(u) = max over p in a convex set, the dual ball, of ⟨p, Du⟩; λ is `weight`: one number, or an array (*spatial).

    A regulariser of your own is a subclass with `value` and `project`. What it claims beyond that is used only if the class itself says so
    (`Claims`):

    * `kernel`: the name of the compiled code that computes this R, and nothing but this R.
    * `keeps_range`: clipping u to any interval raises R nowhere, so that minimisers stay in the range of the picture.
    * `bounds_adjoint`: `largest_adjoint` is right.
    """

    claims: ClassVar[dict[str, Any]] = {"kernel": None, "keeps_range": False, "bounds_adjoint": False}
    kernel: ClassVar[str | None] = None
    keeps_range: ClassVar[bool] = False
    bounds_adjoint: ClassVar[bool] = False

    weight: float | Array

    @property
    def weight_and_map(self) -> tuple[float, Array | None]:
        """λ as a number, and as an array where it is one."""
        return (self.weight, None) if isinstance(self.weight, float) else (0.0, self.weight)

    def weight_on(self, rows: slice) -> float | Array:
        """λ on `rows`: a number, or an array that broadcasts against (axes, channels, rows, *rest)."""
        return self.weight if isinstance(self.weight, float) else self.weight[rows]

    def grouping(self, channels: int) -> str:  # noqa: ARG002
        """Which differences share a norm, in the words of the compiled engine; only asked of a regulariser with a kernel."""
        return "alone"

    def is_polyhedral(self, channels: int) -> bool:  # noqa: ARG002
        """Whether the dual ball is a box, so that with L1 the problem is a linear programme."""
        return False

    def project(self, v: Array, rows: slice, step: float, out: Array, scratch: Array) -> Array:
        """The nearest point to v of `step` times the dual ball, in `out`: (axes, channels, rows, *rest)."""
        raise NotImplementedError

    def value(self, differences: Array, rows: slice, scratch: Array) -> Array:
        """Row sums of λR: (rows,), float64. `scratch` is like `differences`."""
        raise NotImplementedError

    def largest_adjoint(
        self, neighbours: Sequence[tuple[Array, Array]], shape: Sequence[int], axis_weights: Sequence[float] | None = None
    ) -> Array:
        """max |(Dᵀp)[i]| over all p that are dual feasible: `shape`, that of the picture. `neighbours`, and `axis_weights` (1 unless told),
        are those of the operator."""
        raise NotImplementedError


@dataclass(frozen=True)
class TotalVariation(Regulariser):
    """Total variation  R(u) = Σ_pixels Σ_groups ‖(Du)_group‖₂,  weighted by λ: one number, or an array (*spatial).

    Which differences of a pixel form a group, i.e. share one norm and one shrinkage (a volume has z beside x and y, and so on):

    | tv          | channels | a group                                                                   |
    |-------------|----------|---------------------------------------------------------------------------|
    | isotropic   | coupled  | x and y of all channels (vectorial TV; Bresson & Chan 2008, IPI 2, 455)   |
    | isotropic   | separate | x and y of one channel  (Rudin, Osher & Fatemi 1992, Physica D 60, 259)   |
    | anisotropic | coupled  | all channels of x; all channels of y                                      |
    | anisotropic | separate | every difference alone                                                    |
    | anisotropic | sum      | the MATLAB original's: shrunk by Σ_c |v_c|, priced separately; no proximal operator of anything |

    Larger λ is smoother.
    """

    kernel: ClassVar[str | None] = "total_variation"
    keeps_range: ClassVar[bool] = True
    bounds_adjoint: ClassVar[bool] = True

    tv: str = "isotropic"
    channels: str = "coupled"

    def __post_init__(self) -> None:
        if self.tv not in TV or self.channels not in CHANNELS or (self.tv, self.channels) == ("isotropic", "sum"):
            raise ValueError(f"no total variation with tv={self.tv!r} and channels={self.channels!r}")

    def grouping(self, channels: int) -> str:
        if self.channels == "sum":
            return "sum"
        if self.tv == "anisotropic":
            return "channels" if self.channels == "coupled" and channels > 1 else "alone"
        return "vector" if self.channels == "coupled" or channels == 1 else "pixel"

    def is_polyhedral(self, channels: int) -> bool:
        return self.tv == "anisotropic" and (self.channels == "separate" or (self.channels == "coupled" and channels == 1))

    def project(self, v: Array, rows: slice, step: float, out: Array, scratch: Array) -> Array:
        """The nearest point to v with every group's norm ≤ r = λ·step, i.e. v − prox of step·λR: (axes, channels, rows, *rest).

        For "sum" it is v·min(1, r/Σ_c|v_c|), what the original subtracts from v, and no projection. `scratch` is like v.
        """
        radius = self.weight_on(rows) * step
        if self._alone(v):
            return np.clip(v, -radius, radius, out=out)
        norms = self._norms(v, scratch)
        # Never 0/0, not even where λ is 0.
        np.maximum(norms, max(radius, TINY) if isinstance(radius, float) else np.maximum(radius, v.dtype.type(TINY)), out=norms)
        np.divide(radius, norms, out=norms)
        return np.multiply(v, norms, out=out)

    def _alone(self, v: Array) -> bool:
        return self.tv == "anisotropic" and (self.channels == "separate" or v.shape[1] == 1)

    def _norms(self, v: Array, scratch: Array) -> Array:
        """‖group‖, broadcastable to v, in a part of `scratch`."""
        if self.channels == "sum":
            return _fold(np.abs(v, out=scratch), axis=1)
        np.multiply(v, v, out=scratch)
        if self.tv == "isotropic":
            scratch = _fold(scratch, axis=0)
        if self.channels == "coupled":
            scratch = _fold(scratch, axis=1)
        return np.sqrt(scratch, out=scratch)

    def value(self, differences: Array, rows: slice, scratch: Array) -> Array:
        """Row sums of λR: (rows,), float64. `scratch` is like `differences`."""
        alone = self._alone(differences) or self.channels == "sum"
        norms = np.abs(differences, out=scratch) if alone else self._norms(differences, scratch)
        weight = self.weight_on(rows)
        if not isinstance(weight, float):
            np.multiply(norms, weight, out=norms)
            return row_sums(norms.reshape(-1, *norms.shape[2:]))
        return row_sums(norms.reshape(-1, *norms.shape[2:])) * weight

    def largest_adjoint(
        self, neighbours: Sequence[tuple[Array, Array]], shape: Sequence[int], axis_weights: Sequence[float] | None = None
    ) -> Array:
        """max |(Dᵀp)[i]| over all p that are dual feasible (every group's norm ≤ λ): `shape`, that of the picture.

        A pixel ends up to one difference of another group along each axis, worth that group's λ times the axis' weight, and owns up to
        one along each: their weights add up when they are groups of their own, and their squares do under a root when they share one
        (isotropic: √2·λ in a picture). Coupling channels changes nothing: one channel may have it all.
        """
        weight, count = np.broadcast_to(np.asarray(self.weight, np.float64), shape), len(shape)
        own, ended = np.zeros(tuple(shape)), np.zeros(tuple(shape))
        for at, (owns, ends) in enumerate(neighbours):
            axis = count - 1 - at
            along, factor = (-1, *(1 for _ in range(at))), 1.0 if axis_weights is None else axis_weights[axis]
            own += owns.reshape(along) * (factor**2 if self.tv == "isotropic" else factor)
            ended += factor * ends.reshape(along) * np.roll(weight, 1, axis)
        largest: Array = (np.sqrt(own) if self.tv == "isotropic" else own) * weight + ended
        return largest


def _fold(values: Array, axis: int) -> Array:
    """Sum along `axis` (0 or 1; kept, length 1), in place in its first slice; plain additions run at full speed where np.sum does not."""
    parts = values if axis == 0 else values.swapaxes(0, 1)
    for part in parts[1:]:
        np.add(parts[0], part, out=parts[0])
    return values[:1] if axis == 0 else values[:, :1]
