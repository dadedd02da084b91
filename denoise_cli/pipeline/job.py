"""One picture from path to path: read, denoise, write. Prints nothing."""

from __future__ import annotations

import errno
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from denoise_cli.errors import DenoiseError
from denoise_cli.formats.files import Picture, check_fits, encode_picture, format_of, read_picture, write_picture
from denoise_cli.pipeline.page import Done, Settings, chosen, notes, references, solve, together
from denoise_cli.storage.pipes import PIPE, read_stdin, write_stdout
from denoise_cli.storage.writing import check_writable, stands_in_the_way

if TYPE_CHECKING:
    from denoise_cli.variational import State

__all__ = ["PIPE", "Job", "Report", "Settings", "failure", "inputs", "run"]


@dataclass(frozen=True)
class Job:
    """One picture; `kind` is the format to write, None the one that the output's name says, or else that of the input.

    `residual` is where input − result goes; `inspect` looks at it, written or not. Files of `named_after_input` are written in the
    format that the input has, whatever its name and theirs say. `recorded`: the batch enters the result in the ledger.
    """

    input: Path
    output: Path
    settings: Settings
    kind: str | None = None
    recorded: bool = False
    error: str | None = None
    residual: Path | None = None
    inspect: bool = False
    named_after_input: tuple[Path, ...] = ()

    def format_for(self, path: Path, picture: Picture) -> str:
        """The format in which `picture` is written to `path`."""
        asked = None if path in self.named_after_input else format_of(path)
        return self.kind or asked or picture.format


@dataclass(frozen=True)
class Report:
    """What became of a job; `error` says why it failed, in one line. Every field can be written as JSON."""

    input: str
    output: str
    method: str
    fidelity: str | None
    weight: float | None
    status: str
    assumed: str | None = None
    noise: str | None = None
    sigma: float | None = None
    impulses: float | None = None
    iterations: int = 0
    cost: float | None = None
    bound: float | None = None
    gap: float | None = None
    psnr_db: float | None = None
    seconds: float = 0.0
    shape: tuple[int, ...] = ()
    depth: str = ""
    residual_std: float | None = None
    whiteness: float | None = None
    notes: tuple[str, ...] = ()
    error: str | None = None

    @classmethod
    def of(cls, job: Job, status: str, **details: Any) -> Report:
        settings = job.settings
        told = {"method": settings.method, "fidelity": settings.fidelity, "weight": settings.weight}
        return cls(str(job.input), str(job.output), status=status, **(told | details))


def run(job: Job, on_state: Callable[[State], object] | None = None, seal: Callable[[Path], None] | None = None) -> Report:
    """Do the job; an error becomes a Report that says so. The input is never touched, the output appears whole or not at all.

    `seal` is called with the finished file just before it gets the name of the output.
    """
    start = time.perf_counter()
    try:
        return replace(_denoise(job, on_state, seal), seconds=time.perf_counter() - start)
    except DenoiseError as error:
        return failure(job, str(error), time.perf_counter() - start)
    except Exception as error:
        # A batch of thousands must not end over what nobody thought of.
        return failure(job, f"{job.input}: {type(error).__name__}: {error}; this is a defect of denoise, please report it")


def failure(job: Job, error: str, seconds: float = 0.0) -> Report:
    """The Report of a job that failed."""
    return Report.of(job, "failed", error=error, seconds=seconds)


def _denoise(job: Job, on_state: Callable[[State], object] | None, seal: Callable[[Path], None] | None = None) -> Report:
    settings = job.settings
    check_output(job)
    picture = _read(job)
    check_fits(picture, job.format_for(job.output, picture), job.output)
    frames = picture.frames
    cleans = references(settings, job.input, frames)
    done = [solve(settings, job.input, frame, clean, on_state) for frame, clean in zip(frames, cleans, strict=True)]
    losses = _write(job, picture.successor([page.image for page in done]), seal)
    solution = together([page.solution for page in done])
    removed, shown = _method_noise(job, picture, frames, done) if job.inspect or job.residual else ({}, ())
    return Report.of(
        job, str(solution.status), iterations=solution.iterations, cost=solution.cost, bound=solution.bound, gap=solution.gap,
        psnr_db=solution.psnr_db, shape=picture.pages[0].colour.shape, depth=picture.depth,
        notes=(*wrong_name(job, picture), *picture.notes, *notes(done, settings), *losses, *shown), **removed, **chosen(done),
    )  # fmt: skip


def _read(job: Job) -> Picture:
    if job.input == PIPE:
        return read_picture(Path("stdin"), read_stdin(), max_pixels=job.settings.max_pixels)
    return read_picture(job.input, max_pixels=job.settings.max_pixels)


def _write(job: Job, picture: Picture, seal: Callable[[Path], None] | None) -> list[str]:
    if job.output == PIPE:
        data, losses = encode_picture(picture, job.kind or picture.format, Path("stdout"))
        write_stdout(data)
        return losses
    kind = job.format_for(job.output, picture)
    return write_picture(job.output, picture, overwrite=job.settings.overwrite, kind=kind, seal=_finish(job, seal))


def wrong_name(job: Job, picture: Picture) -> tuple[str, ...]:
    """What is to be said where the name of the input is that of another format."""
    if format_of(job.input) in (None, picture.format):
        return ()
    written = picture.format if job.output == PIPE else job.format_for(job.output, picture)
    return (f"is a {picture.format.upper()} file named {job.input.suffix}; written as {written.upper()}",)


def check_output(job: Job) -> None:
    """Refuse what would overwrite an input or an earlier result, or could not be written, before any work is done."""
    try:
        _check_output(job)
    except OSError as error:
        shorter = "; rename the input, or name the output with -o" if error.errno == errno.ENAMETOOLONG else ""
        raise DenoiseError(f"{error.filename or job.output}: {error.strerror or error}{shorter}") from error


def _check_output(job: Job) -> None:
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
    if stands_in_the_way(job.output) and not job.settings.overwrite:
        raise DenoiseError(f"{job.output}: exists already; choose another name with -o, or allow it with --overwrite")


def _check_residual(job: Job, residual: Path) -> None:
    if residual.is_dir():
        raise DenoiseError(f"{residual}: is a directory; name a file with --residual")
    check_writable(residual)
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
    others = (settings.reference, settings.weights, settings.mask, settings.lambda_map)
    own = [] if job.input == PIPE else [job.input]
    return [*own, *(path for path in others if path is not None)]


def _finish(job: Job, seal: Callable[[Path], None] | None) -> Callable[[Path], None]:
    """What happens to a finished result just before it gets its name."""

    def finish(temporary: Path) -> None:
        if job.settings.preserve_times and job.input != PIPE:
            status = job.input.stat()
            os.utime(temporary, ns=(status.st_atime_ns, status.st_mtime_ns))
        if seal is not None:
            seal(temporary)

    return finish


def _method_noise(job: Job, picture: Picture, frames: list[Any], done: list[Done]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Numbers on input − result, and the picture of it if one was asked for."""
    import numpy as np

    from denoise_cli.measure.whiteness import whiteness
    from denoise_cli.variational import as_float

    removed = [as_float(frame) - page.image for frame, page in zip(frames, done, strict=True)]
    std = math.sqrt(float(np.mean([np.mean(np.square(r - r.mean(axis=(0, 1)))) for r in removed])))
    numbers = {"residual_std": std, "whiteness": min(whiteness(r) for r in removed)}
    if job.residual is None:
        return numbers, ()
    kind = job.format_for(job.residual, picture)
    scale, middle = 1.0, 0.0
    if picture.pages[0].colour.dtype.kind in "ub":
        # A power of two that lets four standard deviations through.
        scale, middle = 2.0 ** min(10, math.floor(math.log2(0.5 / max(4 * std, 1e-12)))), 0.5
    shown = [scale * r + middle for r in removed]
    write_picture(job.residual, picture.as_bytes().successor(shown), overwrite=job.settings.overwrite, kind=kind)
    return numbers, (f"{job.residual}: {'mid-grey + ' if middle else ''}{scale:g} × (input − result)",)
