"""A conversion carries over what the target can hold, and says in one line what it cannot."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from denoise_cli.errors import DenoiseError
from denoise_cli.formats.files import encode_picture, read_picture

INNER, GPS = 0x8769, 0x8825


def convert(data: bytes, kind: str) -> tuple[bytes, list[str]]:
    return encode_picture(read_picture(Path("in"), data), kind, Path(f"out.{kind}"))


@pytest.mark.parametrize("source", ["jpeg 4:2:0", "png rgb", "webp lossless"])
@pytest.mark.parametrize("target", ["jpeg", "png", "webp", "tiff"])
def test_profile_and_exif_travel_between_all_formats_that_hold_them(example_named, encoders, source, target):
    data, losses = convert(example_named(source).data, target)
    image = Image.open(io.BytesIO(data))
    assert losses == []
    assert image.info["icc_profile"] == encoders.ICC
    block = image.getexif()
    assert block[271] == "Maker & Sons"
    assert float(block.get_ifd(INNER)[33434]) == pytest.approx(1 / 125)
    assert block.get_ifd(GPS)[1] == "N"


@pytest.mark.parametrize("target", ["jpeg", "png", "webp"])
def test_profile_and_exif_leave_a_tiff_as_well(example_named, encoders, target):
    tiff, _ = convert(example_named("jpeg 4:2:0").data, "tiff")
    image = Image.open(io.BytesIO(convert(tiff, target)[0]))
    assert image.info["icc_profile"] == encoders.ICC
    assert image.getexif()[271] == "Maker & Sons"
    assert float(image.getexif().get_ifd(INNER)[33434]) == pytest.approx(1 / 125)
    assert image.getexif().get_ifd(GPS)[1] == "N"


def test_exif_inside_a_tiff_outlives_a_second_round(example_named):
    data, _ = convert(example_named("jpeg 4:2:0").data, "tiff")
    again = encode_picture(read_picture(Path("in"), data), "tiff", Path("out"))[0]
    assert float(Image.open(io.BytesIO(again)).getexif().get_ifd(INNER)[33434]) == pytest.approx(1 / 125)


@pytest.mark.parametrize("target", ["jpeg", "png", "tiff", "bmp"])
@pytest.mark.parametrize("source", ["png grey", "bmp rgb", "tiff lzw of pillow"])
def test_the_resolution_travels(example_named, source, target):
    assert Image.open(io.BytesIO(convert(example_named(source).data, target)[0])).info["dpi"] == pytest.approx((300, 300), abs=0.1)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("target", ["png", "webp", "tiff", "bmp", "npy"])
def test_a_converted_picture_stands_upright_for_those_who_read_the_tag_and_those_who_do_not(encoders, draw, orientation, target):
    data = encoders.pil(draw(3), "WEBP" if target != "webp" else "PNG", lossless=True, exif=encoders.exif(orientation))
    from PIL import ImageOps

    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    converted, _ = convert(data, target)
    if target == "npy":
        np.testing.assert_array_equal(np.load(io.BytesIO(converted)), upright)
        return
    image = Image.open(io.BytesIO(converted))
    np.testing.assert_array_equal(np.asarray(image), upright)
    assert image.getexif().get(274, 1) == 1


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_in_its_own_format_a_picture_keeps_pixels_and_orientation_as_stored(encoders, draw, orientation, kind):
    data = encoders.pil(draw(3), kind, exif=encoders.exif(orientation))
    picture = read_picture(Path("in"), data)
    image = Image.open(io.BytesIO(encode_picture(picture, picture.format, Path("out"))[0]))
    assert image.size == Image.open(io.BytesIO(data)).size
    assert image.getexif()[274] == orientation


LOSSES = {
    "16-bit colour to JPEG": ("png rgb 16", "jpeg", "16-bit values were rounded"),
    "16-bit colour to WebP": ("png rgba 16", "webp", "16-bit values were rounded"),
    "16-bit grey to BMP": ("png grey 16", "bmp", "16-bit values were rounded"),
    "transparency to JPEG": ("png rgba", "jpeg", "laid over white"),
    "transparency to BMP": ("webp lossless rgba", "bmp", "laid over white"),
    "a profile to BMP": ("png rgb", "bmp", "no colour profile"),
    "floats to PNG": ("tiff floats", "png", "clipped to [0, 1]"),
    "32 bits to PNG": ("tiff grey 32", "png", "32-bit values were rounded"),
    "spot colours to PNG": ("tiff rgb and two spot colours", "png", "2 left out"),
}


@pytest.mark.parametrize("case", LOSSES)
def test_what_a_conversion_loses_is_said_in_one_line(example_named, case):
    source, target, words = LOSSES[case]
    _, losses = convert(example_named(source).data, target)
    assert [words in loss for loss in losses] == [True]
    assert "\n" not in losses[0]


LOSSLESS = {
    "png rgb 16": "tiff", "png rgba 16": "tiff", "tiff rgba": "png", "tiff grey 16 big-endian": "png",
    "png rgba": "webp",
    "bmp grey": "png", "tiff 1 bit": "png", "png grey alpha 16": "tiff", "tiff rgb planar": "png", "png grey 4 bits": "tiff",
    "npy 16": "tiff",
    "tiff seven channels": "npy", "tiff cmyk": "npy", "png rgb": "npy", "webp lossless rgba": "png",
}  # fmt: skip


@pytest.mark.parametrize("source", LOSSLESS)
def test_there_and_back_is_lossless_where_both_formats_hold_the_picture(example_named, source):
    example = example_named(source)
    before = read_picture(Path("in"), example.data)
    data, losses = convert(example.data, LOSSLESS[source])
    assert [loss for loss in losses if "profile" not in loss] == []
    after = read_picture(Path("out"), data)
    turned = source in ("png rgb", "tiff grey 16 big-endian")  # these lie on their side
    samples = after.pages[0].colour
    if before.pages[0].beside is not None:
        np.testing.assert_array_equal(after.pages[0].beside, before.pages[0].beside)
        assert after.pages[0].alpha == before.pages[0].alpha
    if not turned:
        np.testing.assert_array_equal(samples, before.pages[0].colour)
    assert samples.dtype == before.pages[0].colour.dtype


def test_white_is_zero_turns_into_black_is_zero(encoders, draw):
    grey = draw(dtype=np.uint16)
    data = encoders.tiff(grey, photometric="miniswhite")
    np.testing.assert_array_equal(read_picture(Path("out"), convert(data, "png")[0]).frames[0], 65535 - grey)


def test_transparent_pixels_become_white_where_there_is_no_transparency(encoders, draw):
    rgba = draw(4)
    rgba[:9, :, 3], rgba[9:, :, 3] = 0, 255
    flat = np.asarray(Image.open(io.BytesIO(convert(encoders.pil(rgba, "PNG"), "bmp")[0])))
    assert (flat[:9] == 255).all()
    np.testing.assert_array_equal(flat[9:], rgba[9:, :, :3])


REFUSED = {
    "pages": ("tiff of three equal pages", "png", "3 pages do not fit a PNG"),
    "channels": ("tiff seven channels", "png", "7 channels do not fit a PNG"),
    "CMYK": ("jpeg cmyk", "png", "CMYK does not fit a PNG"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_at_all_is_refused(example_named, case):
    source, target, words = REFUSED[case]
    with pytest.raises(DenoiseError, match=words) as refusal:
        convert(example_named(source).data, target)
    assert str(refusal.value).startswith("out.png: ")


def test_cmyk_travels_between_jpeg_and_tiff(example_named):
    with tifffile.TiffFile(io.BytesIO(convert(example_named("jpeg cmyk").data, "tiff")[0])) as file:
        assert file.pages.first.photometric.name == "SEPARATED"
    assert Image.open(io.BytesIO(convert(example_named("tiff cmyk").data, "jpeg")[0])).mode == "CMYK"


def test_a_side_too_long_for_the_format_is_one_line(encoders):
    data = encoders.pil(np.zeros((2, 17000), np.uint8), "PNG")
    with pytest.raises(DenoiseError, match="cannot be written as WEBP") as refusal:
        convert(data, "webp")
    assert "\n" not in str(refusal.value)


def test_the_command_says_the_loss_before_its_closing_line(example_named, denoise, tmp_path):
    path = example_named("png rgba 16").save(tmp_path / "in")
    outcome = denoise(path, "--lambda", 0.1, "--iterations", 2, "-o", tmp_path / "out.jpg")
    assert outcome.code == 0
    lines = outcome.err.splitlines()
    assert ["16-bit values were rounded" in line for line in lines] == [True, False, False]
    assert "laid over white" in lines[1]


def test_a_comment_travels(example_named):
    tiff, _ = convert(example_named("jpeg 4:4:4 progressive").data, "tiff")
    with tifffile.TiffFile(io.BytesIO(tiff)) as file:
        assert file.pages.first.description == "hello"
    png, _ = convert(tiff, "png")
    assert Image.open(io.BytesIO(png)).text["Comment"] == "hello"
    assert Image.open(io.BytesIO(convert(png, "jpeg")[0])).info["comment"] == b"hello"


def test_xmp_too_long_for_a_jpeg_is_said(encoders, draw):
    data = encoders.pil(draw(3), "WEBP", lossless=True, xmp=b"x" * 70_000)
    converted, losses = convert(data, "jpeg")
    assert losses == ["JPEG holds at most 64 KB of XMP: left out"]
    assert "xmp" not in Image.open(io.BytesIO(converted)).info


def test_a_preview_that_would_lie_on_its_side_is_left_out(encoders, draw):
    own = struct.pack("<HHHIII", 1, 274, 3, 1, 6, 26)
    preview = struct.pack("<HHHIII", 1, 259, 3, 1, 6, 0)
    head = b"II*\0" + struct.pack("<I", 8)
    data = encoders.pil(draw(3), "JPEG", exif=b"Exif\0\0" + head + own + preview)
    after = Image.open(io.BytesIO(convert(data, "webp")[0])).info["exif"]
    assert after.removeprefix(b"Exif\0\0") == head + struct.pack("<HHHIII", 1, 274, 3, 1, 1, 0) + preview


def test_what_cannot_be_written_is_refused_before_the_work(example_named, denoise, tmp_path, monkeypatch):
    from denoise_cli import variational

    monkeypatch.setattr(variational, "denoise", lambda *_, **__: pytest.fail("it began to work"))
    path = example_named("tiff of three equal pages").save(tmp_path / "in")
    outcome = denoise(path, "--lambda", 0.1, "-o", tmp_path / "out.png")
    assert outcome.code == 1
    assert outcome.err == f"{tmp_path / 'out.png'}: 3 pages do not fit a PNG; write .tif, or split the input first (tiffsplit)\n"
