"""Makes the pictures of this folder again:  python sample_images/make.py  (needs scikit-image, which holds the two CC0 photographs)."""

from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

HERE = Path(__file__).parent


def save(name: str, picture: np.ndarray, depth: type = np.uint8) -> None:
    top = np.iinfo(depth).max
    Image.fromarray(np.rint(np.clip(picture, 0, 1) * top).astype(depth)).save(HERE / name, optimize=True)


def impulses(picture: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """Salt and pepper: each pixel becomes 0 or 1 with probability fraction/2 each."""
    draw = rng.random(picture.shape)
    return np.where(draw < fraction / 2, 0.0, np.where(draw > 1 - fraction / 2, 1.0, picture))


rng = np.random.default_rng(2026)
camera = data.camera()[60:316, 110:366] / 255
coffee = data.coffee()[60:316, 130:450] / 255
save("camera.png", camera)
save("camera_gaussian.png", camera + rng.normal(0, 0.1, camera.shape))
save("camera_impulses.png", impulses(camera, 0.1, rng))
save("camera_gaussian_16bit.png", camera + rng.normal(0, 0.1, camera.shape), np.uint16)
save("coffee.png", coffee)
save("coffee_gaussian.png", coffee + rng.normal(0, 0.1, coffee.shape))


def sheet() -> None:
    """Noisy, matlab, optimal: for Gaussian noise (L2, λ 0.14) and for impulses (L1, λ 0.7)."""
    from denoise_cli import denoise

    rows = []
    for name, weight, fidelity in (("camera_gaussian.png", 0.14, "l2"), ("camera_impulses.png", 0.7, "l1")):
        noisy = np.asarray(Image.open(HERE / name))
        results = [denoise(noisy, weight, fidelity=fidelity, method=method).image for method in ("matlab", "optimal")]
        rows.append(np.hstack([noisy / 255, *results]))
    save("before_after.png", np.vstack(rows))


sheet()
