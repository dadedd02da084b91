"""Average the weights of two networks: `python -m training.average BEFORE.pt AFTER.pt 0.9 OUT.pt` takes 0.9 of AFTER.

Where the second was trained on from the first, the mean is on the way between them, and so is what it does: a little of the first keeps
what it did better on pictures unlike those that were trained on. Wortsman et al. 2022, CVPR ("robust fine-tuning").
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

__all__ = ["averaged", "main"]


def averaged(before: dict[str, Tensor], after: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    """share·after + (1 − share)·before. A block that `before` has not is one that does nothing: its second convolution is zero."""
    made = {}
    for name, values in after.items():
        nothing = torch.zeros_like(values) if name.endswith(".second.weight") else values
        made[name] = share * values + (1 - share) * before.get(name, nothing).float()
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("share", type=float)
    parser.add_argument("out", type=Path)
    words = parser.parse_args()
    before, after = (torch.load(path, map_location="cpu") for path in (words.before, words.after))
    torch.save(averaged(before, after, words.share), words.out)


if __name__ == "__main__":
    main()
