"""NumPy's own files: (height, width), (height, width, channels), or any array whose axes are named; each comes back in its type."""

from __future__ import annotations

import io
import math
from typing import Any, BinaryIO

from denoise_cli.formats.axes import Axes, check_letters, join, split
from denoise_cli.formats.picture import Metadata, Page, Picture, PixelLimit, Refused, check_exact, with_beside
from denoise_cli.plural import counted

__all__ = ["adopt", "decode", "encode", "letters_of", "metadata"]

#: A last axis up to this length is taken for channels; a longer one is asked about, because it may be a row of pixels.
MOST_CHANNELS = 4
#: A first axis of this length may be that of colours, stored plane by plane (with transparency, or CMYK), although a volume is spoken of.
COLOURS = (3, 4)


def decode(data: bytes, limit: PixelLimit, axes: str | None = None, slices: str = "") -> Picture:
    import numpy as np
    from numpy.lib import format as npy

    stream = io.BytesIO(data)
    version = npy.read_magic(stream)
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read_header(stream)
    words = f"an array of shape {shape} and type {dtype}"
    if dtype.kind not in "fbiu" or dtype.itemsize > 8:
        raise Refused(f"{words} is no picture; save it as bool, integers of 8 to 64 bits, or floats of 16 to 64 bits")
    if len(shape) < 2 or 0 in shape:
        raise Refused(f"{words} is no picture; save (height, width) or (height, width, channels)")
    letters = letters_of(shape, axes, slices)
    named = Axes(letters, shape)
    samples = math.prod(size for letter, size in zip(letters, shape, strict=True) if letter not in "YX")
    limit.take(shape[letters.index("X")], shape[letters.index("Y")], samples)
    if len(data) - stream.tell() < dtype.itemsize * math.prod(shape):
        raise ValueError(f"holds less than its {' × '.join(map(str, shape))} values")
    pixels = np.load(io.BytesIO(data), allow_pickle=False)
    check_exact(pixels)
    pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    pages = tuple(Page(page, axes=named.place(number)) for number, page in enumerate(split(pixels, letters)))
    notes = (f"its axes are not named: --volume takes them as {letters}, and --axes says otherwise",) if axes is None and slices else ()
    return Picture("npy", pages, {} if letters in ("YX", "YXC") else {"axes": named}, notes)


def letters_of(shape: tuple[int, ...], axes: str | None, slices: str = "") -> str:
    """The letter of each axis: as told, or as the shape leaves no doubt. Raises Refused, with what is to be typed.

    slices : as for `read_picture`. Where it says that a volume is meant, three long axes leave no doubt either.
    """
    words = f"an array of shape ({', '.join(map(str, shape))})"
    if axes is not None:
        check_letters(axes)
        if len(axes) != len(shape):
            raise Refused(f"--axes {axes} names {len(axes)} axes, but the file holds {words}; name {len(shape)}")
        return axes
    if len(shape) == 2:
        return "YX"
    if slices:
        return _letters_of_volume(shape, slices, words)
    if len(shape) == 3 and shape[2] <= MOST_CHANNELS:
        return "YXC"
    if len(shape) == 3:
        pages, rows, columns = shape
        raise Refused(
            f"{words} may be {pages:,} pages of {columns} × {rows} pixels, or one picture of {rows} × {pages} pixels "
            f"with {columns} channels; say which with --axes ZYX (or TYX, CYX), or --axes YXC"
        )
    raise Refused(f"{words} does not say what its axes are; name them with --axes, such as {'TZCYX'[-len(shape) :]}")


def _letters_of_volume(shape: tuple[int, ...], slices: str, words: str) -> str:
    if len(shape) > 3:
        example = "TZYXC"[-len(shape) :] if shape[-1] <= MOST_CHANNELS else "TZYX" if len(shape) == 4 else "TCZYX"
        raise Refused(f"{words} does not say what its axes are; name them beside --volume, such as --axes {example}")
    count, rows, columns = shape
    named, pages = f"{slices}YX", counted(count, "frame" if slices == "T" else "slice")
    if columns <= MOST_CHANNELS:
        raise Refused(
            f"{words} may be a picture of {rows} × {count} pixels with {counted(columns, 'channel')}, and no volume: leave --volume out; "
            f"or {pages} of {columns} × {rows} pixels: add --axes {named}"
        )
    if count in COLOURS:
        raise Refused(
            f"{words} may be {counted(count, 'channel')} of {columns} × {rows} pixels: say --axes CYX instead of --volume; "
            f"or {pages} of a volume: add --axes {named}"
        )
    return named


def encode(stream: BinaryIO, picture: Picture) -> None:
    import numpy as np

    pages = [with_beside(page) for page in picture.pages]
    named: Axes | None = picture.extras.get("axes")
    if named is not None and len(pages) == named.count:
        np.save(stream, join(pages, named))
    else:
        np.save(stream, pages[0] if len(pages) == 1 else np.stack(pages))


def metadata(picture: Picture) -> Metadata:  # noqa: ARG001 - one signature for all formats
    return Metadata()


def adopt(metadata: Metadata) -> dict[str, Any]:  # noqa: ARG001
    return {}
