"""`denoise plot`: logs in; a figure, or a drawing in the terminal, out."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from denoise_cli.cli.typed import check_outputs
from denoise_cli.errors import DenoiseError, UsageError
from denoise_cli.storage.pipes import PIPE

if TYPE_CHECKING:
    from denoise_cli.draw.curves import Curve

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)

# A log whose run was killed is finished when it has not grown for so long; or for five times its longest pause before, if that is more.
QUIET_SECONDS, QUIET_PAUSES, LOOK_SECONDS = 10.0, 5, 0.25
CLEAR = "\033[H\033[2J"


class Against(StrEnum):
    both = "both"
    iteration = "iteration"
    seconds = "seconds"


@app.command("plot", context_settings={"help_option_names": ["-h", "--help"]})
def plot(
    logs: Annotated[
        list[Path], typer.Argument(metavar="LOG.csv", help="What --log or `denoise path --csv` wrote; - for stdin.", show_default=False)
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FIGURE", help=".png, .svg, .pdf or .html. [default: none, draw in the terminal]"),
    ] = None,
    terminal: Annotated[bool, typer.Option("--terminal", help="Draw in the terminal, with -o too. [default: only without -o]")] = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="Redraw in the terminal until the runs have ended, or Ctrl-C (exit code 0).")
    ] = False,
    against: Annotated[Against, typer.Option(help="What iterations are drawn against.")] = Against.both,
    width: Annotated[float, typer.Option(metavar="CM", min=5, max=60, help="Of the figure: 8.9 is one column, 18.3 are two.")] = 8.9,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a figure that exists. [default: refuse]")] = False,
) -> None:
    """Draw logs: cost, gap and PSNR against iteration and seconds; or of a path, PSNR and σ against λ.

    Every log, picture and page is a line. What was not computed is left out, not drawn as 0.

    \b
    Needs pip install 'denoise-cli[plot]'.
    denoise plot matlab.csv optimal.csv -o convergence.pdf
    """
    from denoise_cli.cli.progress import say

    if output is not None:
        _check(output, logs, overwrite=overwrite)
    if follow and PIPE in logs:
        raise UsageError("--follow reads a log again and again, and cannot read standard input twice: name the file")
    if follow:
        curves, notes = _follow(logs, against)
    else:
        curves, notes = _read(logs)
        if terminal or output is None:
            _print(_text(curves, against))
    if output is not None and curves:
        data = _figure(curves, output, against, width)
        from denoise_cli.storage.writing import appear

        with appear(output, overwrite=overwrite) as stream:
            stream.write(data)
        say(f"{output}: {len(curves)} line{'s' * (len(curves) > 1)}, {width:g} cm wide")
    for note in [*notes, *_hidden(curves, against)]:
        say(note)


def _check(output: Path, logs: list[Path], *, overwrite: bool) -> None:
    from denoise_cli.draw.figures import FORMATS

    if output.suffix.lower() not in FORMATS:
        known = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
        raise UsageError(f"{output}: {output.suffix or 'no suffix'} is no kind of figure that denoise draws; name it {known}")
    check_outputs({"-o": output}, logs, overwrite=overwrite)


def _read(logs: list[Path], *, growing: bool = False) -> tuple[list[Curve], list[str]]:
    from denoise_cli.cli.log_files import read_logs

    return read_logs(logs, growing=growing)


def _figure(curves: list[Curve], output: Path, against: str, width: float) -> bytes:
    from denoise_cli.draw.figures import draw, encode

    try:
        return encode(draw(curves, against=against, width_cm=width), output.suffix.lower())
    except ImportError as error:
        raise _missing("matplotlib", error) from error
    except ValueError as error:
        raise DenoiseError(f"{curves[0].source}: {error}; nothing to draw") from error


def _hidden(curves: list[Curve], against: str) -> list[str]:
    from denoise_cli.draw.curves import hidden

    return [
        f"{count:,} value{'s' * (count > 1)} of {name} ≤ 0 left out: the axis is logarithmic"
        for name, count in hidden(curves, against).items()
    ]


def _text(curves: list[Curve], against: str) -> str:
    from denoise_cli.draw.terminal import text

    size = shutil.get_terminal_size()
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"  # no-color.org
    try:
        braille = "⠿│".encode(sys.stdout.encoding or "ascii", "ignore").decode(sys.stdout.encoding or "ascii") == "⠿│"
        return text(curves, against=against, columns=size.columns, lines=size.lines - 1, colour=coloured, braille=braille)
    except ImportError as error:
        raise _missing("uniplot", error) from error
    except ValueError as error:
        raise DenoiseError(f"{curves[0].source}: {error}; nothing to draw") from error


def _print(drawing: str) -> None:
    encoding = sys.stdout.encoding or "ascii"
    print(drawing.encode(encoding, "replace").decode(encoding), flush=True)


def _missing(package: str, error: ImportError) -> DenoiseError:
    if error.name is not None and error.name.partition(".")[0] != package:
        return DenoiseError(f"denoise plot needs {package}, which cannot be loaded ({error}): pip install 'denoise-cli[plot]'")
    return DenoiseError(f"denoise plot needs {package}, which is not installed: pip install 'denoise-cli[plot]'")


# ── following ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _follow(logs: list[Path], against: str) -> tuple[list[Curve], list[str]]:
    """Draw whenever a log has grown, in a pipe only once at the end; what was drawn last, nothing if there never was a row."""
    latest: tuple[list[Curve], list[str]] = [], []
    live = sys.stdout.isatty()
    # Whoever has seen enough made no mistake.
    with contextlib.suppress(KeyboardInterrupt):
        for latest in _versions(logs):
            if live:
                _print(CLEAR + _text(latest[0], against))
    if latest[0] and not live:
        _print(_text(latest[0], against))
    return latest


def _versions(logs: list[Path]) -> Iterator[tuple[list[Curve], list[str]]]:
    """The curves, each time that there is more of them, until the logs say that their runs have ended, or do not grow for a while."""
    from denoise_cli.cli.log_files import NoRows
    from denoise_cli.cli.progress import say
    from denoise_cli.storage.writing import has_ended

    seen: list[tuple[int, int] | None] = []
    since, longest, told = time.monotonic(), 0.0, False
    while True:
        ended = all(has_ended(log) for log in logs)  # asked first, so that no row can come in between
        state = [_state(log) for log in logs]
        now = time.monotonic()
        if None not in state and state != seen:
            try:
                yield _read(logs, growing=True)
            except NoRows:
                if ended:
                    raise
                # Not yet.
            else:
                longest = max(longest, now - since) if seen else 0.0
                seen, since = state, now
        if seen and ended:
            return
        if seen and now - since > max(QUIET_SECONDS, QUIET_PAUSES * longest):
            return
        if not seen and not told:
            told = True
            missing = [str(log) for log, there in zip(logs, state, strict=True) if there is None]
            say(f"waiting for {', '.join(missing) or 'rows'}; Ctrl-C ends it")
        time.sleep(LOOK_SECONDS)


def _state(log: Path) -> tuple[int, int] | None:
    try:
        found = log.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
