"""TIFF by windows: only the tiles or strips that a window touches are read and decoded."""

from __future__ import annotations

import logging
import mmap
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from denoise_cli.errors import DenoiseError
from denoise_cli.formats.picture import Refused
from denoise_cli.formats.tiff import (
    BLACK_IS_ZERO,
    CMYK,
    RGB,
    WHITE_IS_ZERO,
    YCBCR,
    layout_of,
    nodata_of,
    refuse_other_files,
    sound,
    tags_of,
)
from denoise_cli.large.raw_table import RawTable
from denoise_cli.large.windows import NO_CHUNKS, Array, Kind

__all__ = ["TiffWindows", "layout_and_tags", "open_tiff"]

#: Bytes of one tile or strip, decoded. A file whose only strip is the whole picture cannot be read by windows.
LARGEST_CHUNK = 2**28
#: Compressions whose decoder wants tables from the page: JPEG in its four kinds.
JPEGS = (6, 7, 34892, 33007)
SMALLER_COPY = 1
#: A level of a pyramid that nothing marks is by this whole number, at least, smaller than the first page along both sides.
LEAST_REDUCTION = 2


class TiffWindows:
    """The full-size pages of a TIFF, all of one shape; of a pyramid its largest level."""

    def __init__(self, path: Path, file: Any, pages: list[Any], stacked: int, kind: Kind, notes: tuple[str, ...]) -> None:
        """stacked: how many pictures lie one behind the other where the only page that is listed begins; else 1. Raises ValueError."""
        page = pages[0]
        self.path, self.planes, self.kind, self.notes = path, len(pages) * stacked, kind, notes
        self.size, self.dtype = (int(page.imagelength), int(page.imagewidth)), np.dtype(page.dtype).newbyteorder("=")
        self.is_big = bool(file.is_bigtiff)
        self._separate = page.planarconfig == 2 and page.samplesperpixel > 1
        self._tables: list[RawTable] = []
        if stacked > 1 or all(each.is_contiguous and each.predictor == 1 and each.fillorder == 1 for each in pages):
            self._tables = self._tables_of(file, pages, stacked)
            self.chunk = NO_CHUNKS
            return
        # Read now, so that the file need not stay open.
        self._places = [(page.dataoffsets, page.databytecounts, _decoder(page)) for page in pages]
        rows = page.tilelength if page.is_tiled else min(page.rowsperstrip, page.imagelength)
        self.chunk = (int(rows), int(page.tilewidth if page.is_tiled else page.imagewidth))

    def _tables_of(self, file: Any, pages: list[Any], stacked: int) -> list[RawTable]:
        """Where the values of each plane lie in a row, uncompressed: a window is then read without what is beside it."""
        samples, (height, width) = self.kind.samples, self.size
        shape = (samples, height, width, 1) if self._separate else (1, height, width, samples)
        stored = self.dtype.newbyteorder(file.byteorder).str
        each = RawTable(self.path, shape, stored).bytes
        places = [int(page.dataoffsets[0]) + number * each for page in pages for number in range(stacked)]
        if max(places) + each > self.path.stat().st_size:
            raise ValueError("its pixels are cut short")
        return [RawTable(self.path, shape, stored, place) for place in places]

    @property
    def is_read_in_place(self) -> bool:
        return bool(self._tables)

    def read(self, plane: int, rows: slice, columns: slice) -> Array:
        if self._tables:
            table = self._tables[plane]
            planes = [table.read(number, rows, columns) for number in range(table.shape[0])]
            return np.concatenate(planes, axis=2).astype(self.dtype, copy=False)
        out = np.zeros((rows.stop - rows.start, columns.stop - columns.start, self.kind.samples), self.dtype)
        tall, wide = self.chunk
        down, across = -(-self.size[0] // tall), -(-self.size[1] // wide)
        with self.path.open("rb", buffering=0) as stream:
            for sample in range(self.kind.samples if self._separate else 1):
                into = out[:, :, sample : sample + 1] if self._separate else out
                for i in range(rows.start // tall, -(-rows.stop // tall)):
                    for j in range(columns.start // wide, -(-columns.stop // wide)):
                        decoded = self._decoded(stream, plane, (sample * down + i) * across + j)
                        if decoded is not None:
                            _paste(decoded, into, i * tall - rows.start, j * wide - columns.start)
        return out

    def _decoded(self, stream: Any, plane: int, index: int) -> Array | None:
        """One tile or strip, (rows, columns, samples); None where the file leaves it out, which stands for zeros."""
        offsets, counts, decode = self._places[plane]
        if not counts[index]:
            return None
        stream.seek(offsets[index])
        data = stream.read(counts[index])
        try:
            decoded, _, _ = decode(data, index)
        except Exception as error:
            said = " ".join(str(error).split())[:200] or type(error).__name__
            raise DenoiseError(f"{self.path}: a tile is damaged or incomplete ({said}); get it again from its source") from error
        return None if decoded is None else decoded[0]


def _decoder(page: Any) -> Any:
    """decode(data, index) of a page, which has all that it needs."""
    tables = {"jpegtables": page.jpegtables, "jpegheader": page.keyframe.jpegheader} if int(page.compression) in JPEGS else {}
    return partial(page.keyframe.decode, _fullsize=page.is_tiled, **tables)


def _paste(chunk: Array, out: Array, top: int, left: int) -> None:
    """Copy what of `chunk`, whose corner lies at (top, left) of `out`, lies within `out`."""
    height, width = out.shape[:2]
    first, last = max(top, 0), min(top + chunk.shape[0], height)
    begin, end = max(left, 0), min(left + chunk.shape[1], width)
    out[first:last, begin:end] = chunk[first - top : last - top, begin - left : end - left]


def open_tiff(path: Path) -> TiffWindows | None:
    """None for what has to be read whole: palettes, samples of 1, 4 or 12 bits, pages of several sizes. Raises DenoiseError."""
    import tifffile

    # What is wrong is said once, in one line, by us.
    logging.getLogger("tifffile").setLevel(logging.CRITICAL + 1)
    try:
        with tifffile.TiffFile(path) as file:
            return _opened(path, file)
    except Refused as refusal:
        raise DenoiseError(f"{path}: {refusal}") from refusal
    except Exception as error:
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise DenoiseError(f"{path}: damaged or incomplete TIFF file ({said}); get it again from its source") from error


def _opened(path: Path, file: Any) -> TiffWindows | None:
    refuse_other_files(file)
    full = _full_size(file)
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        nodata = nodata_of(tags_of(full[0], data, file)[0])
    kind = _kind(full[0], nodata)
    if kind is None or not all(_alike(page, full[0]) for page in full):
        return None
    stacked = _stacked(file)
    smaller = len(full) < len(file.pages) or any(page.subifds for page in full)
    notes = ("smaller copies inside (pyramid): left out",) if smaller else ()
    return TiffWindows(path, file, full, stacked, kind, notes)


def _stacked(file: Any) -> int:
    """The pictures behind the only page that is listed: ImageJ writes stacks of more than 4 GB so, tifffile too. Raises Refused."""
    if len(file.pages) != 1 or not (file.is_imagej or file.is_shaped):
        return 1
    try:
        page, series = file.pages.first, file.series[0]
    except Exception:
        return 1  # a description that makes no sense: then it is just the page
    if not series.is_truncated:
        return 1
    if not page.is_contiguous or (page.samplesperpixel > 1 and page.planarconfig == 2):
        raise Refused("a stack that lists only its first page; save it as an ordinary TIFF stack first")
    return int(series.size) // max(1, int(page.size))


def _kind(page: Any, nodata: tuple[float, ...]) -> Kind | None:
    """What the samples of a page are; None for what only the whole reader knows."""
    photometric, samples, bits = int(page.photometric), int(page.samplesperpixel), page.bitspersample
    expected = {BLACK_IS_ZERO: 1, WHITE_IS_ZERO: 1, RGB: 3, YCBCR: 3, CMYK: 4}.get(photometric)
    if expected is None or bits not in (8, 16, 32, 64) or page.imagedepth != 1 or page.dtype is None:
        return None
    chunk = page.tilewidth * page.tilelength if page.is_tiled else page.imagewidth * min(page.rowsperstrip, page.imagelength)
    if chunk * samples * page.dtype.itemsize > LARGEST_CHUNK:
        return None
    beside = tuple(int(kind) for kind in page.extrasamples)
    if expected == 1 and not any(beside):
        return Kind(samples, samples, nodata=nodata)
    if samples - len(beside) != expected:
        return None
    alpha = next((at for at, kind in enumerate(beside) if kind in (1, 2)), None)
    return Kind(samples, expected, alpha, nodata)


def _alike(page: Any, first: Any) -> bool:
    """Whether two pages lie in the file alike."""
    names = ("shape", "dtype", "compression", "photometric", "planarconfig", "chunks", "predictor")
    return all(getattr(page, name) == getattr(first, name) for name in names)


def layout_and_tags(path: Path, plane: int) -> tuple[dict[str, Any], list[str]]:
    """What a successor of a page is written with: layout and tags as `formats.tiff` keeps them; and what is to be said about them."""
    import tifffile

    notes: list[str] = []
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data, tifffile.TiffFile(path) as file:
        full = _full_size(file)
        page = full[min(plane, len(full) - 1)]
        layout = layout_of(page, page.planarconfig == 2 and page.samplesperpixel > 1, notes)
        layout.pop("subfiletype", None)
        found, layout["ifds"] = tags_of(page, data, file)
        layout["tags"], _ = sound(found, "little" if file.byteorder == "<" else "big")
        extra = tuple(int(kind) if kind in (1, 2) else 0 for kind in page.extrasamples)
        if extra:
            layout["extrasamples"] = extra
        return layout | {"byteorder": file.byteorder}, notes


def _full_size(file: Any) -> list[Any]:
    """The pages that are no smaller copies of others."""
    pages = file.series[0].levels[0].pages if file.is_svs else file.pages
    every = [page.aspage() for page in pages]
    full = [page for page in every if not int(page.subfiletype) & SMALLER_COPY] or every[:1]
    return full[:1] if len(full) > 1 and _is_pyramid(full) else full


def _is_pyramid(pages: list[Any]) -> bool:
    """Whether each page is a copy of the first one that is smaller by a whole number, and smaller than the page before it."""
    sides = [(int(page.imagelength), int(page.imagewidth)) for page in pages]
    falling = all(later[0] < earlier[0] and later[1] < earlier[1] for earlier, later in pairwise(sides))
    return falling and all(_is_level(sides[0], each) for each in sides[1:])


def _is_level(full: tuple[int, int], smaller: tuple[int, int]) -> bool:
    factor = round(full[1] / smaller[1])
    return factor >= LEAST_REDUCTION and all(abs(side - whole / factor) < 1 for whole, side in zip(full, smaller, strict=True))
