"""PFM: grey or RGB floats of 32 bits, bottom row first; byte order and scale come back as they were."""

from __future__ import annotations

import re
from typing import Any, BinaryIO

from denoise_cli.formats.picture import Metadata, Page, Picture, PixelLimit

__all__ = ["adopt", "decode", "encode", "metadata"]

HEAD = re.compile(rb"P([Ff])\s+(\d{1,9})\s+(\d{1,9})\s+([-+]?[0-9.]{1,20}(?:[eE][-+]?\d{1,3})?)\s")


def decode(data: bytes, limit: PixelLimit) -> Picture:
    import numpy as np

    head = HEAD.match(data)
    if head is None:
        raise ValueError("its header is no header")
    width, height, channels = int(head[2]), int(head[3]), 3 if head[1] == b"F" else 1
    scale = float(head[4])
    if not width * height * scale:
        raise ValueError(f"{width} × {height} pixels of scale {scale:g}")
    limit.take(width, height, channels)
    count = width * height * channels
    if len(data) - head.end() < 4 * count:
        raise ValueError(f"holds less than its {count:,} values")
    samples = np.frombuffer(data, "<f4" if scale < 0 else ">f4", count, offset=head.end()).astype(np.float32)
    shape = (height, width, 3) if channels == 3 else (height, width)
    return Picture("pfm", (Page(samples.reshape(shape)[::-1].copy()),), {"scale": head[4]})


def encode(stream: BinaryIO, picture: Picture) -> None:
    import numpy as np

    colour, scale = picture.pages[0].colour, picture.extras.get("scale", b"-1.0")
    height, width = colour.shape[:2]
    stream.write(b"P%s\n%d %d\n%s\n" % (b"F" if colour.ndim == 3 else b"f", width, height, scale))
    stream.write(np.ascontiguousarray(colour[::-1]).astype("<f4" if float(scale) < 0 else ">f4").tobytes())


def metadata(picture: Picture) -> Metadata:  # noqa: ARG001 - one signature for all formats
    return Metadata()


def adopt(metadata: Metadata) -> dict[str, Any]:  # noqa: ARG001
    return {}
