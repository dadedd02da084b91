"""PGM, PPM and PBM, plain and raw: any maxval up to 65535 comes back as it is, and values are not stretched to it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, BinaryIO

from denoise_cli.formats.picture import Metadata, Page, Picture, PixelLimit, Refused

if TYPE_CHECKING:
    from denoise_cli.formats.picture import Array

__all__ = ["adopt", "decode", "encode", "metadata"]

#: White space or a comment, which runs to the end of its line.
GAP = rb"(?:[ \t\r\n\v\f]|#[^\r\n]*[\r\n])"
#: The numbers of a plain file are in lines of at most this many characters, as the standard asks for.
LINE = 70


def decode(data: bytes, limit: PixelLimit) -> Picture:
    import numpy as np

    kind = data[1] - ord("0")
    bitmap = kind in (1, 4)
    head = re.match(
        rb"P[1-6]" + GAP + rb"+(\d{1,9})" + GAP + rb"+(\d{1,9})" + (b"" if bitmap else GAP + rb"+(\d{1,9})") + rb"(?:#[^\r\n]*)?", data
    )
    if head is None:
        raise ValueError("its header is no header")
    width, height = int(head[1]), int(head[2])
    white = 1 if bitmap else int(head[3])
    channels = 3 if kind in (3, 6) else 1
    if not (width and height and 1 <= white <= 65535):
        raise ValueError(f"{width} × {height} pixels up to {white}")
    limit.take(width, height, channels)
    count, body = width * height * channels, data[head.end() :]
    if kind in (1, 2, 3):
        samples = _plain(body, count, bitmap=bitmap)
    elif bitmap:
        rows = np.frombuffer(body[1 : 1 + height * ((width + 7) // 8)], np.uint8).reshape(height, -1)
        samples = np.unpackbits(rows, axis=1)[:, :width].reshape(-1)
    else:
        samples = np.frombuffer(body, "u1" if white < 256 else ">u2", count, offset=1)
    if samples.size < count:
        raise ValueError(f"holds {samples.size:,} of {count:,} values")
    if not bitmap and int(samples.max()) > white:
        raise Refused(f"holds the value {int(samples.max()):,}, but says that {white:,} is the largest; mend its header, or get it again")
    shape = (height, width, 3) if channels == 3 else (height, width)
    colour = (samples.reshape(shape) == 0) if bitmap else samples.reshape(shape).astype(np.uint8 if white < 256 else np.uint16)
    other_white = None if bitmap or white in (255, 65535) else white
    page = Page(
        colour,
        limits=None if other_white is None else (0.0, float(other_white)),
        extras={} if other_white is None else {"white": other_white},
    )
    comments = re.findall(rb"#([^\r\n]*)[\r\n]", data[: head.end()])
    return Picture("pnm", (page,), {"plain": kind < 4, "comments": comments})


def _plain(body: bytes, count: int, *, bitmap: bool) -> Array:
    """Numbers as text; the bits of a bitmap need no space between them."""
    import numpy as np

    text = re.sub(rb"#[^\r\n]*", b" ", body)
    if bitmap:
        digits = np.frombuffer(re.sub(rb"[^01]", b"", text), np.uint8)[:count]
        return digits - np.uint8(ord("0"))
    words = text.split(None, count)[:count]
    if not all(word.isdigit() and len(word) < 6 for word in words):
        raise ValueError("what should be numbers is none")
    return np.array([int(word) for word in words], np.int64).astype(np.uint32) if words else np.zeros(0, np.uint32)


def encode(stream: BinaryIO, picture: Picture) -> None:
    import numpy as np

    page, plain = picture.pages[0], bool(picture.extras.get("plain"))
    colour = page.colour[:, :, 0] if page.colour.ndim == 3 and page.colour.shape[2] == 1 else page.colour
    bitmap = colour.dtype == bool
    white = page.extras.get("white") or (1 if bitmap else np.iinfo(colour.dtype).max)
    kind = (1 if bitmap else 3 if colour.ndim == 3 else 2) + (0 if plain else 3)
    height, width = colour.shape[:2]
    comments = b"".join(b"#" + comment + b"\n" for comment in picture.extras.get("comments", ()))
    stream.write(b"P%d\n%s%d %d\n" % (kind, comments, width, height) + (b"" if bitmap else b"%d\n" % white))
    samples = (~colour).astype(np.uint8) if bitmap else np.minimum(colour, white)
    if plain:
        stream.write(_lines(samples))
    elif bitmap:
        stream.write(np.packbits(samples, axis=1).tobytes())
    else:
        stream.write(samples.astype("u1" if white < 256 else ">u2").tobytes())


def _lines(samples: Array) -> bytes:
    lines, line = [], ""
    for word in map(str, samples.reshape(-1).tolist()):
        if len(line) + 1 + len(word) > LINE:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return "\n".join([*lines, line, ""]).encode()


def metadata(picture: Picture) -> Metadata:
    comments = picture.extras.get("comments", ())
    return Metadata(comment=b"\n".join(comments).decode("utf-8", "replace").strip() or None)


def adopt(metadata: Metadata) -> dict[str, Any]:
    lines = (metadata.comment or "").splitlines()
    return {"comments": [b" " + line.encode() for line in lines]}
