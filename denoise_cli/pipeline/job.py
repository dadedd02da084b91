"""One picture from path to path: read, plan, denoise, write. Prints nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from denoise_cli.errors import DenoiseError
from denoise_cli.formats.files import Picture, check_fits, encode_picture, format_of, read_picture, write_picture
from denoise_cli.pipeline.beside import Beside
from denoise_cli.pipeline.plan import carry_out, subject_of
from denoise_cli.pipeline.report import Report, notes_of, numbers_of, plan_of, pooled, psnr_of
from denoise_cli.settings import Settings
from denoise_cli.storage.writing import check_writable

if TYPE_CHECKING:
    from denoise_cli.methods.base import Outcome, Subject
    from denoise_cli.variational import State

__all__ = ["PIPE", "Job", "check_not_an_input", "check_output", "failure", "inputs", "read_input", "run"]


# In the place of a path: standard input, standard output.
PIPE = Path("-")

Seal = Callable[[Path], None]
Watch = Callable[["State"], object]


@dataclass(frozen=True)
class Job:
    """One picture; `kind` is the format to write where the output's name does not say it, `recorded` enters the result in the ledger.

    `residual` is where input − result goes; `inspect` looks at it, written or not.
    """

    input: Path
    output: Path
    settings: Settings
    kind: str | None = None
    recorded: bool = False
    error: str | None = None
    residual: Path | None = None
    inspect: bool = False


def run(job: Job, watch: Watch | None = None, seal: Seal | None = None) -> Report:
    """Do the job; an error becomes a Report that says so. The input is never touched, the output appears whole or not at all.

    watch : sees every State of the solver.  seal : called with the finished temporary file just before it gets its name.
    """
    start = time.perf_counter()
    try:
        return replace(_denoise(job, watch, seal), seconds=time.perf_counter() - start)
    except DenoiseError as error:
        return failure(job, str(error), time.perf_counter() - start)
    except Exception as error:
        # A batch of thousands must not end over what nobody thought of.
        return failure(job, f"{job.input}: {type(error).__name__}: {error}; this is a defect of denoise, please report it")


def failure(job: Job, error: str, seconds: float = 0.0) -> Report:
    """The Report of a job that failed."""
    return Report.of(job, "failed", error=error, seconds=seconds)


def _denoise(job: Job, watch: Watch | None, seal: Seal | None) -> Report:
    settings = job.settings
    check_output(job)
    picture = read_input(job.input, settings)
    check_fits(picture, job.kind or format_of(job.output) or picture.format, job.output)
    beside = Beside(settings, job.input)
    pages: list[Outcome] = []
    psnrs: list[float | None] = []
    for number, page in enumerate(picture.pages):
        subject = subject_of(page, settings, beside, number=number, pages=len(picture.pages))
        outcome = _carry_out(job, subject, watch, number, len(picture.pages))
        psnrs.append(psnr_of(outcome.solution.image, subject.reference, subject.scale.known))
        pages.append(outcome)
    images = [page.solution.image for page in pages]
    losses = _write(job, picture.successor(images), seal)
    removed: dict[str, Any] = {}
    shown: tuple[str, ...] = ()
    if job.inspect or job.residual:
        from denoise_cli.pipeline.method_noise import method_noise

        removed, shown = method_noise(job, picture, images)
    details = numbers_of(pages) | plan_of(pages) | removed
    return Report.of(
        job, details.pop("status"), psnr_db=pooled(psnrs), shape=picture.pages[0].colour.shape,
        depth=picture.depth, notes=(*picture.notes, *notes_of(pages), *losses, *shown), **details,
    )  # fmt: skip


def _carry_out(job: Job, subject: Subject, watch: Watch | None, number: int, pages: int) -> Outcome:
    """A page; whatever is wrong with it is one line that names the file, and the page where there are several."""
    source = f"{job.input}: page {number + 1} of {pages}" if pages > 1 else str(job.input)
    try:
        return carry_out(subject, job.settings, watch)
    except (ValueError, TypeError) as error:
        raise DenoiseError(f"{source}: {error}") from error
    except MemoryError as error:
        height, width = subject.stored.shape[:2]
        raise DenoiseError(f"{source}: not enough memory for {width} × {height} pixels; cut it into tiles") from error


def read_input(path: Path, settings: Settings) -> Picture:
    """The picture of a file, or of standard input for "-". Raises DenoiseError."""
    if path == PIPE:
        return read_picture(Path("stdin"), sys.stdin.buffer.read(), max_pixels=settings.max_pixels)
    return read_picture(path, max_pixels=settings.max_pixels)


def _write(job: Job, picture: Picture, seal: Seal | None) -> list[str]:
    if job.output == PIPE:
        data, losses = encode_picture(picture, job.kind or picture.format, Path("stdout"))
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return losses
    return write_picture(job.output, picture, overwrite=job.settings.overwrite, kind=job.kind, seal=seal)


def check_output(job: Job) -> None:
    """Refuse what would overwrite an input or an earlier result, or could not be written, before any work is done."""
    if job.input != PIPE and not job.input.exists():
        raise DenoiseError(f"{job.input}: no such file; check the name")
    if job.residual is not None:
        _check_residual(job, job.residual)
    if job.output == PIPE:
        return
    if job.output.is_dir():
        raise DenoiseError(f"{job.output}: is a directory; name a file with -o")
    check_writable(job.output)
    check_not_an_input(job)
    if job.output.exists() and not job.settings.overwrite:
        raise DenoiseError(f"{job.output}: exists already; choose another name with -o, or allow it with --overwrite")


def _check_residual(job: Job, residual: Path) -> None:
    if residual.is_dir():
        raise DenoiseError(f"{residual}: is a directory; name a file with --residual")
    check_writable(residual)
    if residual.absolute() == job.output.absolute() or any(residual.absolute() == path.absolute() for path in inputs(job)):
        raise DenoiseError(f"{residual}: is the input or the result; choose another name with --residual")
    if residual.exists() and not job.settings.overwrite:
        raise DenoiseError(f"{residual}: exists already; choose another name with --residual, or allow it with --overwrite")


def check_not_an_input(job: Job) -> None:
    """The first rule of all."""
    if job.output.exists() and any(job.output.samefile(path) for path in inputs(job) if path.exists()):
        raise DenoiseError(f"{job.output}: the output is an input; denoise never overwrites its input. Choose another name with -o")


def inputs(job: Job) -> list[Path]:
    """All the files that the job reads."""
    settings = job.settings
    others = (settings.reference, settings.weights, settings.mask, settings.lambda_map)
    own = [] if job.input == PIPE else [job.input]
    return [*own, *(path for path in others if path is not None)]
