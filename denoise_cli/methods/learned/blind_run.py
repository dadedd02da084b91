"""What the network removes from pieces of a page without being told a level: one run, which every question about the noise shares."""

from __future__ import annotations

import math
from functools import cached_property
from itertools import product

import numpy as np

from denoise_cli.methods.learned.mirrored import mirrored
from denoise_cli.methods.learned.network import restore
from denoise_cli.methods.method import Array, Subject
from denoise_cli.noise.model import Noise, rms
from denoise_cli.noise.opponent_colours import to_opponent
from denoise_cli.noise.ring_energies import SIDE as SQUARE
from denoise_cli.noise.rough_content import REPEATS, repeated_share_of

__all__ = ["Removed", "removed_from"]

#: Pieces, and their side in pixels: of 101 photographs by real and by simulated cameras, `optimal` with pieces of 144 pixels is 0.13, 0.32
#: and −0.18 dB short of the best single λ (means of three sets), with 208, which takes twice as long, 0.13, 0.31 and −0.18; with one piece
#: of 288 pixels 0.21, 0.40 and −0.05; with 9 of 96 pixels 0.31, 0.30 and −0.10.
PIECES, SIDE = 4, 144
#: Places along each side that are looked at for pieces, where a part of the pixels is unknown; and the share that must be known.
PLACES, KNOWN_ENOUGH = 12, 1 / 2
#: Side of the blocks, in pixels, that tell where it was removed; and which of them are the calm ones.
BLOCK, CALM = 16, 0.25


class Removed:
    """What was removed, piece by piece, in spans of the page.

    pieces: (pixels, removed, known), the first two (height, width, channels), float32, the last (height, width, 1), bool.
    """

    def __init__(self, pieces: list[tuple[Array, Array, Array]]) -> None:
        self.pieces = pieces

    @cached_property
    def levels(self) -> tuple[float, ...]:
        """Its standard deviation, about 0, in each channel."""
        count = max(1, sum(np.count_nonzero(known) for *_, known in self.pieces))
        sums = [np.square(removed).sum(axis=(0, 1), where=known, dtype=np.float64) for _, removed, known in self.pieces]
        return tuple(float(level) for level in np.sqrt(np.sum(sums, axis=0) / count))

    @property
    def strength(self) -> float:
        """The root mean square over the channels."""
        return rms(self.levels)

    @property
    def strength_where_calm(self) -> float:
        """That of the calmer quarter of the blocks."""
        return self.calm * self.strength

    def expected(self, noise: Noise) -> float:
        """The standard deviation that `noise`, in spans, has on these pieces: the root mean square over the channels."""
        return rms(self.expected_levels(noise))

    def expected_levels(self, noise: Noise) -> tuple[float, ...]:
        """The same in each channel."""
        counts = [np.count_nonzero(known) for *_, known in self.pieces]
        squares = [np.square(noise.level_map(pixels)).mean(axis=(0, 1), where=known, dtype=np.float64) for pixels, _, known in self.pieces]
        return tuple(float(level) for level in np.sqrt(np.average(squares, axis=0, weights=counts)))

    @cached_property
    def neighbours(self) -> float:
        """Correlation of pixels side by side and one below the other, mean over channels."""
        products, squares = np.sum([_products(removed, known) for _, removed, known in self.pieces], axis=0)
        return float(np.mean(products / np.maximum(squares, 1e-30)))

    @cached_property
    def unlike(self) -> float:
        """Its largest standard deviation over its smallest, in three channels, luma and the two chromas: 1 for white noise; 1 without
        colour."""
        if len(self.levels) != 3:
            return 1.0
        turned = Removed([(pixels, to_opponent(removed), known) for pixels, removed, known in self.pieces])
        every = (*self.levels, *turned.levels)
        return max(every) / max(min(every), 1e-30)

    @cached_property
    def calm(self) -> float:
        """Its root mean square in the block that a quarter of the blocks have less in, over that of all blocks."""
        blocks = np.concatenate([_blocks(np.where(known, removed, 0)) for _, removed, known in self.pieces])
        return math.sqrt(float(np.quantile(blocks, CALM)) / max(float(blocks.mean()), 1e-30)) if blocks.size else 0.0

    @cached_property
    def repeats(self) -> bool:
        """Whether it is a pattern, as a screen or a weave is."""
        whole = [removed[: removed.shape[0] // SQUARE * SQUARE] for _, removed, _ in self.pieces]
        return repeated_share_of(np.concatenate(whole)) > REPEATS


def removed_from(subject: Subject, *, device: str = "cpu", workers: int | None = None) -> Removed | None:
    """What the network removes from pieces all over the page; None where too little of it is known. Whoever asks again gets the same."""
    if Removed not in subject.kept:
        pieces = [
            (pixels, pixels - restore(pixels, device=device, workers=workers), known)
            for pixels, known in (_piece(subject, place) for place in _places(subject))
            if known.mean() > KNOWN_ENOUGH
        ]
        subject.kept[Removed] = Removed(pieces) if pieces else None
    found: Removed | None = subject.kept[Removed]
    return found


def _places(subject: Subject) -> list[tuple[slice, slice]]:
    """PIECES squares all over the page, as many of them along each side as it has room for; all of a small page. Where a part of the
    pixels is unknown, those with the most known ones."""
    height, width = subject.stored.shape[:2]
    if height * width <= PIECES * SIDE**2:
        return [(slice(0, height), slice(0, width))]
    few = 2 if min(height, width) >= 2 * SIDE else 1
    down, across = (PIECES // few, few) if height >= width else (few, PIECES // few)
    known = subject.known
    if known is None or known.all():
        return list(product(_along(height, down), _along(width, across)))
    places = list(product(_along(height, PLACES), _along(width, PLACES)))
    return sorted(places, key=lambda place: -float(known[place].mean()))[:PIECES]


def _along(length: int, count: int) -> list[slice]:
    """`count` stretches of SIDE pixels, or of all there are, in the middle of as many equal parts."""
    side = min(SIDE, length)
    starts = sorted({min(max(0, (2 * i + 1) * length // (2 * count) - side // 2), length - side) for i in range(count)})
    return [slice(start, start + side) for start in starts]


def _piece(subject: Subject, place: tuple[slice, slice]) -> tuple[Array, Array]:
    """A piece of the page in spans, and which of its pixels count: they are known, and were not cut off at black or white in all channels,
    where noise is hidden."""
    scale = subject.scale
    known = None if subject.known is None else subject.known[place]
    values = mirrored(np.atleast_3d(scale.floats(subject.stored[place], "float32")), known)
    counts = np.any((values > scale.floor) & (values < scale.ceiling), axis=2, keepdims=True)
    if known is not None:
        counts &= known[:, :, None]
    return ((values - scale.bottom) / scale.unit).astype(np.float32), counts


def _blocks(removed: Array) -> Array:
    """The mean square of each block that is whole."""
    rows, columns = (side // BLOCK for side in removed.shape[:2])
    if not rows * columns:
        return np.empty(0)
    cut = np.square(removed[: rows * BLOCK, : columns * BLOCK]).reshape(rows, BLOCK, columns, -1)
    means: Array = cut.mean(axis=(1, 3)).ravel()
    return means


def _products(removed: Array, known: Array) -> tuple[Array, Array]:
    """Of each channel of one piece, mean products of neighbours and mean squares, about the mean, times the number of its pixels."""
    count = np.count_nonzero(known)
    centred = np.where(known, removed - removed.mean(axis=(0, 1), where=known), 0)
    means = []
    for one, other in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        pairs = max(1, np.count_nonzero(known[one] & known[other]))
        means.append((centred[one] * centred[other]).sum(axis=(0, 1)) / pairs)
    return count * np.mean(means, axis=0), np.square(centred).sum(axis=(0, 1))
