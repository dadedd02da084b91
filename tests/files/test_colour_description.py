"""What says how the samples are to be shown, beside a profile: kept within a format, and said where another cannot hold it."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile

FAST = ("--lambda", "0.1", "--iterations", "3")
LINEAR, SRGB_GAMMA = struct.pack(">I", 100000), struct.pack(">I", 45455)
BT709 = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
PQ, SRGB_POINTS = bytes([9, 16, 0, 1]), bytes([1, 13, 0, 1])


def png(path: Path, *chunks: tuple[bytes, bytes]) -> Path:
    pixels = np.random.default_rng(28).integers(18000, 22000, (16, 12, 3), dtype=np.uint16)
    data = imagecodecs.png_encode(pixels)
    between = b"".join(struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks)
    path.write_bytes(data[:33] + between + data[33:])
    return path


@pytest.mark.parametrize("target", ["out.tif", "out.jpg", "out.webp", "out.bmp", "out.npy"])
@pytest.mark.parametrize(
    ("chunks", "named"), [([(b"gAMA", LINEAR), (b"cHRM", BT709)], "gAMA"), ([(b"cICP", PQ)], "cICP")], ids=["linear", "PQ"]
)
def test_colours_other_than_srgb_that_a_format_cannot_hold_are_said(denoise, tmp_path, chunks, named, target):
    outcome = denoise(png(tmp_path / "a.png", *chunks), "-o", tmp_path / target, *FAST)
    assert outcome.code == 0, outcome.err
    assert f"holds no {named} of a PNG" in outcome.err


@pytest.mark.parametrize(
    "chunks",
    [[], [(b"sRGB", b"\0"), (b"gAMA", LINEAR)], [(b"gAMA", SRGB_GAMMA), (b"cHRM", BT709)], [(b"cICP", SRGB_POINTS)]],
    ids=["nothing", "sRGB outranks", "the numbers of sRGB", "the code points of sRGB"],
)
def test_nothing_is_said_of_srgb(denoise, tmp_path, chunks):
    assert "look different" not in denoise(png(tmp_path / "a.png", *chunks), "-o", tmp_path / "out.tif", *FAST).err


def test_a_png_keeps_its_own(denoise, tmp_path):
    outcome = denoise(png(tmp_path / "a.png", (b"gAMA", LINEAR), (b"cICP", PQ)), "-o", tmp_path / "out.png", *FAST)
    assert "look different" not in outcome.err
    data = (tmp_path / "out.png").read_bytes()
    assert b"gAMA" + LINEAR in data
    assert b"cICP" + PQ in data


def test_primaries_of_a_tiff_are_said(denoise, tmp_path):
    pixels = np.random.default_rng(28).integers(80, 160, (16, 12, 3), dtype=np.uint8)
    tags = [(318, "2I", 2, (3127, 10000, 3290, 10000), False)]
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", extratags=tags)
    assert "holds no WhitePoint of a TIFF" in denoise(tmp_path / "a.tif", "-o", tmp_path / "out.png", *FAST).err
