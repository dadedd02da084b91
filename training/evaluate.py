"""Measure the shipped networks: `python -m training.evaluate FOLDER… [--bm3d]` prints one line a folder, level and method.

A folder of pictures gets white normal noise (floats, not clipped, seeded by level and place in the folder), and the result is clipped to
0…1 as a file would be. A folder that has pairs NAME_real.png, NAME_mean.png is measured as it is, without a level and with some. The
pictures measured here are never trained on.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from denoise_cli.methods.learned import restore

__all__ = ["bm3d_method", "main", "psnr_db", "read", "real", "rows"]

Picture = NDArray[np.float32]
Method = Callable[[Picture, float], Picture]


def read(path: Path) -> Picture:
    """(height, width) for a grey file, (height, width, 3) for a colour file, from 0 to 1."""
    with Image.open(path) as stored:
        return np.asarray(stored.convert("L" if stored.mode == "L" else "RGB"), np.float32) / np.float32(255)


def psnr_db(result: Picture, clean: Picture) -> float:
    return float(-10 * np.log10(np.mean((np.clip(result, 0, 1).astype(float) - clean) ** 2)))


def bm3d_method(picture: Picture, level: float) -> Picture:
    """BM3D by its authors' package, with their settings: Mäkinen, Azzari & Foi 2020, IEEE TIP 29."""
    import bm3d

    made: Picture = (bm3d.bm3d if picture.ndim == 2 else bm3d.bm3d_rgb)(picture, level)
    return made.astype(np.float32)


def rows(clean: list[tuple[str, Picture]], methods: dict[str, Method], levels: list[float]) -> Iterator[dict[str, object]]:
    """For each level and method: the mean PSNR, that of each picture, and the seconds for all of them."""
    for level in levels:
        for word, method in methods.items():
            scores, began = {}, time.perf_counter()
            for index, (name, picture) in enumerate(clean):
                grain = np.random.default_rng([int(level * 10), index]).standard_normal(picture.shape, np.float32)
                scores[name] = round(psnr_db(method(picture + np.float32(level / 255) * grain, level / 255), picture), 3)
            mean = round(float(np.mean(list(scores.values()))), 3)
            yield {"level": level, "method": word, "psnr_db": mean, "seconds": round(time.perf_counter() - began, 2), "pictures": scores}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--levels", default="5,15,25,50", help="standard deviations on 0…255, for clean pictures")
    parser.add_argument("--told", default="0,4,6,8,12", help="levels told for real pairs, on 0…255; 0 is blind")
    parser.add_argument("--model", type=Path, help="another network; default: the shipped ones")
    parser.add_argument("--bm3d", action="store_true", help="BM3D on the same noise (pip install bm3d; minutes)")
    parser.add_argument("--without-network", action="store_true", help="only BM3D")
    parser.add_argument("--every", type=int, default=1, help="only every Nth picture")
    parser.add_argument("--json", type=Path, help="append one object a line to this file")
    words = parser.parse_args()
    methods: dict[str, Method] = {}
    if not words.without_network:
        methods["known"] = lambda picture, level: restore(picture, level, model=words.model)
        methods["blind"] = lambda picture, _: restore(picture, model=words.model)
    if words.bm3d:
        methods["bm3d"] = bm3d_method
    levels = [float(level) for level in words.levels.split(",")]
    for folder in words.folders:
        pairs = sorted(folder.glob("*_real.png"))
        if pairs:
            made = real(pairs[:: words.every], [float(level) for level in words.told.split(",")], words.model)
        else:
            files = sorted(folder.glob("*.png"))[:: words.every]
            made = rows([(path.name, read(path)) for path in files], methods, levels)
        for row in made:
            print(f"{folder.name:10} level {row['level']:5} {row['method']:8} {row['psnr_db']:7.3f} dB  {row['seconds']} s", flush=True)
            if words.json:
                with words.json.open("a") as out:
                    out.write(json.dumps({"set": folder.name, **row}) + "\n")


def real(pairs: list[Path], levels: list[float], model: Path | None) -> Iterator[dict[str, object]]:
    """Real noise against the mean of many exposures: as it is, and restored with each level told."""
    loaded = [(path.name, read(path), read(path.with_name(path.name.replace("_real", "_mean")))) for path in pairs]
    for word, level in [("before", 0.0), *(("told" if level else "blind", level) for level in levels)]:
        began = time.perf_counter()
        scores = {
            name: round(psnr_db(noisy if word == "before" else restore(noisy, level / 255, model=model), clean), 3)
            for name, noisy, clean in loaded
        }
        mean = round(float(np.mean(list(scores.values()))), 3)
        yield {"level": level, "method": word, "psnr_db": mean, "seconds": round(time.perf_counter() - began, 2), "pictures": scores}


if __name__ == "__main__":
    main()
