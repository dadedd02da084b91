"""Noise in clumps, as cameras and JPEG deliver it: its spectrum, from the calmest blocks of a picture at every brightness."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from denoise_cli.kernels.fourier import inverse_fourier
from denoise_cli.noise.calm_blocks import calm, classes_of, read
from denoise_cli.noise.opponent_colours import MEAN
from denoise_cli.noise.ring_energies import SIDE, SquareBlocks, energies_of, energy, half_rings, logarithms, ring_counts, window
from denoise_cli.noise.rough_content import is_rough, repeated_share, white_beside_content
from denoise_cli.noise.spectrum import RINGS, Spectrum

__all__ = ["Coloured", "coloured"]

Array = npt.NDArray[Any]

#: A larger share than CALM of the calmest blocks of a class, to see whether those are as calm: they are, where there is nothing but noise.
LESS_CALM = 0.2
#: The rings, from the inside, that hold more content than noise in most pictures: luma is told by the ring after them.
CONTENT_RINGS = 3
#: The same for chroma, where calm blocks agree to this factor within the second ring.
CHROMA_CONTENT_RINGS, AGREE = 2, 1.6
#: How much stronger, in energy, noise may be at low frequencies than in the ring that tells it: bilinear demosaicking makes it 1.0 to 1.6
#: times. Chroma, which cameras smooth and JPEG stores at half the resolution, has 0.9 to 3 times the energy of its third ring.
PLATEAU, CHROMA_PLATEAU = 1.7, 3.0
#: How far the less calm blocks of a class may be above the calm ones before the class counts less; by which factor a class may be above the
#: line through the others; the variance of brightness, in squares of the span, that pulls the line to be level.
UNEQUAL, SOFT, LEVEL = 0.3, 0.5, 0.003
#: Less chroma than this share of luma is as good as none: noise of cameras has 0.3 and more, after JPEG 0.19.
LEAST_CHROMA = 0.15
#: Where `irregular` is more than this, content of a few directions is in the mean energies, and the geometric ones are read in colour, too
#: (15 photographs by cameras: −0.01 to 0.22; of 25 with noise of training/noise.py's camera it is 0.29, 0.80 and 0.98 in three whose luma
#: was told 1.4, 1.7 and 3.9 times too high, and with geometric means is told 0.9, 1.1 and 1.0 times).
DIRECTED = 0.25
#: Less than any standard deviation, in spans.
SMALLEST = 1e-8
#: JPEG stores chroma at half the resolution: there the last two rings are alike empty, and this one is not.
MIDDLE_RING = 4
#: Rings that tell whether a class is noise alone.
JUDGED = slice(3, 7)


@dataclass(frozen=True)
class Coloured:
    """What was found, in the units of the blocks.

    unequal: how much more energy the less calm blocks have than the calm ones, 1 for noise alone. irregular: how far the mean logarithm
    of their energies lies below that of normal noise with the same mean energy at each frequency, 0 for noise alone: texture has
    directions, and differs from block to block. lopsided: skewness of luma without its low frequencies, 0 for noise: grains of sand cast
    shadows (0, too, where there is chroma: it says nothing there). fall, chroma_fall: amplitude of luma (without chroma, of the channel
    where that is largest) at the last but one ring over the last, and of the chroma where that is largest at MIDDLE_RING over the last: 1
    for white noise. middle_fall: as chroma_fall, of luma. rough: whether luma falls with a power of the frequency throughout, as rough
    terrain does. repeats: the share of luma's energy that a few frequencies have. white: of rough terrain, σ of the white noise in luma,
    if all else in the calm blocks falls with a power of the frequency.
    """

    spectrum: Spectrum
    unequal: float
    irregular: float
    lopsided: float
    fall: float
    chroma_fall: float
    middle_fall: float
    rough: bool
    repeats: float
    white: float
    robust: bool

    @property
    def has_chroma(self) -> bool:
        """Whether luma and chroma are both there."""
        return _has_chroma(self.spectrum)


def coloured(blocks: SquareBlocks, basis: str = MEAN) -> Coloured | None:
    """The spectrum of a picture's noise, if it were noise, in luma and chromas of `basis`; None where the picture is too small to tell.

    Blocks of 32 × 32 pixels are windowed and transformed, and their energies in rings of frequencies compared within classes of like
    brightness. A ring is read from the blocks that are calm in all *other* rings: in noise, frequencies are independent, so that this
    selection has no bias, and content raises all of them. (The noise clinic of Lebrun, Colom & Morel 2015, IPOL 5, 1–54, takes low
    frequencies to select by, and high ones to read.) Of grey pictures the geometric mean of the energies is read, which for normal noise
    is e^−γ times the mean, and which the few frequencies along a texture hardly move: σ of about 100 pictures made from 30 photographs
    erred less by a third. (Chroma that JPEG has cleared of most frequencies has no geometric mean.) The levels of the classes give how
    noise grows with brightness (Liu et al. 2008, IEEE TPAMI 30, 299–314), by a line in the logarithm that content, which only ever adds,
    hardly moves.
    """
    turned = blocks.turned(basis)
    if turned is None:
        return None
    found = _read_blocks(*turned, basis, robust=len(turned[0]) == 1)
    if found is None or found.robust or (found.has_chroma and found.irregular <= DIRECTED):
        return found
    again = _read_blocks(*turned, basis, robust=True)
    if not found.has_chroma:
        return again
    if again is None or sum(again.spectrum.sigmas) > sum(found.spectrum.sigmas):
        return found
    # Mean energies decide whether it is noise: the geometric ones of content are too much alike.
    return replace(again, unequal=max(found.unequal, again.unequal))


def _read_blocks(transforms: Array, mean: Array, basis: str, *, robust: bool) -> Coloured | None:
    """What is found in blocks of these transforms and this brightness (`SquareBlocks.turned`), by geometric means if `robust`."""
    energies = energies_of(transforms, robust)
    classes = classes_of(mean)
    calmest = [calm(energies, members) for members in classes]
    levels = np.stack([read(energies, chosen) for chosen in calmest])  # (class, ring, channel)
    less_calm = [calm(energies, members, LESS_CALM) for members in classes]
    others = np.stack([read(energies, chosen) for chosen in less_calm])
    if not (levels > 0).all():
        return None  # flat, or drawn
    unequal = np.median(others[:, JUDGED, 0] / levels[:, JUDGED, 0], axis=1)
    trust = 1 / (1 + (np.maximum(0, unequal - 1) / UNEQUAL) ** 2)
    centres = np.array([mean[members].mean() for members in classes])
    counts = ring_counts()
    totals = (levels[:, CONTENT_RINGS:, 0] * counts[CONTENT_RINGS:]).sum(axis=1) / counts[CONTENT_RINGS:].sum()
    fitted, weights = _growth(centres, np.log(totals), trust)
    share = weights / weights.sum()
    relative = levels / np.exp(fitted)[:, None, None]
    density = _densities(transforms, calmest, np.exp(fitted), share, robust)
    agree = (others / np.exp(fitted)[:, None, None] * share[:, None, None]).sum(0) / (relative * share[:, None, None]).sum(0)
    density = _plateau(density, agree)
    # σ is that of the whole picture: its root mean square over the brightness of all blocks.
    overall = float(np.mean(np.interp(mean, centres, np.exp(fitted))))
    density *= overall
    spectrum = Spectrum(
        tuple(tuple(tuple(float(value) for value in row) for row in ring) for ring in density),
        tuple((float(centre), float(math.exp(level) / overall)) for centre, level in zip(centres, fitted, strict=True)),
        basis,
    )
    strength = np.sqrt(np.einsum("rcc->rc", density) + SMALLEST**2)
    luma = share @ np.log(levels[:, :, 0])
    rough = is_rough(luma)
    repeats = repeated_share(transforms[0][calm(energies, np.concatenate(classes), LESS_CALM)[JUDGED.start]])
    own = slice(0, 1) if strength.shape[1] == 3 else slice(None)
    return Coloured(
        spectrum, float(np.exp(share @ np.log(unequal))), _irregular(transforms, less_calm, levels),
        0.0 if _has_chroma(spectrum) else _lopsided(transforms, less_calm),
        float((strength[-2] / strength[-1])[own].max()), float((strength[MIDDLE_RING] / strength[-1])[1:].max(initial=1.0)),
        float(strength[MIDDLE_RING, 0] / strength[-1, 0]),
        rough, repeats, white_beside_content(luma) if rough else 0.0, robust,
    )  # fmt: skip


def _has_chroma(spectrum: Spectrum) -> bool:
    luma, *chromas = spectrum.opponent_sigmas
    return len(chromas) == 2 and math.hypot(*chromas) > math.sqrt(2) * LEAST_CHROMA * luma


def _irregular(transforms: Array, chosen: list[list[Array]], levels: Array) -> float:
    """By how much the mean of log energy of luma in JUDGED rings lies under the logarithm of its mean, beyond what normal noise has."""
    ring, _ = half_rings()
    below = []
    for r in range(JUDGED.start, JUDGED.stop):
        luma = [
            _gathered(transforms[:1], each[r], ring == r)[:, 0] / math.sqrt(level[r, 0]) for each, level in zip(chosen, levels, strict=True)
        ]
        found = logarithms(np.concatenate(luma))
        below.append(float(np.mean(np.log(np.exp(found).mean(axis=0)) - found.mean(axis=0))))
    return float(np.mean(below)) - np.euler_gamma


def _lopsided(transforms: Array, chosen: list[list[Array]]) -> float:
    """The mean skewness of luma without the rings below JUDGED, where the window leaves more than half of it, over blocks by themselves."""
    ring, _ = half_rings()
    weight = window()
    inside = weight > weight.max() / 2
    blocks = np.unique(np.concatenate([each[JUDGED.start] for each in chosen]))
    high = np.where(ring >= JUDGED.start, transforms[0][blocks], 0)
    pixels = inverse_fourier(high, np.empty((len(blocks), SIDE, SIDE), np.float32), 1)[:, inside] / weight[inside]
    pixels -= pixels.mean(axis=1, keepdims=True)
    deviation = np.sqrt((pixels**2).mean(axis=1, keepdims=True)) + SMALLEST
    return abs(float(np.mean((pixels / deviation) ** 3)))


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


def _densities(transforms: Array, calmest: list[list[Array]], levels: Array, share: Array, robust: bool) -> Array:
    """Cross-spectral density in each ring, (ring, channels, channels), real, relative to the level of each class."""
    ring, times = half_rings()
    channels = len(transforms)
    density = np.zeros((len(RINGS) - 1, channels, channels))
    for chosen, level, weight in zip(calmest, levels, share, strict=True):
        for r, blocks in enumerate(chosen):
            inside = ring == r
            values = _gathered(transforms, blocks, inside).astype(np.complex128)
            products = np.einsum("nif,njf,f->ij", values, values.conj(), times[inside]).real
            products /= len(blocks) * times[inside].sum()
            scale = np.sqrt(energy(values, times[inside], robust).mean(axis=0) / np.maximum(np.diag(products), 1e-300))
            density[r] += weight / level * products * scale[:, None] * scale[None, :]
    return density


def _gathered(transforms: Array, blocks: Array, inside: Array) -> Array:
    """The frequencies `inside` of some blocks, (blocks, channels, frequencies)."""
    every = transforms.reshape(*transforms.shape[:2], -1)
    found: Array = every[np.arange(len(every))[None, :, None], blocks[:, None, None], np.flatnonzero(inside)[None, None, :]]
    return found


def _plateau(density: Array, agree: Array) -> Array:
    """Low frequencies, where calm blocks still hold content, are no stronger than the ring after them."""
    density = density.copy()
    scale = np.ones(density.shape[:2])
    for channel in range(density.shape[1]):
        as_luma = channel == 0 or density.shape[1] != 3 or agree[1, channel] > AGREE
        rings, plateau = (CONTENT_RINGS, PLATEAU) if as_luma else (CHROMA_CONTENT_RINGS, CHROMA_PLATEAU)
        for ring in range(rings):
            most = plateau * density[rings, channel, channel]
            scale[ring, channel] = min(1.0, math.sqrt(most / max(density[ring, channel, channel], 1e-300)))
    lowered: Array = density * scale[:, :, None] * scale[:, None, :]
    return lowered
