"""Linear regression by mean squared error: gradients, gradient descent step by step, and the closed form beside it."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import floor, log10

import numpy as np
from numpy.typing import ArrayLike

from denoise_cli.extras.arrays import Array, finite, loud

__all__ = [
    "DescentStep",
    "DivergenceError",
    "largest_stable_learning_rate",
    "linear_regression",
    "lstsq",
    "mse_gradients",
    "predict",
    "r_squared",
    "standard_errors",
]


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
def mse_gradients(x: ArrayLike, y: ArrayLike, weight: ArrayLike, bias: float) -> tuple[float, Array, float]:
    """Mean squared error of a linear model, and its gradient, over M samples of D features:

        r = x·weight + bias − y      loss = Σ r² / M      grad_weight = 2/M · xᵀr      grad_bias = 2/M · Σ r

    x: (M, D). y: (M,). weight: (D,). bias: a number. Returns loss, grad_weight (D,), grad_bias.
    The 2 comes from the square, the 1/M from the mean: nothing more is to be averaged. Code without the 2 descends the same
    way at half the learning rate.

    Raises ValueError: shapes that do not match (an (M, 1) y would broadcast to M × M errors), NaN or infinity, overflow.
    """
    x, y = _samples(x, y)
    weight, bias = _parameters(x, weight, bias)
    residual = _product(x, weight) + x.dtype.type(bias) - y
    scaled = residual * x.dtype.type(2 / len(y))
    return float(np.square(residual).mean()), _product(x.T, scaled), float(scaled.sum())


@loud
def predict(x: ArrayLike, weight: ArrayLike, bias: float) -> Array:
    """x·weight + bias.  x: (M, D), weight: (D,), bias a number; returns (M,). Raises ValueError for shapes that do not match."""
    x = _table(x)
    weight, bias = _parameters(x, weight, bias)
    prediction: Array = _product(x, weight) + x.dtype.type(bias)
    return prediction


@loud
def largest_stable_learning_rate(x: ArrayLike, *, standardize: bool = False, every_batch: bool = False) -> float:
    """2/L, the learning rate above which full-batch gradient descent on `mse_gradients` diverges.

    L is the largest eigenvalue of the Hessian 2/M · AᵀA, A = [x, 1]. Below 2/L every step lowers the loss; 1/L is a good
    choice. x: (M, D). standardize: for the columns as `linear_regression(standardize=True)` sees them.
    every_batch: the smaller 1/max‖(xᵢ, 1)‖², at or below which no choice of mini-batches can diverge.
    Nesterov 2004, "Introductory Lectures on Convex Optimization", section 2.1.
    """
    x = _table(x).astype(np.float64)
    if standardize:
        center, spread = _center_and_spread(x)
        x = (x - center) / spread
    design = np.column_stack([x, np.ones(len(x))])
    largest = np.abs(design).max()
    design /= largest
    if every_batch:
        return float(1 / np.square(design).sum(1).max() / largest / largest)
    gram = _product(design.T, design) if design.shape[0] >= design.shape[1] else _product(design, design.T)
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
    x, y = _samples(x, y)
    weight, bias = _parameters(x, np.zeros(x.shape[1]) if weight is None else weight, bias)
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


@loud
def lstsq(x: ArrayLike, y: ArrayLike) -> tuple[Array, float]:
    """The weight and bias that minimise the mean squared error, in closed form: where gradient descent ends up.

    x: (M, D). y: (M,). Returns weight (D,) and bias. The columns are centred and scaled first, so that units do not decide
    which directions count as rounding noise. Linearly dependent columns share the weight (the smallest standardised
    weight); a constant column gets 0. `standard_errors` refuses those.
    """
    x, y = _samples(x, y)
    z, center, spread = _standardized(x)
    y_mean = y.mean()
    weight = np.linalg.lstsq(z, y - y_mean, rcond=None)[0] / spread
    return weight, float(y_mean - center @ weight)


@loud
def standard_errors(x: ArrayLike, y: ArrayLike, weight: ArrayLike, bias: float) -> tuple[Array, float]:
    """Standard errors of the coefficients:  sqrt of the diagonal of  s² (AᵀA)⁻¹,  A = [x, 1],  s² = Σ r² / (M − D − 1).

    x: (M, D). y: (M,). weight, bias: the fit, best that of `lstsq`: the formula is for the minimum. Returns (D,) and a number.
    It takes the errors of y to be independent and of one variance.
    Raises ValueError where they do not exist: M ≤ D + 1 (no residual freedom), linearly dependent or constant columns.
    Any text on linear regression, such as Hastie, Tibshirani & Friedman, "The Elements of Statistical Learning", eq. 3.8.
    """
    x, y = _samples(x, y)
    weight, bias = _parameters(x, weight, bias)
    rows, features = x.shape
    if rows <= features + 1:
        raise ValueError(f"{rows} rows leave no residual freedom for {features + 1} coefficients: no standard errors")
    z, center, spread = _standardized(x)
    _, singular, v = np.linalg.svd(z, full_matrices=False)
    if singular[-1] <= singular[0] * max(x.shape) * np.finfo(x.dtype).eps:
        raise ValueError("the columns are linearly dependent (or constant): their coefficients have no standard errors")
    residual = predict(x, weight, bias) - y
    variance = np.square(residual).sum() / (rows - features - 1)
    root = (v / singular[:, None]).T / spread[:, None]  # root·rootᵀ = (covariance of weight) / s²
    bias_variance = variance * (1 / rows + np.square(center @ root).sum())
    return np.sqrt(variance * np.square(root).sum(1)), float(np.sqrt(bias_variance))


@loud
def r_squared(y: ArrayLike, prediction: ArrayLike) -> float:
    """R² = 1 − Σ (y − prediction)² / Σ (y − mean y)²: 1 is perfect, 0 no better than the mean, below 0 worse.

    y, prediction: (M,). Raises ValueError for a constant y, where it is 0/0 or −∞.
    """
    y, prediction = finite("y", y), finite("prediction", prediction)
    if y.shape != prediction.shape or y.ndim != 1:
        raise ValueError(f"y has shape {y.shape}, prediction has shape {prediction.shape}: give one number per row for both")
    if y.max() == y.min():
        raise ValueError("y is constant: R² is undefined")
    return float(1 - np.square(y - prediction).sum() / np.square(y - y.mean()).sum())


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
        x, center, spread = _standardized(x)
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


def _product(a: Array, b: Array) -> Array:
    # BLAS libraries raise no floating-point flags on overflow, and some raise them for nothing.
    with np.errstate(all="ignore"):
        product: Array = a @ b
    if not np.isfinite(product).all():
        raise FloatingPointError
    return product


def _center_and_spread(x: Array) -> tuple[Array, Array]:
    """Column means and standard deviations; a constant column has itself for a mean, exactly, and spread 1."""
    center = x[0] + (x - x[0]).mean(0)
    spread = np.sqrt(np.square(x - center).mean(0))
    return center, np.where(spread == 0, 1, spread).astype(x.dtype)


def _standardized(x: Array) -> tuple[Array, Array, Array]:
    center, spread = _center_and_spread(x)
    return (x - center) / spread, center, spread


def _samples(x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    x = _table(x)
    y = finite("y", y, x.dtype)
    if y.shape != x.shape[:1]:
        raise ValueError(f"y has shape {y.shape}, x has shape {x.shape}: give {len(x)} targets, one per row of x")
    return x, y


def _table(x: ArrayLike) -> Array:
    x = finite("x", x)
    if x.ndim != 2:
        raise ValueError(f"x has shape {x.shape}; give (samples, features), x[:, None] for one feature")
    return x


def _parameters(x: Array, weight: ArrayLike, bias: float) -> tuple[Array, float]:
    weight = finite("weight", weight, x.dtype)
    if weight.shape != x.shape[1:]:
        raise ValueError(f"weight has shape {weight.shape}, x has shape {x.shape}: give {x.shape[1]} weights, one per column")
    offset = finite("bias", bias, np.float64)
    if offset.size != 1:
        raise ValueError(f"bias has shape {offset.shape}; give one number")
    return weight, float(offset.reshape(()))


def _round_down(value: float) -> str:
    """Four significant digits, never above `value`: what a message offers must be usable as it stands."""
    if value <= 0:
        return "0"
    unit = 10.0 ** (floor(log10(value)) - 3)
    return f"{floor(value / unit) * unit:.4g}"
