"""What the commands of `denoise extras` share: one-line errors, checked outputs, vectors from the prompt. No NumPy at import."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from denoise_cli.extras.arrays import Array


@contextmanager
def plain_errors(*sources: str | None) -> Iterator[None]:
    """Bad data ends the command with one line on stderr that begins with the files it came from, and exit code 1."""
    from denoise_cli.extras.results import FileError

    files = ", ".join(called(source) for source in sources if source is not None)
    try:
        yield
    except FileError as error:
        fail(str(error))
    except ValueError as error:
        fail(f"{files}: {error}")
    except MemoryError:
        fail(f"{files}: not enough memory; give fewer rows at a time")


def called(source: str) -> str:
    return "standard input" if source == "-" else source


def fail(message: str) -> NoReturn:
    note(message)
    raise typer.Exit(1)


def note(message: str) -> None:
    typer.echo("denoise extras: " + " ".join(message.splitlines()), err=True)


Overwrite = Annotated[bool, typer.Option("--overwrite", show_default="refuse", help="Replace files that exist.")]


def check_files(
    inputs: Sequence[str | None],
    outputs: Mapping[str, str | None],
    suffixes: Sequence[str] = (".csv", ".npy", ".npz", ".json"),
    *,
    overwrite: bool,
) -> None:
    """Refuses, before any work, outputs of unknown format, an output that is an input, another output or there already, and two `-`.

    outputs: the files, by the options that name them.
    """
    from denoise_cli.extras.tables import file_of

    read = [file_of(source) for source in inputs if source is not None]
    if read.count("-") > 1:
        raise typer.BadParameter("only one input can be '-': standard input is read once.")
    if list(outputs.values()).count("-") > 1:
        raise typer.BadParameter("only one result can go to '-', standard output; give the others a file name.")
    written: list[str] = []
    for option, destination in outputs.items():
        if destination is None or destination == "-":
            continue
        if Path(destination).suffix.lower() not in suffixes and not _is_device(destination):
            raise typer.BadParameter(f"{destination}: unknown format; end the name in {', '.join(suffixes)}.")
        if any(_same_file(destination, source) for source in read if source != "-"):
            raise typer.BadParameter(f"{destination}: this would overwrite the input; choose another name.")
        if any(_same_file(destination, other) for other in written):
            raise typer.BadParameter(f"{destination}: two outputs cannot share a file; choose another name.")
        if Path(destination).exists() and not _is_device(destination) and not overwrite:
            fail(f"{destination}: exists already; choose another name with {option}, or allow it with --overwrite")
        written.append(destination)


def source_of(text: str | None) -> str | None:
    """The file an option names; None if it gives its numbers itself, as in `1,2,3`."""
    from denoise_cli.extras.tables import is_number

    return None if text is None or all(is_number(part) for part in text.split(",")) else text


def vector(text: str, key: str, length: int) -> "Array":
    """The numbers of an option: one for all, several separated by commas, or a file with one row, one column or one axis."""
    import numpy as np

    from denoise_cli.extras.tables import read_table

    if source_of(text) is None:
        numbers = [float(part) for part in text.split(",")]
        return np.array(numbers * length if len(numbers) == 1 else numbers)
    values = read_table(text, key=key).values
    return values.reshape(-1) if values.ndim == 2 and 1 in values.shape else values


def show(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], *closing: str) -> None:
    """A table for people on standard output: the first column to the left, numbers to the right."""
    from denoise_cli.extras.results import replacing

    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [title]
    for row in (header, *rows):
        first, *numbers = (
            cell.ljust(width) if not index else cell.rjust(width) for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join([first, *numbers]))
    with replacing("-") as stream:
        stream.write(("\n".join([*lines, *closing]) + "\n").encode())


def _is_device(path: str) -> bool:
    return Path(path).exists() and not Path(path).is_file() and not Path(path).is_dir()


def _same_file(one: str, other: str) -> bool:
    if Path(one).exists() and Path(other).exists():
        return Path(one).samefile(other)
    return os.path.realpath(one) == os.path.realpath(other)
