"""TGA: 8 bit grey, RGB, and RGB with transparency; whether it is compressed, where its rows begin, and its id come back."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

from denoise_cli.formats.picture import Metadata, Page, Picture, PixelLimit, Refused, quantise, with_beside

__all__ = ["adopt", "decode", "encode", "metadata"]


def decode(data: bytes, limit: PixelLimit) -> Picture:
    import numpy as np
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # the limit here is our own, and says so in our words
    with Image.open(io.BytesIO(data), formats=["tga"]) as image:
        limit.take(*image.size)
        palette, mode = image.mode == "P", image.mode
        if mode not in ("1", "L", "LA", "P", "RGB", "RGBA"):
            raise Refused(f"unknown colour mode {mode}; convert it to PNG first (magick IN OUT.png)")
        extras: dict[str, Any] = {name: image.info[name] for name in ("compression", "orientation", "id_section") if name in image.info}
        if image.width * image.height == 0:
            raise ValueError("it has no pixels")
        image.load()
        samples = np.array(image.convert("RGB") if palette else image)
    notes = ("palette: comes back as RGB",) if palette else ()
    colours = {"LA": 1, "RGBA": 3}.get(mode)
    if colours is None:
        return Picture("tga", (Page(samples),), extras, notes)
    colour = samples[:, :, :colours] if colours == 3 else samples[:, :, 0]
    return Picture("tga", (Page(colour, samples[:, :, colours:], 0),), extras, notes)


def encode(stream: BinaryIO, picture: Picture) -> None:
    import numpy as np
    from PIL import Image

    samples = with_beside(picture.pages[0])
    if samples.dtype == bool:
        samples = quantise(samples, "uint8")
    image = Image.fromarray(np.ascontiguousarray(samples[:, :, 0] if samples.ndim == 3 and samples.shape[2] == 1 else samples))
    image.save(stream, "TGA", **picture.extras)


def metadata(picture: Picture) -> Metadata:  # noqa: ARG001 - one signature for all formats
    return Metadata()


def adopt(metadata: Metadata) -> dict[str, Any]:  # noqa: ARG001
    return {}
