"""Writes tables and arrays, whole or not at all."""

import csv
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from denoise_cli.extras.arrays import Array

__all__ = ["FileError", "replacing", "write_arrays", "write_csv"]


class FileError(Exception):
    """One line for the user: which file, what is wrong with it, what to do."""


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
        # The name is cut, and not within a letter, so that one as long as the file system allows still leaves room.
        beginning = os.fsdecode(os.fsencode(path.name)[:100].decode("utf-8", "ignore").encode())
        temporary = path.with_name(f".{beginning}.{os.getpid()}.tmp")
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
