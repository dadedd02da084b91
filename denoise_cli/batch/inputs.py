"""What was typed → which pictures: files, folders, patterns, lists."""

from __future__ import annotations

import fnmatch
import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from denoise_cli.errors import UsageError
from denoise_cli.formats.files import FORMATS
from denoise_cli.storage.pipes import PIPE, read_stdin

__all__ = ["Found", "Selection", "find", "read_list"]


@dataclass(frozen=True)
class Selection:
    """Which files of a folder are meant. A file that is named itself always is."""

    recursive: bool = False
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    own_suffix: str = "_denoised"
    output_folder: Path | None = None

    def wants(self, relative: Path) -> bool:
        name = relative.name
        if name.startswith(".") or relative.suffix.lower() not in FORMATS or (self.own_suffix and relative.stem.endswith(self.own_suffix)):
            return False
        patterns = (name, relative.as_posix())
        if self.include and not any(fnmatch.fnmatch(text, pattern) for text in patterns for pattern in self.include):
            return False
        return not any(fnmatch.fnmatch(text, pattern) for text in patterns for pattern in self.exclude)


@dataclass(frozen=True)
class Found:
    """A picture, and its place below the folder that it was found in; or why it cannot be had."""

    path: Path
    relative: Path
    error: str | None = None


def find(words: Iterable[Path], selection: Selection) -> Iterator[Found]:
    """Every picture that the words mean, in the order of the words, folders sorted."""
    for word in words:
        if word == PIPE or word.is_file() or word.is_symlink():
            yield Found(word, Path(word.name))
        elif word.is_dir():
            yield from _in_folder(word, selection)
        elif glob.has_magic(str(word)):
            # The shell did not expand it: it was quoted, or there is no shell.
            matches = [Path(match) for match in sorted(glob.glob(str(word), recursive=True))]  # noqa: PTH207 - a pattern of any depth, absolute or not
            if not matches:
                yield Found(word, Path(word.name), f"{word}: no file matches this pattern; check it")
            yield from find(matches, selection)
        else:
            yield Found(word, Path(word.name), f"{word}: no such file; check the name")


def _in_folder(folder: Path, selection: Selection) -> Iterator[Found]:
    if not selection.recursive and not os.access(folder, os.R_OK | os.X_OK):
        yield Found(folder, Path(folder.name), f"{folder}: the directory cannot be read; check its permissions")
        return
    failures: list[OSError] = []
    skipped = selection.output_folder.resolve() if selection.output_folder else None
    # Links to directories are not followed: they may lead back up.
    for here, directories, names in os.walk(folder, onerror=failures.append):
        place = Path(here)
        directories[:] = sorted(name for name in directories if not name.startswith(".") and (place / name).resolve() != skipped)
        for name in sorted(names):
            path = place / name
            if selection.wants(path.relative_to(folder)):
                yield Found(path, path.relative_to(folder))
        if not selection.recursive:
            return
    for failure in failures:
        path = Path(failure.filename)
        yield Found(path, Path(path.name), f"{path}: the directory cannot be read ({failure.strerror}); check its permissions")


def read_list(source: Path, *, nul: bool) -> list[Path]:
    """The names in a list, one a line (or separated by NUL, as `find -print0` writes them); "-" is stdin."""
    try:
        data = read_stdin() if source == PIPE else source.read_bytes()
    except OSError as error:
        raise UsageError(f"{source}: the list cannot be read ({error.strerror}); check the name") from error
    names = data.split(b"\0") if nul else data.splitlines()
    return [Path(os.fsdecode(name)) for name in names if name.strip()]
