"""The calmest blocks of a picture, at every brightness and in every ring of frequencies."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["CALM", "calm", "classes_of", "read"]

Array = npt.NDArray[Any]

#: Classes of blocks of like brightness, at most, and the blocks that each must have.
CLASSES, BLOCKS_A_CLASS = 6, 16
#: The share of the calmest blocks of a class that a spectrum is read from, and the fewest.
CALM, FEWEST_CALM = 0.03, 8
#: Less than any energy of a block that counts, in squares of the span.
NO_ENERGY = 1e-14


def classes_of(brightness: Array) -> list[Array]:
    """The blocks in classes of like brightness, from dark to bright; all classes are about as large."""
    order = np.argsort(brightness)
    return np.array_split(order, max(1, min(CLASSES, len(order) // BLOCKS_A_CLASS)))


def calm(energies: Array, members: Array, share: float = CALM) -> list[Array]:
    """For each ring, the members of a class that are calm in all other rings, by the first channel of (n, rings, channels) energies.

    In noise, frequencies are independent, so that this selection has no bias; content raises all of them.
    """
    logarithms = np.log(energies[members, :, 0] + NO_ENERGY)
    total = logarithms.sum(axis=1)
    count = min(len(members), max(FEWEST_CALM, int(share * len(members))))
    return [members[np.argsort(total - logarithms[:, ring])[:count]] for ring in range(energies.shape[1])]


def read(energies: Array, chosen: list[Array]) -> Array:
    """The mean energies of the blocks that are chosen for each ring, (ring, channel)."""
    return np.stack([energies[blocks, ring].mean(axis=0) for ring, blocks in enumerate(chosen)])
