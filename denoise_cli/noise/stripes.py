"""Stripes: every row, or every column, off by an amount of its own. Recognised, and taken out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from denoise_cli.measure.scale import Scale
from denoise_cli.noise.row_offsets import SEGMENTS, Steps, row_offsets, row_steps

__all__ = ["DIRECTIONS", "Stripes", "destripe", "every_stripes", "find_stripes"]

Array = npt.NDArray[Any]

#: What can be off: each row as a whole (a stripe runs along it), or each column.
DIRECTIONS = ("rows", "columns")
#: Stripes have a σ of at least and at most these shares of the unit: below 0.002 (half a grey level of 256) nobody sees them, and above
#: 0.12 they are bars of the picture, as in a bar code.
FAINTEST, STRONGEST = 0.002, 0.12
#: Segments of a row must agree on its step: the variance of what they agree on over that of what they differ in. In 760 directions of
#: photographs without stripes that pass the other tests it is at most 0.55; σ 2/255 beside noise of 6/255 has 1.3 and more
#: (benchmarks/stripes.py).
AGREEMENT = 0.8
#: Steps between rows that are off independently of each other correlate by −½ from one to the next and by 0 with the one after it.
#: Shading has a positive correlation, blinds and gratings have one at a distance of two rows.
NEXT_STEP, STEP_AFTER = (-0.85, 0.1), 0.35
#: Stripes fainter than AGREEMENT has it, about as strong as the noise and below, are stripes if the correlations are near those of
#: independent offsets: of 2076 directions of 519 pictures without stripes (Set12, BSD68, Kodak24, real and training photographs, as they
#: are and with noise of 6/255) one has such correlations and an agreement of 0.17, and that one is uneven. σ 2/255 beside noise of 6 or
#: 15/255 has 0.15 to 0.7.
FAINT_AGREEMENT, FAINT_NEXT, FAINT_AFTER, FAINT_EVEN = 0.18, (-0.75, -0.18), 0.2, 0.4
#: The least strong quarter of the picture has stripes of at least this share of the strongest quarter's σ.
EVEN = 0.25
#: Fewer rows or columns show no stripes for certain.
SMALLEST = 32


@dataclass(frozen=True)
class Stripes:
    """What `find_stripes` found: direction ("rows" or "columns"), σ of the offsets in typed units, and why, in one line."""

    direction: str
    sigma: float
    evidence: str


def find_stripes(pixels: Array, scale: Scale) -> Stripes | None:
    """The stronger of the stripes along rows and along columns; None without any. As in `every_stripes`."""
    return next(iter(every_stripes(pixels, scale)), None)


def every_stripes(pixels: Array, scale: Scale) -> list[Stripes]:
    """The stripes along rows and along columns of `pixels`, (height, width[, channels]), typed units, the stronger ones first.

    The difference of neighbouring rows is a step that all columns share, and content that they do not. A stripe is in every part of the
    row alike, in every part of the picture, and independent of the stripe beside it; edges, shading, blinds and lines of text each
    fail one of these.
    """
    found = [stripes for direction in DIRECTIONS if (stripes := _look(pixels, scale, direction)) is not None]
    return sorted(found, key=lambda stripes: -stripes.sigma)


def destripe(pixels: Array, scale: Scale, direction: str) -> Array:
    """`pixels` without the offsets of its rows, or columns: a new array of the same shape and type.

    A row's offset is what lets its steps to the neighbouring rows be told apart from the picture's own (`row_offsets.row_offsets`); where
    stripes vary slowly along themselves, so do the offsets. Samples that were cut off at black or white stay there. Raises ValueError
    for another direction.
    """
    if direction not in DIRECTIONS:
        raise ValueError(f'stripes run along "rows" or "columns", not {direction!r}')
    result = np.array(pixels)
    for plane, written in zip(_planes(pixels, direction), _planes(result, direction), strict=True):
        usable = _usable(plane, scale, direction)
        offset = row_offsets(plane, usable)
        if offset is not None:
            np.subtract(plane, offset, out=written, where=True if usable is None else usable, casting="same_kind")
    return result


def _planes(pixels: Array, direction: str) -> list[Array]:
    """Views of the channels, (rows, length of a stripe)."""
    channels = pixels[:, :, None] if pixels.ndim == 2 else pixels
    return [plane if direction == "rows" else plane.T for plane in np.moveaxis(channels, 2, 0)]


def _usable(plane: Array, scale: Scale, direction: str) -> Array | None:
    """Pixels that are known and were not cut off at black or white; None where all are."""
    usable = (plane > scale.floor) & (plane < scale.ceiling)
    if scale.known is not None:
        usable &= scale.known if direction == "rows" else scale.known.T
    return None if usable.all() else usable


def _look(pixels: Array, scale: Scale, direction: str) -> Stripes | None:
    found = [steps for plane in _planes(pixels, direction) if (steps := row_steps(plane, _usable(plane, scale, direction))) is not None]
    sigmas = [steps.sigma for steps in found if steps.known.sum() >= SMALLEST and _striped(steps, scale.unit)]
    # Where one channel of several has stripes, they are hardly a fault of the sensor.
    if len(sigmas) <= len(found) / 2 or not sigmas:
        return None
    sigma = math.sqrt(sum(each**2 for each in sigmas) / len(found))
    return Stripes(direction, sigma, f"each of the {direction} is off by an amount of its own, σ ≈ {scale.amount(sigma)}")


def _striped(steps: Steps, unit: float) -> bool:
    if not FAINTEST * unit <= steps.sigma <= STRONGEST * unit:
        return False
    common = steps.common[steps.known]
    many = steps.many[steps.known]
    apart = ((steps.segments[steps.known] - common[:, None]) ** 2).sum(axis=1) / many
    variance = 2 * steps.sigma**2
    # Noise alone makes the mean of n segments vary by 1/(n − 1) of what they differ in: as much is to count for many as for few.
    agreement = variance / max(float(np.median(apart)), 1e-30) * (float(np.median(many)) - 1) / (SEGMENTS - 1)
    if agreement < FAINT_AGREEMENT:
        return False
    limit = 3 * math.sqrt(variance)
    step = np.clip(common - np.median(common), -limit, limit)
    power = float((step**2).mean())
    following, after = (float((step[gap:] * step[:-gap]).mean()) / power for gap in (1, 2))
    quarters = [float(np.median(np.abs(part - np.median(part)))) for part in np.array_split(common, 4)]
    even = min(quarters) / max(*quarters, 1e-30)
    if agreement < AGREEMENT:
        return FAINT_NEXT[0] <= following <= FAINT_NEXT[1] and abs(after) <= FAINT_AFTER and even >= FAINT_EVEN
    return NEXT_STEP[0] <= following <= NEXT_STEP[1] and abs(after) <= STEP_AFTER and even >= EVEN
