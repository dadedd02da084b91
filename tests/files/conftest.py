"""Picture files as real encoders write them, each small, of random pixels, so that nothing can be lost unseen."""

from __future__ import annotations

import functools
import io
import shutil
import struct
import subprocess
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, PngImagePlugin

HEIGHT, WIDTH = 21, 34
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><note>kept</note></x:xmpmeta>'


def exif(orientation: int = 6) -> bytes:
    """With a maker, an orientation, an exposure time in the inner directory, and a latitude in the GPS one."""
    block = Image.Exif()
    block[271], block[274] = "Maker & Sons", orientation
    block.get_ifd(0x8769)[33434] = 1 / 125
    block.get_ifd(0x8825)[1] = "N"
    return block.tobytes()


@dataclass(frozen=True)
class Example:
    suffix: str
    data: bytes

    def save(self, path: Path) -> Path:
        path = path.with_suffix(self.suffix)
        path.write_bytes(self.data)
        return path


def pixels(*channels: int, dtype: Any = np.uint8, seed: int = 0, size: tuple[int, int] = (HEIGHT, WIDTH)) -> np.ndarray:
    rng, shape = np.random.default_rng(seed), (*size, *channels)
    if dtype is bool:
        return rng.integers(0, 2, shape).astype(bool)
    if np.dtype(dtype).kind == "f":
        return (2 * rng.random(shape) - 0.5).astype(dtype)
    return rng.integers(0, np.iinfo(dtype).max + 1, shape, dtype=dtype)


def smooth(*channels: int) -> np.ndarray:
    """For JPEG, where noise is lost anyway."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    wave = 127 + 100 * np.sin(x / 9) * np.cos(y / 7)
    return np.stack([wave, 255 - wave, wave / 2], 2).astype(np.uint8) if channels else wave.astype(np.uint8)


def stack() -> np.ndarray:
    return np.stack([pixels(seed=seed) for seed in range(4)])


def pil(array: np.ndarray, kind: str, *, mode: str | None = None, **options: Any) -> bytes:
    stream = io.BytesIO()
    image = Image.fromarray(array)
    if mode == "P":
        image = image.quantize(16)
    elif mode:
        image = image.convert(mode)
    image.save(stream, kind, **options)
    return stream.getvalue()


def tiff(*arrays: np.ndarray, bigtiff: bool = False, byteorder: Any = "<", **options: Any) -> bytes:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream, bigtiff=bigtiff, byteorder=byteorder) as writer:
        for array in arrays:
            writer.write(array, **{"metadata": None, **options})
    return stream.getvalue()


def tiff_file(array: np.ndarray, **options: Any) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, array, **options)
    return stream.getvalue()


def fax(array: np.ndarray) -> bytes:
    import imagecodecs

    if not hasattr(imagecodecs, "ccittfax4_decode"):
        pytest.skip("this imagecodecs is too old for fax compression")
    return pil(array, "TIFF", compression="group4")


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def few_bits(bits: int) -> bytes:
    """A grey PNG of 2 or 4 bits, by hand: libraries read them but do not write them."""
    levels = np.random.default_rng(bits).integers(0, 2**bits, (HEIGHT, 32))
    rows = b""
    for row in levels:
        packed = 0
        for level in row:
            packed = packed << bits | int(level)
        rows += b"\0" + packed.to_bytes(32 * bits // 8, "big")

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 32, HEIGHT, bits, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def deep_png(*channels: int) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.png_encode(pixels(*channels, dtype=np.uint16)))


def opencv(suffix: str, array: np.ndarray) -> bytes:
    cv2 = pytest.importorskip("cv2")
    return bytes(cv2.imencode(suffix, array)[1])


def magick(suffix: str, array: np.ndarray, *words: str) -> bytes:
    # Not every `convert` on a PATH is ImageMagick's.
    command = shutil.which("magick") or shutil.which("convert")
    if command is None or b"ImageMagick" not in subprocess.run([command, "-version"], capture_output=True, check=False).stdout:
        pytest.skip("no ImageMagick here")
    source = io.BytesIO()
    Image.fromarray(array).save(source, "PNG")
    done = subprocess.run([command, "png:-", *words, f"{suffix[1:]}:-"], input=source.getvalue(), capture_output=True, check=True)
    return done.stdout


def vips(suffix: str, array: np.ndarray, options: str) -> bytes:
    if shutil.which("vips") is None:
        pytest.skip("no libvips here")
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.png", Path(folder) / f"out{suffix}"
        Image.fromarray(array).save(source)
        subprocess.run(["vips", "copy", str(source), f"{target}{options}"], check=True, capture_output=True)
        return target.read_bytes()


def text_chunks() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", "A. Uthor")
    info.add_itxt("Comment", "füße", zip=True)
    return info


PNG_DRESS: dict[str, Any] = {"icc_profile": ICC, "exif": exif(), "dpi": (300, 300)}
TAGS = [(274, 3, 1, 6, True), (700, 1, len(XMP), XMP, True), (34675, 7, len(ICC), ICC, True), (65000, 12, 2, (0.25, 4.0), True)]

EXAMPLES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "png 1 bit": (".png", lambda: pil(pixels(dtype=bool), "PNG")),
    "png grey 2 bits": (".png", lambda: few_bits(2)),
    "png grey 4 bits": (".png", lambda: few_bits(4)),
    "png grey": (".png", lambda: pil(pixels(), "PNG", pnginfo=text_chunks(), **PNG_DRESS)),
    "png grey 16": (".png", lambda: pil(pixels(dtype=np.uint16), "PNG", dpi=(72, 72))),
    "png grey alpha": (".png", lambda: pil(pixels(2), "PNG")),
    "png rgb": (".png", lambda: pil(pixels(3), "PNG", pnginfo=text_chunks(), **PNG_DRESS)),
    "png rgba": (".png", lambda: pil(pixels(4), "PNG")),
    "png grey colour key": (".png", lambda: pil(pixels(), "PNG", transparency=7)),
    "png rgb colour key": (".png", lambda: pil(pixels(3) // 200 * 200, "PNG", transparency=(200, 0, 200))),
    "png palette": (".png", lambda: pil(pixels(3), "PNG", mode="P")),
    "png palette of 4 bits, transparent": (".png", lambda: pil(pixels(3), "PNG", mode="P", transparency=bytes([0, 99, 255]), bits=4)),
    "png grey alpha 16": (".png", lambda: deep_png(2)),
    "png rgb 16": (".png", lambda: deep_png(3)),
    "png rgba 16": (".png", lambda: deep_png(4)),
    "png rgb 16 of opencv": (".png", lambda: opencv(".png", pixels(3, dtype=np.uint16))),
    "png rgb 16 interlaced of imagemagick": (".png", lambda: magick(".png", pixels(3), "-interlace", "PNG", "-define", "png:bit-depth=16")),
    "png of libvips": (".png", lambda: vips(".png", pixels(3), "[interlace]")),
    "jpeg 4:2:0": (".jpg", lambda: pil(smooth(3), "JPEG", quality=83, subsampling=2, icc_profile=ICC, exif=exif(), dpi=(300, 300))),
    "jpeg 4:4:4 progressive": (
        ".jpg", lambda: pil(smooth(3), "JPEG", quality=95, subsampling=0, progressive=True, comment=b"hello", xmp=XMP),
    ),
    "jpeg grey": (".jpg", lambda: pil(smooth(), "JPEG", quality=70)),
    "jpeg cmyk": (".jpg", lambda: pil(smooth(3), "JPEG", mode="CMYK", quality=90)),
    "jpeg of rgb itself": (".jpg", lambda: pil(smooth(3), "JPEG", quality=90, keep_rgb=True, subsampling=0)),
    "jpeg of opencv": (".jpg", lambda: opencv(".jpg", smooth(3))),
    "jpeg of imagemagick": (".jpg", lambda: magick(".jpg", smooth(3), "-quality", "88", "-sampling-factor", "4:2:2")),
    "webp lossless": (".webp", lambda: pil(pixels(3), "WEBP", lossless=True, icc_profile=ICC, exif=exif(), xmp=XMP)),
    "webp lossless rgba": (".webp", lambda: pil(pixels(4), "WEBP", lossless=True, exact=True)),
    "webp lossy": (".webp", lambda: pil(smooth(3), "WEBP", quality=90)),
    "bmp 1 bit": (".bmp", lambda: pil(pixels(dtype=bool), "BMP")),
    "bmp grey": (".bmp", lambda: pil(pixels(), "BMP")),
    "bmp rgb": (".bmp", lambda: pil(pixels(3), "BMP", dpi=(300, 300))),
    "bmp palette": (".bmp", lambda: pil(pixels(3), "BMP", mode="P")),
    "bmp rgba of imagemagick": (".bmp", lambda: magick(".bmp", pixels(4))),
    "tiff 1 bit": (".tif", lambda: tiff(pixels(dtype=bool), photometric="minisblack")),
    "tiff 1 bit white is zero, packed": (".tif", lambda: tiff(pixels(dtype=bool), photometric="miniswhite", compression="packbits")),
    "tiff grey": (".tif", lambda: tiff(pixels(), extratags=TAGS, resolution=(300, 300.1), resolutionunit=3, description=b"\xc2\xb5m")),
    "tiff grey 16 big-endian": (".tif", lambda: tiff(pixels(dtype=np.uint16), byteorder=">", extratags=TAGS)),
    "tiff grey 32": (".tif", lambda: tiff(pixels(dtype=np.uint32))),
    "tiff grey white is zero": (".tif", lambda: tiff(pixels(dtype=np.uint16), photometric="miniswhite")),
    "tiff half floats": (".tif", lambda: tiff(pixels(dtype=np.float16))),
    "tiff floats": (".tif", lambda: tiff(pixels(dtype=np.float32), compression="zlib", predictor=3)),
    "tiff doubles": (".tif", lambda: tiff(pixels(dtype=np.float64))),
    "tiff rgb": (".tif", lambda: tiff(pixels(3), photometric="rgb", datetime="2024:05:06 07:08:09", software="scanner")),
    "tiff rgb 16 lzw, predictor": (".tif", lambda: tiff(pixels(3, dtype=np.uint16), photometric="rgb", compression="lzw", predictor=2)),
    "tiff rgb zstd": (".tif", lambda: tiff(pixels(3), photometric="rgb", compression="zstd")),
    "tiff rgba": (".tif", lambda: tiff(pixels(4, dtype=np.uint16), photometric="rgb", extrasamples=["unassalpha"])),
    "tiff rgba premultiplied": (".tif", lambda: tiff(pixels(4), photometric="rgb", extrasamples=["assocalpha"])),
    "tiff grey alpha": (".tif", lambda: tiff(pixels(2), photometric="minisblack", extrasamples=["unassalpha"], planarconfig="contig")),
    "tiff rgb and two spot colours": (".tif", lambda: tiff(pixels(5), photometric="rgb", extrasamples=[0, 0])),
    "tiff seven channels": (".tif", lambda: tiff(pixels(7), photometric="minisblack", planarconfig="contig")),
    "tiff rgb planar": (".tif", lambda: tiff(np.moveaxis(pixels(3), 2, 0), photometric="rgb", planarconfig="separate")),
    "tiff rgba planar": (
        ".tif", lambda: tiff(np.moveaxis(pixels(4), 2, 0), photometric="rgb", planarconfig="separate", extrasamples=["unassalpha"]),
    ),
    "tiff tiled, deflate": (".tif", lambda: tiff(pixels(3, size=(70, 90)), photometric="rgb", tile=(32, 16), compression="zlib")),
    "tiff cmyk": (".tif", lambda: tiff(pixels(4), photometric="separated")),
    "tiff big": (".tif", lambda: tiff(pixels(), bigtiff=True, extratags=TAGS)),
    "tiff of three equal pages": (".tif", lambda: tiff(*(pixels(seed=seed) for seed in range(3)))),
    "tiff of unequal pages": (".tif", lambda: tiff(pixels(), pixels(size=(9, 12), dtype=np.uint16), pixels(size=(5, 40)))),
    "tiff stack of imagej": (".tif", lambda: tiff_file(stack(), imagej=True, metadata={"axes": "ZYX"})),
    "tiff stack of ome": (
        ".ome.tif", lambda: tiff_file(stack(), ome=True, metadata={"axes": "CYX", "Name": "µ"}),
    ),
    "tiff stack of tifffile": (".tif", lambda: tiff_file(stack(), photometric="minisblack")),
    "tiff stack that lists one page": (
        ".tif", lambda: tiff(stack(), metadata={"axes": "TYX"}, truncate=True, photometric="minisblack"),
    ),
    "tiff palette": (".tif", lambda: pil(pixels(3), "TIFF", mode="P")),
    "tiff lzw of pillow": (".tif", lambda: pil(pixels(3), "TIFF", compression="tiff_lzw", dpi=(300, 300), icc_profile=ICC)),
    "tiff group 4 of pillow": (".tif", lambda: fax(pixels(dtype=bool))),
    "tiff with exif of pillow": (".tif", lambda: pil(pixels(3), "TIFF", exif=exif(1))),
    "tiff lzw of imagemagick": (".tif", lambda: magick(".tif", pixels(4), "-compress", "lzw", "-define", "tiff:rows-per-strip=3")),
    "tiff 16 of opencv": (".tif", lambda: opencv(".tif", pixels(3, dtype=np.uint16))),
    "tiff pyramid of libvips": (".tif", lambda: vips(".tif", pixels(3, size=(80, 80)), "[tile,tile-width=32,tile-height=32,pyramid]")),
    "npy": (".npy", lambda: npy(pixels(3, dtype=np.float32))),
    "npy 16": (".npy", lambda: npy(pixels(dtype=np.uint16))),
    "npy 32, big-endian": (".npy", lambda: npy(pixels(dtype=np.uint32).astype(">u4"))),
}  # fmt: skip


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "example" in metafunc.fixturenames:
        metafunc.parametrize("example", EXAMPLES, indirect=True)


@functools.cache
def make(name: str) -> Example:
    suffix, encode = EXAMPLES[name]
    return Example(suffix, encode())


@pytest.fixture
def example(request: pytest.FixtureRequest) -> Example:
    """Each of the files in turn."""
    return make(request.param)


@pytest.fixture
def example_named() -> Callable[[str], Example]:
    return make


@pytest.fixture
def draw() -> Callable[..., np.ndarray]:
    return pixels


@pytest.fixture
def encoders() -> Any:
    """pil(array, kind, …), tiff(*pages, …), npy(array), exif(orientation), ICC, XMP."""

    class Encoders:
        pil, tiff, npy, exif, ICC, XMP = staticmethod(pil), staticmethod(tiff), staticmethod(npy), staticmethod(exif), ICC, XMP

    return Encoders
