"""Whatever bytes a file holds, reading it ends in a picture, or in one line that names the file. Never in a warning, a hang, or a wreck."""

from __future__ import annotations

import io
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from denoise_cli.errors import DenoiseError
from denoise_cli.formats.files import MAX_PIXELS, encode_picture, read_picture

MUTATIONS = 1000
SECONDS = 5.0


def examples(example_named) -> dict[str, bytes]:
    names = [
        "png 1 bit", "png grey", "png rgb", "png rgba 16", "png palette of 4 bits, transparent", "png rgb colour key", "jpeg 4:2:0",
        "jpeg 4:4:4 progressive", "jpeg cmyk", "webp lossless", "webp lossless rgba", "webp lossy", "bmp 1 bit", "bmp grey", "bmp rgb",
        "bmp palette", "tiff 1 bit", "tiff grey", "tiff grey 16 big-endian", "tiff floats", "tiff rgb 16 lzw, predictor", "tiff rgba",
        "tiff rgba planar", "tiff tiled, deflate", "tiff big", "tiff of unequal pages", "tiff stack of imagej", "tiff stack of ome",
        "tiff stack that lists one page", "tiff palette", "tiff group 4 of pillow", "tiff with exif of pillow", "npy", "npy 16",
    ]  # fmt: skip
    return {name: example_named(name).data for name in names}


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """Bytes changed, cut out, doubled, cut off, or set to the values that sizes should not have."""
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        # Headers decide more than pixels do.
        reach = len(changed) if rng.random() < 0.5 else min(len(changed), 200)
        at = int(rng.integers(0, max(reach, 1)))
        match int(rng.integers(0, 7)):
            case 0 | 1:
                changed[at : at + 1] = rng.bytes(1)
            case 2:
                changed[at : at + 1] = bytes([changed[at] ^ (1 << int(rng.integers(0, 8)))]) if at < len(changed) else b""
            case 3:
                changed[at : at + 4] = [b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f"][int(rng.integers(0, 4))]
            case 4:
                del changed[at : at + int(rng.integers(1, 40))]
            case 5:
                changed[at:at] = changed[at : at + int(rng.integers(1, 40))]
            case 6:
                del changed[at:]
    return bytes(changed)


def repair_checksums(data: bytes) -> bytes:
    """A PNG whose damage no checksum gives away."""
    fixed, at = data[:8], 8
    while at + 12 <= len(data):
        size = struct.unpack(">I", data[at : at + 4])[0]
        body = data[at + 4 : at + 8 + size]
        fixed += struct.pack(">I", size) + body + struct.pack(">I", zlib.crc32(body))
        at += 12 + size
    return fixed


def test_a_thousand_damaged_files_end_in_a_picture_or_in_one_line(example_named, capfd, caplog):
    good, rng, read = examples(example_named), np.random.default_rng(2026), 0
    names = list(good)
    for number in range(MUTATIONS):
        name = names[number % len(names)]
        data = mutate(good[name], rng)
        if name.startswith("png") and rng.random() < 0.7:
            data = repair_checksums(data)
        start = time.perf_counter()
        refusal = None
        try:
            picture = read_picture(Path("it.png"), data, max_pixels=1 << 22)
            for frame in picture.frames:
                assert frame.size > 0
                assert frame.ndim in (2, 3)
            with np.errstate(all="ignore"):
                images = [np.nan_to_num(frame.astype(np.float64)) for frame in picture.frames]
                again, losses = encode_picture(picture.successor(images), picture.format, Path("out.png"))
            assert losses == []
            assert [frame.shape for frame in read_picture(Path("out.png"), again).frames] == [frame.shape for frame in picture.frames]
            read += 1
        except DenoiseError as error:
            refusal = str(error)
        assert refusal is None or (refusal.startswith("it.png: ") and "\n" not in refusal and len(refusal) < 400), (name, number, refusal)
        assert time.perf_counter() - start < SECONDS, (name, number)
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []
    assert read > 100


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_file_that_is_cut_short_is_refused_or_whole(example, share):
    data = example.data[: int(len(example.data) * share)]
    try:
        picture = read_picture(Path("cut"), data)
    except DenoiseError:
        return
    # What is missing was no pixel.
    whole = read_picture(Path("whole"), example.data)
    if len(picture.frames) == len(whole.frames):
        for frame, other in zip(picture.frames, whole.frames, strict=True):
            np.testing.assert_array_equal(frame, other)


def test_a_damaged_chunk_beside_the_pixels_of_a_png_is_left_out(example_named):
    data = example_named("png grey").data
    damaged = data.replace(b"A. Uthor", b"A. Other")
    picture = read_picture(Path("in"), damaged)
    assert b"tEXt" not in [name for name, _ in picture.extras["chunks"]]
    np.testing.assert_array_equal(picture.frames[0], read_picture(Path("in"), data).frames[0])


def claimed(width: int, height: int, kind: str, encoders) -> bytes:
    """A file of a few bytes that claims to hold very many pixels."""
    if kind == "npy":
        header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({height}, {width}), }}".ljust(117) + "\n"
        return b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + header.encode()
    if kind == "png":
        data = encoders.pil(np.zeros((4, 4), np.uint8), "PNG")
        return repair_checksums(data[:16] + struct.pack(">II", width, height) + data[24:])
    if kind == "bmp":
        data = encoders.pil(np.zeros((4, 4), np.uint8), "BMP")
        return data[:18] + struct.pack("<ii", width, height) + data[26:]
    data = encoders.tiff(np.zeros((4, 4), np.uint8))
    for code, value in ((256, width), (257, height)):
        at = data.index(struct.pack("<HHI", code, 4, 1)) + 8
        data = data[:at] + struct.pack("<I", value) + data[at + 4 :]
    return data


@pytest.mark.parametrize("kind", ["png", "bmp", "tiff", "npy"])
def test_a_decompression_bomb_is_refused_before_it_goes_off(encoders, kind):
    start = time.perf_counter()
    with pytest.raises(DenoiseError, match=r"60000 × 70000 pixels are more than the limit of 268,435,456.*--max-pixels"):
        read_picture(Path("bomb"), claimed(60_000, 70_000, kind, encoders))
    assert time.perf_counter() - start < 1


def test_the_limit_counts_the_pixels_of_all_pages(example_named):
    example = example_named("tiff of three equal pages")
    pixels = sum(frame.size for frame in read_picture(Path("it"), example.data).frames)
    read_picture(Path("it"), example.data, max_pixels=pixels)
    with pytest.raises(DenoiseError, match="--max-pixels"):
        read_picture(Path("it"), example.data, max_pixels=pixels - 1)


def test_every_format_obeys_the_limit(example):
    with pytest.raises(DenoiseError, match=r"more than the limit of 100; .*--max-pixels"):
        read_picture(Path("it"), example.data, max_pixels=100)


def test_the_limit_holds_a_large_camera():
    assert MAX_PIXELS > 150_000_000


@pytest.mark.parametrize("kind", ["png", "webp"])
def test_an_animation_is_refused(kind):
    stream = io.BytesIO()
    first, second = (Image.fromarray(np.full((9, 9, 3), value, np.uint8)) for value in (0, 200))
    first.save(stream, kind, save_all=True, append_images=[second], lossless=True)
    with pytest.raises(DenoiseError, match="animation; take it apart"):
        read_picture(Path("it"), stream.getvalue())


def test_more_pictures_inside_a_jpeg_are_left_out_and_said():
    stream = io.BytesIO()
    first, second = (Image.fromarray(np.full((9, 9, 3), value, np.uint8)) for value in (0, 200))
    first.save(stream, "MPO", save_all=True, append_images=[second])
    picture = read_picture(Path("it"), stream.getvalue())
    assert picture.format == "jpeg"
    assert (picture.frames[0] == 0).all()
    assert picture.notes == ("1 more inside (preview, depth or gain map): left out",)
    assert Image.open(io.BytesIO(encode_picture(picture, "jpeg", Path("it"))[0])).format == "JPEG"


def test_signed_integers_are_refused_with_a_way_out(encoders):
    with pytest.raises(DenoiseError, match="int16, which have no agreed scale; convert"):
        read_picture(Path("it"), encoders.tiff(np.zeros((9, 9), np.int16)))


def test_a_device_is_not_read(denoise):
    outcome = denoise("/dev/zero", "--lambda", 0.1, "-o", "/nowhere.png")
    assert outcome.code != 0
    assert len(outcome.err.splitlines()) == 1
    with pytest.raises(DenoiseError, match="is a device"):
        read_picture(Path("/dev/zero"))


def test_a_size_that_is_a_list_is_refused_at_once(encoders):
    # Python would multiply the list by the height, and fill the memory with it.
    data = encoders.tiff(np.zeros((4, 1000), np.uint8))
    at = data.index(struct.pack("<HHI", 256, 4, 1))
    listed = data[: at + 4] + struct.pack("<II", 1000, 200) + data[at + 12 :]
    with pytest.raises(DenoiseError, match="its size is no number"):
        read_picture(Path("it"), listed)


def test_a_raw_file_of_a_camera_is_no_tiff(encoders):
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        writer.write(np.zeros((16, 16, 3), np.uint8), photometric="rgb", subifds=1, metadata=None)
        writer.write(np.zeros((64, 64), np.uint16), photometric="minisblack", metadata=None)
    with pytest.raises(DenoiseError, match="a camera's raw file; develop it"):
        read_picture(Path("it"), stream.getvalue())
    with pytest.raises(DenoiseError, match="a camera's raw file; develop it"):
        read_picture(Path("it"), encoders.tiff(np.zeros((9, 9), np.uint8), extratags=[(50706, 1, 4, b"\1\4\0\0", True)]))


def test_a_pyramid_comes_back_without_its_smaller_copies_and_says_so():
    stream, whole = io.BytesIO(), np.arange(4096, dtype=np.uint16).reshape(64, 64)
    with tifffile.TiffWriter(stream) as writer:
        writer.write(whole, subifds=1, photometric="minisblack", metadata=None)
        writer.write(whole[::2, ::2], subfiletype=1, photometric="minisblack", metadata=None)
    picture = read_picture(Path("it"), stream.getvalue())
    assert picture.notes[0] == "smaller copies inside (pyramid): left out"
    np.testing.assert_array_equal(picture.frames[0], whole)


def test_small_counts_in_32_bits_are_remarked_on(encoders):
    picture = read_picture(Path("it"), encoders.tiff(np.full((9, 9), 70_000, np.uint32)))
    assert "70,000 count as little of 0 to 1" in picture.notes[0]
