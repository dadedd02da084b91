"""A page as people look at it: upright, between the levels that are its black and white, with a chequered ground where it has no value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from denoise_cli.draw.embedded import display_window, on_screen
from denoise_cli.draw.views import crop_box, drawable
from denoise_cli.formats.conversion import codec
from denoise_cli.formats.exif import orientation
from denoise_cli.formats.orientation import TURNS

if TYPE_CHECKING:
    from denoise_cli.draw.views import Box
    from denoise_cli.formats.picture import Picture

__all__ = ["ShownPage"]


class ShownPage:
    """The first page of a picture, and how it and what becomes of it are shown. Boxes are those of the upright page.

    size: (width, height), upright.  window: what is shown black and what white, in typed units.
    """

    def __init__(self, picture: Picture) -> None:
        page = picture.pages[0]
        self._cmyk = page.model == "cmyk"
        turns: dict[int, Callable[[Any], Any]] = {1: _as_it_is, **TURNS}
        self._turn = turns[orientation(codec(picture.format).metadata(picture).exif)]
        scale = page.scale
        low, high = display_window(scale.bottom, scale.top, is_bytes=scale.dtype.name in ("bool", "uint8"))
        self.window = (high, low) if page.model == "white is zero" else (low, high)
        self._known = None if scale.known is None else self._turn(scale.known)
        height, width = self._turn(page.colour).shape[:2]
        self.size = width, height

    def box(self, images: Sequence[Any], side: int) -> Box:
        """Where images of the page, in typed units, differ most: `side`² pixels, or fewer."""
        return crop_box([drawable(self._without_holes(image), self._cmyk) for image in images], side)

    def crop(self, image: Any, box: Box) -> Any:
        """A part of an image of the page, in typed units, as uint8."""
        x, y, width, height = box
        part = slice(y, y + height), slice(x, x + width)
        opacity = None if self._known is None else self._known[part].astype(float)
        return on_screen(self._turn(image)[part], self.window, cmyk=self._cmyk, opacity=opacity)

    def _without_holes(self, image: Any) -> Any:
        """The upright image, with the mean of the others in the place of pixels that have no value."""
        upright = self._turn(image)
        if self._known is None or not self._known.any():
            return upright
        filled = upright.copy()
        filled[~self._known] = upright[self._known].mean(axis=0)
        return filled


def _as_it_is(pixels: Any) -> Any:
    return pixels
