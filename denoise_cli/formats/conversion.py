"""A picture in another format: upright, in a depth that the format holds, with its metadata; and in words, what that loses."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from denoise_cli.digits import between, plain
from denoise_cli.formats.axes import Axes
from denoise_cli.formats.known import known
from denoise_cli.formats.orientation import TURNS
from denoise_cli.formats.picture import Metadata, Page, Picture, Refused, quantise

if TYPE_CHECKING:
    from denoise_cli.formats.picture import Array

__all__ = ["codec", "convert"]


SOFTWARE = 305
LARGEST_IN_JPEG = 65_500
#: 32-bit values that all lie below this are less than half a level of 8 bits: a black picture.
SMALL_COUNTS = 2**23


def codec(kind: str) -> Any:
    """The module that reads and writes `kind`."""
    return import_module(f"denoise_cli.formats.{known(kind).module}")


def convert(picture: Picture, kind: str) -> tuple[Picture, list[str]]:
    """`picture` as `kind`, and what was lost. Raises Refused for what does not fit at all."""
    if kind == picture.format:
        return picture, []
    if len(picture.pages) > 1 and not known(kind).holds.pages:
        raise Refused(f"{len(picture.pages):,} pages do not fit a {known(kind).title}; write .tif, or split the input first (tiffsplit)")
    if known(kind).holds.own:
        raise Refused(f"a {known(kind).title} is only made from a {known(kind).title}, whose other elements it keeps; write .tif or .npy")
    if kind in ("npy", "fits"):
        _refuse_unequal(picture)
    metadata: Metadata = codec(picture.format).metadata(picture)
    losses, pages, turned = list[str](), list[Page](), metadata
    for number, page in enumerate(picture.pages):
        try:
            page, turned = _convert_page(page, kind, metadata, losses)
        except Refused as refusal:
            raise Refused(f"{picture.page_name(number)}: {refusal}" if len(picture.pages) > 1 else str(refusal)) from refusal
        pages.append(page)
    if kind == "jpeg":
        if len(turned.exif or b"") > LARGEST_IN_JPEG:
            losses.append("JPEG holds at most 64 KB of EXIF: left out")
            turned = replace(turned, exif=None)
        if len(turned.xmp or b"") > LARGEST_IN_JPEG:
            losses.append("JPEG holds at most 64 KB of XMP: left out")
            turned = replace(turned, xmp=None)
    losses += _lost_metadata(turned, kind, picture.format)
    if not known(picture.format).writes and kind == "tiff":
        losses.append(f"{known(picture.format).title} is read, but not written: comes back as TIFF")
    return Picture(kind, tuple(pages), codec(kind).adopt(turned) | _stack_of(picture, kind)), list(dict.fromkeys(losses))


def _lost_metadata(metadata: Metadata, kind: str, source: str) -> list[str]:
    """What `kind` has no place for, in words."""
    holds, name, lost = known(kind).holds, known(kind).title, list[str]()
    if metadata.colours:
        named = ", ".join(metadata.colours)
        lost.append(f"{name} holds no {named} of a {known(source).title}: its colours will look different; keep the format")
    if metadata.icc and not holds.profile:
        lost.append(f"{name} holds no colour profile: left out")
    if metadata.exif and not holds.exif and _says_something(metadata.exif):
        lost.append(f"{name} holds no EXIF: left out")
    if metadata.units:
        lost.append(metadata.units)
    return lost


def _says_something(block: bytes) -> bool:
    """Whether an EXIF block holds more than the name of a program and a turn, which was done."""
    from denoise_cli.formats import exif

    told = exif.unpack(block)
    return told is not None and bool(told.exif or told.gps or {tag.code for tag in told.main} - {exif.ORIENTATION, SOFTWARE})


def _convert_page(page: Page, kind: str, metadata: Metadata, losses: list[str]) -> tuple[Page, Metadata]:
    from denoise_cli.formats import exif

    holds, name = known(kind).holds, known(kind).title
    extras = {"white": page.extras["white"]} if holds.floats and "white" in page.extras else {}
    page = replace(page if holds.any_pixels or holds.floats else _to_white(page, name, losses), bits=8, extras=extras)
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
    if known(kind).holds.any_pixels:
        return page
    if page.colour.ndim == 3 and page.colour.shape[2] == 1:
        page = replace(page, colour=page.colour[:, :, 0])
    if page.colour.ndim == 3 and page.colour.shape[2] != 3 and page.model != "cmyk":
        raise Refused(f"{page.colour.shape[2]} channels do not fit a {known(kind).title}; write .npy or .tif")
    if page.beside is not None and (page.alpha is None or page.beside.shape[2] > 1):
        count = page.beside.shape[2] - (page.alpha is not None)
        losses.append(f"{known(kind).title} holds no further channels: {count} left out")
        kept = None if page.alpha is None else page.beside[:, :, page.alpha : page.alpha + 1]
        page = replace(page, beside=kept, alpha=None if kept is None else 0)
    return page


def _to_white(page: Page, name: str, losses: list[str]) -> Page:
    """Values whose white is not the largest of their type (a PGM of 12 bits), stretched until it is."""
    import numpy as np

    white = page.extras.get("white")
    if white is None:
        return page
    top = int(np.iinfo(page.colour.dtype).max)
    losses.append(f"{name} has its white at {top:,}: the values were stretched from {white:,}; write TIFF or .npy to keep them")
    return replace(page, colour=quantise(page.colour / np.float64(white), page.colour.dtype), limits=None)


def _to_floats(page: Page, kind: str, losses: list[str]) -> Page:
    """For formats of 32-bit floats: white is 1, numbers in units of their own stay."""
    import numpy as np

    name, white = known(kind).title, page.extras.get("white") or page.units.white
    if page.colour.dtype.kind != "f" and (white > 1 or page.colour.dtype == bool):
        losses.append(f"{name} holds floats: white is 1 there")
    elif page.colour.dtype in (np.float64, np.int64, np.uint64, np.int32):
        losses.append(f"{name} holds 32-bit floats: the values were rounded to 7 digits")

    def floats(samples: Array) -> Array:
        top = white if samples.dtype.kind in "bu" and samples.dtype.itemsize <= 4 else 1.0
        return (samples / np.float64(top)).astype(np.float32)

    colour = page.colour if page.colour.dtype == np.float16 and kind == "exr" else floats(page.colour)
    if kind == "hdr":
        if not np.isfinite(colour).all() or colour.min() < 0:
            raise Refused("negative, NaN or infinite values do not fit a Radiance HDR; write .tif, .exr or .npy")
        losses.append("Radiance HDR holds 8 bits of precision: the values were rounded")
        colour = colour if colour.ndim == 3 else np.repeat(colour[:, :, None], 3, axis=2)
    beside = None if page.beside is None else floats(page.beside)
    return replace(page, colour=colour, beside=beside, nodata=(), limits=None, extras={})


def _fit_depth(page: Page, kind: str, losses: list[str]) -> Page:
    """`page` in a depth that `kind` holds, by the same scale: what is 1 in typed units stays 1."""
    import numpy as np

    holds, name, pixels = known(kind).holds, known(kind).title, page.colour
    if holds.floats:
        return _to_floats(page, kind, losses)
    deepest = np.dtype(np.uint16 if holds.bits >= 16 else np.uint8)
    if not holds.any_pixels:
        _refuse_own_units(page, name)
        if page.nodata and page.units.known is not None:
            values = " and ".join(plain(value, 9) for value in page.nodata)
            losses.append(f"{name} has no word for pixels without a value: those that hold {values} are ordinary ones there")
    if holds.any_pixels or pixels.dtype == bool or (pixels.dtype.kind == "u" and pixels.dtype.itemsize <= deepest.itemsize):
        return page
    if pixels.dtype.kind == "f":
        low, high = float(pixels.min()), float(pixels.max())
        if not (low >= -0.5 and high <= 1.5):
            raise Refused(
                f"values from {' to '.join(between(low, high))} do not fit a {name}, which holds [0, 1]; "
                "write .npy or .tif, or scale the input"
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
