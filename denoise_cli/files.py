"""Picture files ↔ arrays with their depth and metadata, and CSV logs. Pillow and tifffile live here; λ does not."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from denoise_cli.errors import DenoiseError
from denoise_cli.writing import appear

if TYPE_CHECKING:
    import numpy.typing as npt
    from PIL.Image import Image

    Array = npt.NDArray[Any]

__all__ = ["FORMATS", "MAX_PIXELS", "Picture", "encode_picture", "format_of", "read_picture", "write_picture"]

FORMATS = {
    ".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".jpe": "jpeg", ".tif": "tiff", ".tiff": "tiff", ".bmp": "bmp", ".webp": "webp",
    ".npy": "npy",
}  # fmt: skip
MAGIC = {
    b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg", b"II*\0": "tiff", b"MM\0*": "tiff", b"II+\0": "tiff", b"MM\0+": "tiff",
    b"BM": "bmp", b"\x93NUMPY": "npy",
}  # fmt: skip
READABLE = "PNG, JPEG, TIFF, BMP, WebP or .npy"
MAX_PIXELS = 1_000_000_000


@dataclass(frozen=True)
class Picture:
    """Pixels as stored, (height, width) or (height, width, 3), and what else the file holds that its successor should hold too."""

    pixels: Array
    format: str
    extras: dict[str, Any] = field(default_factory=dict)

    def successor(self, image: Array) -> Picture:
        """The same file with other pixels: `image` in floats, clipped to [0, 1] and rounded to the depth of this one.

        Float pixels stay as they are, in the precision of the file (.npy: of the computation).
        """
        import numpy as np

        if self.format == "npy":
            return replace(self, pixels=image)
        if self.pixels.dtype.kind == "f":
            return replace(self, pixels=image.astype(self.pixels.dtype))
        return replace(self, pixels=quantise(image, self.pixels.dtype) if self.pixels.dtype != bool else np.asarray(image >= 0.5))


def quantise(image: Array, dtype: npt.DTypeLike) -> Array:
    """[0, 1] → the whole range of an unsigned integer: clipped, then rounded to nearest; never wrapped."""
    import numpy as np

    top = np.iinfo(np.dtype(dtype)).max
    scaled = np.clip(image, 0, 1).astype(np.float64) * top
    return np.rint(scaled, out=scaled).astype(dtype)


def format_of(path: Path) -> str | None:
    """The format that a name asks for, or None."""
    return FORMATS.get(path.suffix.lower())


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_picture(path: Path, data: bytes | None = None) -> Picture:
    """Read a picture, by its content, not its name; of `data` where it did not come from a file.

    Raises DenoiseError for what cannot be read or could not be written back whole.
    """
    data = _read_bytes(path) if data is None else data
    kind = _sniff(data)
    if kind is None:
        raise DenoiseError(f"{path}: not a picture that denoise can read; it reads {READABLE}. Convert it first")
    try:
        if kind == "npy":
            return _read_npy(path, data)
        if kind == "tiff":
            return _read_tiff(path, data)
        return _read_with_pillow(path, data, kind)
    except DenoiseError:
        raise
    except MemoryError as error:
        raise DenoiseError(f"{path}: not enough memory to decode it; cut it into tiles") from error
    except Exception as error:
        # Decoders raise what they please on damaged files (struct.error, zlib.error, SyntaxError, IndexError …).
        trouble = " ".join(str(error).split()) or type(error).__name__
        raise DenoiseError(f"{path}: damaged or incomplete {kind.upper()} file ({trouble}); get it again from its source") from error


def _read_bytes(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise DenoiseError(f"{path}: is a directory; name the pictures in it, e.g. {path}/*.png")
        data = path.read_bytes()
    except FileNotFoundError:
        raise DenoiseError(f"{path}: no such file; check the name") from None
    except OSError as error:
        raise DenoiseError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    if not data:
        raise DenoiseError(f"{path}: the file is empty; get it again from its source")
    return data


def _sniff(data: bytes) -> str | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return next((kind for magic, kind in MAGIC.items() if data.startswith(magic)), None)


def _read_npy(path: Path, data: bytes) -> Picture:
    import numpy as np

    pixels = np.load(io.BytesIO(data), allow_pickle=False)
    if (
        pixels.ndim not in (2, 3)
        or pixels.size == 0
        or pixels.dtype.kind not in "fbu"
        or pixels.dtype.itemsize > (8 if pixels.dtype.kind == "f" else 2)
    ):
        raise DenoiseError(
            f"{path}: an array of shape {pixels.shape} and type {pixels.dtype} is no picture; "
            "save (height, width) or (height, width, channels) as float32, float64, uint8, uint16 or bool"
        )
    return Picture(pixels, "npy")


def _refuse(path: Path, what: str, way_out: str) -> DenoiseError:
    return DenoiseError(f"{path}: {what}, which denoise would lose; {way_out}")


def _read_with_pillow(path: Path, data: bytes, kind: str) -> Picture:
    import numpy as np
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # _check_size has a limit of its own, and no warning below it
    with Image.open(io.BytesIO(data), formats=[kind]) as image:
        _check_size(path, image.size)
        if (frames := getattr(image, "n_frames", 1)) > 1:
            raise _refuse(path, f"{frames} frames", "take them apart first")
        if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
            raise _refuse(path, "has transparency", "flatten it first (magick IN -background white -flatten OUT)")
        if image.mode == "P":
            raise _refuse(path, "has a palette", "convert it to RGB first (magick IN PNG24:OUT)")
        if kind == "png" and (data[24], data[25]) == (16, 2):
            raise _refuse(path, "16-bit RGB PNG", "convert it to TIFF first (magick IN OUT.tif)")
        if image.mode not in ("1", "L", "I;16", "I", "RGB"):
            raise _refuse(path, f"colour mode {image.mode}", "convert it to grey or RGB first (magick IN -colorspace sRGB OUT)")
        image.load()
        pixels = np.asarray(image)
        if image.mode.startswith("I"):
            pixels = pixels.astype(np.uint16)
        return Picture(pixels, kind, _pillow_extras(image, data, kind))


def _pillow_extras(image: Image, data: bytes, kind: str) -> dict[str, Any]:
    """What `save` is to be told beside the pixels. PNG keeps its chunks instead."""
    if kind == "png":
        return {"chunks": [(name, body) for name, body in _png_chunks(data) if name in PNG_KEPT]}
    kept = {name: image.info[name] for name in ("icc_profile", "exif", "xmp", "dpi", "comment") if image.info.get(name)}
    if kind == "jpeg":
        from PIL import JpegImagePlugin

        # The source's own tables: neither a better nor a worse JPEG than it was.
        kept["qtables"] = getattr(image, "quantization", None)
        sampling = JpegImagePlugin.get_sampling(image)
        if sampling >= 0:
            kept["subsampling"] = sampling
        kept["progressive"] = bool(image.info.get("progressive"))
    if kind == "webp":
        kept |= {"lossless": True} if b"VP8L" in data[12:64] else {"quality": 95}
    return kept


def _check_size(path: Path, size: tuple[int, ...]) -> None:
    width, height = size[:2]
    if width * height > MAX_PIXELS:
        raise DenoiseError(f"{path}: {width} × {height} pixels are more than the {MAX_PIXELS:,} that denoise takes; cut it into tiles")


def _read_tiff(path: Path, data: bytes) -> Picture:
    import numpy as np
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        if len(file.pages) > 1:
            raise _refuse(path, f"{len(file.pages)} pages", "split it first (tiffsplit IN)")
        page: Any = file.pages.first
        _check_size(path, (page.imagewidth, page.imagelength))
        if page.extrasamples:
            raise _refuse(path, "has transparency (extra samples)", "flatten it first (magick IN -background white -flatten OUT)")
        if page.photometric not in (0, 1, 2):
            raise _refuse(path, f"colour model {page.photometric.name}", "convert it to grey or RGB first (magick IN -colorspace sRGB OUT)")
        try:
            pixels = page.asarray()
        except ValueError as error:
            if "imagecodecs" in str(error):
                raise DenoiseError(
                    f"{path}: TIFF compression {page.compression.name} needs the package imagecodecs; pip install imagecodecs"
                ) from error
            raise
        separate = page.planarconfig == 2 and page.samplesperpixel > 1
        if separate:
            pixels = np.moveaxis(pixels, 0, -1)
        if pixels.dtype.name not in ("bool", "uint8", "uint16", "float32", "float64") or pixels.ndim not in (2, 3):
            raise _refuse(path, f"pixels of type {pixels.dtype}, shape {pixels.shape}", "convert it to 8 or 16 bit or float first")
        return Picture(pixels, "tiff", _tiff_extras(page, separate) | {"byteorder": file.byteorder})


# Tags that say nothing about how the pixels are stored: (code, TIFF type or None for the file's own).
TIFF_KEPT = (269, 270, 271, 272, 274, 285, 306, 315, 316, 700, 33432, 33723, 34675)


def _tiff_extras(page: Any, separate: bool) -> dict[str, Any]:
    extras: dict[str, Any] = {"photometric": page.photometric, "metadata": None}
    if separate:
        extras["planarconfig"] = "separate"
    if page.compression.name in ("LZW", "DEFLATE", "ADOBE_DEFLATE", "PACKBITS", "ZSTD", "LZMA"):
        extras["compression"] = page.compression
        if page.predictor != 1:
            extras["predictor"] = page.predictor
    elif page.compression.name != "NONE":
        extras["compression"] = "zlib"
    if page.is_tiled:
        extras["tile"] = (page.tilelength, page.tilewidth)
    if 282 in page.tags and 283 in page.tags:
        unit = page.tags[296].value if 296 in page.tags else 2
        extras |= {"resolution": (page.tags[282].value, page.tags[283].value), "resolutionunit": int(unit)}
    software = page.tags[305].value if 305 in page.tags else None
    extras["software"] = software if isinstance(software, str) else False
    kept = [page.tags[code] for code in TIFF_KEPT if code in page.tags]
    extras["extratags"] = [(tag.code, int(tag.dtype), tag.count, tag.value, True) for tag in kept]
    return extras


PNG_KEPT = (
    b"cHRM", b"gAMA", b"iCCP", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"pHYs", b"eXIf", b"tEXt", b"zTXt", b"iTXt", b"tIME",
)  # fmt: skip


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at + 12 <= len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += 12 + length


# ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def write_picture(
    path: Path, picture: Picture, *, overwrite: bool = False, kind: str | None = None, seal: Callable[[Path], None] | None = None
) -> list[str]:
    """Write `picture` as `kind`, or as the format that `path` asks for (its own if the name asks for none); all of it, or nothing.

    Returns what the conversion lost, in words. `seal` is called with the complete file just before it appears under its name.
    """
    encoded, losses = encode_picture(picture, kind or format_of(path) or picture.format, path)
    with appear(path, overwrite=overwrite, seal=seal) as stream:
        stream.write(encoded)
    return losses


def encode_picture(picture: Picture, kind: str, path: Path) -> tuple[bytes, list[str]]:
    """The bytes of `picture` as a file of format `kind`, and what the conversion lost; `path` is what errors name."""
    picture, losses = _convert(path, picture, kind)
    encode = {"npy": _encode_npy, "tiff": _encode_tiff}.get(kind, _encode_with_pillow)
    stream = io.BytesIO()
    encode(stream, picture, kind)
    return stream.getvalue(), losses


def _convert(path: Path, picture: Picture, kind: str) -> tuple[Picture, list[str]]:
    import numpy as np

    if kind == picture.format or kind == "npy":
        return picture, []
    pixels, losses = picture.pixels, []
    if pixels.dtype.kind == "f" and kind != "tiff":
        low, high = float(pixels.min()), float(pixels.max())
        if low < -0.5 or high > 1.5:
            raise DenoiseError(
                f"{path}: values from {low:g} to {high:g} do not fit a {kind.upper()}, which holds [0, 1]; "
                "write .npy or .tif, or scale the input"
            )
        deepest = np.uint16 if kind == "png" and pixels.ndim == 2 else np.uint8
        losses.append(f"{kind.upper()} holds {np.iinfo(deepest).bits}-bit integers: the floats were clipped to [0, 1] and rounded")
        pixels = quantise(pixels, deepest)
    elif pixels.dtype == np.uint16 and (kind in ("jpeg", "webp", "bmp") or (kind == "png" and pixels.ndim == 3)):
        losses.append(f"{kind.upper()} holds 8 bits here: 16-bit values were rounded to 8; write TIFF to keep them")
        pixels = quantise(pixels / np.float64(65535), np.uint8)
    elif pixels.dtype == bool and kind in ("jpeg", "webp"):
        pixels = quantise(pixels, np.uint8)
    if pixels.ndim == 3 and pixels.shape[2] not in (1, 3) and kind != "tiff":
        raise DenoiseError(f"{path}: {pixels.shape[2]} channels do not fit a {kind.upper()}; write .npy or .tif")
    carried = {name: value for name, value in picture.extras.items() if name in ("icc_profile", "exif", "xmp", "dpi")}
    return Picture(pixels, kind, carried if kind in ("jpeg", "webp") else {}), losses


def _encode_npy(stream: BinaryIO, picture: Picture, kind: str) -> None:  # noqa: ARG001 - one signature for all encoders
    import numpy as np

    np.save(stream, picture.pixels)


def _encode_tiff(stream: BinaryIO, picture: Picture, kind: str) -> None:  # noqa: ARG001
    import numpy as np
    import tifffile

    pixels, extras = picture.pixels, dict(picture.extras)
    if "photometric" not in extras:
        extras |= {"photometric": "rgb" if pixels.ndim == 3 and pixels.shape[2] == 3 else "minisblack", "metadata": None}
    if extras.get("planarconfig") == "separate":
        pixels = np.moveaxis(pixels, -1, 0)
    tifffile.imwrite(stream, np.ascontiguousarray(pixels), **extras)


def _encode_with_pillow(stream: BinaryIO, picture: Picture, kind: str) -> None:
    from PIL import Image

    pixels, extras = picture.pixels, dict(picture.extras)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    chunks = extras.pop("chunks", [])
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, kind, **extras)
    data = encoded.getvalue()
    if kind == "png" and chunks:
        head = 8 + 12 + 13  # signature and IHDR
        data = data[:head] + b"".join(map(_png_chunk, chunks)) + data[head:]
    stream.write(data)


def _png_chunk(chunk: tuple[bytes, bytes]) -> bytes:
    name, body = chunk
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
