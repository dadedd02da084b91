"""Formats beyond the six of photographs: what they hold comes back, and what cannot is said."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from denoise_cli.errors import DenoiseError
from denoise_cli.formats.files import encode_picture, format_of, read_picture, written_format
from denoise_cli.formats.known import FORMATS, RAW_SUFFIXES, known, sniff, suffix_for, writable


def converted(data: bytes, kind: str, name: str = "it") -> tuple[bytes, list[str]]:
    return encode_picture(read_picture(Path(name), data), kind, Path("out"))


def test_every_example_is_recognised_by_its_content(every_example, example_named, read_only):
    files = [
        (example_named(name).suffix, example_named(name).data) for name in every_example if "magick" not in name and "vips" not in name
    ]
    for suffix, data in [*files, *read_only.values()]:
        assert sniff(data) == format_of(Path(f"it{suffix}")), suffix


def test_names_suffixes_and_beginnings_belong_to_one_format_each():
    for kinds in ([each.name for each in FORMATS], [suffix for each in FORMATS for suffix in each.suffixes]):
        assert len(kinds) == len(set(kinds))
    assert not set(RAW_SUFFIXES) & {suffix for each in FORMATS for suffix in each.suffixes}
    assert set(writable()) < {each.name for each in FORMATS}
    for each in FORMATS:
        assert bool(each.package) == bool(each.extra)


@pytest.mark.parametrize("name", ["gif grey", "pcx", "sgi", "dds", "qoi", "sun raster", "ico"])
def test_what_is_read_only_shows_its_pixels_and_becomes_a_tiff(read_only, read_only_pixels, name):
    suffix, data = read_only[name]
    picture = read_picture(Path(f"it{suffix}"), data)
    np.testing.assert_array_equal(picture.pages[0].colour, read_only_pixels[name])
    assert picture.format == format_of(Path(f"it{suffix}"))
    assert written_format(picture) == "tiff"
    tiff, losses = encode_picture(picture, "tiff", Path("out.tif"))
    assert losses == [f"{known(picture.format).title} is read, but not written: comes back as TIFF"]
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(tiff)), read_only_pixels[name])
    with pytest.raises(DenoiseError, match=r"^out: .* is read, but not written; name the result \.tif or \.png"):
        encode_picture(picture, picture.format, Path("out"))
    assert suffix_for(suffix) == ".tif"
    assert suffix_for(".png") == ".png"


def test_a_gif_at_the_prompt_becomes_a_tiff_beside_it_and_says_so(read_only, denoise, tmp_path):
    (tmp_path / "a.gif").write_bytes(read_only["gif grey"][1])
    outcome = denoise(tmp_path / "a.gif", "--lambda", 0.1, "--iterations", 2)
    assert outcome.code == 0, outcome.err
    assert "GIF is read, but not written: comes back as TIFF" in outcome.err
    assert tifffile.imread(tmp_path / "a_denoised.tif").shape == (21, 34, 3)
    outcome = denoise(tmp_path / "a.gif", "--lambda", 0.1, "-o", tmp_path / "b.gif")
    assert outcome.code == 1
    assert "GIF is read, but not written; name the result .tif or .png" in outcome.err
    assert denoise(tmp_path / "a.gif", "--lambda", 0.1, "--iterations", 2, "-o", tmp_path / "c.png").code == 0


def test_the_colour_of_a_gif_that_stands_for_transparent_becomes_an_alpha_channel():
    indices = Image.fromarray((np.arange(24).reshape(4, 6) % 3).astype(np.uint8), "P")
    indices.putpalette([200, 10, 20, 30, 190, 40, 50, 60, 180])
    stream = io.BytesIO()
    indices.save(stream, "GIF", transparency=1)
    page = read_picture(Path("it.gif"), stream.getvalue()).pages[0]
    np.testing.assert_array_equal(page.beside[:, :, page.alpha], np.where(np.asarray(indices) == 1, 0, 255))
    shown = np.asarray(indices) != 1
    np.testing.assert_array_equal(page.colour[shown], np.asarray(indices.convert("RGB"))[shown])


@pytest.mark.parametrize("kind", ["GIF", "AVIF"])
def test_an_animation_is_refused(kind):
    stream = io.BytesIO()
    first, second = (Image.fromarray(np.full((32, 32, 3), value, np.uint8)) for value in (0, 200))
    first.save(stream, kind, save_all=True, append_images=[second])
    with pytest.raises(DenoiseError, match=r"animation.*; take it apart"):
        read_picture(Path("it"), stream.getvalue())


@pytest.mark.parametrize("name", ["a.CR2", "a.nef", "a.dng", "a.arw"])
def test_a_cameras_raw_file_is_refused_by_its_name(encoders, draw, name):
    with pytest.raises(DenoiseError, match="a camera's raw file; develop it to TIFF first"):
        read_picture(Path(name), encoders.tiff(draw()))


@pytest.mark.parametrize(
    "head", [b"FUJIFILMCCD-RAW 0201", b"IIRO\x08\0\0\0", b"\0\0\0\x18ftypcrx \0\0\0\1", b"II*\0\x10\0\0\0CR\2\0", b"IIU\0\x18"]
)
def test_a_cameras_raw_file_is_refused_by_its_content(head):
    with pytest.raises(DenoiseError, match="a camera's raw file; develop it to TIFF first"):
        read_picture(Path("it"), head + bytes(100))


@pytest.mark.parametrize(("name", "package", "extra"), [
    ("heic", "pillow_heif", "heic"), ("exr", "OpenEXR", "exr"), ("dicom", "pydicom", "dicom"),
])  # fmt: skip
def test_a_missing_package_is_named_with_the_extra_that_brings_it(example_named, monkeypatch, name, package, extra):
    data = example_named(name).data
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(DenoiseError, match=rf"needs the package {package}, which is not installed; pip install 'denoise-cli\[{extra}\]'"):
        read_picture(Path("it"), data)


@pytest.mark.parametrize("name", ["pgm of 12 bits", "ppm plain of 10 bits", "pgm with 7 levels, plain", "jpeg 2000 of 12 bits",
                                  "jpeg xl of 10 bits",
                                  "avif of 10 bits", "heic of 10 bits"])  # fmt: skip
def test_the_white_of_a_few_bits_is_kept_and_never_passed(example_named, name):
    example = example_named(name)
    picture = read_picture(Path("it"), example.data)
    page = picture.pages[0]
    white = page.extras["white"]
    assert int(page.colour.max()) <= white
    bright = picture.successor([np.ones(page.colour.shape)])
    assert int(bright.pages[0].colour.max()) == white
    again = read_picture(Path("it"), encode_picture(bright, picture.format, Path("it"))[0])
    assert again.pages[0].extras["white"] == white
    assert int(again.pages[0].colour.min()) >= white - (8 if picture.format in ("avif", "heif") else 0)


def test_a_pgm_of_12_bits_keeps_its_values_in_a_tiff_and_is_stretched_to_the_white_of_a_png(example_named):
    data = example_named("pgm of 12 bits").data
    values = read_picture(Path("it"), data).pages[0].colour
    tiff, losses = converted(data, "tiff")
    assert losses == []
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(tiff)), values)
    png, losses = converted(data, "png")
    assert losses == ["PNG has its white at 65,535: the values were stretched from 4,095; write TIFF or .npy to keep them"]
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png))), np.rint(values / 4095 * 65535))


def test_a_pgm_says_no_word_of_stretching_to_itself_and_takes_pictures_of_other_formats(encoders, draw):
    for array in (draw(), draw(dtype=np.uint16), draw(3), draw(dtype=bool)):
        source = encoders.pil(array, "PNG") if array.dtype != np.uint16 else encoders.tiff(array)
        data, losses = converted(source, "pnm")
        assert losses == []
        np.testing.assert_array_equal(read_picture(Path("it"), data).pages[0].colour, array)
        assert data[:2] == {(2, 1): b"P5", (2, 2): b"P5", (3, 1): b"P6"}[array.ndim, array.dtype.itemsize] or array.dtype == bool


def test_plain_lines_are_not_longer_than_the_standard_allows(example_named):
    for name in ("pgm plain", "pbm plain", "ppm plain of 10 bits"):
        picture = read_picture(Path("it"), example_named(name).data)
        data, _ = encode_picture(picture, "pnm", Path("it"))
        assert data[:2] in (b"P1", b"P2", b"P3")
        assert max(map(len, data.splitlines())) <= 70
        assert b"# scanner\n" in data


@pytest.mark.parametrize("target", ["pfm", "exr", "hdr"])
def test_formats_of_floats_have_their_white_at_one(encoders, draw, target):
    if target == "exr":
        pytest.importorskip("OpenEXR")
    array = draw(3)
    data, losses = converted(encoders.pil(array, "PNG"), target)
    assert "holds floats: white is 1 there" in losses[0]
    read = read_picture(Path("it"), data).pages[0].colour
    assert read.dtype == np.float32
    np.testing.assert_allclose(read, array / 255, atol=1 / 256 if target == "hdr" else 1e-7)
    back, _ = converted(data, "png")
    np.testing.assert_allclose(read_picture(Path("it"), back).pages[0].colour / 257, array, atol=1.01)


def test_radiance_agrees_with_another_reader_and_survives_many_rounds(example_named):
    import imagecodecs

    data = example_named("radiance").data
    for _ in range(3):
        picture = read_picture(Path("it"), data)
        np.testing.assert_allclose(picture.pages[0].colour, imagecodecs.rgbe_decode(data), rtol=1e-2, atol=1e-3)
        data, _ = encode_picture(picture, "hdr", Path("it"))
        assert b"EXPOSURE=2.0\n" in data
    np.testing.assert_array_equal(read_picture(Path("it"), data).pages[0].colour, picture.pages[0].colour)


@pytest.mark.parametrize("width", [3, 7, 8, 34, 200])
def test_radiance_of_every_width_goes_there_and_back(draw, width):
    array = np.repeat(np.abs(draw(3, dtype=np.float32, size=(5, width))), 1, axis=1)
    array[:, width // 2 :] = array[0, 0]
    stream = io.BytesIO()
    np.save(stream, array)
    data, _ = converted(stream.getvalue(), "hdr")
    np.testing.assert_allclose(read_picture(Path("it"), data).pages[0].colour, array, atol=float(array.max()) / 200)


def test_fits_differs_from_its_source_in_the_pixels_alone(example_named):
    data = example_named("fits unsigned").data
    picture = read_picture(Path("it"), data)
    assert picture.pages[0].colour.dtype == np.uint16
    after, losses = encode_picture(picture.successor([np.zeros(picture.pages[0].colour.shape)]), "fits", Path("it"))
    assert losses == []
    assert len(after) == len(data)
    head = data.index(b"END".ljust(80)) // 2880 * 2880 + 2880
    size = 2 * picture.pages[0].colour.size
    assert after[:head] == data[:head]
    assert after[head + size :] == data[head + size :]
    assert after[head : head + size] == b"\x80\0" * (size // 2)


def test_fits_values_are_in_the_units_of_its_scale_and_blank_stays(example_named):
    data = bytearray(example_named("fits rescaled").data)
    head = data.index(b"END".ljust(80)) // 2880 * 2880 + 2880
    data[head : head + 4] = b"\x80\0\0\x08"  # BLANK, and 8
    picture = read_picture(Path("it"), bytes(data))
    page = picture.pages[0]
    assert page.colour.dtype == np.float32
    assert np.isnan(page.colour[0, 0])
    assert page.colour[0, 1] == 8 * 0.25 + 12.5
    assert not page.scale.known[0, 0]
    after, _ = encode_picture(picture.successor([np.full(page.colour.shape, 100.0)]), "fits", Path("it"))
    assert after[head : head + 4] == b"\x80\0" + int((100 - 12.5) / 0.25).to_bytes(2, "big")


def test_a_checksum_of_the_old_pixels_is_not_passed_on(draw):
    astropy = pytest.importorskip("astropy.io.fits")
    stream = io.BytesIO()
    astropy.PrimaryHDU(draw(dtype=np.float32)).writeto(stream, checksum=True)
    picture = read_picture(Path("it"), stream.getvalue())
    after, _ = encode_picture(picture.successor([np.zeros(picture.pages[0].colour.shape)]), "fits", Path("it"))
    with astropy.open(io.BytesIO(after), checksum=True) as file:
        assert "CHECKSUM" not in file[0].header
        assert not file[0].data.any()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "int8", "int16", "int32", "float32", "float64"])
def test_a_new_fits_is_read_by_astropy(draw, dtype):
    astropy = pytest.importorskip("astropy.io.fits")
    array = draw(dtype=np.dtype(dtype))
    stream = io.BytesIO()
    np.save(stream, array)
    data, _ = converted(stream.getvalue(), "fits")
    with astropy.open(io.BytesIO(data)) as file:
        np.testing.assert_array_equal(file[0].data, array)
    np.testing.assert_array_equal(read_picture(Path("it"), data).pages[0].colour, array)


def test_fits_without_a_picture_and_packed_ones_are_refused(draw):
    astropy = pytest.importorskip("astropy.io.fits")
    table = astropy.BinTableHDU.from_columns([astropy.Column(name="t", format="E", array=np.arange(3.0))])
    packed = astropy.CompImageHDU(draw(dtype=np.int16))
    for hdu, words in ((table, "no image in it"), (packed, "compressed in tiles; unpack it first")):
        stream = io.BytesIO()
        astropy.HDUList([astropy.PrimaryHDU(), hdu]).writeto(stream)
        with pytest.raises(DenoiseError, match=words):
            read_picture(Path("it"), stream.getvalue())


def test_a_ct_slice_is_in_hounsfield_units_and_comes_back_in_its_own(example_named):
    pydicom = pytest.importorskip("pydicom")
    data = example_named("dicom of 12 bits").data
    before = pydicom.dcmread(io.BytesIO(data))
    picture = read_picture(Path("it"), data)
    page = picture.pages[0]
    assert page.colour.dtype == np.int16
    np.testing.assert_array_equal(page.colour, before.pixel_array.astype(int) - 1024)
    after, losses = encode_picture(picture.successor([np.full(page.colour.shape, 99999.0)]), "dicom", Path("it"))
    assert losses == []
    after = pydicom.dcmread(io.BytesIO(after))
    assert (after.pixel_array == 4095).all()
    for element in before:
        if element.keyword != "PixelData":
            assert after[element.tag].value == element.value, element
    tiff, losses = converted(data, "tiff")
    assert losses == ["patient, study and scale of a DICOM are left out: the values are in the units of its rescale slope"]
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(tiff)), page.colour)
    with pytest.raises(DenoiseError, match=r"int16 values from -1,0\d\d to .* do not fit a PNG"):
        converted(data, "png")
    with pytest.raises(DenoiseError, match="a DICOM is only made from a DICOM"):
        converted(example_named("png grey").data, "dicom")


def test_what_surrounds_a_dicom_picture_has_no_value(example_named):
    pydicom = pytest.importorskip("pydicom")
    dataset = pydicom.dcmread(io.BytesIO(example_named("dicom").data))
    dataset.add_new((0x0028, 0x0120), "SS", -2000)
    array = dataset.pixel_array.copy()
    array[:4] = -2000
    dataset.PixelData = array.tobytes()
    stream = io.BytesIO()
    dataset.save_as(stream)
    page = read_picture(Path("it"), stream.getvalue()).pages[0]
    assert page.nodata == (-3024.0,)
    assert not page.scale.known[:4].any()


def test_other_attributes_of_an_exr_stay_and_further_channels_are_untouched(example_named):
    OpenEXR = pytest.importorskip("OpenEXR")
    data = example_named("exr grey with depth").data
    picture = read_picture(Path("it"), data)
    after, _ = encode_picture(picture.successor([np.zeros(picture.pages[0].colour.shape)]), "exr", Path("it"))
    with OpenEXR.File(io.BytesIO(data), separate_channels=True) as old, OpenEXR.File(io.BytesIO(after), separate_channels=True) as new:
        assert not new.channels()["Y"].pixels.any()
        np.testing.assert_array_equal(new.channels()["Z"].pixels, old.channels()["Z"].pixels)
        assert new.header()["note"] == "kept"


@pytest.mark.parametrize("target", ["avif", "jp2", "jxl", "heif"])
def test_exif_and_profile_travel_to_the_newer_formats_or_are_said_to_be_lost(example_named, encoders, target):
    if target == "heif":
        pytest.importorskip("pillow_heif")
    data, losses = converted(example_named("jpeg 4:2:0").data, target)
    assert losses == (["JPEG XL holds no colour profile: left out"] if target == "jxl" else [])
    back, _ = converted(data, "tiff")
    image = Image.open(io.BytesIO(back))
    assert image.getexif()[271] == "Maker & Sons"
    assert ("icc_profile" in image.info) == (target != "jxl")
    if target != "jxl":
        assert image.info["icc_profile"] == encoders.ICC
    assert image.size == (21, 34)  # turned upright once, and not again


def test_the_boxes_of_a_jpeg_2000_come_back(example_named):
    from denoise_cli.formats.boxes import box, boxes

    data = example_named("jpeg 2000 rgb").data
    at = data.index(b"jp2c") - 4
    dressed = data[:at] + box(b"xml ", b"<gml/>") + box(b"uuid", b"0123456789abcdefGeoJP2") + data[at:]
    after, _ = encode_picture(read_picture(Path("it"), dressed), "jp2", Path("it"))
    assert (b"xml ", b"<gml/>") in list(boxes(after))
    assert (b"uuid", b"0123456789abcdefGeoJP2") in list(boxes(after))


def test_jpeg_xl_tells_of_colours_that_it_cannot_keep():
    import imagecodecs

    array = np.zeros((16, 16, 3), np.uint8)
    plain = imagecodecs.jpegxl_encode(array, lossless=True)
    assert read_picture(Path("it"), bytes(plain)).notes == ()


def test_a_folder_of_every_format_is_done(every_example, example_named, read_only, denoise, tmp_path):
    names = [name for name in every_example if name.split()[0] in ("pgm", "pfm", "radiance", "tga", "fits") or name == "jpeg 2000 rgb"]
    names = [name for name in names if name in ("pgm of 12 bits", "pfm", "radiance", "tga rgb", "jpeg 2000 rgb", "fits rescaled")]
    for name in names:
        example_named(name).save(tmp_path / name.replace(" ", "_"))
    for name, (suffix, data) in read_only.items():
        (tmp_path / f"{name.replace(' ', '_')}{suffix}").write_bytes(data)
    outcome = denoise(tmp_path, "-o", tmp_path / "clean", "--lambda", 0.05, "--iterations", 2, "--json")
    assert outcome.code == 0, outcome.err
    rows = [row for row in map(json.loads, outcome.out.splitlines()) if "input" in row]
    assert len(rows) == len(names) + len(read_only)
    for row in rows:
        assert read_picture(Path(row["output"])).format == format_of(Path(row["output"]))
        assert Path(row["output"]).suffix == suffix_for(Path(row["input"]).suffix)
