"""From what was typed to the jobs of a run, and what is refused before any work is done."""

from __future__ import annotations

import glob
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from denoise_cli.batch.inputs import PassedOver, Selection, find_some, read_list
from denoise_cli.batch.outputs import Outputs, plan, typed_place
from denoise_cli.cli.options import Request
from denoise_cli.errors import DenoiseError, UsageError
from denoise_cli.formats.dicom_series import is_series
from denoise_cli.formats.files import FORMATS
from denoise_cli.formats.known import ending_of
from denoise_cli.pipeline.job import Job
from denoise_cli.settings import Settings
from denoise_cli.storage.pipes import PIPE
from denoise_cli.storage.stores import is_store

__all__ = ["Run", "check_stdout", "make_folders", "planned"]


@dataclass(frozen=True)
class Run:
    """Everything that was typed. mark: what results are called beside their inputs.  recorded: results are entered in a ledger.
    config: the settings file that was read."""

    pictures: tuple[Path, ...]
    settings: Settings
    request: Request = field(default_factory=Request)
    mark: str = "_denoised"
    recorded: bool = True
    config: Path | None = None


def planned(run: Run, passed_over: list[PassedOver] | None = None) -> list[Job]:
    """A Job for each picture that was meant. Raises UsageError for words that make no sense together.

    `passed_over` collects the files that were seen and are not taken.
    """
    request = run.request
    words = [*run.pictures, *([] if request.files_from is None else read_list(request.files_from, nul=request.null))]
    if not words:
        raise UsageError("no PICTURE given: name a picture, a folder or a pattern, e.g. denoise input.png --lambda 0.1")
    several = len(words) > 1 or any(_means_several(word, series=run.settings.volume) for word in words)
    output, into_folder = typed_place(request.output)
    if several and output is not None and not into_folder and not output.is_dir() and (output.exists() or output.suffix.lower() in FORMATS):
        raise UsageError(f"{output}: {len(words):,} inputs cannot go into one file; name a folder with -o, or leave it out")
    extension = None if request.kind is None else next(name for name, kind in FORMATS.items() if kind == request.kind)
    outputs = Outputs(
        output,
        several=several,
        suffix=request.suffix,
        kind=request.kind,
        extension=extension,
        mark=run.mark,
        into_folder=into_folder,
        one_series=run.settings.volume and not several and words[0] != PIPE and words[0].is_dir() and not is_store(words[0]),
    )
    if outputs.folder is not None and not outputs.suffix and extension is None:
        _check_folder(outputs.folder, words)
    selection = Selection(
        request.recursive, request.include, request.exclude, own_suffix=outputs.suffix or run.mark,
        output_folder=outputs.folder, ledgers=run.recorded, series=run.settings.volume,
    )  # fmt: skip
    passed_over = [] if passed_over is None else passed_over
    found = find_some(words, selection, passed_over, "check --include and --exclude" if request.include or request.exclude else "")
    residual, into_folder = typed_place(request.residual)
    residuals = None
    if residual is not None:
        if several and not into_folder and not residual.is_dir() and (residual.exists() or residual.suffix.lower() in FORMATS):
            raise UsageError(f"{residual}: the residuals of several pictures cannot go into one file; name a folder with --residual")
        residuals = Outputs(residual, several=several, suffix=None, kind=request.kind, extension=extension, into_folder=into_folder)
    for outputs_of, flag in ((outputs, "-o"), (residuals, "--residual")):
        if outputs_of is not None and outputs_of.file is not None:
            _check_format(outputs_of.file, request.kind, flag)
    inspect = request.verbose and not request.quiet
    return plan(found, outputs, run.settings, recorded=run.recorded, residuals=residuals, inspect=inspect)


def _check_folder(folder: Path, words: Iterable[Path]) -> None:
    """Refuse results under the names of their inputs, in the folder of these. Raises UsageError."""
    for word in words:
        if word.is_dir() and folder.is_dir() and word.samefile(folder):
            raise UsageError(
                f"{folder}: is the folder of the inputs, which are never overwritten; name another one with -o, or add --suffix _denoised"
            )


def _check_format(place: Path, kind: str | None, flag: str) -> None:
    """Refuse a name that says another format than --format does. Raises UsageError."""
    named = FORMATS.get(ending_of(place.name).lower())
    if kind is not None and named not in (None, kind):
        raise UsageError(f"{place}: the name says {named.upper()}, --format says {kind.upper()}; leave --format out, or change {flag}")


def _means_several(word: Path, *, series: bool) -> bool:
    """Whether the word stands for a folder or for a pattern, and not for a file; with `series`, a folder of DICOM slices is one volume."""
    try:
        return (word.is_dir() and not is_store(word) and not (series and is_series(word))) or (
            glob.has_magic(str(word)) and not word.exists()
        )
    except OSError:  # no possible name; that is said where it is looked for
        return False


def check_stdout(run: Run, jobs: list[Job]) -> None:
    """Refuse a picture on standard output beside other things, or on a terminal."""
    if not any(job.output == PIPE for job in jobs):
        return
    if run.request.as_json or run.request.dry_run or len(jobs) > 1:
        raise UsageError("stdout carries one picture and nothing else: leave --json and --dry-run out, and name one picture")
    if jobs[0].is_series and jobs[0].kind in (None, "dicom"):
        raise UsageError(
            f"{jobs[0].input}: the result has a file for each slice, and stdout carries one file; say --format tiff, or give a folder (-o)"
        )
    if sys.stdout is not None and sys.stdout.isatty():
        raise UsageError("a picture would be written to the terminal: send stdout to a file or a pipe, or name an output with -o")


def make_folders(run: Run, jobs: list[Job]) -> None:
    """The folders that -o and --residual name, and those within. Raises DenoiseError where one cannot be made.

    A single picture gets a folder only where that was typed as one, and lies in a folder that exists: more would be a slip of the pen.
    """
    one = (
        len(jobs) == 1
        and run.request.files_from is None
        and not any(_means_several(word, series=run.settings.volume) for word in run.pictures)
    )
    for text, option in ((run.request.output, "-o"), (run.request.residual, "--residual")):
        place, typed = typed_place(text)
        if place is None or place == PIPE or (one and not typed):
            continue
        if one and not place.parent.is_dir():
            raise DenoiseError(f"{place}: there is no directory {place.parent} to make it in; make that first, or choose another {option}")
        results = [job.output if option == "-o" else job.residual for job in jobs if job.error is None]
        for folder in dict.fromkeys(path.parent for path in results if path is not None and path != PIPE):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                trouble = "is a file, not a directory" if folder.is_file() else f"the directory cannot be made ({error.strerror})"
                raise DenoiseError(f"{folder}: {trouble}; choose another place with {option}") from error
