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
