"""What noise does a picture hold? Its level, how it grows with brightness, how many pixels are impulses; and which model fits."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Noise", "estimate"]

Array = npt.NDArray[Any]

SIDE = 8
# How many blocks are looked at, over all channels: the estimate must stay cheap beside one run of the solver.
BLOCKS = 24_000
IMPULSE_BLOCKS = 4_000
MASKED_BLOCKS = 4_000
# The share of blocks, those with the least at low frequencies, that the level is read from; and the fewest that will do.
CALM, FEWEST = 0.01, 40
# Blocks with this many times more energy at low frequencies than noise has are not noise alone.
RESTLESS = 4.0
# The share of impulses below which most blocks are free of them.
FEW = 0.02
# Below this share of the range, noise and the grain of a clean photograph (up to 2.6/255 among 58) cannot be told apart.
NEGLIGIBLE = 0.01


@dataclass(frozen=True)
class Noise:
    """What `estimate` found. Levels are in the picture's units: for integers, fractions of the whole range; for floats, as they are.

    model: "none", "gaussian", "poisson" (its variance grows with brightness) or "impulses".  sigma: standard deviation of the noise that is
    not impulses, root mean square over channels; where it grows with brightness, at the mean brightness.  sigmas: one a channel.
    impulses = salt_pepper + random_valued: shares of the pixels, 0–1.  gain, read_noise: variance = gain·brightness + read_noise²; gain
    is 0 for uniform noise.  evidence: why, in one line.
    """

    model: str
    sigma: float
    sigmas: tuple[float, ...]
    impulses: float
    salt_pepper: float
    random_valued: float
    gain: float
    read_noise: float
    evidence: str


def estimate(image: npt.ArrayLike, known: npt.ArrayLike | None = None) -> Noise:
    """The noise of `image`: (height, width) or (height, width, channels); bool, uint8, uint16 (scaled to [0, 1]) or floats (as they are).

    `known`, (height, width), is False where pixels do not count; nor do those that are NaN or infinite.

    The level comes from the blocks of 8 × 8 pixels with the least energy in the low half of their cosine transform. White noise makes the
    high half independent of the low one, so that the high half of the same blocks is noise without a bias of selection (as in
    Ponomarenko et al. 2007; Colom & Buades 2013, IPOL 3, 173–197). What clipping at black and white takes from the variance is given back
    (cf. Foi 2009, Signal Processing 89, 2609–2629). Over blocks of different brightness, variance = gain·brightness + read_noise² is
    fitted (cf. Foi et al. 2008, IEEE TIP 17, 1737–1754). Impulses are pixels far from the mode of their block and from all eight
    neighbours (cf. Garnett et al. 2005, IEEE TIP 14, 1747–1754); the share of impulses that this would find is computed, and with it the
    share of all.

    Raises ValueError for a shape that is no picture, TypeError for a type without a scale.
    """
    picture = _Picture.of(image, known)
    if picture.nothing:
        return _none(picture.channels, picture.nothing)
    salt_pepper, random_valued, distance = _impulses(picture)
    impulses = salt_pepper + random_valued
    levels: list[float | None] = [0.0] * picture.channels
    curve = None
    if impulses and not picture.two_levels:
        levels = [_masked_level(picture, channel, impulses=True) for channel in range(picture.channels)]
    decisive = impulses * distance > sum((level or 0.0) ** 2 for level in levels) / picture.channels
    # A few that weigh little may be the tail of noise that is not uniform; calm blocks are free of them.
    if not picture.two_levels and not decisive and impulses < FEW:
        found = [_spectra(picture, channel) for channel in range(picture.channels)]
        if picture.known is not None and min(map(len, found)) < 4 * FEWEST:
            levels = [_masked_level(picture, channel, impulses=False) for channel in range(picture.channels)]
        else:
            levels = [_level(spectra, picture) for spectra in found]
            curve = _curve(found, picture)
    if all(level is None for level in levels) and not impulses:
        return _none(picture.channels, "too few known pixels lie together to tell noise from content")
    return _verdict(picture, [(level or 0.0) * picture.span for level in levels], curve, salt_pepper, random_valued, decisive)


def _none(channels: int, why: str) -> Noise:
    return Noise("none", 0.0, (0.0,) * channels, 0.0, 0.0, 0.0, 0.0, 0.0, why)


# ── The picture ──


@dataclass(frozen=True)
class _Picture:
    """The pixels as they came, and what their values mean; nothing of the size of the picture is copied.

    Inside, a value is (pixel − `zero`)·`scale`: `bottom` to `top`, at most 1 apart. `span` of the picture's units are 1 of those.
    """

    pixels: Array  # (height, width, channels), any type
    known: Array | None  # (height, width)
    zero: float = 0.0
    scale: float = 1.0
    span: float = 1.0
    offset: float = 0.0  # `zero` in the picture's units
    bottom: float = 0.0  # what the values range over
    top: float = 1.0
    low: float = -math.inf  # where values pile up because they cannot be lower; −inf if they do not
    high: float = math.inf
    unit: float = 1.0  # what counts as the whole range, in the picture's units, when noise is called negligible
    quantum: float = 0.0  # distance of neighbouring levels, 0 where there are none
    two_levels: bool = False
    means: tuple[float, ...] = ()  # one a channel, roughly, in the picture's units
    nothing: str = ""  # why there is nothing to estimate

    @property
    def channels(self) -> int:
        return int(self.pixels.shape[2])

    @property
    def side(self) -> tuple[int, int]:
        height, width = self.pixels.shape[:2]
        return min(SIDE, height), min(SIDE, width)

    @classmethod
    def of(cls, image: npt.ArrayLike, known: npt.ArrayLike | None) -> _Picture:
        pixels = np.asarray(image)
        if pixels.ndim not in (2, 3):
            raise ValueError(f"a picture has 2 or 3 axes (height, width[, channels]), not {pixels.ndim}")
        if pixels.dtype.kind not in "bf" and not (pixels.dtype.kind == "u" and pixels.dtype.itemsize <= 2):
            raise TypeError(f"pixels of type {pixels.dtype} have no scale; use bool, uint8, uint16 or floats")
        pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
        mask = None
        if known is not None:
            mask = np.asarray(known, dtype=bool)
            if mask.shape != pixels.shape[:2]:
                raise ValueError(f"`known` is {mask.shape}, the picture {pixels.shape[:2]}")
        if pixels.dtype.kind == "f":
            with np.errstate(over="ignore", invalid="ignore"):
                total = float(pixels.sum(dtype=np.float64))
            if not math.isfinite(total):
                finite = np.isfinite(pixels).all(axis=2)
                mask = finite if mask is None else mask & finite
        if mask is not None and mask.all():
            mask = None
        return cls._measured(pixels, mask)

    @classmethod
    def _measured(cls, pixels: Array, mask: Array | None) -> _Picture:
        if pixels.size == 0:
            return cls(pixels, mask, nothing="there are no pixels")
        values = pixels if mask is None else pixels[mask]
        if values.size == 0:
            return cls(pixels, mask, nothing="no pixel is known")
        least, most = values.min(), values.max()
        if least == most:
            return cls(pixels, mask, nothing="the picture is constant")
        if values.size < 64 * pixels.shape[2]:
            return cls(pixels, mask, nothing="too few pixels to tell noise from content")
        if pixels.dtype.kind == "f" and not 1e-300 < float(most) - float(least) < 1e300:
            return cls(pixels, mask, nothing="the values are too far apart, or too near, to compute with")
        some = values[:: max(1, len(values) // 512)] if mask is None else values[:: max(1, len(values) // 65536)]
        some = some.reshape(-1, pixels.shape[2]).astype(np.float64)
        if pixels.dtype == bool:
            return cls(pixels, mask, low=0.0, high=1.0, quantum=1.0, two_levels=True, means=tuple(some.mean(axis=0)))
        full = float(np.iinfo(pixels.dtype).max) if pixels.dtype.kind == "u" else 1.0
        means = tuple(float(mean) / full for mean in some.mean(axis=0))
        at_least, at_most = int(np.count_nonzero(values == least)), int(np.count_nonzero(values == most))
        two = at_least + at_most == values.size
        if pixels.dtype == np.uint8:
            return cls(pixels, mask, scale=1 / full, low=0.0, high=1.0, quantum=1 / full, two_levels=two, means=means)
        bottom, top = float(least), float(most)
        # 12 bits in 16, or floats in units of their own: a few far pixels do not make the range.
        darkest, brightest = np.percentile(some[:: max(1, len(some) // 65536)], (0.5, 99.5))
        common = float(brightest - darkest)
        if pixels.dtype.kind == "f" and top - bottom > 20 * common > 0:
            bottom, top = max(bottom, float(darkest) - common), min(top, float(brightest) + common)
        zero = 0.0 if bottom <= 0 <= top else bottom
        scale = 1 / (top - bottom)
        own = pixels.dtype.kind == "u" or max(abs(bottom), abs(top)) > 2 or top - bottom < 0.05
        piled = max(8, 2e-5 * values.size)
        quantum = scale if pixels.dtype.kind == "u" else 0.0
        if pixels.dtype.kind == "f" and not own and np.abs(some * 255 - np.rint(some * 255)).max() < 1e-3:
            quantum = scale / 255  # eight bits, in floats
        bounds = (bottom - zero) * scale, (top - zero) * scale
        return cls(
            pixels, mask, zero, scale, (top - bottom) / full, zero / full, *bounds,
            low=bounds[0] if at_least >= piled else -math.inf, high=bounds[1] if at_most >= piled else math.inf,
            unit=min(1.0 if pixels.dtype.kind == "u" else math.inf, (common or top - bottom) / full) if own else 1.0,
            quantum=quantum, two_levels=two, means=means,
        )  # fmt: skip

    def blocks(self, channel: int, count: int) -> tuple[Array, Array | None]:
        """About `count` blocks, (n, pixels a block), spread evenly, and which of their pixels are known (None: all)."""
        step = _step(self.pixels.shape[:2], self.side, count)
        cut = self._cut(self.pixels[:, :, channel], step)
        known = None
        if self.known is not None:
            known = self._cut(self.known, step)
            some = known.any(axis=1)
            cut, known = np.where(known[some], cut[some], cut.dtype.type(self.zero)), known[some]
            known = None if known.all() else known
        if self.pixels.dtype.kind == "f":
            return np.clip((cut.astype(np.float64) - self.zero) * self.scale, self.bottom, self.top).astype(np.float32), known
        blocks = cut.astype(np.float32)
        if self.zero:
            blocks -= np.float32(self.zero)
        blocks *= np.float32(self.scale)
        return blocks, known

    def _cut(self, plane: Array, step: int) -> Array:
        windows = np.lib.stride_tricks.sliding_window_view(plane, self.side)[::step, ::step]
        return windows.reshape(windows.shape[0] * windows.shape[1], -1)


def _step(shape: tuple[int, ...], side: tuple[int, int], count: int) -> int:
    positions = (shape[0] - side[0] + 1) * (shape[1] - side[1] + 1)
    step = max(1, math.isqrt(max(1, positions // count)))
    if min(shape) < 4 * SIDE:
        return max(1, min(step, positions // count))
    # Odd, so that the grid of JPEG's own blocks is met in every phase.
    return step if step < 4 or step % 2 else step + 1


# ── Level of white noise ──


@dataclass(frozen=True)
class _Spectra:
    """A number a block: mean, energy at low frequencies, mean energy of the high ones, share of saturated pixels; `freedoms` high ones."""

    mean: Array
    low: Array
    high: Array
    saturated: Array
    freedoms: int
    low_freedoms: int

    def __getitem__(self, chosen: Array) -> _Spectra:
        return _Spectra(self.mean[chosen], self.low[chosen], self.high[chosen], self.saturated[chosen], self.freedoms, self.low_freedoms)

    def __len__(self) -> int:
        return len(self.mean)


def _cosines(height: int, width: int) -> tuple[Array, int]:
    """The orthonormal cosine transform's low half without the mean, (pixels, functions), and how many functions are in the high half."""

    def one(n: int) -> Array:
        k, x = np.arange(n)[:, None], np.arange(n)[None, :]
        basis = np.cos(np.pi * k * (x + 0.5) / n) * math.sqrt(2 / n)
        basis[0] /= math.sqrt(2)
        return basis

    frequency = SIDE * (np.arange(height)[:, None] / height + np.arange(width)[None, :] / width).ravel()
    half = (frequency.max() + 2) / 2
    low = (frequency > 0) & (frequency < half)
    basis = np.kron(one(height), one(width))[low].T
    return np.ascontiguousarray(basis, dtype=np.float32), int((frequency >= half).sum())


def _spectra(picture: _Picture, channel: int) -> _Spectra:
    blocks, known = picture.blocks(channel, BLOCKS // picture.channels)
    if known is not None:
        whole = known.all(axis=1)
        blocks = blocks[whole]
    basis, freedoms = _cosines(*picture.side)
    saturated = ((blocks <= picture.low + 1e-6) | (blocks >= picture.high - 1e-6)).mean(axis=1, dtype=np.float32)
    mean = blocks.mean(axis=1)
    blocks -= mean[:, None]
    coefficients = blocks @ basis
    low = np.einsum("ij,ij->i", coefficients, coefficients)
    high = np.maximum(np.einsum("ij,ij->i", blocks, blocks) - low, 0) / max(1, freedoms)
    return _Spectra(mean, low, high, saturated, freedoms, basis.shape[1])


def _calmest(low: Array, share: float, fewest: int) -> Array:
    """Indices of the blocks with the least at low frequencies."""
    count = min(len(low), max(fewest, int(share * len(low))))
    chosen: Array = np.argpartition(low, count - 1)[:count]
    return chosen


def _level(spectra: _Spectra, picture: _Picture) -> float:
    """Standard deviation of one channel's noise, were it white and nowhere clipped."""
    lively = spectra.low + spectra.freedoms * spectra.high > 64 * 1e-12
    flat = float(1 - lively.mean()) if len(spectra) else 1.0
    seen = spectra[lively]
    if len(seen) == 0 or seen.freedoms == 0:
        return 0.0
    inside = seen[seen.saturated <= 0.05]
    variance, calmness = 0.0, math.inf
    if len(inside) >= 5 * FEWEST or len(inside) == len(seen):
        variance, calmness = _plain(inside)
    if seen.saturated.any() and (not len(inside) or calmness > RESTLESS):
        halved = seen[np.abs(seen.saturated - 0.5) < 0.25]
        if len(halved) >= 5 * FEWEST:
            variance, calmness = _half_seen(halved)
            if calmness < RESTLESS / 2:
                # All that is calm lies at black or white, where noise shows half: a scan's paper.
                return _dequantised(variance, picture)
    if not len(inside) or (calmness > RESTLESS and flat > 0.02):
        # No noise where it would be seen, and the other blocks are edges: a page of text, a sky of stars, a drawing.
        return 0.0
    if seen.saturated.any():
        variance = _unclipped(seen, variance or _plain(seen)[0], picture)
    return _dequantised(variance, picture)


def _dequantised(variance: float, picture: _Picture) -> float:
    return math.sqrt(max(0.0, variance - picture.quantum**2 / 12))


def _plain(spectra: _Spectra) -> tuple[float, float]:
    """Variance in the calmest blocks, and how much more there is at their low frequencies: 1 if nothing but noise is."""
    calm = _calmest(spectra.low, CALM, FEWEST)
    variance = float(spectra.high[calm].mean())
    return variance, float(np.median(spectra.low[calm])) / max(spectra.low_freedoms * variance, 1e-30)


def _half_seen(spectra: _Spectra) -> tuple[float, float]:
    """Variance from blocks of which about half the pixels are cut off, as their share tells how far black or white is from the mean; and
    how calm these blocks are, as in `_plain`."""
    calm = _calmest(spectra.low, 0.2, FEWEST)
    share, variance = float(spectra.saturated[calm].mean()), float(spectra.high[calm].mean())
    x = np.linspace(-6, 6, 1201)
    weights = np.exp(-(x**2) / 2)
    weights /= weights.sum()
    seen = np.minimum(x, x[min(int(np.searchsorted(np.cumsum(weights), 1 - share)), len(x) - 1)])
    kept = float(weights @ (seen - weights @ seen) ** 2)
    return variance / kept, float(np.median(spectra.low[calm])) / max(spectra.low_freedoms * variance, 1e-30)


def _unclipped(spectra: _Spectra, variance: float, picture: _Picture) -> float:
    """The variance before clipping, by fixed point from a first guess."""
    for _ in range(8):
        before = variance
        kept, tails = _clipped(spectra.mean, math.sqrt(variance), picture)
        for least in (0.9, 0.7, 0.3, 0.0):
            usable = kept > least
            if usable.sum() >= 5 * FEWEST or least == 0.0:
                break
        if not usable.any():
            return variance
        if variance == 0:
            return 0.0
        kept, tails, n = kept[usable], tails[usable], spectra.low_freedoms
        # 1 where there is nothing but noise. Where there is much of that, no need for the rarest blocks.
        calmness = spectra.low[usable] / (kept * n * variance)
        calm = _calmest(calmness, CALM, max(FEWEST, int(0.5 * (calmness < 0.9).sum())))
        # Clipped noise is not normal, so that the two halves of a block's energy know of each other: E(high | low) bends with the kurtosis.
        share = n / (n + 1 + spectra.freedoms)
        bend = share * tails[calm] / (2 + share * tails[calm])
        ratio = spectra.high[usable][calm] / kept[calm] / (1 + bend * (np.minimum(calmness[calm], 1) - 1))
        variance = float(ratio.mean())
        if abs(variance - before) < 0.005 * before:
            break
    return variance


def _clipped(mean: Array, sigma: float, picture: _Picture, nodes: int = 129) -> tuple[Array, Array]:
    """Normal noise of standard deviation σ after clipping at black and white: the share of σ² left, and the excess kurtosis, where the
    mean after clipping is `mean`."""
    if sigma <= 0 or not (math.isfinite(picture.low) or math.isfinite(picture.high)):
        return np.ones_like(mean), np.zeros_like(mean)
    bottom, top = max(picture.low, picture.bottom - 9 * sigma), min(picture.high, picture.top + 9 * sigma)
    true = np.linspace(bottom - 2.5 * sigma, top + 2.5 * sigma, nodes)[:, None]
    x = np.linspace(-4.5, 4.5, nodes | 1)
    weights = np.exp(-(x**2) / 2)
    weights /= weights.sum()
    noisy = np.clip(true + sigma * x, picture.low, picture.high)
    centre = noisy @ weights
    squares = (noisy - centre[:, None]) ** 2
    variance = squares @ weights
    kurtosis = (squares**2) @ weights / np.maximum(variance**2, 1e-300) - 3
    kept: Array = np.interp(mean, centre, variance / sigma**2)
    tails: Array = np.interp(mean, centre, np.minimum(kurtosis, 10))
    return kept, tails


def _masked_level(picture: _Picture, channel: int, *, impulses: bool) -> float | None:
    """The level from blocks with holes: unknown pixels, impulses. Low frequencies are fitted to the others, and the rest is noise."""
    blocks, known = picture.blocks(channel, MASKED_BLOCKS // picture.channels)
    if len(blocks) == 0:
        return None
    valid = np.ones(blocks.shape, bool) if known is None else known.copy()
    if impulses:
        tone, spread, countable = _modes(blocks, valid, picture)
        if ((tone <= picture.bottom) | (tone >= picture.top)).mean() > 0.6:
            # Paper that is exactly white, but for the impulses: noise would have left its mark.
            return 0.0
        spread = np.maximum(spread, np.quantile(spread[countable], 0.1) if countable.any() else 0)
        valid &= np.abs(blocks - tone[:, None]) <= np.maximum(4 * spread, 2.5 * picture.quantum)[:, None]
        # As likely an impulse as not.
        valid &= (blocks > picture.low + 1e-6) & (blocks < picture.high - 1e-6)
    basis, _ = _cosines(*picture.side)
    functions = basis[:, np.argsort(np.abs(np.diff(basis, axis=0)).sum(axis=0), kind="stable")[:14]]
    functions = np.concatenate([np.ones((len(functions), 1), np.float32), functions], axis=1).astype(np.float64)
    p = functions.shape[1]
    enough = valid.sum(axis=1) >= p + 8
    if enough.sum() < 8:
        return None
    blocks, valid = blocks[enough].astype(np.float64), valid[enough].astype(np.float64)
    products = (functions[:, :, None] * functions[:, None, :]).reshape(len(functions), -1)
    level = 0.0
    for last in (False, False, True):
        gram = (valid @ products).reshape(-1, p, p) + 1e-9 * np.eye(p)
        moments = (valid * blocks) @ functions
        fitted = np.linalg.solve(gram, moments[:, :, None])[:, :, 0] @ functions.T
        residual = (blocks - fitted) * valid
        freedoms = valid.sum(axis=1) - p
        variance = np.einsum("ij,ij->i", residual, residual) / np.maximum(freedoms, 1)
        mean = moments[:, 0] / np.maximum(valid.sum(axis=1), 1)
        low = np.einsum("ij,ij->i", valid, (blocks - mean[:, None]) ** 2) - variance * freedoms
        usable = freedoms >= 6
        # Near black and white a part of the noise is cut off.
        inside = usable & (mean > picture.low + 2 * level) & (mean < picture.high - 2 * level)
        if inside.sum() >= 2 * FEWEST:
            usable = inside
        if usable.sum() < 4:
            return None
        calm = np.flatnonzero(usable)[_calmest(low[usable], 2 * CALM, FEWEST)]
        level = math.sqrt(float(np.sum(variance[calm] * freedoms[calm]) / np.sum(freedoms[calm])))
        if not last and impulses:
            valid *= np.abs(residual) <= 3.5 * level + 1e-12
    return _dequantised(level**2, picture)


# ── Noise that grows with brightness ──


@dataclass(frozen=True)
class _Curve:
    """variance = gain·mean + offset, over means from `dark` to `bright`; rms relative errors of this line, and of a constant."""

    gain: float
    offset: float
    dark: float
    bright: float
    line_error: float
    constant_error: float

    def variance(self, mean: float) -> float:
        return self.gain * mean + self.offset


def _curve(found: list[_Spectra], picture: _Picture) -> _Curve | None:
    means: list[float] = []
    variances: list[float] = []
    for spectra in found:
        for mean, variance in _classes(spectra[(spectra.saturated < 0.5) & (spectra.high > 0)]):
            kept, before = _before_clipping(mean, variance, picture)
            if kept > 0.6:
                means.append(mean * picture.span + picture.offset)
                variances.append((before - picture.quantum**2 / 12) * picture.span**2)
    if len(means) < 5:
        return None
    m, v = np.array(means), np.maximum(np.array(variances), 1e-10 * picture.span**2)
    if m.max() - m.min() < 0.1 * picture.span:
        return None
    gain, offset = _line(m, v)
    constant = _constant(v)
    fitted = np.maximum(gain * m + offset, 1e-10 * picture.span**2)
    return _Curve(gain, offset, float(m.min()), float(m.max()), _misfit(v, fitted), _misfit(v, np.full_like(v, constant)))


def _before_clipping(mean: float, variance: float, picture: _Picture) -> tuple[float, float]:
    """What share of the variance clipping has left, and the whole of it."""
    kept, whole = 1.0, variance
    for _ in range(4):
        kept = float(_clipped(np.array([mean]), math.sqrt(whole), picture, nodes=41)[0][0])
        if not 0.5 < kept < 0.995:
            break
        whole = variance / kept
    return kept, whole


def _classes(spectra: _Spectra) -> Iterator[tuple[float, float]]:
    """Mean and noise variance of blocks of like brightness, darkest first."""
    classes = min(16, len(spectra) // 150)
    if classes < 3:
        return
    order = np.argsort(spectra.mean)
    for members in np.array_split(order, classes):
        one = spectra[members]
        calm = _calmest(one.low, 0.04, 24)
        yield float(one.mean[calm].mean()), float(one.high[calm].mean())


def _soft(v: Array, fitted: Array) -> Array:
    """Weights: relative errors count; texture only ever adds, so what lies above the fit counts less and less."""
    excess = (v / fitted - 1) / 0.15
    weights: Array = 1 / fitted**2 / np.maximum(1, excess) ** 2
    return weights


def _constant(v: Array) -> float:
    value = float(np.median(v))
    for _ in range(20):
        weights = _soft(v, np.full_like(v, value))
        value = float((weights * v).sum() / weights.sum())
    return value


def _line(m: Array, v: Array) -> tuple[float, float]:
    """gain ≥ 0 and offset ≥ 0 of variance = gain·mean + offset."""
    fitted = np.full_like(v, np.median(v))
    gain = offset = 0.0
    for _ in range(30):
        w = _soft(v, fitted)
        total, mx, my = w.sum(), (w * m).sum() / w.sum(), (w * v).sum() / w.sum()
        slope = float((w * (m - mx) * (v - my)).sum() / max((w * (m - mx) ** 2).sum(), 1e-300))
        if my - slope * mx < 0:
            slope = float((w * m * v).sum() / (w * m * m).sum())
            gain, offset = slope, 0.0
        elif slope <= 0:
            gain, offset = 0.0, float(my)
        else:
            gain, offset = slope, float(my - slope * mx)
        fitted = np.maximum(gain * m + offset, 1e-3 * float(my) + 1e-300)
        if total <= 0:
            break
    return gain, offset


def _misfit(v: Array, fitted: Array) -> float:
    """Relative error of the fit, with the outliers above it cut short."""
    error = np.minimum(v / fitted - 1, 1.0)
    return float(np.sqrt(np.mean(error**2)))


# ── Impulses ──

# The shortest interval that holds this many of a block's pixels says where its tone is; blocks with fewer usable pixels say nothing.
HELD, FEWEST_PIXELS = 22, 24
# Its expected length under standard normal noise, by the number of pixels (simulated, 10⁵ blocks each).
# So many spreads away from the tone of its block a pixel is no part of its noise.
FAR = 5.0
NORMAL_LENGTHS = {24: 2.85, 26: 2.39, 28: 2.10, 32: 1.70, 36: 1.44, 40: 1.25, 48: 0.99, 56: 0.82, 64: 0.69}


def _modes(blocks: Array, valid: Array, picture: _Picture) -> tuple[Array, Array, Array]:
    """Tone and spread of every block, from its half that lies closest together; and whether they can be trusted."""
    low, high = (blocks <= picture.bottom + 1e-6) & valid, (blocks >= picture.top - 1e-6) & valid
    usable = valid & ~low & ~high
    count = usable.sum(axis=1)
    ordered = np.where(usable, blocks, np.float32(np.inf))
    ordered.sort(axis=1)
    with np.errstate(invalid="ignore"):
        lengths = ordered[:, HELD - 1 :] - ordered[:, : ordered.shape[1] - HELD + 1]
    lengths[~np.isfinite(lengths)] = np.inf
    rows, place = np.arange(len(blocks)), lengths.argmin(axis=1)
    trusted = count >= FEWEST_PIXELS
    with np.errstate(invalid="ignore"):
        tone = np.where(trusted, (ordered[rows, place] + ordered[rows, place + HELD - 1]) / 2, 0)
    expected = np.interp(count, list(NORMAL_LENGTHS), list(NORMAL_LENGTHS.values()))
    spread = np.where(trusted, lengths[rows, place] / expected, 0)
    # What fills most of a block is its tone, even if it is black or white.
    for level, there in ((picture.bottom, low), (picture.top, high)):
        flat = there.sum(axis=1) > 0.6 * valid.sum(axis=1)
        tone[flat], spread[flat] = level, 0
        trusted |= flat
    # Counts of few photons are equal by the dozen: not less than the step to the next level is their spread.
    equal = np.flatnonzero(trusted & (spread <= 1e-6))
    steps = np.abs(ordered[equal] - tone[equal, None])
    steps[steps <= 1e-6] = np.inf
    others = np.isfinite(steps).sum(axis=1) > 0.1 * valid[equal].sum(axis=1)
    spread[equal[others]] = steps[others].min(axis=1)
    return tone, spread, trusted


@dataclass
class _Count:
    """Impulses of one kind: how many were found, how many of them unlike all neighbours, of how many that could have been (if all were)."""

    found: float = 0.0
    lone: float = 0.0
    possible: float = 0.0
    apart: float = 0.0  # how many have no other impulse beside them, of whatever kind
    apart_expected: float = 0.0

    def share(self, alike: float) -> tuple[float, float]:
        """The share of the pixels, and which part of those expected to be unlike their neighbours is so: 1 for impulses, 0 for edges.

        `alike`: how probable it is that two impulses look alike. Structure adds to `found`, and hardly to `lone`.
        """
        if not self.found or self.possible <= 0:
            return 0.0, 0.0
        rate, lone = self.found / self.possible, self.lone / self.possible
        expected = rate * (1 - min(1.0, rate * alike)) ** 8
        if rate > 0.08 and lone > 2 * expected:
            # They avoid each other: a halftone.
            return 0.0, 0.0
        if lone >= 0.8 * expected:
            return min(1.0, rate), 1.0
        # p·(1 − p·alike)⁸ = lone, the smaller root; it has one up to p = 1/(9·alike).
        p = np.linspace(0, min(1.0, 1 / (9 * alike)), 512)
        root = min(rate, float(np.interp(lone, p * (1 - p * alike) ** 8, p)))
        return root, lone / rate / (1 - min(1.0, root * alike)) ** 8


def _impulses(picture: _Picture) -> tuple[float, float, float]:
    """Shares of salt-and-pepper and of random-valued impulses, and the mean square of how far they are off."""
    if min(picture.side) < SIDE:
        return 0.0, 0.0, 0.0
    pepper, salt, other, far = _Count(), _Count(), _Count(), _Count()
    span = picture.top - picture.bottom
    distance = 0.0
    alike: list[float] = []
    for channel in range(picture.channels):
        blocks, known = picture.blocks(channel, IMPULSE_BLOCKS // picture.channels)
        valid = np.ones(blocks.shape, bool) if known is None else known
        tone, spread, usable = _modes(blocks, valid, picture)
        usable &= valid.sum(axis=1) >= FEWEST_PIXELS
        if usable.sum() < 10:
            continue
        spread = np.maximum(spread, np.quantile(spread[usable], 0.1))
        reach = np.maximum(FAR * spread, 0.1 * span)
        usable &= reach < 0.45 * span
        if usable.sum() < 10:
            continue
        # Impulses are as many where the picture is smooth, and better seen.
        extreme = (tone <= picture.bottom) | (tone >= picture.top)
        if (between := usable & ~extreme).any():
            usable &= extreme | (spread <= np.quantile(spread[between], 0.4))
        distance += _count(blocks[usable], valid[usable], tone[usable], reach[usable], picture, (pepper, salt, other, far))
        alike.append(float(reach[usable].mean()) / span)
    if not alike:
        return 0.0, 0.0, 0.0
    found = pepper.found + salt.found + other.found
    distance /= max(1.0, found)
    (p, p_part), (s, s_part) = pepper.share(1.0), salt.share(1.0)
    p, s = (p if p_part > 0.02 else 0.0), (s if s_part > 0.02 else 0.0)
    salt_pepper = p + s if p + s >= 0.002 else 0.0
    r, part = other.share(float(np.mean(alike)))
    # Tails of a noise get rare quickly; impulses are as many at twice the distance.
    even = far.found / max(far.possible, 1e-9) >= 0.5 * other.found / max(other.possible, 1e-9)
    # The rims of letters are unlike their neighbours, but have the letters beside them.
    apart = other.apart >= 0.3 * other.apart_expected
    random_valued = r if even and apart and ((part >= 0.5 and r >= 0.005) or (part >= 0.3 and r >= 0.03)) else 0.0
    return salt_pepper, random_valued, distance


def _count(blocks: Array, valid: Array, tone: Array, reach: Array, picture: _Picture, counts: tuple[_Count, ...]) -> float:
    """Count impulses inside the rim of the blocks, which has not all neighbours; returns the sum of the squares of their distances."""
    pepper, salt, other, far = counts
    square = blocks.reshape(-1, SIDE, SIDE)
    inner = (slice(None), slice(1, -1), slice(1, -1))
    pixel, tone, reach = square[inner], tone[:, None, None], reach[:, None, None]
    there = valid.reshape(square.shape)[inner]
    off = np.abs(pixel - tone)
    found = (off > reach) & there
    lone = found.copy()
    crowd = (np.abs(square - tone) > reach) & valid.reshape(square.shape)
    apart = found.copy()
    for row in range(3):
        for column in range(3):
            if (row, column) != (1, 1):
                neighbour = square[:, row : row + SIDE - 2, column : column + SIDE - 2]
                lone &= np.abs(neighbour - pixel) > reach / 2
                apart &= ~crowd[:, row : row + SIDE - 2, column : column + SIDE - 2]
    black, white = found & (pixel <= picture.bottom + 1e-6), found & (pixel >= picture.top - 1e-6)
    rest = found & ~black & ~white
    other.apart += float((rest & apart).sum())
    other.apart_expected += float(rest.sum()) * (1 - float(found.mean())) ** 8
    pixels = there.sum(axis=(1, 2))
    for count, which, possible in ((pepper, black, tone - reach > picture.bottom), (salt, white, tone + reach < picture.top)):
        count.found += float(which.sum())
        count.lone += float((which & lone).sum())
        count.possible += float((possible[:, 0, 0] * pixels).sum())
    span = picture.top - picture.bottom
    for count, which, distance in ((other, rest, reach), (far, rest & (off > 1.5 * reach), 1.5 * reach)):
        visible = np.maximum(tone - distance - picture.bottom, 0) + np.maximum(picture.top - tone - distance, 0)
        count.found += float(which.sum())
        count.lone += float((which & lone).sum())
        count.possible += float((visible[:, 0, 0] / span * pixels).sum())
    return float((off[found].astype(np.float64) ** 2).sum())


# ── Verdict ──


def _verdict(
    picture: _Picture, levels: list[float], curve: _Curve | None, salt_pepper: float, random_valued: float, decisive: bool
) -> Noise:
    sigma = math.sqrt(sum(level**2 for level in levels) / len(levels))
    impulses = min(1.0, salt_pepper + random_valued)
    negligible = NEGLIGIBLE * picture.unit
    gain, read_noise = 0.0, sigma
    told = f"σ ≈ {_number(sigma)} ({_number(255 * sigma / picture.unit)}/255)" if picture.unit == 1 else f"σ ≈ {_number(sigma)}"
    if decisive:
        model = "impulses"
        kinds = [
            f"{100 * share:.2g} % {kind}" for share, kind in ((salt_pepper, "black or white"), (random_valued, "of any value")) if share
        ]
        evidence = f"{' and '.join(kinds)} pixels stand alone, unlike all their neighbours; the rest: {told}"
    elif curve is not None and _grows(curve, negligible):
        model = "poisson"
        salt_pepper = random_valued = impulses = 0.0
        gain, read_noise = curve.gain, math.sqrt(curve.offset)
        levels = [math.sqrt(max(0.0, curve.variance(mean))) for mean in picture.means]
        sigma = math.sqrt(sum(level**2 for level in levels) / len(levels))
        dark, bright = (math.sqrt(max(0.0, curve.variance(m))) for m in (curve.dark, curve.bright))
        evidence = (
            f"noise grows with brightness: σ {_number(dark)} at {_number(curve.dark)}, {_number(bright)} at {_number(curve.bright)}; "
            f"variance ≈ {_number(gain)}·brightness + {_number(read_noise)}²"
        )
    elif sigma >= negligible:
        model = "gaussian"
        evidence = f"the calmest blocks have noise of {told}, alike in dark and bright places"
        if impulses:
            evidence += f"; {100 * impulses:.2g} % impulses weigh less than that"
    else:
        model = "none"
        evidence = f"the calmest blocks have next to no noise, {told}"
    return Noise(model, sigma, tuple(levels), impulses, salt_pepper, random_valued, gain, read_noise, evidence)


def _grows(curve: _Curve, negligible: float) -> bool:
    """Does the noise grow with brightness, rather than the texture? Noise lies on the line, texture about it."""
    ratio = curve.variance(curve.bright) / max(curve.variance(curve.dark), 1e-300)
    most = math.sqrt(curve.variance(curve.bright))
    better = curve.line_error / max(curve.constant_error, 1e-300)
    if most > 2 * negligible and ratio > 2.8 and better < 0.25 and curve.line_error < 0.28:
        return True
    return most > negligible and ratio > 1.8 and better < 0.35 and curve.line_error < 0.1


def _number(value: float) -> str:
    return f"{value:.3g}"
