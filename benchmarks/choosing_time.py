"""How long everything takes that `optimal` looks at before it solves, and the solve at the gap that is usual, in milliseconds.

SIDES                 of made pictures with white noise, grey and in colour, such as 512,1024
--photographs FILE    noisy ones, in colour and in grey

The parts are medians of eleven, in turn, on all cores. The ratio of choosing to the solve is told three times: so; as CPU time of one
thread, the least of eleven each, which other work on the machine hardly changes; and that without the run of the network, which sees
photographs of cameras and pictures without noise.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.common import Array, interleaved, machine, noisy_picture, seconds, table
from denoise_cli.choice.choose import choose
from denoise_cli.measure.scale import Scale
from denoise_cli.methods.learned.seen_again import seen_again
from denoise_cli.methods.method import Subject
from denoise_cli.noise.estimate import estimate
from denoise_cli.noise.impulse_detection import find_impulses
from denoise_cli.pipeline.plan import make_plan
from denoise_cli.settings import Settings

ROUNDS = 11
OPTIMAL = Settings(method="optimal")
COLUMNS = ("noise", "impulses", "network", "λ", "all", "solve")


def measured(name: str, stored: Array) -> list[str]:
    """A row of the table."""
    scale = Scale.of(stored)
    found, plan, pixels = estimate(stored, scale), make_plan(Subject(stored, scale), OPTIMAL), Subject(stored, scale).pixels
    parts: tuple[Callable[[], object], ...] = (
        lambda: estimate(stored, scale),
        lambda: find_impulses(pixels, scale),
        lambda: seen_again(Subject(stored, scale), found, workers=None),
        lambda: choose(stored, scale=scale, noise=plan.noise, opponent=True),
        lambda: make_plan(Subject(stored, Scale.of(stored)), OPTIMAL),
        lambda: plan.method.run(Subject(stored, scale), plan),
    )
    took = interleaved({part: lambda work=work: seconds(work) for part, work in zip(COLUMNS, parts, strict=True)}, ROUNDS)
    alone = replace(OPTIMAL, workers=1)
    single = make_plan(Subject(stored, scale), alone)
    chosen = cpu_seconds(lambda: make_plan(Subject(stored, Scale.of(stored)), alone))
    network = cpu_seconds(lambda: seen_again(Subject(stored, scale), found, workers=1))
    solved = cpu_seconds(lambda: single.method.run(Subject(stored, scale), single))
    ratios = (took["all"] / took["solve"], chosen / solved, (chosen - network) / solved)
    return [name, *(f"{1e3 * took[part]:.1f}" for part in COLUMNS), *(f"{ratio:.2f}" for ratio in ratios)]


def cpu_seconds(work: Callable[[], object]) -> float:
    """The least of all rounds."""
    least = float("inf")
    for _ in range(ROUNDS):
        start = time.thread_time()
        work()
        least = min(least, time.thread_time() - start)
    return least


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sides", nargs="?", default="512,1024", help="of made pictures")
    parser.add_argument("--photographs", nargs="*", type=Path, default=[], metavar="FILE", help="8 bit, in colour")
    options = parser.parse_args()
    rows = []
    for size in map(int, options.sides.split(",")):
        for channels in (1, 3):
            picture = np.rint(np.clip(noisy_picture(size, "l2", channels, "centre"), 0, 1) * 255).astype(np.uint8)
            rows.append(measured(f"{size}²{', colour' if channels == 3 else ''}", picture))
    for path in options.photographs:
        with Image.open(path) as photograph:
            for mode in ("RGB", "L"):
                rows.append(measured(f"{path.stem}{', grey' if mode == 'L' else ''}", np.asarray(photograph.convert(mode))))
    print(f"{table(['ms', *COLUMNS, 'choosing ÷ solving', 'one thread', 'without the network'], rows)}\n\n{machine()}")


if __name__ == "__main__":
    main()
