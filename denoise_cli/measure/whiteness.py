"""What a denoiser removed, and whether it still looks like something."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["std_removed", "whiteness"]

Array = npt.NDArray[Any]

REACH = 2


def whiteness(residual: Array) -> float:
    """How much the method noise f − u looks like white noise: 1 is white, near 0 is a picture.

    ρ(0)² / Σ ρ(k)² over the shifts k within 2 pixels, ρ the autocorrelation of the residual less its mean; channels are pooled. White noise
    on n pixels has 1 − 24/n. What falls short of that is structure: edges, texture, or noise that was correlated to begin with (JPEG,
    demosaicing).
    residual : (height, width) or (height, width, channels). A residual that is the same everywhere has 1.

    Buades, Coll & Morel 2005, Multiscale Model. Simul. 4, 490–530 (method noise).
    """
    r = np.atleast_3d(np.asarray(residual, np.float32))
    r = r - r.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
    height, width, _ = r.shape
    variance = float(np.mean(np.square(r), dtype=np.float64))
    if variance == 0:
        return 1.0
    energy = 1.0
    for down in range(min(REACH + 1, height)):
        for right in range(-REACH if down else 1, REACH + 1):
            if abs(right) >= width:
                continue
            here = r[: height - down, max(0, -right) : width - max(0, right)]
            there = r[down:, max(0, right) : width + min(0, right)]
            energy += 2 * (float(np.mean(here * there, dtype=np.float64)) / variance) ** 2
    return 1 / energy


def std_removed(residual: Array, known: npt.NDArray[np.bool_] | None = None) -> float:
    """The standard deviation of the method noise f − u, (height, width) or (height, width, channels), channels pooled, each less its mean.

    known : (height, width), the pixels that count; None for all.
    """
    values = residual.reshape(-1, *residual.shape[2:]) if known is None else residual[known]
    return float(np.sqrt(np.mean(np.square(values - values.mean(axis=0))))) if len(values) else 0.0
