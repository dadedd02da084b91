"""By how much is each row off? From its steps to the neighbouring rows, which the picture's own changes blur."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Steps", "offsets", "row_offsets", "row_steps", "varying_offsets"]

Array = npt.NDArray[Any]

#: Parts of a row whose steps are read one by one, and columns that each must have at least.
SEGMENTS, NARROWEST = 16, 4
#: Rows that are read at once.
BAND = 128
#: 1.4826 times the median of |x| is the σ of normal x.
NORMAL = 1.4826
#: The variance of the mean of the middle half of n normal values is 1.3/n.
MIDDLE_HALF = 1.3
#: A step beyond this many σ is an edge of the picture across the whole row, and no stripe.
EDGE = 3.5
#: What is tried for the variance of the offsets (over half that of the steps), and for the picture's own steps (over what the segments
#: differ in): the likeliest pair counts.
OFFSETS_TRIED = (0.7, 0.85, 1.0, 1.15)
OWN_TRIED = tuple(2.0**k for k in range(-5, 5))
#: Rows of a block, and how much of what blocks of rows say is taken over: slopes fainter than the noise show in their means. Error of
#: the offsets of σ 8/255 beside noise of 6/255 on 13 pictures: 0.30 of σ without, 0.28 with blocks (benchmarks/stripes.py).
BLOCK, TAKEN_OVER = 4, 0.75
#: Stripes vary along themselves if neighbouring segments share more than this part of what such stripes would make them share: −0.2 on
#: camera and coffee with stripes that do not vary, 0.2 to 0.4 where they change from one end of the row to the other.
SHARED = 0.05
#: Rounds for stripes that vary: of σ 8/255, 0.35 to 0.59 stay along the rows after one, 0.31 to 0.56 after three.
ROUNDS = 3


@dataclass(frozen=True)
class Steps:
    """Steps from each row to the next, (height − 1,).

    common: what the segments of the rows agree on.  segments: (height − 1, SEGMENTS), one by one; those without a pixel that counts are
    as `common`.  many: how many others there are.  spread: the variance that `common` has because the segments differ; infinite where
    nothing is known.
    """

    common: Array
    segments: Array
    many: Array
    spread: Array

    @property
    def known(self) -> Array:
        return np.isfinite(self.spread)

    @property
    def sigma(self) -> float:
        """σ of the offsets, if steps are differences of independent ones: not disturbed by edges in less than half of the rows."""
        known = self.common[self.known]
        return NORMAL * float(np.median(np.abs(known - np.median(known)))) / math.sqrt(2)


def row_steps(plane: Array, usable: Array | None = None) -> Steps | None:
    """The steps of `plane`, (height, width); None where it is too small. `usable`, (height, width): the pixels that count.

    A segment's step is the mean of the middle half of its columns' steps; the common step, of the middle half of the segments'. Both
    follow the many columns without an edge, and round no step to a whole grey level.
    """
    height, width = plane.shape
    columns = width // SEGMENTS
    if columns < NARROWEST or height < 3:
        return None
    parts = []
    for top in range(0, height - 1, BAND):
        rows = slice(top, min(top + BAND, height - 1))
        below = slice(rows.start + 1, rows.stop + 1)
        with np.errstate(invalid="ignore"):  # what is unknown may be infinite
            steps = (plane[below].astype(np.float64) - plane[rows])[:, : columns * SEGMENTS]
        if usable is not None:
            steps[~(usable[below] & usable[rows])[:, : columns * SEGMENTS]] = np.nan
        parts.append(_middle_mean(steps.reshape(-1, SEGMENTS, columns)))
    segments = np.concatenate(parts)
    common = _middle_mean(segments)
    many = np.isfinite(segments).sum(axis=1)
    with np.errstate(invalid="ignore"):
        apart = np.sort(np.abs(segments - common[:, None]), axis=1)
    middle = np.take_along_axis(apart, np.maximum(many - 1, 0)[:, None] // 2, axis=1)[:, 0]
    spread = np.where(many >= SEGMENTS // 4, (NORMAL * middle) ** 2 * MIDDLE_HALF / np.maximum(many, 1), np.inf)
    common = np.nan_to_num(common)
    segments = np.where(np.isfinite(segments), segments, common[:, None])
    return Steps(common, segments, many, np.nan_to_num(spread, nan=np.inf, posinf=np.inf))


def _middle_mean(values: Array) -> Array:
    """The mean of the middle half along the last axis; NaN do not count, and give NaN where there is nothing else."""
    ordered = np.sort(values, axis=-1)
    count = np.isfinite(ordered).sum(axis=-1, keepdims=True)
    place = np.arange(values.shape[-1])
    inside = (place >= count // 4) & (place < count - count // 4)
    total = np.where(inside, ordered, 0).sum(axis=-1)
    with np.errstate(invalid="ignore"):
        mean: Array = total / np.where(inside.any(axis=-1), inside.sum(axis=-1), np.nan)
    return mean


def offsets(steps: Steps, common: Array | None = None, spread: Array | None = None) -> Array:
    """The offset of each row, (height,), of mean about 0: the conditional mean given the steps.

    Offsets r are independent, of variance s; steps are d = Δr + m, the picture's own steps m independent, of variance k·spread. Hence
    d ~ N(0, sΔΔᵀ + k·diag(spread)), and r̂ = sΔᵀ(sΔΔᵀ + k·diag(spread))⁻¹d, with the likeliest s and k: one tridiagonal system each.
    What the picture itself changes slowly from row to row is left to it.
    """
    from scipy.linalg import cho_solve_banded, cholesky_banded

    common = steps.common if common is None else common
    spread = steps.spread if spread is None else spread
    known = np.isfinite(spread)
    if known.sum() < 3:
        return np.zeros(len(common) + 1)
    # Their median is left in: taken from all, it would tilt the picture.
    step = np.where(known, common, 0)
    deviation = NORMAL * float(np.median(np.abs(step[known])))
    if deviation <= 0:
        return np.zeros(len(common) + 1)
    unsure = np.where(known, spread, 0)
    # One row's spread is a rough number; its neighbours' help.
    unsure = (unsure + np.convolve(np.pad(unsure, 2, mode="edge"), np.full(5, 0.2), "valid")) / 2
    edge = np.maximum(0, step**2 - (EDGE * deviation) ** 2)
    edge[~known] = 1e6 * deviation**2
    best, chosen = -math.inf, (0.0, step)
    for part in OFFSETS_TRIED:
        variance = part * deviation**2 / 2
        for factor in OWN_TRIED:
            bands = np.zeros((2, len(step)))
            bands[0] = (2 + 1e-4) * variance + factor * unsure + edge
            bands[1, :-1] = -variance
            triangle = cholesky_banded(bands, lower=True, check_finite=False)
            solved = cho_solve_banded((triangle, True), step, check_finite=False)
            likelihood = -float(step @ solved) / 2 - float(np.log(triangle[0]).sum())
            if likelihood > best:
                best, chosen = likelihood, (variance, solved)
    variance, solved = chosen
    result: Array = variance * (np.pad(solved, (1, 0)) - np.pad(solved, (0, 1)))
    return result


def row_offsets(plane: Array, usable: Array | None = None) -> Array | None:
    """The offsets of the rows of `plane`, (height, width) or, where they do not vary along the rows, (height, 1); None if it is too small.

    Where they vary, each round finds the rest more surely, because the segments of a row differ less.
    """
    total = _round(plane, usable)
    if total is None:
        return None
    for _ in range(ROUNDS - 1):
        if total.shape[1] == 1:
            break
        rest = _round(plane - total, usable)
        total = total if rest is None else total + rest
    return total


def _round(plane: Array, usable: Array | None) -> Array | None:
    """From steps between rows, and from steps between means of BLOCK rows, which say more of what changes slowly."""
    steps = row_steps(plane, usable)
    if steps is None:
        return None
    fine = offsets(steps)
    correction, places = np.zeros_like(fine), np.arange(len(fine))
    for phase in range(BLOCK):
        count = (len(fine) - phase) // BLOCK
        rows = slice(phase, phase + count * BLOCK)
        coarse = _coarse_offsets(plane[rows], None if usable is None else usable[rows]) if count > BLOCK else None
        if coarse is not None:
            difference = coarse - fine[rows].reshape(count, BLOCK).mean(axis=1)
            centres = phase + (np.arange(count) + 0.5) * BLOCK - 0.5
            correction += np.interp(places, centres, difference - difference.mean()) / BLOCK
    result: Array = (fine + TAKEN_OVER * correction)[:, None] + varying_offsets(steps, plane.shape[1])
    return result


def _coarse_offsets(plane: Array, usable: Array | None) -> Array | None:
    """The offsets of blocks of BLOCK rows."""
    stacked = plane.reshape(-1, BLOCK, plane.shape[1])
    if usable is None:
        steps = row_steps(stacked.mean(axis=1, dtype=np.float64))
    else:
        counted = usable.reshape(stacked.shape)
        number = counted.sum(axis=1)
        steps = row_steps(np.where(counted, stacked, 0).sum(axis=1, dtype=np.float64) / np.maximum(number, 1), number > BLOCK // 2)
    return None if steps is None else offsets(steps)


def varying_offsets(steps: Steps, width: int) -> Array:
    """What the offsets vary along their rows, (height, width), or (1, 1) of 0 where they do not.

    Neighbouring segments share what a stripe varies slowly, step by step with the sign turned; content hardly does.
    """
    apart = np.where(steps.known[:, None], steps.segments - steps.common[:, None], 0)
    limit = 4 * NORMAL * np.median(np.abs(apart[steps.known])) if steps.known.any() else 0.0
    limited = np.clip(apart, -limit, limit)
    power = float((limited**2).mean())
    turned = -float((limited[1:, 1:] * limited[:-1, :-1] + limited[1:, :-1] * limited[:-1, 1:]).mean())
    # Independent offsets that neighbours share wholly make this 1.
    if power <= 0 or turned / power < SHARED:
        return np.zeros((1, 1))
    beside = np.pad(limited, ((0, 0), (1, 1)), mode="edge")
    smooth = (beside[:, :-2] + 2 * beside[:, 1:-1] + beside[:, 2:]) / 4
    noise = np.where(steps.known, steps.spread * SEGMENTS, np.inf)
    bends = np.stack([offsets(steps, smooth[:, segment], noise) for segment in range(SEGMENTS)], axis=1)
    centres = (np.arange(SEGMENTS) + 0.5) * (width // SEGMENTS)
    place = np.clip((np.arange(width) + 0.5 - centres[0]) / (centres[1] - centres[0]), 0, SEGMENTS - 1)
    left = np.minimum(place.astype(int), SEGMENTS - 2)
    part = place - left
    result: Array = bends[:, left] * (1 - part) + bends[:, left + 1] * part
    return result
