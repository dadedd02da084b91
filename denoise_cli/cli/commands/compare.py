"""`denoise compare`: a table of PSNR, SSIM, RMSE and MAE, and a sheet to look at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from denoise_cli.cli.csv_tables import plain, write_csv
from denoise_cli.cli.progress import say
from denoise_cli.cli.shared_options import AXES, Csv, Json, MaxPixels, Overwrite, declared
from denoise_cli.cli.streams import print_json, visible
from denoise_cli.cli.typed import check_outputs, check_sheet, check_stdin_once, check_stdout_once, crop_of
from denoise_cli.errors import FAILED, OK, DenoiseError, UsageError
from denoise_cli.settings import MAX_PIXELS
from denoise_cli.storage.pipes import PIPE
from denoise_cli.typed_words import axes_of

if TYPE_CHECKING:
    from denoise_cli.draw.views import Box
    from denoise_cli.measure.comparison import Figures
    from denoise_cli.pipeline.likeness import Likeness, Upright

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)

COLUMNS = ("psnr_db", "ssim", "rmse", "mae", "nrmse")


CLEAN = typer.Argument(metavar="CLEAN", help="What the others are compared with; - for stdin.", show_default=False)
PICTURES = typer.Argument(metavar="PICTURE...", help="Noisy picture, results: as many as you like.", show_default=False)
CROP_BORDER = declared("Leave N pixels at each edge out.", metavar="N", min=0)
DATA_RANGE = declared(
    "Peak of PSNR and SSIM, in the units of CLEAN. [default: white; without one: 1 if CLEAN lies in [0, 1], else its span]",
    metavar="X",
)
SHEET = declared("A picture to look at: crops, magnified, and what differs from CLEAN. [default: none]", metavar="FILE.png")
CROP = declared("What the sheet shows. [default: 64 × 64 pixels where they differ most]", metavar="X,Y,W,H")


@app.command("compare", context_settings={"help_option_names": ["-h", "--help"]})
def compare(
    clean: Annotated[Path, CLEAN],
    pictures: Annotated[list[Path], PICTURES],
    crop_border: Annotated[int, CROP_BORDER] = 0,
    data_range: Annotated[float | None, DATA_RANGE] = None,
    sheet: Annotated[Path | None, SHEET] = None,
    crop: Annotated[str | None, CROP] = None,
    axes: Annotated[str | None, AXES] = None,
    csv: Csv = None,
    as_json: Json = False,
    overwrite: Overwrite = False,
    max_pixels: MaxPixels = MAX_PIXELS,
) -> None:
    """How far pictures are from a clean one, best PSNR first.

    PSNR over all channels, SSIM (11 × 11 Gaussian window, σ 1.5) as the mean over the channels, RMSE and MAE; pixels count from 0 to 1.
    The pages of a TIFF are pooled; --json lists each. Of a volume (pages along Z), the sheet shows the middle slices in the three
    directions. Transparency is not compared, and pixels without a value (NaN, nodata, hidden) are left out. Without a clean picture,
    name any two.

    \b
    denoise compare clean.png noisy.png denoised.png --sheet sheet.png
    """
    from denoise_cli.pipeline.likeness import likeness, read_upright

    box = None if crop is None else crop_of(crop)
    _check(clean, pictures, sheet, box, csv, as_json, data_range, overwrite)
    letters = None if axes is None else axes_of(axes, "axes")
    reference = read_upright(clean, max_pixels, letters)
    rows, errors = [], []
    for path in pictures:
        try:
            rows.append(likeness(read_upright(path, max_pixels, letters), reference, crop_border, data_range, keep=sheet is not None))
        except DenoiseError as error:
            say(str(error))
            errors.append(str(error))
    rows.sort(key=lambda row: -math.inf if row.figures.psnr_db is None else row.figures.psnr_db, reverse=True)
    for row in rows:
        for note in row.notes:
            say(f"{row.name}: {note}")
    if as_json:
        _print_json(reference.name, crop_border, rows, errors)
    elif csv != PIPE:
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

    words = [clean, *pictures]
    check_stdin_once(words)
    check_stdout_once(csv, as_json)
    if data_range is not None and not 0 < data_range < math.inf:
        raise UsageError(f"--data-range must be positive and finite, not {data_range:g}")
    if box is not None and sheet is None:
        raise UsageError("--crop says what the sheet shows: name it with --sheet FILE.png")
    if sheet is not None:
        check_sheet(sheet)
    if sheet is not None and len(words) > MOST_TILES:
        raise UsageError(f"a sheet holds {MOST_TILES} pictures, not {len(words)}: name fewer, or leave --sheet out")
    check_outputs({"--sheet": sheet, "--csv": csv}, words, overwrite=overwrite)


# ── after ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _print_table(rows: Sequence[Likeness]) -> None:
    if not rows:
        return
    wide = max(len(visible(row.name)) for row in rows)
    print(f"{'':{wide}}  PSNR dB    SSIM     RMSE      MAE")
    for row in rows:
        told = row.figures
        psnr, ssim = (("–" if value is None else f"{value:.{digits}f}") for value, digits in ((told.psnr_db, 2), (told.ssim, 4)))
        print(f"{visible(row.name):{wide}}  {psnr:>7}  {ssim:>6}  {told.rmse:7.5f}  {told.mae:7.5f}".rstrip())


def _print_json(clean: str, border: int, rows: Sequence[Likeness], errors: Sequence[str]) -> None:
    def numbers(told: Figures) -> dict[str, float | None]:
        return plain({name: getattr(told, name) for name in COLUMNS})

    results = [
        {"file": row.name, **numbers(row.figures), "equal": row.figures.rmse == 0, "data_range": row.figures.data_range}
        | {"notes": row.notes}
        | ({"pages": [numbers(page) for page in row.pages]} if len(row.pages) > 1 else {})
        for row in rows
    ]
    print_json({"clean": clean, "crop_border": border, "results": results, "errors": errors})


def _write_sheet(path: Path, clean: Upright, rows: Sequence[Likeness], box: Box | None, border: int, *, overwrite: bool) -> None:
    from denoise_cli.draw.sheet import Tile, contact_sheet
    from denoise_cli.draw.views import crop_box, difference, drawable
    from denoise_cli.formats.files import Picture, write_picture
    from denoise_cli.formats.picture import Page
    from denoise_cli.variational import as_float

    # Grey and colour may stand side by side; the differences are taken in whichever each was compared in.
    pairs = [row.first for row in rows if row.first is not None]
    tall, wide = pairs[0][1].shape[:2]
    if box is None and clean.slices:
        box = (0, 0, wide, tall)
    elif box is None:
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
    if clean.slices:
        title = f"the middle of {len(clean.slices):,} slices in three directions: YX, YZ, ZX"
    drawing = contact_sheet(tiles, title=title, legend=legend)
    write_picture(path, Picture("png", (Page(drawing),)), overwrite=overwrite, option="--sheet")


def _window(clean: Upright) -> tuple[float, float]:
    """What is drawn black, and what white, in typed units: the ends of the type, unless the values span little of it."""
    import numpy as np

    from denoise_cli.draw.embedded import display_window
    from denoise_cli.variational import as_float

    ends = np.concatenate([as_float(np.array([[page.min(), page.max()]], page.dtype)) for page in clean.valued])
    return display_window(float(ends.min()), float(ends.max()), is_bytes=clean.depth in ("bool", "uint8"))
