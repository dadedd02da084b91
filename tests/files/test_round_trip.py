"""Every picture comes back as it went in: pixels, depth, layout and whatever else its file holds. Judged by other readers than ours."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from denoise_cli.formats.files import encode_picture, read_picture
from denoise_cli.variational import as_float

LOSSY = ("jpeg 4", "jpeg grey", "jpeg cmyk", "jpeg of", "webp lossy", "avif", "heic")
MEAN = -1.0  # a tolerance: within 2 grey levels on average


def _netpbm(data: bytes) -> list[np.ndarray]:
    words = b" ".join(line.partition(b"#")[0] for line in data[:200].splitlines()).split()
    kind, width, height = words[0], int(words[1]), int(words[2])
    channels = 3 if kind in (b"P3", b"P6") else 1
    if kind in (b"P1", b"P4"):
        size = height * ((width + 7) // 8)
        if kind == b"P4":
            return [np.unpackbits(np.frombuffer(data[-size:], np.uint8).reshape(height, -1), axis=1)[:, :width]]
        digits = data[data.index(b"%d %d" % (width, height)) + len(b"%d %d" % (width, height)) :]
        return [np.array([digit - 48 for digit in digits if digit in b"01"], np.uint8).reshape(height, width)]
    white = int(words[3])
    dtype = np.dtype("u1" if white < 256 else ">u2")
    count = width * height * channels
    if kind in (b"P2", b"P3"):
        values = np.array(b" ".join(line.partition(b"#")[0] for line in data.splitlines()).split()[4:], int)
    else:
        values = np.frombuffer(data[-count * dtype.itemsize :], dtype)
    return [np.append(values.astype(np.int64), white)]


def _fits(data: bytes) -> list[np.ndarray]:
    fits = pytest.importorskip("astropy.io.fits")
    with fits.open(io.BytesIO(data), do_not_scale_image_data=True) as file:
        assert [type(part).__name__ for part in file][1:] in ([], ["BinTableHDU"])
        assert dict(file[0].header)
        return [np.asarray(file[0].data)]


def _dicom(data: bytes) -> list[np.ndarray]:
    import pydicom

    dataset = pydicom.dcmread(io.BytesIO(data))
    assert str(dataset.PatientName) == "Roentgen^W"
    assert dataset[0x0009, 0x0010].value == "PRIVATE"
    return [dataset.pixel_array]


def _exr(data: bytes) -> list[np.ndarray]:
    import OpenEXR

    with OpenEXR.File(io.BytesIO(data), separate_channels=True) as file:
        assert file.header()["note"] == "kept"
        assert file.header()["compression"] == OpenEXR.PIZ_COMPRESSION
        return [np.array(channel.pixels) for _, channel in sorted(file.channels().items())]


def _heic(data: bytes) -> list[np.ndarray]:
    import pillow_heif

    return [np.asarray(pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)[0]).astype(float) / 257]


def _codecs(name: str) -> Callable[[bytes], list[np.ndarray]]:
    return lambda data: [np.asarray(getattr(imagecodecs, f"{name}_decode")(data))]


OTHER_READERS: dict[str, Callable[[bytes], list[np.ndarray]]] = {
    ".pgm": _netpbm, ".ppm": _netpbm, ".pbm": _netpbm, ".fits": _fits, ".dcm": _dicom, ".exr": _exr, ".heic": _heic,
    ".jp2": _codecs("jpeg2k"), ".j2k": _codecs("jpeg2k"), ".jxl": _codecs("jpegxl"), ".avif": _codecs("avif"), ".hdr": _codecs("rgbe"),
    ".pfm": lambda data: [np.frombuffer(data, ("<" if b"-" in data.splitlines()[2] else ">") + "f4", offset=len(data) % 4)],
}  # fmt: skip


def seen(data: bytes, suffix: str) -> list[np.ndarray]:
    """The pixels of all pages, by a reader that has nothing to do with ours."""
    if suffix == ".npy":
        return [np.load(io.BytesIO(data))]
    if suffix.endswith(".tif"):
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            if len(file.pages) == 1 and file.is_shaped:
                return list(file.series[0].asarray())
            return [(page.asrgb() // 256).astype(np.uint8) if page.photometric == 3 else page.asarray() for page in file.pages]
    if suffix == ".png" and data[24] == 16:
        cv2 = pytest.importorskip("cv2")
        return [cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)]
    if suffix in OTHER_READERS:
        return OTHER_READERS[suffix](data)
    image = Image.open(io.BytesIO(data))
    if image.mode == "P" or "transparency" in image.info:
        image = image.convert("LA" if image.mode == "L" else "RGBA" if "transparency" in image.info else "RGB")
    return [np.asarray(image)]


def assert_same(before: bytes, after: bytes, suffix: str, tolerance: float = 0) -> None:
    pairs = list(zip(seen(before, suffix), seen(after, suffix), strict=True))
    for old, new in pairs:
        assert new.shape == old.shape
        assert new.dtype.newbyteorder("=") == old.dtype.newbyteorder("=")
        if tolerance == MEAN:
            assert np.abs(new.astype(float) - old).mean() < 2
        elif tolerance:
            np.testing.assert_allclose(new.astype(float), old, atol=tolerance + 1e-7, rtol=1e-6)
        else:
            np.testing.assert_array_equal(new, old)


def untouched(example) -> bytes:
    picture = read_picture(Path("it"), example.data)
    data, losses = encode_picture(picture.successor([as_float(frame) for frame in picture.frames]), picture.format, "it")
    assert losses == []
    return data


def test_what_nothing_was_done_to_comes_back_the_same(example, request):
    tolerance = MEAN if any(word in request.node.name for word in LOSSY) else 0
    assert_same(example.data, untouched(example), example.suffix, tolerance)


def test_a_lambda_near_zero_changes_nothing(example, denoise, tmp_path, request):
    source, target = example.save(tmp_path / "in"), (tmp_path / "out").with_suffix(example.suffix)
    outcome = denoise(source, "--lambda", "1e-9", "--method", "optimal", "-o", target)
    assert outcome.code == 0, outcome.err
    depth = seen(example.data, example.suffix)[0].dtype
    tolerance = (
        MEAN
        if any(word in request.node.name for word in LOSSY)
        else {"f": 1e-6, "u": 4096 if depth.itemsize == 4 else 0, "i": 4096 if depth.itemsize == 4 else 0}.get(depth.kind, 0)
    )
    assert_same(example.data, target.read_bytes(), example.suffix, tolerance)


def test_reading_and_writing_say_nothing_on_their_own(example, capfd, caplog):
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        untouched(example)
    assert [warning for warning in heard if "denoise" in warning.filename] == []
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def chunks(data: bytes) -> dict[bytes, bytes]:
    found, at = {}, 8
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        found[data[at + 4 : at + 8]] = data[at + 8 : at + 8 + size]
        at += 12 + size
    return found


@pytest.mark.parametrize("name", ["png grey", "png rgb"])
def test_a_png_keeps_profile_exif_resolution_and_texts_to_the_byte(example_named, name):
    example = example_named(name)
    before, after = chunks(example.data), chunks(untouched(example))
    for chunk in (b"IHDR", b"iCCP", b"eXIf", b"pHYs", b"tEXt", b"iTXt"):
        assert after[chunk] == before[chunk]


@pytest.mark.parametrize("name", ["png 1 bit", "png grey 2 bits", "png grey 4 bits", "png grey alpha 16", "png rgba 16"])
def test_a_png_keeps_its_depth_and_colour_type(example_named, name):
    example = example_named(name)
    assert chunks(untouched(example))[b"IHDR"] == chunks(example.data)[b"IHDR"]


@pytest.mark.parametrize("name", ["jpeg 4:2:0", "jpeg 4:4:4 progressive", "jpeg grey", "jpeg cmyk", "jpeg of rgb itself"])
def test_a_jpeg_keeps_its_tables_subsampling_and_what_is_written_beside_the_pixels(example_named, name):
    example = example_named(name)
    before, after = Image.open(io.BytesIO(example.data)), Image.open(io.BytesIO(untouched(example)))
    assert after.quantization == before.quantization
    assert [layer[1:3] for layer in after.layer] == [layer[1:3] for layer in before.layer]
    assert after.mode == before.mode
    assert after.info == before.info


def test_a_jpeg_that_was_written_three_times_is_not_worse_than_once(example_named):
    example = example_named("jpeg 4:2:0")
    data = example.data
    for _ in range(3):
        data = untouched(type(example)(".jpg", data))
    assert_same(example.data, data, ".jpg", MEAN)


@pytest.mark.parametrize("name", ["webp lossless", "webp lossless rgba", "webp lossy"])
def test_a_webp_stays_lossless_or_lossy_and_keeps_profile_exif_and_xmp(example_named, name):
    example = example_named(name)
    after = untouched(example)
    assert (b"VP8L" in after) == (b"VP8L" in example.data)
    assert Image.open(io.BytesIO(after)).info == Image.open(io.BytesIO(example.data)).info


STORAGE = {254, 266, 273, 278, 279, 284, 305, 324, 325, 34665, 34853, 282, 283, 296, 258, 339, 338}


@pytest.mark.parametrize("name", [
    "tiff grey", "tiff grey 16 big-endian", "tiff big", "tiff rgb", "tiff stack of imagej", "tiff stack of ome", "tiff lzw of pillow",
    "tiff with exif of pillow", "tiff lzw of imagemagick", "tiff unequal", "tiff pyramid of libvips",
])  # fmt: skip
def test_a_tiff_keeps_every_tag_that_does_not_say_where_its_pixels_lie(example_named, name):
    example = example_named("tiff of unequal pages" if name == "tiff unequal" else name)
    with tifffile.TiffFile(io.BytesIO(example.data)) as before, tifffile.TiffFile(io.BytesIO(untouched(example))) as after:
        assert after.byteorder == before.byteorder
        assert after.is_bigtiff == before.is_bigtiff
        for old, new in zip(before.pages, after.pages, strict=True):
            for tag in old.tags:
                if tag.code not in STORAGE:
                    assert tag.code in new.tags, tag
                    assert new.tags[tag.code].value == tag.value, tag
            for code in (282, 283, 296, 258, 338, 34665, 34853, 305):
                if code in old.tags:
                    assert new.tags[code].value == old.tags[code].value, code
        assert after.is_ome == before.is_ome
        assert after.is_imagej == before.is_imagej
        assert [series.axes for series in after.series] == [series.axes for series in before.series]


@pytest.mark.parametrize(("name", "attributes"), [
    ("tiff rgb 16 lzw, predictor", ("compression", "predictor")), ("tiff rgb zstd", ("compression",)), ("tiff tiled, deflate", ("tile",)),
    ("tiff rgb planar", ("planarconfig",)), ("tiff rgba planar", ("planarconfig", "extrasamples")), ("tiff floats", ("predictor",)),
    ("tiff grey white is zero", ("photometric",)), ("tiff rgba premultiplied", ("extrasamples",)), ("tiff cmyk", ("photometric",)),
    ("tiff 1 bit white is zero, packed", ("photometric", "bitspersample", "compression")), ("tiff grey alpha", ("extrasamples",)),
])  # fmt: skip
def test_a_tiff_keeps_its_layout(example_named, name, attributes):
    example = example_named(name)
    with tifffile.TiffFile(io.BytesIO(example.data)) as before, tifffile.TiffFile(io.BytesIO(untouched(example))) as after:
        for attribute in attributes:
            assert getattr(after.pages.first, attribute) == getattr(before.pages.first, attribute)


@pytest.mark.parametrize(("name", "note"), [
    ("png palette", "palette: comes back as RGB"), ("png palette of 4 bits, transparent", "palette: comes back as RGBA"),
    ("png grey colour key", "alpha channel"), ("tiff palette", "palette: comes back as RGB"), ("tiff group 4 of pillow", "Deflate"),
    ("tiff rgb and two spot colours", "untouched"),
])  # fmt: skip
def test_what_comes_back_in_another_way_is_said(example_named, denoise, tmp_path, name, note):
    path = example_named(name).save(tmp_path / "in")
    outcome = denoise(path, "--lambda", "0.1", "--iterations", "2")
    assert outcome.code == 0
    assert note in outcome.err
    assert len(outcome.err.splitlines()) == 2


@pytest.mark.parametrize("name", ["tiff stack of imagej", "tiff stack of ome", "tiff stack of tifffile", "tiff stack that lists one page"])
def test_a_stack_is_read_by_others_as_the_stack_it_was(example_named, name):
    example = example_named(name)
    before, after = (tifffile.imread(io.BytesIO(data)) for data in (example.data, untouched(example)))
    assert before.ndim == 3
    np.testing.assert_array_equal(after, before)


def test_pages_are_denoised_one_by_one(encoders, draw, denoise, tmp_path):
    pages = [draw(), draw(size=(9, 12), seed=5)]
    (tmp_path / "both.tif").write_bytes(encoders.tiff(*pages))
    assert denoise(tmp_path / "both.tif", "--lambda", 0.2, "--iterations", 9).code == 0
    with tifffile.TiffFile(tmp_path / "both_denoised.tif") as file:
        both = [page.asarray() for page in file.pages]
    for number, page in enumerate(pages):
        (tmp_path / f"{number}.tif").write_bytes(encoders.tiff(page))
        assert denoise(tmp_path / f"{number}.tif", "--lambda", 0.2, "--iterations", 9).code == 0
        np.testing.assert_array_equal(both[number], tifffile.imread(tmp_path / f"{number}_denoised.tif"))
        assert (both[number] != page).any()


def test_a_reference_has_as_many_pages_or_one(encoders, draw, denoise, tmp_path):
    clean = [draw(seed=seed) for seed in range(3)]
    for name, pages in {"noisy": clean, "clean": clean, "first": clean[:1], "two": clean[:2]}.items():
        (tmp_path / f"{name}.tif").write_bytes(encoders.tiff(*pages))

    def psnr(reference: str) -> str:
        outcome = denoise(
            tmp_path / "noisy.tif", "--lambda", "1e-4", "--method", "optimal", "--reference", tmp_path / f"{reference}.tif", "--overwrite"
        )
        return outcome.err.rpartition("PSNR")[2] if outcome.code == 0 else outcome.err

    assert float(psnr("clean").split()[0]) > 30
    assert float(psnr("first").split()[0]) < 12
    assert "has 2 pages" in psnr("two")
