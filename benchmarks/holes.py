"""What unknown pixels cost `optimal`: large holes and scattered ones, filled or cut out, against the same picture without holes.

L2, float32, gap 1e-3. Iterations, and seconds as multiples of those of the whole picture; medians, interleaved. Filling is total-variation
inpainting, whose certificate must hold in the hole as well; cutting out leaves the unknown pixels as they are.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

import numpy as np

from benchmarks.common import Array, clean_picture, interleaved, machine, mark, seconds, table
from denoise_cli import denoise

#: A hole that is cut out may make the solve so many times as long.
CUT_OUT_MARK = 2.0


def cases(size: int) -> Iterator[tuple[str, Array, Array, float]]:
    """(what, picture, unknown pixels, λ)."""
    random = np.random.default_rng(3)
    y, x = np.mgrid[: 3 * size // 4, :size]
    ground = 300 + 70 * np.sin(x / 61) + 50 * np.cos(y / 43) + 15 * (x > size / 2) + random.normal(0, 0.5, x.shape)
    sea = (x < size / 10) | ((x - 0.75 * size) ** 2 + (y - 0.37 * size) ** 2 < (0.14 * size) ** 2)
    for weight in (0.3, 0.7, 2.0):
        yield f"elevations, a lake and a margin, λ {weight:g}", ground, sea, weight
    clean = clean_picture(size, "centre")
    y, x = np.mgrid[:size, :size]
    noisy = clean + random.normal(0, 0.1, clean.shape)
    for weight in (0.05, 0.1, 0.2):
        yield f"camera, noise 0.1, a disc, λ {weight:g}", noisy, (x - size / 2) ** 2 + (y - size / 2) ** 2 < (size / 4) ** 2, weight
    for share in (0.1, 0.3, 0.5):
        for weight in (0.002, 0.01, 0.05):
            yield f"camera, scattered, λ {weight:g}", clean, random.random(clean.shape) < share, weight


def line(what: str, picture: Array, unknown: Array, weight: float, rounds: int, workers: int | None) -> list[str]:
    f, weights = picture.astype(np.float32), (~unknown).astype(np.float32)
    ways = {
        "whole": lambda: denoise(f, weight, method="optimal", workers=workers),
        "filled": lambda: denoise(f, weight, method="optimal", weights=weights, workers=workers),
        "cut out": lambda: denoise(f, weight, method="optimal", weights=weights, fill=False, workers=workers),
    }
    iterations = {name: way().iterations for name, way in ways.items()}
    t = interleaved({name: lambda way=way: seconds(way) for name, way in ways.items()}, rounds)
    return [
        what,
        f"{100 * unknown.mean():.0f} %",
        *(str(iterations[name]) for name in ways),
        f"{1e3 * t['whole']:.1f}",
        f"{t['filled'] / t['whole']:.1f}",
        mark(t["cut out"] / t["whole"], CUT_OUT_MARK, f"{t['cut out'] / t['whole']:.2f}"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog=sys.argv[0], description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=512, help="side of the pictures (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="repetitions that medians are taken of (default %(default)s)")
    parser.add_argument("--workers", type=int, help="threads (default: all cores)")
    options = parser.parse_args()
    header = ["", "unknown", "iterations, whole", "filled", "cut out", "whole, ms", "filled ÷ whole", "cut out ÷ whole"]
    print(table(header, (line(*case, options.rounds, options.workers) for case in cases(options.size))))
    print(f"\n{machine()}.")


if __name__ == "__main__":
    main()
