"""Picture files ↔ arrays with their depth and metadata, whatever the format. The formats themselves live in `formats`; λ does not."""

from __future__ import annotations

import contextlib
import io
import logging
import stat
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from denoise_cli.errors import DenoiseError
from denoise_cli.formats.axes import check_letters, check_pages, counted
from denoise_cli.formats.conversion import codec, convert
from denoise_cli.formats.known import FORMATS as KNOWN
from denoise_cli.formats.known import PACKED, camera_raw, formats_of_files, known, readable, sniff, suffix_for
from denoise_cli.formats.picture import Page, Picture, PixelLimit, Refused, quantise
from denoise_cli.settings import MAX_PIXELS
from denoise_cli.storage.folders import folder_appears
from denoise_cli.storage.missing import no_such_file
from denoise_cli.storage.pipes import PIPE, STDIN, read_stdin
from denoise_cli.storage.writing import appear

__all__ = [
    "FORMATS",
    "MAX_PIXELS",
    "Picture",
    "check_fits",
    "encode_picture",
    "format_of",
    "quantise",
    "read_picture",
    "read_source",
    "suffix_for",
    "write_picture",
    "written_format",
]

# Suffix → format, of all files that are looked at in a folder.
FORMATS = formats_of_files()
# Formats that hold more than pages of pixels in an order of their own.
STACKS = ("tiff", "npy")


def format_of(path: Path) -> str | None:
    """The format that a name asks for, or None."""
    return FORMATS.get(path.suffix.lower())


def read_picture(
    path: Path, data: bytes | None = None, *, max_pixels: int = MAX_PIXELS, axes: str | None = None, slices: str = ""
) -> Picture:
    """Read a picture, by its content, not its name; "-" is standard input. `data` is what the file holds, where it was read already.

    axes : what the axes of an array or a stack are, such as "ZYX", "YXC" or "TZCYX" (formats.axes), where the file does not say it itself.
    slices : what the pages of a volume count (`Settings.slices`), where nothing is said at all; "" where no volume is meant.

    Raises DenoiseError for what cannot be read, could not be written back whole, or claims more than `max_pixels` on all its pages.
    """
    if data is None and path != PIPE and path.is_dir() and _is_series(path):
        with _in_one_line(path, "damaged or incomplete DICOM series", "get it again from its source"):
            from denoise_cli.formats.dicom_series import decode_series

            series = decode_series(path, PixelLimit(max_pixels))
            return series if axes is None else _named(series, axes)
    if data is None:
        path, data = read_source(path)
    if not data:
        raise DenoiseError(f"{path}: the file is empty; get it again from its source")
    if camera_raw(data, path.suffix):
        raise DenoiseError(f"{path}: a camera's raw file; develop it to TIFF first (darktable-cli IN OUT.tif)")
    kind = sniff(data, path.suffix)
    if kind is None:
        raise DenoiseError(f"{path}: not a picture that denoise can read; it reads {readable()}. Convert it first")
    with _in_one_line(path, f"damaged or incomplete {known(kind).title} file", "get it again from its source"):
        return _decode(kind, data, PixelLimit(max_pixels), axes, slices)


def _decode(kind: str, data: bytes, limit: PixelLimit, axes: str | None, slices: str) -> Picture:
    if kind == "npy":
        picture: Picture = codec(kind).decode(data, limit, axes, slices)
    elif axes is None:
        picture = codec(kind).decode(data, limit)
    elif kind in STACKS:
        picture = codec(kind).decode(data, limit, axes)
    else:
        picture = _named(codec(kind).decode(data, limit), axes)
    return picture if picture.format == kind else replace(picture, format=kind)


def _named(picture: Picture, axes: str) -> Picture:
    """A picture whose format names its axes, by the letters that were typed. Raises Refused where they do not fit."""
    check_letters(axes)
    letters, own = counted(axes), [letter for letter, _ in picture.pages[0].axes]
    if len(letters) != len(own):
        held = "is one picture" if not own else f"counts its pages along {len(own)} {'axis' if len(own) == 1 else 'axes'}"
        raise Refused(f"--axes {axes} does not fit a {known(picture.format).title}, which {held}; leave it out")
    check_pages(axes, picture.pages[0].colour)
    named = [tuple(zip(letters, (index for _, index in page.axes), strict=True)) for page in picture.pages]
    return replace(picture, pages=tuple(replace(page, axes=place) for page, place in zip(picture.pages, named, strict=True)))


def write_picture(
    path: Path,
    picture: Picture,
    *,
    overwrite: bool = False,
    kind: str | None = None,
    seal: Callable[[Path], None] | None = None,
    option: str = "-o",
) -> list[str]:
    """Write `picture` as `kind`, or as the format that `path` asks for (its own if the name asks for none); all of it, or nothing.

    Returns what the conversion lost, in words. `seal` is called with the complete file just before it appears under its name. `option`
    is what names another place. A DICOM series becomes a folder.
    """
    if is_folder_of_slices(picture, kind or format_of(path)):
        with _in_one_line(path, "cannot be written as a DICOM series", "choose another format, such as .tif"):
            from denoise_cli.formats.dicom_series import encode_series

            files = encode_series(picture)
        folder_appears(path, files, overwrite=overwrite)
        return []
    encoded, losses = encode_picture(picture, kind or format_of(path) or written_format(picture), path)
    with appear(path, overwrite=overwrite, seal=seal, option=option) as stream:
        stream.write(encoded)
    return losses


def _is_series(folder: Path) -> bool:
    from denoise_cli.formats.dicom_series import is_series

    return is_series(folder)


def is_folder_of_slices(picture: Picture, kind: str | None) -> bool:
    """Whether a result of `picture` in the format `kind` (None: its own) is a folder with a file for each slice."""
    return "slices" in picture.extras and kind in (None, "dicom")


def written_format(picture: Picture) -> str:
    """The format in which a result of `picture` comes back if nothing else is asked for: its own, or TIFF where that is not written."""
    return picture.format if known(picture.format).writes else "tiff"


def check_fits(picture: Picture, kind: str, path: Path) -> None:
    """Refuse a conversion that could not be written, before the work is done."""
    _check_written(kind, path)
    with _in_one_line(path, f"cannot be written as {known(kind).title}", "choose another format, such as .tif"):
        # The ends of the values decide, so that the pixels are converted once, when they are written.
        convert(replace(picture, pages=tuple(_sketch(page) for page in picture.pages)), kind)


def _sketch(page: Page) -> Page:
    """A page of a few pixels that fits where `page` does: its smallest and its largest value, and one that is not finite if it has any."""
    import numpy as np

    values = page.colour
    few = values.reshape(-1)[:1]
    if values.size:
        finite = values if values.dtype.kind != "f" else values[np.isfinite(values)]
        ends = [finite.min(), finite.max()] if finite.size else []
        few = np.array([*ends, *([np.nan] if finite.size < values.size else [])], values.dtype)
    count = 1 if values.ndim == 2 else values.shape[2]
    colour = np.repeat(few[None, :, None], count, axis=2)
    beside = None if page.beside is None else np.ones((1, len(few), page.beside.shape[2]), page.beside.dtype)
    return replace(page, colour=colour[:, :, 0] if values.ndim == 2 else colour, beside=beside)


def encode_picture(picture: Picture, kind: str, path: Path) -> tuple[bytes, list[str]]:
    """The bytes of `picture` as a file of format `kind`, and what the conversion lost; `path` is what errors name."""
    _check_written(kind, path)
    stream = io.BytesIO()
    # What fails here is, mostly, a side too long for the format.
    with _in_one_line(path, f"cannot be written as {known(kind).title}", "choose another format, such as .tif"):
        converted, losses = convert(picture, kind)
        codec(kind).encode(stream, converted)
    if str(path).lower().endswith(PACKED):
        import gzip

        return gzip.compress(stream.getvalue(), mtime=0), losses
    return stream.getvalue(), losses


def _check_written(kind: str, path: Path) -> None:
    if not known(kind).writes:
        raise DenoiseError(f"{path}: {known(kind).title} is read, but not written; name the result .tif or .png")


def read_source(path: Path) -> tuple[Path, bytes]:
    """What a file or standard input holds, and what errors call it. Raises DenoiseError."""
    return (STDIN, read_stdin()) if path == PIPE else (path, _read_bytes(path))


def _read_bytes(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise DenoiseError(f"{path}: is a directory; name the pictures in it, e.g. {path}/*.png")
        if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            raise DenoiseError(f"{path}: is a device, not a file; name a picture, or - for standard input")
        return path.read_bytes()
    except FileNotFoundError:
        raise DenoiseError(no_such_file(path)) from None
    except OSError as error:
        raise DenoiseError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    except MemoryError as error:
        raise DenoiseError(f"{path}: not enough memory to read it; cut it into tiles") from error


@contextlib.contextmanager
def _in_one_line(path: Path, trouble: str, way_out: str) -> Iterator[None]:
    """Decoders and encoders raise what they please (struct.error, zlib.error, SyntaxError, IndexError …): one DenoiseError instead.

    Their warnings are not heard: either the picture is good, or the error says what is wrong.
    """
    for library in ("tifffile", "imagecodecs", "pydicom", "imageio", "PIL"):
        logging.getLogger(library).setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Refused as refusal:
        raise DenoiseError(f"{path}: {refusal}") from refusal
    except ImportError as error:
        name = str(error.name or error)
        extra = next((each.extra for each in KNOWN if each.package == name.partition(".")[0]), "")
        install = f"pip install 'denoise-cli[{extra}]'" if extra else f"pip install {name}"
        raise DenoiseError(f"{path}: needs the package {name}, which is not installed; {install}") from error
    except MemoryError as error:
        raise DenoiseError(f"{path}: not enough memory for its pixels; cut it into tiles") from error
    except Exception as error:
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise DenoiseError(f"{path}: {trouble} ({said}); {way_out}") from error
