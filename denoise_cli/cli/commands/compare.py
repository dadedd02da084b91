"""`denoise compare`: a table of PSNR, SSIM, RMSE and MAE, and a sheet to look at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from denoise_cli.cli.commands.tables import STDIO, check_output, crop_of, plain, write_csv
from denoise_cli.cli.streams import print_json
from denoise_cli.errors import FAILED, OK, DenoiseError, UsageError

if TYPE_CHECKING:
    from denoise_cli.draw.sheet import Box
    from denoise_cli.measure.comparison import Figures

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)

COLUMNS = ("psnr_db", "ssim", "rmse", "mae")


def _option(help: str, *names: str, **details: Any) -> Any:
    return typer.Option(*names, help=help, **details)


CLEAN = typer.Argument(metavar="CLEAN", help="What the others are compared with; - for stdin.", show_default=False)
PICTURES = typer.Argument(metavar="PICTURE...", help="Noisy picture, results: as many as you like.", show_default=False)
CROP_BORDER = _option("Leave N pixels at each edge out.", metavar="N", min=0)
DATA_RANGE = _option(
    "Peak of PSNR and SSIM, in the units of CLEAN. [default: white; floats: 1 if CLEAN lies in [0, 1], else its span]",
    metavar="X",
)
SHEET = _option("A picture to look at: crops, magnified, and what differs from CLEAN. [default: none]", metavar="FILE.png")
CROP = _option("What the sheet shows. [default: 64 × 64 pixels where they differ most]", metavar="X,Y,W,H")
CSV = _option("The table as CSV; - for stdout. [default: none]", "--csv", metavar="FILE.csv")
JSON = _option("JSON on stdout instead of the table. [default: no]", "--json")
OVERWRITE = _option("Replace a sheet or CSV that exists. [default: refuse]", "--overwrite")
MAX_PIXELS = _option("Refuse larger pictures. [default: 268435456, 16384²]", metavar="N", min=1)


@app.command("compare", context_settings={"help_option_names": ["-h", "--help"]})
def compare(
    clean: Annotated[Path, CLEAN],
    pictures: Annotated[list[Path], PICTURES],
    crop_border: Annotated[int, CROP_BORDER] = 0,
    data_range: Annotated[float | None, DATA_RANGE] = None,
    sheet: Annotated[Path | None, SHEET] = None,
    crop: Annotated[str | None, CROP] = None,
    csv: Annotated[Path | None, CSV] = None,
    as_json: Annotated[bool, JSON] = False,
    overwrite: Annotated[bool, OVERWRITE] = False,
    max_pixels: Annotated[int | None, MAX_PIXELS] = None,
) -> None:
    """How far pictures are from a clean one, best PSNR first.

    PSNR over all channels, SSIM (11 × 11 Gaussian window, σ 1.5) as the mean over the channels, RMSE and MAE; pixels count from 0 to 1.
    The pages of a TIFF are pooled; --json lists each. Transparency is not compared. Without a clean picture, name any two.

    \b
    denoise compare clean.png noisy.png denoised.png --sheet sheet.png
    """
    from denoise_cli.formats.files import MAX_PIXELS as most

    box = None if crop is None else crop_of(crop)
    _check(clean, pictures, sheet, box, csv, as_json, data_range, overwrite)
    reference = _read(clean, max_pixels or most)
    rows, errors = [], []
    for path in pictures:
        try:
            rows.append(_compare(_read(path, max_pixels or most), reference, crop_border, data_range, keep=sheet is not None))
        except DenoiseError as error:
            _say(str(error))
            errors.append(str(error))
    rows.sort(key=lambda row: -math.inf if row.figures.psnr_db is None else row.figures.psnr_db, reverse=True)
    for row in rows:
        for note in row.notes:
            _say(f"{row.name}: {note}")
    if as_json:
        _print_json(reference.name, crop_border, rows, errors)
    elif csv != STDIO:
        _print_table(rows)
    if csv is not None:
        cells = ((row.name, *(getattr(row.figures, name) for name in COLUMNS)) for row in rows)
        write_csv(csv, ("file", *COLUMNS), cells, overwrite=overwrite)
    if sheet is not None and rows:
        _write_sheet(sheet, reference, rows, box, crop_border, overwrite=overwrite)
    raise typer.Exit(FAILED if errors else OK)


# ── before ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _check(
    clean: Path, pictures: Sequence[Path], sheet: Path | None, box: Box | None, csv: Path | None, as_json: bool,
    data_range: float | None, overwrite: bool,
) -> None:  # fmt: skip
    """Refuse what no picture could make right, before any is read."""
    from denoise_cli.draw.sheet import MOST_TILES
    from denoise_cli.formats.files import format_of

    words = [clean, *pictures]
    if words.count(STDIO) > 1:
        raise UsageError("- stands for standard input, which holds one picture: name it once")
    if as_json and csv == STDIO:
        raise UsageError("--json and --csv - both write to stdout: name a file for --csv")
    if data_range is not None and not 0 < data_range < math.inf:
        raise UsageError(f"--data-range must be positive and finite, not {data_range:g}")
    if box is not None and sheet is None:
        raise UsageError("--crop says what the sheet shows: name it with --sheet FILE.png")
    if sheet is not None and format_of(sheet) in (None, "npy"):
        raise UsageError(f"{sheet}: a sheet is a picture; name it .png, .jpg, .tif or .webp")
    if sheet is not None and len(words) > MOST_TILES:
        raise UsageError(f"a sheet holds {MOST_TILES} pictures, not {len(words)}: name fewer, or leave --sheet out")
    if sheet is not None and sheet == csv:
        raise UsageError(f"{sheet}: the sheet and the CSV need two names")
    for path in (sheet, csv):
        check_output(path, words, overwrite=overwrite)


# ── during ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class _Read:
    """A picture to be compared: its pages, upright, without transparency."""

    name: str
    pages: list[Any]
    depth: str
    cmyk: bool
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Row:
    """A result: its figures, those of its pages, and (for a sheet) its first page beside that of the clean picture."""

    name: str
    figures: Figures
    pages: list[Figures]
    notes: tuple[str, ...] = ()
    first: tuple[Any, Any] | None = field(default=None, repr=False)
    cmyk: bool = False


def _read(path: Path, max_pixels: int) -> _Read:
    from dataclasses import replace

    import numpy as np

    from denoise_cli.formats.conversion import convert
    from denoise_cli.formats.files import read_picture
    from denoise_cli.storage.pipes import read_stdin

    name = Path("stdin") if path == STDIO else path
    picture = read_picture(name, read_stdin() if path == STDIO else None, max_pixels=max_pixels)
    # A .npy holds anything, so this loses nothing, and makes pictures from different formats comparable: upright, black at zero.
    upright = [convert(replace(picture, pages=(page,)), "npy")[0].pages[0] for page in picture.pages]
    notes = ["transparency is not compared"] if any(page.alpha is not None for page in upright) else []
    pages = [page.frame if page.colour.dtype == np.uint32 else page.colour for page in upright]
    if not all(np.isfinite(page).all() for page in pages if page.dtype.kind == "f"):
        raise DenoiseError(f"{name}: holds NaN or infinite pixels, which have no distance; replace them first")
    return _Read(str(name), pages, picture.depth, upright[0].model == "cmyk", tuple(notes))


def _compare(picture: _Read, clean: _Read, border: int, peak: float | None, *, keep: bool) -> _Row:
    import numpy as np

    from denoise_cli.measure.comparison import Mismatch, alike, figures, peak_of, pooled
    from denoise_cli.variational import as_float

    references = clean.pages * len(picture.pages) if len(clean.pages) == 1 else clean.pages
    if len(references) != len(picture.pages):
        raise DenoiseError(
            f"{picture.name}: has {len(picture.pages)} pages, {clean.name} has {len(references)}; compare as many, or with one page"
        )
    notes = dict.fromkeys((*clean.notes, *picture.notes))
    if picture.depth != clean.depth:
        notes[_depths(picture, clean)] = None
    natural = peak_of(clean.pages) if clean.depth.startswith("float") else 1.0
    span = natural if peak is None else peak / _white(clean)
    pages, first = [], None
    for ours, theirs in zip(picture.pages, references, strict=True):
        try:
            one, other, note = alike(ours, theirs)
        except Mismatch as error:
            raise DenoiseError(f"{picture.name}: {error} ({clean.name}); compare pictures of one size") from error
        if note:
            notes[note] = None
        if min(one.shape[:2]) <= 2 * border:
            raise DenoiseError(f"{picture.name}: --crop-border {border} leaves nothing of {one.shape[1]} × {one.shape[0]} pixels")
        inner = slice(border, -border or None)
        one, other = one[inner, inner], other[inner, inner]
        if first is None and keep:
            first = one, other
        if one.dtype == other.dtype and one.dtype in (np.uint8, np.uint16):
            # As stored: the same numbers as in floats, in an eighth of the memory.
            white = float(np.iinfo(one.dtype).max)
            pages.append(figures(one, other, span * white, unit=white))
        else:
            pages.append(figures(as_float(one), as_float(other), span))
    together = pooled(pages)
    if together.ssim is None and together.psnr_db is not None:
        notes["SSIM needs 11 × 11 pixels or more"] = None
    if together.psnr_db is None:
        notes[f"{clean.name} is constant and beyond [0, 1], so PSNR and SSIM have no data range; give --data-range"] = None
    if len(pages) > 1:
        notes[f"{len(pages)} pages, pooled"] = None
    return _Row(picture.name, together, pages, tuple(notes), first, clean.cmyk)


def _white(clean: _Read) -> float:
    """White, as it is stored; 1 for floats."""
    return {"uint8": 255.0, "uint16": 65535.0, "uint32": 2.0**32 - 1}.get(clean.depth, 1.0)


def _depths(picture: _Read, clean: _Read) -> str:
    said = f"is {picture.depth}, {clean.name} {clean.depth}: compared from 0 to 1"
    for floats in (picture, clean):
        if floats.depth.startswith("float") and any(float(page.max()) > 2 for page in floats.pages):
            said += f"; but {floats.name} goes up to {max(float(page.max()) for page in floats.pages):g}: divide it by what is white"
    return said


# ── after ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _print_table(rows: Sequence[_Row]) -> None:
    if not rows:
        return
    wide = max(len(row.name) for row in rows)
    print(f"{'':{wide}}  PSNR dB    SSIM     RMSE      MAE")
    for row in rows:
        told = row.figures
        psnr, ssim = (("–" if value is None else f"{value:.{digits}f}") for value, digits in ((told.psnr_db, 2), (told.ssim, 4)))
        print(f"{row.name:{wide}}  {psnr:>7}  {ssim:>6}  {told.rmse:7.5f}  {told.mae:7.5f}".rstrip())


def _print_json(clean: str, border: int, rows: Sequence[_Row], errors: Sequence[str]) -> None:
    def numbers(told: Figures) -> dict[str, float | None]:
        return plain({name: getattr(told, name) for name in COLUMNS})

    results = [
        {"file": row.name, **numbers(row.figures), "equal": row.figures.rmse == 0, "data_range": row.figures.data_range}
        | {"notes": row.notes}
        | ({"pages": [numbers(page) for page in row.pages]} if len(row.pages) > 1 else {})
        for row in rows
    ]
    print_json({"clean": clean, "crop_border": border, "results": results, "errors": errors})


def _write_sheet(path: Path, clean: _Read, rows: Sequence[_Row], box: Box | None, border: int, *, overwrite: bool) -> None:
    from denoise_cli.draw.sheet import Tile, contact_sheet, crop_box, difference, drawable
    from denoise_cli.formats.files import Picture, write_picture
    from denoise_cli.formats.picture import Page
    from denoise_cli.variational import as_float

    # Grey and colour may stand side by side; the differences are taken in whichever each was compared in.
    pairs = [row.first for row in rows if row.first is not None]
    tall, wide = pairs[0][1].shape[:2]
    if box is None:
        box = crop_box(drawable(as_float(pixels), clean.cmyk) for pixels in (pairs[0][1], *(one for one, _ in pairs)))
    else:
        box = (box[0] - border, box[1] - border, box[2], box[3])
    x, y, width, height = box
    if x < 0 or y < 0 or x + width > wide or y + height > tall:
        raise UsageError(f"--crop reaches beyond the picture, which is {wide + 2 * border} × {tall + 2 * border} (less --crop-border)")
    low, high = _window(clean)
    window = slice(y, y + height), slice(x, x + width)

    def shown(pixels: Any, cmyk: bool) -> Any:
        return (drawable(as_float(pixels[window]), cmyk) - low) / (high - low)

    tiles = [Tile(shown(pairs[0][1], rows[0].cmyk), (Path(clean.name).name, "clean"))]
    for row, (one, other) in zip(rows, pairs, strict=True):
        told = row.figures
        numbers = [] if told.psnr_db is None else [f"{told.psnr_db:.2f} dB"]
        numbers += [] if told.ssim is None else [f"SSIM {told.ssim:.4f}"]
        change = difference(as_float(one[window]), as_float(other[window]))
        tiles.append(Tile(shown(one, row.cmyk), (Path(row.name).name, "  ".join(numbers)), below=change))
    legend = "picture − clean" + ("" if pairs[0][1].ndim == 2 else ", strongest channel")
    page = " of page 1" if len(clean.pages) > 1 else ""
    title = f"{width} × {height} pixels{page} at {x + border},{y + border}"
    drawing = contact_sheet(tiles, title=title, legend=legend)
    write_picture(path, Picture("png", (Page(drawing),)), overwrite=overwrite)


def _window(clean: _Read) -> tuple[float, float]:
    """What is drawn black, and what white."""
    low, high = min(float(page.min()) for page in clean.pages), max(float(page.max()) for page in clean.pages)
    if not clean.depth.startswith("float") or (low >= 0 and high <= 1):
        return 0.0, 1.0
    return low, high if high > low else low + 1


def _say(line: str) -> None:
    from denoise_cli.cli.progress import say

    say(line)
