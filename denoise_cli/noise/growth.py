"""Noise that grows with brightness: a line through the levels of dark and bright blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from denoise_cli.noise.blocks import Samples, calmest
from denoise_cli.noise.clipping import before_clipping
from denoise_cli.noise.level import BlockEnergies

__all__ = ["Growth", "growth"]

Array = npt.NDArray[Any]

#: Classes of blocks of like brightness, at most; the blocks that a class must have; and the fewest classes that make a line.
CLASSES, BLOCKS_A_CLASS, FEWEST_CLASSES = 16, 150, 3
#: The share of the calmest blocks of a class that its level is read from, and the fewest.
CALM, FEWEST = 0.04, 24
#: Points of the line, over all channels, and the distance from its darkest to its brightest, in spans, without which it is not drawn.
FEWEST_POINTS, SHORTEST = 5, 0.1
#: Blocks with more than half of their pixels at black or white say nothing; nor do those that clipping has left less than this of σ².
SATURATED, KEPT = 0.5, 0.6
#: The smallest variance, in squares of the span.
LEAST_VARIANCE = 1e-10
#: Where the line may cross zero, as a share of the darkest mean above the dark end of the picture: a camera adds a pedestal, so that black
#: is brighter than the darkest pixels of its noise. With 0, two of ten pictures by an electron-multiplying camera (Zhou et al. 2020,
#: arXiv:2003.05961) are not found to grow, and the ten have 30.17 dB with nothing typed; with 0.5, 0.7 and 0.9 30.79 to 30.82. Ten by a
#: confocal microscope (Zhang et al. 2019, CVPR): 39.20, and 39.30 to 39.31.
PEDESTAL = 0.5
#: Relative error from which a point above the line counts less and less: texture only ever adds.
SOFT = 0.15
#: Two rules for "it grows": the variance at the bright end over that at the dark end; the line's error over that of a constant; the line's
#: error; and σ at the bright end over what is negligible. Strong growth may lie worse on the line (Poisson peaks 10 to 255 on 58 pictures,
#: with and without clipping, against Gaussian noise of 5 to 50 levels: no Gaussian noise is taken to grow).
STRONG = {"ratio": 2.8, "better": 0.25, "error": 0.28, "over_negligible": 3.0}
CLEAR = {"ratio": 1.8, "better": 0.35, "error": 0.1, "over_negligible": 1.0}


@dataclass(frozen=True)
class Growth:
    """variance = gain·mean + offset, over means from `dark` to `bright`; rms relative errors of this line, and of a constant.

    The same as gain·(mean − pedestal) + read_variance, one of which is 0. All in the units of the blocks (`noise.blocks.Samples`).
    """

    gain: float
    offset: float
    dark: float
    bright: float
    line_error: float
    constant_error: float

    def grows(self, negligible: float) -> bool:
        """Does the noise grow with brightness, rather than the texture? Noise lies on the line, texture about it.

        negligible : the standard deviation under which noise and the grain of a clean photograph cannot be told apart.
        """
        ratio = self.variance(self.bright) / max(self.variance(self.dark), LEAST_VARIANCE)
        most = max(0.0, self.variance(self.bright)) ** 0.5
        better = self.line_error / max(self.constant_error, LEAST_VARIANCE)
        return any(
            most > rule["over_negligible"] * negligible
            and ratio > rule["ratio"]
            and better < rule["better"]
            and self.line_error < rule["error"]
            for rule in (STRONG, CLEAR)
        )

    def variance(self, mean: float) -> float:
        return self.gain * mean + self.offset

    @property
    def pedestal(self) -> float:
        return max(0.0, -self.offset / self.gain) if self.gain else 0.0

    @property
    def read_variance(self) -> float:
        return max(0.0, self.offset)


def growth(found: list[BlockEnergies], picture: Samples) -> Growth | None:
    """The line through the levels of blocks of like brightness, over all channels; None if they are too few or too much alike."""
    points = [point for spectra in found for point in _classes(spectra[(spectra.saturated < SATURATED) & (spectra.high > 0)])]
    m, v = np.array(points).reshape(-1, 2).T
    kept, before = before_clipping(m, v, picture.ends)
    m, v = m[kept > KEPT], np.maximum(before[kept > KEPT] - picture.quantum**2 / 12, LEAST_VARIANCE)
    if len(m) < FEWEST_POINTS or m.max() - m.min() < SHORTEST:
        return None
    gain, offset = _line(m, v)
    constant = _constant(v)
    fitted = np.maximum(gain * m + offset, LEAST_VARIANCE)
    return Growth(gain, offset, float(m.min()), float(m.max()), _misfit(v, fitted), _misfit(v, np.full_like(v, constant)))


def _classes(spectra: BlockEnergies) -> Iterator[tuple[float, float]]:
    """Mean and noise variance of blocks of like brightness, darkest first."""
    classes = min(CLASSES, len(spectra) // BLOCKS_A_CLASS)
    if classes < FEWEST_CLASSES:
        return
    order = np.argsort(spectra.mean)
    for members in np.array_split(order, classes):
        one = spectra[members]
        calm = calmest(one.low, CALM, FEWEST)
        yield float(one.mean[calm].mean()), float(one.high[calm].mean())


def _soft(v: Array, fitted: Array) -> Array:
    """Weights: relative errors count; texture only ever adds, so what lies above the fit counts less and less."""
    excess = (v / fitted - 1) / SOFT
    weights: Array = 1 / fitted**2 / np.maximum(1, excess) ** 2
    return weights


def _constant(v: Array) -> float:
    value = float(np.median(v))
    for _ in range(20):
        weights = _soft(v, np.full_like(v, value))
        value = float((weights * v).sum() / weights.sum())
    return value


def _line(m: Array, v: Array) -> tuple[float, float]:
    """gain ≥ 0 and offset ≥ −gain·PEDESTAL·(darkest mean) of variance = gain·mean + offset, by reweighted least squares."""
    fitted = np.full_like(v, np.median(v))
    gain = offset = 0.0
    lowest = PEDESTAL * max(0.0, float(m.min()))
    for _ in range(30):
        w = _soft(v, fitted)
        total, mx, my = w.sum(), (w * m).sum() / w.sum(), (w * v).sum() / w.sum()
        slope = float((w * (m - mx) * (v - my)).sum() / max((w * (m - mx) ** 2).sum(), 1e-300))
        if my - slope * mx < -slope * lowest:
            from_lowest = m - lowest
            slope = float((w * from_lowest * v).sum() / (w * from_lowest**2).sum())
            gain, offset = slope, -slope * lowest
        elif slope <= 0:
            gain, offset = 0.0, float(my)
        else:
            gain, offset = slope, float(my - slope * mx)
        fitted = np.maximum(gain * m + offset, 1e-3 * float(my) + 1e-300)
        if total <= 0:
            break
    return gain, offset


def _misfit(v: Array, fitted: Array) -> float:
    """Relative error of the fit, with the outliers above it cut short."""
    error = np.minimum(v / fitted - 1, 1.0)
    return float(np.sqrt(np.mean(error**2)))
