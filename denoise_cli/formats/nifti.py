"""NIfTI-1 and NIfTI-2 in one file (.nii, .nii.gz): a result differs from its source in the bytes of the voxels only.

Read by hand, because nibabel, with which the tests compare, makes a header anew where it writes one.
"""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass
from typing import Any, BinaryIO

from denoise_cli.formats.axes import Axes, join, split
from denoise_cli.formats.picture import Metadata, Page, Picture, PixelLimit, Refused, check_exact
from denoise_cli.formats.rescaled import Rescale

__all__ = ["adopt", "decode", "encode", "metadata"]

#: What the codes of the header mean.
TYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8"}
#: Letters for the axes, slowest first; the file counts them from the fastest.
LETTERS = {2: "YX", 3: "ZYX", 4: "TZYX"}
#: Bytes of the longest header, and how long a file may be beyond its voxels.
HEADER, BEHIND = 1024, 2**24


@dataclass(frozen=True)
class NiftiHeader:
    """What of the header is needed. shape: slowest axis first.  spacing: of Z, Y and X."""

    shape: tuple[int, ...]
    dtype: str
    start: int
    slope: float
    intercept: float
    spacing: dict[str, float]

    @classmethod
    def of(cls, data: bytes) -> NiftiHeader:
        """From the first bytes of a file. Raises ValueError for what is no NIfTI, Refused for what is no volume of numbers."""
        for order in "<>":
            size = struct.unpack_from(order + "i", data)[0] if len(data) >= 4 else 0
            if size == 348 and data[344:348] == b"n+1\0":
                dims, code = struct.unpack_from(order + "8h", data, 40), struct.unpack_from(order + "h", data, 70)[0]
                distances = struct.unpack_from(order + "8f", data, 76)
                start, slope, intercept = struct.unpack_from(order + "3f", data, 108)
                break
            if size == 540 and data[4:8] == b"n+2\0":
                dims, code = struct.unpack_from(order + "8q", data, 16), struct.unpack_from(order + "h", data, 12)[0]
                distances = struct.unpack_from(order + "8d", data, 104)
                start, slope, intercept = struct.unpack_from(order + "q2d", data, 168)
                break
        else:
            raise ValueError("its header is none of NIfTI")
        if code not in TYPES:
            raise Refused(f"voxels of type {code}, which are no plain numbers (complex, RGB); convert them first")
        axes = dims[0]
        sizes = dims[1 : axes + 1]
        while len(sizes) > 2 and sizes[-1] == 1:
            sizes = sizes[:-1]
        if not 2 <= len(sizes) <= 4 or any(length < 1 for length in sizes):
            raise Refused(f"an array of {' × '.join(map(str, sizes)) or 'no axes'}; denoise takes volumes, and series of them")
        if not (math.isfinite(slope) and slope):
            slope, intercept = 1.0, 0.0  # "not scaled", as some programs write it
        if not math.isfinite(intercept):
            raise ValueError(f"its slope is {slope:g}, its intercept {intercept:g}")
        told = {letter: abs(float(distances[at])) for at, letter in enumerate("XYZ"[: min(3, len(sizes))], 1)}
        told = told if all(0 < distance < math.inf for distance in told.values()) else {}
        return cls(tuple(reversed(sizes)), order + TYPES[code], max(int(start), size + 4), slope, intercept, told)


def decode(data: bytes, limit: PixelLimit) -> Picture:
    import numpy as np

    data = _unpacked(data)
    header = NiftiHeader.of(data)
    shape, dtype = header.shape, np.dtype(header.dtype)
    limit.take(shape[-1], math.prod(shape[:-1]))
    if len(data) - header.start < dtype.itemsize * math.prod(shape):
        raise ValueError(f"holds less than its {' × '.join(map(str, reversed(shape)))} voxels")
    stored = np.frombuffer(data, dtype, math.prod(shape), header.start).reshape(shape)
    stored = stored.astype(stored.dtype.newbyteorder("="))
    letters = LETTERS[len(shape)]
    named = Axes(letters, shape)
    extras: dict[str, Any] = {"file": data, "header": header, "stored": stored, "axes": named}
    if header.spacing:
        extras["spacing"] = header.spacing
    values = stored
    if stored.dtype.kind in "iu" and (header.slope, header.intercept) != (1.0, 0.0):
        ends = np.iinfo(stored.dtype)
        extras["rescale"] = Rescale(header.slope, header.intercept, int(ends.min), int(ends.max))
        values = extras["rescale"].values(stored)
    elif (header.slope, header.intercept) != (1.0, 0.0):
        values = stored * header.slope + header.intercept
    check_exact(stored)
    return Picture("nifti", tuple(Page(page, axes=named.place(number)) for number, page in enumerate(split(values, letters))), extras)


def _unpacked(data: bytes) -> bytes:
    """The file without gzip, and no more of it than its header announces."""
    if data[:2] != b"\x1f\x8b":
        return data
    stream = zlib.decompressobj(31)
    head = stream.decompress(data, HEADER)
    try:
        header = NiftiHeader.of(head)
    except ValueError:
        raise Refused("packed by gzip, and no NIfTI within; unpack it first (gunzip)") from None
    size = header.start + int(header.dtype[2:]) * math.prod(header.shape)
    return head + stream.decompress(stream.unconsumed_tail, max(1, size + BEHIND - len(head)))


def encode(stream: BinaryIO, picture: Picture) -> None:
    import numpy as np

    extras = picture.extras
    header: NiftiHeader | None = extras.get("header")
    if header is None or len(picture.pages) != extras["axes"].count:
        raise Refused("a NIfTI is only made from another one, whose header it keeps")
    values, dtype = join([page.colour for page in picture.pages], extras["axes"]), np.dtype(header.dtype)
    if "rescale" in extras:
        stored = extras["rescale"].stored(values, dtype)
        if values.dtype.kind == "f":
            stored = np.where(np.isfinite(values), stored, extras["stored"])
    elif (header.slope, header.intercept) != (1.0, 0.0):
        stored = np.where(np.isfinite(values), (values - header.intercept) / header.slope, extras["stored"])
    else:
        stored = values
    pixels, file = stored.astype(dtype).tobytes(), extras["file"]
    stream.write(file[: header.start] + pixels + file[header.start + len(pixels) :])


def metadata(picture: Picture) -> Metadata:  # noqa: ARG001 - one signature for all formats
    return Metadata()


def adopt(metadata: Metadata) -> dict[str, Any]:  # noqa: ARG001
    return {}
