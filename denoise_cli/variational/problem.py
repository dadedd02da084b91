"""What is solved: an observed picture, a fidelity, a regulariser and an operator."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from denoise_cli.variational.fidelities import Fidelity
from denoise_cli.variational.operators import Gradient
from denoise_cli.variational.regularisers import Regulariser
from denoise_cli.variational.strips import Array, Strips

__all__ = ["Problem", "input_is_a_minimiser"]

#: Rounding may add to a bound what is of the order of eps·cost: so many of them are taken off (tests/variational/test_certificate.py).
BOUND_MARGIN = 4


@dataclass(frozen=True)
class Problem:
    """minimise over u   F(u; f) + λR(u),  f = `observed`, planar (channels, *spatial): (channels, height, width), or more.

    The picture of its owner is  unit · f + offset, in `shape`. `offset`, one value a channel, (channels, 1, …, 1), was taken off
    because the bound of a picture far from 0 would drown in rounding; `unit` > 0 because float32 has no room for squares of very small
    or very large numbers. λ is that of f: the owner's λ times unit^(1 − degree), where F(k·r) = k^degree · F(r). `hole_depth` tells how
    large holes are: blocks of 2^depth pixels a side all hold a pixel whose weight is not 0.
    """

    observed: Array
    fidelity: Fidelity
    regulariser: Regulariser
    operator: Gradient
    shape: tuple[int, ...] | None = None
    offset: Array | None = None
    unit: float = 1.0
    hole_depth: int = 0

    @property
    def strips(self) -> Strips:
        return self.operator.strips

    @property
    def spatial(self) -> tuple[int, ...]:
        """The shape without the channels."""
        return self.observed.shape[1:]

    @property
    def axes(self) -> int:
        """How many spatial axes there are, and differences of a pixel."""
        return self.observed.ndim - 1

    @cached_property
    def box(self) -> tuple[Array, Array]:
        """The smallest and the largest value of each channel, (channels, 1, …, 1): a minimiser lies between them.

        Clipping u to the range of f brings no pixel further from f, and raises no total variation. Where the regulariser or the operator
        does not claim that (`keeps_range`), the box is infinite.
        """
        if self.regulariser.keeps_range and self.operator.keeps_range:
            axes = tuple(range(1, self.observed.ndim))
            return self.observed.min(axis=axes, keepdims=True), self.observed.max(axis=axes, keepdims=True)
        end = np.full((len(self.observed), *(1 for _ in self.spatial)), np.inf, self.observed.dtype)
        return -end, end

    def input_is_a_minimiser(self) -> bool:
        """True if λ is so small that f itself is a minimiser, whatever f holds."""
        return input_is_a_minimiser(self.fidelity, self.regulariser, self.operator)

    def margin(self, cost: float) -> float:
        """What rounding may have added to a bound."""
        return BOUND_MARGIN * float(np.finfo(self.observed.dtype).eps) * abs(cost)

    @property
    def cost_unit(self) -> float:
        """What a cost of f is worth in the units of the picture's owner: unit^degree."""
        return 1.0 if self.unit == 1 or self.fidelity.degree is None else self.unit**self.fidelity.degree


def input_is_a_minimiser(fidelity: Fidelity, regulariser: Regulariser, operator: Gradient) -> bool:
    """True if λ is so small that any picture minimises its own problem: |Dᵀp| ≤ m·kink for every dual feasible p.

    Only where the fidelity has a kink at 0, and regulariser and operator claim that they know the largest |Dᵀp|.
    """
    if not (fidelity.kink and regulariser.bounds_adjoint and operator.bounds_adjoint):
        return False
    neighbours, shape, weights = operator.neighbours(), operator.spatial, fidelity.weights
    if isinstance(regulariser.weight, float) and weights is None:
        # Pixels only differ in being first, last or in between: three along each axis stand for all.
        neighbours = tuple((own[[0, len(own) // 2, -1]], end[[0, len(end) // 2, -1]]) for own, end in neighbours)
        shape = tuple(3 for _ in shape)
    largest = regulariser.largest_adjoint(neighbours, shape, operator.axis_weights)
    return bool(np.all(largest <= (1.0 if weights is None else weights) * fidelity.kink * (1 + 1e-12)))
