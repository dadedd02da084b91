"""What a report shows of a picture: the same part before and after, small enough for a page of a thousand, and the whole in miniature."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from denoise_cli.draw.embedded import Window, display_window, embedded, on_screen, reduced, thumbnail
from denoise_cli.draw.views import Box, crop_box
from denoise_cli.formats.conversion import convert
from denoise_cli.formats.files import read_picture
from denoise_cli.formats.picture import Refused

if TYPE_CHECKING:
    from denoise_cli.formats.picture import Page, Picture
    from denoise_cli.pipeline.job import Job

__all__ = ["Preview", "preview", "preview_of_files"]

#: Bytes a pixel of both crops together, and what files have beside pixels: 1,000 pictures with crops of 256 × 256 stay under 100 MB, of
#: which base64 takes a quarter.
BYTES_PER_PIXEL, HEAD = 1.05, 1400


@dataclass(frozen=True)
class Preview:
    """Pictures as data URLs. Every field can be written as JSON.

    before, after: the part `box` (x, y, width, height) of the upright page of `size` (width, height).  thumbnail: the whole result.
    page: its name, where the file has several.  window: what is shown black and white, in typed units, where that is not 0 and 1.
    error: how far what is shown is from the pictures (root mean square, in levels of 255); 0 where nothing was lost.
    """

    before: str
    after: str
    thumbnail: str
    box: Box
    size: tuple[int, int]
    page: str = ""
    window: Window | None = None
    error: float = 0.0


def preview(picture: Picture, result: Picture, side: int) -> Preview | None:
    """Crops of `side` pixels where denoising changed most of what can be seen, from the page in the middle; None for unlike pictures."""
    number = len(picture.pages) // 2
    if number >= len(result.pages):
        return None
    before, after = _upright(picture, number), _upright(result, number)
    if before.colour.shape != after.colour.shape:
        return None
    scale = before.scale
    window = display_window(scale.bottom, scale.top, is_bytes=scale.dtype == np.bool_ or scale.dtype == np.uint8)
    cmyk = before.model == "cmyk"
    filled = [_without_holes(page) for page in (before, after)]
    x, y, width, height = crop_box(filled, side)
    part = slice(y, y + height), slice(x, x + width)
    shown = [on_screen(page.units.floats(page.colour[part]), window, cmyk=cmyk, opacity=_opacity(page, part)) for page in (before, after)]
    (url_before, url_after), error = embedded(shown, round(BYTES_PER_PIXEL * width * height) + HEAD)
    return Preview(
        url_before, url_after, thumbnail(reduced(filled[1]) / after.units.white, window, cmyk=cmyk), (x, y, width, height),
        (before.colour.shape[1], before.colour.shape[0]),
        picture.page_name(number), None if window == (0.0, 1.0) else window, error,
    )  # fmt: skip


def preview_of_files(job: Job, side: int) -> Preview | None:
    """The same from files that are there already; None where one of them cannot be read."""
    from denoise_cli.errors import DenoiseError
    from denoise_cli.pipeline.job import read_input

    try:
        picture = read_input(job.input, job.settings)
        result = read_picture(job.output, max_pixels=job.settings.max_pixels, axes=None)
        return preview(picture, result, side)
    except (DenoiseError, Refused, ValueError, TypeError, MemoryError):
        return None


def _upright(picture: Picture, number: int) -> Page:
    """A page, upright, black at zero."""
    page = picture.pages[number]
    return convert(replace(picture, pages=(page,)), "npy")[0].pages[0]


def _without_holes(page: Page) -> Any:
    """The stored colours; where nothing is known, the mean of the rest."""
    known = page.units.known
    if known is None or not known.any():
        return page.colour
    filled = page.colour.astype(np.float32)
    filled[~known] = filled[known].mean(axis=0)
    return filled


def _opacity(page: Page, part: Any) -> Any:
    """How much of each pixel is there, from 0 to 1; None where all of all of them is."""
    opacity = None
    if page.beside is not None and page.alpha is not None:
        alpha = page.beside[part][:, :, page.alpha]
        opacity = alpha / (np.iinfo(alpha.dtype).max if alpha.dtype.kind in "ui" else 1)
    known = page.units.known
    if known is not None and known.any():
        opacity = known[part] * (1.0 if opacity is None else opacity)
    return opacity
