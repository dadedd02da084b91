"""Where a job reads and writes: what would overwrite an input or an earlier result is refused before any work is done."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import TYPE_CHECKING

from denoise_cli.errors import DenoiseError
from denoise_cli.formats.files import format_of
from denoise_cli.storage.folders import check_folder, own_files
from denoise_cli.storage.missing import no_such_file
from denoise_cli.storage.pipes import PIPE
from denoise_cli.storage.writing import check_writable, stands_in_the_way

if TYPE_CHECKING:
    from denoise_cli.pipeline.job import Job

__all__ = ["check_not_an_input", "check_output", "check_residual", "inputs"]


def check_output(job: Job) -> None:
    """Refuse what would overwrite an input or an earlier result, or could not be written, before any work is done."""
    try:
        _check_output(job)
    except OSError as error:
        shorter = "; rename the input, or name the output with -o" if error.errno == errno.ENAMETOOLONG else ""
        raise DenoiseError(f"{error.filename or job.output}: {error.strerror or error}{shorter}") from error


def _check_output(job: Job) -> None:
    if job.input != PIPE and not job.input.exists():
        raise DenoiseError(no_such_file(job.input))
    if job.residual is not None:
        check_residual(job, job.residual)
    if job.output == PIPE:
        return
    if job.is_series and format_of(job.output) is None and job.kind in (None, "dicom"):
        check_writable(job.output)
        check_not_an_input(job)
        check_folder(job.output, own_files(job.input), overwrite=job.settings.overwrite)
        return
    if job.is_series and format_of(job.output) == "dicom":
        raise DenoiseError(f"{job.output}: a series comes back as a folder of files; name a folder, or a stack such as .tif")
    if job.output.is_dir():
        raise DenoiseError(f"{job.output}: is a directory; name a file with -o")
    check_writable(job.output)
    check_not_an_input(job)
    if stands_in_the_way(job.output) and not job.settings.overwrite:
        raise DenoiseError(f"{job.output}: exists already; choose another name with -o, or allow it with --overwrite")


def check_residual(job: Job, residual: Path) -> None:
    """Refuse a place for what was removed that is taken, or cannot be written. Raises DenoiseError."""
    if residual.is_dir():
        raise DenoiseError(f"{residual}: is a directory; name a file with --residual")
    check_writable(residual, "--residual")
    if residual.absolute() == job.output.absolute() or any(residual.absolute() == path.absolute() for path in inputs(job)):
        raise DenoiseError(f"{residual}: is the input or the result; choose another name with --residual")
    if stands_in_the_way(residual) and not job.settings.overwrite:
        raise DenoiseError(f"{residual}: exists already; choose another name with --residual, or allow it with --overwrite")


def check_not_an_input(job: Job) -> None:
    """The first rule of all."""
    if job.output.exists() and any(job.output.samefile(path) for path in inputs(job) if path.exists()):
        raise DenoiseError(f"{job.output}: the output is an input; denoise never overwrites its input. Choose another name with -o")


def inputs(job: Job) -> list[Path]:
    """All the files that the job reads."""
    settings = job.settings
    others = (settings.reference, settings.weights, settings.mask, settings.lambda_map, settings.model)
    own = [] if job.input == PIPE else [job.input]
    return [*own, *(path for path in others if path is not None)]
