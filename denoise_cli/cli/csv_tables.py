"""Numbers as tables: CSV for machines, and JSON without what JSON does not have."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from denoise_cli.storage.pipes import PIPE
from denoise_cli.storage.writing import appear

__all__ = ["plain", "write_csv"]


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]], *, overwrite: bool) -> None:
    """Floats to full precision, None as an empty cell; - is stdout."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(columns)
    for row in rows:
        table.writerow("" if cell is None else repr(float(cell)) if isinstance(cell, float) else cell for cell in row)
    if path == PIPE:
        print(text.getvalue(), end="")
        return
    with appear(path, overwrite=overwrite, option="--csv") as stream:
        stream.write(text.getvalue().encode(errors="backslashreplace"))


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """Without infinities, which JSON does not have: null in their place."""
    return {name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in values.items()}
