"""The noise that total variation is told, seen again: calm places, and what the network removes without being told anything."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from denoise_cli.methods.learned.network import restore
from denoise_cli.methods.learned.told_level import MOST_PLACES, STRONGER, UNSEEN, UNSEEN_WHITE, WHITE, Removed
from denoise_cli.methods.method import Array, Subject
from denoise_cli.noise.model import Noise
from denoise_cli.noise.second_opinion import spectrum_from_both

__all__ = ["seen_again"]

#: Pieces along each axis, and their sides in pixels: of 101 photographs by real and by simulated cameras, `optimal` with pieces of 144
#: pixels is 0.13, 0.32 and −0.18 dB short of the best single λ (means of three sets), with 208, which takes twice as long, 0.13, 0.31 and
#: −0.18; with one piece of 288 pixels 0.21, 0.40 and −0.05; with 9 of 96 pixels 0.31, 0.30 and −0.10.
PIECES, SIDE = 2, 144
#: The kinds of noise that are looked at again; white noise only where the calmest places hold more than that.
LOOKED_AT = ("coloured", "gaussian", "none")


def seen_again(subject: Subject, noise: Noise, *, workers: int | None) -> Noise:
    """The noise of a page, where it is in clumps, or where calm places leave that open; else `noise` itself.

    Where noise in clumps was found, what the network removes has a say in its spectrum (`noise.second_opinion`). Where hardly any was
    found, or white noise though the calmest places hold more than that, there is noise in clumps if the network removes more than was
    found, from everywhere, and no pattern of single pixels (the bounds of `told_level.believed`).
    """
    if noise.before_jpeg is not None or noise.model not in LOOKED_AT:
        return noise
    if noise.model == "gaussian" and not noise.restless:
        return noise
    if noise.spectrum is None and subject.stored.dtype.kind != "u":
        return noise
    scale = subject.scale
    pieces = [
        (pixels, pixels - restore(pixels, workers=workers), known) for pixels, known in _pieces(subject) if known.mean() > 1 / 2
    ]  # fmt: skip
    if not pieces:
        return noise
    found = noise.times(1 / scale.unit, scale.bottom)
    pixels, removed, known = (np.concatenate([piece[part] for piece in pieces]) for part in range(3))
    if noise.spectrum is None and not _clumps_unseen(found, pixels, removed, known):
        return noise
    spectrum = spectrum_from_both(found.spectrum, pieces)
    return noise if spectrum is None else replace(Noise.coloured(spectrum, scale), restless=noise.restless)


def _pieces(subject: Subject) -> Iterator[tuple[Array, Array]]:
    """PIECES² pieces from all over the page, in spans, (height, width, channels), float32, and which of their pixels are known."""
    scale, shape = subject.scale, subject.stored.shape[:2]
    sides = [min(SIDE, length) for length in shape]
    corners = [
        sorted({min(max(0, (2 * i + 1) * length // (2 * PIECES) - side // 2), length - side) for i in range(PIECES)})
        for length, side in zip(shape, sides, strict=True)
    ]
    for top in corners[0]:
        for left in corners[1]:
            place = slice(top, top + sides[0]), slice(left, left + sides[1])
            known = np.ones((sides[0], sides[1], 1), bool) if subject.known is None else subject.known[place][:, :, None]
            pixels = (np.atleast_3d(scale.floats(subject.stored[place], "float32")) - scale.bottom) / scale.unit
            yield np.where(known, pixels, np.float32(0.5)).astype(np.float32), known


def _clumps_unseen(noise: Noise, pixels: Array, removed: Array, known: Array) -> bool:
    """Whether the network removes more than what was found, from everywhere, and it is no pattern; all in spans."""
    strength = math.sqrt(float(np.mean(np.square(removed), where=known)))
    expected = math.sqrt(float(np.mean(np.square(noise.level_map(pixels)), where=known)))
    if strength <= max(STRONGER * expected, UNSEEN):
        return False
    seen = Removed(removed, known)
    # Patterns of single pixels, grass among them, correlate negatively. In grey, texture is as white as such noise.
    nearly_white = pixels.shape[2] == 3 and seen.neighbours > -WHITE and seen.calm >= MOST_PLACES and strength >= UNSEEN_WHITE
    return (seen.is_in_clumps or nearly_white) and seen.may_be_noise(strength, noise)
