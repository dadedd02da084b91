"""`denoise benchmark`: which method and setting suit pictures like these; noise is added, removed, and what is left is measured."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import math
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from denoise_cli.cli.commands.add_noise import (
    Gaussian,
    Poisson,
    RandomImpulse,
    SaltPepper,
    Seed,
    Speckle,
    WholePixels,
    noise_of,
    noisy_pages,
)
from denoise_cli.cli.commands.tables import STDIO, check_output, plain, write_csv
from denoise_cli.cli.streams import print_json
from denoise_cli.errors import FAILED, OK, DenoiseError, UsageError

if TYPE_CHECKING:
    from denoise_cli.noise.synthetic import Noise
    from denoise_cli.variational import Solution

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)

METHODS = "matlab,optimal,auto,nl-means,tv-chambolle,wavelet,opencv-nlm"
# L2: λ = 1.4 σ, README's rule, times √channels, as noise makes gradients over coupled channels that much longer; L1: λ = 1.
RULE, RULE_L1 = 1.4, 1.0
COLUMNS = ("file", "page", "method", "setting", "weight", "psnr_db", "ssim", "rmse", "mae", "seconds")


def _option(help: str, *names: str, **details: Any) -> Any:
    return typer.Option(*names, help=help, **details)


PICTURES = typer.Argument(metavar="CLEAN...", help="A folder of clean pictures; pictures; patterns in quotes.", show_default=False)
CHOSEN = _option("Which, with commas: those below.", metavar="LIST")
ONE = _option("Fidelity L1 for matlab, optimal, oracle. [default: with impulses]", "--l1")
TWO = _option("Fidelity L2 for them. [default: without]", "--l2")
NO_CLIP = _option("Noise stays floats, as in most papers. [default: clipped, rounded to the depth, as files are]", "--no-clip")
RECURSIVE = _option("Folders within folders too. [default: no]", "--recursive", "-r")
WORKERS = _option("Threads for matlab, optimal, auto, oracle. [default: all cores]", metavar="N", min=1)
CSV = _option("A row a picture and method; - for stdout. [default: none]", "--csv", metavar="FILE.csv")
JSON = _option("JSON on stdout instead of the table. [default: no]", "--json")
OVERWRITE = _option("Replace a CSV that exists. [default: refuse]", "--overwrite")
MAX_PIXELS = _option("Refuse larger pictures. [default: 268435456, 16384²]", metavar="N", min=1)


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
    methods: Annotated[str, CHOSEN] = METHODS,
    l1: Annotated[bool, ONE] = False,
    l2: Annotated[bool, TWO] = False,
    recursive: Annotated[bool, RECURSIVE] = False,
    workers: Annotated[int | None, WORKERS] = None,
    csv: Annotated[Path | None, CSV] = None,
    as_json: Annotated[bool, JSON] = False,
    overwrite: Annotated[bool, OVERWRITE] = False,
    max_pixels: Annotated[int | None, MAX_PIXELS] = None,
) -> None:
    """Add noise to clean pictures, remove it by several methods, and tabulate mean PSNR, mean SSIM and median seconds.

    \b
    matlab[:λ], optimal[:λ]  ours; λ a number or, as 1.4s, a multiple of σ
                             [default: 1.4 σ √channels; 1 with L1]
    auto                     ours, λ from the noisy picture alone
    oracle                   ours (optimal), the best λ, seen by the clean picture
    nl-means, tv-chambolle, wavelet (scikit-image), opencv-nlm: by the true σ

    σ is that of --gaussian, or else the root mean square of what was added. The noise is that of add-noise with the same --seed.
    Seconds are those of the computation alone, after a first call that does not count.

    \b
    denoise benchmark Set12/ --gaussian 25/255 --methods optimal,oracle,nl-means
    """
    from denoise_cli.batch.inputs import Selection, find
    from denoise_cli.cli.progress import pictures_bar, say
    from denoise_cli.formats import files

    noise = noise_of(
        gaussian=gaussian, salt_pepper=salt_pepper, random_impulse=random_impulse, poisson=poisson, speckle=speckle,
        whole_pixels=whole_pixels,
    )  # fmt: skip
    if l1 and l2:
        raise UsageError("--l1 and --l2 are two fidelities: give one of them")
    if as_json and csv == STDIO:
        raise UsageError("--json and --csv - both write to stdout: name a file for --csv")
    contest = Contest(noise, "l1" if l1 or (noise.impulses and not l2) else "l2", workers)
    asked = [parse_method(word, contest) for word in dict.fromkeys(word.strip() for word in methods.split(",")) if word]
    present = [parse_method("noisy", contest), *(method for method in asked if not method.missing and method.name != "noisy")]
    found = list(find(pictures, Selection(recursive)))
    if not found:
        raise UsageError(f"{pictures[0]}: holds no picture that denoise reads; look deeper with --recursive")
    check_output(csv, (each.path for each in found), overwrite=overwrite)

    rows, errors, warm = [], list[str](), False

    def fail(error: DenoiseError) -> None:
        say(str(error))
        errors.append(str(error))

    with pictures_bar(len(found), quiet=False) as shown:
        for each in found:
            try:
                if each.error is not None:
                    raise DenoiseError(each.error)
                pages = _pages(each.path, noise, seed, max_pixels or files.MAX_PIXELS, no_clip=no_clip)
                if not warm:
                    for method in asked:
                        if method.missing:
                            say(f"{method.name}: left out, {method.missing}")
                    _warm_up(present, pages[0])
                    warm = True
            except DenoiseError as error:
                pages = []
                fail(error)
            for page in pages:
                for method in (method for method in present if _fits(method, page, say)):
                    try:
                        rows.append(_measure(method, page))
                    except DenoiseError as error:
                        fail(error)
            if shown is not None:
                shown.update()
    summaries = [_mean([row for row in rows if row.method == method.name], method) for method in present]
    told = f"{noise}, seed {seed}, {'not clipped' if no_clip else 'clipped and rounded to the depth'}"
    if as_json:
        _print_json(told, contest, summaries, rows, errors)
    elif csv != STDIO and rows:
        _print_table(told, summaries)
    if csv is not None and rows:
        write_csv(csv, COLUMNS, ([getattr(row, name) for name in COLUMNS] for row in rows), overwrite=overwrite)
    raise typer.Exit(FAILED if errors else OK)


# ── what can take part ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Contest:
    """What is the same for all methods of ours."""

    noise: Noise
    fidelity: str
    workers: int | None

    def solve(self, noisy: Any, weight: float, method: str = "optimal", fidelity: str | None = None) -> Solution:
        from denoise_cli.variational import denoise

        return denoise(
            noisy, weight, method=method, fidelity=fidelity or self.fidelity, dtype="float32", workers=self.workers, records=False
        )  # fmt: skip

    def rule(self, trial: Trial) -> float:
        return RULE_L1 if self.fidelity == "l1" else RULE * trial.sigma * math.sqrt(trial.channels)


@dataclass(frozen=True)
class Trial:
    """A page with noise: what a method may know, and (for an oracle) the clean one."""

    name: str
    page: int
    clean: Any
    noisy: Any
    sigma: float
    data_range: float

    @property
    def channels(self) -> int:
        return self.clean.shape[2] if self.clean.ndim == 3 else 1


# trial → picture, λ if there is one, and the seconds it took where not all of the time counts
Attempt = Callable[[Trial], tuple[Any, float | None, float | None]]


@dataclass(frozen=True)
class Method:
    """A row of the table. `missing`: why it cannot take part, and the way out."""

    name: str
    setting: str
    attempt: Attempt
    missing: str = ""
    colours: tuple[int, ...] | None = field(default=None)


def parse_method(word: str, contest: Contest) -> Method:
    """`optimal:0.1`, `matlab:1.4s`, `nl-means` → a Method. Raises UsageError."""
    from denoise_cli.cli.commands.add_noise import number
    from denoise_cli.methods.peers import PEERS

    name, colon, strength = (part.strip() for part in word.partition(":"))
    fidelity = contest.fidelity.upper()
    if colon and name not in ("matlab", "optimal"):
        raise UsageError(f"--methods {word.strip()}: only matlab and optimal take a λ")
    if name in ("matlab", "optimal"):
        text, relative = (strength[:-1], True) if strength[-1:] in ("s", "σ") and colon else (strength, False)
        try:
            weight = number(text) if colon else None
        except typer.BadParameter as error:
            raise UsageError(f"--methods {word.strip()}: {error.message}; a multiple of σ ends in s: 1.4s") from None
        if weight is not None and not 0 < weight < math.inf:
            raise UsageError(f"--methods {word.strip()}: λ must be positive and finite, not {weight:g}")
        if weight is None:
            said = f"λ {RULE_L1:g}" if contest.fidelity == "l1" else f"λ {RULE:g} σ √channels"
        else:
            said = f"λ {weight:g} σ" if relative else f"λ {weight:g}"
        return Method(word.strip(), f"{fidelity}, {said}", partial(_ours, contest, name, weight, relative))
    if name == "noisy":
        return Method(name, "", lambda trial: (trial.noisy, None, None))
    if name == "auto":
        missing = "" if True else "this version chooses no λ; give one: optimal:0.1"
        return Method(name, "optimal, λ from the picture", partial(_automatic, contest), missing)
    if name == "oracle":
        return Method(name, f"{fidelity}, optimal, best λ for each", partial(_oracle, contest))
    if name in PEERS:
        peer = PEERS[name]
        missing = f"it needs {' and '.join(peer.missing)}: pip install {' '.join(peer.missing)}" if peer.missing else ""
        return Method(name, peer.setting, lambda trial: (peer.denoise(trial.noisy, trial.sigma), None, None), missing, (1, 3))
    raise UsageError(f"--methods {word.strip()}: unknown; choose from noisy, matlab, optimal, auto, oracle, {', '.join(PEERS)}")


def _ours(contest: Contest, method: str, weight: float | None, relative: bool, trial: Trial) -> tuple[Any, float, None]:
    strength = contest.rule(trial) if weight is None else weight * trial.sigma if relative else weight
    return contest.solve(trial.noisy, strength, method).image, strength, None


def _automatic(contest: Contest, trial: Trial) -> tuple[Any, float, None]:
    choice = importlib.import_module("denoise_cli.choice.choose").choose(trial.noisy, workers=contest.workers)
    return contest.solve(trial.noisy, choice.weight, fidelity=choice.fidelity).image, choice.weight, None


def _oracle(contest: Contest, trial: Trial) -> tuple[Any, float, float]:
    """The λ of the highest PSNR, to 2 %, by Brent's search from a sixth to six times the rule; its seconds are those of one solve."""
    from scipy.optimize import minimize_scalar

    from denoise_cli.variational import rmse

    start = math.log(contest.rule(trial))
    found = minimize_scalar(
        lambda log_weight: rmse(contest.solve(trial.noisy, math.exp(log_weight)).image, trial.clean),
        bounds=(start - math.log(6), start + math.log(6)), method="bounded", options={"xatol": 0.02},
    )  # fmt: skip
    weight, began = math.exp(found.x), time.perf_counter()
    picture = contest.solve(trial.noisy, weight).image
    return picture, weight, time.perf_counter() - began


# ── during ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Row:
    """One page by one method."""

    file: str
    page: int
    method: str
    setting: str
    weight: float | None
    psnr_db: float | None
    ssim: float | None
    rmse: float
    mae: float
    seconds: float


def _pages(path: Path, noise: Noise, seed: int, max_pixels: int, *, no_clip: bool) -> list[Trial]:
    import numpy as np

    from denoise_cli.formats.files import read_picture
    from denoise_cli.measure.comparison import peak_of
    from denoise_cli.variational import as_float

    picture = read_picture(path, max_pixels=max_pixels)
    cleans = [as_float(page.frame) for page in picture.pages]
    noisy, _ = noisy_pages(picture, noise, seed, path, clip="never" if no_clip else "depth")
    if not no_clip:
        noisy = [as_float(page.successor(pixels).frame) for page, pixels in zip(picture.pages, noisy, strict=True)]
    trials = []
    for page, (clean, bad) in enumerate(zip(cleans, noisy, strict=True), 1):
        exact = replace(noise, gaussian=None)
        sigma = noise.gaussian if noise.gaussian is not None and not exact.given else math.sqrt(float(np.square(bad - clean).mean()))
        if (bad == clean).all():
            raise DenoiseError(f"{path}: the noise vanished when it was rounded to {picture.depth}; make it stronger, or say --no-clip")
        span = peak_of([clean]) if picture.depth.startswith("float") else 1.0
        trials.append(Trial(str(path), page, clean, bad, sigma, span))
    return trials


def _warm_up(methods: Sequence[Method], trial: Trial) -> None:
    """A first call of each on a corner of the picture: what is imported and set up then does not count."""
    corner = replace(trial, clean=trial.clean[:64, :64], noisy=trial.noisy[:64, :64])
    for method in methods:
        if method.name != "oracle":
            with contextlib.suppress(DenoiseError):  # which comes again, and is told then
                _attempt(method, corner)


def _fits(method: Method, trial: Trial, say: Callable[[str], None]) -> bool:
    if method.colours is None or trial.channels in method.colours:
        return True
    say(f"{trial.name}: {method.name} takes grey and RGB only: left out there")
    return False


def _attempt(method: Method, trial: Trial) -> tuple[Any, float | None, float | None]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return method.attempt(trial)
    except MemoryError as error:
        raise DenoiseError(f"{trial.name}: {method.name}: not enough memory; take smaller pictures") from error
    except Exception as error:
        # Peers raise what they please.
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise DenoiseError(f"{trial.name}: {method.name}: {said}; leave it out of --methods") from error


def _measure(method: Method, trial: Trial) -> Row:
    from denoise_cli.measure.comparison import figures

    began = time.perf_counter()
    picture, weight, counted = _attempt(method, trial)
    seconds = time.perf_counter() - began if counted is None else counted
    told = figures(picture, trial.clean, trial.data_range)
    return Row(
        trial.name, trial.page, method.name, method.setting, weight, told.psnr_db, told.ssim, told.rmse, told.mae,
        0.0 if method.name == "noisy" else seconds,
    )  # fmt: skip


# ── after ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Summary:
    """A method over all pictures: means of PSNR and SSIM (of those that have them), the median of the seconds."""

    method: str
    setting: str
    pictures: int
    psnr_db: float | None
    ssim: float | None
    seconds: float | None


def _mean(rows: Sequence[Row], method: Method) -> Summary:
    from statistics import fmean, median

    psnrs, ssims = ([value for row in rows if (value := getattr(row, name)) is not None] for name in ("psnr_db", "ssim"))
    return Summary(
        method.name, method.setting, len(rows), fmean(psnrs) if psnrs else None, fmean(ssims) if ssims else None,
        median(row.seconds for row in rows) if rows else None,
    )  # fmt: skip


def _print_table(told: str, summaries: Sequence[Summary]) -> None:
    """In Markdown, which can be read as it is."""
    most = max(summary.pictures for summary in summaries)
    print(f"{most} picture{'s' if most > 1 else ''}, {told}. Means of PSNR and SSIM, median of seconds.\n")
    cells = [("method", "PSNR dB", "SSIM", "seconds", "setting")]
    for row in summaries:
        psnr, ssim, seconds = (
            "–" if value is None else f"{value:{digits}}"
            for value, digits in ((row.psnr_db, ".2f"), (row.ssim, ".4f"), (row.seconds, ".3f"))
        )
        few = "" if row.pictures == most else f" ({row.pictures} pictures)"
        cells.append((row.method, psnr, ssim, "" if row.method == "noisy" else seconds, row.setting + few))
    wide = [max(len(row[at]) for row in cells) for at in range(5)]
    for at, line in enumerate(cells):
        padded = (f"{cell:{'<' if column in (0, 4) else '>'}{wide[column]}}" for column, cell in enumerate(line))
        print(f"| {' | '.join(padded)} |")
        if at == 0:
            print("|" + "|".join("-" * (width + 1) + ("-" if column in (0, 4) else ":") for column, width in enumerate(wide)) + "|")


def _print_json(told: str, contest: Contest, summaries: Sequence[Summary], rows: Sequence[Row], errors: Sequence[str]) -> None:
    from dataclasses import asdict

    answer = {
        "noise": told,
        "fidelity": contest.fidelity,
        "methods": [plain(asdict(each)) for each in summaries],
        "rows": [plain(asdict(row)) for row in rows],
        "errors": errors,
    }
    print_json(answer)
