"""Zarr stores by windows: plain arrays of version 2 and 3, and level 0 of an OME-Zarr."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from denoise_cli.errors import DenoiseError
from denoise_cli.formats.axes import MEANINGS
from denoise_cli.formats.npy import letters_of
from denoise_cli.formats.picture import Refused
from denoise_cli.large.windows import Array, Kind
from denoise_cli.storage.stores import is_store

__all__ = ["ZarrWindows", "levels_of", "need_zarr", "open_zarr", "opened"]


def need_zarr(path: Path) -> Any:
    """The package zarr. Raises DenoiseError where it is not installed."""
    try:
        import zarr
    except ImportError as error:
        raise DenoiseError(f"{path}: needs the package zarr, which is not installed; pip install 'denoise-cli[large]'") from error
    return zarr


def opened(path: Path) -> Any:
    """The array or group of a store, to read. Raises DenoiseError."""
    zarr = need_zarr(path)
    try:
        return zarr.open(str(path), mode="r")
    except Exception as error:
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise DenoiseError(f"{path}: cannot be read as a Zarr store ({said}); check its name and permissions") from error


def levels_of(group: Any) -> tuple[list[str], str] | None:
    """The paths of the levels of an OME-Zarr, the full one first, and the letters of their axes ("" where it does not say);
    None for another group."""
    attributes = dict(group.attrs)
    described = attributes.get("ome", attributes).get("multiscales")
    if not described:
        return None
    first = described[0]
    axes = [each if isinstance(each, str) else str(each.get("name", "")) for each in first.get("axes", ())]
    letters = "".join(axes).upper() if all(len(each) == 1 for each in axes) else ""
    return [str(level["path"]) for level in first["datasets"]], letters


class ZarrWindows:
    """An array whose last axes are Y and X, or Y, X and C; what comes before counts the planes.  beside: what else is in the store."""

    def __init__(self, path: Path, array: Any, letters: str, beside: tuple[str, ...]) -> None:
        coloured = letters.endswith("YXC")
        body = len(letters) - (3 if coloured else 2)
        self.path, self.letters, self.beside = path, letters, beside
        self.notes: tuple[str, ...] = ()
        self.shape = tuple(int(side) for side in array.shape)
        self.dtype = np.dtype(array.dtype).newbyteorder("=")
        self.planes, self.size = math.prod(self.shape[:body]), (self.shape[body], self.shape[body + 1])
        self.chunk = (int(array.chunks[body]), int(array.chunks[body + 1]))
        channels = self.shape[-1] if coloured else 1
        self.kind = Kind(channels, channels)
        self._array, self._counted = array, self.shape[:body]

    @property
    def is_read_in_place(self) -> bool:
        return False

    def read(self, plane: int, rows: slice, columns: slice) -> Array:
        place = tuple(int(at) for at in np.unravel_index(plane, self._counted)) if self._counted else ()
        try:
            window = np.asarray(self._array[(*place, rows, columns)], self.dtype)
        except Exception as error:
            said = " ".join(str(error).split())[:200] or type(error).__name__
            raise DenoiseError(f"{self.path}: a chunk cannot be read ({said}); get the store again from its source") from error
        return window.reshape(*window.shape[:2], self.kind.samples)


def open_zarr(path: Path, axes: str | None, slices: str = "") -> ZarrWindows:
    """Raises DenoiseError for what is no store, or holds no picture that could be read by windows."""
    if not is_store(path):
        raise DenoiseError(f"{path}: is a directory and no Zarr store; name the pictures in it, e.g. {path}/*.png")
    node, letters = opened(path), ""
    beside: tuple[str, ...] = ()
    if not hasattr(node, "shape"):
        found = levels_of(node)
        if found is None:
            raise DenoiseError(f"{path}: is a Zarr group without OME's multiscales; {_inner(path, node)}")
        levels, letters = found
        own = {level.partition("/")[0] for level in levels}
        beside = tuple(sorted(str(name) for name, _ in [*node.groups(), *node.arrays()] if str(name) not in own))
        node = node[levels[0]]
    try:
        letters = letters_of(tuple(node.shape), axes or letters or _named_axes(node), slices)
    except Refused as refusal:
        raise DenoiseError(f"{path}: {refusal}") from refusal
    if not letters.endswith(("YX", "YXC")):
        raise DenoiseError(f"{path}: its axes are {letters}; windows need Y and X last (or Y, X and C): store it transposed")
    return ZarrWindows(path, node, letters, beside)


def _inner(path: Path, group: Any) -> str:
    """What in a group could be named instead."""
    pictures = sorted(str(name) for name, each in group.groups() if levels_of(each) is not None)
    found = pictures or sorted(str(name) for name, _ in group.arrays())
    if not found:
        return "and holds no array; name a group or an array further down"
    return f"name {'one of its pictures' if pictures else 'one of its arrays'} ({path}/{found[0]})"


def _named_axes(array: Any) -> str | None:
    """The letters of the axes, where version 3 or xarray names every one of them by a letter that stands for an axis."""
    names = getattr(array.metadata, "dimension_names", None) or dict(array.attrs).get("_ARRAY_DIMENSIONS") or ()
    letters = "".join(str(name) for name in names).upper()
    return letters if len(letters) == array.ndim and set("YX") <= set(letters) <= set(MEANINGS) else None
