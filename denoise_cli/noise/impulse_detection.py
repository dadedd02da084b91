"""Which pixels were hit by impulses, salt and pepper or any value? Found by position, so that the rest can be solved without them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from denoise_cli.measure.scale import Scale
from denoise_cli.noise.calm_places import FARTHER, Count, Evidence, evidence
from denoise_cli.noise.extreme_values import salt_and_pepper
from denoise_cli.noise.lone_pixels import most_lone
from denoise_cli.noise.outlier_network import log_odds

__all__ = ["Impulses", "find_impulses", "known_planes", "trust"]

Array = npt.NDArray[Any]

#: Fewer impulses than this share of the pixels are left where they are; and so many must have been seen, unlike all their neighbours.
#: Of salt and pepper, that number together, and this one each.
LEAST_SHARE, FEWEST, FEWEST_AT_END = 2e-4, 20, 8
#: Of the impulses found, this part of those expected to be unlike all their neighbours must be so. In photographs without impulses it
#: is at most 0.6 where they look evenly strewn (benchmarks/impulses.py --clean).
LONE = 0.75
#: The same at black and white, where hardly a clean photograph has any.
LONE_AT_ENDS = 0.6
#: Where impulses are rare, their number a tile varies no more than this many times as much as chance would have it; glints and leaves do.
DISPERSION, RARE = 3.0, 0.02
#: Far from the tone of their place, random values are as many as near it: at least this part. The tail of Poisson noise of five photons
#: has 0.05, of Laplace noise 0.1.
AS_MANY = 0.5
#: Random values also hit black and white: about 1 of 256 each in 8 bits. At an end, more than this part of them are salt or pepper.
BY_CHANCE = 0.02
#: Beside salt and pepper, this many times fewer pixels of other values are their shadow in places that are not calm.
SHADOW = 0.25
#: Where neighbours are exactly equal, as in drawings, fewer impulses than this are dots that somebody drew: stops, stars, plotted points.
DRAWN = 0.005
#: Salt that could be seen in fewer places than this part of those for pepper is taken to be as much as that, and the reverse.
UNSEEN = 0.02
#: A picture with more than this share of its samples at its two ends has two levels.
TWO_LEVELS = 0.995
#: If this part of the impulses hits several channels at once, impulses hit pixels, not channels.
TOGETHER = 0.5
NOTHING_ALONE = "hardly a pixel stands alone in calm places"


@dataclass(frozen=True)
class Impulses:
    """What `find_impulses` found.

    pepper, salt, random_valued: shares of the samples, 0–1, that are at the smallest value of the picture, at the largest, and anywhere.
    whole_pixels: whether impulses hit all channels of a pixel at once.  evidence: why, in one line.
    """

    pepper: float
    salt: float
    random_valued: float
    whole_pixels: bool
    evidence: str

    @property
    def share(self) -> float:
        """Of the samples that are impulses of any kind."""
        return min(1.0, self.pepper + self.salt + self.random_valued)

    @property
    def kind(self) -> str:
        """ "none", "salt and pepper" or "random values", whatever there is more of."""
        if not self.share:
            return "none"
        return "salt and pepper" if self.pepper + self.salt >= self.random_valued else "random values"

    def __str__(self) -> str:
        named = ((self.pepper + self.salt, "black or white"), (self.random_valued, "of any value"))
        shares = [f"{100 * share:.2g} % {name}" for share, name in named if share]
        return " and ".join(shares) if shares else "none"


def find_impulses(pixels: Array, scale: Scale) -> Impulses:
    """How many samples of `pixels`, (height, width) or (height, width, channels), typed units, are impulses.

    A verdict from the calm places of the picture, or of a mosaic of tiles from all over it: there impulses stand alone, unlike all their
    neighbours, at random, and as many far from the tone of their place as near it. Texture, edges, letters, stars and the tail of a noise
    each fail one of these.
    """
    planes = known_planes(pixels, scale)
    if scale.low >= scale.high:
        return Impulses(0, 0, 0, False, "the picture is constant")
    if _has_two_levels(planes, scale):
        return Impulses(0, 0, 0, False, "the picture is black and white alone")
    if max(most_lone(planes, scale.low, scale.high, scale.unit, scale.known)) < FEWEST:
        return Impulses(0, 0, 0, False, NOTHING_ALONE)
    found = evidence(planes, scale.low, scale.high, scale.unit, scale.known, scale.quantum)
    even = found.far.share >= AS_MANY * found.other.share
    # Near the tone of their place, rims of things are counted too.
    random_valued = min(found.far.share, found.other.share) if even and _scattered(found.far, found, LONE, FARTHER * found.reach) else 0.0
    pepper, salt = (
        near.share
        if found.pepper.lone + found.salt.lone >= FEWEST
        and _scattered(near, found, LONE_AT_ENDS, 1.0, FEWEST_AT_END)
        and (far.share >= AS_MANY * near.share or far.possible < UNSEEN * near.possible)
        and near.share > BY_CHANCE * random_valued
        else 0.0
        for near, far in ((found.pepper, found.far_pepper), (found.salt, found.far_salt))
    )
    # On a white page no salt can be seen; where there is much pepper, it comes with it.
    if pepper > RARE and found.salt.possible < UNSEEN * found.pepper.possible:
        salt = pepper
    elif salt > RARE and found.pepper.possible < UNSEEN * found.salt.possible:
        pepper = salt
    if random_valued < SHADOW * (pepper + salt):
        random_valued = 0.0
    result = Impulses(pepper, salt, random_valued, found.together > TOGETHER, "")
    counts = ((found.pepper, pepper), (found.salt, salt), (found.other, random_valued))
    seen = sum(count.lone for count, share in counts if share)
    why = f"{result} pixels stand alone in calm places ({seen:,.0f} seen)" if result.share else NOTHING_ALONE
    return Impulses(pepper, salt, random_valued, result.whole_pixels, why)


def known_planes(pixels: Array, scale: Scale) -> Array:
    """`pixels` as (height, width, channels), with a number where there may be NaN or infinity because nothing is known."""
    planes = pixels if pixels.ndim == 3 else pixels[:, :, None]
    if scale.known is None:
        return planes
    numbers: Array = np.where(scale.known[:, :, None], planes, planes.dtype.type(scale.bottom))
    return numbers


def _has_two_levels(planes: Array, scale: Scale) -> bool:
    sample = planes[:: max(1, planes.shape[0] // 256)]
    known = True if scale.known is None else scale.known[:: max(1, planes.shape[0] // 256)][:, :, None]
    between = (sample > scale.low) & (sample < scale.high) & known
    return float(between.mean()) < (1 - TWO_LEVELS)


def _scattered(count: Count, found: Evidence, part: float, alike: float, fewest: int = FEWEST) -> bool:
    """Whether `count` looks like impulses. `alike`: how probable it is that two of them look alike."""
    share = count.share
    lone = found.pepper.lone + found.salt.lone + found.other.lone
    if count.lone < fewest or share < LEAST_SHARE or (share < DRAWN and found.flat > lone / 2):
        return False
    expected = (1 - min(1.0, share * alike)) ** 8
    if count.lone < part * expected * count.found:
        return False
    return share > RARE or found.dispersion <= DISPERSION


def trust(pixels: Array, scale: Scale, impulses: Impulses, *, noise: float = 0.0, workers: int = 1) -> Array:
    """The probability that each sample is what the picture was, 0–1, float32, shaped as `pixels`: weights for the fidelity term.

    0 where salt or pepper was found and 1 elsewhere; in between where impulses may have any value. (height, width) where impulses hit
    whole pixels.

    noise : σ of the Gaussian noise beside the impulses, in typed units, where it is known.
    """
    planes = known_planes(pixels, scale)
    weights = np.ones(planes.shape, np.float32)
    for channel in range(planes.shape[2]):
        plane = planes[:, :, channel]
        known = scale.known
        if impulses.pepper or impulses.salt:
            hit = salt_and_pepper(plane, scale.low, scale.high, impulses.pepper, impulses.salt, known, noise)
            weights[:, :, channel][hit] = 0
            known = ~hit if known is None else known & ~hit
        if impulses.random_valued:
            spanned = np.clip((plane - scale.bottom) / scale.unit, -1, 2).astype(np.float32)
            odds = log_odds(spanned, min(0.9, impulses.random_valued), known, workers=workers)
            weights[:, :, channel] *= 1 / (1 + np.exp(np.clip(odds, -30, 30)))
    if impulses.whole_pixels:
        weights = weights.min(axis=2)
    return weights if impulses.whole_pixels or pixels.ndim == 3 else weights[:, :, 0]
