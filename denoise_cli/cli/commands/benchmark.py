"""`denoise benchmark`: which method and setting suit pictures like these; noise is added, removed, and what is left is measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from denoise_cli.cli.csv_tables import plain, write_csv
from denoise_cli.cli.noise_options import Gaussian, Poisson, RandomImpulse, SaltPepper, Seed, Speckle, WholePixels, noise_of
from denoise_cli.cli.progress import pictures_bar, say
from denoise_cli.cli.shared_options import Json, MaxPixels, Overwrite, Recursive, declared
from denoise_cli.cli.streams import print_json
from denoise_cli.cli.typed import check_outputs, check_stdout_once, pictures_of
from denoise_cli.errors import FAILED, OK, DenoiseError, UsageError
from denoise_cli.settings import MAX_PIXELS
from denoise_cli.storage.pipes import PIPE

if TYPE_CHECKING:
    from denoise_cli.batch.inputs import Found
    from denoise_cli.pipeline.contest import Row, Standing
    from denoise_cli.pipeline.contestants import Contest, Contestant, Trial

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)

METHODS = "matlab, optimal, learned, auto, nl-means, tv-chambolle, wavelet, opencv-nlm"
COLUMNS = ("file", "page", "method", "setting", "weight", "psnr_db", "ssim", "rmse", "mae", "seconds")


PICTURES = typer.Argument(metavar="CLEAN...", help="A folder of clean pictures; pictures; patterns in quotes.", show_default=False)
REAL = declared("Pairs of noisy and clean files as they are. [default: no]", "--real")
PAIRS = declared("With --real: names end in. [default: _real,_mean]", metavar="A,B")
CHOSEN = declared("Which, with commas: those below.", metavar="LIST")
ONE = declared("Fidelity L1 for matlab, optimal, oracle. [default: with impulses]", "--l1")
TWO = declared("Fidelity L2 for them. [default: without]", "--l2")
NO_CLIP = declared("Noise stays floats. [default: rounded, as in files]", "--no-clip")
WORKERS = declared("Threads for ours. [default: all cores]", metavar="N", min=1)
CSV = declared("A row a picture; - for stdout. [default: none]", "--csv", metavar="FILE.csv")


@app.command("benchmark", context_settings={"help_option_names": ["-h", "--help"]})
def benchmark(
    pictures: Annotated[list[Path], PICTURES],
    gaussian: Gaussian = None,
    salt_pepper: SaltPepper = None,
    random_impulse: RandomImpulse = None,
    poisson: Poisson = None,
    speckle: Speckle = None,
    whole_pixels: WholePixels = False,
    seed: Seed = 0,
    no_clip: Annotated[bool, NO_CLIP] = False,
    real: Annotated[bool, REAL] = False,
    pairs: Annotated[str | None, PAIRS] = None,
    methods: Annotated[str, CHOSEN] = METHODS,
    l1: Annotated[bool, ONE] = False,
    l2: Annotated[bool, TWO] = False,
    recursive: Recursive = False,
    workers: Annotated[int | None, WORKERS] = None,
    csv: Annotated[Path | None, CSV] = None,
    as_json: Json = False,
    overwrite: Overwrite = False,
    max_pixels: MaxPixels = MAX_PIXELS,
) -> None:
    """Add noise to clean pictures, remove it by several methods, and tabulate mean PSNR, mean SSIM and median seconds.

    \b
    matlab[:λ], optimal[:λ]  ours; λ a number or, as 1.4s, a multiple of σ
                             [default: 1.4 σ √channels; 1 with L1]
    auto                     ours, λ from the noisy picture alone
    oracle                   ours (optimal), the best λ, seen by the clean picture
    learned[:FILE.onnx]      the network, or your own, by the noise that is found
    nl-means, tv-chambolle, wavelet (scikit-image), opencv-nlm, bm3d: by true σ

    σ is that of --gaussian, or the root mean square of what was added; with --real, of what NAME_real.png (noisy) and NAME_mean.png (clean)
    differ by. Noise is that of add-noise with this --seed. Seconds: of a second call.

    \b
    denoise benchmark Set12/ --gaussian 25/255 --methods optimal,oracle,nl-means
    denoise benchmark --real photographs/ --pairs _noisy,_clean
    """
    from denoise_cli.batch.inputs import Selection
    from denoise_cli.noise.synthetic import AddedNoise
    from denoise_cli.pipeline.contest import standing, trials_of
    from denoise_cli.pipeline.contestants import Contest, contestant_of
    from denoise_cli.pipeline.pairs import SUFFIXES, clean_beside, noisy_among, pair_trials, suffixes_of

    amounts = {
        "gaussian": gaussian, "salt_pepper": salt_pepper, "random_impulse": random_impulse, "poisson": poisson, "speckle": speckle,
        "whole_pixels": whole_pixels,
    }  # fmt: skip
    if real and (no_clip or any(amounts.values())):
        raise UsageError("--real measures the noise that pictures have: leave out the noise to add, and --no-clip")
    if pairs is not None and not real:
        raise UsageError("--pairs says how pairs of noisy and clean pictures are named: give --real with it")
    noise = AddedNoise() if real else noise_of(**amounts)
    if l1 and l2:
        raise UsageError("--l1 and --l2 are two fidelities: give one of them")
    check_stdout_once(csv, as_json)
    contest = Contest(noise, "l1" if l1 or (noise.impulses and not l2) else "l2", workers)
    asked = [contestant_of(word, contest) for word in dict.fromkeys(word.strip() for word in methods.split(",")) if word]
    present = [contestant_of("noisy", contest), *(method for method in asked if not method.missing and method.name != "noisy")]
    found = pictures_of(pictures, Selection(recursive))
    check_outputs({"--csv": csv}, (each.path for each in found), overwrite=overwrite)
    told = f"{noise}, seed {seed}, {'not clipped' if no_clip else 'clipped and rounded to the depth'}"

    def trials(each: Found) -> list[Trial]:
        return trials_of(each.path, noise, seed, max_pixels, no_clip=no_clip)

    if real:
        suffixes = suffixes_of(SUFFIXES if pairs is None else pairs)
        paths = [each.path for each in found]
        noisy = set(noisy_among(paths, suffixes))
        found = [each for each in found if each.path in noisy]
        if not found:
            raise UsageError(f"{pictures[0]}: holds no picture NAME{suffixes[0]}; --pairs says what the names end in")
        told = f"noise as it came, pairs NAME{suffixes[0]} and NAME{suffixes[1]}"

        def trials(each: Found) -> list[Trial]:
            return pair_trials(each.path, clean_beside(each.path, paths, suffixes), max_pixels)

    absent = [f"{method.name}: left out, {method.missing}" for method in asked if method.missing]
    rows, errors = _compete(found, present, absent, trials)
    standings = [standing([row for row in rows if row.method == method.name], method) for method in present]
    if as_json:
        _print_json(told, contest, standings, rows, errors)
    elif csv != PIPE and rows:
        _print_table(told, standings)
    if csv is not None and rows:
        write_csv(csv, COLUMNS, ([getattr(row, name) for name in COLUMNS] for row in rows), overwrite=overwrite)
    raise typer.Exit(FAILED if errors else OK)


def _compete(
    found: Sequence[Found], present: Sequence[Contestant], absent: Sequence[str], trials_of: Callable[[Found], list[Trial]]
) -> tuple[list[Row], list[str]]:
    """A row for each page and contestant, and the errors, which are said as they come. `absent` is said once there is a picture."""
    from denoise_cli.pipeline.contest import fits, measure, warm_up

    rows: list[Row] = []
    errors, warm = list[str](), False

    def fail(error: DenoiseError) -> None:
        say(str(error))
        errors.append(str(error))

    with pictures_bar(len(found), quiet=False) as shown:
        for each in found:
            try:
                if each.error is not None:
                    raise DenoiseError(each.error)
                trials = trials_of(each)
                if not warm:
                    for line in absent:
                        say(line)
                    warm_up(present, trials[0])
                    warm = True
            except DenoiseError as error:
                trials = []
                fail(error)
            for trial in trials:
                for contestant in (contestant for contestant in present if fits(contestant, trial, say)):
                    try:
                        rows.append(measure(contestant, trial))
                    except DenoiseError as error:
                        fail(error)
            if shown is not None:
                shown.update()
    return rows, errors


def _print_table(told: str, summaries: Sequence[Standing]) -> None:
    """In Markdown, which can be read as it is."""
    most = max(summary.pictures for summary in summaries)
    print(f"{most} picture{'s' if most > 1 else ''}, {told}. Means of PSNR and SSIM, median of seconds.\n")
    cells = [("method", "PSNR dB", "SSIM", "seconds", "setting")]
    for row in summaries:
        psnr, ssim, seconds = (
            "–" if value is None else f"{value:{digits}}"
            for value, digits in ((row.psnr_db, ".2f"), (row.ssim, ".4f"), (row.seconds, ".3f"))
        )
        few = "" if row.pictures == most else f" ({row.pictures:,} pictures)"
        cells.append((row.method, psnr, ssim, "" if row.method == "noisy" else seconds, row.setting + few))
    wide = [max(len(row[at]) for row in cells) for at in range(5)]
    for at, line in enumerate(cells):
        padded = (f"{cell:{'<' if column in (0, 4) else '>'}{wide[column]}}" for column, cell in enumerate(line))
        print(f"| {' | '.join(padded)} |")
        if at == 0:
            print("|" + "|".join("-" * (width + 1) + ("-" if column in (0, 4) else ":") for column, width in enumerate(wide)) + "|")


def _print_json(told: str, contest: Contest, summaries: Sequence[Standing], rows: Sequence[Row], errors: Sequence[str]) -> None:
    answer = {
        "noise": told,
        "fidelity": contest.fidelity,
        "methods": [plain(asdict(each)) for each in summaries],
        "rows": [plain(asdict(row)) for row in rows],
        "errors": errors,
    }
    print_json(answer)
