"""AVIF: 8 bits by Pillow, with profile, EXIF and XMP; 10 and 12 bits by imagecodecs, without them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, BinaryIO

from denoise_cli.formats.picture import Page, Picture, PixelLimit, Refused, with_beside
from denoise_cli.formats.pillow_blocks import adopt, blocks, metadata, with_colours

__all__ = ["adopt", "decode", "encode", "metadata"]

#: Better than eyes can tell, and no subsampling.
QUALITY = 95


def decode(data: bytes, limit: PixelLimit) -> Picture:
    import numpy as np
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # the limit here is our own, and says so in our words
    with Image.open(io.BytesIO(data), formats=["avif"]) as image:
        limit.take(*image.size)
        if getattr(image, "n_frames", 1) > 1:
            raise Refused("an animation; take it apart first (ffmpeg -i IN frame%04d.png)")
        deep = _bits(data)
        if deep > 8:
            return _decode_deep(data, deep, image.size, image.info)
        image.load()
        # Loading moves the orientation into the EXIF block.
        extras = blocks(image.info)
        samples = np.array(image if image.mode in ("RGB", "RGBA") else image.convert("RGB"))
    transparent = samples.shape[2] == 4
    page = Page(samples[:, :, :3], samples[:, :, 3:] if transparent else None, 0 if transparent else None)
    return Picture("avif", (page,), extras)


def _bits(data: bytes) -> int:
    """Bits a sample, from the configuration of the codec, which every AVIF has."""
    at = data.find(b"av1C", 0, 1 << 20)
    if at < 0 or at + 7 > len(data):
        return 8
    high, twelve = data[at + 6] & 0x40, data[at + 6] & 0x20
    return 12 if high and twelve else 10 if high else 8


def _decode_deep(data: bytes, bits: int, size: tuple[int, int], told: Mapping[Any, Any]) -> Picture:
    import imagecodecs
    import numpy as np

    samples = np.asarray(imagecodecs.avif_decode(data))
    if samples.ndim == 2:
        samples = samples[:, :, None]
    if samples.ndim != 3 or samples.shape[:2] != size[::-1] or samples.dtype != np.uint16:
        raise ValueError(f"pixels of shape {samples.shape} and type {samples.dtype}")
    colours = 3 if samples.shape[2] > 2 else 1
    white = 2**bits - 1
    page = Page(
        samples[:, :, :3] if colours == 3 else samples[:, :, 0], samples[:, :, colours:] if samples.shape[2] > colours else None,
        0 if samples.shape[2] > colours else None, limits=(0.0, float(white)), extras={"white": white, "depth": bits},
    )  # fmt: skip
    lost = [words for name, words in (("icc_profile", "profile"), ("exif", "EXIF"), ("xmp", "XMP")) if told.get(name)]
    notes = (f"AVIF of {bits} bits is written without {' and '.join(lost)} here",) if lost else ()
    return Picture("avif", (page,), blocks(told), notes)


def encode(stream: BinaryIO, picture: Picture) -> None:
    import numpy as np
    from PIL import Image

    page, extras = picture.pages[0], picture.extras
    samples = with_beside(page)
    if "depth" in page.extras:
        import imagecodecs

        limited = np.ascontiguousarray(np.minimum(samples, page.extras["white"]))
        stream.write(imagecodecs.avif_encode(limited, QUALITY, speed=6, bitspersample=page.extras["depth"], pixelformat="444"))
        return
    image = Image.fromarray(np.ascontiguousarray(with_colours(samples)))
    image.convert("RGBA" if image.mode == "RGBA" else "RGB").save(stream, "AVIF", quality=QUALITY, subsampling="4:4:4", **extras)
