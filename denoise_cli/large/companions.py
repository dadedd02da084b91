"""What lies beside a large picture, by windows: the clean one to compare with, and a map of λ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from denoise_cli.errors import DenoiseError
from denoise_cli.large.windows import open_windows, page_of, reopened
from denoise_cli.measure.scale import Scale
from denoise_cli.pipeline.beside import named
from denoise_cli.storage.missing import no_such_file
from denoise_cli.storage.stores import state_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from denoise_cli.large.windows import Array, Source

__all__ = ["Companion", "clean_of", "level_of"]


@dataclass(frozen=True)
class Companion:
    """A picture of the size of another one. Travels by its path.

    changed: its state, so that a process that has it open opens a changed one again.  axes: its letters, where it does not say them.
    is_map: its values are finite and 0 or larger.
    """

    path: Path
    changed: int
    axes: str | None = None
    is_map: bool = False

    def read(self, plane: int, rows: slice, columns: slice) -> Array:
        """A window in typed units, float64, (rows, columns, channels); of the only plane where there is but one. Raises DenoiseError."""
        source = self.source
        return self.values(source.read(plane if source.planes > 1 else 0, rows, columns))

    def values(self, samples: Array) -> Array:
        """Stored samples, (rows, columns, samples), as numbers. Raises DenoiseError where a map has others than it may."""
        colour = page_of(samples, self.source.kind).colour
        found: Array = Scale.bare(colour).floats(colour, "float64").reshape(*samples.shape[:2], -1)
        if self.is_map and (not np.isfinite(found).all() or (found < 0).any()):
            raise DenoiseError(f"{self.path}: the map holds negative or NaN values; give finite ones, 0 or larger")
        return found

    @property
    def source(self) -> Source:
        """The windows of the file. Raises DenoiseError."""
        return reopened(self.path, self.changed, self.axes)


def clean_of(path: Path | None, picture: Source, axes: Sequence[str] = ()) -> Companion | None:
    """The reference of a picture; None without one. Raises DenoiseError where it cannot be read by windows, or does not fit.

    axes : what those of an array may be that does not say so.
    """
    if path is None:
        return None
    found = _opened(path, picture, axes, is_map=False)
    source = found.source
    if source.planes not in (1, picture.planes):
        raise DenoiseError(
            f"{path}: the reference has {source.planes:,} pages, {picture.path} has {picture.planes:,}; give as many, or one for all"
        )
    if (source.size, source.kind.colours) != (picture.size, picture.kind.colours):
        raise DenoiseError(
            f"{path}: the reference is {_size(source)}, {picture.path} is {_size(picture)}; give a clean picture of the same size"
        )
    return found


def level_of(path: Path | None, picture: Source, axes: Sequence[str] = ()) -> Companion | None:
    """The map of λ of a picture, as `clean_of` has it."""
    if path is None:
        return None
    found = _opened(path, picture, axes, is_map=True)
    if (found.source.size, found.source.kind.colours) != (picture.size, 1):
        expected = f"{picture.size[1]} × {picture.size[0]} grey"
        raise DenoiseError(
            f"{path}: the map is {_size(found.source)}, {picture.path} is {expected}; give one value a pixel, grey, of the same size"
        )
    return found


def _opened(path: Path, picture: Source, axes: Sequence[str], *, is_map: bool) -> Companion:
    if not path.exists():
        raise DenoiseError(no_such_file(path))
    source, letters = named(lambda letters: open_windows(path, axes=letters), axes)
    if source is None:
        raise DenoiseError(f"{path}: cannot be read by windows, as {picture.path} is; convert it to a tiled TIFF first")
    return Companion(path, state_of(path)[1], letters, is_map)


def _size(source: Source) -> str:
    height, width = source.size
    return f"{width} × {height}" + (f" × {source.kind.colours} channels" if source.kind.colours > 1 else " grey")
