"""Pictures that are stored on their side, turned upright."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from denoise_cli.formats.picture import Array

__all__ = ["TURNS"]


def _transpose(pixels: Array) -> Array:
    return pixels.swapaxes(0, 1)


# EXIF orientation → the same picture upright.
TURNS: dict[int, Callable[[Array], Array]] = {
    2: lambda pixels: pixels[:, ::-1], 3: lambda pixels: pixels[::-1, ::-1], 4: lambda pixels: pixels[::-1],
    5: _transpose, 6: lambda pixels: _transpose(pixels)[:, ::-1], 7: lambda pixels: _transpose(pixels[::-1, ::-1]),
    8: lambda pixels: _transpose(pixels)[::-1],
}  # fmt: skip
