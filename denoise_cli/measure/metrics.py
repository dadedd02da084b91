"""How far a picture is from a clean one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["SSIM_WINDOW", "decibels", "mae", "psnr_db", "rmse", "snr_db", "ssim"]

Array = npt.NDArray[Any]

# The window of SSIM: 11 × 11, Gaussian, σ = 1.5 pixels.
SSIM_WINDOW, SSIM_SIGMA = 11, 1.5
# Rows at once: scikit-image holds a dozen arrays of float64, of this many rows, whatever the size of the picture.
SSIM_ROWS = 256


def rmse(picture: Array, clean: Array) -> float:
    """Root mean square error  sqrt(Σ (u − clean)² / n)  over all pixels and channels, in the units of the pictures; 0 is perfect.

    This is what the MATLAB original returns under the name "SNR".
    """
    return math.sqrt(_energy(np.subtract(picture, clean, dtype=np.float64)) / picture.size)


def snr_db(picture: Array, clean: Array) -> float:
    """Signal-to-noise ratio  20·log10(‖clean‖ / ‖u − clean‖)  in decibels; inf where the pictures are equal, −inf for a black clean one."""
    return decibels(math.sqrt(_energy(np.asarray(clean, np.float64))), rmse(picture, clean) * math.sqrt(picture.size))


def psnr_db(picture: Array, clean: Array, data_range: float = 1.0) -> float:
    """Peak signal-to-noise ratio  20·log10(data_range / rmse)  in decibels; inf where the pictures are equal."""
    return decibels(data_range, rmse(picture, clean))


def mae(picture: Array, clean: Array) -> float:
    """Mean absolute error  Σ |u − clean| / n  over all pixels and channels, in the units of the pictures; 0 is perfect."""
    return float(np.abs(np.subtract(picture, clean, dtype=np.float64)).mean())


def ssim(picture: Array, clean: Array, data_range: float = 1.0) -> float:
    """Structural similarity, between −1 and 1; 1 is perfect. Of colours, the mean over the channels.

    At each pixel, with means m, variances v and covariance c under a Gaussian window of 11 × 11 pixels, σ = 1.5,

        (2 m₁ m₂ + C₁)(2 c + C₂) / ((m₁² + m₂² + C₁)(v₁ + v₂ + C₂)),    C₁ = (0.01 L)²,  C₂ = (0.03 L)²,  L = data_range,

    averaged over the pixels whose window lies within the picture. Wang, Bovik, Sheikh & Simoncelli 2004, IEEE Trans. Image Process. 13,
    600–612. It is scikit-image's structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False) in float64, of strips
    that overlap, so that large pictures fit into memory; the number is that of the whole to 1e-12.

    picture, clean : (height, width) or (height, width, channels), 11 × 11 pixels or more. Raises ValueError where they are smaller, or
    data_range is not positive.
    """
    if min(clean.shape[:2]) < SSIM_WINDOW:
        raise ValueError(f"SSIM has a window of {SSIM_WINDOW} × {SSIM_WINDOW} pixels; {clean.shape[1]} × {clean.shape[0]} are too few")
    if not data_range > 0:
        raise ValueError(f"data_range must be positive, not {data_range:g}")
    from skimage import metrics

    structural_similarity: Any = metrics.structural_similarity
    rows = clean.shape[0] - SSIM_WINDOW + 1
    total = 0.0
    for top in range(0, rows, SSIM_ROWS):
        bottom = min(top + SSIM_ROWS, rows)
        strip = slice(top, bottom + SSIM_WINDOW - 1)
        similarity = structural_similarity(
            clean[strip].astype(np.float64), picture[strip].astype(np.float64), data_range=data_range, gaussian_weights=True,
            sigma=SSIM_SIGMA, use_sample_covariance=False, channel_axis=None if clean.ndim == 2 else -1,
        )  # fmt: skip
        total += float(similarity) * (bottom - top)
    return float(total / rows)


def _energy(values: Array) -> float:
    # Not a BLAS product: its threads wait for each other on a busy machine, up to a hundred times as long as the sum takes.
    return float(np.square(values).sum())


def decibels(signal: float, error: float) -> float:
    """20·log10(signal / error); inf without an error, −inf without a signal."""
    if error == 0:
        return math.inf
    return 20 * math.log10(signal / error) if signal > 0 else -math.inf
