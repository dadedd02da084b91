"""Time an iteration and pixel from 256² to 4096², and at sides that are prime: where the cache bends it, and awkward lengths."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from scipy import fft

from benchmarks.common import Array, cores, machine, mark, noisy_picture, split_bregman_only, table
from denoise_cli import denoise

SIDES = (256, 512, 1024, 2048, 4096)
PRIME, SMOOTH = (1021, 2053), (1024, 2048)


def run(f: Array, kind: str, iterations: int) -> float:
    start = time.perf_counter()
    if kind == "matlab":
        denoise(f, 0.1, iterations=iterations)
    else:
        with split_bregman_only() if kind == "split Bregman" else nullcontext():
            denoise(f, 0.1, method="optimal", iterations=iterations, gap=2e-6)
    return time.perf_counter() - start


def per_iteration(f: Array, kind: str) -> float:
    """Seconds: a longer run less a shorter one. Neither reaches the gap."""
    many = 28 if kind != "gradient projection" else 60
    return max(run(f, kind, many) - run(f, kind, many // 2), 1e-9) / (many - many // 2)


def transforms(f: Array, kind: str) -> float:
    workers = 1 if f.size <= 2**18 else cores()
    start = time.perf_counter()
    if kind == "FFT pair":
        fft.irfft2(fft.rfft2(f, workers=workers), s=f.shape, workers=workers)
    else:
        fft.idctn(fft.dctn(f, workers=workers), workers=workers)
    return time.perf_counter() - start


KINDS: dict[str, Callable[[Array, str], float]] = {
    "FFT pair": transforms, "matlab": per_iteration, "DCT pair": transforms, "split Bregman": per_iteration,
    "gradient projection": per_iteration,
}  # fmt: skip


def measure(f: Array, rounds: int) -> dict[str, float]:
    """Nanoseconds a pixel."""
    samples: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for _ in range(rounds):
        for kind, timer in KINDS.items():
            samples[kind].append(timer(f, kind))
    return {kind: 1e9 * statistics.median(values) / f.size for kind, values in samples.items()}


def plot(path: Path, sides: list[int], figures: dict[int, dict[str, float]]) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(5, 3.2), layout="constrained")
    colours = {
        "FFT pair": "#56B4E9", "matlab": "#0072B2", "DCT pair": "#E69F00", "split Bregman": "#D55E00", "gradient projection": "#009E73",
    }  # fmt: skip
    for kind, colour in colours.items():
        axes.plot(sides, [figures[side][kind] for side in sides], "o--" if "pair" in kind else "o-", color=colour, label=kind, ms=4)
    axes.set(xscale="log", yscale="log", xlabel="side of a square grey picture / pixels", ylabel="time an iteration / (ns / pixel)")
    axes.set_xticks(sides, [str(side) for side in sides])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=7)
    figure.savefig(path, dpi=130, metadata={"Software": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--largest", type=int, default=SIDES[-1])
    options = parser.parse_args()
    sides = [side for side in SIDES if side <= options.largest]
    figures = {
        side: measure(noisy_picture(side, "l2").astype(np.float32), max(2, options.rounds * 512 // max(512, side))) for side in sides
    }
    rows = [[f"{side}²", *(f"{figures[side][kind]:.2f}" for kind in KINDS)] for side in sides]
    print("Nanoseconds an iteration and pixel, float32\n")
    print(table(["", *KINDS], rows))
    picture = noisy_picture(2053, "l2").astype(np.float32)
    prime, smooth = (measure(np.ascontiguousarray(picture[:h, :w]), options.rounds) for h, w in (PRIME, SMOOTH))
    print(f"\n{PRIME[0]} × {PRIME[1]} against {SMOOTH[0]} × {SMOOTH[1]}, a pixel\n")
    ratios = {kind: prime[kind] / smooth[kind] for kind in KINDS}
    ours = [f"{ratio:.2f}" if "pair" in kind else mark(ratio, 1.5, f"{ratio:.2f}") for kind, ratio in ratios.items()]
    print(table(["", *KINDS], [["ratio", *ours]]))
    print(f"\n{machine()}")
    if options.plot:
        plot(options.plot, sides, figures)


if __name__ == "__main__":
    main()
