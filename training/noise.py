"""Noise as it is: white, brightness-dependent, as cameras make, smooth, sharpen and compress it; and what is known of its level.

Every function takes a clean patch (height, width, channels), floats from 0 to 1, and a random generator. Levels are standard deviations in
the same unit. Nothing here is fitted to a test picture: the ranges are those of cameras and of the literature.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["blurred", "demosaicked", "noisy", "normal", "of_a_camera", "told"]

Patch = NDArray[np.float32]
Pair = tuple[Patch, Patch]

#: Shares of the kinds of noise; the rest, 0.04, is no noise at all (a clean picture must stay as it is).
WHITE, GROWING, CAMERA, SMOOTH = 0.56, 0.07, 0.25, 0.08
#: How often the network is not told the level.
BLIND = 0.35
#: Mean and standard deviation of the logarithm of the level that an estimate gives for noise in clumps, over the true one. With nothing
#: typed they are −0.5 and 0.26 on 100 photographs by five cameras (Xu et al. 2018, arXiv:1804.02603), −0.1 and 0.18 on the 15 of `real/`,
#: 0.0 and 0.5 on 46 by the cameras of `exposures`, 0.1 and 0.7 on 43 by such with little noise: the network has to see such noise itself.
FOUND, SPREAD = -0.3, 0.5
#: The strongest white noise, as a standard deviation. Stronger noise works, too, because the network scales.
STRONGEST = 60 / 255


def of_a_camera(kind: float) -> bool:
    """Whether the kind of noise that this number from 0 to 1 stands for is a camera's or smooth: in clumps, in short."""
    return WHITE + GROWING <= kind < WHITE + GROWING + CAMERA + SMOOTH


def noisy(clean: Patch, rng: np.random.Generator, kind: float | None = None) -> Pair:
    """The patch with noise of a random kind, and the level that the network is told: a map of the same shape, zeros if it is not told.

    `kind` is a number from 0 to 1 that decides the kind; drawn if it is not given.
    """
    kind = rng.random() if kind is None else kind
    if kind < WHITE:
        picture, level = white(clean, rng)
    elif kind < WHITE + GROWING:
        picture, level = growing(clean, rng)
    elif kind < WHITE + GROWING + CAMERA:
        picture, level = camera(clean, rng)
    elif kind < WHITE + GROWING + CAMERA + SMOOTH:
        picture, level = smooth(clean, rng)
    else:
        picture, level = untouched(clean, rng)
    if rng.random() < BLIND:
        level = np.zeros_like(clean)
    return np.ascontiguousarray(picture, np.float32), np.ascontiguousarray(level, np.float32)


def normal(shape: tuple[int, ...], rng: np.random.Generator) -> Patch:
    return rng.standard_normal(shape, np.float32)


def blurred(patch: Patch, sigma: float) -> Patch:
    """Gaussian blur, each channel by itself; sigma in pixels."""
    return patch if sigma < 0.2 else cv2.GaussianBlur(patch, (0, 0), sigma).reshape(patch.shape)


def rounded(picture: Patch) -> Patch:
    """As 8-bit files have it: cut off at black and white, 256 levels."""
    return np.round(np.clip(picture, 0, 1) * 255) / np.float32(255)


def white(clean: Patch, rng: np.random.Generator) -> Pair:
    """Normal noise, independent from pixel to pixel; two times in five of another level in each channel, sometimes uneven or rounded."""
    channels = clean.shape[2]
    level = np.full(channels, rng.uniform(0, STRONGEST), np.float32)
    if channels > 1 and rng.random() < 0.35:
        level *= rng.uniform(0.4, 1.6, channels).astype(np.float32)
    level = np.broadcast_to(level, clean.shape)
    if rng.random() < 0.15:
        uneven = cv2.resize(rng.uniform(0.3, 1.7, (3, 3)).astype(np.float32), clean.shape[1::-1], interpolation=cv2.INTER_CUBIC)
        level = level * np.maximum(uneven, 0.05)[..., None]
    picture = clean + level * normal(clean.shape, rng)
    return (rounded(picture) if rng.random() < 0.25 else picture), level


def growing(clean: Patch, rng: np.random.Generator) -> Pair:
    """Photon noise and read noise: variance a·clean + b², the level taken from the noisy picture, as whoever estimates it must."""
    a, b = 10 ** rng.uniform(-4, -1.3), rng.uniform(0, 10) / 255

    def level(picture: Patch) -> Patch:
        return np.sqrt(a * np.clip(picture, 0, 1) + b * b).astype(np.float32)

    picture = clean + level(clean) * normal(clean.shape, rng)
    return (rounded(picture) if rng.random() < 0.25 else picture), level(blurred(picture, 2.0))


def smooth(clean: Patch, rng: np.random.Generator) -> Pair:
    """Normal noise in clumps: blurred, or of a picture that was enlarged; often compressed."""
    height, width, channels = clean.shape
    if rng.random() < 0.6:
        grain = blurred(normal(clean.shape, rng), rng.uniform(0.35, 1.6))
    else:
        factor = rng.uniform(1.2, 2.2)
        small = normal((int(height / factor) + 1, int(width / factor) + 1, channels), rng)
        kind = cv2.INTER_LINEAR if rng.random() < 0.5 else cv2.INTER_CUBIC
        grain = cv2.resize(small, (width, height), interpolation=kind).reshape(clean.shape)
    picture = clean + grain / grain.std() * np.float32(rng.uniform(1, 35) / 255)
    if rng.random() < 0.4:
        picture = jpeg(picture, rng)
    return picture, told(picture - clean, clean, rng)


def untouched(clean: Patch, rng: np.random.Generator) -> Pair:
    """No noise, or what a good JPEG does to a picture."""
    picture = jpeg(clean, rng, (85, 99)) if rng.random() < 0.4 else rounded(clean)
    return picture, np.full_like(clean, rng.uniform(0, 1.5) / 255)


def camera(clean: Patch, rng: np.random.Generator) -> Pair:
    """Noise made on the sensor, in linear light, and what a camera then does with it.

    Photon and read noise on the mosaic, demosaicked, white balance and colour matrix (which mix and strengthen it), gamma. What the camera
    does next is done to the noise alone, since the clean picture is taken to have been through the same: it is smoothed (chroma more than
    luma), the picture is sharpened, and mostly compressed.
    """
    channels = clean.shape[2]
    gamma = rng.uniform(1.8, 2.4)
    linear = np.clip(clean, 1e-4, 1) ** np.float32(gamma)
    balance = rng.uniform(1.2, 2.4, 3).astype(np.float32)
    balance[1] = 1
    balance = balance[:channels] if channels == 3 else np.ones(channels, np.float32)
    raw = linear / balance
    photons, read = 10 ** rng.uniform(-4, -1.7), 10 ** rng.uniform(-3.6, -1.9)
    grain = np.sqrt(photons * raw + read * read).astype(np.float32) * normal(raw.shape, rng)
    if channels == 3 and rng.random() < 0.7:
        way = int(rng.integers(2))
        grain = demosaicked(raw + grain, way) - demosaicked(raw, way)
    grain *= balance
    if channels == 3:
        saturation = np.float32(rng.uniform(0, 0.6))
        grain = (1 + saturation) * grain - saturation * grain.mean(2, keepdims=True)
    picture = np.clip(linear + grain, 0, 1) ** np.float32(1 / gamma)
    grain = filtered(picture - clean, rng)
    picture = clean + grain
    if rng.random() < 0.75:
        picture = jpeg(picture, rng, (60, 99))
    elif rng.random() < 0.7:
        picture = rounded(picture)
    return picture, told(picture - clean, clean, rng)


def demosaicked(picture: Patch, way: int) -> Patch:
    """Through a colour filter array (red, green / green, blue) and back, in 16 bits with room below black.

    `way` is 0 for bilinear interpolation and 1 for one along edges.
    """
    mosaic = np.empty(picture.shape[:2], np.float32)
    for row, column, channel in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        mosaic[row::2, column::2] = picture[row::2, column::2, channel]
    stored = np.clip(mosaic * 48000 + 8000, 0, 65535).astype(np.uint16)
    return (cv2.cvtColor(stored, (cv2.COLOR_BAYER_BG2RGB, cv2.COLOR_BAYER_BG2RGB_EA)[way]).astype(np.float32) - 8000) / np.float32(48000)


def filtered(grain: Patch, rng: np.random.Generator) -> Patch:
    """What a camera's own denoising and sharpening leave of the noise: luma smoothed a little, chroma much, edges of both raised."""
    if rng.random() < 0.6:
        luma_blur, chroma_blur = rng.uniform(0, 1.1), rng.uniform(0, 2.5)
        keep = rng.uniform(0, 0.4)
        if grain.shape[2] == 3:
            luma = grain.mean(2, keepdims=True)
            chroma = grain - luma
            grain = keep * grain + (1 - keep) * (blurred(luma, luma_blur) + blurred(chroma, chroma_blur))
        else:
            grain = keep * grain + (1 - keep) * blurred(grain, luma_blur)
    if rng.random() < 0.5:
        grain = grain + np.float32(rng.uniform(0.2, 1.5)) * (grain - blurred(grain, rng.uniform(0.6, 1.8)))
    return grain


def jpeg(picture: Patch, rng: np.random.Generator, quality: tuple[int, int] = (45, 99)) -> Patch:
    options = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(*quality))]
    if rng.random() < 0.5:
        options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    stored = np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8)
    _, encoded = cv2.imencode(".jpg", np.ascontiguousarray(stored[..., ::-1]), options)
    read = cv2.imdecode(encoded, cv2.IMREAD_COLOR if picture.shape[2] == 3 else cv2.IMREAD_GRAYSCALE)
    return np.ascontiguousarray(read.reshape(picture.shape)[..., ::-1], np.float32) / np.float32(255)


def told(error: Patch, clean: Patch, rng: np.random.Generator) -> Patch:
    """The level that an estimate would give for this error: its root mean square by channel, wrong by FOUND and SPREAD, sometimes by
    place."""
    squared = error * error
    variance = np.broadcast_to(squared.mean((0, 1)), clean.shape)
    if rng.random() < 0.4:
        variance = blurred(squared, 12.0)
    return np.sqrt(variance + np.float32(1e-8)) * np.float32(np.exp(rng.normal(FOUND, SPREAD)))
