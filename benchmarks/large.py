"""Pictures larger than the memory that they may take: time a pixel and peak memory, by tiles and whole; tiles on two Dask workers.

The pictures are uint8 TIFFs in tiles of 256, a clean sample tiled with fresh noise of σ 0.1, solved with `optimal`, λ 0.1, gap 1e-3. Each
run is a process of its own: CPU seconds and wall-clock seconds end to end, and its peak resident set, Python and its libraries included.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.common import Array, clean_picture, machine, mark, table

#: Marks of the issue: bytes of a run by tiles, and its time a pixel against that in memory.
MOST_MEMORY, MOST_TIME = 2.5e9, 1.6
TILE, SIGMA = 256, 0.1
WORDS = ("--method", "optimal", "--lambda", "0.1")


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


def run(path: Path, *words: str) -> tuple[float, float, float, str]:
    """Wall-clock seconds, CPU seconds and peak resident bytes of `denoise`, and what it said."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "denoise_cli", str(path), "-o", str(path.with_name("out.tif")), "--overwrite", *WORDS, *words]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(said)
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, peak, said


def folders(where: Path, count: int) -> None:
    """`count` pictures of 256² in two processes of their own, and on two Dask workers."""
    import tifffile

    rng, clean = np.random.default_rng(0), clean_picture(256)
    source = where / "many"
    source.mkdir()
    for number in range(count):
        noisy = np.clip(clean + SIGMA * rng.standard_normal(clean.shape), 0, 1)
        tifffile.imwrite(source / f"{number:05}.tif", np.rint(255 * noisy).astype(np.uint8))
    rows = []
    for title, words in (("--jobs 2", ()), ("--executor dask --jobs 2", ("--executor", "dask"))):
        start, before = time.perf_counter(), os.times()
        command = [sys.executable, "-m", "denoise_cli", str(source), "-o", str(where / title.replace(" ", "")), "--jobs", "2", "-q"]
        subprocess.run([*command, *WORDS, *words], check=True)
        after = os.times()
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        rows.append([title, count, f"{time.perf_counter() - start:.1f}", f"{cpu:.1f}"])
    print(table(["", "pictures of 256²", "seconds", "CPU seconds"], rows))


def main() -> None:
    parser = argparse.ArgumentParser(prog=sys.argv[0], description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[8192, 16384], help="sides; 32768 is a gigapixel (default: %(default)s)")
    parser.add_argument("--whole", type=int, default=8192, help="side of the picture that is solved in memory (default: %(default)s)")
    parser.add_argument("--memory", default="1GB", help="for tiles (default: %(default)s)")
    parser.add_argument("--dask", action="store_true", help="also the smallest picture on one and on two Dask workers")
    parser.add_argument("--folder", type=Path, default=None, help="where the pictures go (default: a temporary one)")
    parser.add_argument("--pictures", type=int, default=0, help="instead, so many small pictures by --jobs 2 and on two Dask workers")
    options = parser.parse_args()
    if options.pictures:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            folders(Path(folder), options.pictures)
        print(f"\n{machine()}")
        return
    rows = []
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder) / "in.tif"

        def measured(title: str, side: int, *words: str) -> tuple[float, float]:
            seconds, cpu, peak, said = run(path, *words)
            rows.append(
                [title, f"{side**2 / 1e9:.3f}", f"{seconds / side**2 * 1e9:.0f}", f"{cpu / side**2 * 1e9:.0f}", f"{peak / 1e9:.2f}"]
            )
            print(said.strip(), file=sys.stderr)
            return cpu / side**2, peak

        make(path, options.whole)
        in_memory, _ = measured("whole", options.whole, "--memory", "1TB", "--max-pixels", str(options.whole**2))
        found = []
        for side in options.sizes:
            make(path, side)
            found.append(measured(f"tiles, --memory {options.memory}", side, "--memory", options.memory))
        if options.dask:
            make(path, min(options.sizes))
            for workers in ("1", "2"):
                words = ("--executor", "dask", "--jobs", workers, "--workers", "1")
                measured(f"tiles, {workers} Dask workers", min(options.sizes), "--memory", options.memory, *words)
    print(table(["", "gigapixels", "ns a pixel", "CPU ns a pixel", "peak GB"], rows))
    print(f"\n{machine()}")
    most, slower = max(peak for _, peak in found), max(cpu for cpu, _ in found) / in_memory
    print(f"peak memory of tiles: {mark(most, MOST_MEMORY, f'{most / 1e9:.2f} GB')}")
    print(f"CPU time a pixel of tiles, times that in memory: {mark(slower, MOST_TIME, f'{slower:.2f}')}")


if __name__ == "__main__":
    main()
