"""Folders that are one picture (Zarr stores), and folders in which a large result grows."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["MARKS", "SUFFIX", "growing", "is_store", "state_of"]

#: What a store is called.
SUFFIX = ".zarr"
#: Files by which a folder is known as a store: of version 3, and an array or a group of version 2.
MARKS = ("zarr.json", ".zarray", ".zgroup")


def is_store(path: Path) -> bool:
    """Whether a folder is a Zarr store."""
    return any((path / mark).is_file() for mark in MARKS)


def state_of(path: Path) -> tuple[int, int]:
    """Bytes of a file, or of all files of a store, and when the last of them was changed, in nanoseconds. Raises OSError."""
    if not path.is_dir():
        status = path.stat()
        return status.st_size, status.st_mtime_ns
    size = changed = 0
    for folder, _, names in os.walk(path):
        for name in names:
            status = os.stat(os.path.join(folder, name))  # noqa: PTH116, PTH118 - a store may have a million of them
            size, changed = size + status.st_size, max(changed, status.st_mtime_ns)
    return size, changed


def growing(result: Path) -> Path:
    """The folder beside a large result in which it grows until it is whole."""
    return result.with_name(f".{result.name}.denoise-tiles")
