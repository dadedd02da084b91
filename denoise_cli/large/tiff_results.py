"""A large result as a TIFF: written at once from a finished table, or begun with room for pixels that others will write into it."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from denoise_cli.formats.tiff import LARGEST_CLASSIC, arguments_of
from denoise_cli.large.raw_table import reserve
from denoise_cli.large.tiff_windows import TiffWindows, layout_and_tags
from denoise_cli.large.tiled_table import TiledTable

if TYPE_CHECKING:
    from denoise_cli.large.raw_table import RawTable
    from denoise_cli.large.windows import Array, Source

__all__ = ["begun_tiff", "write_tiff"]

#: Sides of the tiles of a TIFF, where the source has none.
TILE = 256


@dataclass(frozen=True)
class _Plane:
    """How one page is written. order: of the bytes.  separate: each sample has tiles of its own.  layout: as `formats.tiff` keeps it."""

    order: Literal["<", ">"]
    tile: tuple[int, int]
    separate: bool
    layout: dict[str, Any]


def _planes(source: Source) -> tuple[list[_Plane], list[str]]:
    """How each page is written, as the source is; and what is to be said about it."""
    planes: list[_Plane] = []
    notes: list[str] = []
    for number in range(source.planes):
        if isinstance(source, TiffWindows):
            layout, said = layout_and_tags(source.path, number)
            notes += said
        else:
            layout = {"photometric": "rgb" if source.kind.colours == 3 else "minisblack", "byteorder": "<"}
            if source.kind.samples > 1:
                layout["planarconfig"] = "contig"
        separate = layout.get("planarconfig") == "separate" and source.kind.samples > 1
        planes.append(_Plane(layout.pop("byteorder"), layout.pop("tile", (TILE, TILE)), separate, layout))
    return planes, list(dict.fromkeys(notes))


def _write_pages(
    stream: Any, shape: tuple[int, int, int, int], dtype: np.dtype[Any], source: Source, planes: list[_Plane],
    tiles_of: Callable[[int, _Plane], Iterator[Any]],
) -> None:  # fmt: skip
    """tiles_of(plane, how) → its tiles in the order of the file."""
    import tifffile

    _, height, width, samples = shape
    order, big = planes[0].order, _is_big(shape, dtype, source, planes)
    with tifffile.TiffWriter(stream, bigtiff=big, byteorder=order) as writer:
        for number, plane in enumerate(planes):
            size = (samples, height, width) if plane.separate else (height, width, samples) if samples > 1 else (height, width)
            told = arguments_of(plane.layout, stream, order, big=big)
            writer.write(tiles_of(number, plane), shape=size, dtype=dtype.newbyteorder(order), tile=plane.tile, **told)


def _is_big(shape: tuple[int, int, int, int], dtype: np.dtype[Any], source: Source, planes: list[_Plane]) -> bool:
    """Whether its places need 64 bits: tiles reach beyond the edges of the picture."""
    sides = [max(-(-side // plane.tile[axis]) * plane.tile[axis] for plane in planes) for axis, side in enumerate(shape[1:3])]
    size = shape[0] * math.prod(sides) * shape[3] * dtype.itemsize
    return size > LARGEST_CLASSIC or (isinstance(source, TiffWindows) and source.is_big)


def write_tiff(stream: Any, table: RawTable, source: Source) -> list[str]:
    """All pages of a finished table. Returns what is to be said about them. Raises OSError."""
    planes, notes = _planes(source)
    _write_pages(stream, table.shape, np.dtype(table.dtype), source, planes, lambda number, plane: _tiles(table, number, plane))
    return notes


def _tiles(table: RawTable, number: int, plane: _Plane) -> Iterator[Array]:
    """The tiles of a page, of full size; a row of tiles is read at once. The outermost pixels go on beyond the edges, and compress well."""
    _, height, width, samples = table.shape
    tall, wide = plane.tile
    for sample in range(samples) if plane.separate else (None,):
        for top in range(0, height, tall):
            band = table.read(number, slice(top, min(top + tall, height)), slice(0, width))
            band = band[:, :, sample] if sample is not None else band[:, :, 0] if samples == 1 else band
            more = ((0, tall - band.shape[0]), (0, -width % wide), *(((0, 0),) if band.ndim == 3 else ()))
            band = np.pad(band, more, mode="edge")
            for left in range(0, band.shape[1], wide):
                yield np.ascontiguousarray(band[:, left : left + wide])


class _WithoutPixels(io.BufferedRandom):
    """A file into which all is written but `blank`: for that room is left. places: where.  end: of the last one."""

    def __init__(self, path: Path, blank: bytes) -> None:
        super().__init__(io.FileIO(path, "w+"))
        self.blank = blank
        self.places: list[int] = []
        self.end = 0

    def write(self, data: Any) -> int:
        if data is not self.blank:
            return super().write(data)
        self.places.append(self.tell())
        self.end = self.seek(len(data), io.SEEK_CUR)
        return len(self.blank)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_END:
            return super().seek(max(self.end, super().seek(0, io.SEEK_END)) + offset)
        return super().seek(offset, whence)


def begun_tiff(path: Path, shape: tuple[int, int, int, int], dtype: np.dtype[Any], source: Source) -> TiledTable | None:
    """A TIFF at `path` that lacks nothing but its pixels, as a table of them; None where they have no place before they are all there,
    because they are compressed, or packed to bits. Raises OSError where the disk has no room for it."""
    planes, notes = _planes(source)
    order, tile, separate = planes[0].order, planes[0].tile, planes[0].separate
    is_plain = all(plane.layout.get("compression") is None and (plane.tile, plane.separate) == (tile, separate) for plane in planes)
    if not is_plain or dtype.kind == "b":
        return None
    table = TiledTable(path, shape, dtype.newbyteorder(order).str, tile, (), separate, tuple(notes))
    count = table.bytes_of_a_plane // table.bytes_of_a_tile
    with _WithoutPixels(path, bytes(table.bytes_of_a_tile)) as stream:
        _write_pages(stream, shape, dtype, source, planes, lambda *_: repeat(stream.blank, count))
        places, end = stream.places, stream.end
    reserve(path, end)
    return replace(table, offsets=tuple(places[::count]))
