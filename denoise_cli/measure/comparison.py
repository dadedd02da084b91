"""How good a result is: the numbers of the literature, by scikit-image, for a picture or for pages pooled."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from denoise_cli.measure.metrics import SSIM_WINDOW, decibels, ssim

__all__ = ["Figures", "Mismatch", "alike", "figures", "has_own_units", "peak_of", "pooled"]

Array = npt.NDArray[Any]


#: Pixels at once: scikit-image's errors take three arrays of float64 of this size, whatever the size of the picture.
PIXELS_AT_ONCE = 2**20


class Mismatch(ValueError):
    """Two pictures that cannot be compared."""


@dataclass(frozen=True)
class Figures:
    """psnr_db and ssim: larger is better; rmse and mae, in units of the data range 0 … 1 (or of float pictures), and nrmse: smaller is.

    nrmse is the RMSE as a share of the root mean square of the clean picture, which needs no data range; None for a black one.

    psnr_db is inf where the pictures are equal. ssim is None for less than 11 × 11 pixels; both are None where a constant picture of
    floats leaves them without a data range.
    """

    psnr_db: float | None
    ssim: float | None
    rmse: float
    mae: float
    samples: int
    data_range: float
    clean_rms: float

    @property
    def nrmse(self) -> float | None:
        return self.rmse / self.clean_rms if self.clean_rms > 0 else None


def figures(picture: Array, clean: Array, data_range: float, *, unit: float = 1.0) -> Figures:
    """Compare two arrays of one shape, (height, width) or (height, width, channels), in the same units.

    data_range : the peak of PSNR and SSIM, in the units of the arrays.  unit : what rmse and mae are divided by (255 for 8 bits).
    PSNR is that of the mean squared error over all channels, SSIM the mean over the channels.
    """
    wide_enough = min(clean.shape[:2]) >= SSIM_WINDOW
    square, absolute, energy = _errors(picture, clean)
    return Figures(
        decibels(data_range, math.sqrt(square)) if data_range > 0 else None,
        ssim(picture, clean, data_range) if data_range > 0 and wide_enough else None,
        math.sqrt(square) / unit,
        absolute / unit,
        clean.size,
        data_range / unit,
        math.sqrt(energy) / unit,
    )


def _errors(picture: Array, clean: Array) -> tuple[float, float, float]:
    """The mean squared and the mean absolute error, and the mean square of `clean`, strip by strip in float64."""
    from skimage.metrics import mean_squared_error

    rows = max(1, PIXELS_AT_ONCE // (clean.size // clean.shape[0]))
    sums = np.zeros(3)
    for top in range(0, clean.shape[0], rows):
        one, other = (pixels[top : top + rows].astype(np.float64) for pixels in (picture, clean))
        sums += one.size * np.array([mean_squared_error(other, one), np.abs(one - other).mean(), np.square(other).mean()])
    square, absolute, energy = (float(value) for value in sums / clean.size)
    return square, absolute, energy


def pooled(pages: Sequence[Figures]) -> Figures:
    """Pages as one picture: RMSE and MAE over all samples, PSNR from that RMSE, and the mean of the SSIMs."""
    if len(pages) == 1:
        return pages[0]
    samples = sum(page.samples for page in pages)
    error = math.sqrt(sum(page.rmse**2 * page.samples for page in pages) / samples)
    peak = pages[0].data_range
    similar = [page.ssim for page in pages if page.ssim is not None]
    psnr = None if not peak > 0 else math.inf if error == 0 else 20 * math.log10(peak / error)
    return Figures(
        psnr,
        sum(similar) / len(similar) if len(similar) == len(pages) else None,
        error,
        sum(page.mae * page.samples for page in pages) / samples,
        samples,
        peak,
        math.sqrt(sum(page.clean_rms**2 * page.samples for page in pages) / samples),
    )


def has_own_units(depth: str) -> bool:
    """Whether the type of that name has no white: floats, and signed and 64-bit integers, such as Hounsfield units."""
    return depth not in ("bool", "uint8", "uint16", "uint32")


def peak_of(clean: Sequence[Array], white: float = 1.0) -> float:
    """The data range of pages: `white` where they lie within [0, white], otherwise what they span together; 0 if constant."""
    low, high = min(float(page.min()) for page in clean), max(float(page.max()) for page in clean)
    return white if low >= 0 and high <= white else high - low


def alike(picture: Array, clean: Array) -> tuple[Array, Array, str | None]:
    """Both with the same shape: grey that one of them holds as three equal channels becomes one channel, and that is said.

    Raises Mismatch, with both sizes, where they differ otherwise.
    """
    picture, clean = (pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels for pixels in (picture, clean))
    if picture.shape == clean.shape:
        return picture, clean, None
    if picture.shape[:2] == clean.shape[:2] and {picture.ndim, clean.ndim} == {2, 3}:
        colour = picture if picture.ndim == 3 else clean
        if (colour == colour[:, :, :1]).all():
            who = "it" if picture.ndim == 3 else "the clean picture"
            picture, clean = (pixels if pixels.ndim == 2 else pixels[:, :, 0] for pixels in (picture, clean))
            return picture, clean, f"{who} holds grey in {colour.shape[2]} equal channels: compared as grey"
    raise Mismatch(f"is {_size(picture)}, the clean picture {_size(clean)}")


def _size(pixels: Array) -> str:
    return f"{pixels.shape[1]} × {pixels.shape[0]}" + (f" with {pixels.shape[2]} channels" if pixels.ndim == 3 else ", grey")
