"""JPEG: the source's own quantisation tables and subsampling; every segment that speaks of the picture comes back verbatim."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

from denoise_cli.formats.picture import Metadata, Page, Picture, PixelLimit, Refused, quantise

__all__ = ["adopt", "decode", "encode", "metadata"]

START, JFIF, EXIF, ICC, IPTC, COMMENT = b"\xff\xd8", b"\xe0", b"\xe1", b"\xe2", b"\xed", b"\xfe"
ICC_NAME, XMP_NAME, MPF_NAME = b"ICC_PROFILE\0", b"http://ns.adobe.com/xap/1.0/\0", b"MPF\0"
LARGEST = 65533  # bytes in a segment
# What a picture that was no JPEG gets: better than eyes can tell, no subsampling.
GOOD = {"quality": 95, "subsampling": 0}
MODELS = {"L": "", "RGB": "", "CMYK": "cmyk"}

Segment = tuple[bytes, bytes]


def decode(data: bytes, limit: PixelLimit) -> Picture:
    import numpy as np
    from PIL import Image, JpegImagePlugin

    Image.MAX_IMAGE_PIXELS = None  # the limit here is our own, and says so in our words
    with Image.open(io.BytesIO(data), formats=["jpeg"]) as image:
        limit.take(*image.size)
        if image.mode not in MODELS:
            raise Refused(f"unknown colour mode {image.mode}; convert it to RGB first (magick IN -colorspace sRGB OUT)")
        others = getattr(image, "n_frames", 1) - 1
        image.load()
        pixels = np.array(image)
        extras: dict[str, Any] = {"qtables": getattr(image, "quantization", None), "progressive": bool(image.info.get("progressive"))}
        sampling = JpegImagePlugin.get_sampling(image) if image.mode != "L" else -1
        extras["subsampling"] = max(sampling, 0)
        extras["keep_rgb"] = image.mode == "RGB" and image.info.get("adobe_transform") == 0
    extras["segments"] = [segment for segment in _segments(data) if _is_kept(segment)]
    notes = (f"{others} more inside (preview, depth or gain map): left out",) if others > 0 else ()
    return Picture("jpeg", (Page(pixels, model=MODELS[image.mode]),), extras, notes)


def encode(stream: BinaryIO, picture: Picture) -> None:
    from PIL import Image

    page, extras = picture.pages[0], dict(picture.extras)
    segments: list[Segment] = extras.pop("segments", [])
    pixels = quantise(page.colour, "uint8") if page.colour.dtype == bool else page.colour
    encoded = io.BytesIO()
    image = Image.fromarray(pixels, "CMYK") if page.model == "cmyk" else Image.fromarray(pixels)
    image.save(encoded, "JPEG", **extras)
    data = encoded.getvalue()
    if any(marker == JFIF for marker, _ in segments) and data[2:4] == b"\xff" + JFIF:
        data = START + data[4 + struct.unpack(">H", data[4:6])[0] :]
    # JFIF has to come first of all.
    head = len(START) if data[2:4] != b"\xff" + JFIF else 4 + struct.unpack(">H", data[4:6])[0]
    stream.write(
        data[:head] + b"".join(b"\xff" + marker + struct.pack(">H", len(body) + 2) + body for marker, body in segments) + data[head:]
    )


def metadata(picture: Picture) -> Metadata:
    found: dict[str, Any] = {}
    profile: list[tuple[int, bytes]] = []
    for marker, body in picture.extras.get("segments", ()):
        if marker == EXIF and body.startswith(b"Exif\0\0"):
            found.setdefault("exif", body[6:])
        elif marker == EXIF and body.startswith(XMP_NAME):
            found["xmp"] = body[len(XMP_NAME) :]
        elif marker == ICC and body.startswith(ICC_NAME):
            profile.append((body[len(ICC_NAME)], body[len(ICC_NAME) + 2 :]))
        elif marker == COMMENT:
            found["comment"] = body.decode("utf-8", "replace").rstrip("\0")
        elif marker == JFIF and len(body) >= 12:
            unit, x, y = struct.unpack(">BHH", body[7:12])
            if unit in (1, 2) and x and y:
                found["dpi"] = (x, y) if unit == 1 else (x * 2.54, y * 2.54)
    if profile:
        found["icc"] = b"".join(part for _, part in sorted(profile))
    return Metadata(**found)


def adopt(metadata: Metadata) -> dict[str, Any]:
    segments: list[Segment] = []
    if metadata.dpi:
        x, y = (min(max(round(dots), 1), 65535) for dots in metadata.dpi)
        segments.append((JFIF, struct.pack(">5sBBBHHBB", b"JFIF\0", 1, 1, 1, x, y, 0, 0)))
    if metadata.exif:
        segments.append((EXIF, b"Exif\0\0" + metadata.exif))
    if metadata.xmp:
        segments.append((EXIF, XMP_NAME + metadata.xmp))
    if metadata.icc:
        size = LARGEST - len(ICC_NAME) - 2
        parts = [metadata.icc[at : at + size] for at in range(0, len(metadata.icc), size)]
        if len(parts) < 256:
            segments += [(ICC, ICC_NAME + bytes([number, len(parts)]) + part) for number, part in enumerate(parts, 1)]
    if metadata.comment:
        segments.append((COMMENT, metadata.comment.encode()[:LARGEST]))
    return {**GOOD, "segments": segments}


def _is_kept(segment: Segment) -> bool:
    """JFIF and everything an application wrote: not the index of further pictures, nor Adobe's word on the encoding of this one."""
    marker, body = segment
    if marker == ICC and body.startswith(MPF_NAME):
        return False
    return (marker == JFIF and body.startswith(b"JFIF\0") and len(body) >= 14) or marker == COMMENT or (b"\xe1" <= marker <= b"\xed")


def _segments(data: bytes) -> Iterator[Segment]:
    """(marker, body) of what stands before the pixels."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, size = data[at + 1 : at + 2], struct.unpack(">H", data[at + 2 : at + 4])[0]
        if marker == b"\xff":  # padding
            at += 1
            continue
        if marker == b"\xda" or size < 2:
            return
        body = data[at + 4 : at + 2 + size]
        if len(body) == size - 2:
            yield marker, body
        at += 2 + size
