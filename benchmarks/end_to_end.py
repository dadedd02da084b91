"""From the prompt to the exit: a 12-megapixel JPEG against bare transforms, decoding and encoding; a 512² PNG against importing NumPy."""

from __future__ import annotations

import argparse
import io
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import fft

from benchmarks.common import ROOT, cores, environment, machine, mark, noisy_picture, seconds, table

HEIGHT, WIDTH = 3000, 4000
PICTURE_BYTES = HEIGHT * WIDTH * 3 * 4
PROGRAM = [sys.executable, "-m", "denoise_cli"]


def process(command: list[str], folder: Path) -> tuple[float, float]:
    """Seconds, and peak memory in bytes."""
    code = (
        "import os, subprocess, sys, time; t = time.perf_counter(); p = subprocess.Popen(sys.argv[1:], stderr=subprocess.DEVNULL); "
        "_, status, usage = os.wait4(p.pid, 0); print(time.perf_counter() - t, usage.ru_maxrss * 1024); sys.exit(status != 0)"
    )
    told = subprocess.run([sys.executable, "-c", code, *command], cwd=folder, check=True, capture_output=True, text=True, env=environment())
    taken, peak = told.stdout.split()
    return float(taken), float(peak)


def large(folder: Path, rounds: int) -> list[list[object]]:
    coffee = np.asarray(Image.open(ROOT / "sample_images" / "coffee.png"))
    tiled = np.tile(coffee, (-(-HEIGHT // coffee.shape[0]), -(-WIDTH // coffee.shape[1]), 1))[:HEIGHT, :WIDTH]
    noisy = tiled + np.random.default_rng(0).normal(0, 15, tiled.shape)
    Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(folder / "big.jpg", quality=92)

    planes = np.zeros((3, HEIGHT, WIDTH), np.float32)
    pairs, codecs, runs = [], [], {"matlab, 100 iterations": [], "optimal": [], "no λ given": []}
    words = {"matlab, 100 iterations": ["--lambda", "0.1"], "optimal": ["--lambda", "0.1", "--method", "optimal"], "no λ given": []}
    for _ in range(rounds):
        for _ in range(2):
            pairs.append(seconds(lambda: fft.irfft2(fft.rfft2(planes, axes=(1, 2), workers=cores()), axes=(1, 2), workers=cores())))
        codecs.append(seconds(lambda: _codec(folder / "big.jpg")))
        for name, taken in runs.items():
            taken.append(process([*PROGRAM, "big.jpg", "-o", "out.jpg", "--overwrite", "-q", *words[name]], folder))
    pair, codec = statistics.median(pairs), statistics.median(codecs)
    rows: list[list[object]] = []
    for name, taken in runs.items():
        total, peak = statistics.median(t for t, _ in taken), max(p for _, p in taken)
        floor = (100 if name.startswith("matlab") else 20) * pair + codec
        limit = 1.5 if name.startswith("matlab") else 1.0
        rows.append([
            f"4000 × 3000 RGB JPEG, {name}", f"{total:.2f}", f"{100 if limit > 1 else 20} pairs + codec: {floor:.2f}",
            mark(total / floor, limit, f"{total / floor:.2f}"), mark(peak / PICTURE_BYTES, 14, f"{peak / PICTURE_BYTES:.1f}"),
        ])  # fmt: skip
    return rows


def _codec(path: Path) -> None:
    picture = Image.open(path)
    picture.load()
    picture.save(io.BytesIO(), "JPEG", quality=92)


def small(folder: Path, rounds: int) -> list[object]:
    Image.fromarray(np.rint(np.clip(noisy_picture(512, "l2"), 0, 1) * 255).astype(np.uint8)).save(folder / "small.png")
    ours, numpy = [], []
    for _ in range(rounds):
        ours.append(
            process([*PROGRAM, "small.png", "-o", "o.png", "--overwrite", "-q", "--lambda", "0.1", "--method", "optimal"], folder)[0]
        )
        numpy.append(process([sys.executable, "-c", "import numpy"], folder)[0])
    total, start = statistics.median(ours), statistics.median(numpy)
    return ["512² PNG, optimal", f"{total:.2f}", f"import numpy: {start:.2f}", mark(total / start, 3, f"{total / start:.2f}"), ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        rows = [small(Path(folder), 5 * options.rounds), *large(Path(folder), options.rounds)]
    print(table(["process", "seconds", "floor, seconds", "ratio", "peak memory, pictures of float32"], rows))
    print(f"\n{machine()}; {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
