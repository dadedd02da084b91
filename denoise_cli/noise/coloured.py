"""Noise in clumps, as cameras and JPEG deliver it: its spectrum, from the calmest blocks of a picture at every brightness."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from denoise_cli.noise.blocks import Samples
from denoise_cli.noise.spectrum import OPPONENT, RINGS, Spectrum, ring_of

__all__ = ["Coloured", "coloured"]

Array = npt.NDArray[Any]

#: Side of a block in pixels: 16 costs 0.6 dB on photographs of cameras, as it holds too few of the low frequencies.
SIDE = 32
#: Blocks that are looked at, about; and the fewest that tell anything.
BLOCKS, FEWEST = 900, 48
#: Blocks with more than this share of pixels at black or white are left out.
SATURATED = 0.1
#: Classes of blocks of like brightness, at most, and the blocks that each must have.
CLASSES, BLOCKS_A_CLASS = 6, 16
#: The share of the calmest blocks of a class that the spectrum is read from, and the fewest; and a larger share, to see whether those are
#: as calm: they are, where there is nothing but noise.
CALM, FEWEST_CALM, LESS_CALM = 0.03, 8, 0.2
#: The rings, from the inside, that hold more content than noise in most pictures: luma is told by the ring after them.
CONTENT_RINGS = 3
#: The same for chroma, where calm blocks agree to this factor within the second ring.
CHROMA_CONTENT_RINGS, AGREE = 1, 1.6
#: How much stronger noise may be at low frequencies than in the ring that tells it: bilinear demosaicking makes it 1.0 to 1.6 times.
PLATEAU = 1.4
#: How far the less calm blocks of a class may be above the calm ones before the class counts less; by which factor a class may be above the
#: line through the others; the variance of brightness, in squares of the span, that pulls the line to be level.
UNEQUAL, SOFT, LEVEL = 0.3, 0.5, 0.003
#: Rings that tell whether a class is noise alone.
JUDGED = slice(3, 7)


@dataclass(frozen=True)
class Coloured:
    """What was found, in the units of the blocks.

    unequal: how much more energy the less calm blocks have than the calm ones, 1 for noise alone.  fall: amplitude at the last but one
    ring over the last, in the channel where that is largest: 1 for white noise.
    """

    spectrum: Spectrum
    unequal: float
    fall: float


def coloured(picture: Samples) -> Coloured | None:
    """The spectrum of a picture's noise, if it were noise; None where the picture is too small to tell.

    Blocks of 32 × 32 pixels are windowed and transformed, and their energies in rings of frequencies compared within classes of like
    brightness. A ring is read from the blocks that are calm in all *other* rings: in noise, frequencies are independent, so that this
    selection has no bias, and content raises all of them. (The noise clinic of Lebrun, Colom & Morel 2015, IPOL 5, 1–54, takes low
    frequencies to select by, and high ones to read.) The levels of the classes give how noise grows with brightness (Liu et al. 2008,
    IEEE TPAMI 30, 299–314), by a line in the logarithm that content, which only ever adds, hardly moves.
    """
    blocks = _blocks(picture)
    if blocks is None:
        return None
    transforms, energies, mean = _energies(blocks)
    order = np.argsort(mean)
    classes = np.array_split(order, max(1, min(CLASSES, len(order) // BLOCKS_A_CLASS)))
    calm = [_calm(energies, members, CALM) for members in classes]
    levels = np.stack([_read(energies, chosen) for chosen in calm])  # (class, ring, channel)
    others = np.stack([_read(energies, _calm(energies, members, LESS_CALM)) for members in classes])
    if not (levels > 0).all():
        return None  # flat, or drawn
    unequal = np.median(others[:, JUDGED, 0] / levels[:, JUDGED, 0], axis=1)
    trust = 1 / (1 + (np.maximum(0, unequal - 1) / UNEQUAL) ** 2)
    centres = np.array([mean[members].mean() for members in classes])
    counts = _counts()
    totals = (levels[:, CONTENT_RINGS:, 0] * counts[CONTENT_RINGS:]).sum(axis=1) / counts[CONTENT_RINGS:].sum()
    fitted, weights = _growth(centres, np.log(totals), trust)
    share = weights / weights.sum()
    relative = levels / np.exp(fitted)[:, None, None]
    density = _densities(transforms, calm, np.exp(fitted), share)
    agree = (others / np.exp(fitted)[:, None, None] * share[:, None, None]).sum(0) / (relative * share[:, None, None]).sum(0)
    density = _plateau(density, agree)
    # σ is that of the whole picture: its root mean square over the brightness of all blocks.
    overall = float(np.mean(np.interp(mean, centres, np.exp(fitted))))
    density *= overall
    spectrum = Spectrum(
        tuple(tuple(tuple(float(value) for value in row) for row in ring) for ring in density),
        tuple((float(centre), float(math.exp(level) / overall)) for centre, level in zip(centres, fitted, strict=True)),
    )
    strength = np.einsum("rcc->rc", density)
    return Coloured(spectrum, float(np.exp(share @ np.log(unequal))), math.sqrt(float((strength[-2] / strength[-1]).max())))


def _blocks(picture: Samples) -> Array | None:
    """(n, channels, SIDE, SIDE), known throughout and hardly cut off, luma and chromas if there are three channels."""
    height, width, channels = picture.pixels.shape
    if min(height, width) < SIDE or channels > 4:
        return None
    step = max(4, math.isqrt((height - SIDE + 1) * (width - SIDE + 1) // BLOCKS))
    step += 1 - step % 2 if step > 4 else 0  # odd, so that JPEG's own blocks are met in every phase
    windows = np.lib.stride_tricks.sliding_window_view(picture.pixels, (SIDE, SIDE), axis=(0, 1))[::step, ::step]
    windows = windows.reshape(-1, channels, SIDE, SIDE)
    if picture.known is not None:
        known = np.lib.stride_tricks.sliding_window_view(picture.known, (SIDE, SIDE))[::step, ::step].reshape(-1, SIDE, SIDE)
        windows = windows[known.all(axis=(1, 2))]
    if len(windows) < FEWEST:
        return None
    blocks: Array = picture.inside(windows)
    cut_off = ((blocks <= picture.floor) | (blocks >= picture.ceiling)).mean(axis=(2, 3)).max(axis=1)
    blocks = blocks[cut_off <= SATURATED]
    if len(blocks) < FEWEST:
        return None
    if channels == 3:
        blocks = np.einsum("ij,njhw->nihw", OPPONENT.astype(np.float32), blocks)
    return blocks


def _window() -> Array:
    """Hann's, of mean square 1."""
    one = np.hanning(SIDE + 2)[1:-1]
    window = np.outer(one, one)
    window /= math.sqrt(float(np.mean(window**2)))
    return window.astype(np.float32)


def _half_rings() -> tuple[Array, Array]:
    """Ring of each frequency of a real transform (−1 for the mean), and how often it counts."""
    radius = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None, :])
    ring = ring_of(radius)
    ring[0, 0] = -1
    times = np.full(ring.shape, 2.0)
    times[:, 0] = times[:, -1] = 1
    return ring, times


def _counts() -> Array:
    ring, times = _half_rings()
    return np.array([times[ring == r].sum() for r in range(len(RINGS) - 1)])


def _energies(blocks: Array) -> tuple[Array, Array, Array]:
    """Transforms (n, channels, SIDE, SIDE/2 + 1), mean energies (n, rings, channels), and the brightness of each block."""
    window = _window()
    mean = (blocks * (window / window.sum())).sum(axis=(2, 3))
    transforms = np.fft.rfft2((blocks - mean[:, :, None, None]) * window).astype(np.complex64) / np.float32(SIDE)
    energy = transforms.real**2 + transforms.imag**2
    ring, times = _half_rings()
    energies = [(energy[:, :, ring == r] * times[ring == r]).sum(axis=2) / times[ring == r].sum() for r in range(len(RINGS) - 1)]
    brightness = mean[:, 0] / math.sqrt(3) if blocks.shape[1] == 3 else mean.mean(axis=1)
    return transforms, np.stack(energies, axis=1), brightness


def _calm(energies: Array, members: Array, share: float) -> list[Array]:
    """For each ring, the members of a class that are calm in all other rings."""
    logarithms = np.log(energies[members, :, 0] + 1e-14)
    total = logarithms.sum(axis=1)
    count = min(len(members), max(FEWEST_CALM, int(share * len(members))))
    return [members[np.argsort(total - logarithms[:, ring])[:count]] for ring in range(energies.shape[1])]


def _read(energies: Array, chosen: list[Array]) -> Array:
    """(ring, channel)"""
    return np.stack([energies[blocks, ring].mean(axis=0) for ring, blocks in enumerate(chosen)])


def _growth(brightness: Array, level: Array, trust: Array) -> tuple[Array, Array]:
    """Log-variance of each class, and its weight: as it was measured where that is noise alone, else on a line through the classes."""
    fitted = np.full(len(level), np.sort(level)[: max(1, len(level) // 2)].mean())
    weights = trust
    for _ in range(20):
        weights = trust / np.maximum(1, (level - fitted) / SOFT) ** 2
        share = weights / weights.sum()
        x, y = float(share @ brightness), float(share @ level)
        slope = float(share @ ((brightness - x) * (level - y)) / (share @ (brightness - x) ** 2 + LEVEL))
        fitted = y + slope * (brightness - x)
    own = np.where(level > fitted, weights, np.sqrt(trust))
    return fitted + own * (level - fitted), weights


def _densities(transforms: Array, calm: list[list[Array]], levels: Array, share: Array) -> Array:
    """Cross-spectral density in each ring, (ring, channels, channels), real, relative to the level of each class."""
    ring, times = _half_rings()
    channels = transforms.shape[1]
    density = np.zeros((len(RINGS) - 1, channels, channels))
    for chosen, level, weight in zip(calm, levels, share, strict=True):
        for r, blocks in enumerate(chosen):
            inside = ring == r
            values = transforms[blocks][:, :, inside].astype(np.complex128)
            products = np.einsum("nif,njf,f->ij", values, values.conj(), times[inside]).real
            density[r] += weight / level * products / (len(blocks) * times[inside].sum())
    return density


def _plateau(density: Array, agree: Array) -> Array:
    """Low frequencies, where calm blocks still hold content, are no stronger than the ring after them."""
    density = density.copy()
    scale = np.ones(density.shape[:2])
    for channel in range(density.shape[1]):
        rings = CONTENT_RINGS if channel == 0 or density.shape[1] != 3 or agree[1, channel] > AGREE else CHROMA_CONTENT_RINGS
        for ring in range(rings):
            most = PLATEAU * density[rings, channel, channel]
            scale[ring, channel] = min(1.0, math.sqrt(most / max(density[ring, channel, channel], 1e-300)))
    lowered: Array = density * scale[:, :, None] * scale[:, None, :]
    return lowered
