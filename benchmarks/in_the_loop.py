"""The network in the place of the shrinkage: unknown pixels and impulses, by `--method learned`, against total variation.

`python -m benchmarks in_the_loop FOLDER --every 20 --side 160` takes the photographs that training held back.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.common import Array, machine, table
from denoise_cli import denoise
from denoise_cli.variational import psnr_db

#: λ that the best is chosen from, with the clean picture in hand.
WEIGHTS = {"l2": (0.005, 0.02, 0.04, 0.06, 0.1), "l1": (0.3, 0.5, 0.7, 0.9)}


def psnr(image: Array, clean: Array) -> float:
    return float(psnr_db(np.clip(image, 0, 1), clean))


def best_of(observed: Array, clean: Array, fidelity: str, **options: Any) -> float:
    """Total variation at its best λ."""
    return max(
        psnr(denoise(observed, weight, fidelity=fidelity, method="optimal", gap=1e-2, **options).image, clean)
        for weight in WEIGHTS[fidelity]
    )


def holes(clean: Array, rng: np.random.Generator, share: float, sigma: float) -> dict[str, float]:
    """A share of the pixels is known, with noise of standard deviation sigma, on [0, 1], or without."""
    known = (rng.random(clean.shape[:2]) < share).astype(np.float32)
    observed = (clean + sigma * rng.standard_normal(clean.shape)).astype(np.float32) * known[:, :, None]
    said = {"weights": known} | ({"sigma": sigma} if sigma else {})
    return {
        "TV, best λ": best_of(observed, clean, "l2", weights=known),
        "TV, by itself": psnr(denoise(observed, method="optimal", **said).image, clean),
        "learned": psnr(denoise(observed, method="learned", **said).image, clean),
    }


def impulses(clean: Array, rng: np.random.Generator, share: float, *, salt: bool) -> dict[str, float]:
    """A share of the values is replaced by black and white, or by any value; nobody says where."""
    values = (rng.random(clean.shape) < 0.5) if salt else rng.random(clean.shape)
    observed = np.where(rng.random(clean.shape) < share, values, clean)
    stored = np.rint(255 * observed).astype(np.uint8)
    return {
        "TV, best λ": best_of(stored, clean, "l1"),
        "TV, by itself": psnr(denoise(stored, method="optimal").image, clean),
        "learned": psnr(denoise(stored, method="learned").image, clean),
        "learned --l1": psnr(denoise(stored, method="learned", fidelity="l1").image, clean),
    }


CASES: dict[str, Callable[[Array, np.random.Generator], dict[str, float]]] = {
    **{
        f"unknown pixels, noise 10/255, {100 * share:.0f} % known": lambda clean, rng, share=share: holes(clean, rng, share, 10 / 255)
        for share in (0.8, 0.5, 0.35)
    },
    **{
        f"unknown pixels, no noise, {100 * share:.0f} % known": lambda clean, rng, share=share: holes(clean, rng, share, 0.0)
        for share in (0.8, 0.5, 0.35)
    },
    "salt and pepper, 10 %": lambda clean, rng: impulses(clean, rng, 0.1, salt=True),
    "salt and pepper, 30 %": lambda clean, rng: impulses(clean, rng, 0.3, salt=True),
    "random values, 10 %": lambda clean, rng: impulses(clean, rng, 0.1, salt=False),
    "random values, 20 %": lambda clean, rng: impulses(clean, rng, 0.2, salt=False),
}


def photographs(folder: Path, every: int, count: int, side: int) -> Iterator[Array]:
    """The middle of every so-manieth picture."""
    names = sorted(path for suffix in ("png", "webp") for path in folder.glob(f"*.{suffix}"))[::every]
    for path in names[:: max(1, len(names) // count)][:count]:
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("RGB"))
        top, left = ((length - side) // 2 for length in pixels.shape[:2])
        yield pixels[top : top + side, left : left + side] / np.float32(255)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=int, default=1, help="only every Nth picture, by name")
    parser.add_argument("--count", type=int, default=6, help="at most so many")
    parser.add_argument("--side", type=int, default=160, help="of the square in the middle, in pixels")
    options = parser.parse_args()
    pictures = list(photographs(options.folder, options.every, options.count, options.side))
    rows = []
    for name, case in CASES.items():
        found = [case(clean, np.random.default_rng([index, 1])) for index, clean in enumerate(pictures)]
        means = {way: float(np.mean([each[way] for each in found])) for way in found[0]}
        gains = [each["learned"] - each["TV, by itself"] for each in found]
        least, over = min(gains), float(np.mean(gains))
        l1 = f"{means['learned --l1']:.2f}" if "learned --l1" in means else ""
        shown = [f"{means[way]:.2f}" for way in ("TV, best λ", "TV, by itself", "learned")]
        rows.append([name, *shown, l1, f"{over:+.2f}", f"{least:+.2f}"])
        print(rows[-1], flush=True)
    print(table(["PSNR, dB", "TV, best λ", "TV, by itself", "learned", "learned --l1", "gain", "least gain"], rows))
    print(f"\n{len(pictures)} pictures. {machine()}")


if __name__ == "__main__":
    main()
