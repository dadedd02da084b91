"""NumPy's own files by windows, mapped into memory for as long as a window takes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from denoise_cli.errors import DenoiseError
from denoise_cli.formats.npy import letters_of
from denoise_cli.formats.picture import Refused
from denoise_cli.large.windows import Array, Kind

__all__ = ["NpyWindows", "open_npy"]

#: An .npy has no chunks; so many rows are the grain of its windows, and columns of one page of memory.
ROWS, COLUMNS = 1, 4096


class NpyWindows:
    """An .npy file whose last axes are Y and X, or Y, X and C; what comes before counts the planes."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], letters: str) -> None:
        channels = shape[-1] if letters.endswith("YXC") else 1
        body = len(letters) - (3 if letters.endswith("YXC") else 2)
        self.path, self.dtype = path, dtype.newbyteorder("=")
        self.planes, self.size = math.prod(shape[:body]), (shape[body], shape[body + 1])
        self.chunk, self.kind = (ROWS, COLUMNS), Kind(channels, channels)
        self.notes: tuple[str, ...] = ()

    def read(self, plane: int, rows: slice, columns: slice) -> Array:
        table = np.load(self.path, mmap_mode="r").reshape(self.planes, *self.size, self.kind.samples)
        return np.array(table[plane, rows, columns], self.dtype, order="C")


def open_npy(path: Path, axes: str | None) -> NpyWindows | None:
    """None where the axes are in another order, or the file in Fortran's. Raises DenoiseError."""
    try:
        table = np.load(path, mmap_mode="r")
        letters = letters_of(table.shape, axes)
    except Refused as refusal:
        raise DenoiseError(f"{path}: {refusal}") from refusal
    except Exception as error:
        raise DenoiseError(f"{path}: damaged or incomplete .npy file ({error}); get it again from its source") from error
    in_order = letters.endswith(("YX", "YXC")) and table.flags.c_contiguous
    return NpyWindows(path, table.shape, table.dtype, letters) if in_order else None
