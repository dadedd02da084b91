"""Folders: pictures a second of --jobs 2 against --jobs 1 and a shell loop of single runs; peak memory against the length of the list."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.common import machine, noisy_picture, table

SETTINGS = {
    "matlab, 100 iterations": ["--lambda", "0.1"],
    "optimal": ["--lambda", "0.1", "--method", "optimal"],
    "nothing typed": [],
}
PROGRAM = [sys.executable, "-m", "denoise_cli"]


def fill(folder: Path, count: int, size: int) -> Path:
    folder.mkdir()
    picture = np.rint(np.clip(noisy_picture(size, "l2"), 0, 1) * 255).astype(np.uint8)
    for number in range(count):
        Image.fromarray(np.roll(picture, number, axis=1)).save(folder / f"{number:05}.png")
    return folder


def seconds(command: list[str] | str) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, shell=isinstance(command, str))
    return time.perf_counter() - start


def speed(work: Path, count: int, size: int) -> None:
    scans, rows = fill(work / "scans", count, size), []
    for name, words in SETTINGS.items():
        taken = {}
        for jobs in (2, 1):
            target = work / f"out{jobs}"
            taken[jobs] = seconds([*PROGRAM, str(scans), "-o", str(target), "--jobs", str(jobs), "-q", *words])
            shutil.rmtree(target)
        (work / "loop").mkdir()
        loop = f"for f in {scans}/*.png; do {' '.join(PROGRAM)} $f -o {work}/loop/$(basename $f) -q {' '.join(words)}; done"
        taken[0] = seconds(loop)
        shutil.rmtree(work / "loop")
        rows.append([name, *(f"{count / taken[k]:.1f}" for k in (0, 1, 2)), f"{taken[0] / taken[2]:.1f}", f"{taken[1] / taken[2]:.2f}"])
    print(f"{count} PNGs of {size}²\n")
    print(table(["settings", "shell loop, images/s", "--jobs 1", "--jobs 2", "--jobs 2 ÷ loop", "--jobs 2 ÷ --jobs 1"], rows))


def memory(work: Path, counts: tuple[int, int], jobs: int) -> None:
    rows = []
    for count in counts:
        scans = fill(work / f"small{count}", count, 64)
        code = (
            "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); "
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
        )
        command = [*PROGRAM, str(scans), "-o", str(work / f"clean{count}"), "--lambda", "0.1", "-q", "--jobs", str(jobs)]
        done = subprocess.run([sys.executable, "-c", code, *command], check=True, capture_output=True, text=True)
        rows.append([f"{count:,}", f"{int(done.stdout) / 1024:.0f}"])
    print(f"\nPeak memory of the largest process, --jobs {jobs}, PNGs of 64²\n")
    print(table(["inputs", "MB"], rows))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks batch", description=__doc__)
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--size", type=int, default=512)
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as folder:
        speed(Path(folder), options.pictures, options.size)
        for jobs in (1, 2):
            memory(Path(tempfile.mkdtemp(dir=folder)), (10, 2000), jobs)
    print(f"\n{machine()}")


if __name__ == "__main__":
    main()
