"""A finished table as a Zarr store: what is in the source, with level 0 replaced, and the smaller levels made from it anew."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from itertools import pairwise, product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from denoise_cli.large.zarr_windows import ZarrWindows, levels_of, need_zarr, opened
from denoise_cli.storage.stores import MARKS

if TYPE_CHECKING:
    from denoise_cli.large.raw_table import RawTable
    from denoise_cli.large.windows import Array

__all__ = ["write_store"]

#: Sides of the chunks of an array that was in no Zarr store.
CHUNK = 512
#: Metadata that version 2 keeps in files of their own, and what both versions have.
METADATA = (*MARKS, ".zattrs", ".zmetadata")
#: Bytes of a store that are written at once, whole chunks: fewer calls, and still little memory.
TOGETHER = 2**19

Block = tuple[slice, ...]


def write_store(path: Path, table: RawTable, source: ZarrWindows | None) -> None:
    """A store at `path`, where nothing is. Raises OSError, and DenoiseError where zarr is not installed."""
    zarr = need_zarr(path)
    planes, height, width, samples = table.shape
    if source is None:
        shape = (*((planes,) if planes > 1 else ()), height, width, *((samples,) if samples > 1 else ()))
        chunks = (*((1,) if planes > 1 else ()), min(CHUNK, height), min(CHUNK, width), *((samples,) if samples > 1 else ()))
        array = zarr.create_array(str(path), shape=shape, chunks=chunks, dtype=np.dtype(table.dtype).newbyteorder("="))
        _fill(array, table)
        return
    before = opened(source.path)
    found = None if hasattr(before, "shape") else levels_of(before)
    levels = [] if found is None else found[0]
    _copy_beside(source.path, path, {source.path / level for level in levels} or {source.path})
    node = zarr.open(str(path), mode="r+")
    _fill(node[levels[0]] if levels else node, table)
    for finer, coarser in pairwise(levels):
        _reduce(node[finer], node[coarser])


def _copy_beside(source: Path, target: Path, ours: set[Path]) -> None:
    """Byte for byte all that is in a store, labels and tables too, but for the chunks of the arrays that are `ours`."""
    for folder, inner, names in os.walk(source):
        here = Path(folder)
        (target / here.relative_to(source)).mkdir(parents=True, exist_ok=True)
        if here in ours:
            inner.clear()
        for name in names:
            if here not in ours or name in METADATA:
                shutil.copyfile(here / name, target / here.relative_to(source) / name)


def _blocks(array: Any) -> Iterator[Block]:
    """An array in blocks of whole chunks (shards, where there are some), as many together as TOGETHER allows."""
    sides = [min(side, grain) for side, grain in zip(array.shape, array.shards or array.chunks, strict=True)]
    for axis in reversed(range(array.ndim)):
        held = int(np.prod(sides, dtype=np.int64)) * np.dtype(array.dtype).itemsize
        sides[axis] = min(array.shape[axis], sides[axis] * max(1, TOGETHER // held))
        if sides[axis] < array.shape[axis]:
            break
    for starts in product(*(range(0, length, side) for length, side in zip(array.shape, sides, strict=True))):
        yield tuple(slice(at, min(at + side, end)) for at, side, end in zip(starts, sides, array.shape, strict=True))


def _fill(array: Any, table: RawTable) -> None:
    """The table's values."""
    width, samples = table.shape[2:]
    coloured = samples > 1 or (array.ndim > 2 and array.shape[-1] == 1 and array.shape[-2] == width)
    body = array.ndim - (3 if coloured else 2)
    for block in _blocks(array):
        values = np.empty([part.stop - part.start for part in block], table.dtype)
        for place in np.ndindex(values.shape[:body]):
            at = tuple(inner + part.start for inner, part in zip(place, block, strict=False))
            plane = int(np.ravel_multi_index(at, array.shape[:body])) if body else 0
            found = table.read(plane, block[body], block[body + 1])
            values[place] = found[:, :, block[body + 2]] if coloured else found[:, :, 0]
        array[block] = values


def _reduce(finer: Any, coarser: Any) -> None:
    """Means over blocks, of the whole numbers by which the finer level is larger along each axis; rounded to the type."""
    factors = tuple(max(1, round(a / b)) for a, b in zip(finer.shape, coarser.shape, strict=True))
    for block in _blocks(coarser):
        part = tuple(slice(at.start * factor, at.stop * factor) for at, factor in zip(block, factors, strict=True))
        coarser[block] = _means(np.asarray(finer[part]), factors, [at.stop - at.start for at in block], np.dtype(coarser.dtype))


def _means(values: Array, factors: tuple[int, ...], shape: list[int], dtype: np.dtype[Any]) -> Array:
    for axis, (factor, side) in enumerate(zip(factors, shape, strict=True)):
        wanted = side * factor
        if values.shape[axis] < wanted:
            more = [(0, 0)] * values.ndim
            more[axis] = (0, wanted - values.shape[axis])
            values = np.pad(values, more, mode="edge")
        if factor > 1:
            blocks = values.reshape(*values.shape[:axis], side, factor, *values.shape[axis + 1 :])
            values = blocks.mean(axis=axis + 1, dtype=np.float64)
    return (np.rint(values) if dtype.kind in "iu" else values).astype(dtype)
