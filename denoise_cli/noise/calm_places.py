"""Where a picture is calm, impulses stand alone: how many there are, of which kind, and how evenly they are strewn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from denoise_cli.noise.rank_order import in_order, neighbours

__all__ = ["CALM_SHARE", "FARTHER", "FAR_SHARE", "FAR_SPREADS", "Count", "Evidence", "evidence", "places_of", "telling", "tones"]

Array = npt.NDArray[Any]

#: Samples that the evidence is gathered from, over all channels: of 0.05 % hot pixels they hold about 50 in calm places.
SAMPLE = 2**18
#: Tiles along each axis of a mosaic that stands for a larger picture, and those that the evenness is judged by.
TILES = 4
EVEN_TILES = 8
#: The shortest interval that holds half of the 24 neighbours has this length under normal noise of σ = 1 (simulated, 10⁵ draws).
HALF_LENGTH = 1.12
#: The calmest share of the places, by the spread of their neighbours.
CALM_SHARE = 0.4
#: A value so many spreads, and such a share of the unit, away from its neighbours' tone is no noise. A spread is at least the distance
#: of two levels: counts of few photons are equal by the dozen (8 photons at the brightest, as floats: 34 % of the pixels were pepper).
FAR_SPREADS, FAR_SHARE = 6.0, 0.08
#: The tail of a noise is rare beyond this many times the distance that makes an impulse; impulses are not.
FARTHER = 1.5
#: A place whose spread makes that distance longer than this share of the range tells nothing.
BLIND = 0.45
#: Fewer usable pixels in a plane tell nothing.
FEWEST_PLACES = 1000
#: Pixels whose neighbours are put in order at once: 24 tables of them stay in the cache.
BAND = 2**13
#: Tiles in which fewer lone ones than this are expected do not count for the evenness.
EXPECTED_IN_TILE = 0.25


#: An interval begins at an end within this share of the range: the rounding of float32, and what PLACE costs.
ROUNDING = 1e-5
#: The last four bits of a float32, which are under a millionth of it.
PLACE = np.uint32(15)


@dataclass
class Count:
    """Impulses of one kind in calm places: found; found unlike all eight neighbours; and how many would be found if all pixels were hit."""

    found: float = 0.0
    lone: float = 0.0
    possible: float = 0.0

    @property
    def share(self) -> float:
        """The share of all pixels that are such impulses."""
        return self.found / self.possible if self.possible else 0.0

    def add(self, which: Array, lone: Array, possible: float) -> None:
        self.found += float(which.sum())
        self.lone += float((which & lone).sum())
        self.possible += possible


@dataclass
class Evidence:
    """What `evidence` counted.

    pepper, salt: at the smallest and at the largest value of the picture.  other: at neither.
    far, far_pepper, far_salt: those that are beyond FARTHER times the distance that makes an impulse.
    dispersion: the variance of the number of lone ones a tile over what chance gives it: 1 if they fell at random.
    together: of the pixels with lone ones, the share that has them in several channels.
    reach: how near each other two values must be to look alike, as a share of the range.
    flat: lone ones whose neighbours are all equal, but four.
    """

    pepper: Count = field(default_factory=Count)
    salt: Count = field(default_factory=Count)
    other: Count = field(default_factory=Count)
    far: Count = field(default_factory=Count)
    far_pepper: Count = field(default_factory=Count)
    far_salt: Count = field(default_factory=Count)
    dispersion: float = 1.0
    together: float = 0.0
    reach: float = 0.0
    flat: float = 0.0


def evidence(pixels: Array, low: float, high: float, unit: float, known: Array | None = None, quantum: float = 0.0) -> Evidence:
    """Count impulses in calm places of `pixels`, (height, width, channels), floats, whose values lie between `low` and `high` > `low`, on
    levels `quantum` apart.

    A place is calm by the shortest interval that holds half of its 24 neighbours, which up to 45 % impulses do not disturb. Edges and
    texture are elsewhere; impulses are as many here as there.
    """
    total = Evidence()
    excess: list[Array] = []
    lone = [_count(plane, there, (low, high, unit, quantum), total, excess) for plane, there in places_of(pixels, known)]
    hit = np.sum(lone, axis=0)
    if len(lone) > 1 and hit.any():
        total.together = float((hit > 1).sum() / (hit > 0).sum())
    squares = np.concatenate(excess) if excess else np.empty(0)
    if squares.size:
        total.dispersion = float(squares.mean())
    return total


def places_of(pixels: Array, known: Array | None) -> Iterator[tuple[Array, Array | None]]:
    """The channels of `pixels`, or of a mosaic of tiles from all over them, (height, width), float32; and which of their pixels count:
    those that are known, as are all their neighbours (None: all)."""
    most = SAMPLE // pixels.shape[2]
    there = None
    if known is not None:
        there = _mosaic(known, most)
        there = there & neighbours(there, 2).all(axis=0)
    for channel in range(pixels.shape[2]):
        yield _mosaic(pixels[:, :, channel], most).astype(np.float32), there


def _mosaic(plane: Array, most: int) -> Array:
    """`plane`, or TILES² tiles from all over it with at most `most` pixels."""
    height, width = plane.shape
    if height * width <= most:
        return plane
    side = int((most / TILES**2) ** 0.5)
    tall = min(height // TILES, max(side, side * side * TILES // width))
    wide = min(width // TILES, max(side, side * side * TILES // height))
    tops, lefts = (np.linspace(0, length - tile, TILES).astype(int) for length, tile in ((height, tall), (width, wide)))
    return np.concatenate([np.concatenate([plane[y : y + tall, x : x + wide] for x in lefts], axis=1) for y in tops])


def _count(plane: Array, known: Array | None, span: tuple[float, float, float, float], total: Evidence, excess: list[Array]) -> Array:
    """Add what `plane` shows to `total`, and to `excess` the squared surplus of its tiles; returns where lone ones are."""
    low, high, unit, quantum = span
    usable = np.ones(plane.shape, bool) if known is None else known.copy()
    usable[:, :1] = usable[:, -1:] = usable[:1] = usable[-1:] = False
    if usable.sum() < FEWEST_PLACES:
        return np.zeros(plane.shape, bool)
    tone, spread, flat = _tones(plane)
    usable &= telling(tone, spread, low, high)
    if usable.sum() < FEWEST_PLACES:
        return np.zeros(plane.shape, bool)
    calm: Array = usable & (spread <= np.quantile(spread[usable], CALM_SHARE))
    reach = np.maximum(FAR_SPREADS * np.maximum(spread, max(quantum, np.median(spread[calm]))), FAR_SHARE * unit)
    calm &= reach < BLIND * max(unit, high - low)
    if not calm.any():
        return calm
    total.reach = max(total.reach, float(reach[calm].mean()) / (high - low))
    off = np.abs(plane - tone)
    found = calm & (off > reach)
    lone: Array = found & (np.abs(neighbours(plane, 1) - plane) > reach / 2).all(axis=0)
    black, white = plane <= low, plane >= high
    for near, far, which, room in (
        (total.pepper, total.far_pepper, found & black, tone - low), (total.salt, total.far_salt, found & white, high - tone)
    ):  # fmt: skip
        near.add(which, lone, float((calm & (room > reach)).sum()))
        far.add(which & (off > FARTHER * reach), lone, float((calm & (room > FARTHER * reach)).sum()))
    rest = found & ~black & ~white
    for count, which, distance in ((total.other, rest, reach), (total.far, rest & (off > FARTHER * reach), FARTHER * reach)):
        visible = np.maximum(tone - distance - low, 0) + np.maximum(high - tone - distance, 0)
        count.add(which, lone, float(visible[calm].sum(dtype=np.float64)) / (high - low))
    total.flat += float((lone & flat).sum())
    hits, places = _a_tile(lone), _a_tile(calm)
    expected = hits.sum() / places.sum() * places
    many = expected > EXPECTED_IN_TILE
    excess.append((hits[many] - expected[many]) ** 2 / expected[many])
    return lone


def _tones(plane: Array) -> tuple[Array, Array, Array]:
    """`tones` of every pixel of a plane, band by band."""
    tone, spread, flat = np.empty_like(plane), np.empty_like(plane), np.empty(plane.shape, bool)
    padded = np.pad(plane, 2, mode="symmetric")
    rows = max(1, BAND // plane.shape[1])
    for top in range(0, len(plane), rows):
        band = slice(top, top + rows)
        tone[band], spread[band], flat[band] = tones(neighbours(padded[top : top + rows + 4], 2)[:, 2:-2, 2:-2])
    return tone, spread, flat


def tones(around: Array) -> tuple[Array, Array, Array]:
    """Of pixels with the 24 neighbours `around`, (24, …), float32: the middle of the shortest interval that holds half of them; the σ of
    normal noise for which it is so long; and whether all of them but four are equal."""
    ordered = in_order(around)
    # Lengths are in the order of their bits, of which the last four give way to the number of the interval: one minimum finds both.
    best = np.full(ordered.shape[1:], np.iinfo(np.uint32).max, np.uint32)
    for first in range(13):
        length = (ordered[first + 11] - ordered[first]).view(np.uint32)
        length &= ~PLACE
        length |= np.uint32(first)
        np.minimum(best, length, out=best)
    start = np.take_along_axis(ordered, (best & PLACE).astype(np.intp)[None], axis=0)[0]
    best &= ~PLACE
    length = best.view(np.float32)
    return start + length / 2, length / np.float32(HALF_LENGTH), ordered[2] == ordered[-3]


def telling(tone: Array, spread: Array, low: float, high: float) -> Array:
    """Where the spread says something: where the noise itself is cut off at an end, half of its values are equal, and it does not."""
    half, least = spread * (HALF_LENGTH / 2), ROUNDING * (high - low)
    inside: Array = (half == 0) | ((tone - half > low + least) & (tone + half < high - least))
    return inside


def _a_tile(mask: Array) -> Array:
    """How many are true in each of about EVEN_TILES² tiles."""
    tall, wide = (max(1, length // EVEN_TILES) for length in mask.shape)
    rows = np.add.reduceat(mask.astype(np.float64), range(0, mask.shape[0], tall), axis=0)
    tiles: Array = np.add.reduceat(rows, range(0, mask.shape[1], wide), axis=1)
    return tiles
