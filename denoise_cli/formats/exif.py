"""EXIF blocks and the directories (IFDs) that they share with TIFF: read, written elsewhere, turned upright. No pixels here."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

__all__ = ["EXIF_IFD", "GPS_IFD", "Entry", "Exif", "orientation", "pack", "read_ifd", "unpack", "upright", "write_ifd"]

ORIENTATION, EXIF_IFD, GPS_IFD, INTEROP_IFD = 274, 34665, 34853, 40965
# TIFF types → bytes a value. IFD offsets (13, 18) are left out: they mean nothing in another file.
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 16: 8, 17: 8}


@dataclass(frozen=True)
class Entry:
    """One tag; `value` in the byte order of its file."""

    code: int
    kind: int
    count: int
    value: bytes


@dataclass(frozen=True)
class Exif:
    order: Literal["<", ">"]
    main: tuple[Entry, ...]
    exif: tuple[Entry, ...] = ()
    gps: tuple[Entry, ...] = ()


def read_ifd(data: bytes, offset: int, order: str, *, big: bool = False) -> tuple[Entry, ...]:
    """The tags of the directory at `offset`; those that point outside `data` are left out. `big`: as BigTIFF has them."""
    counter, head, inline = ("Q", "HHQ", 8) if big else ("H", "HHI", 4)
    size = struct.calcsize(order + head) + inline
    entries = []
    try:
        (length,) = struct.unpack_from(order + counter, data, offset)
        start = offset + struct.calcsize(order + counter)
        for at in range(start, start + min(length, 4096) * size, size):
            code, kind, count = struct.unpack_from(order + head, data, at)
            bytes_ = SIZES.get(kind, 0) * count
            place = at + size - inline
            if bytes_ > inline:
                (place,) = struct.unpack_from(order + ("Q" if big else "I"), data, place)
            if bytes_ and place + bytes_ <= len(data):
                entries.append(Entry(code, kind, count, data[place : place + bytes_]))
    except struct.error:
        pass  # cut short: what came before is good
    return tuple(entries)


def write_ifd(entries: Iterable[Entry], offset: int, order: str, *, big: bool = False) -> bytes:
    """A directory that is going to lie at `offset`, with its values behind it."""
    counter, head, pointer, inline = ("Q", "HHQ", "Q", 8) if big else ("H", "HHI", "I", 4)
    listed = sorted(entries, key=lambda entry: entry.code)
    size = struct.calcsize(order + head) + inline
    behind = offset + struct.calcsize(order + counter) + size * len(listed) + inline
    table, values = [struct.pack(order + counter, len(listed))], b""
    for entry in listed:
        value = entry.value.ljust(inline, b"\0")
        if len(value) > inline:
            place = struct.pack(order + pointer, behind + len(values))
            values += value + b"\0" * (len(value) % 2)
        else:
            place = value
        table.append(struct.pack(order + head, entry.code, entry.kind, entry.count) + place)
    return b"".join(table) + b"\0" * inline + values


def unpack(block: bytes) -> Exif | None:
    """An EXIF block taken apart; None if it is none."""
    if block[:4] not in (b"II*\0", b"MM\0*") or len(block) < 8:
        return None
    order: Literal["<", ">"] = "<" if block[:1] == b"I" else ">"
    (first,) = struct.unpack_from(order + "I", block, 4)
    main = read_ifd(block, first, order)
    inner = {
        entry.code: tuple(tag for tag in read_ifd(block, struct.unpack(order + "I", entry.value)[0], order) if tag.code != INTEROP_IFD)
        for entry in main
        if entry.code in (EXIF_IFD, GPS_IFD) and (entry.kind, entry.count) == (4, 1)
    }
    return Exif(order, tuple(tag for tag in main if tag.code not in (EXIF_IFD, GPS_IFD)), inner.get(EXIF_IFD, ()), inner.get(GPS_IFD, ()))


def pack(exif: Exif) -> bytes:
    """The block again."""
    order, block = exif.order, b""
    main = list(exif.main)
    pointers = [(code, entries) for code, entries in ((EXIF_IFD, exif.exif), (GPS_IFD, exif.gps)) if entries]
    size = 8 + len(write_ifd([*main, *(Entry(code, 4, 1, bytes(4)) for code, _ in pointers)], 8, order))
    for code, entries in pointers:
        main.append(Entry(code, 4, 1, struct.pack(order + "I", size + len(block))))
        block += write_ifd(entries, size + len(block), order)
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(order + "I", 8) + write_ifd(main, 8, order) + block


def orientation(block: bytes | None) -> int:
    """1 to 8, how the pixels are to be turned for showing; 1 (not at all) if the block does not say."""
    found = _find_orientation(block) if block else None
    return found[1] if found and 1 <= found[1] <= 8 else 1


def upright(block: bytes) -> bytes:
    """The same block, saying that the pixels are upright, and without the small preview, which is not."""
    found = _find_orientation(block)
    if found is None:
        return block
    order, (at, _), changed = "<" if block[:1] == b"I" else ">", found, bytearray(block)
    struct.pack_into(order + "H", changed, at, 1)
    (first,) = struct.unpack_from(order + "I", block, 4)
    (length,) = struct.unpack_from(order + "H", block, first)
    changed[first + 2 + 12 * length : first + 6 + 12 * length] = bytes(4)
    return bytes(changed)


def _find_orientation(block: bytes) -> tuple[int, int] | None:
    """Where the value lies, and what it is."""
    order = "<" if block[:1] == b"I" else ">"
    try:
        (first,) = struct.unpack_from(order + "I", block, 4)
        (length,) = struct.unpack_from(order + "H", block, first)
        for at in range(first + 2, first + 2 + 12 * length, 12):
            code, kind, count, value = struct.unpack_from(order + "HHIH", block, at)
            if (code, kind, count) == (ORIENTATION, 3, 1):
                return at + 8, value
    except struct.error:
        pass
    return None
