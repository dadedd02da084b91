"""Train on an imbalanced toy set: cross-entropy against LDAM, and LDAM with deferred re-weighting; recall per class.

    pip install 'denoise-cli[torch]'
    python docs/ldam_training.py

Five overlapping Gaussian classes, 2000 samples of the commonest and 20 of the rarest. Accuracy hides what cross-entropy does
with the rare ones, since it may ignore them for free: look at the recall, each class counting alike.
"""

import argparse

import torch
from torch import Tensor, nn

from denoise_cli.extras.torch import LDAMLoss

CLASS_COUNTS = [2000, 600, 200, 60, 20]
DIMENSIONS = 8


def make_data(counts: list[int], seed: int) -> tuple[Tensor, Tensor]:
    """`counts[j]` samples of class j: a unit Gaussian around a corner of a simplex, 2.5 from any other."""
    generator = torch.Generator().manual_seed(seed)
    corners = 2.5 / 2**0.5 * torch.eye(len(counts), DIMENSIONS)
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    return corners[labels] + torch.randn(len(labels), DIMENSIONS, generator=generator), labels


class CosineHead(nn.Module):
    """Logits in [−1, 1]: the cosines between features and class vectors. LDAM's margins are lengths on this scale."""

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(classes, features))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(nn.functional.normalize(x), nn.functional.normalize(self.weight))


class ScaledCrossEntropy(nn.Module):
    """Plain cross-entropy on the same cosines, which it needs scaled up just as LDAM does."""

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return nn.functional.cross_entropy(30 * logits, target)


def train(criterion: nn.Module, *, epochs: int, seed: int) -> list[float]:
    """The recall of each class on a balanced test set, after `epochs` of SGD on the imbalanced training set."""
    x, y = make_data(CLASS_COUNTS, seed)
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(DIMENSIONS, 64), nn.ReLU(), CosineHead(64, len(CLASS_COUNTS)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [int(0.8 * epochs)], gamma=0.1)
    for epoch in range(epochs):
        if isinstance(criterion, LDAMLoss) and criterion.reweight_epoch is not None:
            criterion.set_epoch(epoch)
        for batch in torch.randperm(len(x)).split(128):
            optimizer.zero_grad()
            criterion(model(x[batch]), y[batch]).backward()
            optimizer.step()
        schedule.step()

    test_x, test_y = make_data([2000] * len(CLASS_COUNTS), seed + 1)
    with torch.no_grad():
        predicted = model(test_x).argmax(1)
    return [(predicted[test_y == label] == label).float().mean().item() for label in range(len(CLASS_COUNTS))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=40, help="passes over the training set (default: 40)")
    parser.add_argument("--seed", type=int, default=0, help="of data, weights and batches (default: 0)")
    options = parser.parse_args()

    late = int(0.8 * options.epochs)
    criteria = {
        "cross-entropy": ScaledCrossEntropy(),
        "LDAM": LDAMLoss(CLASS_COUNTS),
        "LDAM, deferred re-weighting": LDAMLoss(CLASS_COUNTS, reweight_epoch=late),
        # Without margins LDAM is cross-entropy: what the re-weighting does alone.
        "cross-entropy, deferred re-weighting": LDAMLoss(CLASS_COUNTS, max_margin=0, reweight_epoch=late),
    }
    print(f"{'recall of class (training samples)':36}", *(f"{f'{j} ({n})':>9}" for j, n in enumerate(CLASS_COUNTS)), "   mean")
    for name, criterion in criteria.items():
        recall = train(criterion, epochs=options.epochs, seed=options.seed)
        print(f"{name:36}", *(f"{value:9.3f}" for value in recall), f"{sum(recall) / len(recall):7.3f}")


if __name__ == "__main__":
    main()
