"""Batch norm, forward and backward: ours against the source page as written and the leanest NumPy, in seconds and memory.

python -m benchmarks.extras_batch_norm [--rows 1000000] [--columns 64] [--repeats 5] [--dtype float64]
"""

import argparse
import time
import tracemalloc
from collections.abc import Callable

import numpy as np

from denoise_cli.extras import batch_norm_backward, batch_norm_forward

EPS = 1e-5
Arrays = tuple[np.ndarray, ...]


def as_written(x: np.ndarray, grad_y: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> Arrays:
    """The source page, with the biased variance that its backward belongs to."""
    mean, variance = x.mean(0), x.var(0)
    x_hat = (x - mean) / np.sqrt(variance + EPS)
    y = x_hat * weight + bias

    n = len(x)
    grad_bias = grad_y.sum(0)
    grad_weight = (grad_y * x_hat).sum(0)
    grad_x_hat = grad_y * weight
    grad_x = (n * grad_x_hat - grad_x_hat.sum(0) - (grad_x_hat * x_hat).sum(0) * x_hat) / (n * np.sqrt(variance + EPS))
    return y, grad_x, grad_weight, grad_bias


def leanest(x: np.ndarray, grad_y: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> Arrays:
    """Whole arrays in place, no temporaries of their size, products summed by einsum, no check of anything."""
    n = len(x)
    x_hat = x - x.mean(0)
    variance = np.einsum("nc,nc->c", x_hat, x_hat) / n
    inverse_std = 1 / np.sqrt(variance + EPS)
    x_hat *= inverse_std
    y = x_hat * weight
    y += bias

    grad_bias = grad_y.sum(0)
    grad_weight = np.einsum("nc,nc->c", grad_y, x_hat)
    grad_x = x_hat * (-grad_weight / n)
    grad_x += grad_y
    grad_x -= grad_bias / n
    grad_x *= weight * inverse_std
    return y, grad_x, grad_weight, grad_bias


def ours(x: np.ndarray, grad_y: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> Arrays:
    y, x_hat, variance = batch_norm_forward(x, weight, bias, EPS)
    return y, *batch_norm_backward(grad_y, x_hat, variance, EPS, weight)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--dtype", choices=["float64", "float32"], default="float64")
    options = parser.parse_args()

    rng = np.random.default_rng(0)
    x, grad_y = (rng.standard_normal((options.rows, options.columns)).astype(options.dtype) for _ in range(2))
    weight, bias = (rng.standard_normal(options.columns).astype(options.dtype) for _ in range(2))
    given = (x, grad_y, weight, bias)
    candidates: dict[str, Callable[..., Arrays]] = {"source page": as_written, "leanest NumPy": leanest, "denoise extras": ours}

    # In turns, and the best of each: on a shared machine the slow runs measure the neighbours.
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(options.repeats):
        for name, candidate in candidates.items():
            start = time.perf_counter()
            candidate(*given)
            seconds[name].append(time.perf_counter() - start)

    reference = leanest(*(array.astype(np.float64) for array in given))
    lean = min(seconds["leanest NumPy"])
    what = f"{options.rows} x {options.columns} {options.dtype}, forward + backward, NumPy {np.__version__}"
    print(f"{what}: best (median) of {options.repeats}")
    print("| | seconds | × leanest | peak memory, × input | distance from float64 |")
    print("|---|---|---|---|---|")
    for name, candidate in candidates.items():
        tracemalloc.start()
        results = candidate(*given)
        peak = tracemalloc.get_traced_memory()[1] / x.nbytes
        tracemalloc.stop()
        apart = max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in zip(results, reference, strict=True))
        del results
        best, median = min(seconds[name]), float(np.median(seconds[name]))
        print(f"| {name} | {best:.2f} ({median:.2f}) | {best / lean:.2f} | {peak:.2f} | {apart:.1e} |")


if __name__ == "__main__":
    main()
