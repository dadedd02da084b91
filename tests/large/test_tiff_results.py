"""A TIFF whose pixels are written window by window is the TIFF that is written at once."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from denoise_cli.formats.exif import EXIF_IFD, Entry
from denoise_cli.formats.tiff import SOFTWARE, arguments_of
from denoise_cli.large.raw_table import RawTable
from denoise_cli.large.tiff_results import begun_tiff, write_tiff
from denoise_cli.large.windows import open_windows

MAKER_NOTE = 37500
#: Of the pages, their sides and samples, and how they are stored. Where the tiles cover the picture exactly, nothing is beyond its edges.
FILES: dict[str, tuple[tuple[int, ...], str, dict[str, Any]]] = {
    "grey": ((1, 96, 128, 1), "uint8", {"tile": (32, 64), "photometric": "minisblack"}),
    "edges": ((1, 75, 133, 1), ">u2", {"tile": (16, 48), "photometric": "miniswhite", "byteorder": ">", "bigtiff": True}),
    "strips": ((1, 300, 261, 1), "float32", {"rowsperstrip": 7}),
    "colours": ((1, 70, 100, 3), "uint8", {"tile": (32, 32), "photometric": "rgb", "planarconfig": "contig"}),
    "colours apart": ((1, 64, 96, 3), "uint16", {"tile": (32, 32), "photometric": "rgb", "planarconfig": "separate"}),
    "one tile": ((1, 64, 48, 1), "uint8", {"tile": (64, 48), "photometric": "minisblack"}),
    "a larger tile": ((1, 20, 30, 1), "uint8", {"tile": (64, 48), "photometric": "minisblack"}),
    "stack": ((3, 64, 96, 1), "uint8", {"tile": (32, 48), "photometric": "minisblack"}),
}
#: Where cores meet along an axis, as parts of it: on borders of tiles, beside them, and twice within one tile.
CUTS = [(0, 0.5, 1), (0, 0.31, 0.36, 0.9, 1), (0, 1)]


def source_of(path: Path, shape: tuple[int, ...], dtype: str, words: dict[str, Any]) -> Any:
    pages = np.random.default_rng(0).integers(0, 200, shape).astype(dtype)
    stored = np.moveaxis(pages, -1, 1) if words.get("planarconfig") == "separate" else pages
    order, big = words.get("byteorder", "<"), words.get("bigtiff", False)
    layout = {name: value for name, value in words.items() if name not in ("byteorder", "bigtiff")}
    layout |= {"tags": [Entry(SOFTWARE, 2, 10, b"scanner 5\0")], "ifds": [(EXIF_IFD, (Entry(MAKER_NOTE, 7, 9, b"of a page"),))]}
    with path.open("w+b") as stream, tifffile.TiffWriter(stream, byteorder=order, bigtiff=big) as writer:
        for page in stored:
            writer.write(page.squeeze(), **arguments_of(layout, stream, order, big=big))
    return open_windows(path)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("cuts", CUTS)
def test_windows_make_the_file_that_is_written_at_once(tmp_path: Path, name: str, cuts: tuple[float, ...]) -> None:
    shape, dtype, words = FILES[name]
    source = source_of(tmp_path / "a.tif", shape, dtype, words)
    clean = np.random.default_rng(1).integers(0, 200, shape).astype(source.dtype)
    table = begun_tiff(tmp_path / "b.tif", shape, source.dtype, source)
    assert table is not None
    rows, columns = ([slice(int(a * side), int(b * side)) for a, b in pairwise(cuts)] for side in shape[1:3])
    for plane in reversed(range(shape[0])):
        for down in rows:
            for across in columns:
                table.write(plane, down, across, clean[plane, down, across])
    whole = RawTable.npy(tmp_path / "c.npy", clean.shape, shape, clean.dtype)
    for plane in range(shape[0]):
        whole.write(plane, slice(0, shape[1]), slice(0, shape[2]), clean[plane])
    with (tmp_path / "c.tif").open("w+b") as stream:
        write_tiff(stream, whole, source)
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        pages = [page.asarray() for page in file.pages]
        for page in file.pages:
            assert (page.software, page.tags["ExifTag"].value) == ("scanner 5", {"MakerNote": b"of a page"})
    apart = words.get("planarconfig") == "separate"
    for page, expected in zip(pages, clean, strict=True):
        np.testing.assert_array_equal(np.moveaxis(page, 0, -1) if apart else page.reshape(expected.shape), expected)
    written, at_once = (tmp_path / "b.tif").read_bytes(), (tmp_path / "c.tif").read_bytes()
    assert len(written) == len(at_once)
    if all(side % grain == 0 for side, grain in zip(shape[1:3], words.get("tile", (256, 256)), strict=True)):
        assert written == at_once


@pytest.mark.parametrize("compression", ["zlib", "lzw"])
def test_what_is_compressed_has_no_place_before_it_is_there(tmp_path: Path, compression: str) -> None:
    words = {"tile": (32, 64), "photometric": "minisblack", "compression": compression}
    source = source_of(tmp_path / "a.tif", (1, 96, 128, 1), "uint8", words)
    assert begun_tiff(tmp_path / "b.tif", (1, 96, 128, 1), source.dtype, source) is None
