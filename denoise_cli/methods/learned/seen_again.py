"""The noise that total variation is told, seen again: calm places, and what the network removes without being told anything."""

from __future__ import annotations

from dataclasses import replace

from denoise_cli.methods.learned.blind_run import Removed, removed_from
from denoise_cli.methods.learned.told_level import (
    CLEARLY_MORE,
    IN_CALM_PLACES,
    REMAINS,
    STRONGER,
    UNSEEN,
    WHITE,
    is_in_clumps,
    may_be_noise,
    white_after_all,
)
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
#: Noise that is nearly white needs so much, as a share of the span, and that calm places hold clearly more of it than was found there:
#: none of 122 photographs without noise has that, in grey (58 of Set12, BSD68 and Kodak24, 64 training photographs; the nearest has 2.1/255
#: and patterns of single pixels), and 35 of 68 with noise of simulated cameras, 0 to 1.3/255 of which was found, do. Where more was found,
#: and red, green and blue are unlike, a camera made it: two of 69 lost 4.3 and 2.3 dB if calm places had to hold clearly more then, too.
NEARLY_WHITE = 2.5 / 255
#: σ of noise in clumps is at most REMAINS times that of what the network removes, in grey, and in luma and in chroma, and so many times
#: more for each whole correlation of neighbours that it is above WHITE; what is beyond is texture. The noise of cameras that the network
#: leaves most of is correlated by 0.4 and more (15 photographs), and where weaker correlation is removed, calm places hold texture: of 42
#: photographs by simulated cameras of low noise, in colour, five come out worse than they came, the worst by 0.6 dB (with 2.2 times for
#: all six, by 2.2 dB), and the mean is 0.09 dB better; 15 by real ones are the same, in colour and in grey, 27 by training/exposures.py's.
MORE_IN_CLUMPS = 4.0


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
    most = REMAINS + MORE_IN_CLUMPS * max(0.0, seen.neighbours - WHITE)
    spectrum = spectrum_from_both(found.spectrum, seen.pieces, most)
    return noise if spectrum is None else replace(Noise.coloured(spectrum, scale), restless=noise.restless)


def _clumps_unseen(seen: Removed, noise: Noise) -> bool:
    """Whether the network removes more than what was found, from everywhere, and it is no pattern; `noise` in spans."""
    expected = seen.expected(noise)
    if seen.strength <= max(STRONGER * expected, UNSEEN):
        return False
    # Patterns of single pixels, grass among them, correlate negatively.
    nearly_white = seen.neighbours > -WHITE and seen.strength >= NEARLY_WHITE
    is_a_cameras = noise.model != "none" and seen.unlike >= UNLIKE
    nearly_white &= seen.strength_where_calm >= max(IN_CALM_PLACES, 0.0 if is_a_cameras else CLEARLY_MORE * expected)
    return (is_in_clumps(seen) or nearly_white) and may_be_noise(seen, noise)
