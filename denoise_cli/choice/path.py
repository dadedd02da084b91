"""Solutions along λ, each setting out from the one before."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from denoise_cli.measure.comparison import peak_of
from denoise_cli.measure.metrics import SSIM_WINDOW, psnr_db, ssim
from denoise_cli.measure.whiteness import std_removed, whiteness
from denoise_cli.variational import Solution, as_float

__all__ = ["COLUMNS", "PathStep", "around", "path", "weights_along"]

#: Two λ whose ratio is closer to 1 are one: three digits, to which spaced λ are rounded, are within half a per cent.
NEAR = 0.005
# The columns of the table, in this order.
COLUMNS = ("lambda", "sigma_removed", "whiteness", "psnr_db", "ssim", "cost", "gap", "iterations", "seconds", "automatic")


@dataclass(frozen=True)
class PathStep:
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


def weights_along(
    automatic: float, typed: Sequence[float], smallest: float | None, largest: float | None, steps: int, picked: float | None
) -> list[float]:
    """Every λ of a path: those that were typed, or `steps` evenly spaced in log λ between the ends; and the automatic and the picked one.

    Spaced ones that nobody could tell from these two are left out.
    """
    marked = {automatic, picked or automatic}
    spaced = (
        weight
        for weight in _spaced(automatic, smallest, largest, steps)
        if not any(math.isclose(weight, known, rel_tol=NEAR) for known in marked)
    )
    return sorted({*(typed or spaced), *marked})


def _spaced(automatic: float, smallest: float | None, largest: float | None, steps: int) -> list[float]:
    if smallest is None and largest is None:
        return around(automatic, steps)
    low, high = smallest or min(automatic, largest or automatic) / 4, largest or max(automatic, smallest or automatic) * 4
    return [float(f"{low * (high / low) ** (k / max(1, steps - 1)):.6g}") for k in range(steps)]


def path(
    image: npt.ArrayLike,
    weights: Sequence[float],
    solve: Callable[..., Solution],
    *,
    reference: npt.ArrayLike | None = None,
    white: float = 1.0,
    known: npt.NDArray[np.bool_] | None = None,
) -> Iterator[PathStep]:
    """A PathStep for each λ, from the smallest to the largest, each setting out from the one before.

    image, reference, white : as in `denoise`.  known : (height, width), where the picture has a value; None for everywhere. Numbers are
    those of these pixels.  solve : of a λ; it takes `start` and `keep_dual` as `denoise` does, and may make nothing of them.
    Raises what `solve` raises.
    """
    pixels = as_float(image)
    clean = None if reference is None else as_float(reference)
    before: Solution | None = None
    for weight in sorted(weights):
        start = time.perf_counter()
        before = solve(weight, start=before if before is not None and before.dual is not None else None, keep_dual=True)
        seconds = time.perf_counter() - start
        removed = pixels - before.image
        if known is not None:
            removed[~known] = 0
        psnr, similar = None, None
        if clean is not None:
            result, true = (before.image, clean) if known is None else (before.image[known], clean[known])
            span = peak_of([true], white)
            psnr = psnr_db(result, true, span)
            similar = ssim(result, true, span) if known is None and span > 0 and min(clean.shape[:2]) >= SSIM_WINDOW else None
        yield PathStep(weight, before, seconds, std_removed(removed, known), whiteness(removed), psnr, similar)
