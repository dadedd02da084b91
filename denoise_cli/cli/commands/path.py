"""`denoise path`: the picture at many λ, as a sheet to pick from by eye, a table, and files."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from denoise_cli.cli.commands.tables import check_output, crop_of, write_csv
from denoise_cli.errors import OK, DenoiseError, UsageError

if TYPE_CHECKING:
    from denoise_cli.choice.choose import Choice
    from denoise_cli.choice.path import Step
    from denoise_cli.draw.sheet import Box, Tile
    from denoise_cli.formats.files import Picture

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)

STEPS, MOST_STEPS, CROP_SIZE = 9, 100, 64


def _option(help: str, *names: str, **details: Any) -> Any:
    return typer.Option(*names, help=help, **details)


PICTURE = typer.Argument(metavar="PICTURE", help="PNG, JPEG, TIFF, BMP, WebP or .npy.", show_default=False)
FROM = _option("The smallest λ. [default: a quarter of the automatic one]", "--from", metavar="A")
TO = _option("The largest λ. [default: four times the automatic one]", "--to", metavar="B")
COUNT = _option("How many, evenly spaced in log λ.", metavar="N", min=1, max=MOST_STEPS)
LAMBDAS = _option("These instead, such as 0.05,0.1,0.2.", metavar="X,X,…")
ONE = _option("Fidelity Σ|u − f|, for impulses. [default: by the noise]", "--l1")
TWO = _option("Fidelity Σ(u − f)², for Gaussian noise. [default: by the noise]", "--l2")
SIGMA = _option("The noise's standard deviation, such as 0.04 or 10/255. [default: estimated]", metavar="S")
TV = _option("isotropic or anisotropic. [default: isotropic]", metavar="TV")
CHANNELS = _option("coupled or separate. [default: coupled]", metavar="HOW")
BOUNDARY = _option("symmetric or periodic. [default: symmetric]", metavar="WHICH")
GAP = _option("Relative duality gap to stop at. [default: 0.001]", metavar="G")
REFERENCE = _option("A clean picture: PSNR and SSIM of each. [default: none]", metavar="CLEAN")
OUTPUT = _option("The sheet: the same crop at each λ. [default: NAME_path.png beside the input]", "-o", "--output", metavar="SHEET.png")
CROP = _option("What the sheet shows. [default: 64 × 64 pixels where smoothing changes most]", metavar="X,Y,W,H")
CSV = _option("The table as CSV. [default: none]", "--csv", metavar="FILE.csv")
RESULTS = _option("A folder for the whole results, NAME_λ. [default: none]", metavar="FOLDER")
PICK = _option("The λ that --save-config freezes. [default: the automatic one]", metavar="X")
SAVE_CONFIG = _option("Settings for `denoise … --config`. [default: none]", metavar="FILE.toml")
OVERWRITE = _option("Replace files that exist. [default: refuse]", "--overwrite")
WORKERS = _option("Threads. [default: all cores]", metavar="N", min=1)
MAX_PIXELS = _option("Refuse larger pictures. [default: 268435456, 16384²]", metavar="N", min=1)


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
    gap: Annotated[float | None, GAP] = None,
    reference: Annotated[Path | None, REFERENCE] = None,
    output: Annotated[Path | None, OUTPUT] = None,
    crop: Annotated[str | None, CROP] = None,
    csv: Annotated[Path | None, CSV] = None,
    results: Annotated[Path | None, RESULTS] = None,
    pick: Annotated[float | None, PICK] = None,
    save_config: Annotated[Path | None, SAVE_CONFIG] = None,
    overwrite: Annotated[bool, OVERWRITE] = False,
    workers: Annotated[int | None, WORKERS] = None,
    max_pixels: Annotated[int | None, MAX_PIXELS] = None,
) -> None:
    """The certified minimiser at many λ: pick one by eye, then freeze it.

    The λ that the automatic mode would take is among them, and marked.

    \b
    denoise path scan.png --csv path.csv
    denoise path scan.png --pick 0.08 --save-config tuned.toml
    denoise scans/ --config tuned.toml
    """
    from denoise_cli.choice.path import COLUMNS
    from denoise_cli.choice.path import path as walk
    from denoise_cli.cli.progress import say
    from denoise_cli.cli.settings_file import format_config
    from denoise_cli.formats.files import MAX_PIXELS as most
    from denoise_cli.settings import number
    from denoise_cli.storage.writing import appear
    from denoise_cli.variational import check_options
    from denoise_cli.variational import denoise as solve

    if l1 and l2:
        raise UsageError("--l1 and --l2 are two fidelities: give one of them")
    told = {"tv": tv, "channels": channels, "boundary": boundary, "gap": gap}
    try:
        check_options("optimal", "l1" if l1 else "l2", "float32", workers, **told)
    except ValueError as error:
        raise UsageError(f"--{error}") from error
    level = None if sigma is None else number(sigma, "sigma")
    if level is not None and not 0 < level < math.inf:
        raise UsageError(f"--sigma must be positive and finite, not {sigma}")
    weights = _typed(lambdas, smallest, largest, pick)
    sheet = output or picture.with_name(f"{picture.stem}_path.png")
    _check([path for path in (picture, reference) if path is not None], [sheet, csv, save_config], overwrite)

    source, pixels, clean = _read(picture, reference, max_pixels or most)
    options = {name: value for name, value in told.items() if value is not None} | {"workers": workers}
    album = _Album(source, pixels, picture, _box(crop, pixels), results, overwrite=overwrite)
    try:
        choice = _choose(pixels, "l1" if l1 else "l2" if l2 else None, level, options)
        every = sorted({*(weights or _spaced(choice.weight, smallest, largest, steps)), choice.weight, pick or choice.weight})
        if results is not None:
            _make_folder(results, [album.place(weight) for weight in every], overwrite)
        roughly: dict[str, Any] = options | {"gap": 0.05}
        album.look(solve(pixels, every[-1], fidelity=choice.fidelity, method="optimal", records=False, **roughly).image)
        for step in walk(pixels, every, fidelity=choice.fidelity, reference=clean, **options):
            album.add(step, automatic=step.weight == choice.weight, picked=step.weight == pick)
    except (ValueError, TypeError) as error:
        raise DenoiseError(f"{picture}: {error}") from error
    except MemoryError as error:
        raise DenoiseError(f"{picture}: not enough memory; cut it into tiles") from error
    print(album.table())
    if csv is not None:
        write_csv(csv, COLUMNS, album.rows, overwrite=overwrite)
    with appear(sheet, overwrite=overwrite) as stream:
        stream.write(album.sheet(f"{picture.name}: {choice.sentence}", sheet))
    taken = pick or choice.weight
    if save_config is not None:
        frozen = {"lambda": taken, choice.fidelity: True, "method": "optimal", **told}
        with appear(save_config, overwrite=overwrite) as stream:
            stream.write(format_config(frozen).encode())
    say(f"{picture} → {sheet}: {choice.sentence}")
    if save_config is None:
        say(f"freeze one with --pick {taken:g} --save-config tuned.toml, then denoise … --config tuned.toml")
    raise typer.Exit(OK)


# ── before ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


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


def _spaced(automatic: float, smallest: float | None, largest: float | None, steps: int) -> list[float]:
    from denoise_cli.choice.path import around

    if smallest is None and largest is None:
        return around(automatic, steps)
    low, high = smallest or min(automatic, largest or automatic) / 4, largest or max(automatic, smallest or automatic) * 4
    return [float(f"{low * (high / low) ** (k / max(1, steps - 1)):.6g}") for k in range(steps)]


def _check(inputs: list[Path], outputs: list[Path | None], overwrite: bool) -> None:
    """Refuse what would overwrite an input or an earlier result, or could not be written, before any work is done."""
    from denoise_cli.formats.files import format_of

    if format_of(outputs[0] or Path()) in (None, "npy"):
        raise UsageError(f"{outputs[0]}: a sheet is a picture; name it .png, .jpg, .tif or .webp")
    told = [path for path in outputs if path is not None]
    if len({path.absolute() for path in told}) < len(told):
        raise UsageError("the sheet, the CSV and the settings need names of their own")
    for path in told:
        check_output(path, inputs, overwrite=overwrite)


def _make_folder(folder: Path, results: list[Path], overwrite: bool) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DenoiseError(f"{folder}: the directory cannot be made ({error.strerror}); choose another place with --results") from error
    for result in results:
        check_output(result, [], overwrite=overwrite)


def _read(path: Path, reference: Path | None, max_pixels: int) -> tuple[Picture, Any, Any]:
    """The picture, its first page in floats, and the clean one."""
    from denoise_cli.cli.progress import say
    from denoise_cli.formats.files import read_picture
    from denoise_cli.variational import as_float

    picture = read_picture(path, max_pixels=max_pixels)
    for note in picture.notes:
        say(f"{path}: {note}")
    if len(picture.pages) > 1:
        say(f"{path}: {len(picture.pages)} pages; the path is that of the first")
    try:
        pixels = as_float(picture.frames[0])
    except (ValueError, TypeError) as error:
        raise DenoiseError(f"{path}: {error}") from error
    if reference is None:
        return picture, pixels, None
    clean = as_float(read_picture(reference, max_pixels=max_pixels).frames[0])
    if clean.shape != pixels.shape:
        raise DenoiseError(
            f"{reference}: the reference has shape {clean.shape}, {path} {pixels.shape}; give a clean picture of the same size"
        )
    return picture, pixels, clean


def _box(text: str | None, pixels: Any) -> Box | None:
    if text is None:
        return None
    x, y, width, height = crop_of(text)
    if x + width > pixels.shape[1] or y + height > pixels.shape[0]:
        raise UsageError(f"--crop reaches beyond the picture, which is {pixels.shape[1]} × {pixels.shape[0]}")
    return x, y, width, height


def _choose(pixels: Any, fidelity: str | None, sigma: float | None, options: dict[str, Any]) -> Choice:
    from denoise_cli.choice.choose import choose

    return choose(pixels, fidelity=fidelity, sigma=sigma, **{name: value for name, value in options.items() if name != "gap"})


# ── after ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Album:
    """What is kept of each step: its row, its crop, and the whole picture as a file, if that was asked for."""

    def __init__(self, picture: Picture, pixels: Any, source: Path, box: Box | None, results: Path | None, *, overwrite: bool) -> None:
        self.picture, self.pixels, self.source, self.box = picture, pixels, source, box
        self.results, self.overwrite = results, overwrite
        self.rows: list[tuple[Any, ...]] = []
        self.tiles: list[Tile] = []
        self.cmyk = picture.pages[0].model == "cmyk"
        self.ends = 0.0, 1.0
        low, high = float(pixels.min()), float(pixels.max())
        if not 0 <= low < high <= 1:
            self.ends = low, max(high, low + 1e-30)

    def look(self, smoothed: Any) -> None:
        """Choose the crop, if none was typed: where smoothing changes most."""
        from denoise_cli.draw.sheet import crop_box, drawable

        if self.box is None:
            self.box = crop_box([drawable(self.pixels, self.cmyk), drawable(smoothed, self.cmyk)], CROP_SIZE)

    def place(self, weight: float) -> Path:
        """Where a whole result goes."""
        return (self.results or Path()) / f"{self.source.stem}_{weight:g}{self.source.suffix}"

    def add(self, step: Step, *, automatic: bool, picked: bool) -> None:
        from denoise_cli.draw.sheet import Tile
        from denoise_cli.formats.files import write_picture

        solution = step.solution
        self.rows.append(
            (step.weight, step.sigma_removed, step.whiteness, step.psnr_db, step.ssim, solution.cost, solution.gap, solution.iterations,
             step.seconds, int(automatic)),
        )  # fmt: skip
        caption = [
            f"λ {step.weight:g}" + (", automatic" if automatic else ", picked" if picked else ""),
            f"removed σ {step.sigma_removed:.3g}",
        ]
        caption += [] if step.psnr_db is None else [f"{step.psnr_db:.2f} dB" + ("" if step.ssim is None else f"  SSIM {step.ssim:.3f}")]
        self.tiles.append(Tile(self._crop(solution.image), tuple(caption), marked=automatic))
        if self.results is not None:
            page = replace(self.picture, pages=self.picture.pages[:1])
            write_picture(self.place(step.weight), page.successor([solution.image]), overwrite=self.overwrite, kind=page.format)

    def _crop(self, image: Any) -> Any:
        from denoise_cli.draw.sheet import drawable

        assert self.box is not None
        x, y, width, height = self.box
        low, high = self.ends
        return (drawable(image[y : y + height, x : x + width], self.cmyk) - low) / (high - low)

    def table(self) -> str:
        """For people."""
        clean = any(row[3] is not None for row in self.rows)
        lines = [f"{'λ':>10}  {'removed σ':>9}  whiteness" + ("  PSNR dB    SSIM" if clean else "") + "  iterations"]
        for weight, removed, white, psnr, similar, _, _, iterations, _, automatic in self.rows:
            numbers = f"  {psnr:7.2f}  {'–' if similar is None else f'{similar:.4f}':>6}" if clean else ""
            lines.append(f"{weight:10.4g}  {removed:9.4g}  {white:9.2f}{numbers}  {iterations:10d}{'  ← automatic' if automatic else ''}")
        return "\n".join(lines)

    def sheet(self, title: str, name: Path) -> bytes:
        """The input and every λ, small to large, as the bytes of a picture."""
        from denoise_cli.draw.sheet import Tile, contact_sheet
        from denoise_cli.formats.files import Picture, encode_picture, format_of
        from denoise_cli.formats.picture import Page

        tiles = [Tile(self._crop(self.pixels), ("input",)), *self.tiles]
        kind = format_of(name) or "png"
        return encode_picture(Picture(kind, (Page(contact_sheet(tiles, title=title)),)), kind, name)[0]
