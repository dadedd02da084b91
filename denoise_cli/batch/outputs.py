"""Where results go: a Job for each picture, and no two results in one place."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from denoise_cli.errors import UsageError
from denoise_cli.formats.known import ending_of, suffix_for
from denoise_cli.pipeline.job import PIPE, Job
from denoise_cli.storage.ledger import NAME
from denoise_cli.storage.stores import is_store

if TYPE_CHECKING:
    from denoise_cli.batch.inputs import Found
    from denoise_cli.settings import Settings

__all__ = ["Outputs", "plan", "typed_place"]


class Outputs:
    """Where results go: beside the input as NAME and `mark`, into one file, or mirrored into a folder under their own names."""

    def __init__(
        self,
        output: Path | None,
        *,
        several: bool,
        suffix: str | None,
        kind: str | None,
        extension: str | None,
        mark: str = "_denoised",
        into_folder: bool = False,
        one_series: bool = False,
    ) -> None:
        """`into_folder`: `output` was typed as a folder, and need not exist.  `one_series`: the result itself is a folder."""
        in_folder = (
            not one_series
            and output is not None
            and output != PIPE
            and (several or into_folder or (output.is_dir() and not is_store(output)))
        )
        self.folder = output if in_folder else None
        self.file = output if self.folder is None else None
        self.kind, self.extension = kind, extension
        self.suffix = suffix if suffix is not None else ("" if self.folder else mark)

    def of(self, found: Found, *, whole_name: bool = False) -> Path:
        """The place of one result; with `whole_name`, that of a.png is a.png.tif, which no a.jpg can have as well."""
        if self.file is not None:
            return self.file
        if found.path == PIPE:
            return PIPE if self.folder is None else self.folder / f"stdin{self.suffix}{self.extension or '.png'}"
        place = self.folder / found.relative.parent if self.folder else found.path.parent
        name, ending = found.path.name, ending_of(found.path.name)
        return place / f"{name if whole_name else name.removesuffix(ending)}{self.suffix}{self.extension or suffix_for(ending)}"

    def of_all(self, pictures: Sequence[Found]) -> list[Path]:
        """The places of all results. Pictures that would share one, having one stem, are called by their whole names."""
        places = [self.of(found) for found in pictures]
        shared = Counter(_key(place) for place in places)
        return [
            self.of(found, whole_name=True) if place.suffix != found.path.suffix and shared[_key(place)] > 1 else place
            for found, place in zip(pictures, places, strict=True)
        ]


def plan(
    pictures: Sequence[Found],
    outputs: Outputs,
    settings: Settings,
    *,
    recorded: bool,
    residuals: Outputs | None = None,
    inspect: bool = False,
) -> list[Job]:
    """A Job for each picture. One whose result would land on that of another picture, or on an input, is a Job with an error.

    Raises UsageError for a picture that is meant twice.
    """
    read = dict[str, Path]()
    for found in pictures:
        if found.error is None and read.setdefault(_key(found.path), found.path) is not found.path:
            raise UsageError(f"{found.path}: is meant twice; name each picture once")
    targets = outputs.of_all(pictures)
    others: Sequence[Path | None] = [None] * len(pictures) if residuals is None else residuals.of_all(pictures)
    jobs, taken = [], dict[str, Path]()
    for found, target, residual in zip(pictures, targets, others, strict=True):
        error = found.error
        if error is None and target != PIPE:
            other = taken.setdefault(_key(target), found.path)
            if other != found.path:
                error = f"{found.path}: {target} is the result of {other} already; denoise it by itself, into a folder of its own (-o)"
            elif settings.overwrite and read.get(_key(target), found.path) != found.path:
                error = f"{found.path}: its result {target} is an input of this run; choose another --suffix, or a folder with -o"
        keep = [place for place, kind in ((target, outputs), (residual, residuals)) if place is not None and kind and kind.file is None]
        # A single result under a name of its own choice begins no ledger; one that is there is kept complete.
        # A series is many files, and begins no ledger either.
        is_series = settings.volume and found.path.is_dir() and not is_store(found.path)
        entered = (
            recorded and not is_series and PIPE not in (found.path, target) and (outputs.file is None or (target.parent / NAME).exists())
        )
        jobs.append(
            Job(found.path, target, settings, outputs.kind, entered, error, residual, inspect, () if found.path == PIPE else tuple(keep))
        )
    return jobs


def typed_place(text: str | None) -> tuple[Path | None, bool]:
    """A path, and whether it was typed as that of a folder: a Path forgets the slash at its end."""
    if text is None:
        return None, False
    ends = tuple(mark + end for mark in (os.sep, os.altsep) if mark for end in ("", "."))
    return Path(text), text.endswith(ends)


def _key(path: Path) -> str:
    """Alike for all spellings of one name; a link is not what it leads to."""
    return os.path.join(_real_folder(str(path.parent)), path.name)  # noqa: PTH118 - of many thousand names


@cache
def _real_folder(folder: str) -> str:
    return os.path.realpath(folder)
