"""`LDAMLoss`, the LDAM loss as a PyTorch module, for training. Needs `pip install 'denoise-cli[torch]'`."""

# Checked with and without PyTorch installed:
# mypy: disable-error-code="import-not-found,misc", disallow-subclassing-any=False, warn-unused-ignores=False

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from denoise_cli.extras.ldam import ONE_LABEL_A_SAMPLE, class_balanced_weights, ldam_margins

try:
    import torch
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise ImportError("extras.torch needs PyTorch: pip install 'denoise-cli[torch]'") from None

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["LDAMLoss"]


class LDAMLoss(torch.nn.Module):
    """Label-distribution-aware margin loss, with deferred re-weighting:

        m_j = max_margin · (n_min / n_j)^(1/4)      z_ij = scale · (x_ij − [j = t_i] · m_j)
        loss = Σ w_{t_i} · cross_entropy(z_i, t_i) / Σ w_{t_i}

    class_counts: (K,) training samples per class, all > 0: a list, an array or a tensor.
    max_margin: margin of the rarest class. scale: multiplies the logits; 30 is made for cosines in [−1, 1] (normalise
    features and weights, as in docs/ldam_training.py), choose a smaller one for a plain linear head.
    class_weights: (K,) fixed weights, each ≥ 0; or reweight_epoch: equal weights first, `class_balanced_weights(class_counts,
    beta)` from that epoch on, which the training loop announces by `set_epoch(epoch)`.
    reduction: "mean" (as above), "sum", or "none" for (B,) losses. ignore_index: targets of this value count for nothing.

    forward(logits (B, K), target (B,) integers) for any B, on any device. float16 and bfloat16 logits are computed in
    float32: a margin times 30 has two or three digits left in half precision. A batch that weighs nothing (empty, all
    ignored, all of weight 0) has a mean of 0, where `cross_entropy` gives NaN. Labels are checked, which on a GPU waits for it.

    `margins` and `class_weights` are buffers: they follow `.to(...)` and are in `state_dict()`.
    Raises ValueError for what `ldam_loss` refuses: shapes that do not match, soft targets, labels out of range, counts ≤ 0.
    Cao, Wei, Gaidon, Arechiga & Ma 2019, "Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss", NeurIPS.
    """

    margins: "Tensor"
    class_weights: "Tensor"

    def __init__(
        self,
        class_counts: "Sequence[float] | Tensor | Any",
        *,
        max_margin: float = 0.5,
        scale: float = 30.0,
        class_weights: "Sequence[float] | Tensor | Any | None" = None,
        reweight_epoch: int | None = None,
        beta: float = 0.9999,
        reduction: Literal["mean", "sum", "none"] = "mean",
        ignore_index: int = -100,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f"reduction is {reduction!r}; use 'mean', 'sum' or 'none'")
        if not 0 < scale < float("inf"):
            raise ValueError(f"scale is {scale}; it must be a finite number above 0 (30 in the paper)")
        if class_weights is not None and reweight_epoch is not None:
            raise ValueError("class_weights and reweight_epoch both set the class weights; give one of them")
        counts = torch.as_tensor(class_counts, dtype=torch.float64, device="cpu").numpy()
        margins = ldam_margins(counts, max_margin)
        given = [1.0] * len(margins) if class_weights is None else class_weights
        weights = torch.as_tensor(given, dtype=torch.float64, device="cpu")
        if weights.shape != (len(margins),):
            raise ValueError(f"class_weights has shape {tuple(weights.shape)}; give {len(margins)}, one per class")
        if not bool((weights.isfinite() & (weights >= 0)).all()):
            raise ValueError("class_weights must be finite numbers, 0 or more")

        place = {"device": device, "dtype": dtype or torch.get_default_dtype()}
        self.register_buffer("margins", torch.as_tensor(margins, **place))
        self.register_buffer("class_weights", weights.detach().clone().to(**place))
        # Not a buffer: the constructor makes it anew, and state_dict() holds what the loss computes with.
        self._balanced_weights = None if reweight_epoch is None else class_balanced_weights(counts, beta).tolist()
        self.reweight_epoch = reweight_epoch
        self.scale = float(scale)
        self.reduction = reduction
        self.ignore_index = ignore_index

    def set_epoch(self, epoch: int) -> None:
        """Call at the start of each epoch (the first is 0): from `reweight_epoch` on the class-balanced weights count."""
        if self.reweight_epoch is None or self._balanced_weights is None:
            raise ValueError("there is no re-weighting to defer; construct LDAMLoss with reweight_epoch=...")
        if epoch >= self.reweight_epoch:
            self.class_weights.copy_(torch.as_tensor(self._balanced_weights, dtype=self.class_weights.dtype))
        else:
            self.class_weights.fill_(1)

    def forward(self, logits: "Tensor", target: "Tensor") -> "Tensor":
        classes = len(self.margins)
        if logits.ndim != 2 or logits.shape[1] != classes:
            raise ValueError(f"logits has shape {tuple(logits.shape)}; give (samples, {classes}), one column per class count")
        if target.shape == logits.shape:
            raise ValueError(f"target has shape {tuple(target.shape)}: {ONE_LABEL_A_SAMPLE}")
        if target.shape != logits.shape[:1]:
            raise ValueError(f"target has shape {tuple(target.shape)}, logits has shape {tuple(logits.shape)}: give one label per row")
        if target.is_floating_point() or target.is_complex() or target.dtype == torch.bool:
            raise ValueError(f"target holds {target.dtype}; give integer labels 0..{classes - 1}")
        kept = target != self.ignore_index
        if bool((((target < 0) | (target >= classes)) & kept).any()):
            raise ValueError(f"target holds a label outside 0..{classes - 1} that is not ignore_index={self.ignore_index}")

        if logits.dtype in (torch.float16, torch.bfloat16):
            logits = logits.float()
        labels = torch.where(kept, target, 0).long()
        weights = self.class_weights.to(logits.dtype)[labels] * kept
        true_class = torch.nn.functional.one_hot(labels, classes).bool()
        margins = self.margins.to(logits.dtype)[labels]
        z = self.scale * torch.where(true_class, logits - margins[:, None], logits)
        losses = weights * torch.nn.functional.cross_entropy(z, labels, reduction="none")
        if self.reduction == "none":
            return losses
        if self.reduction == "sum":
            return losses.sum()
        total = weights.sum()
        return losses.sum() / torch.where(total > 0, total, 1)

    def extra_repr(self) -> str:
        deferred = "" if self.reweight_epoch is None else f", reweight_epoch={self.reweight_epoch}"
        return f"classes={len(self.margins)}, scale={self.scale:g}, reduction={self.reduction!r}{deferred}"
