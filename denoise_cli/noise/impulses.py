"""How many pixels are impulses: far from the tone of their block, and unlike all their neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from denoise_cli.noise.blocks import SIDE, Samples

__all__ = ["impulses", "modes"]

Array = npt.NDArray[Any]

#: Blocks that are looked at, over all channels.
BLOCKS = 4_000
#: The shortest interval that holds so many of a block's pixels says where its tone is; blocks with fewer usable pixels say nothing.
HELD, FEWEST_PIXELS = 22, 24
#: The expected length of that interval under standard normal noise, by the number of pixels (simulated, 10⁵ blocks each).
NORMAL_LENGTHS = {24: 2.85, 26: 2.39, 28: 2.10, 32: 1.70, 36: 1.44, 40: 1.25, 48: 0.99, 56: 0.82, 64: 0.69}
#: A pixel so many spreads away from the tone of its block is no part of its noise; at least this share of the range away.
FAR, NEAREST = 5.0, 0.1
#: Blocks in which that distance is more than this share of the range are left out: they could show no impulse.
REACHES_ALL = 0.45
#: Blocks that must be usable; the share of the blocks, of the smallest spread, that are read; the share whose spread bounds all below.
FEWEST_BLOCKS, CALM, SMALLEST_SPREAD = 10, 0.4, 0.1
#: What fills more than this share of a block is its tone, even if it is black or white.
FILLS = 0.6
#: The share of other levels above which equal pixels are counts of few photons, not a flat tone.
COUNTS = 0.1
#: Black and white count as such within this distance, in spans: the rounding of float32.
ROUNDING = 1e-6
#: Above this rate, impulses that are lone twice as often as chance has it avoid each other: a halftone.
HALFTONE_RATE, HALFTONE_TIMES = 0.08, 2.0
#: The part of the expected lone ones from which all that was found are impulses.
ALL_LONE = 0.8
#: Shares of lone ones under which black and white are structure; and the share of the pixels under which there is no salt and pepper.
LEAST_LONE, LEAST_SALT_PEPPER = 0.02, 0.002
#: Random values must be this often at 1.5 times the distance as at the distance (tails are rarer), and so often apart from others.
FURTHER, EVEN, APART = 1.5, 0.5, 0.3
#: Random values: (part that is lone, share of the pixels) that both must be reached; the rarer they are, the surer it must be.
RANDOM_RULES = ((0.5, 0.005), (0.3, 0.03))


def modes(blocks: Array, valid: Array, picture: Samples) -> tuple[Array, Array, Array]:
    """Tone and spread of every block, from its half that lies closest together; and whether they can be trusted."""
    low, high = (blocks <= picture.least + ROUNDING) & valid, (blocks >= picture.most - ROUNDING) & valid
    usable = valid & ~low & ~high
    count = usable.sum(axis=1)
    ordered = np.where(usable, blocks, np.float32(np.inf))
    ordered.sort(axis=1)
    with np.errstate(invalid="ignore"):
        lengths = ordered[:, HELD - 1 :] - ordered[:, : ordered.shape[1] - HELD + 1]
    lengths[~np.isfinite(lengths)] = np.inf
    rows, place = np.arange(len(blocks)), lengths.argmin(axis=1)
    trusted = count >= FEWEST_PIXELS
    with np.errstate(invalid="ignore"):
        tone = np.where(trusted, (ordered[rows, place] + ordered[rows, place + HELD - 1]) / 2, 0)
    expected = np.interp(count, list(NORMAL_LENGTHS), list(NORMAL_LENGTHS.values()))
    spread = np.where(trusted, lengths[rows, place] / expected, 0)
    # What fills most of a block is its tone, even if it is black or white.
    for level, there in ((picture.least, low), (picture.most, high)):
        flat = there.sum(axis=1) > FILLS * valid.sum(axis=1)
        tone[flat], spread[flat] = level, 0
        trusted |= flat
    # Counts of few photons are equal by the dozen: not less than the step to the next level is their spread.
    equal = np.flatnonzero(trusted & (spread <= ROUNDING))
    steps = np.abs(ordered[equal] - tone[equal, None])
    steps[steps <= ROUNDING] = np.inf
    others = np.isfinite(steps).sum(axis=1) > COUNTS * valid[equal].sum(axis=1)
    spread[equal[others]] = steps[others].min(axis=1)
    return tone, spread, trusted


@dataclass
class _Count:
    """Impulses of one kind: how many were found, how many of them unlike all neighbours, of how many that could have been (if all were)."""

    found: float = 0.0
    lone: float = 0.0
    possible: float = 0.0
    apart: float = 0.0  # how many have no other impulse beside them, of whatever kind
    apart_expected: float = 0.0

    def share(self, alike: float) -> tuple[float, float]:
        """The share of the pixels, and which part of those expected to be unlike their neighbours is so: 1 for impulses, 0 for edges.

        `alike`: how probable it is that two impulses look alike. Structure adds to `found`, and hardly to `lone`.
        """
        if not self.found or self.possible <= 0:
            return 0.0, 0.0
        rate, lone = self.found / self.possible, self.lone / self.possible
        expected = rate * (1 - min(1.0, rate * alike)) ** 8
        if rate > HALFTONE_RATE and lone > HALFTONE_TIMES * expected:
            # They avoid each other: a halftone.
            return 0.0, 0.0
        if lone >= ALL_LONE * expected:
            return min(1.0, rate), 1.0
        # p·(1 − p·alike)⁸ = lone, the smaller root; it has one up to p = 1/(9·alike).
        p = np.linspace(0, min(1.0, 1 / (9 * alike)), 512)
        root = min(rate, float(np.interp(lone, p * (1 - p * alike) ** 8, p)))
        return root, lone / rate / (1 - min(1.0, root * alike)) ** 8


def impulses(picture: Samples) -> tuple[float, float, float]:
    """Shares of salt-and-pepper and of random-valued impulses, and the mean square of how far they are off."""
    if min(picture.side) < SIDE:
        return 0.0, 0.0, 0.0
    pepper, salt, other, far = _Count(), _Count(), _Count(), _Count()
    span = picture.most - picture.least
    distance = 0.0
    alike: list[float] = []
    for channel in range(picture.channels):
        blocks, known = picture.blocks(channel, BLOCKS // picture.channels)
        valid = np.ones(blocks.shape, bool) if known is None else known
        tone, spread, usable = modes(blocks, valid, picture)
        usable &= valid.sum(axis=1) >= FEWEST_PIXELS
        if usable.sum() < FEWEST_BLOCKS:
            continue
        spread = np.maximum(spread, np.quantile(spread[usable], SMALLEST_SPREAD))
        reach = np.maximum(FAR * spread, NEAREST * span)
        usable &= reach < REACHES_ALL * span
        if usable.sum() < FEWEST_BLOCKS:
            continue
        # Impulses are as many where the picture is smooth, and better seen.
        extreme = (tone <= picture.least + ROUNDING) | (tone >= picture.most - ROUNDING)
        if (between := usable & ~extreme).any():
            usable &= extreme | (spread <= np.quantile(spread[between], CALM))
        distance += _count(blocks[usable], valid[usable], tone[usable], reach[usable], picture, (pepper, salt, other, far))
        alike.append(float(reach[usable].mean()) / span)
    if not alike:
        return 0.0, 0.0, 0.0
    found = pepper.found + salt.found + other.found
    distance /= max(1.0, found)
    (p, p_part), (s, s_part) = pepper.share(1.0), salt.share(1.0)
    p, s = (p if p_part > LEAST_LONE else 0.0), (s if s_part > LEAST_LONE else 0.0)
    salt_pepper = p + s if p + s >= LEAST_SALT_PEPPER else 0.0
    r, part = other.share(float(np.mean(alike)))
    # Tails of a noise get rare quickly; impulses are as many at twice the distance.
    even = far.found / max(far.possible, 1e-9) >= EVEN * other.found / max(other.possible, 1e-9)
    # The rims of letters are unlike their neighbours, but have the letters beside them.
    apart = other.apart >= APART * other.apart_expected
    random_valued = r if even and apart and any(part >= lone and r >= share for lone, share in RANDOM_RULES) else 0.0
    return salt_pepper, random_valued, distance


def _count(blocks: Array, valid: Array, tone: Array, reach: Array, picture: Samples, counts: tuple[_Count, ...]) -> float:
    """Count impulses inside the rim of the blocks, which has not all neighbours; returns the sum of the squares of their distances."""
    pepper, salt, other, far = counts
    square = blocks.reshape(-1, SIDE, SIDE)
    inner = (slice(None), slice(1, -1), slice(1, -1))
    pixel, tone, reach = square[inner], tone[:, None, None], reach[:, None, None]
    there = valid.reshape(square.shape)[inner]
    off = np.abs(pixel - tone)
    found = (off > reach) & there
    lone = found.copy()
    crowd = (np.abs(square - tone) > reach) & valid.reshape(square.shape)
    apart = found.copy()
    for row in range(3):
        for column in range(3):
            if (row, column) != (1, 1):
                neighbour = square[:, row : row + SIDE - 2, column : column + SIDE - 2]
                lone &= np.abs(neighbour - pixel) > reach / 2
                apart &= ~crowd[:, row : row + SIDE - 2, column : column + SIDE - 2]
    black, white = found & (pixel <= picture.least + ROUNDING), found & (pixel >= picture.most - ROUNDING)
    rest = found & ~black & ~white
    other.apart += float((rest & apart).sum())
    other.apart_expected += float(rest.sum()) * (1 - float(found.mean())) ** 8
    pixels = there.sum(axis=(1, 2))
    for count, which, possible in ((pepper, black, tone - reach > picture.least), (salt, white, tone + reach < picture.most)):
        count.found += float(which.sum())
        count.lone += float((which & lone).sum())
        count.possible += float((possible[:, 0, 0] * pixels).sum())
    span = picture.most - picture.least
    for count, which, distance in ((other, rest, reach), (far, rest & (off > FURTHER * reach), FURTHER * reach)):
        visible = np.maximum(tone - distance - picture.least, 0) + np.maximum(picture.most - tone - distance, 0)
        count.found += float(which.sum())
        count.lone += float((which & lone).sum())
        count.possible += float((visible[:, 0, 0] / span * pixels).sum())
    return float((off[found].astype(np.float64) ** 2).sum())
