"""What level of noise the network is told: what the noise model found, seen against what the network removes without being told."""

from __future__ import annotations

from dataclasses import replace

from denoise_cli.methods.learned.blind_run import Removed, removed_from
from denoise_cli.methods.method import Subject
from denoise_cli.noise.model import Noise

__all__ = ["MEASURED", "believed"]

#: The kinds of noise whose level is looked at again.
MEASURED = ("gaussian", "poisson", "coloured", "none")
#: What the network is told is the level that was found, times this, where the noise is in clumps. Told 1, 1.2 and 1.4 times the level, 15
#: photographs of real cameras have 37.59, 37.65 and 37.65 dB; 21 with noise of training/noise.py's camera, and 17 with other noise in
#: clumps, have 33.36 and 34.25 with 1, and 33.22 and 34.15 with 1.4. Stein's estimate chose among 0.7, 1, 1.4 and 2 no better than one
#: factor for all did: it is as wrong as the spectrum is.
CLUMPS = 1.2
#: The level that is told is at most this many times what the network removes without being told; what is beyond is texture. It removed
#: at least 1/2.2 of the level of 15 photographs by real cameras. With 64 photographs (every 7th of training/photographs.tsv) and the noise
#: of training/noise.py's camera, and of training/exposures.py's, results have 35.01 and 34.39 dB with 6, 35.06 and 34.49 dB with 2.5; the
#: worst of those photographs without noise come back at 43.8 and 45.4 dB.
MOST = 2.5
#: If what the network removes correlates less than this from pixel to pixel, the noise is white, and clumps were found in texture only:
#: −0.18 to −0.06 under white noise of σ 3 and 6 in those photographs, −0.12 to 0.13 where there was none at all (of 24 in which clumps
#: were found, two had noise of their own: 0.45), 0.2 to 0.9 where clumps were found rightly (training/noise.py's camera, real cameras).
WHITE = 0.15
#: Where hardly any noise was found, there are clumps all the same if what the network removes, told nothing, is more than this, as a
#: standard deviation and a share of the span, is not white, and comes from everywhere: from the calmer quarter of the blocks of 16²
#: pixels at least EVERYWHERE times as much as from all. In grey, the network removes at most 0.83/255 of 63 of the 64 photographs above
#: without noise, and where it is more than 1 in Set12 (film), it is white (−0.26 to −0.17), which would have been found; of 15 by real
#: cameras 1.2 to 6.2, with correlations of 0.42 to 0.62, in 13. The calmer quarter has 0.2 to 0.9 there; drawings and text have 0
#: to 0.1, because it is their edges. More than TOO_MUCH is a pattern (a chequerboard of 2 pixels: 114/255). Only pages of unsigned
#: integers, as photographs and scans are, are looked at: the roughness of terrain, in metres, is as much everywhere as noise is.
UNSEEN, TOO_MUCH, EVERYWHERE = 1.2 / 255, 12 / 255, 0.15
#: Where the network removes more than this many times the level that was found, noise is stronger than in the calmest places, which the
#: level is read from: 0.05 to 1.10 under white and brightness-dependent noise (48 of Set12, BSD68 and Kodak24 at σ 5 to 50, 40 of
#: training photographs and drawings with noise of ten kinds), 1.18 to 3.9 where speckle multiplies, noise grows towards the corners or is
#: in a half of the picture. There the network, told nothing, gives 0 to 8 dB more than told the level, total variation up to 10 less.
STRONGER = 1.15
#: Where hardly any noise was found, that needs so much more than UNSEEN, as a share of the span, from so much of the picture: the network
#: removes 1.6/255 of the film in Set12, of which the calmer quarter of the blocks has 0.17.
UNSEEN_WHITE, MOST_PLACES = 2.5 / 255, 0.25
#: Where hardly any noise was found, what is removed in the calmer quarter of the blocks, too, is so many times the level of that: 1.3 to 6
#: times in 15 photographs by real cameras and 30 by simulated ones, in grey; 1.24 on a depth map with white noise, a ramp and steep edges.
CLEARLY_MORE = 1.3
#: There the network is told this many times what it removes: with 1.0, 1.2, 1.35, 1.5 and 1.8, 15 photographs by simulated cameras
#: (training/exposures.py), in grey, have 37.16, 37.39, 37.47, 37.50 and 37.46 dB.
UNSEEN_CLUMPS = 1.35
#: Under white noise of σ 5/255 the network removes 0.72 to 0.9 of it without being told, on textured photographs.
REMAINS = 1.2


def believed(subject: Subject, noise: Noise, *, device: str, workers: int | None) -> tuple[Noise, float]:
    """The noise that a page is taken to hold, and what its level is multiplied by before the network is told.

    Pieces of the page go through the network without a level. Where what that removes is white, noise in clumps was found by mistake,
    and the noise is white and about as strong as what was removed. Where it is far less than the level, the level is that of texture.
    Where hardly any noise was found, and much is removed from everywhere, there is: in grey, the noise of a camera looks like texture.
    Where more is removed than was found, noise differs from place to place, and the network is told nothing (0 times the level).
    """
    if noise.model == "none" and subject.stored.dtype.kind != "u":
        return noise, 1.0
    seen = removed_from(subject, device=device, workers=workers)
    if seen is None:
        return noise, 1.0
    scale = subject.scale
    if noise.spectrum is not None and seen.neighbours < WHITE:
        return _as_removed(seen, REMAINS * scale.unit, "what the network removes is white"), 1.0
    removed, expected = seen.strength, seen.expected(noise.times(1 / scale.unit, scale.bottom))
    if noise.spectrum is None and removed > max(STRONGER * expected, UNSEEN if noise.model == "none" else 0.0):
        clumps = subject.stored.dtype.kind == "u" and is_in_clumps(seen)
        clumps &= noise.model != "none" or seen.calm * removed > CLEARLY_MORE * expected
        if clumps and may_be_noise(seen, noise):
            found = _as_removed(seen, UNSEEN_CLUMPS * scale.unit, "the network removes clumps from everywhere")
            return replace(found, called="noise that only the network sees"), 1.0
        enough = noise.model != "none" or (removed >= UNSEEN_WHITE and seen.calm >= MOST_PLACES)
        # Patterns of single pixels, grass among them, correlate negatively: −0.25 to −0.36.
        if enough and abs(seen.neighbours) < WHITE and not seen.repeats:
            found = _as_removed(seen, scale.unit, "the network removes more than the calmest places show")
            return replace(found, called="noise that differs from place to place"), 0.0
    if noise.model == "none":
        return noise, 1.0
    return noise, (CLUMPS if noise.spectrum is not None else 1.0) * min(1.0, MOST * removed / expected)


def is_in_clumps(seen: Removed) -> bool:
    """Not white, and from everywhere."""
    return seen.neighbours >= WHITE and seen.calm >= EVERYWHERE


def may_be_noise(seen: Removed, found: Noise) -> bool:
    """Whether what was removed may be noise in clumps: what is strong may be a pattern, and is one where hardly any noise was found."""
    return seen.strength <= TOO_MUCH or not (found.model == "none" or seen.repeats)


def _as_removed(seen: Removed, times: float, evidence: str) -> Noise:
    """Noise of `times` the standard deviation of what was removed from each channel."""
    return replace(Noise.told(tuple(times * level for level in seen.levels)), evidence=evidence)
