"""NumPy's own files: any (height, width) or (height, width, channels); floats in, floats out, never clipped."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

from denoise_cli.formats.picture import Metadata, Page, Picture, PixelLimit, Refused, with_beside

__all__ = ["adopt", "decode", "encode", "metadata"]


def decode(data: bytes, limit: PixelLimit) -> Picture:
    import numpy as np
    from numpy.lib import format as npy

    stream = io.BytesIO(data)
    version = npy.read_magic(stream)
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read_header(stream)
    if len(shape) not in (2, 3) or 0 in shape or dtype.kind not in "fbu" or dtype.itemsize > (8 if dtype.kind == "f" else 4):
        raise Refused(
            f"an array of shape {shape} and type {dtype} is no picture; "
            "save (height, width) or (height, width, channels) as float32, float64, uint8, uint16, uint32 or bool"
        )
    limit.take(shape[1], shape[0], shape[2] if len(shape) == 3 else 1)
    if len(data) - stream.tell() < dtype.itemsize * int(np.prod(shape, dtype=object)):
        raise ValueError(f"holds less than its {' × '.join(map(str, shape))} values")
    pixels = np.load(io.BytesIO(data), allow_pickle=False)
    return Picture("npy", (Page(pixels.astype(pixels.dtype.newbyteorder("="), copy=False)),))


def encode(stream: BinaryIO, picture: Picture) -> None:
    import numpy as np

    np.save(stream, with_beside(picture.pages[0]))


def metadata(picture: Picture) -> Metadata:  # noqa: ARG001 - one signature for all formats
    return Metadata()


def adopt(metadata: Metadata) -> dict[str, Any]:  # noqa: ARG001
    return {}
