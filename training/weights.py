"""Take the weights out of a network that `export` wrote: `python -m training.weights colour.onnx colour.pt`, to train on from them."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from denoise_cli.methods.learned.onnx_file import read_model

__all__ = ["main", "weights"]


def weights(path: Path) -> dict[str, torch.Tensor]:
    """The state of training/model.py's network, in float32; the inverse of `export`."""
    state = {name.removesuffix(".half"): np.asarray(values, np.float32) for name, values in read_model(path).weights.items()}
    head = state["head.weight"]
    width, stacked = head.shape[:2]
    # ONNX's SpaceToDepth puts the place in the square of 2 × 2 before the channel, PyTorch's pixel_unshuffle after it.
    state["head.weight"] = head.reshape(width, 4, stacked // 4, 3, 3).swapaxes(1, 2).reshape(width, stacked, 3, 3)
    return {name: torch.from_numpy(values.copy()) for name, values in state.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", type=Path)
    parser.add_argument("out", type=Path)
    words = parser.parse_args()
    torch.save(weights(words.network), words.out)


if __name__ == "__main__":
    main()
