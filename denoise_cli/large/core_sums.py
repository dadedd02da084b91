"""What the core of a window adds to cost and bound of the whole picture."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from denoise_cli.large.tallies import Sums
from denoise_cli.variational.fidelities import L1
from denoise_cli.variational.regularisers import TotalVariation
from denoise_cli.variational.strips import row_sums

if TYPE_CHECKING:
    from denoise_cli.large.windows import Array
    from denoise_cli.variational.problem import Problem

__all__ = ["sums_of_core"]

#: Rows of a core that are summed at a time, so that what is in between stays in the cache; no more than this share of the core, so
#: that it takes little memory beside a small window.
ROWS, SHARE = 64, 1 / 16


def sums_of_core(problem: Problem, u: Array, p: Array, core: tuple[slice, slice], unit: float) -> Sums:
    """F + λR of the core's pixels, and the dual objective, in float64: Σ g(f − g/4) under L2, g = Dᵀp; under L1 Σ g f, less what is beyond
    abs(g) = 1, each times its distance to the end of the box.

    unit : by which u and f are multiplied in the units of the problem's owner.
    Both sums need a pixel more on either side, which the window has wherever the picture goes on.
    """
    rows, columns = core
    height, width = u.shape[1:]
    together = min(ROWS, max(1, int(SHARE * height)))
    tv, left = problem.regulariser, max(columns.start - 1, 0)
    right = min(columns.stop + 1, width)
    is_l1, sides, ends = isinstance(problem.fidelity, L1), [0.0, 0.0], [math.inf, -math.inf]
    cost = bound = 0.0
    for top in range(rows.start, rows.stop, together):
        bottom = min(top + together, rows.stop)
        f = problem.observed[:, top:bottom, columns]
        x, y = p[:, :, top:bottom, left:right].copy()
        g = -(x + y)[:, :, columns.start - left : columns.stop - left]
        if columns.start > left:
            g += x[:, :, : columns.stop - columns.start]
        else:
            g[:, :, 1:] += x[:, :, : columns.stop - columns.start - 1]
        above = p[1, :, max(top - 1, 0) : bottom - 1, columns]
        g[:, 1 if top == 0 else 0 :] += above
        if is_l1:
            wide, at = g.astype(np.float64), f.astype(np.float64)
            over, under = np.maximum(wide - 1, 0), np.maximum(-1 - wide, 0)
            bound += float((at * (wide - over + under)).sum())
            sides = [sides[0] + float(over.sum()), sides[1] + float(under.sum())]
            ends = [min(ends[0], float(at.min())), max(ends[1], float(at.max()))]
        else:
            bound += float(row_sums(g * (f - g / 4)).sum())
        part = u[:, top:bottom, columns]
        differences = np.zeros((2, *part.shape), part.dtype)
        inner = u[:, top:bottom, columns.start : right]
        differences[0, :, :, : inner.shape[2] - 1] = np.diff(inner, axis=2)[:, :, : part.shape[2]]
        beneath = u[:, top : min(bottom + 1, height), columns]
        differences[1, :, : beneath.shape[1] - 1] = np.diff(beneath, axis=1)
        if not isinstance(tv.weight, float):
            tv = TotalVariation(problem.regulariser.weight[top:bottom, columns], tv.tv, tv.channels)  # type: ignore[index, attr-defined]
        regularity = tv.value(differences, slice(0, bottom - top), np.empty_like(differences))
        misfit = np.abs(part - f) if is_l1 else np.square(part - f)
        cost += float(row_sums(misfit).sum() + regularity.sum())
    if is_l1:
        return Sums(cost * unit, bound * unit, above=sides[0], below=sides[1], least=ends[0] * unit, most=ends[1] * unit)
    return Sums(cost * unit**2, bound * unit**2)
