"""Chunks of a PNG that no standard knows: those that may be copied come back, in their place, and a line names all others."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from denoise_cli.formats import png
from denoise_cli.formats.files import encode_picture, read_picture

FAST = ("--lambda", "0.1", "--iterations", "3")
CANVAS = (b"vpAg", struct.pack(">IIB", 40, 30, 0))


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_with(before: list[tuple[bytes, bytes]], behind: Sequence[tuple[bytes, bytes]] = ()) -> bytes:
    data = bytes(imagecodecs.png_encode(np.random.default_rng(3).integers(0, 256, (16, 12), dtype=np.uint8)))
    head, end = 33, len(data) - 12
    return data[:head] + b"".join(chunk(*each) for each in before) + data[head:end] + b"".join(chunk(*each) for each in behind) + data[end:]


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 8
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size
    return found


def test_chunks_that_may_be_copied_come_back_on_their_side_of_the_pixels(denoise, tmp_path):
    path = tmp_path / "in.png"
    path.write_bytes(png_with([CANVAS, (b"caNv", b"a canvas")], [(b"niCe", b""), (b"niCe", b"twice")]))
    outcome = denoise(path, "-o", tmp_path / "out.png", *FAST)
    assert outcome.code == 0
    assert "left out" not in outcome.err
    found = chunks((tmp_path / "out.png").read_bytes())
    names = [name for name, _ in found]
    assert [each for each in found if each[0] in (b"vpAg", b"caNv", b"niCe")] == [
        CANVAS, (b"caNv", b"a canvas"), (b"niCe", b""), (b"niCe", b"twice"),
    ]  # fmt: skip
    assert names.index(b"caNv") < names.index(b"IDAT") < names.index(b"niCe") < names.index(b"IEND")


def test_chunks_that_belong_to_the_old_pixels_are_left_out_and_named(denoise, tmp_path):
    path = tmp_path / "in.png"
    path.write_bytes(png_with([(b"prVW", b"a preview"), (b"caBX", b"a seal"), (b"prVW", b"one more"), CANVAS]))
    outcome = denoise(path, "-o", tmp_path / "out.png", *FAST)
    assert f"{path}: data that belongs to the old pixels (prVW, caBX): left out" in outcome.err.splitlines()
    names = {name for name, _ in chunks((tmp_path / "out.png").read_bytes())}
    assert b"vpAg" in names
    assert not names & {b"prVW", b"caBX"}


@pytest.mark.parametrize("name", [b"iDOT", b"hIST", b"sPLT", b"tRNS"])
def test_nothing_is_said_of_what_only_helped_to_show_the_old_samples(name):
    body = b"\0\0" if name == b"tRNS" else b"four"
    assert [note for note in read_picture(Path("it"), png_with([(name, body)])).notes if "left out" in note] == []


@pytest.mark.parametrize("name", [b"pCAL", b"sTER"])
def test_what_the_numbers_mean_and_which_eye_sees_them_come_back(name):
    picture = read_picture(Path("it"), png_with([(name, b"told")]))
    assert (name, b"told") in chunks(encode_picture(picture, "png", Path("it"))[0])


def test_more_than_a_reader_takes_is_left_out_and_named(monkeypatch):
    monkeypatch.setattr(png, "MOST_OF_OTHERS", 1_500_000)
    picture = read_picture(Path("it"), png_with([(b"biGg", bytes(1_000_000)), (b"moRe", bytes(600_000)), CANVAS]))
    assert picture.notes == ("data beyond 1.5 MB (moRe): left out",)
    assert [name for name, _ in picture.extras["chunks"]] == [b"biGg", b"vpAg"]


def test_only_a_few_are_named():
    picture = read_picture(Path("it"), png_with([(b"ab%cC" % letter, b"") for letter in b"ABCDEFG"]))
    assert picture.notes == ("data that belongs to the old pixels (abAC, abBC, abCC, abDC, abEC …): left out",)


def test_a_damaged_chunk_is_named():
    data = png_with([CANVAS, (b"tEXt", b"Author\0A. Uthor")]).replace(b"A. Uthor", b"A. Other")
    assert read_picture(Path("it"), data).notes == ("data that is damaged (tEXt): left out",)
