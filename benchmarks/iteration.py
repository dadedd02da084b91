"""Seconds per iteration, against the bare pair of transforms and a line-by-line NumPy transliteration of the MATLAB original.

`matlab`: a run of more iterations minus a run of fewer, over the difference, so that setting up does not count; float32, without records
and with them (the cost of every iteration).

* pair: scipy.fft.rfft2 and irfft2 of a planar picture of the same shape and type, in place, with one thread or as many as ours has,
  whichever is faster.
* NumPy f64: the original line by line: complex fft2 (scipy.fft, as many threads: MATLAB's are threaded as well), five transforms an
  iteration, every temporary and repmat, cost and RMSE, in float64, which is MATLAB's only type. NumPy f32: the same in float32.

`optimal`: split Bregman, the median over single iterations, those without a certificate and those with one, against scipy.fft.dctn and
idctn; and gradient projection, which runs at small λ, without transforms.

Threads: one against all, of each, and of the bare pair.

Everything in a line of a table was measured interleaved, A B C A B C …; figures are medians.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterator

import numpy as np
from scipy import fft

from benchmarks.common import Array, cores, interleaved, machine, mark, noisy_picture, seconds, split_bregman_only, table
from denoise_cli import denoise

WEIGHT = {"l2": 0.1, "l1": 1.0}


def original(observed: Array, weight: float, label: int, clean: Array, workers: int) -> Iterator[float]:
    """The MATLAB original, statement by statement, in the type of `observed`; yields the cost after every iteration."""
    height, width, channels = observed.shape

    def fft2(values: Array) -> Array:
        return fft.fft2(values, axes=(0, 1), workers=workers)

    def repmat(values: Array) -> Array:
        return np.tile(values[:, :, None], (1, 1, channels)) if channels != 1 else values[:, :, None]

    def total(magnitude: Array) -> Array:
        return repmat(magnitude.sum(axis=2)) if channels != 1 else magnitude

    kernel_x, kernel_y = np.zeros((height, width), observed.dtype), np.zeros((height, width), observed.dtype)
    kernel_x[0, [0, -1]] = kernel_y[[0, -1], 0] = 1, -1
    denom_tmp = repmat(np.abs(fft.fft2(kernel_x)) ** 2 + np.abs(fft.fft2(kernel_y)) ** 2)
    difference, aux_difference = np.zeros_like(observed), np.zeros_like(observed)
    grad_x, grad_y, aux_x, aux_y = (np.zeros_like(observed) for _ in range(4))
    alpha, beta = 500, 50
    with np.errstate(invalid="ignore"):
        while True:
            grad_x_tmp = grad_x + aux_x / alpha
            grad_y_tmp = grad_y + aux_y / alpha
            numer_alpha = fft2(difference + aux_difference / beta) + fft2(observed)
            numer_beta = np.concatenate([grad_x_tmp[:, -1:] - grad_x_tmp[:, :1], -np.diff(grad_x_tmp, axis=1)], axis=1)
            numer_beta = numer_beta + np.concatenate([grad_y_tmp[-1:] - grad_y_tmp[:1], -np.diff(grad_y_tmp, axis=0)], axis=0)
            denomin = 1 + alpha / beta * denom_tmp
            numer = numer_alpha + alpha / beta * fft2(numer_beta)
            result = np.real(fft.ifft2(numer / denomin, axes=(0, 1), workers=workers))
            result_x = np.concatenate([np.diff(result, axis=1), result[:, :1] - result[:, -1:]], axis=1)
            result_y = np.concatenate([np.diff(result, axis=0), result[:1] - result[-1:]], axis=0)
            grad_x = result_x - aux_x / alpha
            grad_y = result_y - aux_y / alpha
            magnitude_x, magnitude_y = total(np.abs(grad_x)), total(np.abs(grad_y))
            grad_x = np.maximum(magnitude_x - weight / alpha, 0) * (grad_x / magnitude_x)
            grad_y = np.maximum(magnitude_y - weight / alpha, 0) * (grad_y / magnitude_y)
            grad_x[magnitude_x == 0] = 0
            grad_y[magnitude_y == 0] = 0
            difference = result - observed - aux_difference / beta
            magnitude = total(np.abs(difference))
            if label == 1:  # noqa: SIM108 - the original's lines
                difference = np.maximum(magnitude - 1 / beta, 0) * (difference / magnitude)
            else:
                difference = (beta / (2 + beta)) * difference
            difference[magnitude == 0] = 0
            aux_difference = aux_difference + beta * (difference - (result - observed))
            aux_x = aux_x + alpha * (grad_x - result_x)
            aux_y = aux_y + alpha * (grad_y - result_y)
            result_x = np.concatenate([np.diff(result, axis=1), result[:, :1] - result[:, -1:]], axis=1)
            result_y = np.concatenate([np.diff(result, axis=0), result[:1] - result[-1:]], axis=0)
            residual = np.abs(result - observed)
            fidelity = residual.sum() if label == 1 else (residual**2).sum()
            _rmse = np.sqrt(((result - clean) ** 2).sum()) / np.sqrt(result.size)
            yield float(fidelity + weight * (np.abs(result_x) + np.abs(result_y)).sum())


def check_original(workers: int) -> None:
    """What is raced against must be the original: its costs are those of `method="matlab"`."""
    picture = noisy_picture(32, "l2", 3)
    for label, fidelity in ((1, "l1"), (0, "l2")):
        costs = original(picture, WEIGHT[fidelity], label, picture, workers)
        for record in denoise(picture, WEIGHT[fidelity], fidelity=fidelity, iterations=5, records=True).records:
            assert abs(next(costs) / record.cost - 1) < 1e-9, "the transliteration is not the original"


def planar(picture: Array) -> Array:
    return np.ascontiguousarray(np.moveaxis(np.atleast_3d(picture), -1, 0))


def fourier_pair(values: Array, workers: int) -> Array:
    spectrum = fft.rfft2(values, workers=workers, overwrite_x=True)
    return fft.irfft2(spectrum, s=values.shape[1:], workers=workers, overwrite_x=True)


def cosine_pair(values: Array, workers: int) -> Array:
    spectrum = fft.dctn(values, axes=(1, 2), workers=workers, overwrite_x=True)
    return fft.idctn(spectrum, axes=(1, 2), workers=workers, overwrite_x=True)


def pairs_a_second_long(pair, picture: Array, workers: int):
    """A timer of `pair`, over about a tenth of a second."""
    values = planar(picture)
    pair(values, workers)
    count = max(2, min(40, int(0.1 / seconds(lambda: pair(values.copy(), workers)))))

    def timer() -> float:
        nonlocal values
        start = time.perf_counter()
        for _ in range(count):
            values = pair(values, workers)
        return (time.perf_counter() - start) / count

    return timer


def pairs(pair, picture: Array, workers: int):
    return {"pair": pairs_a_second_long(pair, picture, workers), "pair 1": pairs_a_second_long(pair, picture, 1)}


def matlab_line(size: int, channels: int, fidelity: str, rounds: int, workers: int) -> list[str]:
    exact = noisy_picture(size, fidelity, channels)
    picture = exact.astype(np.float32)
    weight = WEIGHT[fidelity]

    def run(iterations: int, records: bool) -> float:
        return seconds(lambda: denoise(picture, weight, fidelity=fidelity, iterations=iterations, records=records, workers=workers))

    few = 5 if size < 2048 else 2
    run(few, False)
    once = run(few, False) / few
    more = max(8, min(50, int(0.25 / once)))

    def ours(records: bool) -> float:
        run(1, records)  # whatever ran before has left the memory in its own state
        return (run(few + more, records) - run(few, records)) / more

    label = 1 if fidelity == "l1" else 0
    timers = {
        "ours": lambda: ours(False),
        **pairs(fourier_pair, picture, workers),
        "records": lambda: ours(True),
    }
    for dtype in (np.float64, np.float32):
        iterations = original(np.atleast_3d(exact).astype(dtype), weight, label, np.atleast_3d(exact).astype(dtype), workers)
        next(iterations)
        timers[np.dtype(dtype).name] = lambda iterations=iterations: seconds(lambda: next(iterations))
    t = interleaved(timers, rounds)
    t["pair"] = min(t["pair"], t["pair 1"])
    return [
        f"{size}² {'RGB' if channels == 3 else 'grey'} {fidelity.upper()}",
        f"{1e3 * t['ours']:.2f}",
        f"{1e3 * t['pair']:.2f}",
        mark(t["ours"] / t["pair"], 1.35, f"{t['ours'] / t['pair']:.2f}"),
        f"{1e3 * t['records']:.2f}",
        f"{t['records'] / t['pair']:.2f}",
        f"{1e3 * t['float64']:.0f}",
        f"{t['float64'] / t['ours']:.1f} ({t['float64'] / t['records']:.1f})",
        f"{t['float32'] / t['ours']:.1f} ({t['float32'] / t['records']:.1f})",
    ]


def optimal_line(size: int, channels: int, fidelity: str, rounds: int, workers: int) -> list[str]:
    picture = noisy_picture(size, fidelity, channels).astype(np.float32)
    certified: list[float] = []
    iterations = 24 if size < 2048 else 13

    def run() -> float:
        last = time.perf_counter()
        here: list[float] = []

        def callback(state) -> None:
            nonlocal last
            now = time.perf_counter()
            if state.iteration > 2:
                (here if state.certificate is None else certified).append(now - last)
            last = now

        with split_bregman_only():
            denoise(
                picture, 2 * WEIGHT[fidelity], fidelity=fidelity, method="optimal", gap=2e-6 if fidelity == "l2" else 1e-4,
                iterations=iterations, workers=workers, callback=callback,
            )  # fmt: skip
        return statistics.median(here)

    run()
    certified.clear()
    timers = {"ours": run, **pairs(cosine_pair, picture, workers)}
    if fidelity == "l2":
        timers["projection"] = lambda: projection_iteration(picture, workers)
    t = interleaved(timers, rounds)
    t["pair"] = min(t["pair"], t["pair 1"])
    with_certificate = statistics.median(certified)
    return [
        f"{size}² {'RGB' if channels == 3 else 'grey'} {fidelity.upper()}",
        f"{1e3 * t['ours']:.2f}",
        f"{1e3 * t['pair']:.2f}",
        mark(t["ours"] / t["pair"], 1.5, f"{t['ours'] / t['pair']:.2f}"),
        f"{1e3 * with_certificate:.2f}",
        f"{1e3 * t['projection']:.2f}" if fidelity == "l2" else "",
    ]


def projection_iteration(picture: Array, workers: int) -> float:
    def run(iterations: int) -> float:
        return seconds(lambda: denoise(picture, 0.2, method="optimal", iterations=iterations, gap=2e-6, workers=workers))

    return max(run(48) - run(16), 1e-9) / 32


def threads_line(size: int, rounds: int, workers: int) -> list[str]:
    picture = noisy_picture(size, "l2").astype(np.float32)
    more = max(10, 40 * 2**20 // size**2)

    def matlab(threads: int) -> float:
        def run(iterations: int) -> float:
            return seconds(lambda: denoise(picture, 0.1, iterations=iterations, workers=threads))

        return run(3 + more) - run(3)

    def bregman(threads: int) -> float:
        with split_bregman_only():
            taken = [
                seconds(lambda n=n: denoise(picture, 0.2, method="optimal", iterations=n, gap=2e-6, workers=threads)) for n in (3, 3 + more)
            ]
        return taken[1] - taken[0]

    timers = {}
    for threads in (1, workers):
        timers[f"pair {threads}"] = pairs_a_second_long(fourier_pair, picture, threads)
        timers[f"matlab {threads}"] = lambda threads=threads: matlab(threads)
        timers[f"bregman {threads}"] = lambda threads=threads: bregman(threads)
        timers[f"projection {threads}"] = lambda threads=threads: projection_iteration(picture, threads)
    t = interleaved(timers, rounds)
    ratios = {name: t[f"{name} 1"] / t[f"{name} {workers}"] for name in ("pair", "matlab", "bregman", "projection")}
    return [f"{size}²", f"{ratios['pair']:.2f}", *(mark(-ratios[n], -1.7, f"{ratios[n]:.2f}") for n in ("matlab", "bregman", "projection"))]


def main() -> None:
    parser = argparse.ArgumentParser(prog=sys.argv[0], description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="512,1024,2048", help="sides of the pictures (default %(default)s)")
    parser.add_argument(
        "--rounds", type=int, default=5, help="repetitions that medians are taken of (default %(default)s; 3 of large pictures)"
    )
    parser.add_argument("--workers", type=int, default=cores(), help="threads (default: all cores)")
    parser.add_argument("--method", choices=("matlab", "optimal", "both"), default="both")
    options = parser.parse_args()
    check_original(options.workers)
    cases = [
        (int(size), channels, fidelity, min(options.rounds, 3) if int(size) ** 2 * channels > 3e6 else options.rounds)
        for size in options.sizes.split(",") for channels in (1, 3) for fidelity in ("l2", "l1")
    ]  # fmt: skip
    if options.method != "optimal":
        header = [
            "`matlab`, float32", "ms/iteration", "pair, ms", "pairs/iteration", "with records, ms", "pairs", "NumPy f64, ms",
            "NumPy f64 / ours (with records)", "NumPy f32 / ours (with records)",
        ]  # fmt: skip
        print(table(header, (matlab_line(*case, options.workers) for case in cases)), flush=True)
        print(flush=True)
    if options.method != "matlab":
        header = [
            "`optimal`, float32",
            "ms/iteration",
            "DCT pair, ms",
            "pairs/iteration",
            "with certificate, ms",
            "gradient projection, ms",
        ]
        print(table(header, (optimal_line(*case, options.workers) for case in cases)), flush=True)
        print()
        header = [f"one thread ÷ {options.workers}", "FFT pair", "matlab", "split Bregman", "gradient projection"]
        print(table(header, (threads_line(size, 7, options.workers) for size in (1024, 2048))))
    print(f"\n{options.workers} threads. {machine()}.")


if __name__ == "__main__":
    main()
