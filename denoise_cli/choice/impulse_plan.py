"""What to do with a picture that impulses hit: which samples to trust, and the fidelity and λ for the noise that is in the others."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from denoise_cli.choice.choose import choose
from denoise_cli.measure.scale import Scale
from denoise_cli.noise.estimate import estimate
from denoise_cli.noise.impulse_detection import Impulses, find_impulses, known_planes, trust
from denoise_cli.noise.outlier_network import replaced
from denoise_cli.variational import Solution, denoise
from denoise_cli.variational.solution import as_one

__all__ = ["ImpulsePlan", "impulse_plan", "solve_trusted"]

Array = npt.NDArray[Any]

#: λ of L2, in units of the picture, where nothing but impulses is to be removed: what is trusted stays, and the gaps are filled in.
FILLING = 0.002
#: λ of L1 beside impulses of any value: just above 0.293, under which L1 leaves a lone pixel as it is. It takes out the impulses that
#: were not found, and what is trusted half counts half. With more noise than grain, the second one is better by 0.5 dB on camera.
LONE_PIXELS, LONE_NOISY_PIXELS = 0.3, 0.35
#: Noise beside the impulses is removed by L2 if its σ is above this share of the unit (the grain of a clean photograph is up to 0.010),
#: and so much more for each impulse of any value, because L2 suffers from those that were not found: on camera and coins the two are
#: as good at σ 4.5/255 with 10 %, and at 7/255 with 30 % (benchmarks/impulses.py --mixed).
GRAIN, FOR_EACH = 0.0125, 0.05
#: The same where calm places hold as much noise as others do, which the grain of a photograph does not: of 12 photographs with 1 % salt
#: and pepper, those with σ 2 and 3/255 beside it gain 0.5 and 0.6 dB in grey, and 0.4 dB with σ 2/255 in colour; those without lose 0.03
#: and 0.00; a star field of 16 bits with σ of 1 % of its span has a quarter of the error.
FAINT = 0.002
#: σ of the picture with its holes filled in, over √(1 − share), is at most this much too small (11 photographs, 10 and 40 %, σ 3 to
#: 20/255: 0.75 of what it was); around the holes, it is up to 5/255 where there is none.
FILLED = 1.4
#: Impulses of any value are there only if at least this part of their share is distrusted one by one. The one of 534 clean photographs in
#: which some seem to be has 0.03 of it, noisy pictures have 0.9 and more.
CONFIRMED = 0.25
#: λ of L2 over σ, where impulses that were not found disturb the estimate of the risk: more impulses of any value than this share.
LAW, DISTURBED = 1.4, 0.02


@dataclass(frozen=True)
class ImpulsePlan:
    """How impulses are removed.

    impulses: what was found.  weights: for the fidelity term, 0–1, (height, width), or (height, width, channels) where impulses hit each
    channel by itself.  fidelity, weight: F and λ.  sigma: of the Gaussian noise beside the impulses, in typed units.  removes_noise:
    whether λ was chosen to remove that too.
    """

    impulses: Impulses
    weights: Array = field(repr=False)
    fidelity: str
    weight: float
    sigma: float
    removes_noise: bool
    level: ClassVar[str] = ""

    @property
    def assumed(self) -> str:
        """ "impulses: 10 % black or white, filled in from the rest": what was assumed."""
        rest = f"; Gaussian noise beside them, σ ≈ {self.sigma:.3g}" if self.removes_noise else ""
        return f"impulses: {self.impulses}, filled in from the rest{rest}"

    @property
    def sentence(self) -> str:
        """ "impulses: 10 % black or white, filled in from the rest → λ 0.002, L2": what was assumed, and what follows."""
        return f"{self.assumed} → λ {self.weight:.3g}, {self.fidelity.upper()}"


def impulse_plan(
    pixels: Array,
    scale: Scale,
    *,
    impulses: Impulses | None = None,
    fidelity: str | None = None,
    workers: int | None = None,
    **options: Any,
) -> ImpulsePlan | None:
    """The plan for `pixels`, (height, width[, channels]) in typed units; None where no impulses were found.

    impulses : what `find_impulses` found, if that has been done.
    fidelity : "l1" or "l2"; chosen by the impulses unless told.
    workers, options (tv, channels, boundary) : as `denoise` takes them.

    Salt and pepper: L2 on the samples that were not hit, with a λ that hardly changes them (Chan, Ho & Nikolova 2005, IEEE Trans. Image
    Process. 14, 1479–1485). Impulses of any value: L1, weighted by the probability that a sample was not hit. With Gaussian noise beside
    them: L2, with the λ of the smallest estimated risk on the samples that were not hit.
    """
    found = find_impulses(pixels, scale) if impulses is None else impulses
    if found.kind == "none":
        return None
    weights, known = _trusted(pixels, scale, found, 0.0, workers)
    if found.random_valued and float(np.mean(weights < 0.5)) < CONFIRMED * found.share:
        return None
    sigma, everywhere = _rest(pixels, scale, weights, known, found.share)
    noisy = sigma > ((FAINT if everywhere else GRAIN) + FOR_EACH * found.random_valued) * scale.unit
    if noisy and found.pepper + found.salt:
        weights, known = _trusted(pixels, scale, found, sigma, workers)
    if fidelity is None:
        fidelity = "l1" if found.random_valued > DISTURBED and not noisy else "l2"
    if fidelity == "l1":
        weight = LONE_PIXELS if sigma <= GRAIN * scale.unit else LONE_NOISY_PIXELS
    elif not noisy:
        weight = FILLING * scale.unit
    elif found.random_valued > DISTURBED:
        weight = LAW * sigma
    else:
        trusted = replace(scale, known=known)
        chosen = choose(pixels, scale=trusted, fidelity="l2", sigma=sigma, weights=known.astype(np.float32), workers=workers, **options)
        weight = chosen.weight
    return ImpulsePlan(found, weights, fidelity, float(f"{weight:.3g}"), sigma, noisy)


def _rest(pixels: Array, scale: Scale, weights: Array, known: Array, share: float) -> tuple[float, bool]:
    """σ of the noise beside the impulses, and whether calm places hold no more of it than others do, as grain and texture do.

    Two estimates: around the holes, where texture is taken for noise; and of the picture with its holes filled in, which takes part of the
    noise away, but not more than half.
    """
    planes = known_planes(pixels, scale)
    holes = 1 - np.broadcast_to(weights if weights.ndim == 3 else weights[:, :, None], planes.shape)
    filled = np.stack([replaced(planes[:, :, channel], holes[:, :, channel]) for channel in range(planes.shape[2])], axis=2)
    around, within = estimate(pixels, replace(scale, known=known)), estimate(filled, scale)
    everywhere = not any(noise.restless or noise.model == "impulses" for noise in (around, within))
    return min(around.sigma, FILLED * within.sigma / math.sqrt(1 - min(share, 0.9))), everywhere


def _trusted(pixels: Array, scale: Scale, found: Impulses, noise: float, workers: int | None) -> tuple[Array, Array]:
    """Weights, and the pixels that no channel distrusts, (height, width), bool."""
    weights = trust(pixels, scale, found, noise=noise, workers=workers or 1)
    known: Array = (weights if weights.ndim == 2 else weights.min(axis=2)) > 0.5
    if scale.known is not None:
        known = known & scale.known
        weights *= scale.known if weights.ndim == 2 else scale.known[:, :, None]
    return weights, known


def solve_trusted(
    pixels: Array,
    plan: ImpulsePlan,
    solve: Callable[..., Solution] = denoise,
    *,
    weights: Array | None = None,
    reference: Array | None = None,
    **options: Any,
) -> Solution:
    """The minimiser of the plan's problem, shaped as `pixels`.

    Where impulses hit each channel by itself, each is solved by itself, because the solver's weights are one a pixel: leaving out every
    pixel that was hit in any channel loses 5 dB on coffee (benchmarks/impulses.py --salt-pepper).

    solve : `denoise`, or what takes the same arguments; options go to it.
    weights : (height, width), on the fidelity, times those of the plan.  reference : the clean picture, shaped as `pixels`.
    """
    asked = {"fidelity": plan.fidelity, "method": "optimal"} | options
    trusted = plan.weights
    if weights is not None:
        trusted = trusted * (weights if trusted.ndim == 2 else weights[:, :, None])
    if trusted.ndim == 2:
        return solve(pixels, plan.weight, weights=trusted, reference=reference, **asked)
    solutions = []
    for channel in range(pixels.shape[2]):
        part, clean = np.ascontiguousarray(pixels[:, :, channel]), None if reference is None else reference[:, :, channel]
        solutions.append(solve(part, plan.weight, weights=trusted[:, :, channel], reference=clean, **asked))
    return as_one(solutions, np.stack([solution.image for solution in solutions], axis=2))
