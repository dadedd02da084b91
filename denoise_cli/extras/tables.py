"""Reads tables and arrays from CSV, .npy, .npz or a pipe, and writes them, whole or not at all."""

import csv
import io
import json
import os
import sys
import zipfile
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from math import isfinite
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from denoise_cli.extras.arrays import Array, as_float, refuse_nonfinite
from denoise_cli.extras.ldam import ONE_LABEL_A_SAMPLE

_MISSING = {"", "na", "n/a", "nan", "null", "none", "?", "-"}


class FileError(Exception):
    """One line for the user: which file, what is wrong with it, what to do."""


@dataclass(frozen=True)
class Table:
    """Finite numbers, and the names of their columns if the file gave any."""

    values: Array
    header: list[str] | None = None


def read_table(source: str, *, key: str, choose: Callable[[list[str]], list[int]] | None = None) -> Table:
    """The numbers in `source`: a path, a path with `:KEY` for one array of an .npz, or `-` for standard input.

    What the file holds is told by its content, not its suffix. An .npz of several arrays gives the one called `key`.
    choose: given the column names (1, 2, ... if there are none), says which columns to read; the others may hold anything.
    """
    path = file_of(source)
    wanted = None if path == source else source[len(path) + 1 :]
    content = read_bytes(path)
    source = "standard input" if source == "-" else source
    if not content.strip():
        raise FileError(f"{source}: the file is empty; give a table of numbers")
    if content.startswith(b"\x93NUMPY"):
        return _chosen(source, _load_npy(source, io.BytesIO(content)), choose)
    if content.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _chosen(source, _load_npz(source, content, wanted, key), choose)
    if wanted is not None:
        raise FileError(f"{source}: not an .npz file, so there is no array {wanted!r} in it; leave out ':{wanted}'")
    return _parse_csv(source, content, choose)


def read_labels(source: str, classes: int) -> NDArray[np.intp]:
    """One integer label a row, from 0 to classes − 1, in a table of one column or an array of one axis."""
    table = read_table(source, key="target")
    values = table.values
    if values.ndim > 2 or (values.ndim == 2 and values.shape[1] != 1):
        raise FileError(f"{source}: the table has shape {values.shape}; {ONE_LABEL_A_SAMPLE}")
    values = values.reshape(-1)
    wrong = (values != np.floor(values)) | (values < 0) | (values >= classes)
    if wrong.any():
        index = int(np.argmax(wrong))
        row = index + (2 if table.header is not None else 1)
        raise FileError(f"{source}: row {row}: label {values[index]:g} is not one of 0..{classes - 1}, the columns of the logits")
    return values.astype(np.intp)


def file_of(source: str) -> str:
    """The path in `path` or `path.npz:KEY`."""
    path, colon, _ = source.rpartition(":")
    return path if colon and path.lower().endswith(".npz") and not Path(source).exists() else source


def is_number(cell: str) -> bool:
    """Whether `cell` is a finite number as people write them: 1_000 is one only to Python."""
    try:
        return isfinite(float(cell)) and "_" not in cell
    except ValueError:
        return False


def column_names(header: list[str] | None, columns: int) -> list[str]:
    return header if header is not None else [str(number) for number in range(1, columns + 1)]


def read_bytes(path: str) -> bytes:
    if path == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise FileError(f"{path}: no such file; check the name, or use - for standard input") from None
    except (OSError, ValueError) as error:
        raise FileError(f"{path}: cannot read it: {getattr(error, 'strerror', None) or error}; give another file") from None


def write_arrays(destination: str, arrays: Mapping[str, Array], header: Sequence[str] | None = None) -> None:
    """`arrays` to a path, the format told by its suffix, or to standard output as CSV for `-`.

    .json and .npz hold all of them, .csv and .npy the first. header: the names of its columns.
    """
    suffix = ".csv" if destination == "-" else Path(destination).suffix.lower()
    main = next(iter(arrays.values()))
    if suffix not in (".npy", ".npz", ".json") and main.ndim > 2:
        name = "standard output" if destination == "-" else destination
        raise FileError(f"{name}: CSV holds tables, the result has shape {main.shape}; write .npy, .npz or .json")
    with replacing(destination) as stream:
        if suffix == ".npy":
            np.save(stream, main, allow_pickle=False)
        elif suffix == ".npz":
            named: Any = arrays
            np.savez(stream, **named)
        elif suffix == ".json":
            content: dict[str, Any] = {name: values.tolist() for name, values in arrays.items()}
            if header is not None:
                content["columns"] = list(header)
            stream.write((json.dumps(content, allow_nan=False, ensure_ascii=False) + "\n").encode())
        else:
            rows = main if main.ndim == 2 else main.reshape(-1, 1 if header is None else len(header))
            # str(float32) is the shortest text that reads back as the same float32; as a Python float it has 17 digits.
            write_csv(stream, header, (map(str, row) if row.dtype == np.float32 else row.tolist() for row in rows))


class _Utf8:
    """What csv.writer writes to, over a binary stream that it must not close."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        self._stream.write(text.encode())


def write_csv(stream: BinaryIO, header: Sequence[str] | None, rows: Iterable[Iterable[Any]]) -> None:
    writer = csv.writer(_Utf8(stream), lineterminator="\n")
    if header is not None:
        writer.writerow(header)
    writer.writerows(rows)


@contextmanager
def replacing(destination: str) -> Iterator[BinaryIO]:
    """A stream whose content becomes `destination` when the block ends well, and leaves no trace when it does not.

    `-` is standard output; a pipe or a device is written as it stands.
    """
    path = Path(os.path.realpath(destination))
    temporary = None
    try:
        if destination == "-":
            sys.stdout.flush()
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
            return
        # Asked of the name itself: behind /dev/stdout may be a pipe, which has no real path.
        if Path(destination).exists() and not Path(destination).is_file():
            with Path(destination).open("wb") as stream:
                yield stream
            return
        temporary = path.with_name(f".{os.fsencode(path.name)[:100].decode('utf-8', 'ignore')}.{os.getpid()}.tmp")
        with temporary.open("xb") as stream:
            yield stream
        temporary.replace(path)
        temporary = None
    except BrokenPipeError:
        raise
    except OSError as error:
        name = "standard output" if destination == "-" else destination
        if destination == "-":
            # What is still in its buffer cannot go anywhere: Python would try once more at the end, and exit with 120.
            sys.stdout = None
        raise FileError(f"{name}: cannot write it: {error.strerror or error}; choose another place or make room") from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _load_npy(source: str, stream: BinaryIO) -> Array:
    try:
        values = np.load(stream, allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError, MemoryError, OverflowError, zipfile.BadZipFile, zlib.error) as error:
        reason = "it holds Python objects, not numbers" if "pickle" in str(error) else "it is cut short or damaged"
        raise FileError(f"{source}: not a readable NumPy array ({reason}); save it again with numpy.save") from None
    try:
        numbers = as_float("the array", values)
        refuse_nonfinite("the array", numbers)
    except ValueError as error:
        raise FileError(f"{source}: {error}") from None
    return numbers


def _load_npz(source: str, content: bytes, wanted: str | None, key: str) -> Array:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
            if not members:
                raise FileError(f"{source}: a zip archive without NumPy arrays; if it is a spreadsheet, save it as CSV")
            name = wanted if wanted is not None else members[0] if len(members) == 1 else key
            if name not in members:
                listed = ", ".join(members[:12]) + (", ..." if len(members) > 12 else "")
                raise FileError(f"{source}: no array {name!r} in it; choose one of {listed} by writing {file_of(source)}:NAME")
            member = archive.read(f"{name}.npy")
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError):
        raise FileError(f"{source}: not a readable .npz (it is cut short or damaged); save it again with numpy.savez") from None
    return _load_npy(source, io.BytesIO(member))


def _chosen(source: str, values: Array, choose: Callable[[list[str]], list[int]] | None) -> Table:
    if choose is None:
        return Table(values)
    if values.ndim != 2:
        raise FileError(f"{source}: the array has shape {values.shape}; give a table, (rows, columns)")
    return Table(values[:, choose(column_names(None, values.shape[1]))])


def _parse_csv(source: str, content: bytes, choose: Callable[[list[str]], list[int]] | None) -> Table:
    rows = _csv_rows(source, content)
    number, first = next(rows, (1, []))
    if not first:
        raise FileError(f"{source}: row 1 is blank; begin with a header or with numbers")
    header = _header(source, first)
    columns = len(first)
    if header is None:
        rows = chain([(number, first)], rows)
    if header is not None and choose is not None:
        header = [name.strip() for name in header]
    chosen = None if choose is None else choose(column_names(header, columns))
    suspicious = b"_" in content  # float("1_000") is 1000 in Python, and a typing error in a table
    values = array("d")
    for number, row in rows:
        if not row:
            raise FileError(f"{source}: row {number} is blank; fill it in or remove it")
        if len(row) != columns:
            has = f"{len(row)} column{'s' * (len(row) != 1)}"
            raise FileError(f"{source}: row {number} has {has}, row 1 has {columns}; make every row as long as the first")
        picked = row if chosen is None else [row[index] for index in chosen]
        try:
            if suspicious and any("_" in cell for cell in picked):
                raise ValueError
            values.extend(map(float, picked))
        except ValueError:
            _refuse_cell(source, number, row, chosen, header)
    if not values:
        raise FileError(f"{source}: a header and no rows; give at least one row of numbers")
    width = columns if chosen is None else len(chosen)
    table = np.frombuffer(values, np.float64).reshape(-1, width)
    if not np.isfinite(table).all():
        row_index, column = (int(i) for i in np.argwhere(~np.isfinite(table))[0])
        name = column_names(header, columns)[column if chosen is None else chosen[column]]
        number = row_index + (2 if header is not None else 1)
        raise FileError(f"{source}: row {number}, column {name!r} is {table[row_index, column]}; replace what is not a finite number")
    if header is not None and chosen is not None:
        header = [header[index] for index in chosen]
    return Table(table, header)


def _csv_rows(source: str, content: bytes) -> Iterator[tuple[int, list[str]]]:
    """Rows with their number, as a spreadsheet counts them; blank ones only where others follow."""
    number = 0
    try:
        text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline="")
        blanks = 0
        for row in csv.reader(text, strict=True):
            number += 1
            if not row:
                blanks += 1
                continue
            for blank in range(number - blanks, number):
                yield blank, []
            blanks = 0
            yield number, row
    except UnicodeDecodeError:
        raise FileError(f"{source}: neither UTF-8 text nor .npy nor .npz; save it as CSV in UTF-8") from None
    except csv.Error as error:
        raise FileError(f"{source}: row {number + 1} is not CSV: {error}; check the quotes there") from None


def _header(source: str, first: list[str]) -> list[str] | None:
    """The first row if it is names, None if it is numbers; both at once would lose either a name or a row of data."""
    numbers = [cell for cell in first if is_number(cell)]
    names = [cell for cell in first if not is_number(cell) and cell.strip()]
    if not names:
        return None
    if numbers:
        raise FileError(
            f"{source}: row 1 mixes names and numbers ({_shown(names[0])} beside {_shown(numbers[0])}); "
            "if it is a header, give every column a name that is no number; if it is data, make them all numbers"
        )
    return first


def _refuse_cell(source: str, number: int, row: list[str], chosen: list[int] | None, header: list[str] | None) -> None:
    names = column_names(header, len(row))
    for index in range(len(row)) if chosen is None else chosen:
        cell = row[index]
        if is_number(cell):
            continue
        where = f"{source}: row {number}, column {names[index]!r}"
        if cell.strip().lower() in _MISSING:
            raise FileError(f"{where}: the value is missing; fill it in or drop the row")
        hint = " (columns are separated by commas, not semicolons)" if ";" in cell else ""
        raise FileError(f"{where}: {_shown(cell)} is not a number{hint}; drop the column or encode it as numbers")


def _shown(cell: str) -> str:
    return repr(cell if len(cell) <= 40 else cell[:37] + "...")
