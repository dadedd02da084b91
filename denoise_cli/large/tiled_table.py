"""The pixels of a TIFF without compression, written window by window to where they belong: nothing is left to assemble."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from denoise_cli.large.raw_table import RawTable, transfer
from denoise_cli.large.windows import Array

__all__ = ["Pixels", "TiledTable"]


@dataclass(frozen=True)
class TiledTable:
    """As RawTable, (planes, height, width, samples), to be written; the values lie in tiles, and nobody reads them before all are there.

    tile: (rows, columns), all of full size, zeros beyond the edges.  offsets: of the first tile of each plane in the file; the others
    follow row by row.  separate: each sample has tiles of its own, one sample behind the other.  losses: what is to be said about the file.
    """

    path: Path
    shape: tuple[int, int, int, int]
    dtype: str
    tile: tuple[int, int]
    offsets: tuple[int, ...]
    separate: bool = False
    losses: tuple[str, ...] = ()

    @property
    def tiles(self) -> tuple[int, int]:
        """How many lie below each other, and beside each other."""
        return -(-self.shape[1] // self.tile[0]), -(-self.shape[2] // self.tile[1])

    @property
    def bytes_of_a_tile(self) -> int:
        return math.prod(self.tile) * (1 if self.separate else self.shape[3]) * np.dtype(self.dtype).itemsize

    @property
    def bytes_of_a_plane(self) -> int:
        return math.prod(self.tiles) * (self.shape[3] if self.separate else 1) * self.bytes_of_a_tile

    def write(self, plane: int, rows: slice, columns: slice, values: Array) -> None:
        """As `RawTable.write`. Raises OSError."""
        values = np.asarray(values).reshape(rows.stop - rows.start, columns.stop - columns.start, self.shape[3])
        tall = self.tile[0]
        with self.path.open("r+b", buffering=0) as stream:
            for layer in range(self.shape[3] if self.separate else 1):
                own = values[:, :, layer : layer + 1] if self.separate else values
                for i in range(rows.start // tall, -(-rows.stop // tall)):
                    top, bottom = max(rows.start, i * tall), min(rows.stop, (i + 1) * tall)
                    band = np.ascontiguousarray(own[top - rows.start : bottom - rows.start], self.dtype)
                    self._write_band(stream, plane, layer * self.tiles[0] + i, top - i * tall, columns, band)

    def _write_band(self, stream: Any, plane: int, row: int, skip: int, columns: slice, band: Array) -> None:
        """Rows of one row of tiles, from its row number `skip` on; `row` counts the rows of tiles of all layers."""
        tall, wide = self.tile
        width, across, line = self.shape[2], self.tiles[1], self.bytes_of_a_tile // tall
        first = self.offsets[plane] + row * across * self.bytes_of_a_tile + skip * line
        # Up to the next border of tiles, whole tiles, and the rest: which is whole, too, where the picture ends.
        middle = min(columns.stop, -(-columns.start // wide) * wide)
        if columns.stop == width:
            rest = columns.stop
            band = np.pad(band, ((0, 0), (0, -width % wide), (0, 0)))
        else:
            rest = max(middle, columns.stop // wide * wide)
        for left, right in ((columns.start, middle), (rest, columns.stop)):
            at = first + left // wide * self.bytes_of_a_tile + left % wide * (line // wide)
            for number, part in enumerate(band[:, left - columns.start : right - columns.start] if left < right else ()):
                transfer(stream.write, stream, part, at + number * line)
        if not (count := -(-(rest - middle) // wide)):
            return
        whole = band[:, middle - columns.start : middle - columns.start + count * wide].reshape(len(band), count, wide, band.shape[2])
        at = first + middle // wide * self.bytes_of_a_tile
        if len(band) == tall:
            transfer(stream.write, stream, np.ascontiguousarray(whole.swapaxes(0, 1)), at)
        else:
            for number in range(count):
                transfer(stream.write, stream, np.ascontiguousarray(whole[:, number]), at + number * self.bytes_of_a_tile)


#: Where the pixels of a result gather.
Pixels = RawTable | TiledTable
