"""The pixels of an image layer: which are seen, and the same without noise. Knows arrays, and neither napari nor Qt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from denoise_cli.measure.scale import Scale
from denoise_cli.pipeline.python import denoise

__all__ = ["View", "automatic_methods", "denoised", "denoised_stack", "seen"]

Array = npt.NDArray[Any]
#: Pixels added on each side of what is seen, so that a preview near its edge is what the whole picture gives.
MARGIN = 24


@dataclass(frozen=True)
class View:
    """The part of a layer that is seen: `index` cuts it, with a margin, out of the data; `inner` cuts the margin off again.

    offset: of what is left, in data coordinates, one number for each axis of the layer.
    """

    index: tuple[int | slice, ...]
    inner: tuple[slice, slice]
    offset: tuple[int, ...]


def automatic_methods() -> list[str]:
    """The methods that need no number."""
    from denoise_cli.methods.registry import all_methods

    return [method.name for method in all_methods().values() if method.is_automatic]


def seen(shape: Sequence[int], displayed: Sequence[int], point: Sequence[int], corners: npt.ArrayLike) -> View:
    """What is seen of a layer with spatial axes of `shape`.

    displayed : the two axes on the screen.  point : where the others are cut.  corners : (2, axes), the first and the last pixel that is
    seen, as `layer.corner_pixels` has them. Where they enclose nothing, all of the slice is seen.
    """
    first, last = np.asarray(corners)
    index: list[int | slice] = [min(max(int(place), 0), size - 1) for place, size in zip(point, shape, strict=True)]
    offset = [int(each) for each in index if not isinstance(each, slice)]
    ends = {axis: (max(0, int(first[axis])), min(shape[axis], int(last[axis]) + 1)) for axis in sorted(displayed)}
    # A single pixel is what napari says of a layer that it has not drawn yet.
    if any(stop <= start for start, stop in ends.values()) or all(stop <= start + 1 for start, stop in ends.values()):
        ends = {axis: (0, shape[axis]) for axis in ends}
    inner = []
    for axis, (start, stop) in ends.items():
        low, high = max(0, start - MARGIN), min(shape[axis], stop + MARGIN)
        index[axis], offset[axis] = slice(low, high), start
        inner.append(slice(start - low, stop - low))
    return View(tuple(index), (inner[0], inner[1]), tuple(offset))


def denoised(pixels: npt.ArrayLike, *, method: str | None, strength: float, rgb: bool) -> tuple[Array, str]:
    """A picture without noise, in the type that it has, and what was found; alpha stays as it is. Raises ValueError and TypeError."""
    stored = np.asanyarray(pixels)
    colours = stored[..., :3] if rgb else stored
    result = denoise(colours, method=method, strength=None if strength == 1 else strength)
    restored = Scale.bare(colours).stored(result.image)
    if rgb and stored.shape[-1] == 4:
        restored = np.concatenate([restored, stored[..., 3:]], axis=-1)
    return restored, result.plan.sentence or ""


def denoised_stack(data: Any, *, method: str | None, strength: float, rgb: bool) -> Iterator[tuple[Array, str, float]]:
    """Every slice by itself: the whole as far as it is done, what was found in the last slice, and the share that is done.

    data : (…, height, width[, 3 or 4]); anything that NumPy can cut slices from.
    """
    shape = tuple(data.shape)
    leading = shape[: -3 if rgb else -2]
    whole = np.empty(shape, data.dtype)
    count = int(np.prod(leading, dtype=int))
    for done, place in enumerate(np.ndindex(leading), 1):
        whole[place], sentence = denoised(data[place], method=method, strength=strength, rgb=rgb)
        yield whole, sentence, done / count
