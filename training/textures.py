"""Repeating textures: cloth, shutters, brickwork, mesh, of which photographs alone show too few.

A texture is a pattern of one period (a wave along one direction, two waves that cross, or a piece of a photograph) that is repeated without
end, turned, scaled and bent as folds and perspective do, and laid over a part of a photograph. The ranges are those of what lenses
resolve: periods from two pixels on (a second wave may be finer, and then shows as a coarser one), contrast from what can just be seen to
black on white. Nothing is fitted to a picture.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from training.noise import blurred

__all__ = ["woven"]

Patch = NDArray[np.float32]

#: Pixels in a period of a wave, from and to, and half of those in a piece of a photograph; drawn evenly in their logarithm, as is the
#: contrast (a standard deviation).
PERIODS = (2.2, 16.0)
CONTRASTS = (3 / 255, 70 / 255)
#: How many periods the folds move the texture, at most.
FOLDS = 2.5
#: Share of the textures that are waves; the others are pieces of a photograph.
WAVES = 0.65


def between(bounds: tuple[float, float], rng: np.random.Generator) -> float:
    """A number whose logarithm is evenly distributed."""
    return float(np.exp(rng.uniform(*np.log(bounds))))


def gentle(height: int, width: int, rng: np.random.Generator, knots: int = 4) -> Patch:
    """A smooth random surface of standard deviation 1 or so."""
    return cv2.resize(rng.standard_normal((knots, knots), np.float32), (width, height), interpolation=cv2.INTER_CUBIC)


def phases(height: int, width: int, period: float, rng: np.random.Generator) -> tuple[Patch, Patch]:
    """Two coordinates at each pixel, in periods, at right angles or nearly: turned, in perspective, folded."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    angle = rng.uniform(0, np.pi)
    across = np.pi / 2 if rng.random() < 0.7 else rng.uniform(0.6, 2.5)
    ratio = 1.0 if rng.random() < 0.5 else between((0.4, 2.5), rng)
    narrowing = 1 + rng.uniform(-0.25, 0.25) * rows / height + rng.uniform(-0.25, 0.25) * columns / width
    u = (columns * np.cos(angle) + rows * np.sin(angle)) / (period * narrowing)
    v = (columns * np.cos(angle + across) + rows * np.sin(angle + across)) / (period * ratio * narrowing)
    if rng.random() < 0.75:
        folds = np.float32(rng.uniform(0, FOLDS)) * gentle(height, width, rng, int(rng.integers(2, 6)))
        u, v = u + folds, v + np.float32(rng.uniform(-1, 1)) * folds
    return u.astype(np.float32), v.astype(np.float32)


def wave(phase: Patch, period: float, rng: np.random.Generator) -> Patch:
    """A sine, a line of any sharpness, or a few harmonics that the pixels can still show."""
    angle = np.float32(2 * np.pi) * phase
    form = rng.random()
    if form < 0.4:
        return np.sin(angle)
    if form < 0.7:
        return np.tanh((np.sin(angle) + np.float32(rng.uniform(-0.6, 0.6))) * np.float32(rng.uniform(0.5, max(0.6, period / 3))))
    harmonics = range(1, max(2, min(4, int(period / 2))))
    return np.sum([rng.uniform(0.2, 1) / h * np.sin(h * angle + np.float32(rng.uniform(0, 6.3))) for h in harmonics], 0, np.float32)


def waves(u: Patch, v: Patch, period: float, rng: np.random.Generator) -> Patch:
    """One wave, or two that cross: added, multiplied, or one above the other. (height, width, 1)."""
    texture, way = wave(u, period, rng), rng.random()
    if way < 0.5:
        return texture[..., None]
    second = wave(v, period, rng)
    if way < 0.7:
        texture = texture + second
    elif way < 0.85:
        texture = texture * second
    else:
        texture = np.maximum(texture, second)
    return texture[..., None]


def repeated(u: Patch, v: Patch, period: float, clean: Patch, rng: np.random.Generator) -> Patch:
    """A piece of the patch, `period` pixels wide and high, once for each period."""
    side = max(4, round(period))
    top, left = rng.integers(0, clean.shape[0] - side + 1), rng.integers(0, clean.shape[1] - side + 1)
    piece = np.ascontiguousarray(clean[top : top + side, left : left + side])
    sampled = cv2.remap(piece, (u % 1) * side, (v % 1) * side, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return sampled.reshape(clean.shape)


def woven(clean: Patch, rng: np.random.Generator) -> Patch:
    """The patch (height, width, channels) with a repeating texture over a part of it, from 0 to 1."""
    height, width, channels = clean.shape
    period = between(PERIODS, rng)
    of_waves = rng.random() < WAVES
    if not of_waves:
        period *= 2
    u, v = phases(height, width, period, rng)
    texture = waves(u, v, period, rng) if of_waves else repeated(u, v, period, clean, rng)
    texture = (texture - texture.mean()) / (texture.std() + np.float32(1e-3))
    if texture.shape[2] < channels:
        tint = rng.uniform(0.2, 1.2, channels) if rng.random() < 0.3 else np.ones(channels)
        texture = texture * tint.astype(np.float32)
    strength = between(CONTRASTS, rng) * np.exp(np.float32(rng.uniform(0, 0.6)) * gentle(height, width, rng))[..., None]
    below = blurred(clean, rng.uniform(1, 6)) if rng.random() < 0.6 else clean
    if rng.random() < 0.5:
        # Thread in the shade has less contrast than thread in the light.
        strength = strength * (0.3 + 1.4 * below)
    covered = np.ones((height, width, 1), np.float32)
    if rng.random() < 0.6:
        edge = np.float32(rng.uniform(1, 40))
        covered = np.clip(0.5 + edge * (gentle(height, width, rng) + np.float32(rng.uniform(-0.5, 0.8))), 0, 1)[..., None]
    picture = np.clip(below + strength * texture, 0, 1)
    return np.ascontiguousarray(clean + covered * (picture - clean), np.float32)
