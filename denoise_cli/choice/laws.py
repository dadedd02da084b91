"""Where the search for λ begins: laws fitted to photographs. λ of L2 and σ count in the span of the picture."""

from __future__ import annotations

import math

import numpy as np

__all__ = ["HARDLY_ANY", "clumped_law", "gaussian_law", "impulse_law", "jpeg_law"]

#: σ, in spans, under which the risk is flat and its estimate is noisy: the law decides.
HARDLY_ANY = 0.3 / 255
#: λ/σ = FACTOR·(10σ)^POWER for one channel; CHANNELS: the power of the number of channels that share one norm. Least squares of log λ over
#: the best λ of Set12, half of BSD68 and half of Kodak24 at σ = 5, 10, 15, 25 and 50/255 (benchmarks/choice.py).
FACTOR, POWER, CHANNELS = 1.38, 0.295, 0.43
#: λ of L1 under Gaussian noise, and where there is hardly any: under the latter every picture is its own minimiser.
L1_GAUSSIAN, L1_IDENTITY = 0.6, 0.25
#: The best λ of L1 by the share of pixels that are impulses, means over the same pictures.
IMPULSE_SHARES, IMPULSE_WEIGHTS = (0.01, 0.05, 0.1, 0.2, 0.4, 0.6), (0.40, 0.475, 0.525, 0.64, 0.775, 0.9)
#: One norm over C channels grows like √C where an impulse hits all of them, and less where it hits one.
ALL_HIT, ONE_HIT = 0.5, 0.31
#: The λ of least estimated error for noise in clumps, over that of the law for σ times the side of a clump (15 photographs by three
#: cameras: 0.41 to 0.81, luma and chroma by themselves 0.28 to 0.75). Beginning there, the search takes 4 tries instead of 5.
IN_CLUMPS, IN_CLUMPS_APART = 0.64, 0.5
#: The best λ for white noise that became JPEG, over that of the law for its σ before: of one channel; of several, whose chroma JPEG has
#: cleared of it. Means over 17 pictures each (6 training photographs, σ 10 and 15/255, quality 50 to 70): 0.15 and 0.1 dB are lost to the
#: best λ, 0.6 and 0.4 by Stein's estimate with what is left of the noise, as that is not the same from place to place.
AFTER_JPEG, AFTER_JPEG_IN_COLOUR = 1.14, 0.87


def gaussian_law(sigma: float, channels: int, fidelity: str = "l2") -> float:
    """λ for Gaussian noise of standard deviation σ; `channels` share one norm."""
    if fidelity == "l1":
        return L1_GAUSSIAN if sigma > HARDLY_ANY else L1_IDENTITY
    return float(FACTOR * (10 * sigma) ** POWER * channels**CHANNELS * sigma)


def clumped_law(sigma: float, clump: float, channels: int, *, apart: bool = False) -> float:
    """λ of L2 for noise of standard deviation σ in clumps of a side of `clump` pixels; luma and chroma are solved `apart` or not."""
    return (IN_CLUMPS_APART if apart else IN_CLUMPS) * gaussian_law(clump * sigma, channels)


def jpeg_law(sigma: float, channels: int) -> float:
    """λ of L2 for white noise of standard deviation σ in a picture that became JPEG after that."""
    return (AFTER_JPEG if channels == 1 else AFTER_JPEG_IN_COLOUR) * gaussian_law(sigma, channels)


def impulse_law(share: float, channels: int, fidelity: str = "l1", *, whole: bool = False) -> float:
    """λ for impulses on a share of the pixels; `channels` share one norm, and are hit together if `whole`."""
    if fidelity == "l2":
        return gaussian_law(0.5 * math.sqrt(share), channels)
    weight = float(np.interp(math.log(max(share, 1e-3)), np.log(IMPULSE_SHARES), IMPULSE_WEIGHTS))
    return float(weight * channels ** (ALL_HIT if whole else ONE_HIT))
