"""Weight standardisation, and scaling by the standard deviation with and without centring, with their derivatives."""

from math import prod

import numpy as np
from numpy.typing import ArrayLike

from denoise_cli.extras.arrays import Array, check_eps, check_spread, divisor, finite, loud, same_shape, vector

__all__ = ["layer_norm", "scale_by_std", "scale_by_std_backward", "weight_standardize", "weight_standardize_backward"]


@loud
def weight_standardize(weight: ArrayLike, eps: float = 1e-5, *, unbiased: bool = False) -> Array:
    """Standardise each output filter:  ŵ = (w − mean) / sqrt(variance + eps).

    weight: (filters, ...), at least two axes; mean and variance run over all axes but the first, f values a filter (the
    fan-in). They are a filter's own: no batch enters, whatever the name suggests. eps ≥ 0, in the units of w².
    unbiased=False divides the variance by f, as the published code does (`var_mean(..., unbiased=False)`); True by f − 1.

    Returns ŵ, shaped like weight. A constant filter, and with it every filter of fan-in 1, gives 0.
    Raises ValueError: fewer than two axes, NaN or infinity, overflow, fan-in 1 with unbiased=True (0/0), a constant filter
    with eps = 0.
    Qiao et al. 2019, "Micro-Batch Training with Batch-Channel Normalization and Weight Standardization", arXiv:1903.10520.
    """
    standardized, _, _ = _standardize(_filters(weight), eps, unbiased)
    return standardized.reshape(np.shape(weight))


@loud
def weight_standardize_backward(grad_out: ArrayLike, weight: ArrayLike, eps: float = 1e-5, *, unbiased: bool = False) -> Array:
    """The exact derivative of `weight_standardize`, per filter with f values, k = 1 if unbiased else 0:

        grad_weight = ( g − Σg / f − ŵ · Σ(g ŵ) / (f − k) ) / sqrt(variance + eps),    g = grad_out

    grad_out: ∂loss/∂ŵ, shaped like weight. weight, eps, unbiased: as given to `weight_standardize`.
    Returns grad_weight, shaped like weight. Raises ValueError as there, and for shapes that differ.
    """
    w = _filters(weight)
    given = finite("grad_out", grad_out, w.dtype)
    same_shape("grad_out", given, "weight", np.asarray(weight))
    g = given.reshape(w.shape)
    standardized, std, over = _standardize(w, eps, unbiased)
    along = (g * standardized).sum(1, keepdims=True) / over
    grad_weight: Array = (g - g.mean(1, keepdims=True) - standardized * along) / std
    return grad_weight.reshape(np.shape(weight))


@loud
def scale_by_std(x: ArrayLike, weight: ArrayLike, eps: float = 1e-5, *, unbiased: bool = False) -> Array:
    """Divide by the standard deviation along the last axis, without centring:  y = weight · x / sqrt(variance + eps).

    x: (..., C). weight: (C,). The variance is the usual, centred one, yet x itself is not centred: a common offset of a
    row stays in y. That is bias-free "layer normalisation"; `layer_norm` subtracts the mean and is another function.
    unbiased=False divides the variance by C, as the published code does; True by C − 1. eps ≥ 0, in the units of x².

    Returns y, shaped like x. Where C = 1 the variance is 0 and y = weight · x / sqrt(eps): 316 times x for eps = 1e-5.
    Raises ValueError: weight not (C,), NaN or infinity, overflow, C = 1 with unbiased=True (0/0), a constant row with
    eps = 0.
    Zamir et al. 2022, "Restormer", CVPR (BiasFree_LayerNorm); Mohan et al. 2020, ICLR, for why bias-free helps denoisers.
    """
    x, weight = _rows(x, weight)
    _, std, _ = _spread(x, eps, unbiased)
    return x / std * weight


@loud
def scale_by_std_backward(
    grad_out: ArrayLike, x: ArrayLike, weight: ArrayLike, eps: float = 1e-5, *, unbiased: bool = False
) -> tuple[Array, Array]:
    """The exact derivative of `scale_by_std`, per row with s = sqrt(variance + eps), k = 1 if unbiased else 0:

        grad_x      = G / s − (x − mean) · Σ(G x) / ((C − k) s³),    G = weight · grad_out
        grad_weight = Σ over all rows of  grad_out · x / s

    grad_out: ∂loss/∂y, shaped like x: (..., C). x, weight, eps, unbiased: as given to `scale_by_std`.
    Returns grad_x (shaped like x) and grad_weight (C,). Raises ValueError as there, and for shapes that differ.
    """
    x, weight = _rows(x, weight)
    grad_out = finite("grad_out", grad_out, x.dtype)
    same_shape("grad_out", grad_out, "x", x)
    centred, std, over = _spread(x, eps, unbiased)
    scaled = x / std
    G = grad_out * weight
    # (x − mean)/s, not (x − mean)/s³: s³ over- and underflows long before s does.
    grad_x = (G - centred / std * ((G * scaled).sum(-1, keepdims=True) / over)) / std
    return grad_x, (grad_out * scaled).reshape(-1, len(weight)).sum(0)


@loud
def layer_norm(x: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None, eps: float = 1e-5) -> Array:
    """Standardise along the last axis:  y = weight · (x − mean) / sqrt(variance + eps) + bias.

    x: (..., C). weight: (C,); bias: (C,), or None for 0. The variance divides by C (biased). eps ≥ 0, in the units of x².
    Unlike `scale_by_std` it removes each row's mean: adding a constant to a row changes nothing.

    Returns y, shaped like x; a constant row gives bias.
    Raises ValueError: weight or bias not (C,), NaN or infinity, overflow, a constant row with eps = 0.
    Ba, Kiros & Hinton 2016, "Layer Normalization", arXiv:1607.06450.
    """
    x, weight = _rows(x, weight)
    centred, std, _ = _spread(x, eps, unbiased=False)
    y = centred / std * weight
    return y if bias is None else y + vector("bias", bias, x.shape[-1], "column", x.shape, x.dtype)


def _filters(weight: ArrayLike) -> Array:
    w = finite("weight", weight)
    if w.ndim < 2:
        raise ValueError(f"weight has shape {w.shape}; give (filters, ...): at least two axes, one filter per row")
    return w.reshape(len(w), prod(w.shape[1:]))


def _rows(x: ArrayLike, weight: ArrayLike) -> tuple[Array, Array]:
    x = finite("x", x)
    if x.ndim == 0:
        raise ValueError("x is a single number; give at least one axis to take the variance along")
    return x, vector("weight", weight, x.shape[-1], "column", x.shape, x.dtype)


def _standardize(w: Array, eps: float, unbiased: bool) -> tuple[Array, Array, int]:
    centred, std, over = _spread(w, eps, unbiased)
    return centred / std, std, over


def _spread(x: Array, eps: float, unbiased: bool) -> tuple[Array, Array, int]:
    """x − mean and sqrt(variance + eps) along the last axis, and what the variance was divided by."""
    check_eps(eps)
    over = divisor(x.shape[-1], unbiased, "x", x.shape, "row")
    # From the first value: a row constant at 1e12 must have no spread, and x − x.mean() would leave it one.
    centred = x - x[..., :1]
    centred -= centred.mean(-1, keepdims=True)
    variance = np.square(centred).sum(-1, keepdims=True) / over
    check_spread(variance, eps, "row")
    return centred, np.sqrt(variance + x.dtype.type(eps)), over
