"""Denoisers of other packages, each with the strength that its author recommends for noise of a known standard deviation."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["PEERS", "Peer"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Peer:
    """denoise(noisy, σ) → picture; noisy: (height, width) or (height, width, 3), floats about 0 … 1, σ in their units.

    setting: how its strength follows from σ.  needs: module → what pip calls it.
    """

    denoise: Callable[[Array, float], Array]
    setting: str
    needs: Mapping[str, str]

    @property
    def missing(self) -> list[str]:
        """What pip would have to install."""
        return [package for module, package in self.needs.items() if importlib.util.find_spec(module) is None]


def _channels(noisy: Array) -> int | None:
    return 2 if noisy.ndim == 3 else None


def _nl_means(noisy: Array, sigma: float) -> Array:
    from skimage.restoration import denoise_nl_means

    # Its docstring: h = 0.8 σ with sigma given in fast mode. Patches of 5, 6 pixels away at most: the example of its manual; better than
    # its defaults (7 and 11) at every σ that we tried.
    result: Array = denoise_nl_means(
        noisy,
        patch_size=5,
        patch_distance=6,
        h=0.8 * sigma,
        sigma=sigma,
        fast_mode=True,
        preserve_range=True,
        channel_axis=_channels(noisy),
    )
    return result


def _tv_chambolle(noisy: Array, sigma: float) -> Array:
    from skimage import restoration

    # ½ Σ (u − f)² + w TV: our λ is 2w, so this is the problem of `optimal` at λ = 1.4 σ, channels by themselves, stopped where it stops.
    denoise_tv_chambolle: Any = restoration.denoise_tv_chambolle
    result: Array = denoise_tv_chambolle(noisy, weight=0.7 * sigma, channel_axis=_channels(noisy))
    return result


def _wavelet(noisy: Array, sigma: float) -> Array:
    from skimage.restoration import denoise_wavelet

    # Its docstring: BayesShrink (Chang, Yu & Vetterli 2000, IEEE Trans. Image Process. 9, 1532–1546), soft, an orthogonal wavelet such as
    # db2, colours in YCbCr.
    result: Array = denoise_wavelet(
        noisy, sigma=sigma, wavelet="db2", method="BayesShrink", mode="soft", rescale_sigma=True, convert2ycbcr=noisy.ndim == 3,
        channel_axis=_channels(noisy),
    )  # fmt: skip
    return result


def _opencv_nlm(noisy: Array, sigma: float) -> Array:
    import cv2

    # Its manual: windows of 7 and 21. It recommends no h; h = σ was the best of 0.8, 1 and 1.15 σ on Set12 at σ 15 and 25. Colours likewise
    # (0.6 to 1 on Kodak24), all three at once: fastNlMeansDenoisingColored, in CIELAB, came out 0.5 dB lower at its best h.
    levels = np.rint(np.clip(noisy, 0, 1) * 255).astype(np.uint8)
    result: Array = cv2.fastNlMeansDenoising(levels, None, float(sigma * 255), 7, 21)
    return result / np.float64(255)


def _bm3d(noisy: Array, sigma: float) -> Array:
    import bm3d

    # Mäkinen, Azzari & Foi 2020, IEEE Trans. Image Process. 29, 8339–8354, by the authors, with their settings.
    result: Array = (bm3d.bm3d if noisy.ndim == 2 else bm3d.bm3d_rgb)(noisy, sigma)
    return result


SKIMAGE = {"skimage": "scikit-image"}
PEERS: Mapping[str, Peer] = MappingProxyType(
    {
        "nl-means": Peer(_nl_means, "scikit-image, h = 0.8 σ, sigma = σ, fast", SKIMAGE),
        "tv-chambolle": Peer(_tv_chambolle, "scikit-image, weight = 0.7 σ", SKIMAGE),
        "wavelet": Peer(_wavelet, "scikit-image, BayesShrink, db2, sigma = σ", {**SKIMAGE, "pywt": "PyWavelets"}),
        "opencv-nlm": Peer(_opencv_nlm, "OpenCV, h = σ, in 8 bits", {"cv2": "opencv-python-headless"}),
        "bm3d": Peer(_bm3d, "BM3D by its authors, sigma_psd = σ", {"bm3d": "bm3d"}),
    }
)
