"""Writing that cannot lose anything: results that appear whole or not at all, logs that are readable at any moment."""

from __future__ import annotations

import contextlib
import io
import os
import platform
import re
import shutil
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Literal, TextIO

from denoise_cli.errors import DenoiseError

__all__ = [
    "LogFile", "appear", "check_writable", "has_ended", "remove_stray_temporaries", "stands_in_the_way", "take_place", "written_into",
]  # fmt: skip

ONE_DAY = 86_400
# Bytes of the result's name in that of its temporary file, which must stay under 255 with all that is added.
NAME_BYTES = 100
# Names of what a process has open. They are never replaced, even where a regular file is behind them.
OPEN_FILES = ("/dev/fd/", "/dev/stdout", "/dev/stderr", "/proc/")
TEMPORARY = re.compile(r"^\..*\.(?P<host>[^.]+)-(?P<process>\d+)-[0-9a-f]{8}\.denoise-tmp$")


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", platform.node()) or "host"


def written_into(path: Path) -> bool:
    """Whether `path` is a device, a FIFO, or the name of an open file: it is written into, and never replaced."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)) or str(path.absolute()).startswith(OPEN_FILES)


def stands_in_the_way(path: Path) -> bool:
    """Whether there is a file that a result under this name would replace."""
    return path.exists() and not written_into(path)


@contextlib.contextmanager
def appear(path: Path, *, overwrite: bool, seal: Callable[[Path], None] | None = None, option: str = "-o") -> Iterator[BinaryIO]:
    """A stream whose content appears at `path` at once and whole, or not at all; a link stays, and the file behind it is the result.

    `seal` is called with the finished temporary file just before it gets its name. A device or a FIFO gets the finished content, has no
    name to lose, and is not sealed. `option` is what names another place. Raises DenoiseError; nothing is left behind.
    """
    if written_into(path):
        content = io.BytesIO()
        yield content
        _write_into(path, content.getbuffer(), option)
        return
    target = _behind_links(path)
    # Cut, and not within a letter, so that a name as long as the file system allows still leaves room.
    beginning = os.fsencode(target.name)[:NAME_BYTES].decode("utf-8", "ignore").encode()
    temporary = target.with_name(f".{os.fsdecode(beginning)}.{_host()}-{os.getpid()}-{os.urandom(4).hex()}.denoise-tmp")
    try:
        # Created with the permissions that any new file gets here, unlike those that tempfile makes.
        handle = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0), 0o666)
        os.close(handle)
        with temporary.open("r+b") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        _give_name(temporary, target, overwrite, seal)
    except FileExistsError:
        raise DenoiseError(f"{path}: exists already; choose another name with {option}, or allow it with --overwrite") from None
    except OSError as error:
        trouble = error.strerror or str(error)
        raise DenoiseError(f"{path}: cannot be written ({trouble}); nothing was left behind. Choose another place with {option}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def take_place(finished: Path, path: Path, *, overwrite: bool, seal: Callable[[Path], None] | None = None, option: str = "-o") -> None:
    """Give a finished file its name, at once; a link stays, and the file behind it is replaced. Where a name is not enough (another file
    system behind the link, a device, a FIFO), it is copied.

    `seal` and `option` as in `appear`. Raises DenoiseError.
    """
    target = _behind_links(path)
    if written_into(path) or finished.stat().st_dev != target.parent.stat().st_dev:
        with appear(path, overwrite=overwrite, seal=seal, option=option) as stream, finished.open("rb") as pixels:
            shutil.copyfileobj(pixels, stream)
        return
    try:
        with finished.open("r+b") as stream:
            os.fsync(stream.fileno())
        _give_name(finished, target, overwrite, seal)
    except FileExistsError:
        raise DenoiseError(f"{path}: exists already; choose another name with {option}, or allow it with --overwrite") from None
    except OSError as error:
        raise DenoiseError(f"{path}: cannot be written ({error.strerror or error}); choose another place with {option}") from error


def _give_name(finished: Path, target: Path, overwrite: bool, seal: Callable[[Path], None] | None) -> None:
    """Seal a finished file, then rename it. Raises FileExistsError where the name is taken and may not be, OSError."""
    if seal is not None:
        seal(finished)
    if overwrite:
        finished.replace(target)
    else:
        _rename_to_new(finished, target)


def _behind_links(path: Path) -> Path:
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def _write_into(path: Path, content: memoryview, option: str) -> None:
    try:
        # Appending, so that "-o /dev/stdout >> all.bin" does not lose what is there. A FIFO waits here for its reader.
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0))
        with os.fdopen(handle, "wb", buffering=0) as stream:
            while content:
                content = content[stream.write(content) :]
    except OSError as error:
        raise DenoiseError(f"{path}: cannot be written ({error.strerror or error}); choose another place with {option}") from error


def _rename_to_new(temporary: Path, path: Path) -> None:
    try:
        os.link(temporary, path)  # unlike a rename, fails if somebody was faster
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if path.exists():
            raise FileExistsError(path) from None
        temporary.replace(path)


def remove_stray_temporaries(folder: Path) -> None:
    """Remove what runs that were killed left half-written in `folder`: of processes here that are gone, or anywhere a day ago."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if (match := TEMPORARY.match(path.name)) is None:
                continue
            with contextlib.suppress(OSError):
                gone = match["host"] == _host() and not _lives(int(match["process"]))
                if gone or time.time() - path.stat().st_mtime > ONE_DAY:
                    path.unlink()


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    # Killed, and waiting for a parent to notice: dead (in containers often for good).
    with contextlib.suppress(OSError, IndexError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    return True


def check_writable(path: Path, option: str = "-o") -> None:
    """Refuse an output that could not appear anyway, before the work is done; `option` names it.

    Raises DenoiseError, and OSError for an impossible name.
    """
    if written_into(path):
        if stat.S_ISBLK(path.stat().st_mode):
            raise DenoiseError(f"{path}: is a disk, which a picture would destroy; name a file with {option}")
        if not os.access(path, os.W_OK):
            raise DenoiseError(f"{path}: is not writable; choose another place with {option}")
        return
    folder = _behind_links(path).parent
    if not folder.is_dir():
        raise DenoiseError(f"{path}: there is no directory {folder}; make it first, or choose another place with {option}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise DenoiseError(f"{path}: the directory {folder} is not writable; choose another place with {option}")


#: How a log ends once its run has ended. All other lines end in "\n" alone, and whatever reads CSV takes both alike.
END_MARK = b"\r\n"


class LogFile:
    """A CSV with one row an iteration, written as it happens; values to full precision (repr), cells that were not computed empty.

    When the run has ended, its last line ends in END_MARK: whoever follows the log need not wait for more.
    """

    def __init__(self, path: Path, columns: Iterable[str], *, named: bool, overwrite: bool) -> None:
        """`named` puts a leading column with the file's name. Raises DenoiseError if the log cannot be begun."""
        import csv

        self.path, self.named = path, named
        self.has_rows = False
        try:
            mode: Literal["w", "x"] = "w" if overwrite or written_into(path) else "x"
            self._stream: TextIO = path.open(mode, newline="", encoding="utf-8", errors="backslashreplace", buffering=1)
        except FileExistsError:
            raise DenoiseError(f"{path}: exists already; choose another name for --log, or allow it with --overwrite") from None
        except OSError as error:
            raise DenoiseError(f"{path}: the log cannot be written ({error.strerror}); choose another place for --log") from error
        self._rows = csv.writer(self._stream, lineterminator="\n")
        self._write([*(["file"] if named else []), *columns])

    def write(self, name: str, rows: Iterable[Iterable[object]]) -> None:
        write = self.writer(name)
        for row in rows:
            write(row)

    def writer(self, name: str) -> Callable[[Iterable[object]], None]:
        def write(row: Iterable[object]) -> None:
            self.has_rows = True
            values = ["" if value is None else repr(value) for value in row]
            self._write(([name] if self.named else []) + values)

        return write

    def _write(self, row: list[str]) -> None:
        try:
            self._rows.writerow(row)
        except OSError as error:
            raise DenoiseError(f"{self.path}: the log cannot be written ({error.strerror}); choose another place for --log") from error

    def close(self) -> None:
        """End the log; one without a row goes, so that the next run finds its name free."""
        with contextlib.suppress(OSError):
            self._stream.flush()
            handle = self._stream.fileno()
            if stat.S_ISREG(os.fstat(handle).st_mode):
                os.lseek(handle, -1, os.SEEK_END)
                os.write(handle, END_MARK)
                if not self.has_rows and not written_into(self.path):
                    self.path.unlink()
        with contextlib.suppress(OSError):
            self._stream.close()


def has_ended(log: Path) -> bool:
    """Whether the run that writes this log has ended, as far as the log says: not if it was killed."""
    try:
        data = log.read_bytes()
    except OSError:
        return False
    return data.endswith(END_MARK) and data.count(END_MARK) == 1
