"""How far a picture is from a clean one."""

from __future__ import annotations

import math

import numpy as np

from denoise_cli.variational.strips import Array

__all__ = ["psnr_db", "rmse", "snr_db"]


def rmse(picture: Array, clean: Array) -> float:
    """Root mean square error  sqrt(Σ (u − clean)² / n)  over all pixels and channels, in the units of the pictures; 0 is perfect.

    This is what the MATLAB original returns under the name "SNR".
    """
    return math.sqrt(_energy(np.subtract(picture, clean, dtype=np.float64)) / picture.size)


def snr_db(picture: Array, clean: Array) -> float:
    """Signal-to-noise ratio  20·log10(‖clean‖ / ‖u − clean‖)  in decibels; inf where the pictures are equal, −inf for a black clean one."""
    return _decibels(math.sqrt(_energy(np.asarray(clean, np.float64))), rmse(picture, clean) * math.sqrt(picture.size))


def psnr_db(picture: Array, clean: Array, data_range: float = 1.0) -> float:
    """Peak signal-to-noise ratio  20·log10(data_range / rmse)  in decibels; inf where the pictures are equal."""
    return _decibels(data_range, rmse(picture, clean))


def _energy(values: Array) -> float:
    return float(np.vdot(values, values))


def _decibels(signal: float, error: float) -> float:
    if error == 0:
        return math.inf
    return 20 * math.log10(signal / error) if signal > 0 else -math.inf
