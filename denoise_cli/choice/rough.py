"""Solutions that are good enough to compare λ by: as many iterations as λ needs, and no proof."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from denoise_cli.choice.sample import ROUGH_GAP, Array, Sample
from denoise_cli.variational.certificate import GapTarget
from denoise_cli.variational.fidelities import SquaredL2
from denoise_cli.variational.gradient_projection import GradientProjection
from denoise_cli.variational.operators import BOUNDARIES
from denoise_cli.variational.problem import Problem
from denoise_cli.variational.regularisers import TotalVariation
from denoise_cli.variational.strips import Strips

__all__ = ["MORE_WHITE", "RoughSolver"]

#: Under white noise, so many times the iterations that ROUGH_GAP needs: on every 4th picture of Set12, BSD68 and Kodak24 with noise of σ
#: 5 to 50, means of 0.017 dB (floats) and 0.011 (8 bit) are lost to the best λ with 1, 0.012 and 0.009 with 1.5 times as many. Of noise in
#: clumps so little is known that it does not matter.
MORE_WHITE = 1.5
#: The fewest iterations and the most, which chroma that is nearly gone would need more of.
FEWEST, MOST = 4, 40
#: The iterations that are counted: beyond, those at all λ that are tried are MOST.
COUNTED = 2 * MOST


class RoughSolver:
    """`Sample.solve` at one λ after the other, for `choice.risk.Stein`.

    The iterations that gradient projection needs for a gap grow in proportion to λ, so that they are counted once, at the first λ, and the
    pictures at all others are as rough. They begin from nothing each time: what a picture begins from must not know of its noise, or
    Stein's estimate of its error would not hold. Samples with unknown pixels, of volumes, of L1 and with periodic edges are solved as
    `Sample.solver` does.
    """

    def __init__(self, sample: Sample, *, more: float = 1.0) -> None:
        """more : times the iterations that ROUGH_GAP needs."""
        self.sample, self._more = sample, more
        options = sample.options
        self._is_plain = (
            sample.fidelity == "l2" and sample.weights is None and sample.volume is None and options.get("boundary") in (None, "symmetric")
        )
        height, width, channels = sample.pixels.shape
        self._gradient = BOUNDARIES["symmetric"](Strips((channels, height, width), np.float32, options.get("workers")), (1.0, 1.0))
        self._regulariser = TotalVariation(1.0, options.get("tv") or "isotropic", options.get("channels") or "coupled")
        self._needed: float | None = None

    def at(self, weight: float) -> Callable[[Array], Array]:
        """From a picture of the sample's shape to its rough solution."""
        if not self._is_plain:
            return self.sample.solver(weight)
        if self._needed is None:
            states = self._projection(self.sample.pixels, weight).states(COUNTED, target=GapTarget(ROUGH_GAP), every=False)
            self._needed = self._more * max(state.iteration for state in states) / weight
        iterations = min(MOST, max(FEWEST, math.ceil(self._needed * weight)))

        def solve(pixels: Array) -> Array:
            return np.ascontiguousarray(np.moveaxis(self._projection(pixels, weight).unproved(iterations), 0, 2))

        return solve

    def _projection(self, pixels: Array, weight: float) -> GradientProjection:
        observed = np.ascontiguousarray(np.moveaxis(pixels, 2, 0))
        return GradientProjection(Problem(observed, SquaredL2(None), replace(self._regulariser, weight=weight), self._gradient))
