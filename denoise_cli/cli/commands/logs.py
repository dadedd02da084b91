"""CSV logs back into numbers: what `--log` and `denoise path --csv` wrote, one curve a run."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePath

from denoise_cli.cli.commands.tables import STDIO
from denoise_cli.draw.plots import Curve
from denoise_cli.errors import DenoiseError, UsageError
from denoise_cli.storage.pipes import read_stdin

__all__ = ["NoRows", "read_logs"]

# What makes a CSV a log of iterations, or a path of λ; and what else is drawn of it.
NEEDED = {"log": ("iteration", "cost", "seconds"), "path": ("lambda", "sigma_removed")}
DRAWN = {
    "log": ("iteration", "seconds", "cost", "gap", "psnr_db", "snr_db"),
    "path": ("lambda", "sigma_removed", "psnr_db", "automatic"),
}
WRITERS = "give a CSV that `denoise --log` or `denoise path --csv` wrote"


class NoRows(DenoiseError):
    """Not a log yet: the file is empty, or has a header and no row."""


def read_logs(paths: Sequence[Path], *, growing: bool = False) -> tuple[list[Curve], list[str]]:
    """The curves of all logs, all of one kind, and what is to be said about them.

    A log is one curve, or one a picture (column `file`) and page (where the iteration begins again). Curves are named by the stem of
    their log, by as much of its path as tells it from others, and if it has several, by picture and page. A last line without its end is
    left out of logs that are still `growing`. Raises DenoiseError for a file that is no log, NoRows for one without rows, UsageError for
    mixed kinds.
    """
    curves, notes, kinds = list[Curve](), list[str](), dict[str, Path]()
    for path, name in zip(paths, _names(paths), strict=True):
        found, infinite = _read(path, "stdin" if path == STDIO else name, alone=len(paths) == 1, growing=growing)
        kinds.setdefault(found[0].kind, path)
        curves += found
        if infinite:
            notes.append(f"{path}: {infinite} infinite value{'s' * (infinite > 1)} left out")
    if len(kinds) > 1:
        raise UsageError(f"{kinds['path']} is a path of λ, {kinds['log']} a log of iterations: draw them in two plots")
    return curves, notes


def _read(path: Path, log: str, *, alone: bool, growing: bool) -> tuple[list[Curve], int]:
    """The curves of one file, and how many of its values are infinite."""
    import numpy as np

    rows, whole = _rows(path)
    if growing and not whole and len(rows) > 1:
        rows, whole = rows[:-1], True
    header = [name.strip() for name in rows[0]] if rows else []
    if not any(header):
        raise NoRows(f"{path}: the log is empty; did its run get as far as the first iteration?")
    kind = "path" if "lambda" in header else "log"
    missing = [name for name in NEEDED[kind] if name not in header]
    if missing:
        there = _printable(", ".join(header))
        there = there if len(there) <= 100 else there[:99] + "…"
        trouble = (
            f"{path}: no log of denoise, without the column{'s' * (len(missing) > 1)} {', '.join(missing)} (it has {there}); {WRITERS}"
        )
        raise DenoiseError(trouble) if whole or len(rows) > 1 else NoRows(trouble)
    places = {name: header.index(name) for name in DRAWN[kind] if name in header}
    picture = header.index("file") if "file" in header else None
    runs: dict[tuple[str, int], list[list[float]]] = {}
    reached: dict[str, tuple[int, float]] = {}  # picture → page and iteration of its last row
    infinite = 0
    for line, row in enumerate(rows[1:], 2):
        if not row:
            continue
        try:
            values = _numbers(path, line, row, header, places)
        except DenoiseError:
            if line == len(rows) and not whole:
                break  # it is being written
            raise
        infinite += sum(map(math.isinf, values))
        name = "" if picture is None else row[picture]
        page, last = reached.get(name, (1, -math.inf))
        if kind == "log" and values[0] <= last:
            page += 1
        reached[name] = page, last if math.isnan(values[0]) else values[0]
        runs.setdefault((name, page), []).append(values)
    if not runs:
        raise NoRows(f"{path}: the log has a header and no rows; did its run get as far as the first iteration?")
    pictures = list(reached)
    short = dict(zip(pictures, _names([PurePath(name) for name in pictures]), strict=True))
    curves = []
    for (name, page), table in runs.items():
        label = log if len(pictures) == 1 else short[name] if alone else f"{log}: {short[name]}"
        label += f", page {page}" if reached[name][0] > 1 else ""
        curves.append(Curve(_printable(label), kind, str(path), dict(zip(places, np.array(table).T, strict=True))))
    return curves, infinite


def _rows(path: Path) -> tuple[list[list[str]], bool]:
    """All rows, and whether the last one has its line end."""
    try:
        data = read_stdin() if path == STDIO else path.read_bytes()
    except FileNotFoundError:
        raise DenoiseError(f"{path}: no such file; check the name") from None
    except IsADirectoryError:
        raise DenoiseError(f"{path}: is a directory; name the logs in it, such as {path}/*.csv") from None
    except OSError as error:
        raise DenoiseError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    try:
        text = data.decode("utf-8-sig", errors="strict" if b"\0" in data[:4096] else "replace")
        if "\0" in text:
            raise ValueError
        return list(csv.reader(io.StringIO(text, newline=""))), text.endswith(("\n", "\r"))
    except (ValueError, csv.Error):
        raise DenoiseError(f"{path}: is not a CSV; {WRITERS}") from None


def _numbers(path: Path, line: int, row: list[str], header: list[str], places: dict[str, int]) -> list[float]:
    """The cells that are drawn; NaN where one is empty."""
    if len(row) != len(header):
        raise DenoiseError(f"{path}: line {line} has {len(row)} cells, the header {len(header)}; mend that line, or remove it")
    values = []
    for name, place in places.items():
        try:
            values.append(float(row[place]) if row[place].strip() else math.nan)
        except ValueError:
            cell = repr(row[place][:40])
            raise DenoiseError(f"{path}: line {line}: {name} is {cell}, not a number; mend that line, or remove it") from None
    return values


def _names(paths: Sequence[PurePath]) -> list[str]:
    """Stems; of those that share one, as many of the last parts of the path as tell them apart; the same file twice is numbered."""
    names: dict[PurePath, str] = {}
    for depth in range(max((len(path.parts) for path in paths), default=0) + 1):
        called = {path: "/".join(path.parts[-depth:]) if depth else path.stem for path in paths}
        often = Counter(called.values())
        names = {path: name for path, name in called.items() if often[name] == 1} | names
    seen = Counter[PurePath]()
    told = []
    for path in paths:
        seen[path] += 1
        told.append(names.get(path, str(path)) + (f" ({seen[path]})" if seen[path] > 1 else ""))
    return told


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)
