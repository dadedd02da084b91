"""Checks of what was typed that several commands share, before any work is done."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from denoise_cli.errors import DenoiseError, UsageError
from denoise_cli.settings import Settings
from denoise_cli.storage.pipes import PIPE
from denoise_cli.storage.writing import check_writable, written_into

if TYPE_CHECKING:
    from denoise_cli.batch.inputs import Found, Selection

__all__ = [
    "check_outputs",
    "check_settings",
    "check_sheet",
    "check_stdin_once",
    "check_stdout_once",
    "crop_of",
    "is_among",
    "pictures_of",
]


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


def check_outputs(written: Mapping[str, Path | None], read: Iterable[Path], results: Iterable[Path] = (), *, overwrite: bool) -> None:
    """Refuse, before any work is done, a file that must not be written: one that is read, or written twice, or that exists already.

    written: the files, by the options that name them.  read: what the command reads.  results: what it writes under other names.
    Raises DenoiseError, and UsageError for two options of one name.
    """
    read, results, taken = list(read), list(results), dict[str, str]()
    for option, path in written.items():
        if path is None or (path == PIPE and option == "--csv"):
            continue
        if path == PIPE:
            raise UsageError(f"{option} writes a file, not standard output: name one")
        if path.is_dir():
            raise DenoiseError(f"{path}: is a directory; name a file with {option}")
        check_writable(path, option)
        if written_into(path):
            continue
        if is_among(path, read):
            raise DenoiseError(f"{path}: is an input, and denoise never overwrites its inputs; choose another name with {option}")
        if is_among(path, results):
            raise DenoiseError(f"{path}: is a result of this run; choose another name with {option}")
        if (other := taken.setdefault(os.path.realpath(path), option)) != option:
            raise UsageError(f"{path}: {other} and {option} name the same file; choose another name for one of them")
        if path.exists() and not overwrite:
            raise DenoiseError(f"{path}: exists already; choose another name with {option}, or allow it with --overwrite")


def is_among(path: Path, others: Iterable[Path]) -> bool:
    """Whether a file is one of others, under whatever name."""
    absolute = os.path.abspath(path)  # noqa: PTH100 - of many thousand names
    if not path.exists():
        return any(absolute == os.path.abspath(other) for other in others)  # noqa: PTH100
    return any(other.exists() and path.samefile(other) for other in others if other != PIPE)


def pictures_of(words: Sequence[Path], selection: Selection) -> list[Found]:
    """Every picture that is meant, for commands that look at each by itself; folders without one, and results, are told of.

    Raises UsageError where there is no picture at all.
    """
    from denoise_cli.batch.inputs import EMPTY, RESULT, PassedOver, find_some, summary
    from denoise_cli.cli.progress import say

    check_stdin_once(words)
    passed_over: list[PassedOver] = []
    found = find_some(words, selection, passed_over)
    if told := [each for each in passed_over if each.kind in (EMPTY, RESULT)]:
        say(summary(told, may_include=False))
    return found


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
