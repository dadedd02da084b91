"""What a choice is tried on: a sample of the picture in units of its own span, solved roughly but the same way every time."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from denoise_cli.measure.scale import Scale, as_pixels
from denoise_cli.variational import denoise
from denoise_cli.variational.volume import Volume

__all__ = ["Sample"]

Array = npt.NDArray[Any]

#: Values that the choice looks at, and at most half as many pixels: a mosaic of TILES² tiles stands for a larger picture. The more tiles,
#: the likelier all kinds of places are among them: on Set12 and every 4th of BSD68, 0.034 dB are lost with 2¹⁷ pixels in 3² tiles, 0.042
#: with 2¹⁶ in 3², and 0.031 with 2¹⁶ in 6².
VALUES, TILES = 2**17, 6
#: Under noise in clumps, in colour, half as many do: 15 photographs by real cameras lose 0.002 dB, 60 and 24 by simulated ones 0.003
#: and −0.013. In 6² tiles of 24 pixels the first lose 0.040 dB, as λ feels the seams; in grey they lose 0.028 in 5² tiles.
CLUMPED_VALUES, CLUMPED_TILES = 2**16, 5
#: A second thread takes longer to start than it saves where there are fewer values (256²: 6.7 instead of 8.1 ms for three λ).
ONE_THREAD = 2**17
#: Voxels of the block that stands for a volume.
VOXELS = 2**18
#: Corners that a tile may have along each side, where a part of the pixels is unknown and the tiles with the most known ones are taken.
CORNERS = 16
#: Gap and iterations at which the λ of least risk is that of the exact minimiser, to a few per cent (benchmarks/choice.py).
ROUGH_GAP, L2_ITERATIONS, L1_ITERATIONS = 2e-2, 300, 40
#: A gap that is not reached, so that the number of iterations is the one that was told.
UNREACHED_GAP = {"l2": 2e-6, "l1": 1e-4}


@dataclass(frozen=True)
class Sample:
    """A sample of the picture, (height, width, channels), float32: (typed value − scale.bottom)/scale.unit.

    weights: (height, width), 0 where a pixel is unknown; None where all count alike.  ends: where values were cut off, ∓∞ where not.
    volume: of which the sample is a block, with its shape; None for a picture.
    """

    pixels: Array
    weights: Array | None = None
    ends: tuple[float, float] = (-math.inf, math.inf)
    fidelity: str = "l2"
    options: dict[str, Any] = field(default_factory=dict)
    volume: Volume | None = None

    @classmethod
    def of(
        cls, stored: npt.ArrayLike, scale: Scale, weights: Array | None, fidelity: str, options: dict[str, Any],
        volume: Volume | None = None, tiles: int = TILES, values: int = VALUES,
    ) -> Sample:  # fmt: skip
        """From stored pixels, or from floats in typed units; those of a volume have its slices one below the other, as has the sample.

        tiles, values : tiles² tiles of a larger picture, of about so many values over all channels, and half as many pixels at most.
        """
        pixels = np.atleast_3d(as_pixels(stored))
        if scale.known is not None:
            weights = scale.known.astype(np.float32) if weights is None else np.where(scale.known, weights, 0).astype(np.float32)
        if volume is None:
            cut = _mosaic(pixels.shape, None if weights is None else weights > 0, tiles, values)
        else:
            block, cut = _block(volume, pixels.shape[2])
            volume = replace(volume, shape=block)
        pixels, weights = cut(pixels), None if weights is None else cut(weights)
        white = 1.0 if pixels.dtype.kind == "f" else scale.white
        spanned = (pixels.astype(np.float64) - scale.bottom * white) / (white * scale.unit)
        if weights is not None:
            spanned[~(weights > 0)] = 0.5  # not looked at, but it may not be NaN
        ends = tuple((end - scale.bottom) / scale.unit for end in (scale.floor, scale.ceiling))
        if spanned.size < ONE_THREAD:
            options = options | {"workers": 1}
        return cls(spanned.astype(np.float32), weights, (ends[0], ends[1]), fidelity, options, volume)

    def solve(self, pixels: Array, weight: float, iterations: int | None = None) -> tuple[Array, int]:
        """The picture, and after how many iterations; a number that is told makes u a smooth function of the pixels."""
        most, gap = (L1_ITERATIONS, UNREACHED_GAP["l1"]) if self.fidelity == "l1" else (L2_ITERATIONS, ROUGH_GAP)
        if iterations:  # after none, the solution was a constant, which it is by the same rule again
            most, gap = iterations, UNREACHED_GAP[self.fidelity]
        words: dict[str, Any] = {"fidelity": self.fidelity, "method": "optimal", "iterations": most, "gap": gap, "dtype": np.float32}
        volume = self.volume
        if volume is None:
            solution = denoise(pixels, weight, weights=self.weights, **words, **self.options)
            return solution.image, solution.iterations
        known = None if self.weights is None else volume.deep(self.weights)
        deep: dict[str, Any] = {"axes": volume.axes, "axis_weights": volume.axis_weights, "weights": known}
        solution = denoise(volume.deep(pixels), weight, **deep, **words, **self.options)
        return volume.tall(solution.image), solution.iterations

    def solver(self, weight: float) -> Callable[[Array], Array]:
        """`solve` at one λ for `choice.risk.Stein`: all pictures after the first are solved with as many iterations as that one."""
        iterations: int | None = None

        def solve(pixels: Array) -> Array:
            nonlocal iterations
            image, done = self.solve(pixels, weight, iterations)
            iterations = done if iterations is None else iterations
            return image

        return solve

    @property
    def known(self) -> Array:
        """(height, width, 1), bool."""
        if self.weights is None:
            return np.ones((*self.pixels.shape[:2], 1), bool)
        return (self.weights > 0)[:, :, None]

    @property
    def seen(self) -> Array:
        """All values that count."""
        return self.pixels if self.weights is None else self.pixels[self.known[:, :, 0]]

    def mean(self, terms: Array) -> float:
        """Over what counts."""
        if self.weights is None:
            return float(np.mean(terms, dtype=np.float64))
        return float(np.mean(terms, dtype=np.float64, where=self.known))


def _block(volume: Volume, channels: int) -> tuple[tuple[int, ...], Callable[[Array], Array]]:
    """The middle of a volume: its shape, and what cuts it out of any tall picture of the volume's size."""
    most = VOXELS if channels <= 4 else 4 * VOXELS // channels

    def cut_to(side: int) -> list[int]:
        return [min(size, side) for size in volume.shape]

    # The longest sides are shortened first: few slices stay as they are.
    sizes = cut_to(next((side for side in range(max(volume.shape), 1, -1) if math.prod(cut_to(side)) <= most), 1))
    corners = [slice((whole - size) // 2, (whole - size) // 2 + size) for whole, size in zip(volume.shape, sizes, strict=True)]
    block = replace(volume, shape=tuple(sizes))
    return block.shape, lambda table: block.tall(np.ascontiguousarray(volume.deep(table)[tuple(corners)]))


def _mosaic(shape: tuple[int, ...], known: Array | None, tiles: int, values: int) -> Callable[[Array], Array]:
    """Cuts the same tiles, about tiles², out of any table of the picture's size; those with the most known pixels, if some are unknown."""
    if known is not None and known.any():
        rows, columns = (np.flatnonzero(known.any(axis=axis)) for axis in (1, 0))
        box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        if known[box].size < known.size:
            inside = _mosaic((*known[box].shape, shape[2]), known[box], tiles, values)
            return lambda table: inside(table[box])
    height, width, channels = shape
    most = values // max(2, channels)
    if height * width <= most:
        return lambda table: table
    # As near to squares as a narrow picture lets them be: what is seen at their seams is not in the picture.
    side = math.isqrt(most) // tiles
    few = max(1, min(tiles, min(height, width) // side))
    many = tiles**2 // few
    narrow = min(side, min(height, width) // few)
    long = min(max(height, width) // many, most // (few * many * narrow))
    (down, tall), (across, wide) = ((many, long), (few, narrow)) if height >= width else ((few, narrow), (many, long))

    def spread(length: int, tile: int, count: int) -> Array:
        return np.linspace(0, length - tile, count).astype(int)

    corners = [(y, x) for y in spread(height, tall, down) for x in spread(width, wide, across)]
    if known is not None:
        every = [(y, x) for y in spread(height, tall, CORNERS) for x in spread(width, wide, CORNERS)]
        shares = {(y, x): float(known[y : y + tall, x : x + wide].mean()) for y, x in (*corners, *every)}
        if min(shares[corner] for corner in corners) < 0.9 * max(shares.values()):
            corners = sorted(sorted(every, key=lambda corner: -shares[corner])[: down * across])

    def cut(table: Array) -> Array:
        pieces = [table[y : y + tall, x : x + wide] for y, x in corners]
        return np.concatenate([np.concatenate(pieces[row * across : (row + 1) * across], axis=1) for row in range(down)], axis=0)

    return cut
