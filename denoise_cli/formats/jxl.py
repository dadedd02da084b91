"""JPEG XL (libjxl by imagecodecs): 8 to 16 bits and floats, written lossless; EXIF and XMP come back, a colour profile does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, BinaryIO

from denoise_cli.formats.boxes import box, boxes
from denoise_cli.formats.picture import Metadata, Page, Picture, PixelLimit, Refused, with_beside

__all__ = ["adopt", "decode", "encode", "metadata"]

CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"
#: Boxes beside the pixels that come back.
KEPT = (b"Exif", b"xml ")
# Selectors of the header: (offset, bits) of each of four choices (ISO/IEC 18181-1).
SIDES = ((1, 9), (1, 13), (1, 18), (1, 30))
INTEGER_BITS, FLOAT_BITS = ((8, 0), (10, 0), (12, 0), (1, 6)), ((32, 0), (16, 0), (24, 0), (1, 6))
RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
ORDINARY = "8 bits, sRGB"


@dataclass
class Bits:
    """Reads numbers from the lowest bit on."""

    data: bytes
    at: int = 0

    def take(self, count: int) -> int:
        whole = int.from_bytes(self.data, "little") >> self.at
        self.at += count
        if self.at > 8 * len(self.data):
            raise ValueError("its header is cut short")
        return whole & ((1 << count) - 1)

    def choose(self, choices: tuple[tuple[int, int], ...]) -> int:
        offset, count = choices[self.take(2)]
        return offset + self.take(count)


@dataclass(frozen=True)
class Header:
    """What the codestream says before its pixels; None for what is not read here."""

    width: int
    height: int
    bits: int | None
    described: bool  # other colours than sRGB, in a profile or by name
    animated: bool
    turned: bool


def decode(data: bytes, limit: PixelLimit) -> Picture:
    import imagecodecs
    import numpy as np

    parts = list(boxes(data)) if data.startswith(CONTAINER) else []
    stream = b"".join(body[4:] if name == b"jxlp" else body for name, body in parts if name in (b"jxlc", b"jxlp")) if parts else data
    header = _header(stream)
    limit.take(header.width, header.height)
    if header.animated:
        raise Refused("an animation; take it apart first (ffmpeg -i IN frame%04d.png)")
    samples = np.asarray(imagecodecs.jpegxl_decode(data))
    if samples.ndim == 2:
        samples = samples[:, :, None]
    if samples.ndim != 3 or samples.shape[2] > 4:
        raise Refused(f"pixels of shape {samples.shape}; convert it to PNG first (djxl IN OUT.png)")
    colours = 3 if samples.shape[2] > 2 else 1
    colour = samples[:, :, :3] if colours == 3 else samples[:, :, 0]
    beside, alpha = (samples[:, :, colours:], 0) if samples.shape[2] > colours else (None, None)
    page = Page(colour, beside, alpha)
    if header.bits is not None and header.bits not in (8, 16) and samples.dtype.kind == "u":
        white = 2**header.bits - 1
        if int(samples.max()) <= white:
            page = Page(colour, beside, alpha, limits=(0.0, float(white)), extras={"white": white, "depth": header.bits})
    notes = ("its description of colours (a profile, or other primaries than sRGB) does not come back",) if header.described else ()
    kept = [(name, body) for name, body in parts if name in KEPT]
    if header.turned:
        notes = (*notes, "comes back upright, without a turn of its own")
    return Picture("jxl", (page,), {"boxes": kept, "turned": header.turned}, notes)


def _header(stream: bytes) -> Header:
    if stream[:2] != b"\xff\x0a":
        raise ValueError("it holds no pixels")
    bits = Bits(stream[2:66])
    width, height = _sides(bits)
    plain = Header(width, height, 8, described=False, animated=False, turned=False)
    if bits.take(1):
        return plain
    turned, animated = False, False
    if bits.take(1):
        turned = bits.take(3) != 0
        if bits.take(1):
            _sides(bits)
        if bits.take(1):  # a preview, whose size is told in another way
            return Header(width, height, None, described=False, animated=animated, turned=turned)
        if bits.take(1):
            return Header(width, height, None, described=False, animated=True, turned=turned)
    is_float = bits.take(1)
    depth = bits.choose(FLOAT_BITS if is_float else INTEGER_BITS)
    bits.take(4 if is_float else 0)
    bits.take(1)
    extra = bits.choose(((0, 0), (1, 0), (2, 4), (1, 12)))
    for _ in range(extra):
        if not bits.take(1):  # a channel that is no plain transparency
            return Header(width, height, None if is_float else depth, described=False, animated=animated, turned=turned)
    bits.take(1)
    described = False
    if not bits.take(1):
        profile, space = bits.take(1), bits.take(2)
        # Grey without a profile is as ordinary as sRGB: its encoder had to say that it is grey.
        described = bool(profile) or space not in (0, 1) or _primaries(bits, space)
    return Header(width, height, None if is_float else depth, described=described, animated=animated, turned=turned)


def _primaries(bits: Bits, space: int) -> bool:
    """Whether white point, primaries or transfer curve are others than those of sRGB: each is told by the selector of an enumeration."""
    enumerated = ((0, 0), (1, 0), (2, 4), (18, 6))
    d65, srgb_primaries, srgb_curve = 1, 1, 13
    if bits.choose(enumerated) != d65:
        return True
    if space == 0 and bits.choose(enumerated) != srgb_primaries:
        return True
    return bool(bits.take(1)) or bits.choose(enumerated) != srgb_curve


def _sides(bits: Bits) -> tuple[int, int]:
    small = bits.take(1)
    height = 8 * (bits.take(5) + 1) if small else bits.choose(SIDES)
    ratio = bits.take(3)
    if ratio:
        above, below = RATIOS[ratio]
        return height * above // below, height
    return 8 * (bits.take(5) + 1) if small else bits.choose(SIDES), height


def encode(stream: BinaryIO, picture: Picture) -> None:
    import imagecodecs
    import numpy as np

    page = picture.pages[0]
    samples = with_beside(page)
    if samples.dtype == bool:
        samples = samples.astype(np.uint8) * np.uint8(255)
    details: dict[str, Any] = {}
    if white := page.extras.get("white"):
        samples, details = np.minimum(samples, white), {"bitspersample": page.extras["depth"]}
    kept = picture.extras.get("boxes", ())
    samples = np.ascontiguousarray(samples)
    encoded = bytes(imagecodecs.jpegxl_encode(samples, lossless=True, usecontainer=bool(kept) or None, **details))
    if encoded.startswith(CONTAINER):
        encoded += b"".join(box(*each) for each in kept)
    stream.write(encoded)


def metadata(picture: Picture) -> Metadata:
    from denoise_cli.formats.exif import upright

    found: dict[str, Any] = {}
    for name, body in picture.extras.get("boxes", ()):
        if name == b"Exif" and len(body) > 4:
            block = body[4 + int.from_bytes(body[:4], "big") :]
            # What counts in this format is the turn that the codestream tells, and that was done when it was decoded.
            found["exif"] = upright(block)
        elif name == b"xml ":
            found["xmp"] = body
    return Metadata(**found)


def adopt(metadata: Metadata) -> dict[str, Any]:
    kept = [(b"Exif", bytes(4) + metadata.exif)] if metadata.exif else []
    return {"boxes": [*kept, *([(b"xml ", metadata.xmp)] if metadata.xmp else [])]}
