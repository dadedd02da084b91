"""What can be typed: a table of contents. Typer lives here."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup

from denoise_cli import __version__
from denoise_cli.cli.plain_words import quicken
from denoise_cli.cli.streams import ending_on_sigterm, prepare_streams
from denoise_cli.errors import FAILED, INTERRUPTED, OK, USAGE, DenoiseError, UsageError

__all__ = ["main"]

DEFAULT = "image"
# Loaded when called: word → (module with a Typer `app`, the line in the help).
COMMANDS = {
    "add-noise": ("denoise_cli.cli.commands.add_noise", "Noisy test pictures from clean ones, reproducible."),
    "benchmark": ("denoise_cli.cli.commands.benchmark", "Mean PSNR, SSIM and seconds of methods, on clean pictures with noise added."),
    "compare": ("denoise_cli.cli.commands.compare", "PSNR, SSIM, RMSE and MAE to a clean picture, and a sheet to look at."),
    "info": ("denoise_cli.cli.commands.info", "Size, depth, noise; what `denoise FILE` would do, and in how long."),
    "noise": ("denoise_cli.cli.commands.noise", "What noise a picture holds, and what the automatic mode would do."),
    "path": ("denoise_cli.cli.commands.path", "The picture at many λ: a sheet to pick from by eye, a table, files."),
    "plot": ("denoise_cli.cli.commands.plot", "Figures of logs: cost, gap and PSNR against iteration, seconds or λ; in the terminal too."),
    "extras": ("denoise_cli.extras.cli", "Batch norm, normalisations, regression and LDAM loss: numbers in, numbers out."),
}
# Work without a picture, as the first word; an optional second one names the shell.
COMPLETION = {
    "--install-completion": "Let TAB complete commands, options, values and files, from the next shell on.",
    "--show-completion": "Print what that would install.",
}


class Method(StrEnum):
    matlab = "matlab"
    optimal = "optimal"


class TV(StrEnum):
    isotropic = "isotropic"
    anisotropic = "anisotropic"


class VST(StrEnum):
    anscombe = "anscombe"
    generalized = "generalized"


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


class Format(StrEnum):
    png = "png"
    jpeg = "jpeg"
    tiff = "tiff"
    bmp = "bmp"
    webp = "webp"
    npy = "npy"


class DenoiseGroup(TyperGroup):
    """`denoise PICTURE…` is the default command; a first word that names another command runs that."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args and ctx.resilient_parsing:  # TAB at the first word
            return super().parse_args(ctx, args)
        if not args or args[0] not in COMMANDS:
            args = [DEFAULT, *(args or ["--help"])]
        quicken(self)
        return super().parse_args(ctx, args)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in COMMANDS:
            command: Any = typer.main.get_command(import_module(COMMANDS[cmd_name][0]).app)
            command.name = cmd_name
        else:
            command = super().get_command(ctx, cmd_name)
        if command is not None:
            quicken(command)
        return command

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """What can be the first word: an option of the default command; or a command, and the pictures that begin alike.

        Nothing is offered where only files are meant: the shell does that better.
        """
        from denoise_cli.cli.completion import Offer, files

        if incomplete.startswith("-"):
            command = self.get_command(ctx, DEFAULT)
            options = command.shell_complete(command.make_context(DEFAULT, [], parent=ctx, resilient_parsing=True), incomplete)
            return [*options, *(Offer(option, line) for option, line in COMPLETION.items() if option.startswith(incomplete))]
        words = [Offer(word, line) for word, (_, line) in COMMANDS.items() if word.startswith(incomplete)]
        return [*words, *map(Offer, files(incomplete))] if words else []


class GroupedHelp(TyperCommand):
    """Help in plain text, its options under headings: quick to print, and readable in a pipe."""

    def format_usage(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        formatter.write_usage("denoise", "[OPTIONS] PICTURE...")

    def format_options(self, ctx: Any, formatter: Any) -> None:
        panels: dict[str, list[tuple[str, str]]] = {PROBLEM: [], ALGORITHM: [], FILES: [], RUN: []}
        for parameter in self.get_params(ctx):
            row = parameter.get_help_record(ctx)
            if row is not None:
                panels[getattr(parameter, "rich_help_panel", None) or RUN].append(row)
        panels[RUN] += [(f"{option} [SHELL]", line) for option, line in COMPLETION.items()]
        for title, rows in panels.items():
            with formatter.section(title):
                formatter.write_dl(rows)
        with formatter.section("Other commands"):
            formatter.write_dl([(f"denoise {word}", line) for word, (_, line) in COMMANDS.items()])


app = typer.Typer(cls=DenoiseGroup, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.callback()
def _group() -> None:
    """Total-variation image denoising."""


def _version(ctx: typer.Context, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        typer.echo(f"denoise {__version__}")
        raise typer.Exit


def _configure(ctx: typer.Context, path: Path | None) -> Path | None:
    """Let the settings of a file be the defaults."""
    if path is not None:
        from denoise_cli.cli.settings_file import read_config

        types = get_type_hints(image)
        options = {
            max(option.opts, key=len).lstrip("-"): str(option.name) for option in ctx.command.params if option.param_type_name == "option"
        }
        kinds = {
            name: float | str if name in NUMBER_OR_WORD else _kind(types[parameter])
            for name, parameter in options.items()
            if name not in NOT_IN_CONFIG
        }
        ctx.default_map = {options[name]: value for name, value in read_config(path, kinds).items()}
    return path


def _kind(annotation: Any) -> type:
    """What a settings file must hold: bool, int, float, or else a text."""
    plain = next((kind for kind in get_args(annotation) if kind is not type(None)), annotation)
    return plain if plain in (bool, int, float) else str


NUMBER_OR_WORD = ("lambda", "sigma")
NOT_IN_CONFIG = ("config", "save-config", "version", "help", "include", "exclude", "residual")
PROBLEM, ALGORITHM, FILES, RUN = "Problem", "Algorithm", "Files", "Run"


def _option(panel: str, help: str, *names: str, **details: Any) -> Any:
    return typer.Option(*names, help=help, rich_help_panel=panel, **details)


PICTURES = typer.Argument(
    metavar="[PICTURE]...",
    help="PNG, JPEG, TIFF, BMP, WebP or .npy; a folder; a pattern in quotes; - for stdin.",
    show_default=False,
    rich_help_panel=FILES,
)
# fmt: off
LAMBDA = _option(
    PROBLEM, "λ > 0 in F(u; f) + λ·TV(u): larger is smoother. Pixels count from 0 to 1. [default: auto, from the picture]",
    "--lambda", metavar="X",
)
SIGMA = _option(PROBLEM, "auto: the noise's standard deviation, such as 0.04 or 10/255. [default: estimated]", metavar="S")
ONE = _option(PROBLEM, "Fidelity Σ|u − f|: for impulses, salt and pepper (λ about 0.5). [default: auto]", "--l1")
TWO = _option(PROBLEM, "Fidelity Σ(u − f)²: for Gaussian noise (λ about 1.4 σ). [default: auto; with --lambda X]", "--l2")
VST_ = _option(PROBLEM, "Noise that grows with brightness: stabilise its variance around the L2 solve. [default: no]", "--vst")
TV_ = _option(PROBLEM, "Total variation. [default: optimal isotropic; matlab is anisotropic]")
CHANNELS = _option(PROBLEM, "How colours share it. [default: optimal coupled; matlab is sum]")
BOUNDARY = _option(PROBLEM, "Beyond the edges. [default: optimal symmetric; matlab is periodic]")
WEIGHTS = _option(PROBLEM, "Weight ≥ 0 of each pixel's fidelity, 0 is unknown (optimal). [default: 1 everywhere]", metavar="MAP")
MASK = _option(PROBLEM, "White is known, black is filled in (optimal). [default: all known]", metavar="MASK")
LAMBDA_MAP = _option(PROBLEM, "λ ≥ 0 of each pixel, times --lambda if given (optimal). [default: none]", metavar="MAP")
METHOD = _option(
    ALGORITHM,
    "matlab: the original iteration, stopped early, so that --iterations shapes the picture. "
    "optimal: the exact minimiser, certified. [default: matlab with --lambda X, else optimal]",
)
ITERATIONS = _option(ALGORITHM, "matlab: how many. optimal: at most. [default: matlab 100; optimal 50000]", metavar="N")
GAP = _option(ALGORITHM, "optimal: stop when (cost − optimum)/cost ≤ G is proven. [default: 0.001]", metavar="G")
ALPHA = _option(ALGORITHM, "matlab: penalty on Du. [default: 500]", metavar="A")
BETA = _option(ALGORITHM, "matlab: penalty on u − f. [default: 50]", metavar="B")
DTYPE = _option(ALGORITHM, "Precision of the computation.")
OUTPUT = _option(
    FILES, "Result; a folder for several; - for stdout. [default: NAME_denoised beside the input]", "-o", "--output", metavar="PATH"
)
RECURSIVE = _option(FILES, "Folders within folders too. [default: no]", "--recursive", "-r")
INCLUDE = _option(FILES, "In folders, only names like this; may be repeated. [default: all]", metavar="PATTERN", show_default=False)
EXCLUDE = _option(FILES, "In folders, no names like this; may be repeated. [default: none]", metavar="PATTERN", show_default=False)
FILES_FROM = _option(FILES, "Names of pictures from a file, one a line; - for stdin. [default: none]", metavar="LIST")
NULL = _option(FILES, "The names in LIST end in NUL (find -print0). [default: lines]", "--null", "-0")
SUFFIX = _option(FILES, "Added to a name. [default: _denoised; nothing in a folder named by -o]", metavar="TEXT")
FORMAT = _option(FILES, "Of the results. [default: what the output's name says, or that of the input]", "--format")
OVERWRITE = _option(FILES, "Replace results and logs that exist. [default: refuse]", "--overwrite")
SKIP_EXISTING = _option(FILES, "Keep any result that exists. [default: of several, those done with the same settings]", "--skip-existing")
PRESERVE_TIMES = _option(FILES, "Results get the time stamps of their inputs. [default: no]", "--preserve-times")
MAX_PIXELS = _option(FILES, "Refuse larger pictures before they are decoded. [default: 268435456, 16384²]", metavar="N", min=1)
RESIDUAL = _option(FILES, "Also write input − result, around mid-grey; a folder for several. [default: no]", metavar="FILE")
REFERENCE = _option(FILES, "A clean picture to compare with: RMSE, SNR, PSNR. [default: none]", metavar="CLEAN")
LOG = _option(FILES, "One row an iteration: cost, rmse, snr_db, psnr_db, gap … [default: none]", metavar="FILE.csv")
WORKERS = _option(RUN, "Threads for a picture. [default: all cores, shared among --jobs]", metavar="N")
JOBS = _option(RUN, "Pictures at once, each in a process of its own.", "--jobs", "-j", metavar="N", min=1)
FAIL_FAST = _option(RUN, "Stop at the first picture that fails. [default: go on]", "--fail-fast")
DRY_RUN = _option(RUN, "Only list what would be done, and what not, and why. [default: do it]", "--dry-run")
JSON = _option(RUN, "One JSON object a picture on stdout, a summary last. [default: no]", "--json")
CONFIG = _option(
    RUN, "Settings by their long names; what is typed beats them. [default: none]", metavar="FILE.toml", callback=_configure, is_eager=True
)
SAVE_CONFIG = _option(RUN, "Write the settings of this run, for --config. [default: none]", metavar="FILE.toml")
QUIET = _option(RUN, "Say nothing but errors. [default: one line a picture]", "-q", "--quiet")
VERBOSE = _option(RUN, "Say more about each picture. [default: one line a picture]", "-v", "--verbose")
VERSION = _option(RUN, "Print the version.", "--version", callback=_version, is_eager=True)
# fmt: on


@app.command(DEFAULT, cls=GroupedHelp, context_settings={"help_option_names": ["-h", "--help"]})
def image(
    ctx: typer.Context,
    pictures: Annotated[list[Path] | None, PICTURES] = None,
    weight: Annotated[str | None, LAMBDA] = None,
    sigma: Annotated[str | None, SIGMA] = None,
    l1: Annotated[bool, ONE] = False,
    l2: Annotated[bool, TWO] = False,
    vst: Annotated[VST | None, VST_] = None,
    tv: Annotated[TV | None, TV_] = None,
    channels: Annotated[Channels | None, CHANNELS] = None,
    boundary: Annotated[Boundary | None, BOUNDARY] = None,
    weights: Annotated[Path | None, WEIGHTS] = None,
    mask: Annotated[Path | None, MASK] = None,
    lambda_map: Annotated[Path | None, LAMBDA_MAP] = None,
    method: Annotated[Method | None, METHOD] = None,
    iterations: Annotated[int | None, ITERATIONS] = None,
    gap: Annotated[float | None, GAP] = None,
    alpha: Annotated[float | None, ALPHA] = None,
    beta: Annotated[float | None, BETA] = None,
    dtype: Annotated[Precision, DTYPE] = Precision.float32,
    output: Annotated[Path | None, OUTPUT] = None,
    recursive: Annotated[bool, RECURSIVE] = False,
    include: Annotated[list[str] | None, INCLUDE] = None,
    exclude: Annotated[list[str] | None, EXCLUDE] = None,
    files_from: Annotated[Path | None, FILES_FROM] = None,
    null: Annotated[bool, NULL] = False,
    suffix: Annotated[str | None, SUFFIX] = None,
    format_: Annotated[Format | None, FORMAT] = None,
    overwrite: Annotated[bool, OVERWRITE] = False,
    skip_existing: Annotated[bool, SKIP_EXISTING] = False,
    preserve_times: Annotated[bool, PRESERVE_TIMES] = False,
    max_pixels: Annotated[int | None, MAX_PIXELS] = None,
    residual: Annotated[Path | None, RESIDUAL] = None,
    reference: Annotated[Path | None, REFERENCE] = None,
    log: Annotated[Path | None, LOG] = None,
    workers: Annotated[int | None, WORKERS] = None,
    jobs: Annotated[int, JOBS] = 1,
    fail_fast: Annotated[bool, FAIL_FAST] = False,
    dry_run: Annotated[bool, DRY_RUN] = False,
    as_json: Annotated[bool, JSON] = False,
    config: Annotated[Path | None, CONFIG] = None,  # noqa: ARG001 - acts by its callback
    save_config: Annotated[Path | None, SAVE_CONFIG] = None,
    quiet: Annotated[bool, QUIET] = False,
    verbose: Annotated[bool, VERBOSE] = False,
    version: Annotated[bool, VERSION] = False,  # noqa: ARG001 - acts by its callback
) -> None:
    """Remove noise from pictures by total variation.

    \b
    denoise input.png                         noise estimated, λ chosen: writes input_denoised.png
    denoise input.png --lambda 0.1 --l1       the original iteration, 100 times
    denoise scans/ -o clean/ --jobs 2         a folder
    """
    from denoise_cli.batch.inputs import Selection
    from denoise_cli.cli.session import Run, execute
    from denoise_cli.cli.settings_file import number
    from denoise_cli.formats import files
    from denoise_cli.pipeline.page import Settings

    l1, l2 = _one_fidelity(ctx, l1, l2)
    strength = None if weight is None or weight == "auto" else number(weight, "lambda", "a number, or auto")
    told = strength is not None or lambda_map is not None
    level = None if sigma is None else number(sigma, "sigma", "a number, such as 0.04 or 10/255")
    settings = Settings(
        weight=strength, sigma=level, vst=vst, fidelity="l1" if l1 else "l2" if l2 or told else None,
        method=method or ("matlab" if strength is not None else "optimal"), iterations=iterations, alpha=alpha, beta=beta, gap=gap, tv=tv,
        channels=channels, boundary=boundary, dtype=dtype, workers=workers, lambda_map=lambda_map, weights=weights, mask=mask,
        reference=reference, max_pixels=max_pixels or files.MAX_PIXELS, overwrite=overwrite, preserve_times=preserve_times,
    )  # fmt: skip
    run = Run(
        pictures=tuple(pictures or ()), settings=settings, output=output, suffix=suffix, kind=format_.value if format_ else None,
        selection=Selection(recursive, tuple(include or ()), tuple(exclude or ())), files_from=files_from, null=null,
        skip_existing=skip_existing, residual=residual, log=log, jobs=jobs, fail_fast=fail_fast, dry_run=dry_run, as_json=as_json,
        save_config=save_config, quiet=quiet, verbose=verbose,
    )  # fmt: skip
    raise typer.Exit(execute(run))


def _one_fidelity(ctx: typer.Context, l1: bool, l2: bool) -> tuple[bool, bool]:
    """--l1 and --l2 together are a mistake; but one that is typed beats the other from a settings file."""
    if not (l1 and l2):
        return l1, l2
    typed = [name for name in ("l1", "l2") if (source := ctx.get_parameter_source(name)) is not None and source.name == "COMMANDLINE"]
    if len(typed) != 1:
        raise UsageError("--l1 and --l2 are two fidelities: give one of them")
    return typed == ["l1"], typed == ["l2"]


def _say(line: str) -> None:
    from denoise_cli.cli.progress import say

    say(line)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit code. Errors are one line on stderr, never a traceback."""
    prepare_streams()
    with ending_on_sigterm():
        return _main(arguments)


def _main(arguments: list[str] | None) -> int:
    words = sys.argv[1:] if arguments is None else arguments
    try:
        if "_DENOISE_COMPLETE" in os.environ:
            pass  # the shell asks what could be typed, with no words at all; Typer answers
        elif words in ([], ["-h"], ["--help"]):
            # The parser would load pydantic first, which takes as long as NumPy.
            group: Any = typer.main.get_command(app)
            command = group.commands[DEFAULT]
            print(command.get_help(command.context_class(command, info_name="denoise")))
            return OK
        elif words[0] in COMPLETION:
            from denoise_cli.cli.completion import answer

            print(answer(words))
            return OK
        code = app(args=arguments, prog_name="denoise", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code if isinstance(code, int) else OK
    except DenoiseError as error:
        _say(f"denoise: {error}" if isinstance(error, UsageError) else str(error))
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        _say("denoise: interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough. Python would complain once more when it flushes.
        sys.stdout = None
        return OK
    except OSError as error:
        # Files have errors of their own; this is standard output, on a disk that is full.
        sys.stdout = None
        _say(f"denoise: {error.filename or 'standard output'}: {error.strerror or error}")
        return FAILED
    except Exception as error:
        # Click's own usage errors; Typer has carried its own copy of click since 0.26, so they are known by what they can do.
        if not hasattr(error, "format_message"):
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            _say(error.format_message())
            return USAGE
        _say(f"denoise: {error.format_message()} (denoise --help)")
        return USAGE
