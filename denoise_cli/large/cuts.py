"""How a picture is cut into tiles, and how far the tiles must look beyond their edges."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Cell", "Cut", "cut", "largest_halo"]

#: Values (pixels times channels) of the largest tile with its halo: more gains little, and makes progress and resuming coarse.
LARGEST_WINDOW = 2**23
#: Decoding a pixel costs as much as so many iterations on it (python -m benchmarks tile_parts).
DECODING = 8.0
#: Sides of a tile are multiples of it, where the picture allows: networks halve pictures a few times, and files have tiles of 256.
GRAIN = 16


@dataclass(frozen=True)
class Cell:
    """One tile of a picture.

    rows, columns: the core, which is this tile's to write.  above, left, below, right: how far its window reaches beyond."""

    rows: slice
    columns: slice
    above: int
    left: int
    below: int
    right: int

    @property
    def window(self) -> tuple[slice, slice]:
        """What is read: the core and its halo, as far as the picture reaches."""
        return (
            slice(self.rows.start - self.above, self.rows.stop + self.below),
            slice(self.columns.start - self.left, self.columns.stop + self.right),
        )

    @property
    def core(self) -> tuple[slice, slice]:
        """The core within the window."""
        height, width = self.rows.stop - self.rows.start, self.columns.stop - self.columns.start
        return slice(self.above, self.above + height), slice(self.left, self.left + width)


@dataclass(frozen=True)
class Cut:
    """A picture of `size` in cores of at most `height` × `width` with `halo` pixels around them."""

    size: tuple[int, int]
    height: int
    width: int
    halo: int

    @property
    def tiles(self) -> list[Cell]:
        """Row by row."""
        tall, wide = self.size
        return [
            Cell(
                slice(top, min(top + self.height, tall)), slice(left, min(left + self.width, wide)), min(self.halo, top),
                min(self.halo, left), min(self.halo, max(0, tall - top - self.height)), min(self.halo, max(0, wide - left - self.width)),
            )
            for top in range(0, tall, self.height)
            for left in range(0, wide, self.width)
        ]  # fmt: skip

    @property
    def overhead(self) -> float:
        """Pixels computed for each pixel of the picture."""
        tall = min(self.size[0], self.height + 2 * self.halo)
        wide = min(self.size[1], self.width + 2 * self.halo)
        return tall * wide / (min(self.size[0], self.height) * min(self.size[1], self.width))


def cut(size: tuple[int, int], halo: int, most: int, chunk: tuple[int, int] = (1, 1), iterations: int = 20) -> Cut | None:
    """The cut with the least to compute and to decode, of those whose windows have at most `most` pixels; None where there is none.

    chunk : (rows, columns) that the file decodes together.  iterations : on each pixel, against which decoding is weighed.
    """
    tall, wide = size
    best: tuple[float, Cut] | None = None
    for across in range(1, max(1, wide // GRAIN) + 1):
        width = _rounded(math.ceil(wide / across), wide)
        room = most // min(wide, width + 2 * halo)
        height = tall if room >= tall else (room - 2 * halo) // GRAIN * GRAIN
        if height <= 0:
            continue
        # Equal parts, instead of one small rest.
        height = _rounded(math.ceil(tall / math.ceil(tall / height)), tall)
        found = Cut(size, height, width, halo)
        effort = iterations * found.overhead + DECODING * _decoded(found, chunk)
        if best is None or effort < best[0]:
            best = (effort, found)
        if width <= GRAIN:
            break
    return None if best is None else best[1]


def _rounded(side: int, whole: int) -> int:
    return min(whole, math.ceil(side / GRAIN) * GRAIN)


def _decoded(found: Cut, chunk: tuple[int, int]) -> float:
    """Pixels decoded for each pixel of the picture, about: a window touches on average one more half chunk at either end."""
    shares = []
    for whole, side, grain in zip(found.size, (found.height, found.width), chunk, strict=True):
        reach = min(whole, side + 2 * found.halo + (0 if side >= whole else grain))
        shares.append(max(reach, min(grain, whole)) / min(side, whole))
    return shares[0] * shares[1]


def largest_halo(most: int) -> int:
    """How far tiles of `most` pixels may look beyond their edges, so that their cores are still half as wide as their windows."""
    return max(1, math.isqrt(most) // 4)
