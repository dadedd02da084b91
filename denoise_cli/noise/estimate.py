"""What noise does a picture hold? Its level, how it grows with brightness, how many pixels are impulses; and which model fits."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy.typing as npt

from denoise_cli.measure.scale import Scale
from denoise_cli.noise.blocks import Samples
from denoise_cli.noise.coloured import Coloured, coloured
from denoise_cli.noise.gaps import level_around_holes
from denoise_cli.noise.growth import Growth, growth
from denoise_cli.noise.impulses import impulses
from denoise_cli.noise.level import FEWEST, calmness, energies, level, opponent_levels
from denoise_cli.noise.model import Noise

__all__ = ["Noise", "estimate"]

Array = npt.NDArray[Any]

#: The share of impulses below which most blocks are free of them.
FEW = 0.02
#: So many times the fewest blocks must be whole; otherwise blocks with unknown pixels are read as well.
WHOLE_BLOCKS = 4 * FEWEST
#: Energy at low frequencies of the calmest blocks, in that of white noise, above which there is noise in clumps (white noise: up to 0.7;
#: demosaicked, enlarged, blurred or compressed: from 1.1).
CLUMPED = 0.9
#: Amplitude at the last but one ring of frequencies over the last above which noise is not white (white noise on photographs: up to
#: 1.15; demosaicked, sharpened, enlarged or compressed: from 1.25).
FALL = 1.2
#: How likely coloured noise is, as logarithm of the odds: UNEQUAL·ln(unequal) + STRENGTH·ln(255·σ of luma, in spans)
#: + CHROMA·ln(σ of chroma/σ of luma) + a constant. Fitted by logistic regression to 340 pictures that were made from photographs, clean or
#: with noise of a camera, JPEG, blur and enlargement: 88 % are told right. With the thresholds below, which count in that photographs are
#: noisier than those were, and that content of a grey picture has no chroma to tell it from noise, clean Kodak, BSD and Set12 stay clean.
UNEQUAL, STRENGTH, CHROMA, COLOUR_CONSTANT, GREY_CONSTANT = -12.7, 1.66, 1.63, -0.28, -0.4
COLOUR_ODDS, GREY_ODDS = -1.9, 4.0
#: Less chroma than this share of luma is as good as none: noise of cameras has 0.3 and more, after JPEG 0.19.
LEAST_CHROMA = 0.15
#: Coloured noise below this share of the span is left alone, as is what is hardly stronger than white noise that explains it.
FAINT, STRONGER = 0.006, 1.1
#: Below this share of the span, noise and the grain of a clean photograph (up to 2.6/255 among 58) cannot be told apart.
NEGLIGIBLE = 0.01


def estimate(stored: npt.ArrayLike, scale: Scale | None = None) -> Noise:
    """The noise of `stored`, (height, width) or (height, width, channels), of any real type, in typed units.

    scale : what the numbers mean and which pixels are known; made by `Scale.of` unless given. k·stored + c has k times the noise.

    The level comes from the blocks of 8 × 8 pixels with the least energy in the low half of their cosine transform. White noise makes the
    high half independent of the low one, so that the high half of the same blocks is noise without a bias of selection (as in
    Ponomarenko et al. 2007; Colom & Buades 2013, IPOL 3, 173–197). What clipping at black and white takes from the variance is given back
    (cf. Foi 2009, Signal Processing 89, 2609–2629). Over blocks of different brightness, variance = gain·brightness + read_noise² is
    fitted (cf. Foi et al. 2008, IEEE TIP 17, 1737–1754). Impulses are pixels far from the mode of their block and from all eight
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
    if share and not picture.two_levels:
        levels = [level_around_holes(picture, channel, impulses=True) for channel in channels]
    decisive = share * distance > sum((each or 0.0) ** 2 for each in levels) / picture.channels
    # A few that weigh little may be the tail of noise that is not uniform; calm blocks are free of them.
    if not picture.two_levels and not decisive and share < FEW:
        found = [energies(picture, channel) for channel in channels]
        if picture.known is not None and min(map(len, found)) < WHOLE_BLOCKS:
            levels = [level_around_holes(picture, channel, impulses=False) for channel in channels]
        else:
            levels = [level(each, picture) for each in found]
            curve = growth(found, picture)
            clumped = max(map(calmness, found)) > CLUMPED
    if all(each is None for each in levels) and not share:
        return Noise.none(picture.channels, "too few known pixels lie together to tell noise from content")
    noise = _verdict(picture, [each or 0.0 for each in levels], curve, salt_pepper, random_valued, decisive)
    if noise.model == "gaussian" and picture.channels == 3 and not decisive and share < FEW:
        luma, *chromas = opponent_levels(picture)
        noise = replace(noise, luma=luma * picture.scale.unit, chroma=_rms(chromas) * picture.scale.unit)
    if decisive or picture.two_levels or share >= FEW or not clumped:
        return noise
    found_spectrum = coloured(picture)
    if found_spectrum is None or not _is_coloured(found_spectrum, noise.sigma / picture.scale.unit):
        return noise
    return _coloured(found_spectrum, picture)


def _verdict(
    picture: Samples, levels: list[float], curve: Growth | None, salt_pepper: float, random_valued: float, decisive: bool
) -> Noise:
    """From what was found, in the units of the blocks, to the record in typed units."""
    unit, amount = picture.scale.unit, picture.scale.amount
    sigma = _rms(levels)
    share = min(1.0, salt_pepper + random_valued)
    gain, read_noise = 0.0, sigma
    told = f"σ ≈ {amount(sigma * unit)}"
    if decisive:
        model = "impulses"
        kinds = [f"{100 * part:.2g} % {kind}" for part, kind in ((salt_pepper, "black or white"), (random_valued, "of any value")) if part]
        evidence = f"{' and '.join(kinds)} pixels stand alone, unlike all their neighbours; the rest: {told}"
    elif curve is not None and curve.grows(NEGLIGIBLE):
        model = "poisson"
        salt_pepper = random_valued = share = 0.0
        gain, read_noise = curve.gain, math.sqrt(curve.offset)
        levels = [math.sqrt(max(0.0, curve.variance(mean))) for mean in picture.means()]
        sigma = _rms(levels)
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
        evidence, picture.scale.bottom,
    )  # fmt: skip


def _is_coloured(found: Coloured, white: float) -> bool:
    """Whether what was found in clumps is noise, rather than content, and more than the white noise that was found."""
    sigmas = found.spectrum.opponent_sigmas
    sigma = _rms(list(found.spectrum.sigmas))
    if found.fall < FALL or sigma < max(FAINT, STRONGER * white):
        return False
    odds = UNEQUAL * math.log(max(found.unequal, 0.9)) + STRENGTH * math.log(255 * sigmas[0])
    if len(sigmas) == 3 and _rms(list(sigmas[1:])) > LEAST_CHROMA * sigmas[0]:
        return odds + CHROMA * math.log(_rms(list(sigmas[1:])) / sigmas[0]) + COLOUR_CONSTANT > COLOUR_ODDS
    return odds + GREY_CONSTANT > GREY_ODDS


def _coloured(found: Coloured, picture: Samples) -> Noise:
    """The record in typed units."""
    scale = picture.scale
    spectrum = found.spectrum.times(scale.unit, -scale.bottom / scale.unit)
    sigmas = spectrum.sigmas
    sigma = _rms(list(sigmas))
    luma = chroma = None
    told = f"σ ≈ {scale.amount(sigma)}"
    if len(sigmas) == 3:
        luma, *chromas = spectrum.opponent_sigmas
        chroma = _rms(chromas)
        told += f", {scale.amount(luma)} in luma and {scale.amount(chroma)} in chroma"
    clump = spectrum.clump
    evidence = f"noise in clumps of about {clump:.1f} pixels (demosaicked, enlarged or compressed): {told}"
    return Noise(
        "coloured", sigma, sigmas, 0.0, 0.0, 0.0, 0.0, sigma, evidence, scale.bottom, luma=luma, chroma=chroma, clump=clump,
        spectrum=spectrum,
    )  # fmt: skip


def _ends(curve: Growth, picture: Samples) -> str:
    """The noise at the dark and the bright end, in the units of the file."""
    scale = picture.scale
    ends = []
    for mean in (curve.dark, curve.bright):
        sigma = scale.unit * math.sqrt(max(0.0, curve.variance(mean)))
        ends.append(f"σ {scale.amount(sigma)} at {scale.white * (mean * scale.unit + scale.bottom):.4g}")
    return ", ".join(ends)


def _rms(levels: list[float]) -> float:
    return math.sqrt(sum(each**2 for each in levels) / len(levels))
