"""One picture from path to path: read, denoise, write. Prints nothing."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from denoise_cli.errors import DenoiseError
from denoise_cli.files import MAX_PIXELS, Picture, check_fits, encode_picture, format_of, read_picture, write_picture
from denoise_cli.ledger import digest, enter
from denoise_cli.writing import check_writable

if TYPE_CHECKING:
    from denoise_cli.variational import Solution, State

__all__ = ["PIPE", "Job", "Report", "Settings", "failure", "inputs", "run"]


@dataclass(frozen=True)
class Settings:
    """What is to be done to a picture; strings, numbers and paths only, so that it can travel to another process."""

    weight: float | None
    fidelity: str = "l2"
    method: str = "matlab"
    iterations: int | None = None
    alpha: float | None = None
    beta: float | None = None
    gap: float | None = None
    tv: str | None = None
    channels: str | None = None
    boundary: str | None = None
    dtype: str = "float32"
    workers: int | None = None
    lambda_map: Path | None = None
    weights: Path | None = None
    mask: Path | None = None
    reference: Path | None = None
    max_pixels: int = MAX_PIXELS
    overwrite: bool = False
    preserve_times: bool = False

    def fingerprint(self) -> dict[str, Any]:
        """What the pixels of a result depend on beside the input; maps by their content."""
        told = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in NO_MATTER}
        return {name: _plain(value) for name, value in told.items() if value is not None}


# Settings that leave the pixels as they are.
NO_MATTER = ("workers", "reference", "max_pixels", "overwrite", "preserve_times")
# In the place of a path: standard input, standard output.
PIPE = Path("-")


@dataclass(frozen=True)
class Job:
    """One picture; `kind` is the format to write where the output's name does not say it, `recorded` enters the result in the ledger."""

    input: Path
    output: Path
    settings: Settings
    kind: str | None = None
    recorded: bool = False
    error: str | None = None


@dataclass(frozen=True)
class Report:
    """What became of a job; `error` says why it failed, in one line. Every field can be written as JSON."""

    input: str
    output: str
    method: str
    fidelity: str
    weight: float | None
    status: str
    iterations: int = 0
    cost: float | None = None
    bound: float | None = None
    gap: float | None = None
    psnr_db: float | None = None
    seconds: float = 0.0
    shape: tuple[int, ...] = ()
    depth: str = ""
    notes: tuple[str, ...] = ()
    error: str | None = None

    @classmethod
    def of(cls, job: Job, status: str, **details: Any) -> Report:
        settings = job.settings
        return cls(str(job.input), str(job.output), settings.method, settings.fidelity, settings.weight, status, **details)


def run(job: Job, on_state: Callable[[State], object] | None = None) -> Report:
    """Do the job; an error becomes a Report that says so. The input is never touched, the output appears whole or not at all."""
    start = time.perf_counter()
    try:
        picture, solution, notes = _denoise(job, on_state)
    except DenoiseError as error:
        return failure(job, str(error), time.perf_counter() - start)
    except Exception as error:
        # A batch of thousands must not end over what nobody thought of.
        return failure(job, f"{job.input}: {type(error).__name__}: {error}; this is a defect of denoise, please report it")
    return Report.of(
        job, str(solution.status), iterations=solution.iterations, cost=solution.cost, bound=solution.bound, gap=solution.gap,
        psnr_db=solution.psnr_db, seconds=time.perf_counter() - start,
        shape=picture.pages[0].colour.shape, depth=picture.depth, notes=notes,
    )  # fmt: skip


def failure(job: Job, error: str, seconds: float = 0.0) -> Report:
    """The Report of a job that failed."""
    return Report.of(job, "failed", error=error, seconds=seconds)


def _denoise(job: Job, on_state: Callable[[State], object] | None) -> tuple[Picture, Solution, tuple[str, ...]]:
    settings = job.settings
    check_output(job)
    picture = _read(job)
    check_fits(picture, job.kind or format_of(job.output) or picture.format, job.output)
    frames = picture.frames
    references = _references(settings, job.input, frames)
    solutions = [_solve(job, frame, clean, on_state) for frame, clean in zip(frames, references, strict=True)]
    losses = _write(job, picture.successor([solution.image for solution in solutions]))
    pages = (f"{len(frames)} pages, each denoised by itself",) if len(frames) > 1 else ()
    solution = _together(solutions)
    return picture, solution, (*picture.notes, *pages, *_threshold_note(solution, settings), *losses)


def _solve(job: Job, frame: Any, clean: Any, on_state: Callable[[State], object] | None) -> Solution:
    from denoise_cli import variational

    settings = job.settings
    pixels = variational.as_float(frame)
    weights = _maps(settings, job.input, pixels.shape[:2])
    try:
        return variational.denoise(
            pixels, _lambda(settings, job.input, pixels.shape[:2]),
            fidelity=settings.fidelity, method=settings.method, iterations=settings.iterations, alpha=settings.alpha, beta=settings.beta,
            gap=settings.gap, tv=settings.tv, channels=settings.channels, boundary=settings.boundary, weights=weights, reference=clean,
            dtype=settings.dtype, workers=settings.workers, records=False, callback=on_state,
        )  # fmt: skip
    except (ValueError, TypeError) as error:
        raise DenoiseError(f"{job.input}: {error}") from error
    except MemoryError as error:
        raise DenoiseError(f"{job.input}: not enough memory for {pixels.shape[1]} × {pixels.shape[0]} pixels; cut it into tiles") from error


def _together(solutions: list[Solution]) -> Solution:
    """Pages as one: iterations, cost and bound add up; status and gap are the worst; PSNR is that of the mean squared error."""
    first = solutions[0]
    if len(solutions) == 1:
        return first
    from denoise_cli.variational import Status

    worse = [Status.INPUT_IS_MINIMISER, Status.ITERATIONS_DONE, Status.CONVERGED, Status.ITERATION_LIMIT, Status.STOPPED]
    bounds, gaps = [s.bound for s in solutions if s.bound is not None], [s.gap for s in solutions if s.gap is not None]
    psnrs = [s.psnr_db for s in solutions if s.psnr_db is not None]
    return replace(
        first, iterations=sum(s.iterations for s in solutions), cost=sum(s.cost for s in solutions),
        bound=sum(bounds) if bounds else None, gap=max(gaps, default=None),
        status=max((s.status for s in solutions), key=worse.index),
        psnr_db=-10 * math.log10(sum(10 ** (-psnr / 10) for psnr in psnrs) / len(psnrs)) if psnrs else None,
    )  # fmt: skip


def _read(job: Job) -> Picture:
    if job.input == PIPE:
        return read_picture(Path("stdin"), sys.stdin.buffer.read(), max_pixels=job.settings.max_pixels)
    return read_picture(job.input, max_pixels=job.settings.max_pixels)


def _write(job: Job, picture: Picture) -> list[str]:
    if job.output == PIPE:
        data, losses = encode_picture(picture, job.kind or picture.format, Path("stdout"))
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return losses
    return write_picture(job.output, picture, overwrite=job.settings.overwrite, kind=job.kind, seal=_seal(job))


def check_output(job: Job) -> None:
    """Refuse what would overwrite an input or an earlier result, or could not be written, before any work is done."""
    if job.input != PIPE and not job.input.exists():
        raise DenoiseError(f"{job.input}: no such file; check the name")
    if job.output == PIPE:
        return
    if job.output.is_dir():
        raise DenoiseError(f"{job.output}: is a directory; name a file with -o")
    check_writable(job.output)
    check_not_an_input(job)
    if job.output.exists() and not job.settings.overwrite:
        raise DenoiseError(f"{job.output}: exists already; choose another name with -o, or allow it with --overwrite")


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


def _references(settings: Settings, source: Path, frames: list[Any]) -> list[Any]:
    """The clean picture for each frame: its own, where the reference has as many pages; otherwise the one there is."""
    path = settings.reference
    if path is None:
        return [None] * len(frames)
    from denoise_cli.variational import as_float

    clean = [as_float(frame) for frame in read_picture(path, max_pixels=settings.max_pixels).frames]
    if len(clean) == 1:
        clean *= len(frames)
    if len(clean) != len(frames):
        raise DenoiseError(f"{path}: the reference has {len(clean)} pages, {source} has {len(frames)}; give as many, or one for all")
    for ours, theirs in zip(clean, frames, strict=True):
        if ours.shape != theirs.shape:
            raise DenoiseError(
                f"{path}: the reference is {_size(ours.shape)}, {source} is {_size(theirs.shape)}; give a clean picture of the same size"
            )
    return clean


def _maps(settings: Settings, source: Path, size: tuple[int, ...]) -> Any:
    """The weights of the fidelity term from --weights, or from --mask (above half is known, the rest is not)."""
    if settings.weights is not None:
        return _map(settings.weights, source, size, settings.max_pixels)
    if settings.mask is not None:
        known = _map(settings.mask, source, size, settings.max_pixels) > 0.5
        if not known.any():
            raise DenoiseError(f"{settings.mask}: the mask hides every pixel; white is known, black is to be filled in. Invert it?")
        return known.astype("float64")
    return None


def _lambda(settings: Settings, source: Path, size: tuple[int, ...]) -> Any:
    if settings.lambda_map is None:
        return settings.weight
    values = _map(settings.lambda_map, source, size, settings.max_pixels)
    return values if settings.weight is None else values * settings.weight


def _map(path: Path, source: Path, size: tuple[int, ...], max_pixels: int) -> Any:
    import numpy as np

    from denoise_cli.variational import as_float

    values = as_float(read_picture(path, max_pixels=max_pixels).frames[0])
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    if values.shape != size:
        raise DenoiseError(
            f"{path}: the map is {_size(values.shape)}, {source} is {_size(size)}; give one value a pixel, grey, of the same size"
        )
    if not np.isfinite(values).all() or (values < 0).any():
        raise DenoiseError(f"{path}: the map holds negative or NaN values; give finite ones, 0 or larger")
    return values


def _plain(value: Any) -> Any:
    return f"{value.name} {digest(value)}" if isinstance(value, Path) else value


def _seal(job: Job) -> Callable[[Path], None]:
    """What happens to a finished result just before it gets its name."""

    def seal(temporary: Path) -> None:
        if job.settings.preserve_times and job.input != PIPE:
            status = job.input.stat()
            os.utime(temporary, ns=(status.st_atime_ns, status.st_mtime_ns))
        if job.recorded:
            enter(job.input, job.output, temporary, job.settings.fingerprint())

    return seal


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} × {shape[0]}" + (f" × {shape[2]} channels" if len(shape) == 3 else " grey")


def _threshold_note(solution: Solution, settings: Settings) -> tuple[str, ...]:
    if not solution.input_is_a_minimiser:
        return ()
    weight = "this λ map" if settings.weight is None or settings.lambda_map else f"λ {settings.weight:g}"
    effect = (
        "the exact answer is the input; a larger λ removes noise"
        if settings.method == "optimal"
        else "the exact minimiser is the input itself, and the picture you get depends on --iterations"
    )
    return (f"L1 with {weight} is at or under the threshold (1/4 anisotropic, 0.2929 isotropic; more in 1-D): {effect}",)
