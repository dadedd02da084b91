"""One picture from path to path: read, plan, denoise, write. Prints nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from denoise_cli.errors import DenoiseError
from denoise_cli.formats.files import Picture, check_fits, encode_picture, format_of, read_picture, write_picture, written_format
from denoise_cli.formats.known import known
from denoise_cli.formats.picture import Refused
from denoise_cli.formats.valueless import with_valueless_told
from denoise_cli.methods.method import Outcome
from denoise_cli.pipeline.beside import Beside
from denoise_cli.pipeline.places import check_output
from denoise_cli.pipeline.plan import planned, subject_of
from denoise_cli.pipeline.report import Report, notes_of, numbers_of, plan_of, pooled, psnr_of
from denoise_cli.pipeline.stacks import Stack, check_memory, series_plan, stacks_of, together
from denoise_cli.settings import Settings
from denoise_cli.storage.pipes import PIPE, write_stdout
from denoise_cli.storage.stores import is_store

if TYPE_CHECKING:
    from denoise_cli.methods.method import Plan, Subject
    from denoise_cli.variational import State

__all__ = ["PIPE", "Job", "as_meant", "failure", "read_input", "run", "wrong_name"]


Seal = Callable[[Path], None]
Watch = Callable[["State"], object]


@dataclass(frozen=True)
class Job:
    """One picture; `kind` is the format to write, None the one that the output's name says, or else that of the input.

    `crops`: pixels along a side of what a report shows of it, 0 where there is no report.
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
    crops: int = 0

    @property
    def is_series(self) -> bool:
        """Whether the input is a folder, whose DICOM slices are one volume."""
        return self.settings.volume and self.input != PIPE and self.input.is_dir() and not is_store(self.input)

    def format_for(self, path: Path, picture: Picture) -> str:
        """The format in which `picture` is written to `path`."""
        own = written_format(picture)
        if path in self.named_after_input and own == picture.format:
            return self.kind or own
        return self.kind or format_of(path) or own


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
    check_fits(picture, job.format_for(job.output, picture), job.output)
    stacks = stacks_of(picture, settings, job.input)
    beside = Beside(settings, job.input)
    shared = _shared_plan(job, stacks)
    done: list[Outcome] = []
    psnrs: list[float | None] = []
    images: list[Any] = [None] * len(picture.pages)
    fills: list[Any] = [settings.fill] * len(picture.pages)
    for at, stack in enumerate(stacks):
        subject = subject_of(
            stack.page, settings, beside, numbers=stack.numbers, pages=len(picture.pages), volume=stack.volume
        )  # fmt: skip
        outcome = _carry_out(job, subject, watch, at, len(stacks), shared)
        psnrs.append(psnr_of(outcome.solution.image, subject.reference, subject.scale.known, subject.peak))
        filled_in = subject.filled_in
        for place, number in enumerate(stack.numbers):
            images[number] = stack.pages(outcome.solution.image)[place]
            if not isinstance(filled_in, bool) and not settings.fill:
                fills[number] = stack.pages(filled_in)[place]
        done.append(outcome)
    result = picture.successor(images, fill=fills)
    losses = _write(job, result, seal)
    removed: dict[str, Any] = {}
    shown: tuple[str, ...] = ()
    if job.inspect or job.residual:
        from denoise_cli.pipeline.method_noise import method_noise

        removed, shown = method_noise(job, picture, images)
    details = numbers_of(done) | plan_of(done) | removed | _preview(job, picture, result)
    told = notes_of(done, together(stacks, shared))
    return Report.of(
        job, details.pop("status"), psnr_db=pooled(psnrs), shape=stacks[0].shape,
        depth=picture.depth, notes=(*wrong_name(job, picture), *picture.notes, *told, *losses, *shown), **details,
    )  # fmt: skip


def _shared_plan(job: Job, stacks: Sequence[Stack]) -> Plan | None:
    if not job.settings.same_lambda:
        return None
    try:
        return series_plan(stacks, job.settings, job.input)
    except (ValueError, TypeError) as error:
        raise DenoiseError(f"{job.input}: {error}") from error


def _carry_out(job: Job, subject: Subject, watch: Watch | None, number: int, count: int, shared: Plan | None) -> Outcome:
    """A page; whatever is wrong with it is one line that names the file, and the page where there are several."""
    source = f"{job.input}: {'page' if subject.volume is None else 'volume'} {number + 1} of {count}" if count > 1 else str(job.input)
    try:
        plan = shared or planned(subject, job.settings)
        check_memory(subject, plan)
        return Outcome(plan, plan.method.run(subject, plan, watch))
    except (ValueError, TypeError) as error:
        raise DenoiseError(f"{source}: {error}") from error
    except MemoryError as error:
        height, width = subject.stored.shape[:2]
        pixels = f"{width} × {height} pixels" if subject.volume is None else f"{subject.stored.size:,} voxels"
        raise DenoiseError(f"{source}: not enough memory for {pixels}; cut it into tiles") from error


def _preview(job: Job, picture: Picture, result: Picture) -> dict[str, Any]:
    if not job.crops:
        return {}
    from denoise_cli.pipeline.preview import preview

    try:
        return {"preview": preview(picture, result, job.crops)}
    except (ValueError, TypeError, Refused, MemoryError):
        return {}  # the result is written: it is good, whether it can be shown or not


def read_input(path: Path, settings: Settings) -> Picture:
    """The picture of a file, or of standard input for "-". Raises DenoiseError."""
    return as_meant(read_picture(path, max_pixels=settings.max_pixels, axes=settings.axes, slices=settings.slices), settings)


def as_meant(picture: Picture, settings: Settings) -> Picture:
    """A picture as it was read, with black, white and the values that mean "no value here" as they were told, or are obvious."""
    if settings.limits is not None:
        picture = picture.with_limits(settings.limits)
    if settings.nodata is not None:
        picture = picture.with_nodata(settings.nodata)
    picture = with_valueless_told(picture, filled=settings.fill)
    return picture.with_unmeasured() if settings.automatic and settings.nodata is None else picture


def _write(job: Job, picture: Picture, seal: Seal | None) -> list[str]:
    if job.output == PIPE:
        data, losses = encode_picture(picture, job.kind or written_format(picture), Path("stdout"))
        write_stdout(data)
        return losses
    kind = job.format_for(job.output, picture)
    return write_picture(job.output, picture, overwrite=job.settings.overwrite, kind=kind, seal=_finish(job, seal))


def wrong_name(job: Job, picture: Picture) -> tuple[str, ...]:
    """What is to be said where the name of the input is that of another format, or that of the result is that of none."""
    if format_of(job.input) in (None, picture.format):
        unknown = job.kind is None and format_of(job.output) is None and job.output.suffix not in ("", job.input.suffix)
        return (f"no format is called {job.output.suffix}; written as {known(written_format(picture)).title}",) if unknown else ()
    written = written_format(picture) if job.output == PIPE else job.format_for(job.output, picture)
    return (f"is a {known(picture.format).title} file named {job.input.suffix}; written as {known(written).title}",)


def _finish(job: Job, seal: Seal | None) -> Seal:
    """What happens to a finished result just before it gets its name."""

    def finish(temporary: Path) -> None:
        if job.settings.preserve_times and job.input != PIPE:
            status = job.input.stat()
            os.utime(temporary, ns=(status.st_atime_ns, status.st_mtime_ns))
        if seal is not None:
            seal(temporary)

    return finish
