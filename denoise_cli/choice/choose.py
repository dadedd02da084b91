"""Which fidelity and which λ suit a picture: the one with the smallest estimated error, found by a few quick solves."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from denoise_cli.noise.estimate import Noise, estimate
from denoise_cli.variational import as_float, denoise
from denoise_cli.variational.strips import Array

__all__ = ["Choice", "choose"]

# Pixels (of up to four channels) that the choice looks at: a mosaic of tiles stands for a larger picture.
SAMPLE, TILES = 2**17, 3
# Fewer tell nothing: the law decides.
SMALLEST_SAMPLE = 2**11
# Below, the risk is flat and its estimate noisy; and where nothing is to be removed, λ is what no 8-bit picture shows.
HARDLY_ANY = 0.3 / 255
LEAST = 1e-4
MOST_TRIES = 9
# The share of the law in the λ for impulses (in log λ).
LAW = 0.25
# Not a seed that anybody made the noise with.
SEED = (2, 71828, 18284, 59045)


@dataclass(frozen=True)
class Choice:
    """What the automatic mode does to a picture, and why.

    fidelity, weight: F and λ > 0 of the model, for `denoise(..., method="optimal")`.  sigma: the standard deviation of the Gaussian noise
    that was assumed, root mean square over the channels, in the units of the picture; None where impulses decided.  noise: what was
    estimated.  given: True if sigma was told, not estimated.  risks: (λ, estimated mean squared error) of what was tried.
    stabilised: weight is for the picture after a variance-stabilising transform.
    """

    fidelity: str
    weight: float
    noise: Noise
    sigma: float | None = None
    given: bool = False
    risks: tuple[tuple[float, float], ...] = field(default=(), repr=False)
    stabilised: bool = False

    @property
    def sentence(self) -> str:
        """ "Gaussian noise, σ ≈ 0.041 (10.4/255) → λ 0.058, L2": what was assumed, and what follows."""
        noise, about = self.noise, "=" if self.given else "≈"
        if self.sigma is None:
            kind = "salt and pepper" if noise.salt_pepper >= noise.random_valued else "random values"
            found = f"impulse noise, {100 * noise.impulses:.3g} % {kind}"
        else:
            model = {"poisson": "noise that grows with brightness", "impulses": "impulse noise"}.get(noise.model, "Gaussian noise")
            if self.stabilised:
                counts = f"variance {noise.gain:.3g}·brightness + {noise.read_noise:.3g}²"
                return f"noise of {counts}, stabilised → λ {self.weight:.3g}, {self.fidelity.upper()}"
            if self.given:
                model = "Gaussian noise"
            elif noise.model == "none":
                model = "hardly any noise"
            levels = f" ({255 * self.sigma:.3g}/255)" if self.sigma <= 1 else ""  # more is no picture on [0, 1]
            found = f"{model}, σ {about} {self.sigma:.3g}{levels}"
        return f"{found} → λ {self.weight:.3g}, {self.fidelity.upper()}"


def choose(
    image: npt.ArrayLike,
    *,
    fidelity: str | None = None,
    sigma: float | npt.ArrayLike | None = None,
    noise: Noise | None = None,
    weights: npt.ArrayLike | None = None,
    tv: str | None = None,
    channels: str | None = None,
    boundary: str | None = None,
    workers: int | None = None,
) -> Choice:
    """The fidelity and the λ with which `denoise(image, λ, fidelity=…, method="optimal")` comes nearest to the clean picture.

    No clean picture is needed: the mean squared error to it is estimated for a few λ, and a parabola through the estimates says where it
    is least. Two estimates, each for the noise that it holds for:

    * Gaussian noise of standard deviation σ: Stein's unbiased risk estimate  ‖u − f‖²/n − σ² + 2σ²/n · div u  (Stein 1981, Ann. Statist.
      9, 1135–1151), its divergence from a second solve with f + εb, b = ±1 (Ramani, Blu & Unser 2008, IEEE Trans. Image Process. 17,
      1540–1554). Where noise was cut off at black or white, the variance and the bias that are left there take the places of σ² and 0.
    * impulses that hit a fraction p of the pixels: more impulses of the same kind are put into the picture, at places whose values are
      then known (the idea of Noisier2Noise: Moran et al. 2020, CVPR, 12064–12072). The error on those stands for that on the others.

    Parameters
    ----------
    image : (height, width) or (height, width, channels), scaled as `denoise` takes it.
    fidelity : "l2" or "l1"; chosen by the noise unless told: l1 for impulses, l2 for the rest.
    sigma : the standard deviation of the noise, where it is known: one value, or one a channel, ≥ 0, in the units of the picture. The noise
        then is Gaussian. Estimated unless told.
    noise : what `estimate` found, if that has been done.
    weights : as in `denoise`; a pixel of weight 0 does not count.
    tv, channels, boundary, workers : as in `denoise`.

    Raises ValueError for a σ that is negative or not finite, and what `denoise` raises.
    """
    pixels = np.atleast_3d(as_float(image))
    known = None if weights is None else np.asarray(weights) > 0
    if sigma is not None:
        told = np.broadcast_to(np.asarray(sigma, np.float64), pixels.shape[2])
        if not (np.isfinite(told).all() and (told >= 0).all()):
            raise ValueError(f"sigma must be finite and not negative, not {sigma}")
        noise = _told(told)
    elif noise is None:
        noise = estimate(image, known)
    if fidelity is None:
        fidelity = "l1" if noise.model == "impulses" else "l2"

    sample, maps = _sample(pixels, None if weights is None else np.asarray(weights))
    problem = _Problem(
        sample.astype(np.float32), maps, fidelity, {"tv": tv, "channels": channels, "boundary": boundary, "workers": workers}
    )
    by_impulses = noise.model == "impulses"
    coupled = channels != "separate"
    risk: _Recorrupted | _Stein
    if by_impulses:
        risk = _Recorrupted(problem, noise)
        start = _impulse_start(noise, problem, coupled=coupled, whole=risk.whole)
    else:
        risk = _Stein(problem, noise.sigmas)
        start = _gaussian_start(noise.sigma, problem, coupled=coupled)
    risks: dict[float, float] = {}
    if not by_impulses and noise.sigma <= HARDLY_ANY * problem.unit:
        weight = max(start, LEAST * problem.unit)
    elif problem.pixels.size < SMALLEST_SAMPLE:
        weight = start
    else:
        weight = _least(risk, start, 0.1 if fidelity == "l1" else 0.25, risks)
        if by_impulses and fidelity == "l1":
            # The few pixels that are hit on purpose tell a little less than all; the law knows other pictures.
            weight = start**LAW * weight ** (1 - LAW)
    return Choice(
        fidelity, float(f"{weight:.3g}"), noise, None if by_impulses else noise.sigma, sigma is not None, tuple(sorted(risks.items()))
    )


# ── what can be tried ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class _Problem:
    """A sample of the picture (height, width, channels), and how it is solved: roughly, but the same way every time."""

    pixels: Array
    weights: Array | None
    fidelity: str
    options: dict[str, Any]

    def solve(self, pixels: Array, weight: float, iterations: int | None = None) -> tuple[Array, int]:
        """The picture, and after how many iterations; a number that is told makes u a smooth function of the pixels."""
        most, gap = (L1_ITERATIONS, SMALLEST_GAP["l1"]) if self.fidelity == "l1" else (L2_ITERATIONS, ROUGH_GAP)
        if iterations is not None:
            most, gap = iterations, SMALLEST_GAP[self.fidelity]
        solution = denoise(
            pixels, weight, fidelity=self.fidelity, method="optimal", iterations=most, gap=gap, weights=self.weights, records=False,
            dtype=np.float32, **self.options,
        )  # fmt: skip
        return solution.image, solution.iterations

    @property
    def known(self) -> Array:
        """(height, width, 1), bool."""
        if self.weights is None:
            return np.ones((*self.pixels.shape[:2], 1), bool)
        return (self.weights > 0)[:, :, None]

    @property
    def seen(self) -> Array:
        """All values that count."""
        return self.pixels if self.weights is None else self.pixels[self.known[:, :, 0]]

    def mean(self, terms: Array) -> float:
        """Over what counts."""
        if self.weights is None:
            return float(np.mean(terms, dtype=np.float64))
        return float(np.mean(terms, dtype=np.float64, where=self.known))

    @property
    def unit(self) -> float:
        """1 for pictures on [0, 1]; what others span."""
        seen = self.seen.ravel()
        low, high = np.percentile(seen[:: max(1, seen.size // 10_000)], (1, 99))
        return 1.0 if high - low <= 2 and high <= 2 else float(high - low)

    def ends(self) -> tuple[float, float]:
        """Where values were cut off, lowest and highest: what many pixels hold; ∓∞ if none were."""
        seen = self.seen
        low, high = float(seen.min()), float(seen.max())
        many = max(10.0, 1e-4 * seen.size)
        cut = [np.count_nonzero(seen == end) > many for end in (low, high)]
        return (low if cut[0] else -math.inf), (high if cut[1] else math.inf)


# At these the λ of least risk is that of the exact minimiser, to a few per cent (benchmarks/choice.py).
ROUGH_GAP, L2_ITERATIONS, L1_ITERATIONS = 2e-2, 300, 40
SMALLEST_GAP = {"l2": 2e-6, "l1": 1e-4}


def _sample(pixels: Array, weights: Array | None) -> tuple[Array, Array | None]:
    """The picture, or a mosaic of TILES² tiles from all over it."""
    height, width, channels = pixels.shape
    most = SAMPLE if channels <= 4 else 4 * SAMPLE // channels
    if height * width <= most:
        return pixels, weights
    side = math.isqrt(most) // TILES
    tall, wide = (
        min(height // TILES, max(side, side * side * TILES // width)),
        min(width // TILES, max(side, side * side * TILES // height)),
    )

    def mosaic(table: Array) -> Array:
        tops, lefts = (np.linspace(0, length - tile, TILES).astype(int) for length, tile in ((height, tall), (width, wide)))
        return np.concatenate([np.concatenate([table[y : y + tall, x : x + wide] for x in lefts], axis=1) for y in tops], axis=0)

    return mosaic(pixels), None if weights is None else mosaic(weights)


# ── where to begin ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _told(sigmas: Array) -> Noise:
    sigma = math.sqrt(float(np.mean(sigmas**2)))
    return Noise(
        model="gaussian", sigma=sigma, sigmas=tuple(float(s) for s in sigmas), impulses=0.0, salt_pepper=0.0, random_valued=0.0,
        gain=0.0, read_noise=sigma, evidence="sigma was told",
    )  # fmt: skip


def _gaussian_start(sigma: float, problem: _Problem, *, coupled: bool) -> float:
    """A law for photographs:  λ/σ = 1.38·(10σ)^0.295, on [0, 1];  1.6 times that where three channels share one norm."""
    if problem.fidelity == "l1":
        return 0.6 if sigma > HARDLY_ANY * problem.unit else 0.25  # where every picture is its own minimiser
    channels = problem.pixels.shape[2] if coupled else 1
    return float(1.38 * (10 * sigma / problem.unit) ** 0.295 * channels**0.43 * sigma)


def _impulse_law(fraction: float) -> float:
    """λ of L1 for photographs with impulses on a fraction of the pixels."""
    return float(np.interp(math.log(max(fraction, 1e-3)), np.log([0.01, 0.05, 0.1, 0.2, 0.4, 0.6]), [0.40, 0.475, 0.525, 0.64, 0.775, 0.9]))


def _impulse_start(noise: Noise, problem: _Problem, *, coupled: bool, whole: bool) -> float:
    if problem.fidelity == "l1":
        # One norm over C channels grows like √C where all are hit, and less where one is.
        channels = problem.pixels.shape[2] if coupled else 1
        return float(_impulse_law(noise.impulses) * channels ** (0.5 if whole else 0.31))
    return _gaussian_start(0.5 * problem.unit * math.sqrt(noise.impulses), problem, coupled=True)


# ── how good it is ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Stein:
    """Stein's unbiased estimate of the mean squared error, less what does not depend on λ."""

    STEP = 0.06

    def __init__(self, problem: _Problem, sigmas: tuple[float, ...]) -> None:
        self.problem = problem
        self.sigmas = sigmas
        self.step = np.float32(self.STEP * max(sigmas))
        self.probe = np.random.default_rng(SEED).choice(np.array([-1, 1], np.float32), problem.pixels.shape)
        self.ends = problem.ends()
        self.left: tuple[Array, Array] | None = None

    def __call__(self, weight: float) -> float:
        f = self.problem.pixels
        u, iterations = self.problem.solve(f, weight)
        moved, _ = self.problem.solve(f + self.step * self.probe, weight, iterations)
        if self.left is None:
            self.left = self._left(u)
        variance, bias = self.left
        moved -= u
        moved *= self.probe
        moved *= 2 / self.step * variance
        u -= f
        moved += u * (u + 2 * bias)
        moved -= variance
        return self.problem.mean(moved)

    def _left(self, u: Array) -> tuple[Array, Array]:
        """Variance and bias of the noise as it was stored, pixel by pixel where some was cut off.

        From the first picture: another one for each λ would make the risks incomparable.
        """
        if not any(map(math.isfinite, self.ends)):
            return np.square(np.asarray(self.sigmas, u.dtype)), np.zeros(1, u.dtype)
        channels = [cut_off(u[:, :, c], sigma, self.ends) for c, sigma in enumerate(self.sigmas)]
        return np.stack([v for v, _ in channels], axis=-1), np.stack([b for _, b in channels], axis=-1)


def cut_off(mean: Array, sigma: float, ends: tuple[float, float]) -> tuple[Array, Array]:
    """What is left of Gaussian noise of standard deviation `sigma` after values were cut off at `ends` (lowest, highest; ∓∞ for none):
    its variance, and how far the mean moved, where `mean` is what the cut-off values scatter around.

    With a, b the ends less the value x, over σ, z standard normal, φ and Φ its density and distribution:
    E clip(z) = aΦ(a) + b(1 − Φ(b)) + φ(a) − φ(b), and likewise for the square; solved for x by a table.
    """
    from math import erf

    low, high = ends
    if sigma == 0 or (math.isinf(low) and math.isinf(high)):
        return np.full_like(mean, sigma**2), np.zeros_like(mean)
    x = np.linspace(max(low, float(mean.min()) - 4 * sigma), min(high, float(mean.max()) + 4 * sigma), 400)
    a, b = np.maximum((low - x) / sigma, -40), np.minimum((high - x) / sigma, 40)
    below, above = (np.array([0.5 * (1 + erf(sign * z / math.sqrt(2))) for z in t]) for t, sign in ((a, 1), (b, -1)))
    density_a, density_b = (np.exp(-t * t / 2) / math.sqrt(2 * math.pi) for t in (a, b))
    first = a * below + b * above + density_a - density_b
    second = a * a * below + b * b * above + (1 - below - above) + a * density_a - b * density_b
    moved = sigma * first
    variance = sigma**2 * (second - first**2)
    return np.interp(mean, x + moved, variance).astype(mean.dtype), np.interp(mean, x + moved, moved).astype(mean.dtype)


class _Recorrupted:
    """The mean squared error: on pixels that were not hit, to what they hold; on those that were, that on others hit on purpose."""

    # How many more are hit, compared with those that were; what stands out by this much was hit.
    MORE, DISTANCE = 0.1, 0.1

    def __init__(self, problem: _Problem, noise: Noise) -> None:
        self.problem = problem
        f = problem.pixels
        seen = problem.seen
        low, high = float(seen.min()), float(seen.max())
        self.low, self.high = low, high
        self.fraction = noise.impulses
        self.at_the_ends = noise.salt_pepper >= noise.random_valued
        chance = max(self.MORE * self.fraction, min(0.02, 1000 / (f.shape[0] * f.shape[1])))
        random = np.random.default_rng(SEED)
        self.whole = self._whole_pixels(low, high)
        size = (*f.shape[:2], 1) if self.whole else f.shape
        self.more = np.broadcast_to((random.random(size) < chance) & problem.known, f.shape)
        pepper, salt = int(np.count_nonzero(f == low)), int(np.count_nonzero(f == high))
        extreme = np.where(random.random(size) < pepper / max(1, pepper + salt), low, high)
        values = np.where(random.random(size) * noise.impulses < noise.salt_pepper, extreme, low + (high - low) * random.random(f.shape))
        self.worse = np.where(self.more, values, f).astype(f.dtype)
        self.candidates = (f == low) | (f == high) if self.at_the_ends else np.ones(f.shape, bool)
        self.distance = self.DISTANCE * problem.unit
        self.clean: Array | None = None

    def _whole_pixels(self, low: float, high: float) -> bool:
        """Whether a hit takes all channels at once."""
        f = self.problem.pixels
        if f.shape[2] == 1:
            return True
        if self.at_the_ends:
            hit = (f == low) | (f == high)
        else:
            around = (np.roll(f, 1, 0) + np.roll(f, -1, 0) + np.roll(f, 1, 1) + np.roll(f, -1, 1)) / 4
            hit = np.abs(f - around) > 0.25 * self.problem.unit
        return bool(hit.any(axis=2).mean() < 1.5 * hit.mean())

    def __call__(self, weight: float) -> float:
        f = self.problem.pixels
        u, _ = self.problem.solve(self.worse, weight)
        error = np.clip(u, self.low, self.high).astype(np.float64) - f
        if self.clean is None:
            self.clean = ~((np.abs(error) > self.distance) & self.candidates)
        known = self.problem.known
        unhurt, hurt = (error**2).mean(where=self.clean & ~self.more & known), (error**2).mean(where=self.clean & self.more & known)
        return float((1 - self.fraction) * unhurt + self.fraction * hurt)


def _least(risk: Callable[[float], float], start: float, step: float, tried: dict[float, float]) -> float:
    """The λ of least risk: three around the start, more where the least is at an end, a parabola in log λ through the best three."""

    def at(place: float) -> None:
        tried[math.exp(place)] = risk(math.exp(place))

    middle = math.log(start)
    for place in (middle, middle - step, middle + step):
        at(place)
    while True:
        weights = sorted(tried)
        places, risks = [math.log(weight) for weight in weights], [tried[weight] for weight in weights]
        least = int(np.argmin(risks))
        if least in (0, len(places) - 1):
            outwards = places[least] + (step if least else -step)
            if len(places) >= MOST_TRIES:
                return weights[least]
            at(outwards)
            continue
        near = slice(least - 1, least + 2)
        a, b, _ = np.polyfit(np.array(places[near]) - places[least], np.array(risks[near]) - risks[least], 2)
        return math.exp(float(np.clip(places[least] - b / (2 * a) if a > 0 else places[least], places[least - 1], places[least + 1])))
