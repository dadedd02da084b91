"""Pictures that are read window by window: what one offers, and which files can be opened so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from denoise_cli.errors import DenoiseError
from denoise_cli.formats.picture import Page

__all__ = ["NO_CHUNKS", "Array", "Kind", "Source", "open_windows", "page_of", "reopened"]

Array = npt.NDArray[Any]

#: (rows, columns) of the chunks of a file that has none: a row, and columns of one page of memory.
NO_CHUNKS = (1, 4096)


@dataclass(frozen=True)
class Kind:
    """What the samples of a pixel are. samples: how many.  colours: those that are denoised; the others come back untouched.
    alpha: which of the others is the transparency.  nodata: stored values that stand for no value."""

    samples: int
    colours: int
    alpha: int | None = None
    nodata: tuple[float, ...] = ()
    limits: tuple[float, float] | None = None


class Source(Protocol):
    """One or more pictures (planes) of one shape in a file, which is never read whole.

    path: of the file.  planes: how many pictures.  size: (height, width) of each.  dtype: of the stored values, in native order.
    chunk: (rows, columns) that are decoded together, NO_CHUNKS where nothing has to be.
    kind: what a pixel holds.  notes: what is to be said about it.
    """

    path: Path
    planes: int
    size: tuple[int, int]
    dtype: np.dtype[Any]
    chunk: tuple[int, int]
    kind: Kind
    notes: tuple[str, ...]

    @property
    def is_read_in_place(self) -> bool:
        """Whether a window is read without what is beside it."""
        ...

    def read(self, plane: int, rows: slice, columns: slice) -> Array:
        """The stored samples of a window, (rows, columns, samples), in native byte order."""
        ...


def open_windows(
    path: Path, *, axes: str | None = None, slices: str = "", nodata: Sequence[float] = (), limits: tuple[float, float] | None = None
) -> Source | None:
    """The picture of a TIFF, an .npy or a Zarr store by windows; None for a file that is not one of them, or not so that it could be read
    by windows (a palette, samples of 12 bits): such a picture is read whole.

    axes, nodata, limits : as --axes, --nodata and --range.  slices : `Settings.slices`. Raises DenoiseError for what cannot be read at all.
    """
    source: Source | None
    if path.is_dir():
        from denoise_cli.large.zarr_windows import open_zarr

        source = open_zarr(path, axes, slices)
    else:
        try:
            with path.open("rb") as stream:
                beginning = stream.read(8)
        except OSError:
            return None
        if beginning.startswith(b"\x93NUMPY"):
            from denoise_cli.large.npy_windows import open_npy

            source = open_npy(path, axes, slices)
        elif beginning[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
            from denoise_cli.large.tiff_windows import open_tiff

            source = open_tiff(path)
        else:
            return None
    if source is None:
        return None
    if source.dtype.kind not in "biuf" or source.dtype.itemsize > 8:
        raise DenoiseError(f"{path}: pixels of type {source.dtype} are no picture; save them as integers or floats of up to 64 bits")
    told = (*source.kind.nodata, *(value for value in nodata if value not in source.kind.nodata))
    source.kind = Kind(source.kind.samples, source.kind.colours, source.kind.alpha, told, limits)
    return source


@lru_cache(maxsize=8)
def reopened(path: Path, changed: int, axes: str | None) -> Source:  # noqa: ARG001 - another state of the file is another source
    """The source once more, in a process that was only told the path; kept for the next window. Raises DenoiseError."""
    source = open_windows(path, axes=axes)
    if source is None:
        raise DenoiseError(f"{path}: cannot be read by windows any more; has it been replaced?")
    return source


def page_of(samples: Array, kind: Kind) -> Page:
    """A window as a page: (rows, columns, samples) with its transparency, nodata and limits."""
    colour = samples[:, :, 0] if kind.colours == 1 else samples[:, :, : kind.colours]
    beside = samples[:, :, kind.colours :] if kind.samples > kind.colours else None
    return Page(colour, beside, kind.alpha, nodata=kind.nodata, limits=kind.limits)
