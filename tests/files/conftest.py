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


def netpbm(kind: int, array: np.ndarray, white: int, comment: bytes = b"# scanner\n") -> bytes:
    height, width = array.shape[:2]
    head = b"P%d\n%s%d %d\n" % (kind, comment, width, height) + (b"" if kind in (1, 4) else b"%d\n" % white)
    if kind < 4:
        return head + b"\n".join(b" ".join(b"%d" % value for value in row) for row in array.reshape(height, -1)) + b"\n"
    if kind == 4:
        return head + np.packbits(array, axis=1).tobytes()
    return head + array.astype("u1" if white < 256 else ">u2").tobytes()


def levels(*channels: int, white: int) -> np.ndarray:
    return np.random.default_rng(white).integers(0, white + 1, (HEIGHT, WIDTH, *channels))


def pfm(array: np.ndarray, scale: bytes) -> bytes:
    head = b"P%s\n%d %d\n%s\n" % (b"F" if array.ndim == 3 else b"f", WIDTH, HEIGHT, scale)
    return head + array[::-1].astype("<f4" if scale[:1] == b"-" else ">f4").tobytes()


def codecs(name: str, array: np.ndarray, *words: Any, **options: Any) -> bytes:
    import imagecodecs

    return bytes(getattr(imagecodecs, f"{name}_encode")(array, *words, **options))


def jpeg_2000(array: np.ndarray, **options: Any) -> bytes:
    return codecs("jpeg2k", array, 0, reversible=True, resolutions=1, **options)


def heic(array: np.ndarray, mode: str, *, twelve: bool = False, **options: Any) -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif")
    stream = io.BytesIO()
    pillow_heif.options.SAVE_HDR_TO_12_BIT = twelve
    pillow_heif.encode(mode, (WIDTH, HEIGHT), array.tobytes(), stream, quality=95, chroma=444, **options)
    return stream.getvalue()


def exr(channels: dict[str, np.ndarray], **header: Any) -> bytes:
    OpenEXR = pytest.importorskip("OpenEXR")
    stream = io.BytesIO()
    told = {"compression": OpenEXR.PIZ_COMPRESSION, "type": OpenEXR.scanlineimage, "note": "kept"} | header
    with OpenEXR.File(told, channels) as file:
        file.write(stream)
    return stream.getvalue()


def radiance(array: np.ndarray) -> bytes:
    head = b"#?RADIANCE\n# made by hand\nEXPOSURE=2.0\nFORMAT=32-bit_rle_rgbe\n\n-Y %d +X %d\n" % array.shape[:2]
    return head + codecs("rgbe", np.ascontiguousarray(array), header=False, rle=True)


def fits(array: np.ndarray, **cards: Any) -> bytes:
    astropy = pytest.importorskip("astropy.io.fits")
    header = astropy.Header()
    header["OBSERVER"], header["FILTER"] = "E. Hubble", "r"
    primary = astropy.PrimaryHDU(array, header=header)
    for keyword, value in cards.items():
        primary.header[keyword] = value
    table = astropy.BinTableHDU.from_columns([astropy.Column(name="t", format="E", array=np.arange(3.0))])
    stream = io.BytesIO()
    astropy.HDUList([primary, table]).writeto(stream)
    return stream.getvalue()


def fits_of_ints(array: np.ndarray, scale: float, zero: float, blank: int | None = None) -> bytes:
    """A header by hand: astropy would rescale what it is given."""
    cards = ["SIMPLE  =                    T", f"BITPIX  = {8 * array.dtype.itemsize:20d}", f"NAXIS   = {array.ndim:20d}"]
    cards += [f"NAXIS{at}  = {size:20d}" for at, size in enumerate(reversed(array.shape), 1)]
    cards += [
        f"BSCALE  = {scale:20}",
        f"BZERO   = {zero:20}",
        *([] if blank is None else [f"BLANK   = {blank:20d}"]),
        "BUNIT   = 'adu     '",
    ]
    head = b"".join(card.ljust(80).encode() for card in [*cards, "END"]).ljust(2880)
    body = array.astype(array.dtype.newbyteorder(">")).tobytes()
    return head + body + bytes(-len(body) % 2880)


def dicom(array: np.ndarray, *, bits: int = 0, frames: int = 0, kind: str = "MONOCHROME2", **elements: Any) -> bytes:
    pydicom = pytest.importorskip("pydicom")
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3.4"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset(None, {}, file_meta=meta, preamble=bytes(128))
    dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.PatientName = meta.MediaStorageSOPClassUID, "1.2.3.4", "Roentgen^W"
    dataset.add_new((0x0009, 0x0010), "LO", "PRIVATE")
    dataset.Rows, dataset.Columns = array.shape[1 if frames else 0], array.shape[2 if frames else 1]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 3 if kind == "RGB" else 1, kind
    if kind == "RGB":
        dataset.PlanarConfiguration = 0
    if frames:
        dataset.NumberOfFrames = frames
    dataset.BitsAllocated = 8 * array.dtype.itemsize
    dataset.BitsStored = bits or dataset.BitsAllocated
    dataset.HighBit, dataset.PixelRepresentation = dataset.BitsStored - 1, int(array.dtype.kind == "i")
    for name, value in elements.items():
        setattr(dataset, name, value)
    dataset.PixelData = array.tobytes() + bytes(array.nbytes % 2)
    dataset["PixelData"].VR = "OB" if array.dtype.itemsize == 1 else "OW"
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, dataset, enforce_file_format=True)
    return stream.getvalue()


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
    "pgm": (".pgm", lambda: netpbm(5, levels(white=255), 255)),
    "pgm of 12 bits": (".pgm", lambda: netpbm(5, levels(white=4095), 4095)),
    "pgm of 16 bits": (".pgm", lambda: netpbm(5, levels(white=65535), 65535)),
    "pgm with 7 levels, plain": (".pgm", lambda: netpbm(2, levels(white=6), 6)),
    "pgm plain": (".pgm", lambda: netpbm(2, levels(white=255), 255)),
    "ppm": (".ppm", lambda: netpbm(6, levels(3, white=255), 255, b"")),
    "ppm of pillow": (".ppm", lambda: pil(pixels(3), "PPM")),
    "ppm of 16 bits": (".ppm", lambda: netpbm(6, levels(3, white=65535), 65535)),
    "ppm plain of 10 bits": (".ppm", lambda: netpbm(3, levels(3, white=1023), 1023)),
    "pbm": (".pbm", lambda: netpbm(4, levels(white=1), 1)),
    "pbm plain": (".pbm", lambda: netpbm(1, levels(white=1), 1)),
    "pfm": (".pfm", lambda: pfm(pixels(dtype=np.float32), b"-1.0")),
    "pfm rgb, big-endian": (".pfm", lambda: pfm(pixels(3, dtype=np.float32), b"2.5")),
    "jpeg 2000 grey": (".jp2", lambda: jpeg_2000(pixels())),
    "jpeg 2000 rgb": (".jp2", lambda: jpeg_2000(pixels(3))),
    "jpeg 2000 rgba": (".jp2", lambda: jpeg_2000(pixels(4))),
    "jpeg 2000 of 12 bits": (".jp2", lambda: jpeg_2000(levels(white=4095).astype(np.uint16), bitspersample=12)),
    "jpeg 2000 of 16 bits, codestream": (".j2k", lambda: jpeg_2000(pixels(3, dtype=np.uint16), codecformat="J2K")),
    "jpeg 2000 of pillow": (".jp2", lambda: pil(pixels(3), "JPEG2000", irreversible=False)),
    "jpeg xl grey of 16 bits": (".jxl", lambda: codecs("jpegxl", pixels(dtype=np.uint16), lossless=True)),
    "jpeg xl of 10 bits": (".jxl", lambda: codecs("jpegxl", levels(3, white=1023).astype(np.uint16), lossless=True, bitspersample=10)),
    "jpeg xl rgb": (".jxl", lambda: codecs("jpegxl", pixels(3), lossless=True, usecontainer=True)),
    "jpeg xl rgba": (".jxl", lambda: codecs("jpegxl", pixels(4), lossless=True)),
    "jpeg xl floats": (".jxl", lambda: codecs("jpegxl", pixels(3, dtype=np.float32), lossless=True)),
    "avif": (".avif", lambda: pil(smooth(3), "AVIF", quality=90, icc_profile=ICC, exif=exif(1), xmp=XMP)),
    "avif of 10 bits": (".avif", lambda: codecs("avif", smooth(3).astype(np.uint16) * 4, 95, bitspersample=10, pixelformat="444")),
    "heic": (".heic", lambda: heic(smooth(3), "RGB", exif=b"Exif\0\0" + exif(1).removeprefix(b"Exif\0\0"))),
    "heic of 10 bits": (".heic", lambda: heic(smooth(3).astype(np.uint16) * 257, "RGB;16")),
    "tga rgb": (".tga", lambda: pil(pixels(3), "TGA")),
    "tga rgba, packed": (".tga", lambda: pil(pixels(4) // 128, "TGA", compression="tga_rle")),
    "tga grey": (".tga", lambda: pil(pixels(), "TGA", orientation=1, id_section=b"mine")),
    "exr": (".exr", lambda: exr({"RGB": pixels(3, dtype=np.float16)})),
    "exr grey with depth": (".exr", lambda: exr({"Y": pixels(dtype=np.float32), "Z": pixels(dtype=np.float32, seed=1)})),
    "exr with alpha": (".exr", lambda: exr({"RGBA": np.abs(pixels(4, dtype=np.float32))})),
    "radiance": (".hdr", lambda: radiance(np.abs(pixels(3, dtype=np.float32)) * 40)),
    "fits": (".fits", lambda: fits(pixels(dtype=np.float32).astype(np.float32))),
    "fits doubles": (".fits", lambda: fits(pixels(dtype=np.float64))),
    "fits of 16 bits": (".fits", lambda: fits(pixels(dtype=np.int16))),
    "fits unsigned": (".fits", lambda: fits(pixels(dtype=np.uint16))),
    "fits cube": (".fits", lambda: fits(np.stack([pixels(dtype=np.int32, seed=seed) for seed in range(3)]))),
    "fits rescaled": (".fits", lambda: fits_of_ints(pixels(dtype=np.int16), 0.25, 12.5, -32768)),
    "dicom": (".dcm", lambda: dicom(pixels(dtype=np.int16), RescaleSlope=1, RescaleIntercept=-1024)),
    "dicom of 12 bits": (".dcm", lambda: dicom(levels(white=4095).astype(np.uint16), bits=12, RescaleSlope=1, RescaleIntercept=-1024)),
    "dicom frames": (".dcm", lambda: dicom(stack().astype(np.uint16), frames=4, RescaleSlope=0.5, RescaleIntercept=3)),
    "dicom rgb": (".dcm", lambda: dicom(pixels(3), kind="RGB")),
}  # fmt: skip


def sun_raster(array: np.ndarray) -> bytes:
    """By hand: Pillow reads them, but does not write them. Rows are of an even length, colours blue first."""
    height, width = array.shape[:2]
    rows = np.zeros((height, 3 * width + 3 * width % 2), np.uint8)
    rows[:, : 3 * width] = array[:, :, ::-1].reshape(height, -1)
    return struct.pack(">8I", 0x59A66A95, width, height, 24, rows.size, 1, 0, 0) + rows.tobytes()


# Formats that are read, but not written: suffix, file, pixels that must come out.
READ_ONLY: dict[str, tuple[str, Callable[[], bytes], Callable[[], np.ndarray]]] = {
    "gif grey": (".gif", lambda: pil(pixels(), "GIF"), lambda: np.stack([pixels()] * 3, 2)),
    "pcx": (".pcx", lambda: pil(pixels(3), "PCX"), lambda: pixels(3)),
    "sgi": (".sgi", lambda: pil(pixels(3), "SGI"), lambda: pixels(3)),
    "dds": (".dds", lambda: pil(pixels(3), "DDS"), lambda: pixels(3)),
    "qoi": (".qoi", lambda: codecs("qoi", pixels(3)), lambda: pixels(3)),
    "sun raster": (".ras", lambda: sun_raster(pixels(3)), lambda: pixels(3)),
    "ico": (".ico", lambda: pil(pixels(3, size=(32, 32)), "ICO", sizes=[(32, 32)]), lambda: pixels(3, size=(32, 32))),
}


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
def dicom_bytes() -> Callable[..., bytes]:
    """A DICOM file of an array, with further elements by their keywords."""
    return dicom


@pytest.fixture
def every_example() -> list[str]:
    """The names of all files in EXAMPLES."""
    return list(EXAMPLES)


@pytest.fixture
def read_only() -> dict[str, tuple[str, bytes]]:
    """Suffix and bytes of a file in each format that is read, but not written."""
    return {name: (suffix, make_file()) for name, (suffix, make_file, _) in READ_ONLY.items()}


@pytest.fixture
def read_only_pixels() -> dict[str, np.ndarray]:
    """What the files of `read_only` show."""
    return {name: shown() for name, (_, _, shown) in READ_ONLY.items()}


@pytest.fixture
def draw() -> Callable[..., np.ndarray]:
    return pixels


@pytest.fixture
def encoders() -> Any:
    """pil(array, kind, …), tiff(*pages, …), npy(array), exif(orientation), ICC, XMP."""

    class Encoders:
        pil, tiff, npy, exif, ICC, XMP = staticmethod(pil), staticmethod(tiff), staticmethod(npy), staticmethod(exif), ICC, XMP

    return Encoders
