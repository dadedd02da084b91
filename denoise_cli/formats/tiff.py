"""TIFF, page by page: any layout in, the same layout out; every tag that does not describe the layout comes back verbatim."""

from __future__ import annotations

import contextlib
import io
import json
import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from denoise_cli.formats.axes import MEANINGS, Axes, check_letters, check_pages, counted
from denoise_cli.formats.exif import EXIF_IFD, GPS_IFD, ORIENTATION, SIZES, Entry, Exif, pack, read_ifd, unpack, write_ifd
from denoise_cli.formats.picture import Metadata, Page, Picture, PixelLimit, Refused, check_exact, page_name, with_beside
from denoise_cli.formats.voxels import spacing_of

if TYPE_CHECKING:
    from denoise_cli.formats.picture import Array

__all__ = ["adopt", "arguments_of", "decode", "encode", "layout_of", "metadata", "nodata_of", "refuse_other_files", "sound", "tags_of"]

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, MASK, CMYK, YCBCR = range(7)
MODELS = {WHITE_IS_ZERO: "white is zero", BLACK_IS_ZERO: "", RGB: "", PALETTE: "", MASK: "", CMYK: "cmyk", YCBCR: ""}
LOSSLESS = ("NONE", "LZW", "DEFLATE", "ADOBE_DEFLATE", "PACKBITS", "ZSTD", "LZMA")
PREDICTED = ("LZW", "DEFLATE", "ADOBE_DEFLATE", "ZSTD", "LZMA")
DESCRIPTION, SOFTWARE, ICC, XMP = 270, 305, 34675, 700
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 282, 283, 296
# How the pixels lie in the file: the writer's own affair. Everything else comes back.
LAYOUT = {
    254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 277, 278, 279, 280, 281, 282, 283, 284, 288, 289, 292, 293, 296, 317, 320,
    322, 323, 324, 325, 330, 338, 339, 340, 341, 347, 400, 512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532, 32997, 32998,
    DESCRIPTION, SOFTWARE, EXIF_IFD, GPS_IFD, 40965, 32995, 32996,
}  # fmt: skip
# Tags of the first directory that TIFF and EXIF share: maker, model, orientation, software, date, artist, copyright.
SHARED = (271, 272, ORIENTATION, SOFTWARE, 306, 315, 33432)
# GDAL's word for "no value here", a number as text.
NODATA = 42113
DEPTHS = ("bool", *(f"{sign}int{bits}" for sign in ("u", "") for bits in (8, 16, 32, 64)), "float16", "float32", "float64")
# TIFF types: which stand for each other, which are raw bytes, and text.
ALIKE, RAW_TYPES, TEXT = ({3, 4, 16}, {1, 6, 7}, {5, 10, 11, 12}, {3, 8}, {4, 9}), (1, 6, 7), 2
LARGEST_CLASSIC = 2**32 - 2**25


def decode(data: bytes, limit: PixelLimit, axes: str | None = None) -> Picture:
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        notes: list[str] = []
        listed: list[Any] = list(file.pages)
        if not listed:
            raise ValueError("it has no pages")
        refuse_other_files(file)
        stack = _stack_behind_one_page(file, limit)
        if stack is not None:
            pages = [_page(listed[0], pixels, data, file, notes) for pixels in stack]
        else:
            for number, page in enumerate(listed):
                with _named(number, listed):
                    _check(page, limit)
            pages = []
            for number, page in enumerate(listed):
                with _named(number, listed):
                    pages.append(_page(page, _pixels(page), data, file, notes))
        pages = _placed(pages, file, axes)
        if any(getattr(page, "subifds", None) for page in listed):
            notes.append("smaller copies inside (pyramid): left out")
        extras: dict[str, Any] = {"byteorder": file.byteorder, "bigtiff": file.is_bigtiff}
        if len(pages) > 1 and (spacing := spacing_of(file)):
            extras["spacing"] = spacing
        return Picture("tiff", tuple(pages), extras, tuple(dict.fromkeys(notes)))


def refuse_other_files(file: Any) -> None:
    """Files that only look like TIFF: their first page may be a preview, and their tags point to places that move."""
    page = file.pages.first
    larger = page.subifds and any(int(inner.imagewidth) > int(page.imagewidth) for inner in page.pages)
    if 50706 in page.tags or larger:
        raise Refused("a camera's raw file; develop it to TIFF first (darktable-cli IN OUT.tif)")
    for is_one, name in ((file.is_stk, "MetaMorph STK"), (file.is_lsm, "Zeiss LSM"), (file.is_ndpi, "Hamamatsu NDPI")):
        if is_one:
            raise Refused(f"a file of {name}; save it as an ordinary TIFF first (ImageJ, or bfconvert IN OUT.ome.tif)")


def _stack_behind_one_page(file: Any, limit: PixelLimit) -> Any:
    """The pages of a file that lists only the first of them: ImageJ writes such stacks, tifffile too."""
    if len(file.pages) != 1 or not (file.is_imagej or file.is_shaped):
        return None
    try:
        page, series = file.pages.first, file.series[0]
    except Exception:
        return None  # a description that makes no sense: then it is just the page
    if not series.is_truncated:
        return None
    count = int(series.size) // max(1, int(page.size))
    for _ in range(count):
        _check(page, limit)
    if page.compression != 1 or (page.samplesperpixel > 1 and page.planarconfig == 2):
        raise Refused("a stack that lists only its first page; save it as an ordinary TIFF stack first")
    return series.asarray().reshape(count, *page.shape)


@contextlib.contextmanager
def _named(number: int, listed: list[Any]) -> Iterator[None]:
    """Whatever is wrong with a page of several is said with its number."""
    try:
        yield
    except Refused as refusal:
        if len(listed) == 1:
            raise
        raise Refused(f"{page_name(number, len(listed))}: {refusal}") from refusal
    except MemoryError:
        raise
    except Exception as error:
        if len(listed) == 1:
            raise
        raise ValueError(f"{page_name(number, len(listed))}: {error}") from error


def _placed(pages: list[Page], file: Any, axes: str | None) -> list[Page]:
    """The pages, each with its place in the stack: as told in `axes`, or as OME, ImageJ or tifffile describe the stack."""
    places: dict[int, tuple[tuple[str, int], ...]] = {}
    if axes is not None:
        check_letters(axes)
        check_pages(axes, pages[0].colour)
        return _told(pages, file, axes)
    if file.is_ome or file.is_imagej or file.is_shaped:
        try:
            for letters, sizes, numbers in _described(file, len(pages)):
                named = Axes(letters + "YX", (*sizes, 0, 0))
                places |= {number: named.place(at) for at, number in enumerate(numbers)}
        except Exception:
            return pages  # a description that makes no sense: then the pages have no names
    return [replace(page, axes=places.get(number, ())) for number, page in enumerate(pages)]


def _described(file: Any, count: int) -> Iterator[tuple[str, tuple[int, ...], list[int]]]:
    """For each stack that the file describes: the letters and sizes of the axes that count its pages, and the pages in that order."""
    for series in file.series:
        numbers = list(range(count)) if series.is_truncated else [page.index for page in series.pages]
        letters, sizes, size = "", [], 1
        for letter, length in zip(series.axes, series.shape, strict=True):
            if size == len(numbers) or letter in "YXS":
                break
            letters, size = letters + letter, size * length
            sizes.append(length)
        if size == len(numbers) and letters and all(letter in MEANINGS for letter in letters):
            yield letters, tuple(sizes), numbers


def _told(pages: list[Page], file: Any, axes: str) -> list[Page]:
    letters = counted(axes)
    if not letters and len(pages) == 1:
        return pages
    sizes: tuple[int, ...] = (len(pages),)
    if len(letters) != 1:
        described = list(_described(file, len(pages))) if file.is_ome or file.is_imagej or file.is_shaped else []
        if len(described) != 1 or len(described[0][1]) != len(letters):
            raise Refused(f"--axes {axes} does not fit {len(pages):,} pages in a row; name one axis beside Y and X, such as ZYX")
        sizes = described[0][1]
    named = Axes(letters + "YX", (*sizes, 0, 0))
    return [replace(page, axes=named.place(number)) for number, page in enumerate(pages)]


def _check(page: Any, limit: PixelLimit) -> None:
    sizes = (page.imagewidth, page.imagelength, page.imagedepth, page.samplesperpixel, page.tilewidth, page.tilelength)
    if not all(isinstance(size, int) for size in sizes):
        raise ValueError("its size is no number")  # but a list of them, which Python would multiply to fill the memory
    limit.take(page.imagewidth, page.imagelength, page.samplesperpixel)
    if page.is_tiled:
        # Tiles may claim to be larger than the picture; each is decoded whole.
        PixelLimit(max(limit.most, 1 << 24)).take(page.tilewidth, page.tilelength, page.samplesperpixel)
    if page.imagewidth * page.imagelength == 0:
        raise ValueError("it has no pixels")
    if page.imagedepth > 1:
        raise Refused("a TIFF volume (ImageDepth); save it as a stack of pages first")
    if int(page.photometric) not in MODELS:
        kind = getattr(page.photometric, "name", "of an unknown kind")
        raise Refused(f"colour model {kind}, which denoise does not know; convert it to grey or RGB first (magick IN -colorspace sRGB OUT)")
    if str(page.dtype) not in DEPTHS:
        raise Refused(f"pixels of type {page.dtype} are no picture; save them as integers of 8 to 64 bits, or floats of 16 to 64 bits")


def _pixels(page: Any) -> Array:
    try:
        return page.asarray()  # type: ignore[no-any-return]
    except ValueError as error:
        if "compression" in str(error).lower() or "imagecodecs" in str(error):
            kind = getattr(page.compression, "name", "of an unknown kind")
            raise Refused(f"TIFF compression {kind} cannot be decoded here; convert it first (tiffcp -c lzw IN OUT)") from error
        raise


def _page(page: Any, pixels: Array, data: bytes, file: Any, notes: list[str]) -> Page:
    import numpy as np

    photometric, height, width = int(page.photometric), page.imagelength, page.imagewidth
    separate = page.planarconfig == 2 and page.samplesperpixel > 1
    if separate:
        pixels = np.moveaxis(pixels, 0, -1)
    samples = pixels.reshape(height, width, -1)
    samples = samples.astype(samples.dtype.newbyteorder("="), copy=False)
    check_exact(samples)
    extras = layout_of(page, separate, notes)

    bits = page.bitspersample
    if photometric == PALETTE:
        if samples.shape[2] > 1 or page.colormap is None:
            raise Refused("a palette with further channels; convert it to RGB first (magick IN -type TrueColor OUT)")
        notes.append("palette: comes back as RGB")
        samples, extras["photometric"] = _look_up(samples[:, :, 0], page.colormap), "rgb"
    elif isinstance(bits, int) and bits not in (1, 8, 16, 32, 64):
        deep = np.uint8 if bits < 8 else np.uint16 if bits < 16 else np.uint32
        notes.append(f"{bits} bits a sample: comes back with {8 * deep().itemsize}")
        scaled = samples.astype(np.float64) * (np.iinfo(deep).max / (2**bits - 1))
        samples = np.rint(scaled).astype(deep)
    beside, alpha = tuple(int(kind) if kind in (1, 2) else 0 for kind in page.extrasamples), None
    colours = samples.shape[2] - len(beside)
    expected = {RGB: 3, YCBCR: 3, CMYK: 4, PALETTE: 3}.get(photometric, 1)
    if expected == 1 and not any(beside):
        colours, expected, beside = samples.shape[2], samples.shape[2], ()  # channels of one kind, as from microscopes and satellites
    if colours != expected:
        raise ValueError(f"{samples.shape[2]} samples a pixel, {len(beside)} of them extra")
    if beside:
        extras["extrasamples"] = beside
        transparent = [at for at, kind in enumerate(beside) if kind in (1, 2)]
        alpha = transparent[0] if transparent else None
        if len(beside) > len(transparent):
            notes.append("a channel that is no colour: comes back untouched")
    if extras.get("predictor") != {"u": 2, "i": 2, "f": 3}.get(samples.dtype.kind):
        extras.pop("predictor", None)
    extras["tags"], extras["ifds"] = tags_of(page, data, file)
    extras["tags"], broken = sound(extras["tags"], "little" if file.byteorder == "<" else "big")
    if broken:
        notes.append(f"{'tags' if len(broken) > 1 else 'tag'} {', '.join(map(str, broken[:5]))} damaged: left out")
    colour = samples[:, :, :colours]
    return Page(
        colour[:, :, 0] if colours == 1 else colour, samples[:, :, colours:] if beside else None, alpha, MODELS[photometric], extras=extras,
        nodata=nodata_of(extras["tags"]),
    )  # fmt: skip


def nodata_of(tags: list[Entry]) -> tuple[float, ...]:
    """The values of GDAL's tag; none where it does not hold a number."""
    for tag in tags:
        if tag.code == NODATA and tag.kind == 2:
            words = tag.value.rstrip(b"\0").decode("ascii", "replace").split()
            with contextlib.suppress(ValueError):
                return tuple(float(word) for word in words)
    return ()


def sound(tags: list[Entry], order: Literal["little", "big"] = "little") -> tuple[list[Entry], list[int]]:
    """The tags that every reader takes, and the codes of those that are left out: of an unknown type, told twice, or not as TIFF asks for.

    Pillow's table of the standard's tags says which type each has, and whether it holds one value. A text that lacks its end gets it.
    """
    from PIL import TiffTags

    kept: dict[int, Entry] = {}
    broken = []
    for tag in tags:
        if tag.code == XMP and tag.kind in (TEXT, 6):  # as text, libtiff does not open the file
            tag = Entry(XMP, 1, tag.count, tag.value)
        standard = TiffTags.lookup(tag.code)
        of_type = standard.type is None or tag.kind == standard.type or any({tag.kind, standard.type} <= alike for alike in ALIKE)
        is_single = standard.length == 1 and standard.type != TEXT and tag.kind not in RAW_TYPES
        if tag.code in LAYOUT:
            kept.setdefault(tag.code, tag)
        elif (
            (tag.code == ORIENTATION and not 1 <= int.from_bytes(tag.value, order) <= 8)
            or tag.kind not in SIZES
            or not tag.count
            or not of_type
            or (is_single and tag.count != 1)
            or tag.code in kept
        ):
            broken.append(tag.code)
        elif tag.kind == TEXT and not tag.value.endswith(b"\0"):
            kept[tag.code] = Entry(tag.code, TEXT, tag.count + 1, tag.value + b"\0")
        else:
            kept[tag.code] = tag
    return list(kept.values()), broken


def _look_up(indices: Array, colours: Array) -> Array:
    """The colours of a palette, which TIFF stores in 16 bits; in 8 where those are enough."""
    import numpy as np

    if indices.dtype.kind != "u" or int(indices.max()) >= colours.shape[1]:
        raise ValueError("its palette is too small")
    looked_up: Array = np.moveaxis(colours[:, indices], 0, -1)
    if (colours % 257 == 0).all():
        return (looked_up // 257).astype(np.uint8)
    if (colours % 256 == 0).all():  # written as << 8 instead of * 257
        return (looked_up // 256).astype(np.uint8)
    return looked_up.astype(np.uint16)


def layout_of(page: Any, separate: bool, notes: list[str]) -> dict[str, Any]:
    """What `TiffWriter.write` is to be told."""
    photometric = int(page.photometric)
    layout: dict[str, Any] = {"photometric": {YCBCR: "rgb", CMYK: "separated", MASK: "minisblack"}.get(photometric, photometric)}
    if page.samplesperpixel > 1:
        layout["planarconfig"] = "separate" if separate else "contig"
    compression = getattr(page.compression, "name", "unknown")
    if compression not in LOSSLESS:
        notes.append(f"{compression} compression: comes back with Deflate, which loses nothing")
        layout["compression"] = "zlib"
    elif compression != "NONE":
        layout["compression"] = "zlib" if compression == "DEFLATE" else page.compression
        if page.predictor in (2, 3) and compression in PREDICTED:
            layout["predictor"] = page.predictor
    if page.is_tiled and page.tilelength % 16 == 0 and page.tilewidth % 16 == 0:
        layout["tile"] = (page.tilelength, page.tilewidth)
    if page.subfiletype:
        layout["subfiletype"] = int(page.subfiletype)
    return layout


def tags_of(page: Any, data: Any, file: Any) -> tuple[list[Entry], list[tuple[int, tuple[Entry, ...]]]]:
    """All tags, verbatim, and the directories of EXIF and GPS that they point to."""
    big = file.is_bigtiff
    entries = read_ifd(data, page.offset, file.byteorder, big=big)
    inner = []
    for entry in entries:
        if entry.code in (EXIF_IFD, GPS_IFD) and len(entry.value) in (4, 8):
            (offset,) = struct.unpack(file.byteorder + ("I" if len(entry.value) == 4 else "Q"), entry.value)
            if found := tuple(tag for tag in read_ifd(data, offset, file.byteorder, big=big) if tag.code != 40965):
                inner.append((entry.code, found))
    return list(entries), inner


def encode(stream: BinaryIO, picture: Picture) -> None:
    import tifffile

    extras, buffer = picture.extras, io.BytesIO()
    size = sum(page.colour.nbytes + (0 if page.beside is None else page.beside.nbytes) for page in picture.pages)
    big = bool(extras.get("bigtiff")) or size > LARGEST_CLASSIC
    order = extras.get("byteorder", "<")
    with tifffile.TiffWriter(buffer, bigtiff=big, byteorder=order) as writer:
        for number, page in enumerate(picture.pages):
            # A picture that was no TIFF has its metadata in the extras of the picture.
            layout = {name: extras[name] for name in ("tags", "ifds") if name in extras} | page.extras
            if "tags" not in page.extras:
                layout["tags"] = [*layout.get("tags", ()), *_said_by_us(page, extras.get("axes") if number == 0 else None)]
            _write_page(writer, buffer, page, layout, order, big)
    stream.write(buffer.getbuffer())


def _said_by_us(page: Page, axes: Axes | None) -> list[Entry]:
    """What a page that was in no TIFF says here: GDAL's nodata, and on the first page the axes of the stack, as tifffile writes them."""
    said = []
    if page.nodata:
        said.append((NODATA, " ".join(f"{value:.17g}" for value in page.nodata)))
    if axes is not None:
        said.append((DESCRIPTION, json.dumps({"shape": list(axes.sizes), "axes": axes.letters})))
    return [Entry(code, 2, len(text) + 1, text.encode() + b"\0") for code, text in said]


def _write_page(writer: Any, buffer: io.BytesIO, page: Page, layout: dict[str, Any], order: str, big: bool) -> None:
    import numpy as np

    layout = arguments_of(layout, buffer, order, big=big)
    pixels = with_beside(page)
    if "photometric" not in layout:
        colours = page.colour.shape[2] if page.colour.ndim == 3 else 1
        layout["photometric"] = "separated" if page.model == "cmyk" else "rgb" if colours == 3 else "minisblack"
        if pixels.ndim == 3:
            layout["planarconfig"] = "contig"
            if page.beside is not None:
                layout["extrasamples"] = tuple(2 if at == page.alpha else 0 for at in range(page.beside.shape[2]))
    if layout.get("planarconfig") == "separate" and pixels.ndim == 3:
        pixels = np.moveaxis(pixels, -1, 0)
    writer.write(np.ascontiguousarray(pixels), **layout)


def arguments_of(layout: dict[str, Any], stream: BinaryIO, order: str, *, big: bool) -> dict[str, Any]:
    """What `TiffWriter.write` is told beside the pixels; directories that tags point to are written to `stream`, the writer's own."""
    layout = dict(layout)
    tags: list[Entry] = layout.pop("tags", [])
    told = {tag.code: tag for tag in tags}
    extra: list[Any] = [(tag.code, tag.kind, tag.count, _value(tag, order), True) for tag in tags if tag.code not in LAYOUT]
    for code, entries in layout.pop("ifds", ()):
        offset = stream.seek(0, io.SEEK_END)
        stream.write(b"\0" * (offset % 2))
        offset = stream.tell()
        stream.write(write_ifd(entries, offset, order, big=big))
        # By name: by number tifffile would hold it for a mistake.
        extra.append(("ExifTag" if code == EXIF_IFD else "GPSTag", 16 if big else 4, 1, offset, True))
    if all(code in told and told[code].kind == 5 for code in (X_RESOLUTION, Y_RESOLUTION)):
        resolution = [_value(told[code], order) for code in (X_RESOLUTION, Y_RESOLUTION)]
        if all(isinstance(ratio, tuple) and len(ratio) == 2 and ratio[1] for ratio in resolution):
            unit = _value(told[RESOLUTION_UNIT], order) if RESOLUTION_UNIT in told else (2,)
            layout |= {"resolution": tuple(resolution), "resolutionunit": unit[0] if unit[0] in (1, 2, 3) else 2}
    if DESCRIPTION in told:
        # tifffile's own word for a stack that lists only its first page. Here all are listed.
        layout["description"] = told[DESCRIPTION].value.replace(b', "truncated": true', b"")
    layout["software"] = told[SOFTWARE].value if SOFTWARE in told else False
    return layout | {"metadata": None, "contiguous": False, "extratags": extra}


def _value(tag: Entry, order: str) -> Any:
    """As tifffile wants it: text and raw bytes in bytes, numbers in a tuple."""
    if tag.kind in (1, 2, 6, 7):
        return tag.value
    letter = {3: "H", 4: "I", 5: "I", 8: "h", 9: "i", 10: "i", 11: "f", 12: "d", 16: "Q", 17: "q"}[tag.kind]
    return struct.unpack(f"{order}{len(tag.value) // struct.calcsize('=' + letter)}{letter}", tag.value)


# How the samples are to be shown, where no profile says it.
COLOURS = {301: "TransferFunction", 318: "WhitePoint", 319: "PrimaryChromaticities"}


def metadata(picture: Picture) -> Metadata:
    page, order = picture.pages[0], picture.extras["byteorder"]
    told: dict[int, Entry] = {tag.code: tag for tag in page.extras.get("tags", ())}
    inner = dict(page.extras.get("ifds", ()))
    shared = tuple(told[code] for code in SHARED if code in told)
    found: dict[str, Any] = {name: told[code].value for name, code in (("icc", ICC), ("xmp", XMP)) if code in told}
    if shared or inner:
        found["exif"] = pack(Exif(order, shared, inner.get(EXIF_IFD, ()), inner.get(GPS_IFD, ())))
    if X_RESOLUTION in told and Y_RESOLUTION in told:
        unit = _value(told[RESOLUTION_UNIT], order)[0] if RESOLUTION_UNIT in told else 2
        ratios = [_value(told[code], order) for code in (X_RESOLUTION, Y_RESOLUTION)]
        if unit in (2, 3) and all(len(ratio) == 2 and ratio[0] and ratio[1] for ratio in ratios):
            found["dpi"] = tuple(ratio[0] / ratio[1] * (2.54 if unit == 3 else 1) for ratio in ratios)
    if DESCRIPTION in told:
        text = told[DESCRIPTION].value.rstrip(b"\0").decode("utf-8", "replace")
        if text and not text.startswith(("{", "<?xml", "<OME", "ImageJ=")):  # those describe the stack, for programs
            found["comment"] = text
    colours = () if ICC in told else tuple(name for code, name in COLOURS.items() if code in told)
    return Metadata(**found, colours=colours)


def adopt(metadata: Metadata) -> dict[str, Any]:
    taken = unpack(metadata.exif) if metadata.exif else None
    order = taken.order if taken else "<"
    tags = [tag for tag in taken.main if tag.code in SHARED and SIZES.get(tag.kind)] if taken else []
    for code, value in ((ICC, metadata.icc), (XMP, metadata.xmp)):
        if value:
            tags.append(Entry(code, 7 if code == ICC else 1, len(value), value))
    if metadata.comment:
        text = metadata.comment.encode() + b"\0"
        tags.append(Entry(DESCRIPTION, 2, len(text), text))
    if metadata.dpi:
        for code, dots in zip((X_RESOLUTION, Y_RESOLUTION), metadata.dpi, strict=True):
            tags.append(Entry(code, 5, 1, struct.pack(order + "II", *_ratio(dots))))
        tags.append(Entry(RESOLUTION_UNIT, 3, 1, struct.pack(order + "H", 2)))
    ifds = [(code, inner) for code, inner in ((EXIF_IFD, taken.exif), (GPS_IFD, taken.gps)) if inner] if taken else []
    return {"byteorder": order, "tags": tags, "ifds": ifds}


def _ratio(value: float) -> tuple[int, int]:
    from fractions import Fraction

    return Fraction(min(max(value, 1e-6), 4e5)).limit_denominator(10_000).as_integer_ratio()
