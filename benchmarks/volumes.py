"""Volumes: how much the third axis brings, how long it takes beside scikit-image, and how much memory.

Quality: a volume of soft blobs with noise of σ 0.1, as a volume and slice by slice, each at its best λ; 20 frames of a photograph,
likewise, with a time weight of 10.
Speed: float32, isotropic, to a certified gap of 1e-3; scikit-image's `denoise_tv_chambolle` with the weight λ/2 (it has a ½ before the
squares) runs more and more iterations until its cost is no higher than ours: what is told is the last run that was still above it, so that
the true ratio is larger. Seconds of all cores do not depend on what else the machine does. Engines: what is compiled, and the same
iterations in NumPy, by turns. Memory: growth of the peak resident set during
one call, in float32 volumes; a process of its own.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.common import ROOT, Array, clean_picture, cores, machine, mark, peak_bytes, table
from denoise_cli import denoise
from denoise_cli.kernels import binding as kernels
from denoise_cli.variational import denoise as minimiser

#: dB above slice by slice; times before scikit-image; float32 volumes of memory.
BLOBS_MARK, SERIES_MARK, SPEED_MARK, MEMORY_MARK = 3.0, 4.0, 8.0, 12.0
#: Iterations of scikit-image: the first try, which is doubled until one is good enough; then how near the last one that is not comes to it.
FIRST_ITERATIONS, NEAR = 40, 1.06
#: λ under L2, where split Bregman runs, and under L1.
LARGE_WEIGHT, L1_WEIGHT = 0.6, 0.6


def blobs(side: int) -> Array:
    """A dozen soft blobs of different widths and brightness, float32, on [0, 1]."""
    random = np.random.default_rng(0)
    places, volume = np.indices((side,) * 3, np.float32) / side, np.zeros((side,) * 3, np.float32)
    for _ in range(12):
        middle, width = random.random((3, 1, 1, 1)).astype(np.float32), 0.1 + 0.1 * random.random()
        volume += np.float32(random.random()) * np.exp(-((places - middle) ** 2).sum(axis=0) / np.float32(2 * width**2))
    return volume / volume.max()


def noisy(clean: Array) -> Array:
    """With noise of σ 0.1, seed 0."""
    return (clean + 0.1 * np.random.default_rng(1).standard_normal(clean.shape)).astype(np.float32)


def best_psnr(clean: Array, found: list[Array]) -> float:
    """Of the best picture, in dB."""
    return max(-10 * float(np.log10(np.mean((image - clean) ** 2))) for image in found)


def quality(side: int, workers: int) -> None:
    scene = clean_picture(96, "centre").astype(np.float32)
    rows = []
    for name, clean, words, limit in (
        (f"blobs, {side}³", blobs(side), {"axes": "zyx"}, BLOBS_MARK),
        ("20 frames of a still scene, 96²", np.broadcast_to(scene, (20, *scene.shape)), {"axes": "tyx", "time_weight": 10.0}, SERIES_MARK),
    ):
        f = noisy(clean)
        grid = np.geomspace(0.03, 0.4, 9)
        together = best_psnr(clean, [denoise(f, weight, workers=workers, **words).image for weight in grid])
        apart = best_psnr(
            clean, [np.stack([denoise(one, weight, method="optimal", workers=workers).image for one in f]) for weight in grid]
        )
        chosen = denoise(f, workers=workers, **words)
        gain, verdict = together - apart, "✓" if together - apart >= limit else f"✗ (mark {limit:g})"
        rows.append([name, f"{apart:.2f}", f"{together:.2f}", f"{gain:.2f} {verdict}", f"{best_psnr(clean, [chosen.image]):.2f}"])
    print(table(["PSNR, dB", "slice by slice, best λ", "volume, best λ", "gain", "volume, λ chosen"], rows), flush=True)


def cost(u: Array, f: Array, weight: float) -> float:
    """F + λR, in float64."""
    squares = sum(np.square(np.diff(u, axis=axis, append=u.take([-1], axis)).astype(np.float64)) for axis in range(u.ndim))
    return float(np.square(u.astype(np.float64) - f).sum() + weight * np.sqrt(squares).sum())


def clocked(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """What `work` returns, the seconds that it took, and those of all cores together."""
    start, busy = time.perf_counter(), time.process_time()
    found = work()
    return found, time.perf_counter() - start, time.process_time() - busy


def last_above(f: Array, weight: float, wanted: float, most: float) -> tuple[int, float, float]:
    """Iterations of scikit-image that are not enough to bring the cost down to `wanted`, and their seconds: of the clock, and of all cores.

    most : seconds that its runs may take together; after that, the largest number that was tried is the answer.
    """
    from skimage.restoration import denoise_tv_chambolle

    above, enough, iterations, spent = (0, 0.0, 0.0), math.inf, FIRST_ITERATIONS, 0.0
    while spent < most and enough > NEAR * above[0] + 1:
        found, took, busy = clocked(lambda: denoise_tv_chambolle(f, weight / 2, eps=0, max_num_iter=iterations))  # noqa: B023
        spent += took
        if cost(found, f, weight) > wanted:
            above = iterations, took, busy
        else:
            enough = iterations
        iterations = 2 * iterations if enough == math.inf else round((above[0] + enough) / 2)
    return above


def speed(side: int, workers: int, most: float) -> None:
    f, rows = noisy(blobs(side)), []
    denoise(f[:8], 0.1, axes="zyx", workers=workers)
    for weight in (0.1, 0.2):
        runs = [clocked(lambda: denoise(f, weight, axes="zyx", workers=workers)) for _ in range(3)]  # noqa: B023
        ours, busy = min(run[1] for run in runs), min(run[2] for run in runs)
        before = last_above(f, weight, runs[0][0].cost, most)
        ratios = [before[1] / ours, before[2] / busy]
        verdicts = [f"> {ratio:.1f} × {'✓' if ratio >= SPEED_MARK else f'✗ (mark {SPEED_MARK:g})'}" for ratio in ratios]
        rows.append(
            [
                f"{side}³, λ {weight:g}", runs[0][0].iterations, f"{ours:.2f}", f"{busy:.2f}",
                before[0], f"{before[1]:.1f}", f"{before[2]:.1f}", *verdicts,
            ]
        )  # fmt: skip
    header = ["", "iterations", "s", "s of all cores", "scikit-image: iterations", "s", "s of all cores", "ratio", "of all cores"]
    print(table(header, rows), flush=True)


def engines(side: int, workers: int) -> None:
    """Problems of volumes in compiled code and in NumPy, each the quickest of four runs."""
    clean, random = blobs(side), np.random.default_rng(2)
    f, dice = noisy(clean), random.random(clean.shape)
    impulses = np.where(dice < 0.05, 0, np.where(dice > 0.95, 1, clean)).astype(np.float32)
    colours = np.stack([f, f[::-1], f[:, ::-1]], axis=-1)
    known = (random.random(f.shape) > 0.2).astype(float)
    level = np.full(f.shape, 0.1) * (1 + (np.arange(side) > side // 2))
    problems: dict[str, tuple[Array, Any, dict[str, Any]]] = {
        "L2, λ 0.1": (f, 0.1, {}),
        "L2, λ 0.1 and 0.2, a map": (f, level, {}),
        f"L2, λ {LARGE_WEIGHT:g}": (f, LARGE_WEIGHT, {}),
        "L2, λ 0.1, periodic": (f, 0.1, {"boundary": "periodic"}),
        "L2, λ 0.1, three coupled channels": (colours, 0.1, {}),
        "L2, λ 0.1, a fifth unknown, filled in": (f, 0.1, {"weights": known, "fill": True}),
        f"L1, λ {L1_WEIGHT:g}": (impulses, L1_WEIGHT, {"fidelity": "l1"}),
        f"L1, λ {L1_WEIGHT:g}, anisotropic": (impulses, L1_WEIGHT, {"fidelity": "l1", "tv": "anisotropic"}),
    }
    rows = []
    for name, (volume, weight, words) in problems.items():
        best: dict[str, tuple[float, float]] = {}
        for _ in range(4):
            for engine, compiled in (("compiled", kernels.compiled), ("NumPy", None)):
                usual, kernels.compiled = kernels.compiled, compiled
                try:
                    found, took, busy = clocked(
                        lambda: minimiser(volume, weight, method="optimal", axes=3, workers=workers, **words)  # noqa: B023
                    )
                finally:
                    kernels.compiled = usual
                before = best.get(engine, (math.inf, math.inf))
                best[engine] = min(took, before[0]), min(busy, before[1])
        (ours, busy), (plain, plain_busy) = best["compiled"], best["NumPy"]
        rows.append([name, found.iterations, f"{ours:.2f}", f"{busy:.2f}", f"{plain:.2f}", f"{plain_busy:.2f}", f"{plain_busy / busy:.1f}"])
    header = [f"{side}³", "iterations", "s", "s of all cores", "NumPy: s", "s of all cores", "ratio of all cores"]
    print(table(header, rows), flush=True)


def memory(side: int, workers: int) -> float:
    """How many float32 volumes the peak grows by."""

    denoise(np.random.default_rng(0).random((8, 8, 8), np.float32), 0.2, axes="zyx", workers=workers)
    f = np.random.default_rng(0).random((side,) * 3, np.float32)
    before = peak_bytes()
    denoise(f, 0.2, axes="zyx", iterations=8, workers=workers)
    return (peak_bytes() - before) / f.nbytes


def main() -> None:
    parser = argparse.ArgumentParser(prog=sys.argv[0], description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sides", default="128", help="sides of the volumes for speed and memory (default %(default)s; marks: 128,256)")
    parser.add_argument("--engines", default="64", help="sides of the volumes to compare engines on (default %(default)s)")
    parser.add_argument("--most-seconds", type=float, default=math.inf, help="for each row of scikit-image (default: no limit)")
    parser.add_argument("--only", choices=("memory", "quality", "engines", "speed"), help="one of the parts")
    parser.add_argument("--quality-side", type=int, default=96, help="side of the volumes for quality (default %(default)s)")
    parser.add_argument("--workers", type=int, default=cores(), help="threads (default: all cores)")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(memory(*json.loads(options.one)))
        return
    sides, parts = ([int(side) for side in words.split(",")] for words in (options.sides, options.engines))

    def wanted(part: str) -> bool:
        return options.only in (None, part)

    for side in sides if wanted("memory") else ():  # first, because a process begins with the peak of the one that started it
        command = [sys.executable, "-m", "benchmarks", "volumes", "--one", json.dumps([side, options.workers])]
        grown = float(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout)
        print(f"Memory at {side}³: {mark(grown, MEMORY_MARK, f'{grown:.1f}')} float32 volumes.\n", flush=True)
    if wanted("quality"):
        quality(options.quality_side, options.workers)
    for side in parts if wanted("engines") else ():
        print()
        engines(side, options.workers)
    for side in sides if wanted("speed") else ():
        print()
        speed(side, options.workers, options.most_seconds)
    print(f"\n{options.workers} threads. {machine()}.")


if __name__ == "__main__":
    main()
