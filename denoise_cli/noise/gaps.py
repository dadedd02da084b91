"""The level of white noise in blocks with holes: unknown pixels, impulses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from denoise_cli.noise.blocks import Samples, calmest, cosines
from denoise_cli.noise.impulses import modes
from denoise_cli.noise.level import CALM, FEWEST, ROUNDING, dequantised

__all__ = ["level_around_holes"]

Array = npt.NDArray[Any]

#: Blocks that are looked at, over all channels: a fit in each costs more than a transform.
BLOCKS = 4_000
#: Smooth functions, beside the constant, that a block's content is fitted with; pixels that must be known beyond their number.
FUNCTIONS, PIXELS_TO_SPARE, FREEDOMS = 14, 8, 6
#: Blocks that must have so many pixels, and that must be usable in the end.
FEWEST_FITTED, FEWEST_USABLE = 8, 4
#: The share of blocks with a tone of exactly black or white above which there is no noise: it would have left its mark.
PAPER_SHARE = 0.6
#: A pixel so many spreads off the tone of its block is taken for an impulse, at least so many levels; and so many σ off the fit.
SPREADS_OFF, LEVELS_OFF, SIGMAS_OFF = 4.0, 2.5, 3.5
#: Blocks whose mean is so many σ off black and white are whole.
SIGMAS_INSIDE = 2.0


def level_around_holes(picture: Samples, channel: int, *, impulses: bool) -> float | None:
    """The level of one channel: low frequencies are fitted to the pixels that count, and the rest is noise; None where too few count."""
    blocks, known = picture.blocks(channel, BLOCKS // picture.channels)
    if len(blocks) == 0:
        return None
    valid = np.ones(blocks.shape, bool) if known is None else known.copy()
    if impulses:
        tone, spread, countable = modes(blocks, valid, picture)
        if ((tone <= picture.least + ROUNDING) | (tone >= picture.most - ROUNDING)).mean() > PAPER_SHARE:
            # Paper that is exactly white, but for the impulses: noise would have left its mark.
            return 0.0
        spread = np.maximum(spread, np.quantile(spread[countable], 0.1) if countable.any() else 0)
        valid &= np.abs(blocks - tone[:, None]) <= np.maximum(SPREADS_OFF * spread, LEVELS_OFF * picture.quantum)[:, None]
        # As likely an impulse as not.
        valid &= (blocks > picture.floor + ROUNDING) & (blocks < picture.ceiling - ROUNDING)
    basis, _ = cosines(*picture.side)
    functions = basis[:, np.argsort(np.abs(np.diff(basis, axis=0)).sum(axis=0), kind="stable")[:FUNCTIONS]]
    functions = np.concatenate([np.ones((len(functions), 1), np.float32), functions], axis=1).astype(np.float64)
    p = functions.shape[1]
    enough = valid.sum(axis=1) >= p + PIXELS_TO_SPARE
    if enough.sum() < FEWEST_FITTED:
        return None
    blocks, valid = blocks[enough].astype(np.float64), valid[enough].astype(np.float64)
    products = (functions[:, :, None] * functions[:, None, :]).reshape(len(functions), -1)
    level = 0.0
    for last in (False, False, True):
        gram = (valid @ products).reshape(-1, p, p) + 1e-9 * np.eye(p)
        moments = (valid * blocks) @ functions
        fitted = np.linalg.solve(gram, moments[:, :, None])[:, :, 0] @ functions.T
        residual = (blocks - fitted) * valid
        freedoms = valid.sum(axis=1) - p
        variance = np.einsum("ij,ij->i", residual, residual) / np.maximum(freedoms, 1)
        mean = moments[:, 0] / np.maximum(valid.sum(axis=1), 1)
        low = np.einsum("ij,ij->i", valid, (blocks - mean[:, None]) ** 2) - variance * freedoms
        usable = freedoms >= FREEDOMS
        # Near black and white a part of the noise is cut off.
        inside = usable & (mean > picture.floor + SIGMAS_INSIDE * level) & (mean < picture.ceiling - SIGMAS_INSIDE * level)
        if inside.sum() >= 2 * FEWEST:
            usable = inside
        if usable.sum() < FEWEST_USABLE:
            return None
        calm = np.flatnonzero(usable)[calmest(low[usable], 2 * CALM, FEWEST)]
        level = math.sqrt(float(np.sum(variance[calm] * freedoms[calm]) / np.sum(freedoms[calm])))
        if not last and impulses:
            valid *= np.abs(residual) <= SIGMAS_OFF * level + 1e-12
    return dequantised(level**2, picture)
