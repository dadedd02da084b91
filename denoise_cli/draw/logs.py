"""Logs and paths back into numbers: the CSV that `--log` and `denoise path --csv` write, one curve a run."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath

import numpy as np

from denoise_cli.draw.curves import Curve

__all__ = ["NotALog", "WithoutRows", "curves_of", "distinct_names"]

# What makes a CSV a log of iterations, or a path of λ; and what else is drawn of it.
NEEDED = {"log": ("iteration", "cost", "seconds"), "path": ("lambda", "sigma_removed")}
DRAWN = {
    "log": ("iteration", "seconds", "cost", "gap", "psnr_db", "snr_db"),
    "path": ("lambda", "sigma_removed", "psnr_db", "automatic"),
}
WRITERS = "give a CSV that `denoise --log` or `denoise path --csv` wrote"


class NotALog(ValueError):
    """What is wrong with a file that should be a log, and the way out; without the name of the file."""


class WithoutRows(NotALog):
    """Not a log yet: the file is empty, or has a header and no row."""


def curves_of(data: bytes, source: str, log: str, *, alone: bool, growing: bool) -> tuple[list[Curve], int]:
    """The curves of one file, and how many of its values are infinite.

    source: what errors call the file.  log: what its curves are called, and by picture and page where it has several of them (`alone`
    says that there is no other file). A last line without its end is left out of a file that is still `growing`.
    Raises NotALog, and WithoutRows where rows may yet come.
    """
    rows, whole = _rows(data)
    if growing and not whole and len(rows) > 1:
        rows, whole = rows[:-1], True
    header = [name.strip() for name in rows[0]] if rows else []
    if not any(header):
        raise WithoutRows("the log is empty; did its run get as far as the first iteration?")
    kind = "path" if "lambda" in header else "log"
    missing = [name for name in NEEDED[kind] if name not in header]
    if missing and missing != ["seconds"]:  # a log of somebody's own may do without
        there = _printable(", ".join(header))
        there = there if len(there) <= 100 else there[:99] + "…"
        trouble = f"no log of denoise, without the column{'s' * (len(missing) > 1)} {', '.join(missing)} (it has {there}); {WRITERS}"
        raise NotALog(trouble) if whole or len(rows) > 1 else WithoutRows(trouble)
    places = {name: header.index(name) for name in DRAWN[kind] if name in header}
    picture = header.index("file") if "file" in header else None
    runs: dict[tuple[str, int], list[list[float]]] = {}
    reached: dict[str, tuple[int, float]] = {}  # picture → page and iteration of its last row
    infinite = 0
    for line, row in enumerate(rows[1:], 2):
        if not row:
            continue
        try:
            values = _numbers(line, row, header, places)
        except NotALog:
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
        raise WithoutRows("the log has a header and no rows; did its run get as far as the first iteration?")
    pictures = list(reached)
    short = dict(zip(pictures, distinct_names([PurePath(name) for name in pictures]), strict=True))
    curves = []
    for (name, page), table in runs.items():
        label = log if len(pictures) == 1 else short[name] if alone else f"{log}: {short[name]}"
        label += f", page {page}" if reached[name][0] > 1 else ""
        curves.append(Curve(_printable(label), kind, source, dict(zip(places, np.array(table).T, strict=True))))
    return curves, infinite


def _rows(data: bytes) -> tuple[list[list[str]], bool]:
    """All rows, and whether the last one has its line end."""
    try:
        text = data.decode("utf-8-sig", errors="strict" if b"\0" in data[:4096] else "replace")
        if "\0" in text:
            raise ValueError
        return list(csv.reader(io.StringIO(text, newline=""))), text.endswith(("\n", "\r"))
    except (ValueError, csv.Error):
        raise NotALog(f"is not a CSV; {WRITERS}") from None


def _numbers(line: int, row: list[str], header: list[str], places: dict[str, int]) -> list[float]:
    """The cells that are drawn; NaN where one is empty."""
    if len(row) != len(header):
        raise NotALog(f"line {line} has {len(row)} cells, the header {len(header)}; mend that line, or remove it")
    values = []
    for name, place in places.items():
        try:
            values.append(float(row[place]) if row[place].strip() else math.nan)
        except ValueError:
            cell = repr(row[place][:40])
            raise NotALog(f"line {line}: {name} is {cell}, not a number; mend that line, or remove it") from None
    return values


def distinct_names(paths: Sequence[PurePath]) -> list[str]:
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
