"""Against the MATLAB original under GNU Octave: an iteration, and the whole process; the original is a file of yours (--original)."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.common import Array, clean_picture, machine, mark, table

ROUNDS = 3
MARKS = {512: (14, 6), 1024: (18, 12)}


def octave(script: str, folder: Path) -> float:
    start = time.perf_counter()
    subprocess.run(["octave", "--no-gui", "--quiet", "--eval", script], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def measure(size: int, original: Path, folder: Path) -> list[object]:
    clean = np.rint(clean_picture(size) * 255).astype(np.uint8)
    dice = np.random.default_rng(0).random(clean.shape)
    noisy = np.where(dice < 0.05, 0, np.where(dice > 0.95, 255, clean)).astype(np.uint8)
    for name, picture in (("clean", clean), ("noisy", noisy)):
        Image.fromarray(picture).save(folder / f"{name}.png")
    shutil.copy(original, folder / "denoising.m")
    program = (
        "pkg load image; f = imread('noisy.png'); c = im2double(imread('clean.png')); {repeat}"
        "[u, cost, snr] = denoising(f, 1, {iterations}, 1, c); {timed} imwrite(u, 'octave.png');"
    )
    inner, outer, ours_inner, ours_outer = [], [], [], []
    for _ in range(ROUNDS):
        timed = program.format(
            repeat="denoising(f, 1, 3, 1, c); t = tic; denoising(f, 1, 10, 1, c); a = toc(t); t = tic; ", iterations=60,
            timed="b = toc(t); h = fopen('t.txt', 'w'); fprintf(h, '%g', (b - a)/50); fclose(h); save('-v7', 'u.mat', 'u', 'cost', 'snr');",
        )  # fmt: skip
        octave(timed, folder)
        inner.append(float((folder / "t.txt").read_text()))
        whole = program.format(repeat="", iterations=100, timed="dlmwrite('log.csv', [cost(:) snr(:)], 'precision', 17);")
        outer.append(octave(whole, folder))
        command = [
            sys.executable, "-m", "denoise_cli", "noisy.png", "--lambda", "1", "--l1", "--reference", "clean.png", "--log", "ours.csv",
            "-o", "ours.png", "--overwrite",
        ]  # fmt: skip
        start = time.perf_counter()
        subprocess.run(command, cwd=folder, check=True, stderr=subprocess.DEVNULL)
        ours_outer.append(time.perf_counter() - start)
        ours_inner.append(_ours(noisy, clean))
    differ = _difference(folder)
    per_iteration, whole = np.median(inner) / np.median(ours_inner), np.median(outer) / np.median(ours_outer)
    limits = MARKS.get(size, (0, 0))
    return [
        f"{size}²", f"{1e3 * np.median(inner):.1f} / {1e3 * np.median(ours_inner):.2f}", _at_least(per_iteration, limits[0]),
        f"{np.median(outer):.2f} / {np.median(ours_outer):.2f}", _at_least(whole, limits[1]), f"{differ:.1e}",
    ]  # fmt: skip


def _ours(noisy: Array, clean: Array) -> float:
    """Seconds an iteration, float32, cost and RMSE of every one computed."""
    from denoise_cli import denoise

    def run(iterations: int) -> float:
        start = time.perf_counter()
        denoise(noisy, 1, fidelity="l1", iterations=iterations, reference=clean / 255)
        return time.perf_counter() - start

    run(5)
    return (run(60) - run(10)) / 50


def _difference(folder: Path) -> float:
    """The largest relative difference of costs and RMSEs, 100 iterations, float32 against Octave's double."""
    theirs = np.loadtxt(folder / "log.csv", delimiter=",")
    ours = np.genfromtxt(folder / "ours.csv", delimiter=",", names=True)
    return float(max(np.abs(ours["cost"] / theirs[:, 0] - 1).max(), np.abs(ours["rmse"] / theirs[:, 1] - 1).max()))


def _at_least(ratio: float, limit: float) -> str:
    return mark(-ratio, -limit, f"{ratio:.1f}") if limit else f"{ratio:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--original", type=Path, required=True, help="denoising.m")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(MARKS))
    options = parser.parse_args()
    if shutil.which("octave") is None:
        print("octave is not installed (Debian: apt-get install octave octave-image): nothing measured", file=sys.stderr)
        return
    rows = []
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measure(size, options.original.resolve(), Path(folder)))
    header = ["L1, cost and RMSE logged", "ms/iteration, Octave / ours", "ratio", "process, s, 100 iterations", "ratio", "logs differ by"]
    print(table(header, rows))
    version = subprocess.run(["octave", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    print(f"\n{version}. {machine()}")


if __name__ == "__main__":
    main()
