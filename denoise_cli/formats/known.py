"""Every picture format that denoise knows, a record each. `--format`, completion, help and the table of docs/formats.md follow from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePath

__all__ = [
    "FORMATS",
    "PACKED",
    "Format",
    "Holds",
    "camera_raw",
    "ending_of",
    "formats_of_files",
    "known",
    "readable",
    "sniff",
    "suffix_for",
    "writable",
]


@dataclass(frozen=True)
class Holds:
    """What a format can hold; a conversion fits the picture to it, or refuses."""

    bits: int = 8  # of an unsigned integer
    any_pixels: bool = False  # floats, signed and wide integers, any number of channels
    floats: bool = False  # floats of 32 bits, and nothing else
    pages: bool = False
    alpha: bool = True
    ink: bool = False
    profile: bool = True
    exif: bool = True
    own: bool = False  # only made from a file of the same format, whose other parts it keeps


@dataclass(frozen=True)
class Format:
    """One picture format.

    name: as in `--format`, and in Picture.format.  title: as people say it.  suffixes: the first is what new files get.
    magic: (offset, bytes) pairs, any of which gives the format away; without one, the suffix has to.
    module: in denoise_cli.formats, with decode(data, limit) → Picture, encode(stream, picture), metadata(picture), adopt(metadata).
    writes: whether a result comes back in this format; otherwise it becomes a TIFF.
    package, extra: what has to be installed beyond the ordinary dependencies, and by which extra of denoise-cli.
    depths, keeps, tested: for the table of docs/formats.md: pixels, what else comes back, whose files the tests read.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    magic: tuple[tuple[int, bytes], ...]
    module: str
    depths: str
    keeps: str
    tested: str
    writes: bool = True
    holds: Holds = field(default_factory=Holds)
    package: str = ""
    extra: str = ""


FORMATS = (
    Format(
        "png", "PNG", (".png",), ((0, b"\x89PNG\r\n\x1a\n"),), "png", "1, 2, 4, 8, 16 bit; grey, RGB, alpha",
        "profile, gamma, EXIF, XMP, texts, resolution, private chunks, to the byte",
        "Pillow, libpng, OpenCV, ImageMagick, libvips", holds=Holds(16),
    ),
    Format(
        "jpeg", "JPEG", (".jpg", ".jpeg", ".jpe"), ((0, b"\xff\xd8\xff"),), "jpeg", "8 bit; grey, RGB, CMYK",
        "quantisation tables, subsampling, all segments", "Pillow, OpenCV, ImageMagick", holds=Holds(8, alpha=False, ink=True),
    ),
    Format(
        "tiff", "TIFF", (".tif", ".tiff"), ((0, b"II*\0"), (0, b"MM\0*"), (0, b"II+\0"), (0, b"MM\0+")), "tiff",
        "1 bit, int8 to int64, uint8 to uint64, float16 to float64; any channels, pages",
        "all tags, layout, OME, ImageJ, GeoTIFF and nodata",
        "tifffile, Pillow, OpenCV, ImageMagick, libvips", holds=Holds(64, any_pixels=True, pages=True, ink=True),
    ),
    Format(
        "bmp", "BMP", (".bmp", ".dib"), ((0, b"BM"),), "bmp", "1, 8 bit; grey, RGB, alpha", "resolution", "Pillow, ImageMagick",
        holds=Holds(8, alpha=False, profile=False),
    ),
    Format(
        "webp", "WebP", (".webp",), ((8, b"WEBP"),), "webp", "8 bit; RGB, alpha", "profile, EXIF, XMP, lossless or lossy", "Pillow",
    ),
    Format(
        "npy", ".npy", (".npy",), ((0, b"\x93NUMPY"),), "npy", "as TIFF; any axes", "type and axes", "NumPy",
        holds=Holds(64, any_pixels=True, pages=True, ink=True, profile=False),
    ),
    Format(
        "pnm", "PGM/PPM/PBM", (".pgm", ".ppm", ".pbm", ".pnm"), tuple((0, b"P%d" % kind) for kind in range(1, 7)), "pnm",
        "1 to 16 bit, any maxval; grey, RGB", "maxval, plain or raw, comments", "by hand, Pillow",
        holds=Holds(16, alpha=False, profile=False, exif=False),
    ),
    Format(
        "pfm", "PFM", (".pfm",), ((0, b"PF\n"), (0, b"Pf\n"), (0, b"PF "), (0, b"Pf "), (0, b"PF\r"), (0, b"Pf\r")), "pfm",
        "float32; grey, RGB", "byte order, scale", "by hand, Pillow", holds=Holds(32, floats=True, alpha=False, profile=False, exif=False),
    ),
    Format(
        "jp2", "JPEG 2000", (".jp2", ".j2k", ".jpx", ".j2c", ".jpf"), ((0, b"\0\0\0\x0cjP  \r\n\x87\n"), (0, b"\xff\x4f\xff\x51")), "jp2",
        "1 to 16 bit; grey, RGB, alpha", "bits a sample, colour, XML and EXIF boxes; written lossless", "Pillow, imagecodecs (OpenJPEG)",
        holds=Holds(16),
    ),
    Format(
        "avif", "AVIF", (".avif",), ((4, b"ftypavif"), (4, b"ftypavis")), "avif", "8 bit; RGB, alpha",
        "profile, EXIF, XMP; 10 and 12 bits become a TIFF", "Pillow, imagecodecs (libavif)",
    ),
    Format(
        "jxl", "JPEG XL", (".jxl",), ((0, b"\xff\x0a"), (0, b"\0\0\0\x0cJXL \r\n\x87\n")), "jxl",
        "8 to 16 bit, float; grey, RGB, alpha", "EXIF, XMP; written lossless", "imagecodecs (libjxl)", holds=Holds(16, profile=False),
    ),
    Format(
        "heif", "HEIC", (".heic", ".heif", ".hif"), ((4, b"ftyphe"), (4, b"ftypmif1"), (4, b"ftypmsf1")), "heif",
        "8, 10, 12 bit; grey, RGB, alpha", "profile, EXIF, XMP", "pillow-heif (libheif)", package="pillow_heif", extra="heic",
        holds=Holds(8),
    ),
    Format(
        "tga", "TGA", (".tga", ".icb", ".vda", ".vst"), (), "tga", "8 bit; grey, RGB, alpha", "RLE, origin, id", "Pillow",
        holds=Holds(8, profile=False, exif=False),
    ),
    Format(
        "exr", "OpenEXR", (".exr",), ((0, b"\x76\x2f\x31\x01"),), "exr", "float16, float32; any channels", "all attributes, compression",
        "OpenEXR", package="OpenEXR", extra="exr", holds=Holds(32, floats=True, profile=False, exif=False),
    ),
    Format(
        "hdr", "Radiance HDR", (".hdr", ".rgbe", ".pic"), ((0, b"#?RADIANCE"), (0, b"#?RGBE")), "hdr", "shared exponent; RGB",
        "header lines", "imagecodecs, by hand", holds=Holds(32, floats=True, alpha=False, profile=False, exif=False),
    ),
    Format(
        "fits", "FITS", (".fits", ".fit", ".fts"), ((0, b"SIMPLE  ="),), "fits", "8 to 64 bit integers, float32, float64; cubes",
        "every header card, BSCALE, BZERO, BLANK, further HDUs to the byte", "astropy, by hand",
        holds=Holds(64, any_pixels=True, pages=True, profile=False, exif=False),
    ),
    Format(
        "dicom", "DICOM", (".dcm", ".dicom"), ((128, b"DICM"),), "dicom", "8 to 32 bit integers in their own units; frames, series",
        "every element, rescale slope and intercept", "pydicom", package="pydicom", extra="dicom", holds=Holds(32, own=True),
    ),
    Format(
        "nifti", "NIfTI", (".nii",), ((344, b"n+1\0"), (4, b"n+2\0\r\n\x1a\n"), (0, b"\x1f\x8b\x08")), "nifti",
        "8 to 64 bit integers, float32, float64; volumes and series of them, .nii.gz",
        "every byte of the header (affine, units) and its extensions, slope and intercept", "nibabel", holds=Holds(64, own=True),
    ),
    *(
        Format(name, title, suffixes, magic, "imageio_door", depths, "", "Pillow", writes=False)
        for name, title, suffixes, magic, depths in (
            ("gif", "GIF", (".gif",), ((0, b"GIF87a"), (0, b"GIF89a")), "palette (→ RGB or RGBA); still pictures only"),
            ("pcx", "PCX", (".pcx",), ((0, b"\x0a\x05\x01"), (0, b"\x0a\x03\x01"), (0, b"\x0a\x02\x01")), "1, 8 bit; grey, RGB"),
            ("sgi", "SGI", (".sgi", ".rgb", ".rgba", ".bw"), ((0, b"\x01\xda"),), "8 bit; grey, RGB, alpha"),
            ("dds", "DDS", (".dds",), ((0, b"DDS "),), "8 bit; RGB, alpha"),
            ("qoi", "QOI", (".qoi",), ((0, b"qoif"),), "8 bit; RGB, alpha"),
            ("sun", "Sun raster", (".ras", ".sun"), ((0, b"\x59\xa6\x6a\x95"),), "1, 8 bit; grey, RGB"),
            ("ico", "ICO", (".ico",), ((0, b"\0\0\x01\0"),), "8 bit; the largest picture"),
        )
    ),
)  # fmt: skip

#: What cameras call their raw files, and how those begin that are no TIFF.
RAW_SUFFIXES = (
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".k25", ".kdc", ".mef", ".mos", ".mrw", ".nef", ".nrw",
    ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
)  # fmt: skip
RAW_MAGIC = (
    (0, b"FUJIFILMCCD-RAW"), (0, b"IIRO"), (0, b"IIRS"), (0, b"MMOR"), (0, b"IIU\0"), (4, b"ftypcrx"), (0, b"FOVb"), (8, b"CR\2\0"),
    (0, b"\0MRM"), (6, b"HEAPCCDR"),
)  # fmt: skip
#: What a NIfTI that is packed by gzip is called.
PACKED = ".nii.gz"
# TGA has no magic at its beginning; one of the newer kind ends in this.
TGA_FOOT = b"TRUEVISION-XFILE.\0"
# Brands of HEIF's container that hold AVIF, wherever they stand in its list.
AVIF_BRANDS = (b"avif", b"avis")


def known(name: str) -> Format:
    """The record of the format `name`."""
    return next(each for each in FORMATS if each.name == name)


def formats_of_files() -> dict[str, str]:
    """Suffix → name of the format, for every file that is looked at in a folder."""
    return {suffix: each.name for each in FORMATS for suffix in each.suffixes}


def writable() -> tuple[str, ...]:
    """The names that `--format` takes."""
    return tuple(each.name for each in FORMATS if each.writes and not each.holds.own)


def readable() -> str:
    """All titles, for the refusal of what is none of them."""
    titles = [each.title for each in FORMATS]
    return f"{', '.join(titles[:-1])} and {titles[-1]}"


def ending_of(name: str) -> str:
    """The suffix of a file's name; of a packed NIfTI both of them, ".nii.gz"."""
    if name.lower().endswith(PACKED):
        return name[-len(PACKED) :]
    return PurePath(name).suffix


def suffix_for(suffix: str) -> str:
    """What the result of a file with this suffix is called: the same, or .tif where its format is not written."""
    name = formats_of_files().get(suffix.lower())
    return suffix if name is None or known(name).writes else ".tif"


def sniff(data: bytes, suffix: str = "") -> str | None:
    """The format of `data` by its first bytes; by the suffix of its name where a format has none of its own. None for none."""
    if data[4:8] == b"ftyp" and any(brand in AVIF_BRANDS for brand in _brands(data)):
        return "avif"
    for each in FORMATS:
        if any(data[at : at + len(magic)] == magic for at, magic in each.magic) and not (each.name == "webp" and data[:4] != b"RIFF"):
            return each.name
    if data.endswith(TGA_FOOT):
        return "tga"
    return next((each.name for each in FORMATS if not each.magic and suffix.lower() in each.suffixes), None)


def _brands(data: bytes) -> Iterator[bytes]:
    size = min(int.from_bytes(data[:4], "big"), 256)
    return (data[at : at + 4] for at in range(8, size, 4))


def camera_raw(data: bytes, suffix: str) -> bool:
    """Whether this is a camera's raw file, which is no picture yet."""
    if any(data[at : at + len(magic)] == magic for at, magic in RAW_MAGIC):
        return True
    return suffix.lower() in RAW_SUFFIXES and sniff(data) in (None, "tiff")
