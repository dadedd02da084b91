"""WebP: lossless stays lossless; profile, EXIF and XMP come back verbatim."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

from denoise_cli.formats import pillow_blocks
from denoise_cli.formats.picture import Metadata, Page, Picture, PixelLimit, Refused, with_beside
from denoise_cli.formats.pillow_blocks import blocks, metadata, with_colours

__all__ = ["adopt", "decode", "encode", "metadata"]


def decode(data: bytes, limit: PixelLimit) -> Picture:
    import numpy as np
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # the limit here is our own, and says so in our words
    with Image.open(io.BytesIO(data), formats=["webp"]) as image:
        limit.take(*image.size)
        if getattr(image, "n_frames", 1) > 1:
            raise Refused("an animation; take it apart first (ffmpeg or webpmux)")
        image.load()
        extras: dict[str, Any] = blocks(image.info)
        samples = np.array(image if image.mode in ("RGB", "RGBA") else image.convert("RGB"))
    # `exact`: colours stay under full transparency as well.
    extras |= {"lossless": True, "exact": True} if _is_lossless(data) else {"quality": 95, "exact": True}
    transparent = samples.shape[2] == 4
    page = Page(samples[:, :, :3], samples[:, :, 3:] if transparent else None, 0 if transparent else None)
    return Picture("webp", (page,), extras)


def encode(stream: BinaryIO, picture: Picture) -> None:
    import numpy as np
    from PIL import Image

    samples = with_colours(with_beside(picture.pages[0]))
    Image.fromarray(np.ascontiguousarray(samples)).convert("RGBA" if samples.ndim == 3 and samples.shape[2] == 4 else "RGB").save(
        stream, "WEBP", **picture.extras
    )


def adopt(metadata: Metadata) -> dict[str, Any]:
    return {"lossless": True, "exact": True, **pillow_blocks.adopt(metadata)}


def _is_lossless(data: bytes) -> bool:
    at = 12
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if name in (b"VP8L", b"VP8 "):
            return name == b"VP8L"
        at += 8 + size + size % 2
    return False
