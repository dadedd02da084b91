"""What a pixel of a tile costs, step by step: reading, iterations, cost and bound, writing; the constants of docs/scale.md.

One grey uint8 window on one thread. CPU nanoseconds for each pixel, the smallest of the rounds, so that a busy machine hardly matters.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import clean_picture, machine, table
from benchmarks.large import SIGMA, TILE
from denoise_cli.formats.picture import Page
from denoise_cli.large.patch import momentum_of, solve_window
from denoise_cli.large.raw_table import RawTable
from denoise_cli.large.recipe import Recipe
from denoise_cli.large.tiff_windows import open_tiff

#: Iterations whose difference is the cost of one.
FEW, MANY = 8, 40
COMPRESSIONS = (None, "zstd", "zlib", "lzw")


def main() -> None:
    parser = argparse.ArgumentParser(prog=sys.argv[0], description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=2048, help="side of the window (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="(default: %(default)s)")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="where files go (default: %(default)s)")
    options = parser.parse_args()
    size, clean = options.size, clean_picture(options.size)
    noisy = np.clip(clean + SIGMA * np.random.default_rng(0).standard_normal(clean.shape), 0, 1)
    picture = np.rint(255 * noisy).astype(np.uint8)

    def cost(work: Callable[[], Any], times: float = 1.0) -> float:
        found = []
        for _ in range(options.rounds):
            start = time.process_time()
            work()
            found.append(time.process_time() - start)
        return min(found) / size**2 / times * 1e9

    page, core = Page(picture), (slice(0, size), slice(0, size))
    told = Recipe(((slice(0, 1), 0.1),), offset=(0.5,), workers=1)
    for count in (FEW, MANY):
        momentum_of(0, count)
    few, many = (cost(lambda count=count: solve_window(page, core, told, 0, count)) for count in (FEW, MANY))
    iteration = (many - few) / (MANY - FEW)
    conversion = cost(lambda: told.numbers(Page(picture)))
    numbers = told.numbers(page)[0]
    stored = cost(lambda: Page(picture).successor(told.image(numbers)))
    rows = [
        ("an iteration", iteration),
        ("stored values to numbers", conversion),
        ("u, cost, bound, and what is allocated", few - FEW * iteration - conversion - stored),
        ("numbers to stored values", stored),
    ]
    with tempfile.TemporaryDirectory(dir=options.folder) as place:
        dual = RawTable(Path(place) / "dual.raw", (4, size, size, 1), "<f4")
        dual.reserve()
        values, part = np.zeros((size, size), np.float32), slice(0, size // 2)
        half = np.ascontiguousarray(values[:, part])
        rows.append(
            ("the dual variable to the disk", cost(lambda: [dual.write(plane, slice(0, size), part, half) for plane in range(4)], 0.5))
        )
        rows.append(("and back", cost(lambda: [dual.read(plane, slice(0, size), part) for plane in range(4)], 0.5)))
        for compression in COMPRESSIONS:
            path, name = Path(place) / "a.tif", compression or "no compression"
            rows.append((f"encoding, {name}", cost(lambda how=compression: _encode(io.BytesIO(), picture, how))))
            path.write_bytes(_encode(io.BytesIO(), picture, compression).getvalue())
            source = open_tiff(path)
            assert source is not None
            rows.append((f"decoding, {name}", cost(lambda source=source: source.read(0, slice(0, size), slice(0, size)))))
    print(f"One window of {size}², uint8, float32.\n")
    print(table(["", "CPU ns a pixel"], [(name, f"{found:.1f}") for name, found in rows]))
    print(f"\n{machine()}")


def _encode(stream: io.BytesIO, picture: Any, compression: str | None) -> io.BytesIO:
    import tifffile

    tifffile.imwrite(stream, picture, tile=(TILE, TILE), compression=compression, photometric="minisblack")
    return stream


if __name__ == "__main__":
    main()
