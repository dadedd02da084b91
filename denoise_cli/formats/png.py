"""PNG: every depth and colour type, by libpng (imagecodecs), as Pillow halves 16-bit colour. Other chunks come back, or are named."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from denoise_cli.formats.picture import Metadata, Page, Picture, PixelLimit, Refused, with_beside

if TYPE_CHECKING:
    from denoise_cli.formats.picture import Array

__all__ = ["adopt", "decode", "encode", "metadata"]

Chunk = tuple[bytes, bytes]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
KEPT = (
    b"cHRM", b"gAMA", b"iCCP", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"pHYs", b"oFFs", b"sCAL", b"sTER", b"eXIf", b"tEXt", b"zTXt", b"iTXt",
    b"tIME",
)  # fmt: skip
# These speak of the very samples: kept where the samples stay of a kind.
KEPT_WITH_SAMPLES = (b"sBIT", b"bKGD", b"pCAL")
# These only help to decode or to show the old samples: nobody misses them. tRNS has become a channel; iDOT is Apple's table of IDAT.
SPENT = (b"tRNS", b"hIST", b"sPLT", b"iDOT")
#: Bytes of all other chunks together that come back: libpng takes no more in one, and so most readers.
MOST_OF_OTHERS = 8_000_000
#: So many chunks that are left out are named.
MOST_NAMED = 5
LARGEST_PROFILE = 1 << 26
# What the standard writes for sRGB: gamma 1/2.2, white D65 and the primaries of ITU-R BT.709; and its code points.
SRGB = {
    b"gAMA": struct.pack(">I", 45455), b"cHRM": struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000),
    b"cICP": bytes([1, 13, 0, 1]),
}  # fmt: skip
INCHES_A_METRE = 1 / 0.0254


def decode(data: bytes, limit: PixelLimit) -> Picture:
    import imagecodecs
    import numpy as np

    damaged: list[str] = []
    chunks = list(_chunks(data, damaged))
    if not chunks or chunks[0][0] != b"IHDR" or len(chunks[0][1]) != 13:
        raise ValueError("it does not begin with a header")
    width, height, bits, kind = struct.unpack(">IIBB", chunks[0][1][:10])
    limit.take(width, height)
    names = {name for name, _ in chunks}
    if b"acTL" in names:
        raise Refused("an animation; take it apart first (ffmpeg -i IN frame%04d.png)")
    if b"IDAT" not in names:
        raise ValueError("it ends before its pixels")

    # Only what libpng needs: whatever is wrong with the rest is no reason to fail.
    needed = [chunk for chunk in chunks if chunk[0] in (b"IHDR", b"PLTE", b"tRNS", b"IDAT")]
    pixels = np.asarray(imagecodecs.png_decode(SIGNATURE + b"".join(map(_chunk, [*needed, (b"IEND", b"")]))))
    colours = 3 if kind in (RGB, PALETTE, RGB_ALPHA) else 1
    samples = pixels.reshape(height, width, -1)
    colour = samples[:, :, :3] if colours == 3 else samples[:, :, 0]
    beside, alpha = (samples[:, :, colours:], 0) if samples.shape[2] > colours else (None, None)

    notes = []
    if kind == PALETTE:
        notes.append(f"palette: comes back as RGB{'A' if alpha is not None else ''}")
    elif alpha is not None and kind in (GREY, RGB):
        notes.append("one colour stands for transparent: comes back with an alpha channel")
    if kind == GREY and bits < 8 and alpha is None:
        page = Page(colour > 127) if bits == 1 else Page(colour, bits=bits)
    else:
        page = Page(colour, beside, alpha)
    kept = KEPT if notes else KEPT + KEPT_WITH_SAMPLES
    before, behind, losses = _others(chunks, damaged)
    known = [chunk for chunk in chunks if chunk[0] in kept]
    return Picture("png", (page,), {"chunks": known + before, "behind": behind}, (*notes, *losses))


def _others(chunks: list[Chunk], damaged: list[str]) -> tuple[list[Chunk], list[Chunk], tuple[str, ...]]:
    """Chunks that no standard knows, before the pixels and behind them, where they have to stay; and notes on those that are left out.

    A small fourth letter says that a chunk may be copied where the pixels have changed.
    """
    before, behind = list[Chunk](), list[Chunk]()
    bound, too_large, room, place = list[str](), list[str](), MOST_OF_OTHERS, before
    for name, body in chunks:
        if name == b"IDAT":
            place = behind
        if not name[0] & 0x20 or name in KEPT + KEPT_WITH_SAMPLES + SPENT:
            continue
        if not name[3] & 0x20:
            bound.append(_word(name))
        elif len(body) > room:
            too_large.append(_word(name))
        else:
            room -= len(body)
            place.append((name, body))
    reasons = (("that is damaged", damaged), ("that belongs to the old pixels", bound), (f"beyond {MOST_OF_OTHERS / 1e6:g} MB", too_large))
    return before, behind, tuple(f"data {why} ({_listed(names)}): left out" for why, names in reasons if names)


def _word(name: bytes) -> str:
    return name.decode("ascii", "replace")


def _listed(names: list[str]) -> str:
    different = list(dict.fromkeys(names))
    return ", ".join(different[:MOST_NAMED]) + (" …" if len(different) > MOST_NAMED else "")


def encode(stream: BinaryIO, picture: Picture) -> None:
    import imagecodecs
    import numpy as np

    page = picture.pages[0]
    if page.colour.dtype == bool:
        data = _encode_few_bits(page.colour.astype(np.uint8), 1)
    elif page.bits < 8:
        data = _encode_few_bits(page.colour // np.uint8(255 // (2**page.bits - 1)), page.bits)
    else:
        data = bytes(imagecodecs.png_encode(np.ascontiguousarray(with_beside(page))))
    head, end = 8 + 12 + 13, len(data) - 12  # signature and IHDR; IEND
    before, behind = (b"".join(map(_chunk, picture.extras.get(name, ()))) for name in ("chunks", "behind"))
    stream.write(data[:head] + before + data[head:end] + behind + data[end:])


def _encode_few_bits(levels: Array, bits: int) -> bytes:
    """Grey of 1, 2 or 4 bits, which no library at hand writes. No filter, as the standard advises for such pictures."""
    import numpy as np

    height, width = levels.shape
    single = np.unpackbits(levels[:, :, None], axis=2)[:, :, 8 - bits :].reshape(height, width * bits)
    rows = np.packbits(single, axis=1)
    rows = np.hstack([np.zeros((height, 1), np.uint8), rows])
    header = struct.pack(">IIBBBBB", width, height, bits, GREY, 0, 0, 0)
    return SIGNATURE + b"".join(map(_chunk, [(b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b"")]))


def metadata(picture: Picture) -> Metadata:
    found: dict[str, Any] = {}
    for name, body in picture.extras.get("chunks", ()):
        if name == b"iCCP":
            found["icc"] = _inflate(body.partition(b"\0")[2][1:])
        elif name == b"eXIf":
            found["exif"] = body.removeprefix(b"Exif\0\0")
        elif name == b"pHYs" and len(body) == 9 and body[8] == 1:
            x, y = struct.unpack(">II", body[:8])
            found["dpi"] = (x / INCHES_A_METRE, y / INCHES_A_METRE)
        elif name in (b"tEXt", b"zTXt", b"iTXt"):
            keyword, _, rest = body.partition(b"\0")
            text = _text(name, rest)
            if keyword == b"XML:com.adobe.xmp":
                found["xmp"] = text
            elif keyword in (b"Description", b"Comment") and text:
                found["comment"] = text.decode("utf-8" if name == b"iTXt" else "latin-1", "replace")
    return Metadata(**found, colours=_colours(dict(picture.extras.get("chunks", ()))))


def _colours(chunks: dict[bytes, bytes]) -> tuple[str, ...]:
    """The chunks that describe other colours than sRGB. They rank: cICP, then a profile, then sRGB, then gAMA and cHRM."""
    told: list[bytes] = [name for name in (b"cICP", b"mDCV", b"cLLI") if name in chunks and chunks[name] != SRGB.get(name)]
    if not chunks.keys() & {b"cICP", b"iCCP", b"sRGB"}:
        told += [name for name in (b"gAMA", b"cHRM") if name in chunks and chunks[name] != SRGB[name]]
    return tuple(name.decode() for name in told)


def adopt(metadata: Metadata) -> dict[str, Any]:
    chunks: list[Chunk] = []
    if metadata.icc:
        chunks.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc, 9)))
    if metadata.dpi:
        chunks.append((b"pHYs", struct.pack(">IIB", *(min(round(dots * INCHES_A_METRE), 2**31 - 1) for dots in metadata.dpi), 1)))
    if metadata.exif:
        chunks.append((b"eXIf", metadata.exif))
    if metadata.xmp:
        chunks.append((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + metadata.xmp))
    if metadata.comment:
        chunks.append((b"iTXt", b"Comment\0\0\0\0\0" + metadata.comment.encode()))
    return {"chunks": chunks}


def _chunks(data: bytes, damaged: list[str]) -> Iterator[Chunk]:
    """Chunks up to IEND. One that is damaged is left out, and named in `damaged`, if a decoder may do without it; otherwise ValueError."""
    at = len(SIGNATURE)
    while at < len(data):
        if at + 12 > len(data):
            raise ValueError("it is cut short")
        length, name = struct.unpack(">I4s", data[at : at + 8])
        body, check = data[at + 8 : at + 8 + length], data[at + 8 + length : at + 12 + length]
        if len(check) < 4:
            raise ValueError("it is cut short")
        at += 12 + length
        if name == b"IEND":
            return
        if check == struct.pack(">I", zlib.crc32(name + body)):
            yield name, body
        elif not name[0] & 0x20 or name == b"tRNS":
            raise ValueError(f"the checksum of its part {_word(name)!r} is wrong")
        else:
            damaged.append(_word(name))


def _chunk(chunk: Chunk) -> bytes:
    name, body = chunk
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _text(name: bytes, rest: bytes) -> bytes | None:
    if name == b"tEXt":
        return rest
    if name == b"zTXt":
        return _inflate(rest[1:])
    text = rest[2:].partition(b"\0")[2].partition(b"\0")[2]  # behind two flags, language and translated keyword
    return _inflate(text) if rest[:1] == b"\1" else text


def _inflate(data: bytes) -> bytes | None:
    """None for what is damaged, or inflates beyond all measure."""
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(data, LARGEST_PROFILE)
    except zlib.error:
        return None
    return text if inflater.eof else None
