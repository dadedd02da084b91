"""Seams: steps across the borders of tiles against those of the whole solve, and how far the two are apart.

A clean sample tiled with fresh noise of σ 0.1, floats in [0, 1], `optimal`, λ 0.1. "step" is the mean of |u − its neighbour| across the
borders of the tiles; "elsewhere" the same between all other neighbours. Cost, bound and gap are sums over tiles in float64.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.common import Array, clean_picture, machine, mark, table
from denoise_cli.large.crews import SerialCrew
from denoise_cli.large.cuts import Cell, Cut
from denoise_cli.large.journal import Journal
from denoise_cli.large.patch import Patch
from denoise_cli.large.raw_table import RawTable
from denoise_cli.large.recipe import Recipe
from denoise_cli.large.sweeps import Course, Nobody, Swept, solve_plane
from denoise_cli.large.windows import Kind
from denoise_cli.variational import denoise

__all__ = ["solved_in_tiles", "steps"]

#: Marks, of the range of the picture: the step across borders beyond that of the whole solve at a gap of 1e-3; any pixel at 1e-6.
MOST_STEP, MOST_PIXEL = 1e-5, 1e-3
WEIGHT, SIGMA = 0.1, 0.1
#: Iterations a sweep where the gap is tight, so that halos stay narrower than tiles.
STRIDE = 100


def solved_in_tiles(folder: Path, side: int, told: Recipe, wanted: int) -> tuple[Array, Swept]:
    """`folder`/in.npy in cores of `side`², from `wanted` iterations on; through the disk, as large pictures are."""
    source = folder / "in.npy"
    picture = np.load(source, mmap_mode="r")
    size, dtype = picture.shape, picture.dtype
    pixels = RawTable.npy(folder / "out.npy", size, (1, *size, 1), dtype)
    none = Cell(slice(0, 0), slice(0, 0), 0, 0, 0, 0)
    patch = Patch(source, source.stat().st_mtime_ns, None, Kind(1, 1), 0, none, told, 0, 1, pixels)
    journal = Journal(folder / f"tiles of {side}", {})

    def planned(iterations: int) -> Course:
        stride = min(iterations, STRIDE)
        return Course(Cut(size, side, side, stride + 1), stride, keeps=stride < iterations)

    try:
        swept = solve_plane(patch, wanted, planned, journal, SerialCrew(), Nobody())
    finally:
        journal.remove()
    return np.load(folder / "out.npy"), swept


def steps(picture: Array, side: int) -> tuple[float, float]:
    """Means of |difference of neighbours|: across the borders of tiles of `side`², and elsewhere."""
    across, elsewhere = [], []
    for axis in (0, 1):
        found = np.abs(np.diff(picture, axis=axis)).mean(axis=1 - axis, dtype=np.float64)
        at_border = np.arange(1, len(found) + 1) % side == 0
        across.append(found[at_border])
        elsewhere.append(found[~at_border])
    return float(np.concatenate(across).mean()), float(np.concatenate(elsewhere).mean())


def main() -> None:
    parser = argparse.ArgumentParser(prog=sys.argv[0], description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=4096, help="side of the picture (default: %(default)s)")
    parser.add_argument("--tiles", type=int, nargs="+", default=[512, 1000, 777], help="sides of the cores (default: %(default)s)")
    parser.add_argument("--gaps", type=float, nargs="+", default=[1e-3, 1e-6], help="(default: %(default)s)")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="where the pictures go (default: %(default)s)")
    options = parser.parse_args()
    clean = clean_picture(options.size)
    noisy = clean + SIGMA * np.random.default_rng(0).standard_normal(clean.shape)
    rows, worst_step, worst_pixel = [], 0.0, 0.0
    with tempfile.TemporaryDirectory(dir=options.folder) as place:
        folder = Path(place)
        for gap in options.gaps:
            precision = "float32" if gap > 1e-5 else "float64"
            picture = noisy.astype(precision)
            np.save(folder / "in.npy", picture)
            span = float(np.ptp(picture))
            whole = denoise(picture, WEIGHT, method="optimal", gap=gap, dtype=precision)
            told = Recipe(((slice(0, 1), WEIGHT),), offset=(0.5,), precision=precision, gap=gap)
            for side in options.tiles:
                found, swept = solved_in_tiles(folder, side, told, whole.iterations)
                apart = float(np.abs(found - whole.image).max()) / span
                one, other = steps(found, side), steps(whole.image, side)
                step, elsewhere = (one[0] - other[0]) / span, (one[1] - other[1]) / span
                cost = (swept.cost - whole.cost) / whole.cost
                worst_step = max(worst_step, step) if gap >= 1e-3 else worst_step
                worst_pixel = max(worst_pixel, apart) if gap <= 1e-6 else worst_pixel
                rows.append(
                    [
                        f"{options.size}², gap {gap:g}, tiles of {side}", whole.iterations, swept.iterations, swept.sweeps,
                        f"{swept.gap:.2e}", f"{cost:+.1e}", f"{step:+.1e}", f"{elsewhere:+.1e}", f"{apart:.1e}",
                    ]
                )  # fmt: skip
                print(rows[-1], file=sys.stderr, flush=True)
    header = ["", "iterations, whole", "by tiles", "sweeps", "gap by tiles", "cost", "step at borders", "elsewhere", "any pixel"]
    print("By tiles minus whole; cost as a share of the cost, steps and pixels as shares of the range.\n")
    print(table(header, rows))
    print(f"\n{machine()}")
    print(f"step across borders at a gap of 1e-3, beyond that of the whole: {mark(worst_step, MOST_STEP, f'{worst_step:.1e}')}")
    print(f"any pixel at a gap of 1e-6: {mark(worst_pixel, MOST_PIXEL, f'{worst_pixel:.1e}')}")


if __name__ == "__main__":
    main()
