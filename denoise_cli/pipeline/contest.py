"""The contest of `denoise benchmark`: noise is added to clean pages, each contestant removes it, and what is left is measured."""

from __future__ import annotations

import contextlib
import math
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

import numpy as np

from denoise_cli.errors import DenoiseError
from denoise_cli.formats.files import read_picture
from denoise_cli.measure.comparison import figures, has_own_units, peak_of
from denoise_cli.measure.scale import Scale
from denoise_cli.methods.method import Subject
from denoise_cli.pipeline.contestants import Contestant, Trial
from denoise_cli.pipeline.noisy import noisy_pages
from denoise_cli.variational import as_float

if TYPE_CHECKING:
    from denoise_cli.noise.synthetic import AddedNoise

__all__ = ["Row", "Standing", "fits", "measure", "standing", "trials_of", "warm_up"]


@dataclass(frozen=True)
class Row:
    """One page by one method."""

    file: str
    page: int
    method: str
    setting: str
    weight: float | None
    psnr_db: float | None
    ssim: float | None
    rmse: float
    mae: float
    seconds: float


def trials_of(path: Path, noise: AddedNoise, seed: int, max_pixels: int, *, no_clip: bool) -> list[Trial]:

    picture = read_picture(path, max_pixels=max_pixels)
    cleans = [as_float(page.frame) for page in picture.pages]

    noisy, _ = noisy_pages(picture, noise, seed, path, clip="never" if no_clip else "depth")
    if no_clip:
        subjects = [Subject(pixels, Scale.of(pixels)) for pixels in noisy]
    else:
        # As the file would hold it, so that methods see its type.
        stored = [page.successor(pixels).colour for page, pixels in zip(picture.pages, noisy, strict=True)]
        subjects = [Subject(pixels, Scale.of(pixels, page.scale.known)) for page, pixels in zip(picture.pages, stored, strict=True)]
        noisy = [subject.scale.floats(subject.stored, "float64") for subject in subjects]
    trials = []
    for page, (clean, bad) in enumerate(zip(cleans, noisy, strict=True), 1):
        exact = replace(noise, gaussian=None)
        sigma = noise.gaussian if noise.gaussian is not None and not exact.given else math.sqrt(float(np.square(bad - clean).mean()))
        if (bad == clean).all():
            raise DenoiseError(f"{path}: the noise vanished when it was rounded to {picture.depth}; make it stronger, or say --no-clip")
        span = peak_of([clean]) if has_own_units(picture.depth) else picture.pages[page - 1].peak
        trials.append(Trial(str(path), page, clean, bad, sigma, span, subjects[page - 1]))
    return trials


def warm_up(methods: Sequence[Contestant], trial: Trial) -> None:
    """A first call of each on a corner of the picture: what is imported and set up then does not count."""

    stored = trial.subject.stored[:64, :64]
    subject = replace(trial.subject, stored=stored, scale=Scale.of(stored))
    corner = replace(trial, clean=trial.clean[:64, :64], noisy=trial.noisy[:64, :64], subject=subject)
    for method in methods:
        if method.name != "oracle":
            with contextlib.suppress(DenoiseError):  # which comes again, and is told then
                _attempt(method, corner)


def fits(method: Contestant, trial: Trial, say: Callable[[str], None]) -> bool:
    if method.colours is None or trial.channels in method.colours:
        return True
    say(f"{trial.name}: {method.name} takes grey and RGB only: left out there")
    return False


def _attempt(method: Contestant, trial: Trial) -> tuple[Any, float | None, float | None]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return method.attempt(trial)
    except MemoryError as error:
        raise DenoiseError(f"{trial.name}: {method.name}: not enough memory; take smaller pictures") from error
    except Exception as error:
        # Peers raise what they please.
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise DenoiseError(f"{trial.name}: {method.name}: {said}; leave it out of --methods") from error


def measure(method: Contestant, trial: Trial) -> Row:

    began = time.perf_counter()
    picture, weight, counted = _attempt(method, trial)
    seconds = time.perf_counter() - began if counted is None else counted
    if trial.subject.scale.white > 1:
        picture = np.clip(picture, 0, trial.data_range)  # as the file would hold it
    # scikit-image's nl-means leaves sides of a single pixel out.
    told = figures(picture.reshape(trial.clean.shape), trial.clean, trial.data_range)
    return Row(
        trial.name, trial.page, method.name, method.setting, weight, told.psnr_db, told.ssim, told.rmse, told.mae,
        0.0 if method.name == "noisy" else seconds,
    )  # fmt: skip


@dataclass(frozen=True)
class Standing:
    """A method over all pictures: means of PSNR and SSIM (of those that have them), the median of the seconds."""

    method: str
    setting: str
    pictures: int
    psnr_db: float | None
    ssim: float | None
    seconds: float | None


def standing(rows: Sequence[Row], method: Contestant) -> Standing:
    psnrs, ssims = ([value for row in rows if (value := getattr(row, name)) is not None] for name in ("psnr_db", "ssim"))
    return Standing(
        method.name, method.setting, len(rows), fmean(psnrs) if psnrs else None, fmean(ssims) if ssims else None,
        median(row.seconds for row in rows) if rows else None,
    )  # fmt: skip
