"""What an iteration of split Bregman is made of: the calls of the compiled passes, timed one by one, with one thread.

Milliseconds an iteration, float32, grey, medians. Rows: the transforms there and back, timed by themselves on the same picture; the pass
from u to the next right-hand side is what is left of the walk in which they are made; then the seams between strips; the rest is Python.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.common import Array, machine, noisy_picture, seconds, table
from denoise_cli import denoise
from denoise_cli.kernels import binding as kernels
from denoise_cli.kernels import projection, transforms


class Timed:
    """The compiled passes with a stopwatch: name, start and end of each call."""

    def __init__(self, passes: Any) -> None:
        self.passes = passes
        self.calls: list[tuple[str, float, float]] = []

    def __getattr__(self, name: str) -> Callable[..., object]:
        def call(*words: object) -> object:
            start = time.perf_counter()
            result = getattr(self.passes, name)(*words)
            self.calls.append((name, start, time.perf_counter()))
            return result

        return call

    def iterations(self) -> list[dict[str, float]]:
        """Seconds of each iteration that began with the columns and did not end with a certificate, by pass, and the "whole"."""
        found: list[dict[str, float]] = []
        before, since = "", 0.0
        for name, start, end in self.calls:
            if name == "columns" and before != "columns":
                if found:
                    found[-1]["whole"] = start - since
                found.append({})
                since = start
            if found:
                found[-1][name] = found[-1].get(name, 0.0) + end - start
            before = name
        return [iteration for iteration in found[:-1] if "bound" not in iteration]


def line(size: int, method: str, fidelity: str, iterations: int) -> list[str]:
    picture = noisy_picture(size, fidelity).astype(np.float32)
    passes, few = kernels.compiled, projection.FEW_ITERATIONS
    options = {"method": method, "fidelity": fidelity, "records": False, "workers": 1} | ({"gap": 1e-4} if method == "optimal" else {})
    projection.FEW_ITERATIONS = 0.0
    kernels.compiled = timed = Timed(passes)
    try:
        denoise(picture, 0.5, iterations=iterations, **options)
    finally:
        kernels.compiled, projection.FEW_ITERATIONS = passes, few
    found = timed.iterations()
    whole, columns, walk, seams = (
        statistics.median(iteration.get(name, 0.0) for iteration in found) for name in ("whole", "columns", "iterate", "rows")
    )
    rows = sum(transform(picture, method, back) for back in (False, True))
    parts = (rows, columns, walk - rows, seams, whole - columns - walk - seams)
    return [f"{size}² `{method}` {fidelity.upper()}", f"{1e3 * whole:.2f}", *(f"{1e3 * part:.2f}" for part in parts)]


def transform(picture: Array, method: str, back: bool) -> float:
    plane = picture.copy()[None]
    tables = transforms.tables(plane.shape[2], method == "optimal", plane.dtype)
    samples = []
    for _ in range(15):
        plane[0] = picture
        samples.append(seconds(lambda: kernels.compiled.rows(*plane.shape, 0, plane.shape[1], plane, tables, back, plane.shape[2])))
    return statistics.median(samples)


def main() -> None:
    parser = argparse.ArgumentParser(prog=sys.argv[0], description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="512,1024,2048", help="sides of the pictures (default %(default)s)")
    options = parser.parse_args()
    if kernels.compiled is None:
        parser.error("the compiled passes were not built")
    cases = [(int(size), *case) for size in options.sizes.split(",") for case in (("matlab", "l2"), ("optimal", "l1"))]
    header = ["ms an iteration, one thread", "all", "rows", "columns", "the pass", "seams", "Python"]
    print(table(header, (line(*case, 40) for case in cases)))
    print(f"\n{machine()}")


if __name__ == "__main__":
    main()
