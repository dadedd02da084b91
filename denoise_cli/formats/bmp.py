"""BMP: 1 and 8 bit grey, RGB, and RGB with transparency; resolution is all it knows beside pixels."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any, BinaryIO

from denoise_cli.formats.picture import Metadata, Page, Picture, PixelLimit, Refused, with_beside

if TYPE_CHECKING:
    from denoise_cli.formats.picture import Array

__all__ = ["adopt", "decode", "encode", "metadata"]


def decode(data: bytes, limit: PixelLimit) -> Picture:
    import numpy as np
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # the limit here is our own, and says so in our words
    with Image.open(io.BytesIO(data), formats=["bmp"]) as image:
        limit.take(*image.size)
        palette, mode = image.mode == "P", image.mode
        if mode not in ("1", "L", "P", "RGB", "RGBA"):
            raise Refused(f"unknown colour mode {mode}; convert it to PNG first (magick IN OUT.png)")
        image.load()
        samples = np.array(image.convert("RGB") if palette else image)
        extras: dict[str, Any] = {"dpi": image.info["dpi"]} if image.info.get("dpi", (0, 0))[0] else {}
    notes = ("palette: comes back as RGB",) if palette else ()
    if mode == "RGBA":
        return Picture("bmp", (Page(samples[:, :, :3], samples[:, :, 3:], 0),), extras, notes)
    return Picture("bmp", (Page(samples),), extras, notes)


def encode(stream: BinaryIO, picture: Picture) -> None:
    from PIL import Image

    page = picture.pages[0]
    if page.beside is None:
        Image.fromarray(page.colour).save(stream, "BMP", **picture.extras)
    else:
        stream.write(_encode_transparent(with_beside(page), picture.extras.get("dpi", (0, 0))))


def _encode_transparent(samples: Array, dpi: tuple[float, float]) -> bytes:
    """With the header of version 4, which says where the transparency is; Pillow writes one that loses it."""
    height, width = samples.shape[:2]
    pixels = samples[::-1, :, [2, 1, 0, 3]].tobytes()
    head = 14 + 108
    file = struct.pack("<2sIII", b"BM", head + len(pixels), 0, head)
    metres = [round(dots / 0.0254) for dots in dpi]
    sizes = struct.pack("<IiiHHIIiiII", 108, width, height, 1, 32, 3, len(pixels), *metres, 0, 0)
    masks = struct.pack("<4I4s", 0xFF0000, 0xFF00, 0xFF, 0xFF000000, b"BGRs")
    return file + sizes + masks + bytes(48) + pixels


def metadata(picture: Picture) -> Metadata:
    return Metadata(dpi=picture.extras.get("dpi"))


def adopt(metadata: Metadata) -> dict[str, Any]:
    return {"dpi": metadata.dpi} if metadata.dpi else {}
