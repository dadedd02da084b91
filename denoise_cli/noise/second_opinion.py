"""The spectrum of noise in clumps, from what calm places hold and from what a denoiser removes that is told nothing of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from denoise_cli.kernels.fourier import fourier
from denoise_cli.noise.calm_blocks import calm, classes_of, read
from denoise_cli.noise.opponent_colours import BASES, MEAN
from denoise_cli.noise.ring_energies import FEWEST, SIDE, energies_of, half_rings, ring_counts, window
from denoise_cli.noise.spectrum import RINGS, Spectrum

__all__ = ["spectrum_from_both"]

Array = npt.NDArray[Any]

#: Blocks that are looked at, about: with 200, 400 and 900, 15 photographs by real cameras have 36.86, 36.85 and 36.85 dB under `optimal`,
#: 84 by simulated ones 34.51, 34.53 and 34.53, and 900 take 25 ms more.
BLOCKS = 400
#: Rings from the inside in which calm blocks hold more content than noise.
CONTENT_RINGS = 3
#: How much more of the energy of noise is there than a network removes, in the innermost rings and compared with the next one: what is
#: smooth over so many pixels, it takes for content. Luma and chroma; means over 49 photographs with noise of training/noise.py's camera, 37
#: from a simulated camera (demosaicked by Malvar's filters or bilinearly, smoothed by edges, sharpened, JPEG), 15 by real ones.
LOW_LUMA, LOW_CHROMA = (1.9, 1.45, 1.15), (1.9, 1.4, 1.1)
#: The σ of the noise of these 101, over σ of what is removed, is MORE·(σ in the calmest blocks over σ of what is removed there)^CAREFUL,
#: and differs from that by a quarter: the first factor stands for textured places, where the network sees less of the noise; the second for
#: noise that it does not know. The exponent is not 1, because what calm blocks hold beyond what is removed may be texture.
MORE, CAREFUL = 1.2, 0.46
#: The most that calm blocks may hold over what is removed, in σ.
MOST = 6.0
#: σ in calm places stands for this much: noise is stronger elsewhere, as JPEG and cameras clear calm places of it.
CALM_PLACES = 1.1
#: The weight, in the logarithm, of what calm places tell where it is more than what follows from the removed component, and where it is
#: less: calm places may have been cleared of noise, and JPEG clears them wholly, so that less says little. On the pictures above `optimal`
#: is 0.13, 0.32 and −0.18 dB short of the best single λ with both, 0.21, 0.60 and 0.39 dB by calm places alone (means over the photographs
#: of real cameras, of the simulated camera, and of that of training/noise.py).
ABOVE, BELOW = 0.6, 0.2
#: What calm places tell is believed up to so many times, in σ, what follows from the removed component: beyond that it is texture. Of 67
#: photographs by 67 simulated cameras, in colour, `optimal` is 0.11 dB short of the best single λ without this bound, 0.00 with it.
APART = 2.0
#: Less than any energy, in squares of the span.
NO_ENERGY = 1e-12


def spectrum_from_both(found: Spectrum | None, pieces: Sequence[tuple[Array, Array, Array]], most: float = math.inf) -> Spectrum | None:
    """The spectrum of the noise, where calm places have `found` one, or none; `found` itself where there are too few blocks.

    pieces : of the picture, each (pixels, removed, known): what a denoiser removed from the pixels, both (height, width, channels), in the
        units of `found`; and which of them count, (height, width, 1).
    most : σ of the noise in each channel (of luma and chromas, where there are three) is at most so many times that of what was removed.

    Calm places hold only noise, but often less of it than others: what varies with brightness and colour is least there, and cameras and
    JPEG smooth them. What a denoiser removes is from everywhere, but not all of the noise, where it does not know it or takes it for
    texture. Where both are seen, in calm blocks, their ratio tells how careful the denoiser was.
    """
    basis = MEAN if found is None else found.basis
    cut = _blocks(pieces, basis)
    if cut is None:
        return found
    seen, removed, brightness = cut
    energies, taken = energies_of(seen, False), energies_of(removed, False)
    chosen = [calm(energies, members) for members in classes_of(brightness)]
    noise, share = (np.median([read(each, blocks) for blocks in chosen], axis=0) for each in (energies, taken))
    taken_density = _density(removed)
    told = _followed(taken_density, noise, share)
    if found is not None:
        told = _between(told, np.array(found.density))
    level, taken_level = (np.array(_spectrum(density, basis).opponent_sigmas) for density in (told, taken_density))
    bounded = np.minimum(level, most * np.maximum(taken_level, NO_ENERGY)) / np.maximum(level, NO_ENERGY)
    told = _scaled(told, np.broadcast_to(bounded, told.shape[:2]))
    spectrum = _spectrum(told, basis)
    return spectrum if found is None else replace(found, density=spectrum.density)


def _spectrum(density: Array, basis: str) -> Spectrum:
    """Of a density (ring, channels, channels)."""
    return Spectrum(tuple(tuple(tuple(float(value) for value in row) for row in ring) for ring in density), (), basis)


def _blocks(pieces: Sequence[tuple[Array, Array, Array]], basis: str) -> tuple[Array, Array, Array] | None:
    """Blocks of the pixels and of what was removed, windowed and transformed, (channels, n, SIDE, SIDE/2 + 1), in opponent channels where
    there are three, and their brightness, (n,); None where they are too few."""
    seen, channels = [], pieces[0][0].shape[2]
    turn = BASES[basis] if channels == 3 else np.eye(channels)
    for pixels, removed, known in pieces:
        height, width = pixels.shape[:2]
        if min(height, width) < SIDE:
            continue
        step = max(4, math.isqrt((height - SIDE + 1) * (width - SIDE + 1) * len(pieces) // BLOCKS))
        planes = np.concatenate([turn.astype(np.float32) @ each.reshape(-1, channels).T for each in (pixels, removed)])
        cut = _windows(planes.reshape(2 * channels, height, width), step)
        seen.append(cut if known.all() else cut[:, _windows(known[None, :, :, 0], step)[0].all(axis=(1, 2))])
    blocks = np.concatenate(seen, axis=1) if seen else np.empty((2 * channels, 0, SIDE, SIDE), np.float32)
    if blocks.shape[1] < FEWEST:
        return None
    weight = window()
    mean = blocks.reshape(*blocks.shape[:2], -1) @ (weight / weight.sum()).ravel()
    brightness = turn.sum(axis=1) @ mean[:channels] / channels
    blocks -= mean[:, :, None, None]
    blocks *= weight / np.float32(SIDE)
    flat = blocks.reshape(-1, SIDE, SIDE)
    spectra = fourier(flat, np.empty((len(flat), SIDE, SIDE // 2 + 1), np.complex64), 1).reshape(*blocks.shape[:3], SIDE // 2 + 1)
    return spectra[:channels], spectra[channels:], brightness


def _windows(planes: Array, step: int) -> Array:
    """Squares of SIDE pixels, `step` apart, (planes, n, SIDE, SIDE), a copy."""
    windows = np.lib.stride_tricks.sliding_window_view(planes, (SIDE, SIDE), axis=(1, 2))[:, ::step, ::step]
    return windows.reshape(len(planes), -1, SIDE, SIDE)


def _density(removed: Array) -> Array:
    """Cross-spectral density of the blocks in each ring, (ring, channels, channels)."""
    ring, times = half_rings()
    density = np.empty((len(RINGS) - 1, len(removed), len(removed)))
    for r in range(len(density)):
        values = removed[:, :, ring == r] * np.sqrt(times[ring == r]).astype(np.float32)
        flat = values.reshape(len(removed), -1)
        density[r] = (flat @ flat.conj().T).real / (removed.shape[1] * times[ring == r].sum())
    return density


def _followed(density: Array, noise: Array, share: Array) -> Array:
    """The density of the noise that follows from that of the removed component and from the energies of both in calm blocks, (ring,
    channel)."""
    counts = ring_counts()[CONTENT_RINGS:, None]
    ratio = (noise[CONTENT_RINGS:] * counts).sum(axis=0) / np.maximum((share[CONTENT_RINGS:] * counts).sum(axis=0), NO_ENERGY)
    factors = np.broadcast_to(MORE * np.clip(ratio, 1, MOST**2) ** (CAREFUL / 2), density.shape[:2]).copy()
    for channel in range(density.shape[1]):
        factors[:CONTENT_RINGS, channel] *= np.sqrt(LOW_CHROMA if channel and density.shape[1] == 3 else LOW_LUMA)
    return _scaled(density, factors)


def _between(told: Array, found: Array) -> Array:
    """The density between what follows from the removed component and what calm places have `found`."""
    ours, theirs = (np.maximum(np.einsum("rcc->rc", each), NO_ENERGY) for each in (told, CALM_PLACES**2 * found))
    apart = np.minimum(np.log(theirs / ours), 2 * math.log(APART))
    return _scaled(told, np.exp(np.where(apart > 0, ABOVE, BELOW) * apart / 2))


def _scaled(density: Array, factors: Array) -> Array:
    """With the amplitude of each ring and channel times its factor."""
    scaled: Array = density * factors[:, :, None] * factors[:, None, :]
    return scaled
