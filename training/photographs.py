"""The photographs to train on: read from a folder, cut into patches, a part of them held back for validation."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["Photographs", "to_grey"]

Photograph = NDArray[np.uint8]
Patch = NDArray[np.float32]

#: One photograph in this many, in the order of their names, is not trained on but validated with.
HELD_BACK = 20
#: Weights of red, green and blue in a grey picture (ITU-R BT.601), as the grey test pictures of the literature were made.
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def to_grey(patch: Patch, weights: NDArray[np.float32] = LUMA) -> Patch:
    """(height, width, 3) → (height, width, 1)."""
    return np.ascontiguousarray((patch @ weights.astype(np.float32))[..., None])


def read(path: Path) -> Photograph:
    """(height, width, 3), red first."""
    stored = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if stored is None:
        raise ValueError(f"{path}: not a picture that OpenCV reads.")
    return np.ascontiguousarray(stored[..., ::-1])


class Photographs:
    """All photographs of a folder, in memory (65 to 300 megapixels, 3 bytes each)."""

    def __init__(self, folder: Path) -> None:
        names = sorted(path for suffix in ("png", "webp", "jpg") for path in folder.glob(f"*.{suffix}"))
        if len(names) < 2:
            raise ValueError(f"{folder}: holds no photographs (.png, .webp, .jpg). training/build_photographs.py makes them.")
        self.held_back = [read(path) for path in names[::HELD_BACK]]
        self.training = [read(path) for index, path in enumerate(names) if index % HELD_BACK]
        # A photograph is drawn in proportion to its side, not to its area: otherwise the few large ones would rule.
        sides = np.sqrt([float(p.shape[0] * p.shape[1]) for p in self.training])
        self.share = sides / sides.sum()

    def patch(self, rng: np.random.Generator, size: int, channels: int) -> Patch:
        """A square of a random photograph, (size, size, channels), from 0 to 1, turned, mirrored, sometimes reduced, and sometimes grey."""
        photograph = self.training[rng.choice(len(self.training), p=self.share)]
        # A reduced photograph has more detail in a pixel, and less noise of its own.
        room = min(photograph.shape[:2]) / size
        side = round(size * rng.uniform(1, min(2.0, room))) if room > 1 and rng.random() < 0.2 else size
        top = rng.integers(0, photograph.shape[0] - side + 1)
        left = rng.integers(0, photograph.shape[1] - side + 1)
        cut = photograph[top : top + side, left : left + side]
        if side != size:
            cut = cv2.resize(np.ascontiguousarray(cut), (size, size), interpolation=cv2.INTER_AREA)
        cut = np.rot90(cut, rng.integers(4))
        if rng.random() < 0.5:
            cut = cut[:, ::-1]
        patch = np.ascontiguousarray(cut, np.float32) / np.float32(255)
        return self.coloured(patch, rng) if channels == 3 else self.grey(patch, rng)

    @staticmethod
    def coloured(patch: Patch, rng: np.random.Generator) -> Patch:
        if rng.random() < 0.08:
            patch = np.repeat(to_grey(patch), 3, 2)
        return np.ascontiguousarray(patch[..., rng.permutation(3)]) if rng.random() < 0.3 else patch

    @classmethod
    def grey(cls, patch: Patch, rng: np.random.Generator) -> Patch:
        return to_grey(patch, cls.weights_of_grey(rng))

    @staticmethod
    def weights_of_grey(rng: np.random.Generator) -> NDArray[np.float32]:
        """Mostly those of luma; else one of the three colours, or any mixture."""
        chance = rng.random()
        if chance < 0.7:
            return LUMA
        return (np.eye(3)[rng.integers(3)] if chance < 0.85 else rng.dirichlet(np.ones(3))).astype(np.float32)

    def validation(self, size: int, channels: int, count: int) -> list[Patch]:
        """The middle of `count` photographs that are held back, in equal steps through the list."""
        patches = []
        for photograph in self.held_back[:: max(1, len(self.held_back) // count)][:count]:
            side = min(size, photograph.shape[0] // 8 * 8, photograph.shape[1] // 8 * 8)
            top, left = (photograph.shape[0] - side) // 2, (photograph.shape[1] - side) // 2
            patch = np.ascontiguousarray(photograph[top : top + side, left : left + side], np.float32) / np.float32(255)
            patches.append(patch if channels == 3 else to_grey(patch))
        return patches
