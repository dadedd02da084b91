"""A finished table as a Zarr store: the metadata of the source, level 0 replaced, and the smaller levels made from it anew."""

from __future__ import annotations

import shutil
from itertools import pairwise
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
    # Every piece of metadata as it is, byte for byte; then the chunks of the arrays that are ours.
    for each in source.path.rglob("*"):
        if each.name in METADATA:
            target = path / each.relative_to(source.path)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(each, target)
    before, node = opened(source.path), zarr.open(str(path), mode="r+")
    found = None if hasattr(node, "shape") else levels_of(before)
    if found is None:
        _fill(node, table)
        return
    levels, _ = found
    _fill(node[levels[0]], table)
    for finer, coarser in pairwise(levels):
        _reduce(node[finer], node[coarser])
    for name in _others(before, levels):
        shutil.rmtree(path / name, ignore_errors=True)


def _others(group: Any, levels: list[str]) -> list[str]:
    """Parts of a group that are no levels, such as labels: they are of the noisy picture, and left out."""
    own = {level.partition("/")[0] for level in levels}
    return [str(name) for name, _ in [*group.groups(), *group.arrays()] if str(name) not in own]


def _fill(array: Any, table: RawTable) -> None:
    """The table's values, a band of chunks at a time."""
    planes, height, width, samples = table.shape
    coloured = samples > 1 or (array.ndim > 2 and array.shape[-1] == 1 and array.shape[-2] == width)
    body = array.shape[: -3 if coloured else -2]
    band = int(array.chunks[len(body)])
    for plane in range(planes):
        place = tuple(int(at) for at in np.unravel_index(plane, body)) if body else ()
        for top in range(0, height, band):
            rows = slice(top, min(top + band, height))
            values = table.read(plane, rows, slice(0, width))
            array[(*place, rows)] = values if coloured else values[:, :, 0]


def _reduce(finer: Any, coarser: Any) -> None:
    """Means over blocks, of the whole numbers by which the finer level is larger along each axis; rounded to the type."""
    factors = tuple(max(1, round(a / b)) for a, b in zip(finer.shape, coarser.shape, strict=True))
    axis = next((at for at, factor in enumerate(factors) if factor > 1), 0)
    band = max(1, int(coarser.chunks[axis]))
    for top in range(0, coarser.shape[axis], band):
        bottom = min(top + band, coarser.shape[axis])
        part = tuple(slice(None) if at != axis else slice(top * factors[axis], bottom * factors[axis]) for at in range(finer.ndim))
        target = tuple(slice(None) if at != axis else slice(top, bottom) for at in range(finer.ndim))
        shape = tuple(bottom - top if at == axis else side for at, side in enumerate(coarser.shape))
        coarser[target] = _means(np.asarray(finer[part]), factors, shape, np.dtype(coarser.dtype))


def _means(values: Array, factors: tuple[int, ...], shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    for axis, (factor, side) in enumerate(zip(factors, shape, strict=True)):
        wanted = side * factor
        if values.shape[axis] < wanted:
            more = [(0, 0)] * values.ndim
            more[axis] = (0, wanted - values.shape[axis])
            values = np.pad(values, more, mode="edge")
        values = values.take(range(wanted), axis)
        if factor > 1:
            blocks = values.reshape(*values.shape[:axis], side, factor, *values.shape[axis + 1 :])
            values = blocks.mean(axis=axis + 1, dtype=np.float64)
    return (np.rint(values) if dtype.kind in "iu" else values).astype(dtype)
