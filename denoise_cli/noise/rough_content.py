"""Is what the calmest places hold noise at all? Terrain is rough at every scale, and patterns repeat themselves."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from denoise_cli.kernels.fourier import fourier
from denoise_cli.noise.ring_energies import SIDE, half_rings, radii, window
from denoise_cli.noise.spectrum import RINGS

__all__ = ["REPEATS", "is_rough", "repeated_share", "repeated_share_of", "white_beside_content"]

Array = npt.NDArray[Any]

#: Rings whose slope, energy against frequency, both in logarithms, is that of the inner and of the outer part of a spectrum. Content falls
#: with a power of the frequency, the more so rough terrain: it is nowhere less steep than STEEP, and no more than BENT steeper in the outer
#: part (fractal terrain of f^−2.5 to f^−3.5: 1.6 and more, and −0.3 to 0.5; with midpoints displaced 0.9 and more, and less than 0).
#: Noise in clumps is level up to their size (15 grey photographs by three cameras, film: bent by 1.1 to 6.7), and in what JPEG left of
#: white noise some ring has as much as its neighbour (21 pictures: slopes of 0.8 and less).
INNER, OUTER, STEEP, BENT = (1, 4), (5, 6), 1.2, 0.8
#: Powers of the frequency that content may fall with, and the rings that they are fitted to: the innermost one holds what the window leaks
#: from the mean, the outermost one the corners.
POWERS, FITTED = np.arange(0.5, 5.01, 0.1), slice(1, 7)
#: The strongest frequencies of a pattern that repeats itself, the lobe of Hann's window about one; and the rings from the inside that do
#: not count.
FEW_FREQUENCIES, CONTENT_RINGS = 5, 3
#: A few frequencies have this share of the energy of a pattern that repeats itself (halftone screens 0.42 to 0.46, a brick wall 0.45;
#: noise of cameras and film, white or in clumps, 0.03 to 0.16).
REPEATS = 0.33


def is_rough(energies: Array) -> bool:
    """Whether logarithms of the energies of the rings lie on a steep line over the logarithms of the frequency."""
    radius = np.log(np.sqrt(np.array(RINGS[:-1]) * np.array(RINGS[1:])))
    slopes = -np.diff(energies) / np.diff(radius)
    inner, outer = ((energies[first] - energies[last]) / (radius[last] - radius[first]) for first, last in (INNER, OUTER))
    return bool(outer - inner < BENT and slopes[INNER[0] : OUTER[1]].min() > STEEP)


def white_beside_content(energies: Array) -> float:
    """σ of the white noise w of the best fit  energy = a·frequency^−power + w,  a, w ≥ 0, to logarithms of the energies of the rings."""
    ring, times = half_rings()
    radius = np.log(radii() + (ring < 0))
    radius = np.array([np.average(radius[ring == r], weights=times[ring == r]) for r in range(len(energies))])[FITTED]
    seen = np.exp(energies[FITTED])
    best, found = math.inf, 0.0
    for power in POWERS:
        content = np.exp(-power * (radius - radius[0]))
        shares = np.stack([content / seen, 1 / seen], axis=1)
        (a, w), *_ = np.linalg.lstsq(shares, np.ones(len(seen)))
        if w < 0:
            a, w = float(shares[:, 0].sum() / (shares[:, 0] ** 2).sum()), 0.0
        misfit = float(np.sum((shares @ (a, w) - 1) ** 2))
        if a >= 0 and misfit < best:
            best, found = misfit, float(w)
    return math.sqrt(found)


def repeated_share(transforms: Array) -> float:
    """The share of the energy of blocks, (n, SIDE, SIDE/2 + 1), beyond CONTENT_RINGS, that FEW_FREQUENCIES hold."""
    ring, times = half_rings()
    high = (ring >= CONTENT_RINGS).ravel()
    values = transforms.reshape(-1, ring.size)[:, high]
    power = np.sort((values.real**2 + values.imag**2).mean(axis=0) * times.ravel()[high])
    return float(power[-FEW_FREQUENCIES:].sum() / max(power.sum(), 1e-30))


def repeated_share_of(picture: Array) -> float:
    """`repeated_share` of blocks side by side of a picture, (height, width, channels); 0 where it has none."""
    plane = picture.mean(axis=2, dtype=np.float32)
    rows, columns = (side // SIDE for side in plane.shape)
    if not rows * columns:
        return 0.0
    blocks = plane[: rows * SIDE, : columns * SIDE].reshape(rows, SIDE, columns, SIDE).swapaxes(1, 2).reshape(-1, SIDE, SIDE)
    windowed = (blocks - blocks.mean(axis=(1, 2), keepdims=True)) * window()
    return repeated_share(fourier(windowed, np.empty((len(blocks), SIDE, SIDE // 2 + 1), np.complex64), 1))
