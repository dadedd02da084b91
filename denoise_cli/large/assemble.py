"""Where the pixels of a result gather, and how they become the file or the store under its name.

An .npy file and a TIFF without compression are written where they gather, and only get their name in the end. A TIFF with compression, and
a Zarr store with its levels, are made from an .npy file.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from denoise_cli.errors import DenoiseError
from denoise_cli.large.raw_table import RawTable
from denoise_cli.large.tiled_table import TiledTable
from denoise_cli.large.zarr_windows import ZarrWindows
from denoise_cli.storage.writing import appear, take_place

if TYPE_CHECKING:
    from denoise_cli.large.tiled_table import Pixels
    from denoise_cli.large.windows import Source

__all__ = ["KINDS", "assemble", "begun", "begun_before", "kind_of"]

#: What a large result can be written as, by its suffix.
KINDS = {".tif": "tiff", ".tiff": "tiff", ".npy": "npy", ".zarr": "zarr"}
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


def begun(place: Path, kind: str, source: Source, dtype: np.dtype[Any]) -> tuple[Pixels, dict[str, Any]]:
    """Where the pixels of a result of that kind gather, a file called `place` and its ending; and what `begun_before` has to know of it.

    Raises OSError where the disk has no room for it, before any work.
    """
    samples = source.kind.samples
    table = (source.planes, *source.size, samples)
    if kind == "tiff":
        from denoise_cli.large.tiff_results import begun_tiff

        made = begun_tiff(place.with_suffix(".tif"), table, dtype, source)
        if made is not None:
            return made, {"dtype": made.dtype, "tile": made.tile, "offsets": made.offsets, "separate": made.separate, "losses": made.losses}
    shape = (*((source.planes,) if source.planes > 1 else ()), *source.size, *((samples,) if samples > 1 else ()))
    if kind == "npy" and source.path.suffix.lower() == ".npy":
        shape = np.load(source.path, mmap_mode="r").shape
    raw = RawTable.npy(place.with_suffix(".npy"), shape, table, dtype)
    return raw, {"offset": raw.offset}


def begun_before(place: Path, source: Source, dtype: np.dtype[Any], known: dict[str, Any]) -> Pixels:
    """The same once more, of a run that goes on."""
    table = (source.planes, *source.size, source.kind.samples)
    if "offset" in known:
        return RawTable(place.with_suffix(".npy"), table, dtype.str, known["offset"])
    tile, offsets, losses = (tuple(known[name]) for name in ("tile", "offsets", "losses"))
    return TiledTable(place.with_suffix(".tif"), table, known["dtype"], tile, offsets, known["separate"], losses)


def assemble(
    path: Path, kind: str, table: Pixels, source: Source, workspace: Path, *, overwrite: bool, seal: Seal | None, option: str = "-o"
) -> list[str]:
    """Give the result its name, and make it before, where it is not what its pixels gathered in; it appears whole or not at all. Returns
    what is to be said about it. Raises DenoiseError.

    option : what names another place.
    """
    if kind == "zarr":
        assert isinstance(table, RawTable)
        _write_zarr(path, table, source, workspace, overwrite=overwrite, seal=seal)
        return []
    beside = source.beside if isinstance(source, ZarrWindows) else ()
    lost = [f"{', '.join(beside)} inside: left out"] if beside else []
    if kind == "tiff" and isinstance(table, RawTable):
        from denoise_cli.large.tiff_results import write_tiff

        with appear(path, overwrite=overwrite, seal=seal, option=option) as stream:
            return lost + write_tiff(stream, table, source)
    take_place(table.path, path, overwrite=overwrite, seal=seal, option=option)
    return lost + list(table.losses if isinstance(table, TiledTable) else ())


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
