"""Writes docs/formats.md, every picture format, from the code:  python docs/make_formats.py"""

from __future__ import annotations

from pathlib import Path

from denoise_cli.formats.axes import MEANINGS
from denoise_cli.formats.known import FORMATS, RAW_SUFFIXES

HERE = Path(__file__).parent
HEAD = """# Every format

Made from the code by `python docs/make_formats.py`; do not edit.

A picture is recognised by its content (TGA of the old kind by its name), and comes back in its own format, depth and units. Where a
format is read, but not written, the result is a TIFF, and a line says so. What needs a further package names the extra that brings
it; `pip install 'denoise-cli[formats]'` brings all of them.

| format | `--format` | suffixes | pixels | what else comes back | needs | tested with files of |
|---|---|---|---|---|---|---|
"""
FOOT = """
GIF and the formats below it are read by imageio. Refused in one line, with the way out: camera raw files ({raw}), animations,
FITS that is compressed in tiles, DICOM in a transfer syntax that pydicom cannot decode, EXR of several parts.

## Units

* The numbers of integer pictures count from 0 (black) to 1 (the largest value of the type) in `--lambda` and `--sigma`; signed and
  64-bit integers and floats count in their own units. FITS and DICOM are in the units that BSCALE and BZERO, or the rescale slope
  and intercept, give: Hounsfield units for CT.
* Pixels that are NaN or infinite, hold the value of GDAL's nodata tag, of FITS's BLANK or of DICOM's pixel padding, or are fully
  transparent have no value: they take part in nothing, and come back bit for bit. Where λ is not typed, so do values that nobody
  declared but that stand far from all others: the 0 of a depth camera (not in 8 bits), −9999, the largest float. A line says so;
  `--fill` fills them in, `--nodata nan` counts them as known.
* A PGM, JPEG 2000, AVIF, JPEG XL or HEIC whose white is not the largest value of 8 or 16 bits (4095 for 12) keeps its numbers and its
  white. As a PNG, JPEG, WebP or BMP it is stretched, and a line says so; as a TIFF or `.npy` it keeps its numbers. PSNR counts from
  that white (`--reference`, `compare`, `path`, `benchmark`), as masks and maps do; `--lambda` and `--sigma` from that of the type.
* Numbers in units of their own are not turned into PNG, JPEG, WebP or BMP: write .tif or .npy.

## Axes

An array (`.npy`) of two axes is a picture, one of three with up to 4 values in the last axis a picture with channels. Any other
has to say what its axes are, one letter each, such as ZYX or TCYX; under `--volume`, three long axes are slices, rows and columns.
OME, ImageJ and tifffile stacks say so themselves.

| letter | what it is |
|---|---|
{letters}

## Damaged files

`DENOISE_MUTATIONS=1000 python -m pytest tests/files/test_damaged.py -k each_format` damages each newer format a thousand times; each
file ends in a valid result or in one line.
"""


def row(number: int) -> str:
    each = FORMATS[number]
    name = f"`{each.name}`" if each.writes and not each.holds.own else "its own only" if each.writes else "not written"
    needs = f"`denoise-cli[{each.extra}]`" if each.extra else "–"
    return f"| {each.title} | {name} | {' '.join(each.suffixes)} | {each.depths} | {each.keeps or '–'} | {needs} | {each.tested} |\n"


def document() -> str:
    """The whole text."""
    letters = "\n".join(f"| {letter} | {meaning} |" for letter, meaning in MEANINGS.items())
    return HEAD + "".join(map(row, range(len(FORMATS)))) + FOOT.format(raw=" ".join(RAW_SUFFIXES[:8]) + " …", letters=letters)


if __name__ == "__main__":
    (HERE / "formats.md").write_text(document(), encoding="utf-8")
