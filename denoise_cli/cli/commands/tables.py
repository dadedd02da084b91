"""What the commands that measure share: tables as CSV, numbers as JSON has them, crops as typed, files that must not be lost."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from denoise_cli.errors import DenoiseError, UsageError
from denoise_cli.storage.pipes import PIPE
from denoise_cli.storage.writing import appear, check_writable, stands_in_the_way

__all__ = ["STDIO", "check_output", "crop_of", "plain", "write_csv"]

STDIO = PIPE


def check_output(path: Path | None, inputs: Iterable[Path], *, overwrite: bool) -> None:
    """Refuse a file that could not be written, would overwrite an input, or exists and may not be replaced, before any work is done."""
    if path is None or path == STDIO:
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


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]], *, overwrite: bool) -> None:
    """Floats to full precision, None as an empty cell; - is stdout."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(columns)
    for row in rows:
        table.writerow("" if cell is None else repr(float(cell)) if isinstance(cell, float) else cell for cell in row)
    if path == STDIO:
        print(text.getvalue(), end="")
        return
    with appear(path, overwrite=overwrite) as stream:
        stream.write(text.getvalue().encode(errors="backslashreplace"))


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """Without infinities, which JSON does not have: null in their place."""
    return {name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in values.items()}
