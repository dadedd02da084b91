"""The noise that total variation is told, seen again: calm places, and what the network removes without being told anything."""

from __future__ import annotations

from dataclasses import replace

from denoise_cli.methods.learned.blind_run import Removed, removed_from
from denoise_cli.methods.learned.told_level import REMAINS, STRONGER, UNSEEN, WHITE, is_in_clumps, may_be_noise, white_after_all
from denoise_cli.methods.method import Subject
from denoise_cli.noise.model import Noise
from denoise_cli.noise.second_opinion import spectrum_from_both

__all__ = ["seen_again"]

#: The kinds of noise that are looked at again; white noise only where the calmest places hold more than that.
LOOKED_AT = ("coloured", "gaussian", "none")
#: Noise in clumps stays that though what the network removes is white, where that is not as strong in luma as in the chromas, and
#: in all channels, to this factor. Of 84 photographs by simulated cameras, five are such, with 1.49 to 5.3: taken for white noise they
#: lose 0.6 to 4.1 dB. Of textured photographs with white noise of σ 2 to 7/255, 13 have 1.48 to 2.8, and lose 0 to 2.1 dB as well, as one
#: λ for luma and chroma blurs luma; 22 have 1.06 to 1.41, and gain up to 11.
UNLIKE = 1.45
#: In colour, noise that is nearly white needs so much, as a share of the span, and that much of it in the calmer quarter of the blocks.
NEARLY_WHITE, MOST_PLACES = 2.5 / 255, 0.25
#: σ of noise in clumps is at most so many times that of what the network removes, in grey, and in luma and in chroma; what is beyond is
#: texture. With 2.0, 2.3 and no bound, 67 photographs by simulated cameras, in colour, are −0.13, −0.10 and 0.00 dB short of the best
#: single λ, and 15 by real ones 0.04, 0.01 and 0.00 (the worst 0.85, 0.64 and 0.64).
MOST_IN_GREY, MOST = 2.5, 2.2


def seen_again(subject: Subject, noise: Noise, *, workers: int | None) -> Noise:
    """The noise of a page, where it is in clumps, or where calm places leave that open; else `noise` itself.

    Where clumps, terrain or a pattern was found, and what the network removes is white, so is the noise (`told_level.white_after_all`), but
    not where red, green and blue are unlike: that is a camera's.
    Where noise in clumps was found, what the network removes has a say in its spectrum (`noise.second_opinion`). Where hardly any was
    found, or white noise though the calmest places hold more than that, there is noise in clumps if the network removes more than was
    found, from everywhere, and no pattern of single pixels (the bounds of `told_level.believed`). It is never told far stronger than what
    the network removes: clumps in texture look like those of noise in calm places.
    """
    if noise.before_jpeg is not None or noise.model not in LOOKED_AT:
        return noise
    if noise.model == "gaussian" and not noise.restless:
        return noise
    if noise.spectrum is None and noise.if_white is None and subject.stored.dtype.kind != "u":
        return noise
    seen = removed_from(subject, workers=workers)
    if seen is None:
        return noise
    scale = subject.scale
    if (noise.spectrum is None or seen.unlike < UNLIKE) and (white := white_after_all(seen, noise, scale)) is not None:
        return white
    if noise.spectrum is None and subject.stored.dtype.kind != "u":
        return noise
    found = noise.times(1 / scale.unit, scale.bottom)
    if noise.spectrum is None and not _clumps_unseen(seen, found):
        return noise
    most = REMAINS if seen.neighbours < WHITE else MOST_IN_GREY if len(seen.levels) == 1 else MOST
    spectrum = spectrum_from_both(found.spectrum, seen.pieces, most)
    return noise if spectrum is None else replace(Noise.coloured(spectrum, scale), restless=noise.restless)


def _clumps_unseen(seen: Removed, noise: Noise) -> bool:
    """Whether the network removes more than what was found, from everywhere, and it is no pattern; `noise` in spans."""
    if seen.strength <= max(STRONGER * seen.expected(noise), UNSEEN):
        return False
    # Patterns of single pixels, grass among them, correlate negatively. In grey, texture is as white as such noise.
    nearly_white = len(seen.levels) == 3 and seen.neighbours > -WHITE and seen.calm >= MOST_PLACES and seen.strength >= NEARLY_WHITE
    return (is_in_clumps(seen) or nearly_white) and may_be_noise(seen, noise)
