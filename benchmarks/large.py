"""Pictures larger than the memory that they may take: time a pixel and peak memory, by tiles up to a gigapixel, and whole.

The pictures are uint8 TIFFs in tiles of 256, a clean sample tiled with fresh noise of σ 0.1, solved with `optimal`, λ 0.1, gap 1e-3. Each
run is a process of its own, end to end: wall-clock seconds, CPU seconds, and its peak resident set, Python and its libraries included. The
disk must have room for two such pictures: the input and the result.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.common import Array, clean_picture, machine, mark, table

__all__ = ["SIGMA", "WORDS", "make", "run"]

#: Marks: bytes of a run by tiles, its time a pixel against that in memory, and its largest peak against its smallest.
MOST_MEMORY, MOST_TIME, MOST_GROWTH = 2.5e9, 1.6, 1.1
TILE, SIGMA = 256, 0.1
WORDS = "--method optimal --lambda 0.1"
#: Bytes of the disk for each pixel: the input, the result, and some to spare.
DISK = 2.2


def make(path: Path, side: int) -> None:
    """A square uint8 TIFF, made and written row of tiles by row of tiles."""
    import tifffile

    clean, rng = clean_picture(512), np.random.default_rng(0)

    def tiles() -> Iterator[Array]:
        for top in range(0, side, TILE):
            for left in range(0, side, TILE):
                part = clean[top % 512 : top % 512 + TILE, left % 512 : left % 512 + TILE]
                noise = rng.standard_normal((TILE, TILE), np.float32)
                yield np.rint(255 * np.clip(part + SIGMA * noise, 0, 1)).astype(np.uint8)

    tifffile.imwrite(path, tiles(), shape=(side, side), dtype=np.uint8, tile=(TILE, TILE), photometric="minisblack", bigtiff=side >= 2**15)


def run(path: Path, words: str) -> tuple[float, float, float, str]:
    """Wall-clock seconds, CPU seconds and peak resident bytes of `denoise`, and what it said. Raises SystemExit with its error."""
    command = [sys.executable, "-m", "denoise_cli", str(path), "-o", str(path.with_name("out.tif")), "--overwrite", *shlex.split(words)]
    start = time.perf_counter()
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(said)
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, peak, said


def check_room(folder: Path, side: int) -> None:
    """Raises SystemExit where the disk has no room for a picture of that side, with the way out."""
    free, needed = shutil.disk_usage(folder).free, DISK * side**2
    if free < needed:
        raise SystemExit(
            f"{folder}: {free / 1e9:.1f} GB are free, {side}² takes {needed / 1e9:.1f}; name another --folder, or smaller --sizes"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog=sys.argv[0], description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sizes = [8192, 16384, 32768]
    parser.add_argument("--sizes", type=int, nargs="+", default=sizes, help="sides; 32768 is a gigapixel (default: %(default)s)")
    parser.add_argument("--whole", type=int, default=10000, help="side of the picture that is solved in memory (default: %(default)s)")
    parser.add_argument("--memory", default="1GB", help="for tiles (default: %(default)s)")
    parser.add_argument("--words", default=WORDS, help="for denoise (default: %(default)s)")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="where the pictures go (default: %(default)s)")
    options = parser.parse_args()
    check_room(options.folder, max(*options.sizes, options.whole))
    rows = []
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder) / "in.tif"

        def measured(title: str, side: int, words: str) -> tuple[float, float, float]:
            make(path, side)
            seconds, cpu, peak, said = run(path, f"{options.words} {words}")
            tiles = said.partition("solved in ")[2].partition(" tiles")[0]
            each, all_cores = seconds / side**2 * 1e9, cpu / side**2 * 1e9
            rows.append([title, f"{side**2 / 1e9:.3f}", tiles, f"{seconds:.1f}", f"{each:.0f}", f"{all_cores:.0f}", f"{peak / 1e9:.2f}"])
            print(said.strip().replace(f"{folder}/", ""), file=sys.stderr)
            return each, all_cores, peak

        in_memory = measured("whole", options.whole, f"--memory 1TB --max-pixels {options.whole**2}")
        tiled = [measured(f"tiles, --memory {options.memory}", side, f"--memory {options.memory}") for side in options.sizes]
    print(table(["", "gigapixels", "tiles", "seconds", "ns a pixel", "CPU ns a pixel", "peak GB"], rows))
    print(f"\n{machine()}")
    peaks = [peak for *_, peak in tiled]
    slower = [max(run[kind] for run in tiled) / in_memory[kind] for kind in (0, 1)]
    print(f"peak memory of tiles: {mark(max(peaks), MOST_MEMORY, f'{max(peaks) / 1e9:.2f} GB')}")
    print(f"the largest peak of tiles, times the smallest: {mark(max(peaks) / min(peaks), MOST_GROWTH, f'{max(peaks) / min(peaks):.3f}')}")
    print(f"time a pixel of tiles, times that in memory: {mark(slower[0], MOST_TIME, f'{slower[0]:.2f}')}")
    print(f"CPU time a pixel of tiles, times that in memory: {mark(slower[1], MOST_TIME, f'{slower[1]:.2f}')}")


if __name__ == "__main__":
    main()
