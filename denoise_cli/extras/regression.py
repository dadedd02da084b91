"""Linear regression by gradient descent on the mean squared error, step by step; the learning rates at which it is stable."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import floor, log10

import numpy as np
from numpy.typing import ArrayLike

from denoise_cli.extras.arrays import Array, loud
from denoise_cli.extras.least_squares import (
    center_and_spread,
    checked_parameters,
    checked_samples,
    checked_table,
    mse_gradients,
    product,
    standardized,
)

__all__ = ["DescentStep", "DivergenceError", "largest_stable_learning_rate", "linear_regression"]


class DivergenceError(ValueError):
    """Gradient descent runs away with this learning rate; the message gives the largest stable one."""


@dataclass(frozen=True)
class DescentStep:
    """One step of gradient descent.

    step counts from 1. loss and grad_norm (Euclidean, over weight and bias together) are those of the step's batch *before*
    it moves; weight (D,) and bias are the parameters *after* it, in the units of the data.
    """

    step: int
    loss: float
    grad_norm: float
    weight: Array
    bias: float


@loud
def largest_stable_learning_rate(x: ArrayLike, *, standardize: bool = False, every_batch: bool = False) -> float:
    """2/L, the learning rate above which full-batch gradient descent on `mse_gradients` diverges.

    L is the largest eigenvalue of the Hessian 2/M · AᵀA, A = [x, 1]. Below 2/L every step lowers the loss; 1/L is a good
    choice. x: (M, D). standardize: for the columns as `linear_regression(standardize=True)` sees them.
    every_batch: the smaller 1/max‖(xᵢ, 1)‖², at or below which no choice of mini-batches can diverge.
    Nesterov 2004, "Introductory Lectures on Convex Optimization", section 2.1.
    """
    x = checked_table(x).astype(np.float64)
    if standardize:
        center, spread = center_and_spread(x)
        x = (x - center) / spread
    design = np.column_stack([x, np.ones(len(x))])
    largest = np.abs(design).max()
    design /= largest
    if every_batch:
        return float(1 / np.square(design).sum(1).max() / largest / largest)
    gram = product(design.T, design) if design.shape[0] >= design.shape[1] else product(design, design.T)
    return float(len(x) / np.linalg.eigvalsh(gram)[-1] / largest / largest)


def linear_regression(
    x: ArrayLike,
    y: ArrayLike,
    *,
    learning_rate: float,
    steps: int,
    batch_size: int | None = None,
    seed: int | None = None,
    standardize: bool = False,
    weight: ArrayLike | None = None,
    bias: float = 0.0,
) -> Iterator[DescentStep]:
    """Plain gradient descent on the mean squared error, one `DescentStep` yielded a step:

        weight ← weight − learning_rate · grad_weight      bias ← bias − learning_rate · grad_bias

    x: (M, D). y: (M,). It starts from `weight` (zeros unless given) and `bias`.
    batch_size: None takes all rows each step; a number walks through the rows in an order shuffled by `seed` each epoch,
    the last batch of an epoch holding what is left.
    standardize: descend on (x − mean)/std, where the steps are well conditioned whatever the units; weight and bias are
    given and yielded in the units of x all the same. A constant column keeps its weight.

    Raises ValueError for bad shapes or numbers, DivergenceError for a learning rate above 2/L (see
    `largest_stable_learning_rate`) before the first step, and later where small batches diverge below it: there the bound
    is 1/max‖(xᵢ, 1)‖², at or below which no batch can.
    """
    x, y = checked_samples(x, y)
    weight, bias = checked_parameters(x, np.zeros(x.shape[1]) if weight is None else weight, bias)
    if steps < 1:
        raise ValueError(f"steps is {steps}; it must be 1 or more")
    if not (np.isfinite(learning_rate) and learning_rate > 0):
        raise ValueError(f"learning_rate is {learning_rate}; it must be a finite number above 0")
    if batch_size is not None and not 1 <= batch_size <= len(x):
        raise ValueError(f"batch_size is {batch_size}, x has {len(x)} rows: use 1 to {len(x)}")
    limit = largest_stable_learning_rate(x, standardize=standardize)
    if learning_rate > limit:
        hint = "" if standardize else ", or standardize the columns"
        raise DivergenceError(
            f"learning rate {learning_rate:g} is above 2/L, where gradient descent diverges on these data; "
            f"use at most {_round_down(limit)}, the largest stable value{hint}"
        )
    # No stable descent raises the loss a million times, rounding included; one batch may hold all of it.
    start_loss, _, _ = mse_gradients(x, y, weight, bias)
    rounding = float(np.finfo(x.dtype).eps) * float(np.square(y, dtype=np.float64).mean())
    runaway = 1e6 * (start_loss + rounding) * (len(x) / (batch_size or len(x)))
    return _descend(x, y, weight, bias, learning_rate, steps, batch_size, seed, standardize, runaway)


def _descend(
    x: Array,
    y: Array,
    weight: Array,
    bias: float,
    learning_rate: float,
    steps: int,
    batch_size: int | None,
    seed: int | None,
    standardize: bool,
    runaway: float,
) -> Iterator[DescentStep]:
    center, spread = np.zeros(x.shape[1], x.dtype), np.ones(x.shape[1], x.dtype)
    if standardize:
        x, center, spread = standardized(x)
        weight, bias = weight * spread, float(bias + center @ weight)

    batches = _batches(len(x), batch_size, seed)
    for step in range(1, steps + 1):
        rows = next(batches)
        try:
            loss, grad_weight, grad_bias = mse_gradients(x[rows], y[rows], weight, bias)
        except ValueError:
            loss = np.inf
        if loss > runaway:
            safe = largest_stable_learning_rate(x, every_batch=True)
            raise DivergenceError(
                f"learning rate {learning_rate:g} diverges at step {step} with batches of {batch_size}; "
                f"use at most {_round_down(safe)}, the largest value stable for every batch"
            )
        grad_norm = float(np.hypot(np.linalg.norm(grad_weight), grad_bias))
        weight = weight - x.dtype.type(learning_rate) * grad_weight
        bias = bias - learning_rate * grad_bias
        original = weight / spread
        yield DescentStep(step, loss, grad_norm, original, float(bias - center @ original))


def _batches(rows: int, batch_size: int | None, seed: int | None) -> Iterator[slice | np.ndarray[tuple[int], np.dtype[np.intp]]]:
    if batch_size is None:
        while True:
            yield slice(None)
    generator = np.random.default_rng(seed)
    while True:
        order = generator.permutation(rows)
        for start in range(0, rows, batch_size):
            yield order[start : start + batch_size]


def _round_down(value: float) -> str:
    """Four significant digits, never above `value`: what a message offers must be usable as it stands."""
    if value <= 0:
        return "0"
    unit = 10.0 ** (floor(log10(value)) - 3)
    return f"{floor(value / unit) * unit:.4g}"
