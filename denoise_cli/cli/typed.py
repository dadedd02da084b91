"""Checks of what was typed that several commands share, before any work is done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from denoise_cli.errors import DenoiseError, UsageError
from denoise_cli.settings import Settings
from denoise_cli.storage.pipes import PIPE
from denoise_cli.storage.writing import check_writable, stands_in_the_way

__all__ = ["check_output", "check_settings", "check_sheet", "check_stdin_once", "check_stdout_once", "crop_of"]


def check_settings(settings: Settings) -> None:
    """Refuse settings that no picture could make right. Raises UsageError."""
    from denoise_cli.pipeline.plan import check

    try:
        check(settings)
    except ValueError as error:
        raise UsageError(f"--{error}") from error


def check_stdin_once(words: Sequence[Path]) -> None:
    """Refuse - twice: standard input can be read once."""
    if list(words).count(PIPE) > 1:
        raise UsageError("- stands for standard input, which holds one picture: name it once")


def check_stdout_once(csv: Path | None, as_json: bool) -> None:
    """Refuse two tables on one standard output."""
    if as_json and csv == PIPE:
        raise UsageError("--json and --csv - both write to stdout: name a file for --csv")


def check_output(path: Path | None, inputs: Iterable[Path], *, overwrite: bool) -> None:
    """Refuse a file that could not be written, would overwrite an input, or exists and may not be replaced, before any work is done."""
    if path is None or path == PIPE:
        return
    if path.is_dir():
        raise DenoiseError(f"{path}: is a directory; name a file")
    check_writable(path)
    if stands_in_the_way(path):
        if any(path.samefile(word) for word in inputs if word.exists()):
            raise DenoiseError(f"{path}: the output is an input; denoise never overwrites its input. Choose another name")
        if not overwrite:
            raise DenoiseError(f"{path}: exists already; choose another name, or allow it with --overwrite")


def crop_of(text: str) -> tuple[int, int, int, int]:
    """--crop X,Y,W,H in numbers."""
    try:
        x, y, width, height = (int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--crop takes four whole numbers, X,Y,W,H (left, top, width, height), not {text!r}") from None
    if x < 0 or y < 0 or width < 1 or height < 1:
        raise UsageError(f"--crop starts at 0,0 or beyond, and is 1 × 1 or more, not {text!r}")
    return x, y, width, height


def check_sheet(path: Path) -> None:
    """Refuse a name that is not a picture's for a sheet."""
    from denoise_cli.formats.files import format_of

    if format_of(path) in (None, "npy"):
        raise UsageError(f"{path}: a sheet is a picture; name it .png, .jpg, .tif or .webp")
