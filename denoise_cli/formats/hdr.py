"""Radiance HDR: RGB with a shared exponent; the lines of the header come back verbatim."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, BinaryIO

from denoise_cli.formats.picture import Metadata, Page, Picture, PixelLimit, Refused

if TYPE_CHECKING:
    from denoise_cli.formats.picture import Array

__all__ = ["adopt", "decode", "encode", "metadata"]

HEAD = re.compile(rb"#\?[^\n]*\n(?:[^\n]*\n){0,200}?\n(-Y (\d{1,9}) \+X (\d{1,9})|[-+][XY] \d{1,9} [-+][XY] \d{1,9})\n")
#: Rows of these widths may be compressed; a row of others lies there pixel by pixel.
NARROWEST, WIDEST = 8, 32767
#: The exponent 128 stands for values from 1/2 to 1, in steps of 1/256.
BIAS = 136


def decode(data: bytes, limit: PixelLimit) -> Picture:
    import numpy as np

    head = HEAD.match(data)
    if head is None:
        raise ValueError("its header is no header")
    if head[2] is None:
        raise Refused("rows from another corner than the top left; turn it first (pfilt, or ImageMagick)")
    if b"FORMAT=32-bit_rle_xyze" in head[0]:
        raise Refused("colours in XYZ; convert it to RGB first (ra_xyze -r IN OUT)")
    height, width = int(head[2]), int(head[3])
    if not width * height:
        raise ValueError("it has no pixels")
    limit.take(width, height, 3)
    quads = _unpack(data, head.end(), height, width)
    exponent = quads[:, :, 3].astype(np.int32)
    colour = np.ldexp(quads[:, :, :3].astype(np.float32), (exponent - BIAS)[:, :, None])
    colour[exponent == 0] = 0
    return Picture("hdr", (Page(colour),), {"head": head[0]})


def _unpack(data: bytes, at: int, height: int, width: int) -> Array:
    """(height, width, 4): three mantissas and the exponent. A row is compressed channel by channel, or not at all."""
    import numpy as np

    quads = np.zeros((height, width, 4), np.uint8)
    mark = b"\2\2" + width.to_bytes(2, "big") if NARROWEST <= width <= WIDEST else None
    for row in quads:
        if mark is None or data[at : at + 4] != mark:
            flat = data[at : at + 4 * width]
            if len(flat) < 4 * width:
                raise ValueError("it is cut short")
            row[:] = np.frombuffer(flat, np.uint8).reshape(width, 4)
            if (row[:, :3] == 1).all(axis=1).any():
                raise Refused("runs of the old kind; write it anew first (ra_rgbe -r IN OUT)")
            at += 4 * width
            continue
        at += 4
        for channel in range(4):
            filled = 0
            while filled < width:
                count = data[at] if at < len(data) else 0
                run = count > 128
                count = count - 128 if run else count
                piece = data[at + 1 : at + 2] * count if run else data[at + 1 : at + 1 + count]
                if not count or len(piece) < count or filled + count > width:
                    raise ValueError("a row of it is damaged")
                row[filled : filled + count, channel] = np.frombuffer(piece, np.uint8)
                filled += count
                at += 2 if run else 1 + count
    return quads


def encode(stream: BinaryIO, picture: Picture) -> None:
    import numpy as np

    colour = np.maximum(picture.pages[0].colour, 0)
    height, width = colour.shape[:2]
    stream.write(picture.extras.get("head") or b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y %d +X %d\n" % (height, width))
    largest = colour.max(axis=2)
    _, exponent = np.frexp(largest)
    exponent = np.clip(exponent, 128 - 255, 127)
    with np.errstate(under="ignore"):
        mantissas = np.clip(np.rint(np.ldexp(colour, (8 - exponent)[:, :, None])), 0, 255)
    quads = np.dstack([mantissas, exponent + 128]).astype(np.uint8)
    quads[largest < 1e-32] = 0
    if not NARROWEST <= width <= WIDEST:
        stream.write(quads.tobytes())
        return
    mark = b"\2\2" + width.to_bytes(2, "big")
    for row in quads:
        stream.write(mark + b"".join(_pack(row[:, channel].tobytes()) for channel in range(4)))


def _pack(values: bytes) -> bytes:
    """Runs of 4 and more as runs, the rest as it lies."""
    packed, loose, at = bytearray(), bytearray(), 0
    while at < len(values):
        end = at + 1
        while end < len(values) and end - at < 127 and values[end] == values[at]:
            end += 1
        if end - at >= 4:
            _flush(packed, loose)
            packed += bytes([128 + end - at, values[at]])
        else:
            loose += values[at:end]
        at = end
    _flush(packed, loose)
    return bytes(packed)


def _flush(packed: bytearray, loose: bytearray) -> None:
    for at in range(0, len(loose), 128):
        piece = loose[at : at + 128]
        packed += bytes([len(piece)]) + piece
    loose.clear()


def metadata(picture: Picture) -> Metadata:  # noqa: ARG001 - one signature for all formats
    return Metadata()


def adopt(metadata: Metadata) -> dict[str, Any]:  # noqa: ARG001
    return {}
