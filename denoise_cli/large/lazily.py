"""`denoise_cli.large.denoise`: a Dask or Zarr array in, a lazy Dask array out, solved chunk by chunk with overlap."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from denoise_cli.large.budget import budget_of
from denoise_cli.large.cuts import GRAIN
from denoise_cli.large.decided import decided
from denoise_cli.large.patch import solve_window
from denoise_cli.large.recipe import Recipe
from denoise_cli.large.spread import iterations_for, sample_of, sample_values
from denoise_cli.large.tallies import Sums, total
from denoise_cli.large.windows import Array, Kind, page_of
from denoise_cli.pipeline.plan import check
from denoise_cli.settings import Settings
from denoise_cli.variational.problem import BOUND_MARGIN

__all__ = ["denoise"]

#: A last axis up to this length is taken for channels, as in .npy files.
MOST_CHANNELS = 4


def denoise(array: Any, weight: float | None = None, *, certificate: bool = False, **options: Any) -> Any:
    """Remove noise from a picture that need not fit into memory. Nothing is solved until the result is computed or stored.

    Noise, λ and the number of iterations are chosen now, from a sample of windows spread over the picture, which are read at once. Each
    chunk is then solved with as many pixels around it as there are iterations, so that the result is exactly that of the whole picture
    after these iterations (docs/scale.md), wherever its chunks are computed.

    array : (height, width) or (height, width, channels), channels in one chunk: a Dask array, a Zarr array, or anything with shape, dtype
        and slices. The types are those of `denoise_cli.denoise`; masked arrays are refused.
    weight : λ; None chooses it.
    certificate : True gives the result and a delayed dictionary with cost, bound and gap of the whole picture; gap is at most what was
        asked for if the sample stands for the picture, and the truth in any case.
    options : method ("optimal", the default with a λ, or "learned"), sigma, strength, gap, iterations, tv, channels, dtype, nodata,
        memory (bytes, for the sample) and others of `settings.Settings`.

    Returns a Dask array of the shape, the type and the chunks of `array`; or that and the certificate.

    Raises ValueError for what cannot be done by chunks, DenoiseError where Dask is not installed.
    """
    da = _need_dask()
    nodata = tuple(options.pop("nodata", ()))
    settings = Settings(weight, **options).resolved()
    if settings.weight is not None and settings.method is None:
        settings = replace(settings, method="optimal")
    check(settings)
    if isinstance(getattr(array, "_meta", array), np.ma.MaskedArray):
        raise ValueError("array must not be a masked array: fill it first, and name the value in nodata")
    picture = array if hasattr(array, "dask") else da.from_array(array, chunks=getattr(array, "chunks", "auto"))
    if picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[2] > MOST_CHANNELS):
        raise ValueError(f"a picture is (height, width) or (height, width, channels), not an array of shape {picture.shape}")
    source = _ArrayWindows(picture, nodata)
    page = sample_of(source, 0, sample_values(budget_of(settings)))
    recipe, _ = decided(page, settings, lambda _: 0)
    recipe = replace(recipe, workers=settings.workers or 1)
    if recipe.method is None:
        iterations = min(iterations_for(page, recipe), recipe.iterations)
        depth = iterations + recipe.beyond
    else:
        iterations, depth = 1, math.ceil(recipe.reach / GRAIN) * GRAIN
    return _graph(picture, recipe, source.kind, iterations, depth, certificate=certificate)


def _need_dask() -> Any:
    from denoise_cli.errors import DenoiseError

    try:
        import dask.array
    except ImportError as error:
        raise DenoiseError("denoise_cli.large.denoise needs the package dask; pip install 'denoise-cli[large]'") from error
    return dask.array


class _ArrayWindows:
    """An array as a `Source` of one plane."""

    def __init__(self, array: Any, nodata: tuple[float, ...]) -> None:
        channels = array.shape[2] if array.ndim == 3 else 1
        self.path, self.planes, self.size = Path("(an array)"), 1, (int(array.shape[0]), int(array.shape[1]))
        self.dtype, self.chunk = np.dtype(array.dtype), (1, 1)
        self.notes: tuple[str, ...] = ()
        self.kind = Kind(channels, channels, nodata=nodata)
        self._array, self.is_read_in_place = array, True

    def read(self, plane: int, rows: slice, columns: slice) -> Array:  # noqa: ARG002 - there is one
        window = np.asarray(self._array[rows, columns])
        return window.reshape(*window.shape[:2], self.kind.samples)


def _graph(picture: Any, recipe: Recipe, kind: Kind, iterations: int, depth: int, *, certificate: bool) -> Any:
    import dask.array as da
    from dask import delayed

    whole = picture.rechunk(_chunks(picture, depth))
    # Along an axis that is in one piece there is nothing to look at beyond it.
    around = {axis: depth if axis < 2 and len(chunks) > 1 else 0 for axis, chunks in enumerate(whole.chunks)}
    windows = da.overlap.overlap(whole, around, boundary="none", allow_rechunk=False).to_delayed()
    heights, widths = whole.chunks[0], whole.chunks[1]
    solve = delayed(_solved, nout=2, pure=True)
    rows, sums = [], []
    for i, height in enumerate(heights):
        row = []
        for j, width in enumerate(widths):
            above, left = depth if i else 0, depth if j else 0
            core = (slice(above, above + height), slice(left, left + width))
            window = windows[i, j] if picture.ndim == 2 else windows[i, j, 0]
            pixels, added = solve(window, core, recipe, kind, iterations)
            shape = (height, width, *picture.shape[2:])
            row.append(da.from_delayed(pixels, shape, dtype=picture.dtype))
            sums.append(added)
        rows.append(da.concatenate(row, axis=1))
    image = da.concatenate(rows, axis=0).rechunk(picture.chunks)
    return (image, delayed(_proof)(sums, recipe.precision)) if certificate else image


def _chunks(picture: Any, depth: int) -> tuple[Any, ...]:
    """Chunks along Y and X that are at least as long as the overlap, and begin at multiples of 16."""
    sides = []
    for length, chunks in zip(picture.shape[:2], picture.chunks[:2], strict=True):
        side = max(GRAIN, math.ceil(max(*chunks, depth) / GRAIN) * GRAIN)
        count = max(1, length // side)
        # What is left is added to the last one: it might be shorter than the overlap.
        sides.append((*(side for _ in range(count - 1)), length - side * (count - 1)))
    return (*sides, *((picture.shape[2],) if picture.ndim == 3 else ()))


def _solved(window: Array, core: tuple[slice, slice], recipe: Recipe, kind: Kind, iterations: int) -> tuple[Array, Sums]:
    """On a worker: one chunk, from its window."""
    samples = np.asarray(window).reshape(*window.shape[:2], kind.samples)
    found, sums, _ = solve_window(page_of(samples, kind), core, recipe, 0, iterations)
    return (found if window.ndim == 3 else found[:, :, 0]), sums


def _proof(sums: list[Sums], precision: str) -> dict[str, float]:
    """Cost, bound and gap of the whole picture."""
    whole = total(sums)
    cost = whole.cost
    bound = whole.proved - BOUND_MARGIN * float(np.finfo(precision).eps) * abs(cost)
    return {"cost": cost, "bound": bound, "gap": max(0.0, (cost - bound) / cost) if cost > 0 else 0.0}
