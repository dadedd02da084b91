"""A picture in another format: upright, in a depth that the format holds, with its metadata; and in words, what that loses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from denoise_cli.formats.axes import Axes
from denoise_cli.formats.picture import Metadata, Page, Picture, Refused, quantise

if TYPE_CHECKING:
    from denoise_cli.formats.picture import Array

__all__ = ["codec", "convert"]


@dataclass(frozen=True)
class Holds:
    """What a format can hold."""

    bits: int
    any_pixels: bool = False  # floats, signed and wide integers, any number of channels
    pages: bool = False
    alpha: bool = True
    ink: bool = False
    profile: bool = True


HOLDS = {
    "png": Holds(16), "jpeg": Holds(8, alpha=False, ink=True), "webp": Holds(8), "bmp": Holds(8, alpha=False, profile=False),
    "tiff": Holds(32, any_pixels=True, pages=True, ink=True), "npy": Holds(32, any_pixels=True, pages=True, ink=True, profile=False),
}  # fmt: skip


LARGEST_IN_JPEG = 65_500
#: 32-bit values that all lie below this are less than half a level of 8 bits: a black picture.
SMALL_COUNTS = 2**23


def codec(kind: str) -> Any:
    """The module that reads and writes `kind`."""
    return import_module(f"denoise_cli.formats.{kind}")


def convert(picture: Picture, kind: str) -> tuple[Picture, list[str]]:
    """`picture` as `kind`, and what was lost. Raises Refused for what does not fit at all."""
    if kind == picture.format:
        return picture, []
    if len(picture.pages) > 1 and not HOLDS[kind].pages:
        raise Refused(f"{len(picture.pages)} pages do not fit a {kind.upper()}; write .tif, or split the input first (tiffsplit)")
    if kind == "npy":
        _refuse_unequal(picture)
    metadata: Metadata = codec(picture.format).metadata(picture)
    losses, pages, turned = list[str](), list[Page](), metadata
    for number, page in enumerate(picture.pages):
        try:
            page, turned = _convert_page(page, kind, metadata, losses)
        except Refused as refusal:
            raise Refused(f"{picture.page_name(number)}: {refusal}" if len(picture.pages) > 1 else str(refusal)) from refusal
        pages.append(page)
    for word in ("exif", "xmp"):
        if kind == "jpeg" and len(getattr(turned, word) or b"") > LARGEST_IN_JPEG:
            losses.append(f"JPEG holds at most 64 KB of {word.upper()}: left out")
            without: dict[str, Any] = {word: None}
            turned = replace(turned, **without)
    if turned.colours:
        named = ", ".join(turned.colours)
        losses.append(f"{kind.upper()} holds no {named} of a {picture.format.upper()}: its colours will look different; keep the format")
    if turned.icc and not HOLDS[kind].profile:
        losses.append(f"{kind.upper()} holds no colour profile: left out")
    return Picture(kind, tuple(pages), codec(kind).adopt(turned) | _stack_of(picture, kind)), list(dict.fromkeys(losses))


def _convert_page(page: Page, kind: str, metadata: Metadata, losses: list[str]) -> tuple[Page, Metadata]:
    from denoise_cli.formats import exif

    holds, name = HOLDS[kind], kind.upper()
    page = replace(page, bits=8, extras={})
    if page.model == "white is zero":
        colour = page.colour
        page = replace(page, model="", colour=~colour if colour.dtype.kind in "bui" else 1 - colour)
    if page.model == "cmyk" and not holds.ink:
        raise Refused(f"CMYK does not fit a {name}; write .tif, or convert the input to RGB first (magick IN -colorspace sRGB OUT)")
    page = _fit_channels(page, kind, losses)
    page = _fit_depth(page, kind, losses)
    if page.alpha is not None and not holds.alpha:
        losses.append(f"{name} holds no transparency here: laid over white")
        page = _over_white(page)
    turned = exif.orientation(metadata.exif)
    if turned != 1 and metadata.exif:
        turn = TURNS[turned]
        page = replace(page, colour=turn(page.colour), beside=None if page.beside is None else turn(page.beside))
        dpi = metadata.dpi[::-1] if metadata.dpi and turned > 4 else metadata.dpi
        metadata = replace(metadata, exif=exif.upright(metadata.exif), dpi=dpi)
    return page, metadata


def _refuse_unequal(picture: Picture) -> None:
    """An array holds pages of one shape and type only."""
    kinds = dict.fromkeys((page.colour.shape, page.colour.dtype.name) for page in picture.pages)
    if len(kinds) > 1:
        raise Refused("pages of different sizes or types do not fit one array; write .tif, or split the input first (tiffsplit)")


def _stack_of(picture: Picture, kind: str) -> dict[str, Any]:
    """How a converted stack says which axes its pages count: an array by its shape, a TIFF by tifffile's description."""
    if len(picture.pages) < 2:
        return {}
    sizes: dict[str, int] = {}
    for page in picture.pages:
        for letter, index in page.axes:
            sizes[letter] = max(sizes.get(letter, 0), index + 1)
    places = [page.axes for page in picture.pages]
    first = picture.pages[0].colour
    letters = "".join(sizes) + ("YXS" if first.ndim == 3 else "YX")
    axes = Axes(letters, (*sizes.values(), *first.shape))
    if not sizes or places != [axes.place(number) for number in range(len(places))]:
        axes = Axes("I" + letters[len(sizes) :], (len(places), *first.shape))
    return {"axes": axes} if kind == "npy" or sizes else {}


def _fit_channels(page: Page, kind: str, losses: list[str]) -> Page:
    if HOLDS[kind].any_pixels:
        return page
    if page.colour.ndim == 3 and page.colour.shape[2] == 1:
        page = replace(page, colour=page.colour[:, :, 0])
    if page.colour.ndim == 3 and page.colour.shape[2] != 3 and page.model != "cmyk":
        raise Refused(f"{page.colour.shape[2]} channels do not fit a {kind.upper()}; write .npy or .tif")
    if page.beside is not None and (page.alpha is None or page.beside.shape[2] > 1):
        count = page.beside.shape[2] - (page.alpha is not None)
        losses.append(f"{kind.upper()} holds no further channels: {count} left out")
        kept = None if page.alpha is None else page.beside[:, :, page.alpha : page.alpha + 1]
        page = replace(page, beside=kept, alpha=None if kept is None else 0)
    return page


def _fit_depth(page: Page, kind: str, losses: list[str]) -> Page:
    """`page` in a depth that `kind` holds, by the same scale: what is 1 in typed units stays 1."""
    import numpy as np

    holds, name, pixels = HOLDS[kind], kind.upper(), page.colour
    deepest = np.dtype(np.uint16 if holds.bits == 16 else np.uint8)
    if not holds.any_pixels:
        _refuse_own_units(page, name)
        if page.nodata and page.units.known is not None:
            values = " and ".join(f"{value:g}" for value in page.nodata)
            losses.append(f"{name} has no word for pixels without a value: those that hold {values} are ordinary ones there")
    if holds.any_pixels or pixels.dtype == bool or (pixels.dtype.kind == "u" and pixels.dtype.itemsize <= deepest.itemsize):
        return page
    if pixels.dtype.kind == "f":
        low, high = float(pixels.min()), float(pixels.max())
        if not (low >= -0.5 and high <= 1.5):
            raise Refused(
                f"values from {low:g} to {high:g} do not fit a {name}, which holds [0, 1]; write .npy or .tif, or scale the input"
            )
        losses.append(f"{name} holds {holds.bits}-bit integers: the floats were clipped to [0, 1] and rounded")
    else:
        depth = 8 * pixels.dtype.itemsize
        losses.append(f"{name} holds {holds.bits} bits: {depth}-bit values were rounded; write TIFF to keep them")

    def fit(samples: Array) -> Array:
        top = 1.0 if samples.dtype.kind == "f" else float(np.iinfo(samples.dtype).max)
        return quantise(samples / np.float64(top), deepest)

    return replace(page, colour=fit(pixels), beside=None if page.beside is None else fit(page.beside))


def _refuse_own_units(page: Page, name: str) -> None:
    """Numbers in units of their own (Hounsfield, metres, counts) do not fit where all is a share of white, nor do NaN and infinity."""
    import numpy as np

    pixels = page.colour
    if pixels.dtype.kind == "i" or pixels.dtype == np.uint64:
        raise Refused(
            f"{pixels.dtype} values from {int(pixels.min()):,} to {int(pixels.max()):,} do not fit a {name}, where 0 is black "
            "and the largest value white; write .tif or .npy, which keep them"
        )
    if pixels.dtype == np.uint32 and int(pixels.max()) < SMALL_COUNTS:
        raise Refused(
            f"uint32 counts up to {int(pixels.max()):,} would all be black in a {name}, whose white stands for 4,294,967,295; "
            "write .tif or .npy, which keep them"
        )
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        count = int((~np.isfinite(pixels)).sum())
        raise Refused(f"{count:,} values are NaN or infinite, which a {name} cannot hold; write .tif or .npy, or fill them with --fill")


def _over_white(page: Page) -> Page:
    import numpy as np

    assert page.beside is not None
    assert page.alpha is not None
    top = np.float64(np.iinfo(page.colour.dtype).max)
    opacity = page.beside[:, :, page.alpha] / top
    if page.colour.ndim == 3:
        opacity = opacity[:, :, None]
    return replace(page, colour=quantise(page.colour / top * opacity + (1 - opacity), page.colour.dtype), beside=None, alpha=None)


def _transpose(pixels: Array) -> Array:
    return pixels.swapaxes(0, 1)


# EXIF orientation → the same picture upright.
TURNS: dict[int, Callable[[Array], Array]] = {
    2: lambda pixels: pixels[:, ::-1], 3: lambda pixels: pixels[::-1, ::-1], 4: lambda pixels: pixels[::-1],
    5: _transpose, 6: lambda pixels: _transpose(pixels)[:, ::-1], 7: lambda pixels: _transpose(pixels[::-1, ::-1]),
    8: lambda pixels: _transpose(pixels)[::-1],
}  # fmt: skip
