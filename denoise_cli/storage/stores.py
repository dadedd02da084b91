"""Folders that are one picture (Zarr stores), and folders in which a large result grows."""

from __future__ import annotations

from pathlib import Path

__all__ = ["MARKS", "SUFFIX", "growing", "is_store"]

#: What a store is called.
SUFFIX = ".zarr"
#: Files by which a folder is known as a store: of version 3, and an array or a group of version 2.
MARKS = ("zarr.json", ".zarray", ".zgroup")


def is_store(path: Path) -> bool:
    """Whether a folder is a Zarr store."""
    return any((path / mark).is_file() for mark in MARKS)


def growing(result: Path) -> Path:
    """The folder beside a large result in which it grows until it is whole."""
    return result.with_name(f".{result.name}.denoise-tiles")
