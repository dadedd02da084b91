"""What lies beside a picture: the clean one to compare with, weights, a mask, a map of λ. Each is read once a job."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from denoise_cli.errors import DenoiseError
from denoise_cli.formats.files import read_picture

if TYPE_CHECKING:
    from denoise_cli.formats.picture import Page
    from denoise_cli.settings import Settings

__all__ = ["Beside", "in_units_of", "named", "pages_beside"]

Read = TypeVar("Read")


class Beside:
    """The files that a job's settings name beside its input. Raises DenoiseError for what cannot be read or does not fit."""

    def __init__(self, settings: Settings, source: Path) -> None:
        self.settings, self.source = settings, source

    def reference(self, numbers: Sequence[int], pages: int, page: Page) -> Any:
        """The clean picture for the pages of those numbers, of so many `pages`, one below the other as in `page`, in its typed units: their
        own, or the only one there is; None without --reference."""
        path = self.settings.reference
        if path is None:
            return None
        cleans = self._references
        if len(cleans) not in (1, pages):
            raise DenoiseError(
                f"{path}: the reference has {len(cleans):,} pages, {self.source} has {pages:,}; give as many, or one for all"
            )
        chosen = [in_units_of(cleans[number if len(cleans) > 1 else 0], page) for number in numbers]
        expected = (page.colour.shape[0] // len(numbers), *page.colour.shape[1:])
        for clean in chosen:
            if clean.shape != expected:
                raise DenoiseError(
                    f"{path}: the reference is {_size(clean.shape)}, {self.source} is {_size(expected)}; "
                    "give a clean picture of the same size"
                )
        return _below_each_other(chosen)

    def weights(self, size: tuple[int, ...], numbers: Sequence[int] = (0,)) -> Any:
        """The weights of the fidelity, of `size`, from --weights or from --mask (above half is known); None without either.

        numbers : of the pages that lie one below the other.
        """
        if self.settings.weights is not None:
            return self._fitting(self._weights, self.settings.weights, size, numbers)
        if self.settings.mask is None:
            return None
        known = self._fitting(self._mask, self.settings.mask, size, numbers) > 0.5
        if not known.any():
            raise DenoiseError(f"{self.settings.mask}: the mask hides every pixel; white is known, black is to be filled in. Invert it?")
        return known.astype("float64")

    def weight_map(self, size: tuple[int, ...], numbers: Sequence[int] = (0,)) -> Any:
        """λ of each pixel, of `size`; None without --lambda-map."""
        if self.settings.lambda_map is None:
            return None
        return self._fitting(self._lambda_map, self.settings.lambda_map, size, numbers)

    @cached_property
    def _references(self) -> tuple[Page, ...]:
        assert self.settings.reference is not None
        return pages_beside(self.settings.reference, self.settings)

    @cached_property
    def _weights(self) -> Any:
        return _maps(self.settings.weights, self.settings)

    @cached_property
    def _mask(self) -> Any:
        return _maps(self.settings.mask, self.settings)

    @cached_property
    def _lambda_map(self) -> Any:
        return _maps(self.settings.lambda_map, self.settings)

    def _fitting(self, maps: list[Any], path: Path, size: tuple[int, ...], numbers: Sequence[int]) -> Any:
        """The maps of those pages, one below the other; one map is for all."""
        expected = (size[0] // len(numbers), *size[1:])
        chosen = [maps[number] if max(numbers) < len(maps) and len(numbers) > 1 else maps[0] for number in numbers]
        for values in chosen:
            if values.shape != expected:
                raise DenoiseError(
                    f"{path}: the map is {_size(values.shape)}, {self.source} is {_size(expected)}; "
                    "give one value a pixel, grey, of the same size"
                )
        return _below_each_other(chosen)


def pages_beside(path: Path, settings: Settings) -> tuple[Page, ...]:
    """The pages of a file beside a picture; an array that does not say what its axes are has those of the picture. Raises DenoiseError."""
    return named(lambda axes: read_picture(path, max_pixels=settings.max_pixels, axes=axes), settings.axes_beside)[0].pages


def named(read: Callable[[str | None], Read], axes: Sequence[str]) -> tuple[Read, str | None]:
    """What `read` makes of a file that says what its axes are, or else of the first of `axes` that it takes; and which. Raises the
    DenoiseError that it raises without any."""
    try:
        return read(None), None
    except DenoiseError:
        for letters in axes:
            with contextlib.suppress(DenoiseError):
                return read(letters), letters
        raise


def in_units_of(clean: Page, page: Page) -> Any:
    """The colours of a clean page in the typed units of `page`, float64: white is white there, and black is black, whatever the two types
    are, whichever value each file calls white (4095 in a PGM of 12 bits), and whether or not white is 0."""
    return _shares(clean, model=page.model) * page.peak


def _shares(page: Page, model: str = "") -> Any:
    """The colours of a page, float64: white is 1, where the file or its type has one; 0 where in `model` white is zero."""
    white = page.extras.get("white")
    values = page.units.floats(page.colour, "float64") if white is None else page.colour / float(white)
    return 1 - values if (page.model == "white is zero") != (model == "white is zero") else values


def _below_each_other(tables: Sequence[Any]) -> Any:
    import numpy as np

    return tables[0] if len(tables) == 1 else np.concatenate(tables)


def _maps(path: Path | None, settings: Settings) -> list[Any]:
    """The pages of a map, grey."""
    import numpy as np

    assert path is not None
    found = []
    for page in pages_beside(path, settings):
        values = _shares(page)
        if not np.isfinite(values).all() or (values < 0).any():
            raise DenoiseError(f"{path}: the map holds negative or NaN values; give finite ones, 0 or larger")
        found.append(values[:, :, 0] if values.ndim == 3 and values.shape[2] == 1 else values)
    return found


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} × {shape[0]}" + (f" × {shape[2]} channels" if len(shape) == 3 else " grey")
