"""Least squares in closed form, and how well a linear model fits: gradients, standard errors, R²."""

import numpy as np
from numpy.typing import ArrayLike

from denoise_cli.extras.arrays import Array, finite, loud

__all__ = ["lstsq", "mse_gradients", "predict", "r_squared", "standard_errors"]


@loud
def mse_gradients(x: ArrayLike, y: ArrayLike, weight: ArrayLike, bias: float) -> tuple[float, Array, float]:
    """Mean squared error of a linear model, and its gradient, over M samples of D features:

        r = x·weight + bias − y      loss = Σ r² / M      grad_weight = 2/M · xᵀr      grad_bias = 2/M · Σ r

    x: (M, D). y: (M,). weight: (D,). bias: a number. Returns loss, grad_weight (D,), grad_bias.
    The 2 comes from the square, the 1/M from the mean: nothing more is to be averaged. Code without the 2 descends the same
    way at half the learning rate.

    Raises ValueError: shapes that do not match (an (M, 1) y would broadcast to M × M errors), NaN or infinity, overflow.
    """
    x, y = checked_samples(x, y)
    weight, bias = checked_parameters(x, weight, bias)
    residual = product(x, weight) + x.dtype.type(bias) - y
    scaled = residual * x.dtype.type(2 / len(y))
    return float(np.square(residual).mean()), product(x.T, scaled), float(scaled.sum())


@loud
def predict(x: ArrayLike, weight: ArrayLike, bias: float) -> Array:
    """x·weight + bias.  x: (M, D), weight: (D,), bias a number; returns (M,). Raises ValueError for shapes that do not match."""
    x = checked_table(x)
    weight, bias = checked_parameters(x, weight, bias)
    prediction: Array = product(x, weight) + x.dtype.type(bias)
    return prediction


@loud
def lstsq(x: ArrayLike, y: ArrayLike) -> tuple[Array, float]:
    """The weight and bias that minimise the mean squared error, in closed form: where gradient descent ends up.

    x: (M, D). y: (M,). Returns weight (D,) and bias. The columns are centred and scaled first, so that units do not decide
    which directions count as rounding noise. Linearly dependent columns share the weight (the smallest standardised
    weight); a constant column gets 0. `standard_errors` refuses those.
    """
    x, y = checked_samples(x, y)
    z, center, spread = standardized(x)
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
    x, y = checked_samples(x, y)
    weight, bias = checked_parameters(x, weight, bias)
    rows, features = x.shape
    if rows <= features + 1:
        raise ValueError(f"{rows} rows leave no residual freedom for {features + 1} coefficients: no standard errors")
    z, center, spread = standardized(x)
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


def product(a: Array, b: Array) -> Array:
    """a @ b. Raises FloatingPointError where it overflows."""
    # BLAS libraries raise no floating-point flags on overflow, and some raise them for nothing.
    with np.errstate(all="ignore"):
        result: Array = a @ b
    if not np.isfinite(result).all():
        raise FloatingPointError
    return result


def center_and_spread(x: Array) -> tuple[Array, Array]:
    """Column means and standard deviations; a constant column has itself for a mean, exactly, and spread 1."""
    center = x[0] + (x - x[0]).mean(0)
    spread = np.sqrt(np.square(x - center).mean(0))
    return center, np.where(spread == 0, 1, spread).astype(x.dtype)


def standardized(x: Array) -> tuple[Array, Array, Array]:
    """The columns with mean 0 and variance 1, their means, and their standard deviations."""
    center, spread = center_and_spread(x)
    return (x - center) / spread, center, spread


def checked_samples(x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    x = checked_table(x)
    y = finite("y", y, x.dtype)
    if y.shape != x.shape[:1]:
        raise ValueError(f"y has shape {y.shape}, x has shape {x.shape}: give {len(x)} targets, one per row of x")
    return x, y


def checked_table(x: ArrayLike) -> Array:
    x = finite("x", x)
    if x.ndim != 2:
        raise ValueError(f"x has shape {x.shape}; give (samples, features), x[:, None] for one feature")
    return x


def checked_parameters(x: Array, weight: ArrayLike, bias: float) -> tuple[Array, float]:
    weight = finite("weight", weight, x.dtype)
    if weight.shape != x.shape[1:]:
        raise ValueError(f"weight has shape {weight.shape}, x has shape {x.shape}: give {x.shape[1]} weights, one per column")
    offset = finite("bias", bias, np.float64)
    if offset.size != 1:
        raise ValueError(f"bias has shape {offset.shape}; give one number")
    return weight, float(offset.reshape(()))
