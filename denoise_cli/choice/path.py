"""Solutions along λ, each setting out from the one before."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from denoise_cli.measure.metrics import SSIM_WINDOW, ssim
from denoise_cli.measure.whiteness import whiteness
from denoise_cli.variational import Solution, as_float, denoise

__all__ = ["COLUMNS", "Step", "around", "path"]

# The columns of the table, in this order.
COLUMNS = ("lambda", "sigma_removed", "whiteness", "psnr_db", "ssim", "cost", "gap", "iterations", "seconds", "automatic")


@dataclass(frozen=True)
class Step:
    """One λ of a path.

    sigma_removed: the standard deviation of f − u, channels pooled.  whiteness: of f − u.  psnr_db, ssim: to the clean picture, if there
    is one (and it has the 11 × 11 pixels that SSIM needs).
    """

    weight: float
    solution: Solution = field(repr=False)
    seconds: float
    sigma_removed: float
    whiteness: float
    psnr_db: float | None = None
    ssim: float | None = None


def around(weight: float, steps: int, reach: float = 4.0) -> list[float]:
    """`steps` values of λ, `weight` among them, evenly spaced in log λ from weight/reach to weight·reach (to weight, if there are two)."""
    if steps == 1:
        return [weight]
    below = (steps - 1) // 2 if steps > 2 else 1
    return [float(f"{weight * reach ** ((k - below) / max(1, below)):.3g}") for k in range(steps)]


def path(
    image: npt.ArrayLike, weights: Sequence[float], *, fidelity: str = "l2", reference: npt.ArrayLike | None = None, **options: Any
) -> Iterator[Step]:
    """A Step for each λ, from the smallest to the largest.

    image, reference, options : as in `denoise`, with method "optimal". Raises what `denoise` raises.
    """
    pixels = as_float(image)
    clean = None if reference is None else as_float(reference)
    before: Solution | None = None
    for weight in sorted(weights):
        start = time.perf_counter()
        before = denoise(
            pixels,
            weight,
            fidelity=fidelity,
            method="optimal",
            reference=clean,
            start=before if before is not None and before.dual is not None else None,
            keep_dual=True,
            records=False,
            **options,
        )
        seconds = time.perf_counter() - start
        removed = pixels - before.image
        similar = None
        if clean is not None and min(clean.shape[:2]) >= SSIM_WINDOW:
            span = float(clean.max() - clean.min()) if clean.min() < 0 or clean.max() > 1 else 1.0
            similar = ssim(before.image, clean, span) if span > 0 else None
        std = math.sqrt(float(np.mean(np.square(removed - removed.mean(axis=(0, 1))))))
        yield Step(weight, before, seconds, std, whiteness(removed), before.psnr_db, similar)
