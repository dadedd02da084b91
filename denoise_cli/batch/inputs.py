"""What was typed → which pictures: files, folders, patterns, lists."""

from __future__ import annotations

import fnmatch
import glob
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from denoise_cli.errors import UsageError
from denoise_cli.formats.dicom_series import is_series
from denoise_cli.formats.files import FORMATS
from denoise_cli.storage.ledger import Ledger
from denoise_cli.storage.missing import no_such_file
from denoise_cli.storage.pipes import PIPE, read_stdin
from denoise_cli.storage.stores import SUFFIX, is_store

__all__ = ["Found", "PassedOver", "Selection", "find", "find_some", "read_list", "summary"]


@dataclass(frozen=True)
class Selection:
    """Which files of a folder are meant, and which of many that are named. A file that is named by itself always is.

    own_suffix: marks the results of earlier runs, which are no inputs; "" takes them as well.  ledgers: results without that suffix are
    known from the list of what is finished.  series: a folder of DICOM slices is one picture.
    """

    recursive: bool = False
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    own_suffix: str = "_denoised"
    output_folder: Path | None = None
    ledgers: bool = False
    series: bool = False

    def wants(self, relative: Path) -> bool:
        """Whether a file of a folder is among those that are meant, whatever it holds."""
        patterns = (relative.name, relative.as_posix())
        if relative.name.startswith(".") or (self.include and not _match(patterns, self.include)):
            return False
        return not _match(patterns, self.exclude)

    def takes_results(self, relative: Path, *, in_folder: bool) -> bool:
        """Whether the results of earlier runs under this name are wanted: asked for by --include.

        Where --include chooses among the files of a folder, a pattern for all pictures, such as *.png, does not ask for results.
        """
        asked = [pattern for pattern in self.include if not in_folder or pattern == "*" or self.own_suffix in pattern]
        return not self.own_suffix or _match((relative.name, relative.as_posix()), asked)


def _match(texts: Iterable[str], patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatch(text, pattern) for text in texts for pattern in patterns)


@dataclass(frozen=True)
class Found:
    """A picture, and its place below the folder that it was found in; or why it cannot be had."""

    path: Path
    relative: Path
    error: str | None = None


@dataclass(frozen=True)
class PassedOver:
    """A file that was seen and is not taken; `kind` is its suffix, or what else tells why."""

    path: Path
    kind: str


RESULT, LINKED_FOLDER, NO_SUFFIX, EMPTY = "result of an earlier run", "linked folder", "without a suffix", "folder without a picture"


def find(words: Sequence[Path], selection: Selection, passed_over: list[PassedOver] | None = None) -> Iterator[Found]:
    """Every picture that the words mean, in the order of the words, folders sorted.

    `passed_over` collects the other files of folders (not the hidden ones, and not those that --include and --exclude leave out), and
    results of earlier runs.
    """
    return _Search(selection, [] if passed_over is None else passed_over).find(words, several=len(words) > 1)


def find_some(words: Sequence[Path], selection: Selection, passed_over: list[PassedOver], way_out: str = "") -> list[Found]:
    """The same as a list. Raises UsageError where there is none, a mistake whatever the command; `way_out` says what else may help."""
    found = list(find(words, selection, passed_over))
    if not found:
        others = [each for each in passed_over if each.kind != EMPTY]
        seen = f" ({summary(others)})" if others else ""
        hints = [*(() if selection.recursive else ("look deeper with --recursive",)), *((way_out,) if way_out else ())]
        raise UsageError(f"{words[0]}: holds no picture that denoise reads{seen}; {', or '.join(hints) or 'name another folder'}")
    return found


class _Search:
    def __init__(self, selection: Selection, passed_over: list[PassedOver]) -> None:
        self.selection, self.passed_over = selection, passed_over
        self._ledgers: dict[Path, Ledger] = {}

    def find(self, words: Iterable[Path], *, several: bool) -> Iterator[Found]:
        for word in words:
            try:
                yield from self._one(word, several=several)
            except OSError as error:
                yield Found(word, Path(word.name), f"{word}: {error.strerror or error}; check the name")

    def _one(self, word: Path, *, several: bool) -> Iterator[Found]:
        if word == PIPE:
            yield Found(word, word)
        elif is_store(word) or (self.selection.series and word.is_dir() and is_series(word)):
            yield Found(word, Path(word.name))
        elif word.is_dir():  # behind a link as well
            before, empty = len(self.passed_over), True
            for found in self._in_folder(word):
                empty = False
                yield found
            if empty and len(self.passed_over) == before:
                self.passed_over.append(PassedOver(word, EMPTY))
        elif word.exists() or word.is_symlink():
            name = Path(word.name)
            if several and not self.selection.takes_results(name, in_folder=False) and self._is_result(word):
                self.passed_over.append(PassedOver(word, RESULT))
            else:
                yield Found(word, name)
        elif glob.has_magic(str(word)):
            # The shell did not expand it: it was quoted, or there is no shell.
            matches = [Path(match) for match in sorted(glob.glob(str(word), recursive=True))]  # noqa: PTH207 - a pattern of any depth, absolute or not
            if not matches:
                yield Found(word, Path(word.name), f"{word}: no file matches this pattern; check it")
            yield from self.find(matches, several=True)
        else:
            yield Found(word, Path(word.name), no_such_file(word))

    def _is_result(self, path: Path) -> bool:
        selection = self.selection
        if selection.own_suffix and path.stem.endswith(selection.own_suffix):
            return True
        if not selection.ledgers:
            return False
        if path.parent not in self._ledgers:
            self._ledgers[path.parent] = Ledger(path.parent)
        return self._ledgers[path.parent].made(path)

    def _in_folder(self, folder: Path) -> Iterator[Found]:
        selection = self.selection
        if not selection.recursive and not os.access(folder, os.R_OK | os.X_OK):
            yield Found(folder, Path(folder.name), f"{folder}: the directory cannot be read; check its permissions")
            return
        failures: list[OSError] = []
        skipped = selection.output_folder.resolve() if selection.output_folder else None
        for here, directories, names in os.walk(folder, onerror=failures.append):
            place = Path(here)
            directories[:] = sorted(name for name in directories if not name.startswith(".") and (place / name).resolve() != skipped)
            if selection.series and is_series(place):
                if selection.wants(place.relative_to(folder)):
                    yield Found(place, place.relative_to(folder))
                names = []
            stores = [name for name in directories if name.lower().endswith(SUFFIX) and is_store(place / name)]
            directories[:] = [name for name in directories if name not in stores]
            if selection.recursive:
                # They are not followed: they may lead back up.
                self.passed_over += [PassedOver(place / name, LINKED_FOLDER) for name in directories if (place / name).is_symlink()]
            for name in sorted([*names, *stores]):
                path = place / name
                relative = path.relative_to(folder)
                if not selection.wants(relative):
                    continue
                kind = self._why_not(path, relative)
                if kind is None:
                    yield Found(path, relative)
                else:
                    self.passed_over.append(PassedOver(path, kind))
            if not selection.recursive:
                return
        for failure in failures:
            path = Path(failure.filename)
            yield Found(path, Path(path.name), f"{path}: the directory cannot be read ({failure.strerror}); check its permissions")

    def _why_not(self, path: Path, relative: Path) -> str | None:
        """Why a file of a folder is passed over, None if it is not."""
        suffix = relative.suffix.lower()
        if suffix not in FORMATS and not (suffix == SUFFIX and is_store(path)):
            return suffix or NO_SUFFIX
        taken = self.selection.takes_results(relative, in_folder=True) or not self._is_result(path)
        return None if taken else RESULT


def summary(passed_over: Sequence[PassedOver], *, may_include: bool = True) -> str:
    """Such as "12 passed over: 9 .avif, 3 .txt". may_include: the command has --include, which takes results of earlier runs."""
    counts = Counter(each.kind for each in passed_over)
    told = (f"{count:,} {_plural(kind, count)}" for kind, count in counts.most_common())
    return f"{len(passed_over):,} passed over: {', '.join(told)}" + (
        "; --include takes results" if RESULT in counts and may_include else ""
    )


def _plural(kind: str, count: int) -> str:
    if count == 1 or kind.startswith(".") or kind == NO_SUFFIX:
        return kind
    return {RESULT: "results of earlier runs", LINKED_FOLDER: "linked folders", EMPTY: "folders without a picture"}[kind]


def read_list(source: Path, *, nul: bool) -> list[Path]:
    """The names in a list, one a line (or separated by NUL, as `find -print0` writes them); "-" is stdin."""
    try:
        data = read_stdin() if source == PIPE else source.read_bytes()
    except OSError as error:
        raise UsageError(f"{source}: the list cannot be read ({error.strerror}); check the name") from error
    names = data.split(b"\0") if nul else data.splitlines()
    return [Path(os.fsdecode(name)) for name in names if name.strip()]
