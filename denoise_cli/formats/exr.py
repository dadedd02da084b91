"""OpenEXR (an extra): half and single floats, RGB, grey or any channels of one part; all attributes and the compression come back."""

from __future__ import annotations

import contextlib
import io
import os
import re
import struct
import sys
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from denoise_cli.formats.picture import Metadata, Page, Picture, PixelLimit, Refused

if TYPE_CHECKING:
    from denoise_cli.formats.picture import Array

__all__ = ["adopt", "decode", "encode", "metadata"]

#: Attributes that the writer makes itself, from the pixels.
OWN = ("channels", "type", "version", "chunkCount")
#: Channels that make the colours, in their order; every other channel is carried beside them.
COLOURS = (("R", "G", "B"), ("Y",), ("Z",))


def decode(data: bytes, limit: PixelLimit) -> Picture:
    import numpy as np
    import OpenEXR

    width, height = _size(data)
    limit.take(width, height)
    with _listening() as heard, OpenEXR.File(io.BytesIO(data), separate_channels=True) as file:
        if len(file.parts) != 1:
            raise Refused(f"{len(file.parts)} parts; take one out first (exrmultipart -separate -i IN -o OUT)")
        part = file.parts[0]
        header = {name: value for name, value in part.header.items() if name not in OWN}
        channels = {name: np.array(channel.pixels) for name, channel in part.channels.items()}
    if trouble := re.search(rb"[Ww]arning: (Exception[^\n]*)", heard[0]):
        raise ValueError(trouble[1].decode("utf-8", "replace"))
    if not channels or any(pixels.shape != (height, width) for pixels in channels.values()):
        raise Refused("channels of different sizes; write it without subsampling first (exrconvert, or a compositor)")
    main = next((names for names in COLOURS if all(name in channels for name in names)), (next(iter(channels)),))
    kinds = {channels[name].dtype for name in main}
    if len(kinds) != 1 or next(iter(kinds)).kind != "f":
        raise Refused(f"channels {', '.join(main)} of types {', '.join(sorted(map(str, kinds)))}; write them as half or float first")
    colour = channels[main[0]] if len(main) == 1 else np.stack([channels[name] for name in main], axis=2)
    others = {name: pixels for name, pixels in channels.items() if name not in main}
    alpha = others.get("A")
    page = Page(colour, None if alpha is None or alpha.dtype != colour.dtype else alpha[:, :, None], None if alpha is None else 0)
    if page.beside is None:
        page = Page(colour)
    return Picture("exr", (page,), {"header": header, "names": main, "others": others})


@contextlib.contextmanager
def _listening() -> Iterator[list[bytes]]:
    """What the library prints meanwhile: it goes on after damage, leaves pixels black, and says so on standard output and error only."""
    heard = [b""]
    with tempfile.TemporaryFile() as ear:
        own = {}
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()
        for number in (1, 2):
            with contextlib.suppress(OSError):
                own[number] = os.dup(number)
                os.dup2(ear.fileno(), number)
        said = io.StringIO()
        try:
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                yield heard
        finally:
            for number, kept in own.items():
                os.dup2(kept, number)
                os.close(kept)
            ear.seek(0)
            heard[0] = said.getvalue().encode() + ear.read(1 << 16)


def _size(data: bytes) -> tuple[int, int]:
    """Width and height, from the attribute `dataWindow`, before anything is decoded."""
    at = data.find(b"dataWindow\0box2i\0", 0, 1 << 20)
    try:
        left, top, right, bottom = struct.unpack_from("<4i", data, at + 21)
    except struct.error as error:
        raise ValueError("its header is cut short") from error
    width, height = right - left + 1, bottom - top + 1
    if at < 0 or width <= 0 or height <= 0:
        raise ValueError("it has no pixels")
    return width, height


def encode(stream: BinaryIO, picture: Picture) -> None:
    import numpy as np
    import OpenEXR

    page, extras = picture.pages[0], picture.extras
    names = extras.get("names") or (("R", "G", "B") if page.colour.ndim == 3 else ("Y",))
    planes = page.colour if page.colour.ndim == 3 else page.colour[:, :, None]
    channels: dict[str, Array] = {name: np.ascontiguousarray(planes[:, :, at]) for at, name in enumerate(names)}
    channels |= extras.get("others", {})
    if "others" not in extras and page.beside is not None and page.alpha is not None:
        channels["A"] = np.ascontiguousarray(page.beside[:, :, page.alpha])
    header = extras.get("header") or {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    buffer = io.BytesIO()
    with OpenEXR.File(dict(header), channels) as file:
        file.write(buffer)
    stream.write(buffer.getbuffer())


def metadata(picture: Picture) -> Metadata:  # noqa: ARG001 - one signature for all formats
    return Metadata()


def adopt(metadata: Metadata) -> dict[str, Any]:  # noqa: ARG001
    return {}
