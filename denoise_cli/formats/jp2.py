"""JPEG 2000 (OpenJPEG by imagecodecs): 1 to 16 bits a sample, written lossless; the boxes of colour, XML and EXIF come back verbatim."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from denoise_cli.formats.boxes import box, boxes
from denoise_cli.formats.picture import Metadata, Page, Picture, PixelLimit, Refused, with_beside

if TYPE_CHECKING:
    from denoise_cli.formats.picture import Array

__all__ = ["adopt", "decode", "encode", "metadata"]

EXIF_UUID = b"JpgTiffExif->JP2"
XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
RESTRICTED_ICC = b"\2\0\0"
#: Boxes beside the pixels that come back: whatever an application wrote.
KEPT = (b"uuid", b"xml ", b"uinf", b"jp2i")
SRGB, GREY, SYCC = 16, 17, 18
#: The largest tile that is decoded, in pixels: a tile may claim to be larger than its picture.
LARGEST_TILE = 1 << 28


@dataclass(frozen=True)
class Size:
    """What the codestream says of itself: the SIZ marker segment, and whether the transform is the reversible one."""

    width: int
    height: int
    bits: tuple[int, ...]
    signed: bool
    subsampled: bool


def decode(data: bytes, limit: PixelLimit) -> Picture:
    import imagecodecs
    import numpy as np

    parts = [] if data[:2] == b"\xff\x4f" else list(boxes(data))
    stream = data if data[:2] == b"\xff\x4f" else next((body for name, body in parts if name == b"jp2c"), b"")
    size = _size(stream)
    limit.take(size.width, size.height, len(size.bits))
    if size.signed or len(set(size.bits)) > 1 or size.subsampled:
        raise Refused("signed, unequal or subsampled channels; convert it to TIFF first (opj_decompress -i IN -o OUT.tif)")
    bits = size.bits[0]
    if bits > 16:
        raise Refused(f"{bits} bits a sample, of which 16 can be decoded here; convert it to TIFF first (opj_decompress -i IN -o OUT.tif)")
    head = dict(boxes(next((body for name, body in parts if name == b"jp2h"), b"")))
    if b"pclr" in head:
        raise Refused("a palette; convert it to RGB first (opj_decompress -i IN -o OUT.png)")
    samples = np.asarray(imagecodecs.jpeg2k_decode(data)).reshape(size.height, size.width, -1)
    if samples.shape[2] != len(size.bits) or samples.shape[2] > 4:
        raise Refused(f"{samples.shape[2]} channels; convert it to TIFF first (opj_decompress -i IN -o OUT.tif)")
    if samples.dtype.kind != "u":
        raise ValueError(f"pixels of type {samples.dtype}")
    colours = 3 if samples.shape[2] > 2 else 1
    colour = samples[:, :, :3] if colours == 3 else samples[:, :, 0]
    beside, alpha = (samples[:, :, colours:], 0) if samples.shape[2] > colours else (None, None)
    white = 2**bits - 1
    page = Page(colour, beside, alpha)
    if bits not in (8, 16):
        page = Page(colour, beside, alpha, limits=(0.0, float(white)), extras={"white": white, "depth": bits})
    kept = [(name, body) for name, body in parts if name in KEPT]
    extras = {"boxes": kept, "stream": data[:2] == b"\xff\x4f", "colr": head.get(b"colr"), "res ": head.get(b"res ")}
    return Picture("jp2", (page,), extras)


def _size(stream: bytes) -> Size:
    if stream[:4] != b"\xff\x4f\xff\x51":
        raise ValueError("it holds no pixels")
    try:
        right, bottom, left, top, tile_width, tile_height = struct.unpack(">6I", stream[8:32])
        (count,) = struct.unpack(">H", stream[40:42])
        parts = [struct.unpack(">3B", stream[at : at + 3]) for at in range(42, 42 + 3 * min(count, 16384), 3)]
    except struct.error as error:
        raise ValueError("its header is cut short") from error
    width, height = right - left, bottom - top
    if width <= 0 or height <= 0 or not parts:
        raise ValueError("it has no pixels")
    if min(tile_width, right) * min(tile_height, bottom) > LARGEST_TILE or not (tile_width and tile_height):
        raise ValueError("its tiles are no tiles")
    bits = tuple((depth & 0x7F) + 1 for depth, _, _ in parts)
    return Size(width, height, bits, any(depth & 0x80 for depth, _, _ in parts), any((x, y) != (1, 1) for _, x, y in parts))


def encode(stream: BinaryIO, picture: Picture) -> None:
    import imagecodecs
    import numpy as np

    page, extras = picture.pages[0], picture.extras
    samples = with_beside(page)
    if samples.dtype == bool:
        samples = samples.astype(np.uint8) * np.uint8(255)
    if white := page.extras.get("white"):
        samples = np.minimum(samples, white)
    bits = page.extras.get("depth") or 8 * samples.dtype.itemsize
    colours = 3 if page.colour.ndim == 3 and page.colour.shape[2] == 3 else 1
    shortest = min(samples.shape[:2])
    encoded = bytes(
        imagecodecs.jpeg2k_encode(
            np.ascontiguousarray(samples), 0, codecformat="j2k" if extras.get("stream") else "jp2", bitspersample=bits, reversible=True,
            colorspace="SRGB" if colours == 3 else "GRAY", resolutions=max(1, min(6, shortest.bit_length())),
        )
    )  # fmt: skip
    if extras.get("stream"):
        stream.write(encoded)
        return
    for name, body in boxes(encoded):
        if name == b"jp2h":
            body = _head(list(boxes(body)), extras, samples, colours)
        if name == b"jp2c":
            stream.write(b"".join(box(*kept) for kept in extras.get("boxes", ())))
        stream.write(box(name, body))


def _head(parts: list[tuple[bytes, bytes]], extras: dict[str, Any], samples: Array, colours: int) -> bytes:
    """The header box: the source's word on its colours instead of the encoder's; what of the channels is the transparency."""
    parts = [(name, extras["colr"] if name == b"colr" and _fits(extras.get("colr"), colours) else body) for name, body in parts]
    if samples.ndim == 3 and samples.shape[2] == colours + 1 and not any(name == b"cdef" for name, _ in parts):
        places = [struct.pack(">3H", at, 0, at + 1) for at in range(colours)] + [struct.pack(">3H", colours, 1, 0)]
        parts.append((b"cdef", struct.pack(">H", colours + 1) + b"".join(places)))
    if extras.get("res "):
        parts.append((b"res ", extras["res "]))
    return b"".join(box(name, body) for name, body in parts)


def _fits(colr: bytes | None, colours: int) -> bool:
    """Whether the source's colour box describes as many colours as are written: sYCC is decoded to RGB."""
    if not colr or len(colr) < 7:
        return False
    if colr[0] == 1:
        return int.from_bytes(colr[3:7], "big") == (SRGB if colours == 3 else GREY)
    return colr[0] == 2


def metadata(picture: Picture) -> Metadata:
    found: dict[str, Any] = {}
    for name, body in picture.extras.get("boxes", ()):
        if name == b"uuid" and body[:16] == EXIF_UUID:
            found["exif"] = body[16:].removeprefix(b"Exif\0\0")
        elif name == b"uuid" and body[:16] == XMP_UUID:
            found["xmp"] = body[16:]
    colr = picture.extras.get("colr")
    if colr and colr[0] == 2:
        found["icc"] = colr[3:]
    resolution = picture.extras.get("res ")
    for name, body in boxes(resolution or b""):
        if name in (b"resc", b"resd") and len(body) == 10:
            down, below_down, across, below_across, power_down, power_across = struct.unpack(">4H2b", body)
            if below_down and below_across and down and across and abs(power_down) < 10 and abs(power_across) < 10:
                found["dpi"] = (across / below_across * 10.0**power_across * 0.0254, down / below_down * 10.0**power_down * 0.0254)
    return Metadata(**found)


def adopt(metadata: Metadata) -> dict[str, Any]:
    extras: dict[str, Any] = {"boxes": []}
    if metadata.exif:
        extras["boxes"].append((b"uuid", EXIF_UUID + metadata.exif))
    if metadata.xmp:
        extras["boxes"].append((b"uuid", XMP_UUID + metadata.xmp))
    if metadata.icc:
        extras["colr"] = RESTRICTED_ICC + metadata.icc
    if metadata.dpi:
        across, down = (min(max(round(dots / 0.0254), 1), 65535) for dots in metadata.dpi)
        extras["res "] = box(b"resc", struct.pack(">4H2b", down, 1, across, 1, 0, 0))
    return extras
