"""The solve of (I + penalty·DᵀD)u = rhs against bare pairs of two-dimensional transforms: scipy.fft, and others where they are installed.

Milliseconds, float32, each with one thread or with all, whichever is faster; medians, interleaved. Ours is the whole solve: rows forward,
the recursions down and up the columns, rows back. The pairs have no division between them. pyFFTW plans with FFTW_MEASURE; mkl_fft has no
cosine transform.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

import numpy as np
from scipy import fft

from benchmarks.common import Array, cores, interleaved, machine, seconds, table
from denoise_cli.kernels import binding as kernels
from denoise_cli.kernels import transforms
from denoise_cli.variational.strips import Strips

Pair = Callable[[Array], object]
PENALTY = 10.0


def scipy_pairs(shape: tuple[int, int], workers: int) -> tuple[Pair, Pair]:
    return (
        lambda x: fft.irfft2(fft.rfft2(x, workers=workers), s=shape, workers=workers),
        lambda x: fft.idctn(fft.dctn(x, workers=workers), workers=workers),
    )


def pyfftw_pairs(shape: tuple[int, int], workers: int) -> tuple[Pair, Pair]:
    import pyfftw

    def plan(source: Array, target: Array, direction: str | tuple[str, str]):
        return pyfftw.FFTW(source, target, axes=(0, 1), direction=direction, flags=("FFTW_MEASURE",), threads=workers)

    real, spectrum = pyfftw.empty_aligned(shape, "float32"), pyfftw.empty_aligned((shape[0], shape[1] // 2 + 1), "complex64")
    forward, back = plan(real, spectrum, "FFTW_FORWARD"), plan(spectrum, real, "FFTW_BACKWARD")
    one, two = pyfftw.empty_aligned(shape, "float32"), pyfftw.empty_aligned(shape, "float32")
    there, again = plan(one, two, ("FFTW_REDFT10",) * 2), plan(two, one, ("FFTW_REDFT01",) * 2)
    return lambda _: (forward(), back()), lambda _: (there(), again())


def mkl_pairs(shape: tuple[int, int], workers: int) -> tuple[Pair, None]:
    from mkl_fft.interfaces import scipy_fft

    return lambda x: scipy_fft.irfft2(scipy_fft.rfft2(x, workers=workers), s=shape, workers=workers), None


def ducc_pairs(shape: tuple[int, int], workers: int) -> tuple[Pair, Pair]:
    import ducc0

    def real(x: Array) -> Array:
        spectrum = ducc0.fft.r2c(x, nthreads=workers)
        return ducc0.fft.c2r(spectrum, lastsize=shape[1], forward=False, inorm=2, nthreads=workers)

    return real, lambda x: ducc0.fft.dct(ducc0.fft.dct(x, 2, nthreads=workers), 3, inorm=2, nthreads=workers)


def our_solves(shape: tuple[int, int], workers: int) -> tuple[Pair, Pair]:
    compiled, (height, width) = kernels.compiled, shape
    assert compiled is not None, "the kernels were not built"
    strips = Strips((1, *shape), np.float32, workers)
    parts = [(start, min(start + 128, height)) for start in range(0, height, 128)]
    blocks = [(start, min(start + 128, width)) for start in range(0, width, 128)]

    def solve(periodic: bool) -> Pair:
        tables = transforms.tables(width, not periodic, np.float32)
        eigenvalues = 1 + PENALTY * 4 * np.sin(np.pi * np.arange(width) / (width if periodic else 2 * width)) ** 2

        def run(x: Array) -> None:
            strips.share(parts, lambda part: compiled.rows(1, *shape, *part, x, tables, False, width))
            strips.share(blocks, lambda block: compiled.columns(1, width, height, *block, x, eigenvalues, PENALTY, periodic))
            strips.share(parts, lambda part: compiled.rows(1, *shape, *part, x, tables, True, width))

        return run

    return solve(True), solve(False)


LIBRARIES = {"ours, solve": our_solves, "scipy.fft": scipy_pairs, "ducc0": ducc_pairs, "pyFFTW": pyfftw_pairs, "mkl_fft": mkl_pairs}


def lines(shape: tuple[int, int], rounds: int) -> list[list[str]]:
    x = np.random.default_rng(0).random(shape, np.float32)
    timers: dict[str, Callable[[], float]] = {}
    for name, make in LIBRARIES.items():
        for workers in {1, cores()}:
            try:
                pairs = make(shape, workers)
            except ImportError:
                continue
            for kind, pair in zip(("periodic", "mirrored"), pairs, strict=True):
                if pair is not None:
                    held = x.copy()
                    pair(held)
                    timers[f"{name} {kind} {workers}"] = lambda pair=pair, held=held: seconds(lambda: pair(held))
    t = interleaved(timers, rounds)
    rows = []
    for kind in ("periodic", "mirrored"):
        best = {name: min((v for k, v in t.items() if k.startswith(f"{name} {kind}")), default=None) for name in LIBRARIES}
        cells = ["–" if value is None else f"{1e3 * value:.2f}" for value in best.values()]
        rows.append([f"{shape[0]} × {shape[1]}, {kind}", *cells])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(prog=sys.argv[0], description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="repetitions that medians are taken of (default %(default)s)")
    options = parser.parse_args()
    shapes = [(512, 512), (1024, 1024), (2048, 2048), (1021, 2053)]
    print(table(["ms", *LIBRARIES], (row for shape in shapes for row in lines(shape, options.rounds))))
    print(f"\n{machine()}")


if __name__ == "__main__":
    main()
