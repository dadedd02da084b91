"""What was taken out of a picture, input − result: numbers, and a picture of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from denoise_cli.formats.files import Picture, write_picture
from denoise_cli.measure.whiteness import std_removed, whiteness

if TYPE_CHECKING:
    from pathlib import Path

    from denoise_cli.pipeline.job import Job

__all__ = ["line_on", "magnification", "method_noise"]

#: Standard deviations that a picture of the method noise leaves room for on either side of mid-grey.
ROOM = 4
#: The largest power of two by which the method noise is magnified.
MOST_MAGNIFIED = 10


def method_noise(job: Job, picture: Picture, images: Sequence[Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Standard deviation and whiteness of input − result, for a Report; and a line on the picture of it, if one was asked for.

    Pixels without a value do not count, and are shown as unchanged.
    """
    removed = []
    for page, image in zip(picture.pages, images, strict=True):
        difference = page.scale.floats(page.colour) - image
        if page.scale.known is not None:
            difference[~page.scale.known] = 0
        removed.append(difference)
    deviations = [std_removed(r, page.scale.known) for page, r in zip(picture.pages, removed, strict=True)]
    std = math.sqrt(float(np.mean(np.square(deviations))))
    numbers = {"residual_std": std, "whiteness": min(whiteness(r) for r in removed)}
    if job.residual is None:
        return numbers, ()
    kind = job.format_for(job.residual, picture)
    magnified, middle = magnification(picture.pages[0].colour.dtype, std)
    shown = [magnified * r + middle for r in removed]
    write_picture(job.residual, picture.as_bytes().successor(shown), overwrite=job.settings.overwrite, kind=kind, option="--residual")
    return numbers, (line_on(job.residual, magnified, middle),)


def line_on(path: Path, magnified: float, middle: float) -> str:
    """What a picture of the method noise holds."""
    return f"{path}: {'mid-grey + ' if middle else ''}{magnified:g} × (input − result)"


def magnification(dtype: np.dtype[Any], std: float) -> tuple[float, float]:
    """By what the method noise is multiplied before it is stored, and what is added to it: unsigned integers show it about mid-grey."""
    if dtype.kind not in "ub":
        return 1.0, 0.0
    return 2.0 ** min(MOST_MAGNIFIED, math.floor(math.log2(0.5 / max(ROOM * std, 1e-12)))), 0.5
