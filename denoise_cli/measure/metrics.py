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
# Rows at once: six pictures of this many rows are in memory, whatever the size of the picture.
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
    600–612; the same number as scikit-image's structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False).

    picture, clean : (height, width) or (height, width, channels), 11 × 11 pixels or more. Raises ValueError where they are smaller, or
    data_range is not positive.
    """
    if min(clean.shape[:2]) < SSIM_WINDOW:
        raise ValueError(f"SSIM has a window of {SSIM_WINDOW} × {SSIM_WINDOW} pixels; {clean.shape[1]} × {clean.shape[0]} are too few")
    if not data_range > 0:
        raise ValueError(f"data_range must be positive, not {data_range:g}")
    planes = zip(np.moveaxis(np.atleast_3d(picture), -1, 0), np.moveaxis(np.atleast_3d(clean), -1, 0), strict=True)
    return float(np.mean([_ssim_of_plane(one, other, data_range) for one, other in planes]))


def _ssim_of_plane(picture: Array, clean: Array, data_range: float) -> float:
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    rows, columns = (side - SSIM_WINDOW + 1 for side in clean.shape)
    total = 0.0
    for top in range(0, rows, SSIM_ROWS):
        strip = slice(top, min(top + SSIM_ROWS, rows) + SSIM_WINDOW - 1)
        one, other = picture[strip].astype(np.float64), clean[strip].astype(np.float64)
        mean_1, mean_2 = _windowed(one), _windowed(other)
        variances = _windowed(one * one) - mean_1 * mean_1 + _windowed(other * other) - mean_2 * mean_2
        covariance = _windowed(one * other) - mean_1 * mean_2
        similarity = (2 * mean_1 * mean_2 + c1) * (2 * covariance + c2)
        similarity /= (mean_1 * mean_1 + mean_2 * mean_2 + c1) * (variances + c2)
        total += float(similarity.sum())
    return total / float(rows * columns)


def _windowed(plane: Array) -> Array:
    """Gaussian means where the window lies within `plane`."""
    from scipy.ndimage import correlate1d

    half = SSIM_WINDOW // 2
    weights = np.exp(-0.5 * (np.arange(-half, half + 1) / SSIM_SIGMA) ** 2)
    weights /= weights.sum()
    for axis in (0, 1):
        plane = correlate1d(plane, weights, axis)
    return plane[half:-half, half:-half]


def _energy(values: Array) -> float:
    # Not a BLAS product: its threads wait for each other on a busy machine, up to a hundred times as long as the sum takes.
    return float(np.square(values).sum())


def decibels(signal: float, error: float) -> float:
    """20·log10(signal / error); inf without an error, −inf without a signal."""
    if error == 0:
        return math.inf
    return 20 * math.log10(signal / error) if signal > 0 else -math.inf
