"""What the benchmarks share: pictures, stopwatches, Markdown tables."""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from denoise_cli.variational.engines.compiled import CompiledEngine
from denoise_cli.variational.engines.in_numpy import NumPyEngine
from denoise_cli.variational.engines.protocol import ProjectionRange

Array = npt.NDArray[Any]
ROOT = Path(__file__).resolve().parent.parent


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def environment() -> dict[str, str]:
    """That of a run of these sources with bytecode, as pip installs it: compiling them takes 40 ms of every run otherwise."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | {"PYTHONPATH": str(ROOT)}


def peak_bytes() -> int:
    """The largest resident set that this process had so far."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def machine() -> str:
    """One line for under a table: what was measured on what."""
    import scipy

    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    versions = f"Python {platform.python_version()}, NumPy {np.__version__}, SciPy {scipy.__version__}"
    return f"{cores()} cores, {platform.machine()}{load}; {versions}"


def clean_picture(size: int, place: str = "corner") -> Array:
    """A clean grey picture in [0, 1], (size, size): scikit-image's camera, cropped at a "corner" (its sky) or the "centre", or tiled.

    Without scikit-image it is a drawing: discs and ramps.
    """
    try:
        from skimage import data
    except ImportError:
        picture = _drawing(512)
    else:
        picture = data.camera() / 255.0
    if size > 512:
        picture = np.tile(picture, (-(-size // 512),) * 2)
    start = (len(picture) - size) // 2 if place == "centre" else 0
    return np.ascontiguousarray(picture[start : start + size, start : start + size])


def picture_is_camera() -> bool:
    try:
        import skimage.data  # noqa: F401
    except ImportError:
        return False
    return True


def _drawing(size: int) -> Array:
    y, x = np.mgrid[:size, :size] / size
    picture = 0.3 + 0.3 * x
    rng = np.random.default_rng(1)
    for _ in range(40):
        (row, column), radius, level = rng.random(2), 0.12 * rng.random(), rng.random()
        picture[(y - row) ** 2 + (x - column) ** 2 < radius**2] = level
    return picture


def noisy_picture(size: int, fidelity: str, channels: int = 1, place: str = "corner") -> Array:
    """The clean picture with the noise that suits the fidelity, float64, (size, size) or (size, size, channels).

    "l2": Gaussian, σ = 0.1. "l1": 5 % of the pixels 0, 5 % 1, and everything rounded to 8 bits. Seed 0.
    """
    clean = clean_picture(size, place)
    if channels > 1:
        clean = np.stack([clean, *(np.roll(clean, 7 * k, axis=1) for k in range(1, channels))], axis=-1)
    rng = np.random.default_rng(0)
    if fidelity == "l2":
        return clean + rng.normal(0, 0.1, clean.shape)
    dice = rng.random(clean.shape)
    clean[dice < 0.05] = 0
    clean[dice > 0.95] = 1
    return np.round(clean * 255) / 255


@contextmanager
def split_bregman_only() -> Iterator[None]:
    """`optimal` is split Bregman, whatever λ."""
    usual = {engine: engine.projects for engine in (CompiledEngine, NumPyEngine)}
    for engine in usual:
        engine.projects = ProjectionRange(0.0)
    try:
        yield
    finally:
        for engine, projects in usual.items():
            engine.projects = projects


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def interleaved(timers: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Medians over `rounds` of what the timers return, called A B C A B C …, so that a busy spell of the machine hits all alike."""
    samples: dict[str, list[float]] = {name: [] for name in timers}
    for _ in range(rounds):
        for name, timer in timers.items():
            samples[name].append(timer())
    return {name: statistics.median(values) for name, values in samples.items()}


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    lines = ["| " + " | ".join(header) + " |", "|---|" + "---:|" * (len(header) - 1)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def mark(value: float, limit: float, text: str | None = None) -> str:
    """`value`, and whether it is within the mark."""
    shown = f"{value:g}" if text is None else text
    return f"{shown} ✓" if value <= limit else f"{shown} ✗ (mark {limit:g})"
