"""Run a network over a large picture in tiles that overlap by its reach, so that memory stays constant and the result is the same."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from denoise_cli.methods.learned.geometry import Geometry

__all__ = ["BYTES_PER_PIXEL", "LARGEST_PIXELS", "Engine", "Tensor", "in_tiles"]

Tensor = NDArray[np.float32]
#: engine(picture, level) → clean, all (channels, height, width).
Engine = Callable[[Tensor, Tensor], Tensor]

#: Pixels of the largest piece that the network sees at once, overlap included; and bytes that ONNX Runtime holds a pixel of it.
LARGEST_PIXELS, BYTES_PER_PIXEL = 2 << 20, 200


def in_tiles(
    engine: Engine,
    size: tuple[int, int],
    geometry: Geometry,
    piece: Callable[[slice, slice], tuple[Tensor, Tensor]],
    keep: Callable[[slice, slice, Tensor], None],
    *,
    largest: int = LARGEST_PIXELS,
    told: Callable[[int, int], None] | None = None,
) -> None:
    """A picture of `size`, (height, width), multiples of `geometry.multiple`, through the engine, at most `largest` pixels at a time.

    `piece(rows, columns)` gives picture and level of a part, `keep(rows, columns, clean)` takes the result, every pixel once.
    Every tile is seen with `geometry.reach` pixels around it, so that none of the pixels that are kept has felt the cut: the result differs
    from that of the whole picture by rounding only. `told(done, all)` is called after each tile.
    """
    height, width = size
    if height * width <= largest or geometry.reach is None:
        everything = slice(0, height), slice(0, width)
        keep(*everything, engine(*piece(*everything)))
        if told:
            told(1, 1)
        return
    halo = math.ceil(geometry.reach / geometry.multiple) * geometry.multiple
    rows, columns = layout(height, width, halo, geometry.multiple, largest)
    cuts = [(row, column) for row in spans(height, rows) for column in spans(width, columns)]
    tall, wide = min(height, rows + 2 * halo), min(width, columns + 2 * halo)
    for done, (row, column) in enumerate(cuts, 1):
        # All pieces have one size, which lets the engine use its memory again: near an edge the piece is shifted inwards.
        top, left = (min(max(cut.start - halo, 0), side - long) for cut, side, long in ((row, height, tall), (column, width, wide)))
        seen = engine(*piece(slice(top, top + tall), slice(left, left + wide)))
        keep(row, column, seen[:, row.start - top : row.stop - top, column.start - left : column.stop - left])
        if told:
            told(done, len(cuts))


def spans(side: int, length: int) -> Iterator[slice]:
    for start in range(0, side, length):
        yield slice(start, min(start + length, side))


def layout(height: int, width: int, halo: int, multiple: int, largest: int) -> tuple[int, int]:
    """Height and width of a tile without its overlap: of all ways to cut into equal parts, the one with the fewest pixels to compute."""
    best: tuple[int, int, int] | None = None
    for down in range(1, height // multiple + 1):
        rows = math.ceil(height / down / multiple) * multiple
        tall = min(height, rows + 2 * halo)
        room = largest // tall
        columns = width if room >= width else max(room - 2 * halo, multiple) // multiple * multiple
        across = math.ceil(width / columns)
        columns = math.ceil(width / across / multiple) * multiple
        cost = math.ceil(height / rows) * math.ceil(width / columns) * tall * min(width, columns + 2 * halo)
        if best is None or cost < best[0]:
            best = (cost, rows, columns)
        if rows <= 2 * halo:
            break
    assert best is not None
    return best[1], best[2]
