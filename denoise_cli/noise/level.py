"""The level of white noise, from the calmest blocks of a picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from denoise_cli.noise.blocks import Samples, calmest, cosines
from denoise_cli.noise.clipping import after_clipping
from denoise_cli.noise.opponent_colours import BASES, MEAN

__all__ = [
    "CALM",
    "FEWEST",
    "BlockEnergies",
    "calmness",
    "dequantised",
    "energies",
    "level",
    "level_blocks",
    "opponent_energies",
    "opponent_levels",
]

Array = npt.NDArray[Any]

#: Blocks that are looked at, over all channels: twice as many change the mean error of σ from 1.74 to 1.67 % and take twice as long
#: (Set12 and every 4th of BSD68, σ 5 to 50).
BLOCKS = 12_000
#: Blocks that are transformed at once: they stay in the cache.
BATCH = 2**11
#: The share of the blocks, those with the least energy at low frequencies, that the level is read from; and the fewest that will do.
CALM, FEWEST = 0.01, 40
#: So many blocks for each of the fewest must be usable before a part of the blocks is looked at by itself.
AMPLE = 5 * FEWEST
#: Blocks with this many times more energy at low frequencies than white noise has are not noise alone (clean photographs: 10 to 1000).
RESTLESS = 4.0
#: Energy of a block under which all its pixels are equal but for the rounding of float32, in squares of the span.
EQUAL = 64e-12
#: A share of flat blocks above which calm blocks with noise must exist, if there is noise: pages, skies of stars, drawings.
FLAT_SHARE = 0.02
#: Pixels at black or white count as cut off within this distance, in spans: the rounding of float32.
ROUNDING = 1e-6
#: Blocks with more cut-off pixels than this share are not used as they are.
SATURATED = 0.05
#: Blocks with this share of cut-off pixels, give or take, lie at black or white; and the share of them that is read.
HALF, HALF_MARGIN, HALF_CALM = 0.5, 0.25, 0.2
#: Shares of σ² that clipping has left in usable blocks: the first bound that leaves enough blocks is taken.
KEPT = (0.9, 0.7, 0.3, 0.0)
#: A block is calm if it has at most this share of the energy that noise would have; half of such blocks are read.
CALMER_THAN_NOISE, READ_OF_THESE = 0.9, 0.5
#: Steps of the fixed point, and the relative change of the variance that ends it.
STEPS, SETTLED = 8, 0.005


@dataclass(frozen=True)
class BlockEnergies:
    """A number a block: mean, energy at low frequencies, mean energy of the high ones, share of saturated pixels; `freedoms` high ones."""

    mean: Array
    low: Array
    high: Array
    saturated: Array
    freedoms: int
    low_freedoms: int

    def __getitem__(self, chosen: Array) -> BlockEnergies:
        return BlockEnergies(
            self.mean[chosen], self.low[chosen], self.high[chosen], self.saturated[chosen], self.freedoms, self.low_freedoms
        )

    def __len__(self) -> int:
        return len(self.mean)


def level_blocks(picture: Samples) -> list[Array]:
    """Blocks of each channel, (n, pixels a block), those with unknown pixels left out."""
    cuts = [picture.blocks(channel, BLOCKS // picture.channels) for channel in range(picture.channels)]
    return [cut if known is None else cut[known.all(axis=1)] for cut, known in cuts]


def opponent_energies(channels: list[Array], picture: Samples, basis: str = MEAN) -> list[BlockEnergies]:
    """The energies of luma and the two chromas of `level_blocks` of three channels, where none of them is cut off; nothing where too few
    are."""
    seen = np.ones(len(channels[0]), bool)
    if math.isfinite(picture.floor) or math.isfinite(picture.ceiling):
        for each in channels:
            seen &= (each.min(axis=1) > picture.floor + ROUNDING) & (each.max(axis=1) < picture.ceiling - ROUNDING)
    if np.count_nonzero(seen) < FEWEST:
        return []
    parts = channels if seen.all() else [each[seen] for each in channels]
    turn = BASES[basis].astype(np.float32)
    # One after the other: the memory for all three at once would take as long to get as what is computed in it.
    return [energies(row[0] * parts[0] + row[1] * parts[1] + row[2] * parts[2], picture) for row in turn]


def opponent_levels(found: list[BlockEnergies], picture: Samples) -> tuple[float, ...]:
    """Standard deviations of luma and the two chromas, were their noise white and nowhere clipped."""
    return tuple(dequantised(_plain(each)[0], picture) for each in found)


def energies(blocks: Array, picture: Samples) -> BlockEnergies:
    """Means, low and high energies of `blocks`, (n, pixels a block), batch by batch."""
    basis, freedoms = cosines(*picture.side)
    least, most = np.float32(picture.floor + ROUNDING), np.float32(picture.ceiling - ROUNDING)
    average = np.full(blocks.shape[1], 1 / blocks.shape[1], np.float32)
    mean, low, high, saturated = np.zeros((4, len(blocks)), np.float32)
    for first in range(0, len(blocks), BATCH):
        batch = slice(first, first + BATCH)
        part = blocks[batch]
        if math.isfinite(least) or math.isfinite(most):
            saturated[batch] = ((part <= least) | (part >= most)).astype(np.float32) @ average
        mean[batch] = part @ average
        part = part - mean[batch, None]
        coefficients = part @ basis
        low[batch] = np.einsum("ij,ij->i", coefficients, coefficients)
        high[batch] = np.einsum("ij,ij->i", part, part)
    high -= low
    mean_high = np.maximum(high, 0) / np.float32(max(1, freedoms))
    return BlockEnergies(mean, low, mean_high, saturated, freedoms, basis.shape[1])


def level(spectra: BlockEnergies, picture: Samples) -> float:
    """Standard deviation of one channel's noise, were it white and nowhere clipped."""
    lively = spectra.low + spectra.freedoms * spectra.high > EQUAL
    flat = float(1 - lively.mean()) if len(spectra) else 1.0
    seen = spectra[lively]
    if len(seen) == 0 or seen.freedoms == 0:
        return 0.0
    inside = seen[seen.saturated <= SATURATED]
    variance, calmness = 0.0, math.inf
    if len(inside) >= AMPLE or len(inside) == len(seen):
        variance, calmness = _plain(inside)
    if seen.saturated.any() and (not len(inside) or calmness > RESTLESS):
        halved = seen[np.abs(seen.saturated - HALF) < HALF_MARGIN]
        if len(halved) >= AMPLE:
            variance, calmness = _half_seen(halved)
            if calmness < RESTLESS / 2:
                # All that is calm lies at black or white, where noise shows half: a scan's paper.
                return dequantised(variance, picture)
    if not len(inside) or (calmness > RESTLESS and flat > FLAT_SHARE):
        # No noise where it would be seen, and the other blocks are edges: a page of text, a sky of stars, a drawing.
        return 0.0
    if seen.saturated.any():
        variance = _unclipped(seen, variance or _plain(seen)[0], picture)
    return dequantised(variance, picture)


def calmness(energies: BlockEnergies) -> float:
    """Energy of the calmest blocks at low frequencies, in that of white noise: under 1 for white noise, as they were chosen by it."""
    inside = energies[(energies.saturated <= SATURATED) & (energies.high > EQUAL)]
    return _plain(inside)[1] if len(inside) >= FEWEST else 0.0


def dequantised(variance: float, picture: Samples) -> float:
    """Standard deviation less what rounding to levels adds: a variance of quantum²/12."""
    return math.sqrt(max(0.0, variance - picture.quantum**2 / 12))


def _plain(spectra: BlockEnergies) -> tuple[float, float]:
    """Variance in the calmest blocks, and how much more there is at their low frequencies: 1 if nothing but noise is."""
    calm = calmest(spectra.low, CALM, FEWEST)
    variance = float(spectra.high[calm].mean())
    return variance, float(np.median(spectra.low[calm])) / max(spectra.low_freedoms * variance, 1e-30)


def _half_seen(spectra: BlockEnergies) -> tuple[float, float]:
    """Variance from blocks of which about half the pixels are cut off, as their share tells how far black or white is from the mean; and
    how calm these blocks are, as in `_plain`."""
    calm = calmest(spectra.low, HALF_CALM, FEWEST)
    share, variance = float(spectra.saturated[calm].mean()), float(spectra.high[calm].mean())
    x = np.linspace(-6, 6, 1201)
    weights = np.exp(-(x**2) / 2)
    weights /= weights.sum()
    seen = np.minimum(x, x[min(int(np.searchsorted(np.cumsum(weights), 1 - share)), len(x) - 1)])
    kept = float(weights @ (seen - weights @ seen) ** 2)
    return variance / kept, float(np.median(spectra.low[calm])) / max(spectra.low_freedoms * variance, 1e-30)


def _unclipped(spectra: BlockEnergies, variance: float, picture: Samples) -> float:
    """The variance before clipping, by fixed point from a first guess."""
    for _ in range(STEPS):
        before = variance
        kept, tails = after_clipping(spectra.mean, math.sqrt(variance), picture.ends)
        for least in KEPT:
            usable = kept > least
            if usable.sum() >= AMPLE or least == KEPT[-1]:
                break
        if not usable.any():
            return variance
        if variance == 0:
            return 0.0
        kept, tails, n = kept[usable], tails[usable], spectra.low_freedoms
        # 1 where there is nothing but noise. Where there is much of that, no need for the rarest blocks.
        calmness = spectra.low[usable] / (kept * n * variance)
        calm = calmest(calmness, CALM, max(FEWEST, int(READ_OF_THESE * (calmness < CALMER_THAN_NOISE).sum())))
        # Clipped noise is not normal, so that the two halves of a block's energy know of each other: E(high | low) bends with the kurtosis.
        share = n / (n + 1 + spectra.freedoms)
        bend = share * tails[calm] / (2 + share * tails[calm])
        ratio = spectra.high[usable][calm] / kept[calm] / (1 + bend * (np.minimum(calmness[calm], 1) - 1))
        variance = float(ratio.mean())
        if abs(variance - before) < SETTLED * before:
            break
    return variance
