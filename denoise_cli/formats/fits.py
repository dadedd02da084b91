"""FITS: the first image of the file, in its own units; a result differs from its source in the bytes of the pixels only."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, BinaryIO

from denoise_cli.formats.axes import Axes, join, split
from denoise_cli.formats.picture import Metadata, Page, Picture, PixelLimit, Refused, check_exact
from denoise_cli.formats.rescaled import Rescale

__all__ = ["adopt", "decode", "encode", "metadata"]

BLOCK, CARD = 2880, 80
TYPES = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
#: Letters for the axes of a cube, slowest first; FITS itself has names for coordinates only.
LETTERS = {2: "YX", 3: "ZYX", 4: "TZYX"}
#: A file may hold this many parts before its first image.
MOST_PARTS = 1000


@dataclass(frozen=True)
class Part:
    """One header and what follows it. `cards`: keyword → value as text."""

    cards: dict[str, str]
    start: int
    size: int

    @property
    def shape(self) -> tuple[int, ...]:
        """As NumPy counts axes: slowest first."""
        return tuple(self.number(f"NAXIS{axis}", 0) for axis in range(self.number("NAXIS", 0), 0, -1))

    def number(self, keyword: str, default: int) -> int:
        return int(self.cards.get(keyword, default))

    def real(self, keyword: str, default: float) -> float:
        value = float(self.cards.get(keyword, str(default)).upper().replace("D", "E"))
        if not math.isfinite(value):
            raise ValueError(f"its {keyword} is {value}")
        return value


def decode(data: bytes, limit: PixelLimit) -> Picture:
    import numpy as np

    part = _first_image(data)
    shape = part.shape
    letters = LETTERS.get(len(shape))
    if letters is None or 0 in shape:
        raise Refused(f"an array of {len(shape)} axes ({' × '.join(map(str, shape))}) is no picture; take out an image or a cube first")
    limit.take(shape[-1], shape[-2], 4 * math.prod(shape[:-2]))
    bits = part.number("BITPIX", 0)
    if bits not in TYPES:
        raise ValueError(f"its BITPIX is {bits}")
    count = math.prod(shape)
    if len(data) - part.start < count * abs(bits) // 8:
        raise ValueError(f"holds less than its {count:,} values")
    stored = np.frombuffer(data, TYPES[bits], count, part.start).reshape(shape)
    stored = stored.astype(stored.dtype.newbyteorder("="))
    slope, zero = part.real("BSCALE", 1.0), part.real("BZERO", 0.0)
    if slope == 0:
        raise ValueError("its BSCALE is 0")
    extras: dict[str, Any] = {"file": data, "start": part.start, "bits": bits, "stored": stored, "axes": Axes(letters, shape)}
    values, nodata = stored, tuple[float, ...]()
    if bits > 0 or (slope, zero) != (1.0, 0.0):
        blank = int(part.cards["BLANK"]) if bits > 0 and "BLANK" in part.cards else None
        ends = (0, 255) if bits == 8 else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if bits > 0 else (0, 0)
        rescale = Rescale(slope, zero, *ends)
        if bits == 64:
            check_exact(stored)
        extras["rescale"] = rescale if bits > 0 else None
        values = rescale.values(stored) if bits > 0 else stored * slope + zero
        if bits < 0:
            extras["linear"] = (slope, zero)
        if blank is not None and values.dtype.kind == "f":
            values[stored == blank] = np.nan
        elif blank is not None:
            nodata = (float(blank + int(zero)),)
    named = extras["axes"]
    pages = tuple(Page(page, nodata=nodata, axes=named.place(number)) for number, page in enumerate(split(values, letters)))
    return Picture("fits", pages, extras)


def _first_image(data: bytes) -> Part:
    """The first part of the file with pixels. Raises Refused for tables alone, ValueError for what is no FITS."""
    at, packed = 0, False
    for _ in range(MOST_PARTS):
        if at + BLOCK > len(data):
            break
        part = _part(data, at)
        kind = part.cards.get("XTENSION", "IMAGE")
        packed = packed or part.cards.get("ZIMAGE") == "T"
        if kind == "IMAGE" and part.number("NAXIS", 0) > 0 and part.cards.get("GROUPS") != "T":
            return part
        at = part.start + -(-part.size // BLOCK) * BLOCK
    if packed:
        raise Refused("an image that is compressed in tiles; unpack it first (funpack IN)")
    raise Refused("no image in it, only tables or headers; take out an image first")


def _part(data: bytes, at: int) -> Part:
    cards: dict[str, str] = {}
    start = at
    while True:
        card = data[start : start + CARD]
        if len(card) < CARD:
            raise ValueError("its header has no end")
        start += CARD
        keyword = card[:8].rstrip().decode("ascii", "replace")
        if keyword == "END":
            break
        if card[8:10] == b"= " and keyword not in cards:
            cards[keyword] = _value(card[10:].decode("ascii", "replace"))
    start += -(start - at) % BLOCK
    sizes = [int(cards.get(f"NAXIS{axis}", 0)) for axis in range(1, int(cards.get("NAXIS", 0)) + 1)]
    if len(sizes) > 999 or any(size < 0 for size in sizes):
        raise ValueError("its size is no size")
    items = math.prod(sizes) if sizes else 0
    groups = int(cards.get("GCOUNT", 1)) * (int(cards.get("PCOUNT", 0)) + items)
    return Part(cards, start, max(0, groups) * abs(int(cards.get("BITPIX", 8))) // 8)


def _value(text: str) -> str:
    if quoted := re.match(r"\s*'((?:[^']|'')*)'", text):
        return quoted[1].rstrip()
    return text.partition("/")[0].strip()


def encode(stream: BinaryIO, picture: Picture) -> None:
    import numpy as np

    extras = picture.extras
    if "file" not in extras or len(picture.pages) != extras["axes"].count:
        stream.write(_new(picture))
        return
    values = join([page.colour for page in picture.pages], extras["axes"])
    dtype, rescale = np.dtype(TYPES[extras["bits"]]), extras.get("rescale")
    if rescale is not None:
        stored = rescale.stored(values, dtype)
        if values.dtype.kind == "f":
            stored = np.where(np.isfinite(values), stored, extras["stored"]).astype(dtype)
    elif "linear" in extras:
        slope, zero = extras["linear"]
        stored = np.where(np.isfinite(values), (values - zero) / slope, extras["stored"]).astype(dtype)
    else:
        stored = values.astype(dtype)
    file, start = extras["file"], extras["start"]
    pixels = stored.tobytes()
    # A checksum of the old pixels would make every reader complain: its keyword is made a comment.
    head = re.sub(rb"(?:CHECKSUM|DATASUM )= (?=')", b"COMMENT   ", file[:start])
    stream.write(head + pixels + file[start + len(pixels) :])


def _new(picture: Picture) -> bytes:
    """A file of one image, for pixels that were in another format. Unsigned integers are stored with an offset, as FITS has no others."""
    import numpy as np

    pages = [page.colour for page in picture.pages]
    if pages[0].ndim == 3:
        pages = [np.moveaxis(page, 2, 0) for page in pages]
    values = np.stack(pages) if len(pages) > 1 else pages[0]
    values = values.astype(np.uint8) if values.dtype == bool else values.astype(np.float32) if values.dtype == np.float16 else values
    zero = 0
    if values.dtype.kind == "u" and values.dtype.itemsize > 1:
        zero = 2 ** (8 * values.dtype.itemsize - 1)
        values = (values ^ values.dtype.type(zero)).view(f"i{values.dtype.itemsize}")
    elif values.dtype == np.int8:
        zero = -128
        values = (values.astype(np.int16) + 128).astype(np.uint8)
    bits = 8 * values.dtype.itemsize * (-1 if values.dtype.kind == "f" else 1)
    cards = [("SIMPLE", "T"), ("BITPIX", bits), ("NAXIS", values.ndim)]
    cards += [(f"NAXIS{axis}", size) for axis, size in enumerate(reversed(values.shape), 1)]
    cards += [("BZERO", zero), ("BSCALE", 1)] if zero else []
    if picture.pages[0].nodata and bits > 0 and float(picture.pages[0].nodata[0]).is_integer():
        cards.append(("BLANK", int(picture.pages[0].nodata[0]) - zero))
    head = b"".join(f"{keyword:<8}= {value!s:>20}".ljust(CARD).encode() for keyword, value in cards) + b"END".ljust(CARD)
    body = values.astype(values.dtype.newbyteorder(">")).tobytes()
    return head.ljust(-(-len(head) // BLOCK) * BLOCK) + body + bytes(-len(body) % BLOCK)


def metadata(picture: Picture) -> Metadata:  # noqa: ARG001 - one signature for all formats
    return Metadata()


def adopt(metadata: Metadata) -> dict[str, Any]:  # noqa: ARG001
    return {}
