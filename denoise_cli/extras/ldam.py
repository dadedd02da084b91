"""The label-distribution-aware margin loss (LDAM) for imbalanced classes, its gradient, and class-balanced weights."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from denoise_cli.extras.arrays import Array, finite, loud

__all__ = ["class_balanced_weights", "ldam_loss", "ldam_margins"]

ONE_LABEL_A_SAMPLE = (
    "LDAM needs one integer label per sample, not soft targets: a margin belongs to one true class. "
    "For mixup, mix the losses: share * loss(logits, labels_a) + (1 - share) * loss(logits, labels_b)"
)


def ldam_margins(class_counts: ArrayLike, max_margin: float = 0.5) -> Array:
    """The margin of each class:  m_j = max_margin · (n_min / n_j)^(1/4),  n_min the smallest count.

    class_counts: (K,), samples per class in the training set, all > 0. max_margin ≥ 0, in the units of the logits: the
    margin of the rarest class; the others' are smaller. Returns (K,), float64.
    The rarer a class, the wider its margin: the fourth root minimises the paper's generalisation bound.

    Raises ValueError: a count that is zero, negative or not finite; fewer than one class; a negative max_margin.
    Cao, Wei, Gaidon, Arechiga & Ma 2019, "Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss", NeurIPS.
    """
    counts = _counts(class_counts)
    if not (np.isfinite(max_margin) and max_margin >= 0):
        raise ValueError(f"max_margin is {max_margin}; it must be a finite number, 0 or more (0.5 in the paper)")
    margins: Array = max_margin * np.sqrt(np.sqrt(counts.min() / counts))
    return margins


def class_balanced_weights(class_counts: ArrayLike, beta: float = 0.9999) -> Array:
    """Class weights by effective number of samples:  w_j ∝ (1 − beta) / (1 − beta^n_j),  scaled to sum to K.

    class_counts: (K,), all > 0. 0 ≤ beta < 1: beta = 0 weighs all classes alike, beta → 1 weighs by 1/n_j.
    Returns (K,), float64. Raises ValueError: counts as in `ldam_margins`, beta outside [0, 1).
    Cui, Jia, Lin, Song & Belongie 2019, "Class-Balanced Loss Based on Effective Number of Samples", CVPR. Cao et al. 2019
    train with equal weights first and switch to these late ("deferred re-weighting").
    """
    counts = _counts(class_counts)
    if not 0 <= beta < 1:
        raise ValueError(f"beta is {beta}; it must be in [0, 1) (0.9999 in the paper)")
    if beta == 0:
        return np.ones_like(counts)
    # 1 − beta^n by expm1: the plain form cancels for beta near 1.
    weights: Array = 1 / -np.expm1(counts * np.log(beta))
    weights *= len(counts) / weights.sum()
    return weights


@loud
def ldam_loss(
    logits: ArrayLike,
    target: ArrayLike,
    class_counts: ArrayLike,
    *,
    max_margin: float = 0.5,
    scale: float = 30.0,
    class_weights: ArrayLike | None = None,
    reduction: Literal["mean", "sum", "none"] = "mean",
) -> tuple[float | Array, Array]:
    """Cross-entropy after lowering the true class's logit by its margin:

        z_ij = scale · (x_ij − [j = t_i] · m_j),    loss_i = w_{t_i} · ( log Σ_j exp z_ij − z_{i t_i} )
        loss = Σ loss_i / Σ w_{t_i},    grad_x = scale · (softmax(z) − onehot(t)) · w_{t_i} / Σ w_{t_i}

    logits: (B, K), meant to be cosines in [−1, 1] (normalised features and weights); scale = 30 is made for those. With
    unbounded logits choose a smaller scale. target: (B,), integer labels 0..K−1. class_counts: (K,), see `ldam_margins`.
    class_weights: (K,), each ≥ 0, applied once, in the loss; None is 1 for all.
    reduction: "mean" as above, divided by the batch's weights; "sum" leaves the division out; "none" returns the (B,)
    losses, and in grad_logits row i the gradient of loss_i.

    Returns loss, a float ((B,) for "none"), and grad_logits (B, K).
    Raises ValueError: shapes that do not match, labels out of range or not integers, soft targets (with the way to do
    mixup), counts not positive, weights negative or zero for the whole batch, NaN or infinity, overflow.
    Cao, Wei, Gaidon, Arechiga & Ma 2019, NeurIPS, section 3.
    """
    x = finite("logits", logits)
    if x.ndim != 2:
        raise ValueError(f"logits has shape {x.shape}; give (samples, classes)")
    batch, classes = x.shape
    labels = _labels(target, x.shape)
    margins = ldam_margins(class_counts, max_margin)
    if len(margins) != classes:
        raise ValueError(f"class_counts has shape {margins.shape}, logits has shape {x.shape}: give {classes} counts")
    if not (np.isfinite(scale) and scale > 0):
        raise ValueError(f"scale is {scale}; it must be a finite number above 0 (30 in the paper)")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"reduction is {reduction!r}; use 'mean', 'sum' or 'none'")
    weights = _class_weights(class_weights, x.shape)[labels].astype(x.dtype)

    rows = np.arange(batch)
    z = x.copy()
    z[rows, labels] -= margins[labels].astype(x.dtype)
    z *= x.dtype.type(scale)
    z -= z.max(1, keepdims=True)
    true_z = z[rows, labels]
    softmax = np.exp(z)
    total = softmax.sum(1)
    softmax /= total[:, None]
    losses = weights * (np.log(total) - true_z)

    grad = softmax
    grad[rows, labels] -= 1
    grad *= (x.dtype.type(scale) * weights)[:, None]
    if reduction == "none":
        return losses, grad
    if reduction == "sum":
        return float(losses.sum()), grad
    if weights.sum() == 0:
        raise ValueError("every label in this batch has class weight 0: the mean is 0/0; give one of them a weight or use 'sum'")
    grad /= weights.sum()
    return float(losses.sum() / weights.sum()), grad


def _counts(class_counts: ArrayLike) -> Array:
    counts = finite("class_counts", class_counts, np.float64)
    if counts.ndim != 1:
        raise ValueError(f"class_counts has shape {counts.shape}; give a list, one count per class")
    if counts.min() <= 0:
        first = int(np.argmax(counts <= 0))
        raise ValueError(f"class {first} has count {counts[first]:g}; margins need at least one sample of every class")
    return counts


def _class_weights(class_weights: ArrayLike | None, shape: tuple[int, int]) -> Array:
    if class_weights is None:
        return np.ones(shape[1])
    weights = finite("class_weights", class_weights, np.float64)
    if weights.shape != shape[1:]:
        raise ValueError(f"class_weights has shape {weights.shape}, logits has shape {shape}: give {shape[1]} weights")
    if weights.min() < 0:
        raise ValueError(f"class {int(weights.argmin())} has weight {weights.min():g}; a class weight is 0 or more")
    return weights


def _labels(target: ArrayLike, shape: tuple[int, int]) -> NDArray[np.intp]:
    labels = np.asarray(target)
    if labels.ndim == 2 and labels.shape == shape:
        raise ValueError(f"target has shape {labels.shape}: {ONE_LABEL_A_SAMPLE}")
    if labels.shape != shape[:1]:
        raise ValueError(f"target has shape {labels.shape}, logits has shape {shape}: give {shape[0]} labels, one per row")
    if labels.dtype.kind not in "iu":
        raise ValueError(f"target holds {labels.dtype}; give integer labels 0..{shape[1] - 1}")
    outside = (labels < 0) | (labels >= shape[1])
    if outside.any():
        first = int(np.argmax(outside))
        raise ValueError(f"target {first} is {labels[first]}, outside 0..{shape[1] - 1} for logits of shape {shape}")
    return labels.astype(np.intp)
