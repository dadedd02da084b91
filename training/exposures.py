"""Several exposures of one scene by one camera that reduces noise itself: what is learned from pairs of one exposure and the mean of many.

A camera's own noise reduction is not linear: it takes off what is weak in each band of frequencies, so that what is left of the noise
depends on the picture, and it takes fine texture with it. Nobody can get that texture back; the best picture that there is of such a
camera is the mean of many exposures, noise reduction, sharpening and JPEG included. So the network is not trained towards the clean
photograph here but towards the mean of `OTHERS` exposures with noise of their own: its expectation is the mean of all exposures, and an
error that is independent of the picture only makes the derivatives noisier. Lehtinen et al. 2018, ICML ("Noise2Noise"). Bands that are
shrunk by a threshold: Donoho & Johnstone 1994, Biometrika 81; the garrote: Breiman 1995, Technometrics 37.

The ranges are wide and are not fitted to any camera. What they were widened by, after the spectra of the noise of two sets of photographs
by real cameras had been looked at (`real/` and the 100 of Xu et al. 2018, arXiv:1804.02603, mean by ring of frequencies): a camera that
stores every pixel of its sensor has soft pictures, luma noise up to a quarter of a cycle a pixel, and chroma noise up to a tenth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.noise import blurred, demosaicked, normal, told
from training.photographs import Photographs, to_grey

__all__ = ["OTHERS", "Camera", "exposed", "exposures"]

Patch = NDArray[np.float32]

#: Exposures in the mean that is the target. With 3, its error has a third of the variance of the picture's.
OTHERS = 3
#: Share of the patches that are as soft as pictures at the full size of a sensor, and how many times they are enlarged.
ENLARGED, LARGER = 0.5, (1.1, 2.2)
#: Red, green and blue to luma and the two differences of colour (ITU-R BT.601).
TO_LUMA = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)
TO_COLOUR = np.linalg.inv(TO_LUMA).astype(np.float32)

Shrinkage = Callable[[Patch, float], Patch]


def soft(band: Patch, threshold: float) -> Patch:
    return band * np.maximum(0, 1 - threshold / (np.abs(band) + np.float32(1e-9)))


def garrote(band: Patch, threshold: float) -> Patch:
    return band * np.maximum(0, 1 - (threshold / (np.abs(band) + np.float32(1e-9))) ** 2)


def wiener(band: Patch, threshold: float) -> Patch:
    return band * (band**2 / (band**2 + np.float32(threshold**2 + 1e-12)))


def bands(picture: Patch, radii: tuple[float, ...]) -> tuple[list[Patch], Patch]:
    """Differences of blurs one after the other, from fine to coarse, and what is left."""
    found = []
    for radius in radii:
        low = blurred(picture, radius)
        found.append(picture - low)
        picture = low
    return found, picture


@dataclass(frozen=True)
class Camera:
    """One camera with its settings: everything but the noise, which is new in each exposure.

    `luma` and `chroma` are the thresholds of each band, in standard deviations of the noise there.
    """

    gamma: float
    balance: Patch
    photons: float
    read: float
    mosaic: int | None
    saturation: float
    radii: tuple[float, ...]
    luma: tuple[float, ...]
    chroma: tuple[float, ...]
    chroma_blur: float
    softness: float
    shrinkage: Shrinkage
    kept: float
    sharpening: float
    sharpening_radius: float
    jpeg: tuple[int, ...] | None

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Camera:
        balance = rng.uniform(1.2, 2.4, 3).astype(np.float32)
        balance[1] = 1
        denoises = rng.random() < 0.85
        luma, luma_fall = rng.uniform(0, 2.0), rng.uniform(0.2, 1.0)
        chroma, chroma_fall = rng.uniform(0.3, 4.0), rng.uniform(0.5, 1.2)
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(70, 100))]
        if rng.random() < 0.4:
            quality += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
        return cls(
            gamma=rng.uniform(1.8, 2.4),
            balance=balance,
            photons=10 ** rng.uniform(-4, -1.8),
            read=10 ** rng.uniform(-3.6, -2),
            mosaic=int(rng.integers(2)) if rng.random() < 0.85 else None,
            saturation=rng.uniform(0, 0.6),
            radii=(rng.uniform(0.5, 1.0), rng.uniform(0.9, 2.0), rng.uniform(1.5, 4.0)) if denoises else (),
            luma=tuple(luma * luma_fall**octave for octave in range(3)),
            chroma=tuple(chroma * chroma_fall**octave for octave in range(3)),
            chroma_blur=rng.uniform(0, 5.0) if rng.random() < 0.6 else 0.0,
            softness=rng.uniform(0, 1.3) if rng.random() < 0.7 else 0.0,
            shrinkage=(soft, garrote, wiener)[rng.integers(3)],
            kept=rng.uniform(0, 0.35),
            sharpening=rng.uniform(0.1, 1.3) if rng.random() < 0.6 else 0.0,
            sharpening_radius=rng.uniform(0.6, 1.8),
            jpeg=tuple(quality) if rng.random() < 0.8 else None,
        )

    def developed(self, raw: Patch) -> Patch:
        """From what the sensor saw to a picture for the screen: white balance, colour, gamma."""
        linear = raw * self.balance
        linear = (1 + self.saturation) * linear - self.saturation * linear.mean(2, keepdims=True)
        return np.clip(linear, 0, 1).astype(np.float32) ** np.float32(1 / self.gamma)

    def exposed(self, raw: Patch, rng: np.random.Generator) -> Patch:
        """Photon and read noise on the mosaic. Only the noise goes through the mosaic: the photographs have been through one already."""
        grain = np.sqrt(self.photons * raw + self.read**2).astype(np.float32) * normal(raw.shape, rng)
        if self.mosaic is not None:
            grain = demosaicked(raw + grain, self.mosaic) - demosaicked(raw, self.mosaic)
        return self.developed(raw + grain)

    def finished(self, picture: Patch, deviations: list[Patch]) -> Patch:
        """Noise reduction, softening, sharpening, JPEG. `deviations` are those of the noise in each band, of luma and of the differences of
        colour."""
        if self.radii:
            found, reduced = bands(picture @ TO_LUMA.T, self.radii)
            for octave, (band, deviation) in enumerate(zip(found, deviations, strict=True)):
                thresholds = (self.luma[octave], self.chroma[octave], self.chroma[octave]) * deviation
                shrunk = [self.shrinkage(band[..., part], float(thresholds[part])) for part in range(3)]
                reduced = reduced + np.stack(shrunk, -1)
            reduced[..., 1:] = blurred(reduced[..., 1:], self.chroma_blur)
            picture = self.kept * picture + (1 - self.kept) * (reduced @ TO_COLOUR.T)
        picture = blurred(picture, self.softness)
        if self.sharpening:
            picture = picture + self.sharpening * (picture - blurred(picture, self.sharpening_radius))
        picture = np.clip(picture, 0, 1).astype(np.float32)
        if self.jpeg is None:
            return picture
        stored = (picture[..., ::-1] * 255 + 0.5).astype(np.uint8)
        _, encoded = cv2.imencode(".jpg", np.ascontiguousarray(stored), list(self.jpeg))
        return np.ascontiguousarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR)[..., ::-1], np.float32) / np.float32(255)


def enlarged(clean: Patch, rng: np.random.Generator) -> Patch:
    """The patch, or, for a share of `ENLARGED`, a random part of it that is enlarged to its size."""
    if rng.random() >= ENLARGED:
        return clean
    height, width = clean.shape[:2]
    factor = rng.uniform(*LARGER)
    rows, columns = int(height / factor), int(width / factor)
    top, left = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
    part = clean[top : top + rows, left : left + columns]
    return np.clip(cv2.resize(part, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1).reshape(clean.shape)


def exposures(clean: Patch, rng: np.random.Generator) -> tuple[Patch, Patch]:
    """One exposure of a clean colour patch (height, width, 3), 0 to 1, and the mean of `OTHERS` more by the same camera."""
    clean = enlarged(clean, rng)
    camera = Camera.drawn(rng)
    raw = np.clip(clean, 1e-4, 1) ** np.float32(camera.gamma) / camera.balance
    first = camera.exposed(raw, rng)
    noise = (first - camera.developed(raw)) @ TO_LUMA.T
    deviations = [band.std((0, 1)) for band in bands(noise, camera.radii)[0]]
    others = [camera.finished(camera.exposed(raw, rng), deviations) for _ in range(OTHERS)]
    return camera.finished(first, deviations), np.mean(others, 0, np.float32)


def exposed(photographs: Photographs, size: int, channels: int, rng: np.random.Generator) -> tuple[Patch, Patch, Patch]:
    """An exposure of a patch of a random photograph, the level of its noise, and the mean of `OTHERS` more; (size, size, channels) each."""
    picture, mean = exposures(photographs.patch(rng, size, 3), rng)
    if channels == 1:
        weights = photographs.weights_of_grey(rng)
        picture, mean = to_grey(picture, weights), to_grey(mean, weights)
    # The difference of two independent errors, of which one is the mean of OTHERS.
    return picture, told((picture - mean) * np.float32(np.sqrt(OTHERS / (OTHERS + 1))), mean, rng), mean
