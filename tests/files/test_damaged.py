"""Whatever bytes a file holds, reading it ends in a picture, or in one line that names the file. Never in a warning, a hang, or a wreck."""

from __future__ import annotations

import io
import os
import struct
import time
import warnings
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from denoise_cli.errors import DenoiseError
from denoise_cli.formats.exif import Entry
from denoise_cli.formats.files import MAX_PIXELS, encode_picture, read_picture, written_format

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


def outcome_of(data: bytes, name: str, path: Path) -> str | None:
    """None if the picture reads, and its result can be written and read again; the refusal otherwise. Anything else is a failure."""
    start = time.perf_counter()
    refusal = None
    try:
        picture = read_picture(path, data, max_pixels=1 << 22)
        for frame in picture.frames:
            assert frame.size > 0
            assert frame.ndim in (2, 3)
        with np.errstate(all="ignore"):
            images = [np.nan_to_num(frame.astype(np.float64)) for frame in picture.frames]
            again, losses = encode_picture(picture.successor(images), written_format(picture), Path("out.png"))
        assert [loss for loss in losses if "is read, but not written" not in loss] == []
        assert [frame.shape for frame in read_picture(path, again).frames] == [frame.shape for frame in picture.frames]
    except DenoiseError as error:
        refusal = str(error)
    assert refusal is None or (refusal.startswith((f"{path}: ", "out.png: ")) and "\n" not in refusal and len(refusal) < 500), (
        name,
        refusal,
    )
    assert time.perf_counter() - start < SECONDS, name
    return refusal


def test_a_thousand_damaged_files_end_in_a_picture_or_in_one_line(example_named, capfd, caplog):
    good, rng, read = examples(example_named), np.random.default_rng(2026), 0
    names = list(good)
    for number in range(MUTATIONS):
        name = names[number % len(names)]
        data = mutate(good[name], rng)
        if name.startswith("png") and rng.random() < 0.7:
            data = repair_checksums(data)
        read += outcome_of(data, f"{name}, {number}", Path("it.png")) is None
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []
    assert read > 100


NEWER = ["pgm", "ppm", "pbm", "pfm", "jpeg 2000", "jpeg xl", "avif", "heic", "tga", "exr", "radiance", "fits", "dicom", "door"]
MUTATIONS_EACH = 100


@pytest.mark.parametrize("kind", NEWER)
def test_damaged_files_of_each_format_end_in_a_picture_or_in_one_line(example_named, every_example, read_only, kind, capfd, caplog):
    names = list(read_only) if kind == "door" else [name for name in every_example if name == kind or name.startswith(f"{kind} ")]
    rng = np.random.default_rng(sum(kind.encode()))
    for number in range(int(os.environ.get("DENOISE_MUTATIONS", MUTATIONS_EACH))):
        name = names[number % len(names)]
        suffix, good = read_only[name] if kind == "door" else (example_named(name).suffix, example_named(name).data)
        outcome_of(mutate(good, rng), f"{name}, {number}", Path(f"it{suffix}"))
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


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


def test_complex_pixels_are_refused_with_a_way_out(encoders):
    with pytest.raises(DenoiseError, match="complex64 are no picture; save them as integers"):
        read_picture(Path("it"), encoders.tiff(np.zeros((9, 9), np.complex64)))


def test_what_is_wrong_with_one_page_names_it(encoders):
    pages = [np.zeros((9, 9), np.uint8), np.full((9, 9), 2**60, np.int64)]
    with pytest.raises(DenoiseError, match=r"^it: page 2 of 2: 64-bit integers from 1,152,921,504,606,846,976 .* subtract an offset"):
        read_picture(Path("it"), encoders.tiff(*pages))


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


def opens(data: bytes) -> bool:
    """Whether Pillow reads the first page, pixels and tags."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data))
            image.load()
            dict(image.tag_v2)
    except Exception:
        return False
    return True


@pytest.mark.parametrize("code", [
    269, 274, 297, 301, 318, 333, 334, 336, 437, 700, 33432, 33550, 33723, 34377, 34675, 34852, 65000,
])  # fmt: skip
def test_a_broken_tag_is_not_passed_on(encoders, draw, code):
    """Whatever type, length and value a tag has: if the file reads, Pillow and libtiff open the result."""
    base = encoders.tiff(draw(3), photometric="rgb", compression="lzw")
    picture = read_picture(Path("it"), base)
    for kind, size in ((1, 1), (2, 1), (3, 2), (4, 4), (5, 8), (7, 1), (9, 4), (11, 4), (12, 8)):
        for count in (1, 2, 3, 300):
            entry = Entry(code, kind, count, bytes([3]) * (size * count))
            extras = picture.pages[0].extras
            page = replace(picture.pages[0], extras=extras | {"tags": [*(tag for tag in extras["tags"] if tag.code != code), entry]})
            # The file with the tag as it is: tifffile takes what libtiff does not.
            damaged, _ = encode_picture(replace(picture, pages=(page,)), "tiff", Path("it"))
            data, _ = encode_picture(read_picture(Path("it"), damaged), "tiff", Path("out"))
            assert opens(data), (kind, count)


def test_a_resolution_of_another_type_is_no_reason_to_fail(encoders, draw):
    data = encoders.tiff(draw(), resolution=(300, 300), resolutionunit=2)
    at = data.index(struct.pack("<HHI", 282, 5, 1))
    picture = read_picture(Path("it"), data[: at + 2] + struct.pack("<HI", 11, 1) + data[at + 8 :])
    assert opens(encode_picture(picture, "tiff", Path("it"))[0])


def test_a_tag_that_is_left_out_is_named(encoders, draw):
    data = encoders.tiff(draw(), extratags=[(318, 3, 2, (1, 2), True), (65000, 12, 2, (0.25, 4.0), True)])
    picture = read_picture(Path("it"), data)
    assert picture.notes == ("tag 318 damaged: left out",)
    with tifffile.TiffFile(io.BytesIO(encode_picture(picture, "tiff", Path("it"))[0])) as file:
        assert 318 not in file.pages.first.tags
        assert file.pages.first.tags[65000].value == (0.25, 4.0)
