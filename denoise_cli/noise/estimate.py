"""What noise does a picture hold? Its level, how it grows with brightness, how many pixels are impulses; and which model fits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy.typing as npt

from denoise_cli.digits import between
from denoise_cli.measure.scale import Scale
from denoise_cli.noise.blocks import Samples
from denoise_cli.noise.coloured import Coloured, coloured
from denoise_cli.noise.gaps import level_around_holes
from denoise_cli.noise.growth import Growth, growth
from denoise_cli.noise.impulses import impulses
from denoise_cli.noise.jpeg_noise import noise_in_jpeg
from denoise_cli.noise.level import FEWEST, calmness, energies, level, level_blocks, opponent_energies, opponent_levels
from denoise_cli.noise.model import Noise, rms
from denoise_cli.noise.opponent_colours import MEAN, WEIGHTED
from denoise_cli.noise.ring_energies import SquareBlocks
from denoise_cli.noise.rough_content import REPEATS

__all__ = ["Noise", "estimate"]

Array = npt.NDArray[Any]

#: The share of impulses below which most blocks are free of them.
FEW = 0.02
#: So many times the fewest blocks must be whole; otherwise blocks with unknown pixels are read as well.
WHOLE_BLOCKS = 4 * FEWEST
#: Energy at low frequencies of the calmest blocks, in that of white noise, above which there is noise in clumps (white noise: up to 0.7;
#: demosaicked, enlarged, blurred or compressed: from 1.1).
CLUMPED = 0.9
#: White noise is as strong in each channel as in luma and in both chromas, to this factor: 1.02 to 1.14 on 77 of 78 pictures with white
#: noise of σ 3 to 50/255. Noise that a camera has white-balanced and turned to the colours of a screen is not: 1.29 and more on 84
#: photographs by simulated cameras, 1.85 and more on 15 by real ones.
ALIKE = 1.15
#: Amplitude at the last but one ring of frequencies over the last above which noise is not white (white noise on photographs: up to
#: 1.15; demosaicked, sharpened, enlarged or compressed: from 1.25).
FALL = 1.2
#: Luma is white only if it does not fall so much from the middle to the last ring either (white luma that JPEG left, or under blotches of
#: colour: 0.9 to 1.8; white noise after a median filter, film beside sharp lines: 2.5 to 3.7, whose last two rings are alike empty).
MIDDLE_FALL = 2.0
#: The same for chroma, from the middle to the last ring (white noise on 45 photographs: up to 1.1 in 90 %, 1.46 in 97 % of them; after
#: JPEG with chroma at half the resolution: from 2).
CHROMA_FALL = 1.6
#: How likely coloured noise is, as logarithm of the odds: a constant + UNEQUAL·ln(unequal) + IRREGULAR·irregular + LOPSIDED·lopsided
#: + STRENGTH·ln(255·σ of luma, in spans) + CHROMA·ln(σ of chroma/σ of luma). Fitted by logistic regression, that of pictures with chroma to
#: 340 that were made from photographs, clean or with noise of a camera, JPEG, blur and enlargement (88 % are told right), that of grey ones
#: to 409 of 90 other photographs (92 %; IRREGULAR was then raised by hand from −0.9 to −2.0). The thresholds ODDS, which count in that
#: photographs are noisier than those were, and that some show sand, were set so that clean Kodak, BSD and Set12 stay clean.
COLOUR = {"constant": -0.28, "unequal": -12.7, "irregular": 0.0, "lopsided": 0.0, "strength": 1.66, "chroma": 1.63, "odds": -1.9}
GREY = {"constant": -2.1, "unequal": -6.6, "irregular": -2.0, "lopsided": -6.6, "strength": 2.4, "chroma": 0.0, "odds": 2.3}
#: Coloured noise below this share of the span is left alone, as is what is hardly stronger than white noise that explains it.
FAINT, STRONGER = 0.006, 1.1
#: Where chroma has this many times the σ of luma, both are also read with luma weighted as cameras and JPEG weight it, and told so if
#: luma over chroma is less than this part of what it is for the mean of the channels.
APART, SEPARATE = 1.3, 0.75
#: Below this share of the span, noise and the grain of a clean photograph (up to 2.6/255 among 58) cannot be told apart.
NEGLIGIBLE = 0.01


def estimate(stored: npt.ArrayLike, scale: Scale | None = None) -> Noise:
    """The noise of `stored`, (height, width) or (height, width, channels), of any real type, in typed units.

    scale : what the numbers mean and which pixels are known; made by `Scale.of` unless given. k·stored + c has k times the noise.

    The level comes from the blocks of 8 × 8 pixels with the least energy in the low half of their cosine transform. White noise makes the
    high half independent of the low one, so that the high half of the same blocks is noise without a bias of selection (as in
    Ponomarenko et al. 2007; Colom & Buades 2013, IPOL 3, 173–197). What clipping at black and white takes from the variance is given back
    (cf. Foi 2009, Signal Processing 89, 2609–2629). Over blocks of different brightness, variance = gain·(brightness − black) + read_noise²
    is fitted (cf. Foi et al. 2008, IEEE TIP 17, 1737–1754). Impulses are pixels far from the mode of their block and from all eight
    neighbours (cf. Garnett et al. 2005, IEEE TIP 14, 1747–1754); the share of impulses that this would find is computed, and with it the
    share of all.

    Raises ValueError for a shape that is no picture, TypeError for a type that has no order.
    """
    picture = Samples.of(stored, scale)
    if picture.nothing:
        return Noise.none(picture.channels, picture.nothing)
    salt_pepper, random_valued, distance = impulses(picture)
    share = salt_pepper + random_valued
    channels = range(picture.channels)
    levels: list[float | None] = [0.0] * picture.channels
    curve = None
    clumped = True
    opponent: tuple[float, ...] = ()
    weighted: tuple[float, ...] = ()
    if share and not picture.two_levels:
        levels = [level_around_holes(picture, channel, impulses=True) for channel in channels]
    decisive = share * distance > sum((each or 0.0) ** 2 for each in levels) / picture.channels
    # A few that weigh little may be the tail of noise that is not uniform; calm blocks are free of them.
    if not picture.two_levels and not decisive and share < FEW:
        blocks = level_blocks(picture)
        found = [energies(each, picture) for each in blocks]
        turned = opponent_energies(blocks, picture) if picture.channels == 3 else []
        opponent = opponent_levels(turned, picture) if turned else ()
        if opponent and rms(opponent[1:]) > APART * opponent[0]:
            weighted = opponent_levels(opponent_energies(blocks, picture, WEIGHTED), picture)
        if picture.known is not None and min(map(len, found)) < WHOLE_BLOCKS:
            levels = [level_around_holes(picture, channel, impulses=False) for channel in channels]
        else:
            levels = [level(each, picture) for each in found]
            curve = growth(found, picture)
            # Beside white noise, what is calm in all channels and not in luma is content, of which luma holds more.
            looked_at = found if _are_independent([each or 0.0 for each in levels], opponent) else found + turned
            clumped = max(map(calmness, looked_at)) > CLUMPED
    if all(each is None for each in levels) and not share:
        return Noise.none(picture.channels, "too few known pixels lie together to tell noise from content")
    noise = _verdict(picture, [each or 0.0 for each in levels], curve, salt_pepper, random_valued, decisive)
    if noise.model == "gaussian" and picture.channels == 3 and opponent:
        basis, (luma, *chromas) = (WEIGHTED, weighted) if weighted and _separates(weighted, opponent) else (MEAN, opponent)
        noise = replace(noise, luma=luma * picture.scale.unit, chroma=rms(chromas) * picture.scale.unit, basis=basis)
    if decisive or picture.two_levels or share >= FEW:
        return noise
    squares = SquareBlocks(picture)
    compressed = noise_in_jpeg(picture, squares)
    if compressed is not None and compressed.sigma > NEGLIGIBLE:
        before = compressed.sigma * picture.scale.unit
        why = f"white noise of σ ≈ {picture.scale.amount(before)} that became JPEG"
        return replace(Noise.coloured(compressed.spectrum, picture.scale, why), before_jpeg=before)
    if not clumped:
        return noise
    noise = replace(noise, restless=True)
    found_spectrum = coloured(squares)
    if found_spectrum is not None and found_spectrum.repeats > REPEATS:
        why = "what is in the calmest places repeats itself, as a screen or a weave does, and noise does not"
        return replace(Noise.none(picture.channels, why), if_white=noise)
    if found_spectrum is None or not _is_coloured(found_spectrum, noise.sigma / picture.scale.unit, opponent):
        return noise if found_spectrum is None else _without_content(noise, found_spectrum, picture)
    if found_spectrum.has_chroma and rms((found_levels := found_spectrum.spectrum.opponent_sigmas)[1:]) > APART * found_levels[0]:
        other = coloured(squares, WEIGHTED)
        if other is not None and _separates(other.spectrum.opponent_sigmas, found_levels):
            found_spectrum, opponent = other, weighted
    # Luma that JPEG left white is told by its high frequencies alone, which hold less content.
    is_level = found_spectrum.fall < FALL and found_spectrum.middle_fall < MIDDLE_FALL
    is_luma_white = found_spectrum.has_chroma and is_level and len(opponent) == 3
    spectrum = found_spectrum.spectrum
    clumps = Noise.coloured(spectrum.with_white_luma(opponent[0]) if is_luma_white else spectrum, picture.scale)
    return replace(clumps, if_white=noise)


def _verdict(
    picture: Samples, levels: list[float], curve: Growth | None, salt_pepper: float, random_valued: float, decisive: bool
) -> Noise:
    """From what was found, in the units of the blocks, to the record in typed units."""
    unit, amount = picture.scale.unit, picture.scale.amount
    sigma = rms(levels)
    share = min(1.0, salt_pepper + random_valued)
    gain, read_noise, pedestal = 0.0, sigma, 0.0
    told = f"σ ≈ {amount(sigma * unit)}"
    if decisive:
        model = "impulses"
        kinds = [f"{100 * part:.2g} % {kind}" for part, kind in ((salt_pepper, "black or white"), (random_valued, "of any value")) if part]
        evidence = f"{' and '.join(kinds)} pixels stand alone, unlike all their neighbours; the rest: {told}"
    elif curve is not None and curve.grows(NEGLIGIBLE):
        model = "poisson"
        salt_pepper = random_valued = share = 0.0
        gain, read_noise, pedestal = curve.gain, math.sqrt(curve.read_variance), curve.pedestal
        levels = [math.sqrt(max(0.0, curve.variance(mean))) for mean in picture.means()]
        sigma = rms(levels)
        evidence = f"noise grows with brightness: {_ends(curve, picture)}"
    elif sigma >= NEGLIGIBLE:
        model = "gaussian"
        evidence = f"the calmest blocks have noise of {told}, alike in dark and bright places"
        if share:
            evidence += f"; {100 * share:.2g} % impulses weigh less than that"
    else:
        model = "none"
        evidence = f"the calmest blocks have next to no noise, {told}"
    return Noise(
        model, sigma * unit, tuple(each * unit for each in levels), share, salt_pepper, random_valued, gain * unit, read_noise * unit,
        evidence, picture.scale.bottom + pedestal * unit,
    )  # fmt: skip


def _are_independent(levels: Sequence[float], opponent: tuple[float, ...]) -> bool:
    """Whether noise of these levels, in the channels and in luma and the chromas, is independent in the channels and alike in all."""
    every = (*levels, *opponent)
    return len(opponent) == 3 and max(every) < ALIKE * min(every)


def _separates(weighted: tuple[float, ...], mean: tuple[float, ...]) -> bool:
    """Whether weighted luma has less of the noise than the mean of the channels has, beside chroma."""
    return weighted[0] * rms(mean[1:]) < SEPARATE * mean[0] * rms(weighted[1:])


def _is_coloured(found: Coloured, white: float, opponent: tuple[float, ...]) -> bool:
    """Whether what was found in clumps is noise, rather than content, and more than the white noise that was found."""
    sigma = rms(found.spectrum.sigmas)
    in_chroma = _is_coloured_in_chroma(found, opponent)
    in_luma = found.fall >= FALL and sigma >= STRONGER * white and (found.has_chroma or not found.rough)
    if sigma < FAINT or not (in_chroma or in_luma):
        return False
    return _odds(found, COLOUR if found.has_chroma else GREY) > 0


def _is_coloured_in_chroma(found: Coloured, opponent: tuple[float, ...]) -> bool:
    """Whether chroma is in clumps, and stronger than white noise explains; opponent: the white levels of luma and chroma."""
    if not opponent or not found.has_chroma or found.chroma_fall < CHROMA_FALL:
        return False
    return rms(found.spectrum.opponent_sigmas[1:]) >= STRONGER * rms(opponent[1:])


def _without_content(noise: Noise, found: Coloured, picture: Samples) -> Noise:
    """What is white of the noise of one channel that was taken for white, where the calmest places hold content of every frequency."""
    white = found.white * picture.scale.unit
    if noise.model not in ("gaussian", "none") or picture.channels != 1 or not found.rough or white >= noise.sigma:
        return noise
    told = f"the calmest places are rough at every scale, as terrain is; what is white beside that: σ ≈ {picture.scale.amount(white)}"
    model = "gaussian" if found.white >= NEGLIGIBLE else "none"
    return replace(noise, model=model, sigma=white, sigmas=(white,), read_noise=white, evidence=told, if_white=noise)


def _odds(found: Coloured, fitted: dict[str, float]) -> float:
    """The logarithm of the odds that this is noise, over what is asked for."""
    luma, *chromas = found.spectrum.opponent_sigmas
    odds = fitted["constant"] - fitted["odds"]
    odds += fitted["unequal"] * math.log(max(found.unequal, 0.9)) + fitted["irregular"] * found.irregular
    odds += fitted["lopsided"] * found.lopsided + fitted["strength"] * math.log(255 * luma)
    return odds + (fitted["chroma"] * math.log(rms(chromas) / luma) if fitted["chroma"] else 0.0)


def _ends(curve: Growth, picture: Samples) -> str:
    """The noise at the dark and the bright end, in the units of the file."""
    scale = picture.scale
    means = curve.dark, curve.bright
    dark, bright = (scale.white * (mean * scale.unit + scale.bottom) for mean in means)
    sigmas = (scale.unit * math.sqrt(max(0.0, curve.variance(mean))) for mean in means)
    return ", ".join(f"σ {scale.amount(sigma)} at {mean}" for sigma, mean in zip(sigmas, between(dark, bright, 4), strict=True))
