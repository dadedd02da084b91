"""Pairs of a noisy and a clean picture that lie beside each other: NAME_real.png and NAME_mean.png, as trials of a benchmark."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from denoise_cli.errors import DenoiseError, UsageError
from denoise_cli.measure.comparison import peak_of
from denoise_cli.measure.scale import Scale
from denoise_cli.methods.method import Subject
from denoise_cli.pipeline.contestants import Trial
from denoise_cli.pipeline.likeness import read_upright
from denoise_cli.variational import as_float

__all__ = ["SUFFIXES", "clean_beside", "noisy_among", "pair_trials", "suffixes_of"]

#: What the names of the noisy and of the clean picture end in, unless told.
SUFFIXES = "_real,_mean"


def suffixes_of(word: str) -> tuple[str, str]:
    """ "_noisy,_clean" → both. Raises UsageError for anything but two different endings."""
    noisy, _, clean = (part.strip() for part in word.partition(","))
    if not noisy or not clean or noisy == clean or "," in clean:
        raise UsageError(f"--pairs {word}: give the endings of the noisy and of the clean name, such as {SUFFIXES}")
    return noisy, clean


def noisy_among(paths: Iterable[Path], suffixes: tuple[str, str]) -> list[Path]:
    """Those whose name, without its ending for the format, ends in the first suffix."""
    return [path for path in paths if path.stem.endswith(suffixes[0])]


def clean_beside(noisy: Path, paths: Iterable[Path], suffixes: tuple[str, str]) -> Path:
    """The clean picture of a noisy one: beside it, of any format. Raises DenoiseError where there is not exactly one."""
    wanted = noisy.stem.removesuffix(suffixes[0]) + suffixes[1]
    found = [path for path in paths if path.parent == noisy.parent and path.stem == wanted]
    if len(found) != 1:
        trouble = "there is no clean picture" if not found else f"there are {len(found)} clean pictures"
        raise DenoiseError(f"{noisy}: {trouble} named {wanted} beside it; --pairs says what the names end in")
    return found[0]


def pair_trials(noisy: Path, clean: Path, max_pixels: int) -> list[Trial]:
    """A trial for each page. σ is the root mean square of what the two differ by. Raises DenoiseError where they do not fit together."""
    worse, better = read_upright(noisy, max_pixels), read_upright(clean, max_pixels)
    shapes = [[page.shape for page in picture.pages] for picture in (worse, better)]
    if shapes[0] != shapes[1]:
        raise DenoiseError(f"{noisy}: its pages and those of {clean} differ in number or size; a pair shows the same scene pixel by pixel")
    if worse.has_own_units != better.has_own_units:
        raise DenoiseError(f"{noisy}: {worse.depth} and {clean}: {better.depth} have no unit in common; store both in one type")
    trials = []
    for number, (stored, truth) in enumerate(zip(worse.pages, better.pages, strict=True), 1):
        subject = Subject(stored, Scale.of(stored))
        pixels, true = as_float(stored).astype(np.float64), as_float(truth).astype(np.float64) * (worse.peak / better.peak)
        sigma = math.sqrt(float(np.square(pixels - true).mean()))
        if sigma == 0:
            raise DenoiseError(f"{noisy}: holds the same as {clean}; one of the two should be noisy")
        span = peak_of([true]) if better.has_own_units else worse.peak
        trials.append(Trial(str(noisy), number, true, pixels, sigma, span, subject))
    return trials
