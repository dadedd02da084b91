"""Files and standard input that hold logs, for `denoise plot`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from denoise_cli.draw.curves import Curve
from denoise_cli.draw.logs import NotALog, WithoutRows, curves_of, distinct_names
from denoise_cli.errors import DenoiseError, UsageError
from denoise_cli.storage.missing import no_such_file
from denoise_cli.storage.pipes import PIPE, STDIN, read_stdin

__all__ = ["NoRows", "read_logs"]


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
    for path, name in zip(paths, distinct_names(paths), strict=True):
        data = _read(path)
        try:
            found, infinite = curves_of(data, str(path), str(STDIN if path == PIPE else name), alone=len(paths) == 1, growing=growing)
        except WithoutRows as trouble:
            raise NoRows(f"{path}: {trouble}") from trouble
        except NotALog as trouble:
            raise DenoiseError(f"{path}: {trouble}") from trouble
        kinds.setdefault(found[0].kind, path)
        curves += found
        if infinite:
            notes.append(f"{path}: {infinite} infinite value{'s' * (infinite > 1)} left out")
    if len(kinds) > 1:
        raise UsageError(f"{kinds['path']} is a path of λ, {kinds['log']} a log of iterations: draw them in two plots")
    return curves, notes


def _read(path: Path) -> bytes:
    try:
        return read_stdin() if path == PIPE else path.read_bytes()
    except FileNotFoundError:
        raise DenoiseError(no_such_file(path)) from None
    except IsADirectoryError:
        raise DenoiseError(f"{path}: is a directory; name the logs in it, such as {path}/*.csv") from None
    except OSError as error:
        raise DenoiseError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
