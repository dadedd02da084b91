"""How far the seconds and the memory that `denoise info` predicts are from those of the run: the table of docs/guides/folders.md.

A grey photograph with noise of σ 25/255, tiled where it has to be large, as a PNG; each method in a process of its own, after a
prediction that was made right before it. A factor of 1 is a prediction that came true; 2 is twice too much, 0.5 is half of it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.common import clean_picture, cores, environment, machine, table
from benchmarks.end_to_end import PROGRAM, process

WORDS = {"matlab": ["--lambda", "0.1"], "optimal": ["--method", "optimal"], "learned": ["--method", "learned"]}


def predicted(folder: Path) -> dict[str, dict[str, float]]:
    """What `denoise info` says about each method: seconds, memory in bytes, iterations."""
    told = subprocess.run(
        [*PROGRAM, "info", "picture.png", "--json"], cwd=folder, check=True, capture_output=True, text=True, env=environment()
    )
    return dict(json.loads(told.stdout)["methods"])


def measured(folder: Path, method: str) -> tuple[float, float]:
    """Seconds of the closing line, and peak memory in bytes."""
    words = [*PROGRAM, "picture.png", "-o", "out.png", "--overwrite", *WORDS[method]]
    told = subprocess.run([*words, "--json"], cwd=folder, check=True, capture_output=True, text=True, env=environment())
    return json.loads(told.stdout.splitlines()[0])["seconds"], process([*words, "-q"], folder)[1]


def main() -> None:
    parser = argparse.ArgumentParser(prog=sys.argv[0], description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="256,1024,2048", help="sides of the pictures (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="the worst of so many is told (default %(default)s)")
    options = parser.parse_args()
    rows: list[list[object]] = []
    for size in (int(word) for word in options.sizes.split(",")):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            noisy = clean_picture(size) + np.random.default_rng(0).normal(0, 25 / 255, (size, size))
            Image.fromarray(np.rint(noisy.clip(0, 1) * 255).astype(np.uint8)).save(folder / "picture.png")
            factors: dict[str, list[tuple[float, float]]] = {method: [] for method in WORDS}
            for _ in range(options.rounds):
                told = predicted(folder)
                for method, found in factors.items():
                    seconds, memory = measured(folder, method)
                    found.append((told[method]["seconds"] / seconds, told[method]["memory"] / memory))
        for method, found in factors.items():
            ranges = [f"{min(values):.2f} … {max(values):.2f}" for values in zip(*found, strict=True)]
            rows.append([f"{size}²", f"`{method}`", *ranges])
    print("What `denoise info` predicts, in multiples of what the run then takes.\n")
    print(table(["picture", "method", "seconds", "memory"], rows))
    print(f"\n{options.rounds} rounds, {cores()} threads. {machine()}.")


if __name__ == "__main__":
    main()
