"""HEIC and HEIF (libheif by pillow-heif, an extra): 8, 10 and 12 bits, with profile, EXIF and XMP."""

from __future__ import annotations

import io
from typing import BinaryIO

from denoise_cli.formats.picture import Page, Picture, PixelLimit, Refused, with_beside
from denoise_cli.formats.pillow_blocks import adopt, blocks, metadata, with_colours

__all__ = ["adopt", "decode", "encode", "metadata"]

#: Better than eyes can tell, and no subsampling.
GOOD = {"quality": 95, "chroma": 444}
MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def decode(data: bytes, limit: PixelLimit) -> Picture:
    import numpy as np
    import pillow_heif

    pillow_heif.options.DECODE_THREADS = 1
    file = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)
    limit.take(*file.size)
    image = file[file.primary_index]
    others = len(file) - 1
    bits = int(image.info.get("bit_depth") or 8)
    mode = image.mode.partition(";")[0]
    if mode not in ("L", "RGB", "RGBA") or bits not in (8, 10, 12):
        raise Refused(f"unknown colour mode {image.mode}; convert it to PNG first (heif-convert IN OUT.png)")
    samples = np.array(np.asarray(image))
    samples = samples.reshape(samples.shape[0], samples.shape[1], -1)
    extras = blocks(image.info)
    notes = (f"{others} more inside (preview, depth or gain map): left out",) if others > 0 else ()
    colour = samples[:, :, :3] if samples.shape[2] > 2 else samples[:, :, 0]
    beside, alpha = (samples[:, :, 3:], 0) if samples.shape[2] == 4 else (None, None)
    page = Page(colour, beside, alpha)
    if bits > 8:
        # pillow-heif has them in the upper bits of 16.
        white, shift = 2**bits - 1, np.uint16(16 - bits)
        page = Page(
            colour >> shift, None if beside is None else beside >> shift, alpha, limits=(0.0, float(white)),
            extras={"white": white, "depth": bits},
        )  # fmt: skip
    return Picture("heif", (page,), extras, notes)


def encode(stream: BinaryIO, picture: Picture) -> None:
    import numpy as np
    import pillow_heif

    page = picture.pages[0]
    samples = with_colours(with_beside(page))
    samples = samples[:, :, None] if samples.ndim == 2 else samples
    if depth := page.extras.get("depth"):
        samples = np.minimum(samples, page.extras["white"]) << np.uint16(16 - depth)
    mode = MODES[samples.shape[2]] + (";16" if samples.dtype == np.uint16 else "")
    pillow_heif.options.SAVE_HDR_TO_12_BIT = depth == 12
    size = (samples.shape[1], samples.shape[0])
    pillow_heif.encode(mode, size, np.ascontiguousarray(samples).tobytes(), stream, **GOOD, **picture.extras)
