"""Pictures that live within a page for the browser: turned into 8 bits for the screen, and into data URLs of a limited size."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from denoise_cli.draw.views import averaged, drawable

__all__ = ["Window", "display_window", "embedded", "on_screen", "reduced", "thumbnail"]

Array = npt.NDArray[Any]
Window = tuple[float, float]

#: What is 8 bits deep, or spans this share of [0, 1], is shown as it is; everything else (12 bits in 16, counts, metres) is stretched.
WIDE_ENOUGH = 0.5
#: Where a picture has no value, or is transparent: squares of this many pixels, in two greys.
SQUARE, GREYS = 8, (0.55, 0.7)
#: Steps of the JPEG to try where a PNG is too large, in levels of 255, the same for all frequencies and for colour as for brightness.
#: JPEG's own tables take white noise away, which is what is to be seen here: colours with noise of σ 25/255 in 1 byte a pixel (62 kB for
#: 256 × 256) come back within 15/255 with them, and within 7/255 with these.
STEPS = (2, 4, 6, 8, 12, 16, 20, 24, 32, 48, 64)
#: Pixels along the longer side of the small picture of the whole, and the step of its JPEG: 2 kB.
THUMBNAIL, THUMBNAIL_STEP = 96, 16


def display_window(bottom: float, top: float, *, is_bytes: bool) -> Window:
    """What is shown black and what white, in typed units, for a picture whose values lie (but for a few) between `bottom` and `top`."""
    if is_bytes or (bottom >= 0 and top <= 1 and top - bottom >= WIDE_ENOUGH):
        return 0.0, 1.0
    return (bottom, top) if top > bottom else (bottom - 0.5, bottom + 0.5)


def on_screen(levels: Array, window: Window, *, cmyk: bool = False, opacity: Array | None = None) -> Array:
    """Floats of any channels as uint8, grey (height, width) or RGB (height, width, 3).

    window : what is black and what is white.  opacity : (height, width), from 0 to 1; a chequered ground shines through.
    What is not finite counts as transparent.
    """
    low, high = window
    shown = np.asarray((drawable(levels, cmyk) - low) / (high - low), np.float64)
    finite = np.isfinite(shown)
    if not finite.all():
        known: Array = np.asarray(finite if shown.ndim == 2 else finite.all(axis=2), np.float64)
        opacity = known if opacity is None else known * opacity
        shown = np.where(finite, shown, 0.0)
    shown = np.clip(shown, 0, 1)
    if opacity is not None and not (opacity == 1).all():
        rows, columns = np.indices(shown.shape[:2]) // SQUARE
        ground = np.where((rows + columns) % 2 == 0, *GREYS)
        if shown.ndim == 3:
            opacity, ground = np.asarray(opacity[:, :, None]), ground[:, :, None]
        shown = opacity * shown + (1 - opacity) * ground
    levels_of_screen: Array = np.rint(shown * 255).astype(np.uint8)
    return levels_of_screen


def reduced(levels: Array) -> Array:
    """The means of blocks, so that neither side is longer than THUMBNAIL."""
    return averaged(levels, max(1, -(-max(levels.shape[:2]) // THUMBNAIL)))


def thumbnail(levels: Array, window: Window, *, cmyk: bool = False) -> str:
    """A small picture as a data URL."""
    return _url("jpeg", _jpeg(on_screen(levels, window, cmyk=cmyk), THUMBNAIL_STEP))


def embedded(pictures: Sequence[Array], most_bytes: int) -> tuple[list[str], float]:
    """Data URLs of uint8 pictures, all with the same losses so that they can be compared, together at most about `most_bytes` large.

    Returns them, and how far what is shown is from the picture (root mean square of the worst, in levels of 255): 0 where nothing is lost.
    """
    lossless = [_png(picture) for picture in pictures]
    if sum(map(len, lossless)) <= most_bytes:
        return [_url("png", data) for data in lossless], 0.0
    for step in STEPS:
        lossy = [_jpeg(picture, step) for picture in pictures]
        if sum(map(len, lossy)) <= most_bytes:
            break
    return [_url("jpeg", data) for data in lossy], max(map(_error, pictures, lossy))


def _png(picture: Array) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(stream, "PNG", compress_level=4)
    return stream.getvalue()


def _jpeg(picture: Array, step: int) -> bytes:
    stream = io.BytesIO()
    tables = [[step] * 64] * (1 if picture.ndim == 2 else 2)
    # All of the colour: half of it is what many cameras' noise is made of.
    Image.fromarray(np.ascontiguousarray(picture)).save(stream, "JPEG", qtables=tables, subsampling=0, optimize=True)
    return stream.getvalue()


def _error(picture: Array, data: bytes) -> float:
    with Image.open(io.BytesIO(data)) as shown:
        return float(np.sqrt(np.mean((np.asarray(shown, np.float64) - picture) ** 2)))


def _url(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
