"""A table on disk that is read and written by window: half-finished results, and the dual variable between sweeps."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from denoise_cli.large.windows import Array

__all__ = ["RawTable", "reserve", "transfer"]


@dataclass(frozen=True)
class RawTable:
    """Values in C order behind `offset` bytes of a file, (planes, height, width, samples). Travels to other processes by its path.

    Nothing stays mapped, so that a process never holds more than a window; and a full disk is an error, where a map would be a crash.
    """

    path: Path
    shape: tuple[int, int, int, int]
    dtype: str
    offset: int = 0

    @property
    def bytes(self) -> int:
        """Of the whole file."""
        return self.offset + int(np.prod(self.shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize

    @classmethod
    def npy(cls, path: Path, shape: tuple[int, ...], samples: tuple[int, int, int, int], dtype: np.dtype[Any]) -> RawTable:
        """An .npy file of `shape`, its header written, seen as a table of `samples`. Raises OSError, on a full disk before any work."""
        with path.open("wb") as stream:
            header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(stream, header)
            offset = stream.tell()
        table = cls(path, samples, dtype.str, offset)
        table.reserve()
        return table

    def reserve(self) -> None:
        """Make the file as large as it will be. Raises OSError where the disk has no room for it."""
        reserve(self.path, self.bytes)

    def read(self, plane: int, rows: slice, columns: slice) -> Array:
        """(rows, columns, samples)"""
        out = np.empty((rows.stop - rows.start, columns.stop - columns.start, self.shape[3]), self.dtype)
        with self.path.open("rb", buffering=0) as stream:
            self._transfer_window(stream.readinto, stream, out, plane, rows.start, columns)
        return out

    def write(self, plane: int, rows: slice, columns: slice, values: Array) -> None:
        """The counterpart of `read`. Raises OSError."""
        values = np.ascontiguousarray(values, self.dtype).reshape(rows.stop - rows.start, columns.stop - columns.start, self.shape[3])
        with self.path.open("r+b", buffering=0) as stream:
            self._transfer_window(stream.write, stream, values, plane, rows.start, columns)

    def _transfer_window(self, call: Any, stream: Any, values: Array, plane: int, top: int, columns: slice) -> None:
        """All at once where the rows are whole and lie one behind the other in the file, else row by row."""
        if columns.stop - columns.start == self.shape[2]:
            self._transfer(call, stream, values, plane, top, columns.start)
        else:
            for row, line in enumerate(values, top):
                self._transfer(call, stream, line, plane, row, columns.start)

    def _transfer(self, call: Any, stream: Any, values: Array, plane: int, row: int, column: int) -> None:
        _, height, width, samples = self.shape
        at = self.offset + ((plane * height + row) * width + column) * samples * np.dtype(self.dtype).itemsize
        transfer(call, stream, values, at)


def reserve(path: Path, size: int) -> None:
    """Make a file as large as it will be, without touching what is in it. Raises OSError where the disk has no room for it."""
    with path.open("ab") as stream:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(stream.fileno(), 0, size)
        else:
            stream.truncate(size)


def transfer(call: Callable[[memoryview], int], stream: Any, values: Array, at: int) -> None:
    """Read or write contiguous values at a place of an unbuffered file: `call` may do a part of what it is told. Raises OSError."""
    stream.seek(at)
    left = memoryview(values.data).cast("B")
    while left:
        done = call(left)
        if not done:
            raise OSError(5, "the file is shorter than it should be")
        left = left[done:]
