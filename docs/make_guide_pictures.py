"""Draws the pictures that the guides name, from sample_images/:  python docs/make_guide_pictures.py FOLDER [SIDE]

Each command of the guides can be typed in that folder; tests/docs/test_guides.py types them all. SIDE is that of the pictures, in pixels.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

SAMPLES = Path(__file__).resolve().parent.parent / "sample_images"
SIDE = 256
#: TIFF's tag for the value that means "no value here", as GDAL writes it.
GDAL_NODATA = 42113
NODATA = -9999.0
Array = npt.NDArray[Any]


def main(folder: Path, side: int = SIDE) -> None:
    """Draws them all; what is there is replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scans").mkdir(exist_ok=True)
    (folder / "old").mkdir(exist_ok=True)
    rng = np.random.default_rng(2026)
    grey, colour = sample("camera", side), sample("coffee", side)
    noisy, speckled = sample("camera_gaussian", side), sample("camera_impulses", side)
    for name, picture in (
        ("clean", grey),
        ("noisy", noisy),
        ("denoised", (grey.astype(float) + noisy) / 2),
        ("photo", sample("coffee_gaussian", side)),
        ("scan", paper(side, rng)),
        ("speckled", speckled),
        ("striped", grey + rng.normal(0, 12, (side, 1)) + rng.normal(0, 5, grey.shape)),
        ("known", np.where(np.hypot(*(np.mgrid[:side, :side] - side / 2)) < side / 8, 0, 255)),
        ("scans/one", paper(side, rng)),
        ("scans/two", speckled),
        ("old/three", noisy),
    ):
        Image.fromarray(bytes_of(picture)).save(folder / f"{name}.png", dpi=(300, 300))
    Image.fromarray(bytes_of(colour + rng.normal(0, 12, colour.shape))).save(folder / "photo.jpg", quality=92)
    pages = np.stack([bytes_of(paper(side, rng)) for _ in range(2)])
    tifffile.imwrite(folder / "letter.tif", pages, photometric="minisblack", compression="zlib")
    # Few photons: 40 at white, on an offset of 100, in 12 of 16 bits.
    photons = rng.poisson(np.stack([grey, grey[::-1]]) / 255 * 40) * 64.0 + 100 + rng.normal(0, 8, (2, side, side))
    cells = np.clip(np.rint(photons), 0, 4095).astype(np.uint16)
    tifffile.imwrite(folder / "cells.tif", cells, photometric="minisblack")
    np.save(folder / "stack.npy", cells)
    tifffile.imwrite(folder / "film.tif", cells, imagej=True, metadata={"axes": "TYX"})
    hounsfield = np.rint(grey / 255 * 1400 - 1000 + rng.normal(0, 20, grey.shape)).astype(np.int16)
    tifffile.imwrite(folder / "slice.tif", hounsfield, photometric="minisblack")
    metres = (400 + grey * 3.0 + rng.normal(0, 4, grey.shape)).astype(np.float32)
    metres[side // 4 : side // 3, side // 3 : side // 2] = NODATA
    tifffile.imwrite(folder / "terrain.tif", metres, photometric="minisblack", extratags=[(GDAL_NODATA, "s", 0, f"{NODATA:g}", False)])
    np.save(folder / "strength.npy", np.linspace(5, 40, side * side).reshape(side, side))


def sample(name: str, side: int) -> Array:
    """The upper left of a sample, `side` pixels wide and high."""
    with Image.open(SAMPLES / f"{name}.png") as picture:
        return np.asarray(picture)[40 : 40 + side, 60 : 60 + side] if side <= 196 else np.asarray(picture)[:side, :side]


def paper(side: int, rng: np.random.Generator) -> Array:
    """Lines of something like letters on grey paper, with the noise of a scanner."""
    page = np.full((side, side), 215.0)
    for top in range(8, side - 12, 14):
        for left in range(8, side - 12, 6):
            if rng.random() < 0.8:
                page[top : top + rng.integers(4, 8), left : left + rng.integers(2, 5)] = 40
    return page + rng.normal(0, 10, page.shape)


def bytes_of(picture: Array) -> Array:
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
