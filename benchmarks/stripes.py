"""Stripes: how many are left, and what the picture gains; and the verdict on pictures without any.

--removed FOLDER ...  every picture of the folders with rows off by a σ, beside white noise: errors of the rows, before and after; and
                      PSNR, and what it would be without stripes
--clean FOLDER ...    pictures without stripes: in how many they are found all the same
"""

from __future__ import annotations

import argparse
import zlib
from pathlib import Path

import numpy as np

from benchmarks.common import Array, machine, seconds, table
from benchmarks.impulses import eight_bit, pictures, psnr
from denoise_cli.measure.scale import Scale
from denoise_cli.noise.opponent_colours import WEIGHTS
from denoise_cli.noise.stripes import destripe, find_stripes

CASES = ((8, 0), (8, 6), (4, 6), (3, 10), (2, 6), (2, 15), (1, 3))
LUMA = np.array(WEIGHTS)


def beside_neighbours(rows: Array) -> Array:
    return rows - np.convolve(np.pad(rows, 8, mode="edge"), np.full(17, 1 / 17), "valid")


def removed(folders: list[Path]) -> str:
    lines = []
    for stripes, noise in CASES:
        measured, found, total, elapsed = [], 0, 0, 0.0
        for name, frame in pictures(folders):
            clean = (frame if frame.ndim == 2 else frame @ LUMA) / 255
            rng = np.random.default_rng(zlib.crc32(name.encode()))
            white = clean + rng.normal(0, noise / 255, clean.shape)
            stored = eight_bit(white + rng.normal(0, stripes / 255, (len(clean), 1)))
            scale = Scale.of(stored)
            pixels = scale.floats(stored)
            verdict = find_stripes(pixels, scale)
            found += verdict is not None and verdict.direction == "rows"
            total += 1
            results: list[Array] = []
            elapsed += seconds(lambda: results.append(destripe(pixels, scale, "rows")))  # noqa: B023
            before, after = ((picture - clean).mean(axis=1) for picture in (pixels, results[0]))
            measured.append(
                (
                    beside_neighbours(after).std() / beside_neighbours(before).std(), after.std() / before.std(),
                    psnr(pixels, clean), psnr(results[0], clean), psnr(eight_bit(white) / 255, clean),
                )
            )  # fmt: skip
        visible, whole, *scores = np.mean(measured, axis=0)
        lines.append(
            [f"σ {stripes}, noise {noise}", f"{found} of {total}", f"{visible:.0%}", f"{whole:.0%}"]
            + [f"{score:.2f}" for score in scores]
            + [f"{1e3 * elapsed / total:.0f}"]
        )
    header = ["1/255", "found", "left, beside 16 neighbours", "left, in all", "dB before", "after", "without stripes", "ms"]
    return table(header, lines)


def clean(folders: list[Path]) -> str:
    total, wrong = 0, []
    for name, frame in pictures(folders):
        scale = Scale.of(frame)
        verdict = find_stripes(scale.floats(frame), scale)
        total += 1
        if verdict is not None:
            wrong.append([name, verdict.direction, scale.amount(verdict.sigma)])
    return f"{len(wrong)} of {total} clean pictures.\n\n" + table(["found in", "direction", "σ"], wrong)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--removed", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--clean", type=Path, nargs="+", metavar="FOLDER")
    told = parser.parse_args()
    if told.removed:
        print(removed(told.removed) + "\n")
    if told.clean:
        print(clean(told.clean) + "\n")
    print(machine())


if __name__ == "__main__":
    main()
