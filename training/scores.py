"""Measure the shipped networks on the pictures in sample_images/ and write it down: `python -m training.scores`.

What it writes, training/scores.json, is what tests/learned/test_scores.py compares with: after `training.export`, run it again. It needs
nothing but denoise itself.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from denoise_cli.methods.learned.network import COLOUR, GREY, restore

__all__ = ["FILE", "NETWORKS", "fingerprint", "scores"]

FILE = Path(__file__).with_name("scores.json")
SAMPLES = Path(__file__).parents[1] / "sample_images"
#: Each network, and the square of a picture that it is measured on: name, top, left.
NETWORKS = {GREY: ("camera.png", 64, 64), COLOUR: ("coffee.png", 120, 180)}
SIDE = 192
#: Standard deviations of the noise, white being 255.
SIGMAS = (5, 15, 25, 50)


def scores(network: Path, *, model: Path | None = None) -> dict[str, float]:
    """PSNR in dB, clipped to 0…1, of a shipped network (or of `model` on the same pictures), each level known and not."""
    name, top, left = NETWORKS[network]
    with Image.open(SAMPLES / name) as picture:
        clean = np.asarray(picture, np.float32)[top : top + SIDE, left : left + SIDE] / np.float32(255)
    found = {"clean": psnr_db(restore(clean, model=model), clean)}
    for sigma in SIGMAS:
        level = np.float32(sigma / 255)
        noisy = clean + level * np.random.default_rng(sigma).standard_normal(clean.shape, np.float32)
        found[f"{sigma} known"] = psnr_db(restore(noisy, float(level), model=model), clean)
        found[f"{sigma} blind"] = psnr_db(restore(noisy, model=model), clean)
    return found


def psnr_db(result: NDArray[np.float32], clean: NDArray[np.float32]) -> float:
    return round(float(-10 * np.log10(np.mean((np.clip(result, 0, 1).astype(float) - clean) ** 2))), 3)


def fingerprint(network: Path) -> str:
    return hashlib.sha256(network.read_bytes()).hexdigest()


def main() -> None:
    made = {path.name: {"sha256": fingerprint(path), "psnr_db": scores(path)} for path in NETWORKS}
    FILE.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    for name, record in made.items():
        print(f"{name}: " + ", ".join(f"{case} {value:.2f}" for case, value in record["psnr_db"].items()))


if __name__ == "__main__":
    main()
