"""`denoise path`: the picture at many λ, as a sheet to pick from by eye, a table, and files."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from denoise_cli.cli.csv_tables import write_csv
from denoise_cli.cli.progress import say
from denoise_cli.cli.shared_options import MaxPixels, Overwrite, Workers, declared
from denoise_cli.cli.typed import check_outputs, check_settings, check_sheet, crop_of
from denoise_cli.errors import OK, DenoiseError, UsageError
from denoise_cli.settings import MAX_PIXELS, Settings
from denoise_cli.storage.missing import no_such_file
from denoise_cli.storage.pipes import PIPE
from denoise_cli.typed_words import number

if TYPE_CHECKING:
    from denoise_cli.draw.views import Box
    from denoise_cli.formats.picture import Picture
    from denoise_cli.pipeline.shown_page import ShownPage
    from denoise_cli.variational import Solution

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)

STEPS, MOST_STEPS = 9, 100
#: The relative gap of the picture that the crop is chosen by.
ROUGH_GAP = 0.05

PICTURE = typer.Argument(metavar="PICTURE", help="Of any format that docs/formats.md lists.", show_default=False)
FROM = declared("The smallest λ. [default: a quarter of the automatic one]", "--from", metavar="A")
TO = declared("The largest λ. [default: four times the automatic one]", "--to", metavar="B")
COUNT = declared("How many, evenly spaced in log λ.", metavar="N", min=1, max=MOST_STEPS)
LAMBDAS = declared("These instead, such as 0.05,0.1,0.2.", metavar="X,X,…")
ONE = declared("Fidelity Σ|u − f|, for impulses. [default: by the noise]", "--l1")
TWO = declared("Fidelity Σ(u − f)², for Gaussian noise. [default: by the noise]", "--l2")
SIGMA = declared("The noise's standard deviation, such as 0.04 or 10/255. [default: estimated]", metavar="S")
TV = declared("isotropic or anisotropic. [default: isotropic]", metavar="TV")
CHANNELS = declared("coupled or separate. [default: coupled]", metavar="HOW")
BOUNDARY = declared("symmetric or periodic. [default: symmetric]", metavar="WHICH")
METHOD = declared("The method whose λ is followed.", metavar="METHOD")
GAP = declared("Relative duality gap to stop at. [default: 0.001]", metavar="G")
REFERENCE = declared("A clean picture: PSNR and SSIM of each. [default: none]", metavar="CLEAN")
OUTPUT = declared("The sheet: the same crop at each λ. [default: NAME_path.png beside the input]", "-o", "--output", metavar="SHEET.png")
CROP = declared("What the sheet shows, of the upright picture. [default: 64 × 64 pixels where smoothing changes most]", metavar="X,Y,W,H")
CSV = declared("The table as CSV. [default: none]", "--csv", metavar="FILE.csv")
HTML = declared("A page for the browser, to choose by eye. [default: none]", "--html", metavar="FILE.html")
RESULTS = declared("A folder for the whole results, NAME_λ. [default: none]", metavar="FOLDER")
PICK = declared("The λ that --save-config freezes. [default: the automatic one]", metavar="X")
SAVE_CONFIG = declared("Settings for `denoise … --config`. [default: none]", metavar="FILE.toml")


@app.command("path", context_settings={"help_option_names": ["-h", "--help"]})
def path(
    picture: Annotated[Path, PICTURE],
    smallest: Annotated[float | None, FROM] = None,
    largest: Annotated[float | None, TO] = None,
    steps: Annotated[int, COUNT] = STEPS,
    lambdas: Annotated[str | None, LAMBDAS] = None,
    l1: Annotated[bool, ONE] = False,
    l2: Annotated[bool, TWO] = False,
    sigma: Annotated[str | None, SIGMA] = None,
    tv: Annotated[str | None, TV] = None,
    channels: Annotated[str | None, CHANNELS] = None,
    boundary: Annotated[str | None, BOUNDARY] = None,
    method: Annotated[str, METHOD] = "optimal",
    gap: Annotated[float | None, GAP] = None,
    reference: Annotated[Path | None, REFERENCE] = None,
    output: Annotated[Path | None, OUTPUT] = None,
    crop: Annotated[str | None, CROP] = None,
    csv: Annotated[Path | None, CSV] = None,
    html: Annotated[Path | None, HTML] = None,
    results: Annotated[Path | None, RESULTS] = None,
    pick: Annotated[float | None, PICK] = None,
    save_config: Annotated[Path | None, SAVE_CONFIG] = None,
    overwrite: Overwrite = False,
    workers: Workers = None,
    max_pixels: MaxPixels = MAX_PIXELS,
) -> None:
    """The certified minimiser at many λ: pick one by eye, then freeze it.

    The λ that the automatic mode would take is among them, and marked.

    \b
    denoise path scan.png --html path.html
    denoise path scan.png --pick 0.08 --save-config tuned.toml
    denoise scans/ --config tuned.toml
    """
    from denoise_cli.choice.path import COLUMNS, weights_along
    from denoise_cli.choice.path import path as walk
    from denoise_cli.cli.album import Album
    from denoise_cli.cli.options import Request
    from denoise_cli.cli.path_file import PathFile, check_page_name, frozen
    from denoise_cli.cli.settings_file import save_settings
    from denoise_cli.pipeline.plan import make_plan, subject_of
    from denoise_cli.pipeline.shown_page import ShownPage
    from denoise_cli.storage.writing import appear

    if l1 and l2:
        raise UsageError("--l1 and --l2 are two fidelities: give one of them")
    told: dict[str, Any] = {"tv": tv, "channels": channels, "boundary": boundary, "gap": gap}
    settings = Settings(
        fidelity="l1" if l1 else "l2" if l2 else None, sigma=None if sigma is None else number(sigma, "sigma"), method=_followed(method),
        workers=workers, overwrite=overwrite, max_pixels=max_pixels, **told,
    )  # fmt: skip
    check_settings(settings)
    check_page_name(html)
    weights = _typed(lambdas, smallest, largest, pick)
    if picture == PIPE and output is None:
        raise UsageError("a sheet of standard input has no name of its own: give it one with -o SHEET.png")
    sheet = output or picture.with_name(f"{picture.stem}_path.png")
    inputs = [path for path in (picture, reference) if path is not None]
    _check(inputs, {"-o": sheet, "--csv": csv, "--save-config": save_config, "--html": html}, overwrite)

    source, pixels, clean = _read(picture, reference, settings, whole=bool(results or reference))
    shown = ShownPage(source)
    album = Album(source, pixels, shown, picture, _box(crop, shown), results, overwrite=overwrite)
    try:
        plan = make_plan(subject := subject_of(source.pages[0], settings), settings)
        automatic = plan.weight or 1.0
        every = weights_along(automatic, weights, smallest, largest, steps, pick)
        if results is not None:
            _make_folder(results, [album.place(weight) for weight in every], inputs, overwrite)

        def solve(weight: float, **details: Any) -> Solution:
            return plan.method.run(subject, replace(plan, weight=weight), **details)

        smoothed = solve(every[-1], gap=ROUGH_GAP).image
        album.look(smoothed)
        page = None if html is None else PathFile(picture, shown, plan, pixels, smoothed, _box(crop, shown))
        for step in walk(pixels, every, solve, reference=clean, white=subject.peak, known=subject.known):
            for kept in (album, page) if page else (album,):
                kept.add(step, automatic=step.weight == automatic, picked=step.weight == pick)
    except (ValueError, TypeError) as error:
        raise DenoiseError(f"{picture}: {error}") from error
    except MemoryError as error:
        raise DenoiseError(f"{picture}: not enough memory; cut it into tiles") from error
    print(album.table())
    if csv is not None:
        write_csv(csv, COLUMNS, album.rows, overwrite=overwrite)
    with appear(sheet, overwrite=overwrite) as stream:
        stream.write(album.sheet(f"{picture.name}: {plan.sentence}", sheet))
    if html is not None and page is not None:
        page.write(html, clean=clean, overwrite=overwrite)
    if save_config is not None:
        save_settings(save_config, frozen(settings, plan, pick or automatic), Request())
    say(f"{picture} → {sheet}: {plan.sentence}" + (f"; {html}: the page to choose by eye" if html is not None else ""))
    if save_config is None:
        say(f"freeze one with --pick {pick or automatic:g} --save-config tuned.toml, then denoise … --config tuned.toml")
    raise typer.Exit(OK)


# ── before ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _followed(name: str) -> str:
    """The method whose λ the path follows. Raises UsageError for one that has none."""
    from denoise_cli.methods.registry import find

    try:
        method = find(name)
    except ValueError as error:
        raise UsageError(f"--{error}") from error
    if not method.has_weight:
        raise UsageError(f"--method {name} has no λ, so there is no path along it; run it with denoise PICTURE --method {name}")
    if name != "optimal":
        raise UsageError(f"--method {name}: the path follows the certified minimiser; run others with denoise PICTURE --lambda X")
    return name


def _typed(lambdas: str | None, smallest: float | None, largest: float | None, pick: float | None) -> list[float]:
    """The λ of --lambdas, none if it was not given; and a check of the others."""
    for name, value in (("from", smallest), ("to", largest), ("pick", pick)):
        if value is not None and not 0 < value < math.inf:
            raise UsageError(f"--{name} must be positive and finite, not {value:g}")
    if smallest is not None and largest is not None and smallest >= largest:
        raise UsageError(f"--from {smallest:g} must be smaller than --to {largest:g}")
    if lambdas is None:
        return []
    if smallest is not None or largest is not None:
        raise UsageError("--lambdas names every λ: leave --from and --to out")
    try:
        weights = [float(word) for word in lambdas.split(",")]
    except ValueError:
        raise UsageError(f"--lambdas must be numbers with commas between, such as 0.05,0.1,0.2, not {lambdas!r}") from None
    if not all(0 < weight < math.inf for weight in weights):
        raise UsageError(f"--lambdas must be positive and finite, not {lambdas!r}")
    if len(weights) > MOST_STEPS:
        raise UsageError(f"--lambdas: {len(weights)} are more than a sheet holds; give {MOST_STEPS} or fewer")
    return weights


def _check(inputs: list[Path], outputs: dict[str, Path | None], overwrite: bool) -> None:
    """Refuse what is not there, would overwrite an input or an earlier result, or could not be written, before any work is done."""
    for path in inputs:
        if path != PIPE and not path.exists():  # or else its folder would be missed, where the sheet is to lie
            raise DenoiseError(no_such_file(path))
    check_sheet(outputs["-o"] or Path())
    check_outputs(outputs, inputs, overwrite=overwrite)


def _make_folder(folder: Path, results: list[Path], inputs: list[Path], overwrite: bool) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DenoiseError(f"{folder}: the directory cannot be made ({error.strerror}); choose another place with --results") from error
    for result in results:
        check_outputs({"--results": result}, inputs, overwrite=overwrite)


def _read(path: Path, reference: Path | None, settings: Settings, *, whole: bool) -> tuple[Picture, Any, Any]:
    """The page in the middle, as a picture and in floats, and the clean one; of a large picture a window, unless `whole` is wanted."""
    from denoise_cli.large.excerpts import picture_or_window
    from denoise_cli.pipeline.beside import in_units_of, pages_beside
    from denoise_cli.variational import as_float

    picture = picture_or_window(path, settings, whole=whole)
    for note in picture.notes:
        say(f"{path}: {note}")
    if (count := len(picture.pages)) > 1:
        say(f"{path}: the path is that of {picture.page_name(count // 2)}, in the middle")
        picture = replace(picture, pages=(picture.pages[count // 2],))
    try:
        pixels = as_float(picture.frames[0])
    except (ValueError, TypeError) as error:
        raise DenoiseError(f"{path}: {error}") from error
    if reference is None:
        return picture, pixels, None
    pages = pages_beside(reference, settings)
    if len(pages) not in (1, count):
        raise DenoiseError(f"{reference}: the reference has {len(pages):,} pages, {path} {count}; give one for each page, or a single one")
    clean = in_units_of(pages[len(pages) // 2], picture.pages[0])
    if clean.shape != pixels.shape:
        raise DenoiseError(f"{reference}: the reference has shape {clean.shape}, {path} {pixels.shape}; give a clean one of the same size")
    return picture, pixels, clean


def _box(text: str | None, shown: ShownPage) -> Box | None:
    if text is None:
        return None
    box = x, y, width, height = crop_of(text)
    if x + width > shown.size[0] or y + height > shown.size[1]:
        raise UsageError(f"--crop reaches beyond the picture, which is {shown.size[0]} × {shown.size[1]}")
    return box
