"""The boxes that JPEG 2000, JPEG XL and HEIF files are made of: a length, a name of four letters, and a body."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["box", "boxes"]

#: A box holds at most this many others here: a damaged file must not be walked for minutes.
MOST = 10_000


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(name, body) of each box, until the end or the first that is damaged."""
    at = 0
    for _ in range(MOST):
        size, name, head = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        elif size == 0:
            size = len(data) - at
        if size < head or len(name) < 4 or at + size > len(data):
            return
        yield name, data[at + head : at + size]
        at += size


def box(name: bytes, body: bytes) -> bytes:
    """The box as it is written."""
    return (len(body) + 8).to_bytes(4, "big") + name + body
