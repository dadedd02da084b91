"""What level of noise the network is told: what the noise model found, seen against what the network removes without being told."""

from __future__ import annotations

from dataclasses import replace

from denoise_cli.measure.scale import Scale
from denoise_cli.methods.learned.blind_run import Removed, removed_from
from denoise_cli.methods.method import Subject
from denoise_cli.noise.model import Noise, rms

__all__ = ["MEASURED", "believed", "white_after_all"]

#: The kinds of noise whose level is looked at again.
MEASURED = ("gaussian", "poisson", "coloured", "none")
#: The level that is told is at most MOST · (what the network removes without being told over the level that was found)^STEEP times the
#: level; what is beyond is texture. Of photographs in which noise in clumps was found, 41 with training/exposures.py's cameras, 16 with
#: training/noise.py's and 15 by real ones have 35.67, 36.98 and 38.20 dB with the level itself, 35.54, 36.86 and 38.21 with 1.2 times the
#: level, 35.85, 36.96 and 38.21 if that is at most 2.5 times what is removed, 35.96, 37.08 and 38.18 with this bound.
MOST, STEEP = 3.0, 1.5
#: If what the network removes correlates less than this from pixel to pixel, the noise is white, and clumps were found in texture only:
#: −0.18 to −0.06 under white noise of σ 3 and 6 in those photographs, −0.12 to 0.13 where there was none at all (of 24 in which clumps
#: were found, two had noise of their own: 0.45), 0.2 to 0.9 where clumps were found rightly (training/noise.py's camera, real cameras).
WHITE = 0.15
#: The same where rough terrain or a pattern was found, and what is removed may be that, if it is more than UNSEEN: −0.29 to −0.10 under
#: white noise of σ 2 to 8/255 in photographs that were taken for terrain (22 of 25), −0.03 to 0.48 on fractal terrain without noise (where
#: midpoints are displaced with a Hurst exponent of 0.3 or less, the finest step is white itself: −0.10). Without noise, less than UNSEEN
#: is removed from 60 of 61 training photographs that were taken for terrain or patterns, and what is removed from screens repeats itself.
SURELY_WHITE = -0.07
#: In colour, white noise is at most so many times what is removed: of that of σ 2/255 the network removes 0.58 and more, of σ 5 and more
#: 0.69 and more (76 pictures), where in grey it is 0.2 and more in textured ones; what calm places hold beyond that is texture.
MOST_IN_COLOUR = 1.5
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
#: Where hardly any noise was found, that needs so much in the calmer quarter of the blocks, as a standard deviation and a share of the
#: span: two of 64 photographs without noise have more, in grey, which hold some that can be seen; the film in Set12 has 0.27/255; of
#: those by simulated cameras whose noise was not found, 0.7 to 1.4/255.
IN_CALM_PLACES = 0.6 / 255
#: There it is alike all over the page if the calmer quarter of the blocks has so much of what all have: 0.50 to 0.90 in 24 photographs by
#: simulated cameras, 0.26 to 0.44 under speckle of four strengths. Told what it removes, the network gains 0.94 dB on those 24 (0.76 told
#: nothing, the worst −0.35 and −1.28), and the picture of Set12 whose texture is taken for noise keeps 46.6 dB, not 43.7; under speckle
#: it gains 2 to 3 dB more if it is told nothing.
EVENLY = 0.47
#: The same where less than this is removed, as a share of the span, however uneven: what is that weak is more often texture that looks like
#: noise. Of 14 photographs under speckle in which hardly any noise was found, the two with less removed are as even as noise is.
WEAK = 2 / 255
#: There the network is told this part of what it removes, the rest of which is texture: with 1.0, 0.7 and 0 (told nothing), 17 photographs
#: by simulated cameras of low noise, in grey, gain 0.50, 0.56 and 0.35 dB, the worst −0.76, −0.57 and −1.25, and 5 in colour 0.34, 0.34
#: and 0.19.
ONLY_SEEN = 0.7
#: Where hardly any noise was found, what is removed in the calmer quarter of the blocks, too, is so many times the level of that: 1.3 to 6
#: times in 15 photographs by real cameras and 30 by simulated ones, in grey; 1.24 on a depth map with white noise, a ramp and steep edges.
CLEARLY_MORE = 1.3
#: There the network is told this many times what it removes: with 1.0, 1.2 and 1.5, 36 photographs with training/exposures.py's cameras,
#: 16 with training/noise.py's and 12 by real ones, in grey, have 36.66, 36.99 and 39.81 dB, 36.79, 37.20 and 40.15, 36.79, 37.25 and 40.30.
#: In colour, 1.2 and 1.5 give 42.49 and 42.40, 40.23 and 40.11 dB on 13 and 12 photographs by simulated cameras of low noise, the worst 0.2
#: and 1.1 and 0.3 and 1.6 dB worse than they came; 36.79 and 36.91 on 4 with training/exposures.py's cameras.
UNSEEN_CLUMPS_IN_GREY, UNSEEN_CLUMPS = 1.5, 1.2
#: If the calmer quarter of the blocks gives up so much of what all do, noise is alike everywhere, the network overlooks none of it in
#: texture, and σ of noise in clumps is at most REMAINS times what is removed. With and without this bound, 42 and 30 photographs by
#: simulated cameras of low noise have 41.68 and 41.62, 40.63 and 40.51 dB, 27 with training/exposures.py's cameras 36.69, 15 by real ones,
#: two of which it reaches, 38.10.
ALIKE = 0.83
#: Under white noise of σ 5/255 the network removes 0.72 to 0.9 of it without being told, on textured photographs.
REMAINS = 1.2


def believed(subject: Subject, noise: Noise, *, device: str, workers: int | None) -> tuple[Noise, float]:
    """The noise that a page is taken to hold, and what its level is multiplied by before the network is told.

    Pieces of the page go through the network without a level. Where what that removes is white, but clumps, terrain or a pattern was found,
    that was a mistake, and the noise is white (`white_after_all`). Where it is far less than the level, the level is that of texture.
    Where hardly any noise was found, and much is removed from everywhere, there is: in grey, the noise of a camera looks like texture.
    Where more is removed than was found, noise differs from place to place, and the network is told nothing (0 times the level).
    """
    if noise.model == "none" and subject.stored.dtype.kind != "u" and noise.if_white is None:
        return noise, 1.0
    seen = removed_from(subject, device=device, workers=workers)
    if seen is None:
        return noise, 1.0
    scale = subject.scale
    if (white := white_after_all(seen, noise, scale)) is not None:
        return white, 1.0
    if noise.model == "none" and subject.stored.dtype.kind != "u":
        return noise, 1.0
    if noise.spectrum is not None and seen.neighbours < WHITE:
        return _as_removed(seen, REMAINS * scale.unit, "what the network removes is white"), 1.0
    removed, expected = seen.strength, seen.expected(noise.times(1 / scale.unit, scale.bottom))
    if noise.spectrum is None and removed > max(STRONGER * expected, UNSEEN if noise.model == "none" else 0.0):
        clumps = subject.stored.dtype.kind == "u" and is_in_clumps(seen)
        clumps &= noise.model != "none" or seen.strength_where_calm > CLEARLY_MORE * expected
        if clumps and may_be_noise(seen, noise):
            times = UNSEEN_CLUMPS_IN_GREY if len(seen.levels) == 1 else UNSEEN_CLUMPS
            found = _as_removed(seen, times * scale.unit, "the network removes clumps from everywhere")
            return replace(found, called="noise that only the network sees"), 1.0
        enough = noise.model != "none" or seen.strength_where_calm >= IN_CALM_PLACES
        # Patterns of single pixels, grass among them, correlate negatively: −0.25 to −0.36.
        if enough and abs(seen.neighbours) < WHITE and not seen.repeats:
            evidence = "the network removes more than the calmest places show"
            if noise.model == "none" and (seen.calm >= EVENLY or removed < WEAK):
                found = _as_removed(seen, ONLY_SEEN * scale.unit, evidence)
                return replace(found, called="noise that only the network sees"), 1.0
            return replace(_as_removed(seen, scale.unit, evidence), called="noise that differs from place to place"), 0.0
    if noise.model == "none":
        return noise, 1.0
    share = _share(removed, expected)
    if noise.spectrum is not None and seen.calm >= ALIKE:
        share = min(share, REMAINS * removed / max(expected, 1e-30))
    return noise, share


def white_after_all(seen: Removed, noise: Noise, scale: Scale) -> Noise | None:
    """White noise, where it was taken for clumps, rough terrain or a pattern, and what the network removes is white; else None.

    Its level is that of the calmest blocks, which is read too high where texture is everywhere, so that what is removed bounds it. Where
    far more is removed from a channel, the calmest blocks do not tell.
    """
    white = noise.if_white
    if white is None or white.sigma <= 0 or seen.neighbours >= (SURELY_WHITE if noise.spectrum is None else WHITE):
        return None
    if noise.spectrum is None and (seen.repeats or seen.strength < UNSEEN):
        return None
    calm = seen.expected_levels(white.times(1 / scale.unit, scale.bottom))
    if any(removed > CLEARLY_MORE * level for removed, level in zip(seen.levels, calm, strict=True)):
        return None  # calm places were cleared of it, in a channel at least
    expected = rms(calm)
    share = _share(seen.strength, expected)
    if len(seen.levels) == 3:
        share = min(share, MOST_IN_COLOUR * seen.strength / max(expected, 1e-30))
    told = replace(white.weaker(share), evidence="what the network removes is white")
    return told if told.model == "poisson" else replace(told, model="gaussian")


def _share(removed: float, expected: float) -> float:
    """The share of a level that is noise, the rest being texture, where this is removed and that would be expected."""
    share: float = min(1.0, MOST * (removed / max(expected, 1e-30)) ** STEEP)
    return share


def is_in_clumps(seen: Removed) -> bool:
    """Not white, and from everywhere."""
    return seen.neighbours >= WHITE and seen.calm >= EVERYWHERE


def may_be_noise(seen: Removed, found: Noise) -> bool:
    """Whether what was removed may be noise in clumps: what is strong may be a pattern, and is one where hardly any noise was found."""
    return seen.strength <= TOO_MUCH or not (found.model == "none" or seen.repeats)


def _as_removed(seen: Removed, times: float, evidence: str) -> Noise:
    """Noise of `times` the standard deviation of what was removed from each channel."""
    return replace(Noise.told(tuple(times * level for level in seen.levels)), evidence=evidence)
