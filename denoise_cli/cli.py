"""What can be typed: words into Jobs, Reports into an exit code. Typer lives here."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from denoise_cli import __version__
from denoise_cli.errors import FAILED, INTERRUPTED, OK, USAGE, DenoiseError, UsageError

if TYPE_CHECKING:
    from denoise_cli.batch import Watch
    from denoise_cli.files import LogFile
    from denoise_cli.job import Job, Report, Settings
    from denoise_cli.variational import State

__all__ = ["main"]

DEFAULT = "image"
# Loaded when called: word → (module with a Typer `app`, the line in the help).
COMMANDS = {"extras": ("denoise_cli.extras.cli", "Batch norm, normalisations, regression and LDAM loss: numbers in, numbers out.")}


class Method(StrEnum):
    matlab = "matlab"
    optimal = "optimal"


class TV(StrEnum):
    isotropic = "isotropic"
    anisotropic = "anisotropic"


class Channels(StrEnum):
    coupled = "coupled"
    separate = "separate"
    sum = "sum"


class Boundary(StrEnum):
    symmetric = "symmetric"
    periodic = "periodic"


class Precision(StrEnum):
    float32 = "float32"
    float64 = "float64"


class DenoiseGroup(TyperGroup):
    """`denoise PICTURE…` is the default command; a first word that names another command runs that."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or args[0] not in COMMANDS:
            args = [DEFAULT, *(args or ["--help"])]
        return super().parse_args(ctx, args)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in COMMANDS:
            command = typer.main.get_command(import_module(COMMANDS[cmd_name][0]).app)
            command.name = cmd_name
            return command
        return super().get_command(ctx, cmd_name)


class GroupedHelp(TyperCommand):
    """Help in plain text, its options under headings: quick to print, and readable in a pipe."""

    def format_usage(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        formatter.write_usage("denoise", "[OPTIONS] PICTURE...")

    def format_options(self, ctx: Any, formatter: Any) -> None:
        panels: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            row = parameter.get_help_record(ctx)
            if row is not None:
                panels.setdefault(getattr(parameter, "rich_help_panel", None) or "Run", []).append(row)
        for title, rows in panels.items():
            with formatter.section(title):
                formatter.write_dl(rows)
        with formatter.section("Other commands"):
            formatter.write_dl([(f"denoise {word}", line) for word, (_, line) in COMMANDS.items()])


app = typer.Typer(cls=DenoiseGroup, rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def _group() -> None:
    """Total-variation image denoising."""


def _version(value: bool) -> None:
    if value:
        typer.echo(f"denoise {__version__}")
        raise typer.Exit


PROBLEM, ALGORITHM, FILES, RUN = "Problem", "Algorithm", "Files", "Run"


@app.command(DEFAULT, cls=GroupedHelp, context_settings={"help_option_names": ["-h", "--help"]})
def image(
    pictures: Annotated[
        list[Path],
        typer.Argument(metavar="PICTURE...", help="PNG, JPEG, TIFF, BMP, WebP or .npy; grey or RGB, 8 or 16 bit.", rich_help_panel=FILES),
    ],
    weight: Annotated[
        float | None,
        typer.Option(
            "--lambda",
            metavar="X",
            help="λ > 0 in F(u; f) + λ·TV(u): larger is smoother. Pixels count from 0 to 1.",
            rich_help_panel=PROBLEM,
        ),
    ] = None,
    l1: Annotated[
        bool, typer.Option("--l1", help="Fidelity Σ|u − f|: for impulses, salt and pepper (λ 0.5 to 2).", rich_help_panel=PROBLEM)
    ] = False,
    l2: Annotated[
        bool,
        typer.Option("--l2", help="Fidelity Σ(u − f)²: for Gaussian noise (λ about 1.4 σ). [default]", rich_help_panel=PROBLEM),
    ] = False,
    tv: Annotated[
        TV | None,
        typer.Option(help="Total variation. [default: optimal isotropic; matlab is anisotropic]", rich_help_panel=PROBLEM),
    ] = None,
    channels: Annotated[
        Channels | None,
        typer.Option(help="How colours share it. [default: optimal coupled; matlab is sum]", rich_help_panel=PROBLEM),
    ] = None,
    boundary: Annotated[
        Boundary | None,
        typer.Option(help="Beyond the edges. [default: optimal symmetric; matlab is periodic]", rich_help_panel=PROBLEM),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            metavar="MAP",
            help="Weight of each pixel's fidelity, ≥ 0; 0 is unknown (optimal). [default: 1 everywhere]",
            rich_help_panel=PROBLEM,
        ),
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option(metavar="MASK", help="White is known, black is filled in (optimal). [default: all known]", rich_help_panel=PROBLEM),
    ] = None,
    lambda_map: Annotated[
        Path | None,
        typer.Option(
            metavar="MAP",
            help="λ of each pixel, ≥ 0, times --lambda if given (optimal). [default: none]",
            rich_help_panel=PROBLEM,
        ),
    ] = None,
    method: Annotated[
        Method,
        typer.Option(
            help="matlab: the original iteration, stopped early; --iterations shapes the picture. optimal: the exact minimiser, certified.",
            rich_help_panel=ALGORITHM,
        ),
    ] = Method.matlab,
    iterations: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="matlab: how many. optimal: at most. [default: matlab 100; optimal 30000]",
            rich_help_panel=ALGORITHM,
        ),
    ] = None,
    gap: Annotated[
        float | None,
        typer.Option(metavar="G", help="optimal: stop when cost ≤ optimum/(1 − G) is certain. [default: 0.001]", rich_help_panel=ALGORITHM),
    ] = None,
    alpha: Annotated[
        float | None, typer.Option(metavar="A", help="matlab: penalty on Du. [default: 500]", rich_help_panel=ALGORITHM)
    ] = None,
    beta: Annotated[
        float | None, typer.Option(metavar="B", help="matlab: penalty on u − f. [default: 50]", rich_help_panel=ALGORITHM)
    ] = None,
    dtype: Annotated[Precision, typer.Option(help="Precision of the computation.", rich_help_panel=ALGORITHM)] = Precision.float32,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="PATH",
            help="Result, or a directory for several. [default: NAME_denoised beside the input]",
            rich_help_panel=FILES,
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace results and logs that exist. [default: refuse]", rich_help_panel=FILES)
    ] = False,
    reference: Annotated[
        Path | None,
        typer.Option(metavar="CLEAN", help="A clean picture to compare with: RMSE, SNR, PSNR. [default: none]", rich_help_panel=FILES),
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="Write one row an iteration: cost, rmse, snr_db, psnr_db, gap … [default: none]",
            rich_help_panel=FILES,
        ),
    ] = None,
    workers: Annotated[int | None, typer.Option(metavar="N", help="Threads. [default: all cores]", rich_help_panel=RUN)] = None,
    quiet: Annotated[
        bool, typer.Option("-q", "--quiet", help="Say nothing but errors. [default: one line a picture]", rich_help_panel=RUN)
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option("-v", "--verbose", help="Say more about each picture. [default: one line a picture]", rich_help_panel=RUN),
    ] = False,
    version: Annotated[  # noqa: ARG001 - acts by its callback
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.", rich_help_panel=RUN)
    ] = False,
) -> None:
    """Remove noise from pictures by total variation.

    denoise input.png --lambda 0.1 --l1      writes input_denoised.png

    denoise *.tif --lambda 0.1 --method optimal -o clean/      many at once, exact
    """
    from denoise_cli.batch import check_log, plan, run_all
    from denoise_cli.job import Settings

    settings = Settings(
        weight=weight, fidelity="l1" if l1 else "l2", method=method, iterations=iterations, alpha=alpha, beta=beta, gap=gap, tv=tv,
        channels=channels, boundary=boundary, dtype=dtype, workers=workers, lambda_map=lambda_map, weights=weights, mask=mask,
        reference=reference, overwrite=overwrite,
    )  # fmt: skip
    if l1 and l2:
        raise UsageError("--l1 and --l2 are two fidelities: give one of them")
    _check_numbers(settings)
    jobs = plan(pictures, output, settings)
    check_log(log, jobs)

    failed = 0
    with _logging(log, named=len(jobs) > 1, overwrite=overwrite) as rows:
        for report in run_all(jobs, _watch(settings, rows, quiet=quiet)):
            failed += report.error is not None
            _tell(report, quiet=quiet, verbose=verbose)
    raise typer.Exit(FAILED if failed else OK)


def _check_numbers(settings: Settings) -> None:
    """Refuse a command that no picture could make right."""
    from denoise_cli.variational import check_options

    if settings.weight is None and settings.lambda_map is None:
        raise UsageError("no strength given: say --lambda X (0.1 for moderate Gaussian noise; 1 with --l1 for impulses)")
    if settings.weight is not None and not 0 < settings.weight < math.inf:
        raise UsageError(f"--lambda must be positive and finite, not {settings.weight:g}")
    if settings.weights is not None and settings.mask is not None:
        raise UsageError("--weights and --mask are two ways to say the same: give one of them")
    told = {name: getattr(settings, name) for name in ("iterations", "alpha", "beta", "gap", "tv", "channels", "boundary", "weights")}
    if settings.method == Method.matlab:
        told |= {"mask": settings.mask, "lambda-map": settings.lambda_map}
    try:
        check_options(settings.method, settings.dtype, settings.workers, **told)
    except ValueError as error:
        raise UsageError(f"--{error}") from error


@contextmanager
def _logging(path: Path | None, *, named: bool, overwrite: bool) -> Iterator[LogFile | None]:
    if path is None:
        yield None
        return
    from denoise_cli.files import LogFile
    from denoise_cli.variational.records import COLUMNS

    log = LogFile(path, COLUMNS, named=named, overwrite=overwrite)
    try:
        yield log
    finally:
        log.close()


def _watch(settings: Settings, log: LogFile | None, *, quiet: bool) -> Watch:
    """What sees every State of a job: the log and the bar, or nobody."""

    @contextmanager
    def watch(job: Job) -> Iterator[Callable[[State], object] | None]:
        from denoise_cli.progress import bar
        from denoise_cli.variational import METHODS

        total = settings.iterations or METHODS[settings.method]["iterations"]
        write = log.writer(str(job.input)) if log else None
        with bar(job.input.name, total, quiet=quiet) as shown:

            def see(state: State) -> None:
                if write:
                    write(state.record.cells())
                if shown:
                    shown(state)

            yield see if write or shown else None

    return watch


def _tell(report: Report, *, quiet: bool, verbose: bool) -> None:
    if report.error is not None:
        _say(report.error)
        return
    if quiet:
        return
    for note in report.notes:
        _say(f"{report.input}: {note}")
    if verbose:
        size = " × ".join(str(side) for side in report.shape)
        bound = f", proven within [{report.bound:.6g}, {report.cost:.6g}]" if report.bound is not None else ""
        _say(f"{report.input}: {size}, {report.depth}; cost {report.cost:.6g}{bound}")
    weight = "λ map" if report.weight is None else f"λ {report.weight:g}"
    why = {
        "iterations_done": f"{report.iterations} iterations, all that were asked for",
        "converged": f"{report.iterations} iterations, certified: gap {report.gap or 0:.1e}",
        "iteration_limit": f"stopped at the limit of {report.iterations} iterations, NOT at the optimum: gap {report.gap or 0:.1e}",
        "input_is_minimiser": "0 iterations, the input is the exact minimiser: gap 0",
    }[report.status]
    psnr = f", PSNR {report.psnr_db:.2f} dB" if report.psnr_db is not None else ""
    _say(f"{report.input} → {report.output}: {report.method}, {report.fidelity.upper()}, {weight}, {why}, {report.seconds:.2f} s{psnr}")


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit code. Errors are one line on stderr, never a traceback."""
    try:
        code = app(args=arguments, prog_name="denoise", standalone_mode=False)
        return code if isinstance(code, int) else OK
    except DenoiseError as error:
        _say(f"denoise: {error}" if isinstance(error, UsageError) else str(error))
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        _say("denoise: interrupted")
        return INTERRUPTED
    except Exception as error:
        # Click's own usage errors; Typer has carried its own copy of click since 0.26, so they are known by what they can do.
        if not hasattr(error, "format_message"):
            raise
        _say(f"denoise: {error.format_message()} (denoise --help)")
        return USAGE
