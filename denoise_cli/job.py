"""One picture from path to path: read, denoise, write. Prints nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from denoise_cli.errors import DenoiseError
from denoise_cli.files import Picture, check_writable, read_picture, write_picture

if TYPE_CHECKING:
    from denoise_cli.variational import Solution, State

__all__ = ["Job", "Report", "Settings", "run"]


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
    overwrite: bool = False


@dataclass(frozen=True)
class Job:
    input: Path
    output: Path
    settings: Settings


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


def run(job: Job, on_state: Callable[[State], object] | None = None) -> Report:
    """Do the job; a DenoiseError becomes a Report that says so. The input is never touched, the output appears whole or not at all."""
    settings, start = job.settings, time.perf_counter()
    try:
        picture, solution, notes = _denoise(job, on_state)
    except DenoiseError as error:
        return Report(
            str(job.input), str(job.output), settings.method, settings.fidelity, settings.weight, "failed",
            seconds=time.perf_counter() - start, error=str(error),
        )  # fmt: skip
    return Report(
        str(job.input), str(job.output), settings.method, settings.fidelity, settings.weight, str(solution.status),
        iterations=solution.iterations, cost=solution.cost, bound=solution.bound, gap=solution.gap, psnr_db=solution.psnr_db,
        seconds=time.perf_counter() - start, shape=picture.pixels.shape, depth=picture.pixels.dtype.name, notes=notes,
    )  # fmt: skip


def _denoise(job: Job, on_state: Callable[[State], object] | None) -> tuple[Picture, Solution, tuple[str, ...]]:
    settings = job.settings
    check_output(job)
    picture = read_picture(job.input)

    from denoise_cli import variational

    pixels = variational.as_float(picture.pixels)
    clean = _reference(settings.reference, job.input, pixels.shape)
    weights = _maps(settings, job.input, pixels.shape[:2])
    try:
        solution = variational.denoise(
            pixels, _lambda(settings, job.input, pixels.shape[:2]),
            fidelity=settings.fidelity, method=settings.method, iterations=settings.iterations, alpha=settings.alpha, beta=settings.beta,
            gap=settings.gap, tv=settings.tv, channels=settings.channels, boundary=settings.boundary, weights=weights, reference=clean,
            dtype=settings.dtype, workers=settings.workers, records=False, callback=on_state,
        )  # fmt: skip
    except (ValueError, TypeError) as error:
        raise DenoiseError(f"{job.input}: {error}") from error
    except MemoryError as error:
        raise DenoiseError(f"{job.input}: not enough memory for {pixels.shape[1]} × {pixels.shape[0]} pixels; cut it into tiles") from error

    successor = picture.successor(solution.image)
    losses = write_picture(job.output, successor, overwrite=settings.overwrite)
    return picture, solution, (*_threshold_note(solution, settings), *losses)


def check_output(job: Job) -> None:
    """Refuse what would overwrite an input or an earlier result, or could not be written, before any work is done."""
    if not job.input.exists():
        raise DenoiseError(f"{job.input}: no such file; check the name")
    if job.output.is_dir():
        raise DenoiseError(f"{job.output}: is a directory; name a file with -o")
    check_writable(job.output)
    if job.output.exists():
        if any(job.output.samefile(path) for path in inputs(job) if path.exists()):
            raise DenoiseError(f"{job.output}: the output is an input; denoise never overwrites its input. Choose another name with -o")
        if not job.settings.overwrite:
            raise DenoiseError(f"{job.output}: exists already; choose another name with -o, or allow it with --overwrite")


def inputs(job: Job) -> list[Path]:
    """All the files that the job reads."""
    settings = job.settings
    others = (settings.reference, settings.weights, settings.mask, settings.lambda_map)
    return [job.input, *(path for path in others if path is not None)]


def _reference(path: Path | None, source: Path, shape: tuple[int, ...]) -> Any:
    if path is None:
        return None
    from denoise_cli.variational import as_float

    clean = as_float(read_picture(path).pixels)
    if clean.shape != shape:
        raise DenoiseError(
            f"{path}: the reference is {_size(clean.shape)}, {source} is {_size(shape)}; give a clean picture of the same size"
        )
    return clean


def _maps(settings: Settings, source: Path, size: tuple[int, ...]) -> Any:
    """The weights of the fidelity term from --weights, or from --mask (above half is known, the rest is not)."""
    if settings.weights is not None:
        return _map(settings.weights, source, size)
    if settings.mask is not None:
        known = _map(settings.mask, source, size) > 0.5
        if not known.any():
            raise DenoiseError(f"{settings.mask}: the mask hides every pixel; white is known, black is to be filled in. Invert it?")
        return known.astype("float64")
    return None


def _lambda(settings: Settings, source: Path, size: tuple[int, ...]) -> Any:
    if settings.lambda_map is None:
        return settings.weight
    values = _map(settings.lambda_map, source, size)
    return values if settings.weight is None else values * settings.weight


def _map(path: Path, source: Path, size: tuple[int, ...]) -> Any:
    import numpy as np

    from denoise_cli.variational import as_float

    values = as_float(read_picture(path).pixels)
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    if values.shape != size:
        raise DenoiseError(
            f"{path}: the map is {_size(values.shape)}, {source} is {_size(size)}; give one value a pixel, grey, of the same size"
        )
    if not np.isfinite(values).all() or (values < 0).any():
        raise DenoiseError(f"{path}: the map holds negative or NaN values; give finite ones, 0 or larger")
    return values


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
