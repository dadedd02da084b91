"""Sums over the tiles of a picture: cost and bound, and what --reference and --residual tell."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from denoise_cli.large.windows import Array

__all__ = ["Sums", "against", "psnr_of_sums", "std_of_sums", "taken_out", "total"]


@dataclass(frozen=True)
class Sums:
    """What a core adds to the sums of the whole picture.

    cost, bound: in the units of the problem's owner.
    above, below: Σ of what Dᵀp is beyond 1 and −1, under L1; least, most: the least and the largest value of the core, in those units. As u
        lies between those of the whole picture, the bound is  bound + above · least − below · most  (`proved`).
    errors: Σ (result − clean)² in typed units, over `compared` values that are known; low, high: the least and the largest clean one.
    removed, squares: Σ (input − result) of each channel, and Σ (input − result)² of all, over `pixels` pixels.
    """

    cost: float
    bound: float
    errors: float = 0.0
    compared: int = 0
    low: float = math.inf
    high: float = -math.inf
    removed: tuple[float, ...] = ()
    squares: float = 0.0
    pixels: int = 0
    above: float = 0.0
    below: float = 0.0
    least: float = math.inf
    most: float = -math.inf

    @property
    def proved(self) -> float:
        """The lower bound of all that was summed."""
        return self.bound + (self.above * self.least if self.above else 0.0) - (self.below * self.most if self.below else 0.0)


def total(sums: Iterable[Sums]) -> Sums:
    """The sums of all tiles, whatever their order."""
    each = list(sums)
    return Sums(
        math.fsum(one.cost for one in each), math.fsum(one.bound for one in each), math.fsum(one.errors for one in each),
        sum(one.compared for one in each), min((one.low for one in each), default=math.inf),
        max((one.high for one in each), default=-math.inf),
        tuple(math.fsum(channel) for channel in zip(*(one.removed for one in each), strict=True)),
        math.fsum(one.squares for one in each), sum(one.pixels for one in each), math.fsum(one.above for one in each),
        math.fsum(one.below for one in each), min((one.least for one in each), default=math.inf),
        max((one.most for one in each), default=-math.inf),
    )  # fmt: skip


def against(clean: Array, image: Array, known: Array | None) -> dict[str, float]:
    """The fields of Sums on the clean picture. clean, image: typed units, (rows, columns, channels)."""
    if known is not None:
        clean, image = clean[known], image[known]
    if clean.size == 0:
        return {}
    return {
        "errors": float(np.square(image - clean, dtype=np.float64).sum()), "compared": clean.size,
        "low": float(clean.min()), "high": float(clean.max()),
    }  # fmt: skip


def taken_out(difference: Array, known: Array | None) -> dict[str, float | tuple[float, ...]]:
    """The fields of Sums on input − result, typed units, (rows, columns, channels), which becomes 0 where a pixel is not known."""
    if known is not None:
        difference[~known] = 0
    return {
        "removed": tuple(float(value) for value in difference.sum(axis=(0, 1), dtype=np.float64)),
        "squares": float(np.square(difference, dtype=np.float64).sum()), "pixels": difference.shape[0] * difference.shape[1],
    }  # fmt: skip


def psnr_of_sums(sums: Sums) -> float | None:
    """As `pipeline.report.psnr_of`: the peak is 1 for a clean picture on [0, 1], else what it spans. None where nothing was compared."""
    if not sums.compared:
        return None
    from denoise_cli.measure.metrics import decibels

    return decibels(1.0 if sums.low >= 0 and sums.high <= 1 else sums.high - sums.low, math.sqrt(sums.errors / sums.compared))


def std_of_sums(planes: Iterable[Sums]) -> float:
    """The standard deviation of what was removed, about the mean of each channel, over planes of one size."""
    variances = [one.squares / one.pixels - sum((each / one.pixels) ** 2 for each in one.removed) for one in planes]
    channels = [len(one.removed) for one in planes]
    return math.sqrt(max(0.0, sum(variance / count for variance, count in zip(variances, channels, strict=True)) / len(variances)))
