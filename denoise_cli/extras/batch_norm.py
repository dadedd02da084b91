"""Batch normalisation and its exact derivative, for the biased and for the unbiased variance."""

from collections.abc import Iterator
from math import prod

import numpy as np
from numpy.typing import ArrayLike

from denoise_cli.extras.arrays import Array, as_float, check_eps, check_spread, divisor, loud, same_shape, vector

__all__ = ["batch_norm_backward", "batch_norm_forward"]

# Strips of this many bytes stay in cache between the operations on them (benchmarks/extras_batch_norm.py).
_STRIP_BYTES = 1 << 20


@loud
def batch_norm_forward(
    x: ArrayLike, weight: ArrayLike, bias: ArrayLike, eps: float = 1e-5, *, unbiased: bool = False
) -> tuple[Array, Array, Array]:
    """Normalise each channel over the batch:  y = weight · x̂ + bias,  x̂ = (x − mean) / sqrt(variance + eps).

    x: (N, C) or (N, C, ...), channels on axis 1; mean and variance run over every other axis, n values a channel.
    weight, bias: (C,). eps ≥ 0 is added to the variance, in the units of x².
    unbiased=False divides the variance by n: what batch normalisation means, and what training mode computes in PyTorch.
    unbiased=True divides by n − 1: what `x.var(0)` gives there, and so what much hand-written code computes.

    Returns y and x̂, both shaped like x, and the variance (C,). Keep x̂ and the variance for `batch_norm_backward`, and
    hand it the same `unbiased`: the one formula is not the derivative of the other.
    A constant channel gives y = bias. Beside what it returns it holds one strip of x, about 1 MiB (or one sample).

    Raises ValueError: x of fewer than two axes, weight or bias not (C,), NaN or infinity, overflow, one value per channel
    with unbiased=True (0/0), a constant channel with eps = 0.
    Ioffe & Szegedy 2015, "Batch Normalization", ICML, algorithm 1.
    """
    x = as_float("x", x)
    axes, shape, count = _layout("x", x)
    weight = vector("weight", weight, x.shape[1], "channel", x.shape, x.dtype)
    bias = vector("bias", bias, x.shape[1], "channel", x.shape, x.dtype)
    check_eps(eps)
    over = divisor(count, unbiased, "x", x.shape, "channel")

    # In float64, from the first sample, in two passes: where |mean| ≫ std the plain sum loses digits, mean(x²) − mean(x)² all
    # of them, and a channel that is constant at 1e12 would get a spread.
    strips = list(_strips(x))
    scratch = np.empty((strips[0].stop, *x.shape[1:]))
    origin = x[0].reshape(x.shape[1], -1)[:, 0].reshape(shape).astype(np.float64)
    total = np.zeros(shape)
    for strip in strips:
        total += _minus(x[strip], origin, scratch).sum(axes, keepdims=True)[0]
    if not np.isfinite(total).all():
        raise FloatingPointError
    mean = origin + total / count

    squares = np.zeros(shape)
    for strip in strips:
        centred = _minus(x[strip], mean, scratch)
        squares += np.square(centred, out=centred).sum(axes, keepdims=True)[0]
    variance = squares / over
    check_spread(variance, eps, "channel")

    y, x_hat = np.empty_like(x), np.empty_like(x)
    inverse_std = 1 / np.sqrt(variance + eps)
    gain, offset = weight.reshape(shape), bias.reshape(shape)
    for strip in strips:
        centred = _minus(x[strip], mean, scratch)
        centred *= inverse_std
        np.copyto(x_hat[strip], centred, casting="same_kind")
        out = np.multiply(x_hat[strip], gain, out=y[strip])
        out += offset
    return y, x_hat, variance.reshape(-1).astype(x.dtype)


@loud
def batch_norm_backward(
    grad_y: ArrayLike, x_hat: ArrayLike, variance: ArrayLike, eps: float, weight: ArrayLike, *, unbiased: bool = False
) -> tuple[Array, Array, Array]:
    """The exact derivative of `batch_norm_forward` with the same `eps` and `unbiased`.

    With sums over all axes but 1, n values a channel, G = weight · grad_y and k = 1 if unbiased else 0:

        grad_bias = Σ grad_y        grad_weight = Σ grad_y · x̂
        grad_x    = ( G − ΣG / n − x̂ · Σ(G x̂) / (n − k) ) / sqrt(variance + eps)

    grad_y: ∂loss/∂y, shaped like x. x_hat, variance: as the forward pass returned them. weight: (C,).
    Returns grad_x (shaped like x), grad_weight (C,), grad_bias (C,).

    The mean and the variance depend on every sample: that is where the second and third term come from. Code that pairs
    `var(0)` (n − 1) with n in the third term is off by x̂ Σ(G x̂) / (n (n − 1) sqrt(variance + eps)) in grad_x, the other
    two being exact: about 1/n of it, and for n = 2 thousands of times it, since the true gradient nearly vanishes there.

    Raises ValueError: shapes that differ, a negative variance, NaN or infinity, overflow, one value per channel with
    unbiased=True. Ioffe & Szegedy 2015, "Batch Normalization", ICML, section 3, with k added.
    """
    x_hat = as_float("x_hat", x_hat)
    grad_y = as_float("grad_y", grad_y, x_hat.dtype)
    same_shape("grad_y", grad_y, "x_hat", x_hat)
    axes, shape, count = _layout("x_hat", x_hat)
    weight = vector("weight", weight, x_hat.shape[1], "channel", x_hat.shape, np.float64)
    variance = vector("variance", variance, x_hat.shape[1], "channel", x_hat.shape, np.float64)
    if variance.min() < 0:
        raise ValueError(f"variance is {variance.min()} in channel {variance.argmin()}; a variance is never negative")
    check_eps(eps)
    check_spread(variance, eps, "channel")
    over = divisor(count, unbiased, "x_hat", x_hat.shape, "channel")

    strips = list(_strips(x_hat))
    scratch = np.empty_like(x_hat[strips[0]])
    grad_bias, grad_weight = np.zeros(shape), np.zeros(shape)
    for strip in strips:
        grad_bias += grad_y[strip].sum(axes, dtype=np.float64, keepdims=True)[0]
        product = np.multiply(grad_y[strip], x_hat[strip], out=scratch[: strip.stop - strip.start])
        grad_weight += product.sum(axes, dtype=np.float64, keepdims=True)[0]
    if not (np.isfinite(grad_bias).all() and np.isfinite(grad_weight).all()):
        raise FloatingPointError

    # weight is constant over the sums, so it leaves them:  grad_x = (grad_y − grad_bias/n − x̂ grad_weight/(n − k)) weight/std
    grad_x = np.empty_like(x_hat)
    gain = weight.reshape(shape) / np.sqrt(variance.reshape(shape) + eps)
    mean_term, slope, gain = (term.astype(x_hat.dtype) for term in (grad_bias / count, grad_weight / over, gain))
    for strip in strips:
        term = np.multiply(x_hat[strip], slope, out=scratch[: strip.stop - strip.start])
        np.subtract(grad_y[strip], term, out=term)
        term -= mean_term
        np.multiply(term, gain, out=grad_x[strip])
    return grad_x, grad_weight.reshape(-1).astype(x_hat.dtype), grad_bias.reshape(-1).astype(x_hat.dtype)


def _layout(name: str, x: Array) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    """Axes to sum over, the shape (C, 1, ...) that broadcasts against one sample, and how many values a channel has."""
    if x.ndim < 2:
        raise ValueError(f"{name} has shape {x.shape}; batch norm needs (N, C) or (N, C, ...), samples first, channels second")
    axes = (0, *range(2, x.ndim))
    return axes, (x.shape[1], *[1] * (x.ndim - 2)), prod(x.shape[a] for a in axes)


def _minus(strip: Array, center: Array, scratch: Array) -> Array:
    """strip − center, in the float64 of `scratch`."""
    out = scratch[: len(strip)]
    if strip.dtype == out.dtype:
        return np.subtract(strip, center, out=out)
    # Not in one go: a ufunc of mixed types casts in small buffers and takes half as long again.
    np.copyto(out, strip)
    out -= center
    return out


def _strips(x: Array) -> Iterator[slice]:
    rows = max(1, _STRIP_BYTES // (8 * prod(x.shape[1:])))
    for start in range(0, len(x), rows):
        yield slice(start, min(start + rows, len(x)))
