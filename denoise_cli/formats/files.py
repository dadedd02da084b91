"""Picture files ↔ arrays with their depth and metadata, whatever the format. The formats themselves live in `formats`; λ does not."""

from __future__ import annotations

import contextlib
import io
import logging
import stat
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from denoise_cli.errors import DenoiseError
from denoise_cli.formats.conversion import codec, convert
from denoise_cli.formats.picture import Picture, PixelLimit, Refused, quantise
from denoise_cli.settings import MAX_PIXELS
from denoise_cli.storage.writing import appear

__all__ = ["FORMATS", "MAX_PIXELS", "Picture", "check_fits", "encode_picture", "format_of", "quantise", "read_picture", "write_picture"]

FORMATS = {
    ".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".jpe": "jpeg", ".tif": "tiff", ".tiff": "tiff", ".bmp": "bmp", ".webp": "webp",
    ".npy": "npy",
}  # fmt: skip
MAGIC = {
    b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg", b"II*\0": "tiff", b"MM\0*": "tiff", b"II+\0": "tiff", b"MM\0+": "tiff",
    b"BM": "bmp", b"\x93NUMPY": "npy",
}  # fmt: skip
READABLE = "PNG, JPEG, TIFF, BMP, WebP or .npy"


def format_of(path: Path) -> str | None:
    """The format that a name asks for, or None."""
    return FORMATS.get(path.suffix.lower())


def read_picture(path: Path, data: bytes | None = None, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read a picture, by its content, not its name; of `data` where it did not come from a file.

    Raises DenoiseError for what cannot be read, could not be written back whole, or claims more than `max_pixels` on all its pages.
    """
    data = _read_bytes(path) if data is None else data
    if not data:
        raise DenoiseError(f"{path}: the file is empty; get it again from its source")
    kind = _sniff(data)
    if kind is None:
        raise DenoiseError(f"{path}: not a picture that denoise can read; it reads {READABLE}. Convert it first")
    with _in_one_line(path, f"damaged or incomplete {kind.upper()} file", "get it again from its source"):
        picture: Picture = codec(kind).decode(data, PixelLimit(max_pixels))
    return picture


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


def check_fits(picture: Picture, kind: str, path: Path) -> None:
    """Refuse a conversion that could not be written, before the work is done."""
    with _in_one_line(path, f"cannot be written as {kind.upper()}", "choose another format, such as .tif"):
        convert(picture, kind)


def encode_picture(picture: Picture, kind: str, path: Path) -> tuple[bytes, list[str]]:
    """The bytes of `picture` as a file of format `kind`, and what the conversion lost; `path` is what errors name."""
    stream = io.BytesIO()
    # What fails here is, mostly, a side too long for the format.
    with _in_one_line(path, f"cannot be written as {kind.upper()}", "choose another format, such as .tif"):
        converted, losses = convert(picture, kind)
        codec(kind).encode(stream, converted)
    return stream.getvalue(), losses


def _read_bytes(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise DenoiseError(f"{path}: is a directory; name the pictures in it, e.g. {path}/*.png")
        if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            raise DenoiseError(f"{path}: is a device, not a file; name a picture, or - for standard input")
        return path.read_bytes()
    except FileNotFoundError:
        raise DenoiseError(f"{path}: no such file; check the name") from None
    except OSError as error:
        raise DenoiseError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    except MemoryError as error:
        raise DenoiseError(f"{path}: not enough memory to read it; cut it into tiles") from error


def _sniff(data: bytes) -> str | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return next((kind for magic, kind in MAGIC.items() if data.startswith(magic)), None)


@contextlib.contextmanager
def _in_one_line(path: Path, trouble: str, way_out: str) -> Iterator[None]:
    """Decoders and encoders raise what they please (struct.error, zlib.error, SyntaxError, IndexError …): one DenoiseError instead.

    Their warnings are not heard: either the picture is good, or the error says what is wrong.
    """
    for library in ("tifffile", "imagecodecs"):
        logging.getLogger(library).setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Refused as refusal:
        raise DenoiseError(f"{path}: {refusal}") from refusal
    except ImportError as error:
        name = error.name or error
        raise DenoiseError(f"{path}: needs the package {name}, which is not installed; pip install {name}") from error
    except MemoryError as error:
        raise DenoiseError(f"{path}: not enough memory for its pixels; cut it into tiles") from error
    except Exception as error:
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise DenoiseError(f"{path}: {trouble} ({said}); {way_out}") from error
