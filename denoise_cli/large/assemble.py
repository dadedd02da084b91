"""From a finished table to the result under its name: TIFF and .npy in one go, a Zarr store with its levels."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from denoise_cli.errors import DenoiseError
from denoise_cli.large.zarr_windows import ZarrWindows
from denoise_cli.storage.writing import appear, take_place

if TYPE_CHECKING:
    from denoise_cli.large.raw_table import RawTable
    from denoise_cli.large.windows import Array, Source

__all__ = ["KINDS", "assemble", "kind_of"]

#: What a large result can be written as, by its suffix.
KINDS = {".tif": "tiff", ".tiff": "tiff", ".npy": "npy", ".zarr": "zarr"}
#: Sides of the tiles of a TIFF, where the source has none.
TIFF_TILE = 256
Seal = Callable[[Path], None]


def kind_of(path: Path, told: str | None, source: Source) -> str:
    """The format of the result: as told, as its name says, or that of the source. Raises DenoiseError for another one."""
    own = "zarr" if source.path.is_dir() else "npy" if source.path.suffix.lower() == ".npy" else "tiff"
    kind = told or KINDS.get(path.suffix.lower(), own if path.suffix.lower() == source.path.suffix.lower() else "other")
    if kind not in KINDS.values():
        raise DenoiseError(
            f"{path}: a picture that is solved by tiles is written as TIFF, .npy or Zarr; name the result .tif, .npy or .zarr"
        )
    return kind


def assemble(
    path: Path, kind: str, table: RawTable, source: Source, workspace: Path, *, overwrite: bool, seal: Seal | None, option: str = "-o"
) -> list[str]:
    """Write the result; it appears whole or not at all. Returns what is to be said about it. Raises DenoiseError.

    option : what names another place.
    """
    if kind == "zarr":
        _write_zarr(path, table, source, workspace, overwrite=overwrite, seal=seal)
        return []
    beside = source.beside if isinstance(source, ZarrWindows) else ()
    lost = [f"{', '.join(beside)} inside: left out"] if beside else []
    if kind == "npy":
        take_place(table.path, path, overwrite=overwrite, seal=seal)
        return lost
    with appear(path, overwrite=overwrite, seal=seal, option=option) as stream:
        return lost + _write_tiff(stream, table, source)


def _write_tiff(stream: Any, table: RawTable, source: Source) -> list[str]:
    import tifffile

    from denoise_cli.formats.tiff import LARGEST_CLASSIC, arguments_of
    from denoise_cli.large.tiff_windows import TiffWindows, layout_and_tags

    notes: list[str] = []
    planes, height, width, samples = table.shape
    layouts = []
    for plane in range(planes):
        if isinstance(source, TiffWindows):
            layout, said = layout_and_tags(source.path, plane)
            notes += said
        else:
            layout = {"photometric": "rgb" if source.kind.colours == 3 else "minisblack", "byteorder": "<"}
            if samples > 1:
                layout["planarconfig"] = "contig"
        layouts.append(layout)
    order = layouts[0]["byteorder"]
    big = table.bytes > LARGEST_CLASSIC or (isinstance(source, TiffWindows) and source.is_big)
    with tifffile.TiffWriter(stream, bigtiff=big, byteorder=order) as writer:
        for plane, layout in enumerate(layouts):
            layout.pop("byteorder")
            tile = layout.pop("tile", (TIFF_TILE, TIFF_TILE))
            separate = layout.get("planarconfig") == "separate" and samples > 1
            shape = (samples, height, width) if separate else (height, width, samples) if samples > 1 else (height, width)
            told = arguments_of(layout, stream, order, big=big)
            tiles = _tiles(table, plane, tile, separate=separate)
            writer.write(tiles, shape=shape, dtype=np.dtype(table.dtype).newbyteorder(order), tile=tile, **told)
    return list(dict.fromkeys(notes))


def _tiles(table: RawTable, plane: int, tile: tuple[int, int], *, separate: bool) -> Iterator[Array]:
    """The tiles of a TIFF in the order of the file, of full size, zeros beyond the edges; a row of tiles is read at once."""
    _, height, width, samples = table.shape
    for sample in range(samples) if separate else (None,):
        for top in range(0, height, tile[0]):
            band = table.read(plane, slice(top, min(top + tile[0], height)), slice(0, width))
            band = band[:, :, sample] if sample is not None else band[:, :, 0] if samples == 1 else band
            more = ((0, tile[0] - band.shape[0]), (0, -width % tile[1]), *(((0, 0),) if band.ndim == 3 else ()))
            band = np.pad(band, more, mode="edge")
            for left in range(0, band.shape[1], tile[1]):
                yield np.ascontiguousarray(band[:, left : left + tile[1]])


def _write_zarr(path: Path, table: RawTable, source: Source, workspace: Path, *, overwrite: bool, seal: Seal | None) -> None:
    from denoise_cli.large.zarr_results import write_store

    finished = workspace / "store.zarr"
    try:
        shutil.rmtree(finished, ignore_errors=True)
        write_store(finished, table, source if isinstance(source, ZarrWindows) else None)
        if seal is not None:
            seal(finished)
        if path.exists():
            if not overwrite:
                raise DenoiseError(f"{path}: exists already; choose another name with -o, or allow it with --overwrite")
            os.rename(path, workspace / f"replaced-{path.name}")  # noqa: PTH104 - a folder as well as a file
        os.rename(finished, path)  # noqa: PTH104
    except OSError as error:
        raise DenoiseError(f"{path}: cannot be written ({error.strerror or error}); choose another place with -o") from error
