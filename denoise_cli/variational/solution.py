"""What `denoise` returns."""

from __future__ import annotations

from dataclasses import dataclass, field

from denoise_cli.variational.records import IterationRecord
from denoise_cli.variational.state import Status
from denoise_cli.variational.strips import Array

__all__ = ["Dual", "Solution"]


@dataclass(frozen=True)
class Dual:
    """Where a run ended, for another to set out from: p, |p| ≤ λ, (axes, channels, *spatial); and λ, both in the run's own units."""

    p: Array
    weight: float


@dataclass(frozen=True)
class Solution:
    """What `denoise` returns.

    image: the result, shaped as the input, float; not clipped.  iterations: how many were done.  cost: F(image) + λR(image).
    status: why it ended.  records: one IterationRecord an iteration, if asked for.  bound ≤ optimum ≤ cost and
    gap = (cost − bound)/cost, None under "matlab", which has none.  psnr_db: against the reference, if there was one.
    input_is_a_minimiser: λ is at or under the threshold where L1 has its own input as an exact minimiser.
    dual: where the run ended, for `start`, if it was to be kept.
    """

    image: Array
    iterations: int
    cost: float
    status: Status
    records: list[IterationRecord] = field(default_factory=list)
    bound: float | None = None
    gap: float | None = None
    psnr_db: float | None = None
    input_is_a_minimiser: bool = False
    dual: Dual | None = field(default=None, repr=False)
