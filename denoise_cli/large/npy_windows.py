"""NumPy's own files by windows, mapped into memory for as long as a window takes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from denoise_cli.errors import DenoiseError
from denoise_cli.formats.npy import letters_of
from denoise_cli.formats.picture import Refused
from denoise_cli.large.windows import NO_CHUNKS, Array, Kind

__all__ = ["NpyWindows", "open_npy"]


class NpyWindows:
    """An .npy file whose last axes are Y and X, or Y, X and C; what comes before counts the planes."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], letters: str) -> None:
        channels = shape[-1] if letters.endswith("YXC") else 1
        body = len(letters) - (3 if letters.endswith("YXC") else 2)
        self.path, self.dtype = path, dtype.newbyteorder("=")
        self.planes, self.size = math.prod(shape[:body]), (shape[body], shape[body + 1])
        self.chunk, self.kind = NO_CHUNKS, Kind(channels, channels)
        self._counted = shape[:body]
        self.notes: tuple[str, ...] = ()

    @property
    def is_read_in_place(self) -> bool:
        return True

    def read(self, plane: int, rows: slice, columns: slice) -> Array:
        place = tuple(int(at) for at in np.unravel_index(plane, self._counted)) if self._counted else ()
        window = np.load(self.path, mmap_mode="r")[(*place, rows, columns)]
        return np.array(window, self.dtype, order="C").reshape(*window.shape[:2], self.kind.samples)


def open_npy(path: Path, axes: str | None, slices: str = "") -> NpyWindows | None:
    """None where the axes are in another order. Raises DenoiseError."""
    try:
        table = np.load(path, mmap_mode="r")
        letters = letters_of(table.shape, axes, slices)
    except Refused as refusal:
        raise DenoiseError(f"{path}: {refusal}") from refusal
    except Exception as error:
        raise DenoiseError(f"{path}: damaged or incomplete .npy file ({error}); get it again from its source") from error
    return NpyWindows(path, table.shape, table.dtype, letters) if letters.endswith(("YX", "YXC")) else None
