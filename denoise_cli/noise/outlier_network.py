"""How likely is each pixel an impulse? Three small networks in turn, over rank-ordered differences; trained on free photographs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from denoise_cli.noise.rank_order import INNER, descriptions, neighbours

__all__ = ["ROUNDS", "inputs", "log_odds", "replaced"]

Array = npt.NDArray[Any]

#: Rounds: the first judges a pixel by its neighbours as they are; the next by neighbours among which suspects are replaced
#: (benchmarks/impulses.py --random: one round loses 1.9 dB of three at 10 % random values, two lose 0.1).
ROUNDS = 3
#: Rows that a pixel's verdict can depend on, above and below it: 2 in the first round, 5 more in each other.
HALO = 2 + 5 * (ROUNDS - 1)
#: Pixels of a band: what is computed for them at once stays within a few megabytes.
BAND = 2**15
#: Logarithmic odds are cut off here where the next round reads them.
SURE = 8.0


@cache
def _networks() -> tuple[tuple[tuple[Array, Array], ...], ...]:
    """For every round its layers (matrix, offset); training/impulse_networks.py makes the file."""
    with np.load(Path(__file__).with_name("outlier_networks.npz")) as stored:
        return tuple(
            tuple((stored[f"matrix_{turn}_{layer}"], stored[f"offset_{turn}_{layer}"]) for layer in range(3)) for turn in range(ROUNDS)
        )


def log_odds(plane: Array, share: float, known: Array | None = None, *, rounds: int = ROUNDS, workers: int = 1) -> Array:
    """log(P(impulse)/P(clean)) of every pixel of `plane`, (height, width), in float32.

    plane : one channel, spanning about [0, 1]; impulses are thought to take any value of the span.
    share : of the pixels that are impulses, 0–1 exclusive; the odds before a pixel is looked at.
    known : False where a pixel has no value: it is no neighbour to anybody.

    Bands of rows are judged by themselves, on `workers` threads; the result does not depend on their number.
    """
    height, width = plane.shape
    prior = float(np.log(share / (1 - share)))
    odds: Array = np.empty((height, width), np.float32)
    rows = max(8, BAND // width)

    def judge(top: int) -> None:
        first, last = max(0, top - HALO), min(height, top + rows + HALO)
        band = plane[first:last].astype(np.float32)
        unknown = None if known is None else ~known[first:last]
        if unknown is not None:
            band = replaced(band, unknown.astype(np.float32))
        result = _judged(band, prior, unknown, rounds)
        odds[top : top + rows] = result[top - first : top - first + rows]

    tops = range(0, height, rows)
    if workers > 1 and len(tops) > 1:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(judge, tops))
    else:
        for top in tops:
            judge(top)
    return odds


def _judged(band: Array, prior: float, unknown: Array | None, rounds: int) -> Array:
    odds = None
    for layers in _networks()[:rounds]:
        if odds is not None and unknown is not None:
            odds = np.where(unknown, np.float32(SURE), odds)
        odds = _forward(inputs(band, prior, odds), layers)
    assert odds is not None
    return odds


def inputs(plane: Array, prior: float, odds: Array | None = None) -> Array:
    """What a network reads, (count, height, width): descriptions and the prior; from the second round on also the odds so far."""
    surroundings = plane if odds is None else replaced(plane, 1 / (1 + np.exp(-np.clip(odds, -30, 30))))
    read = [descriptions(plane, surroundings), np.full((1, *plane.shape), prior / 3, np.float32)]
    if odds is not None:
        limited = np.clip(odds / 4, -SURE / 4, SURE / 4).astype(np.float32)
        read += [limited[None], neighbours(limited, 2)[list(INNER)]]
    return np.concatenate(read)


def _forward(read: Array, layers: tuple[tuple[Array, Array], ...]) -> Array:
    values = read.reshape(len(read), -1)
    for position, (matrix, offset) in enumerate(layers):
        values = matrix @ values
        values += offset[:, None]
        if position < len(layers) - 1:
            np.maximum(values, 0, out=values)
    result: Array = values[0].reshape(read.shape[1:])
    return result


def replaced(plane: Array, suspicion: Array) -> Array:
    """`plane` with every pixel of suspicion above ½ replaced by the mean of its neighbours, weighted by how little they are suspected.

    The mean is over the eight neighbours; where they are all suspects, a wider one takes over.
    """
    from scipy.ndimage import correlate1d

    trust = (1 - suspicion).astype(np.float32)
    both = np.stack([plane * trust, trust])
    total = np.zeros_like(both)
    for radius, width, share in ((1, 0.8, 1.0), (3, 1.5, 0.05)):
        bell = np.exp(-(np.arange(-radius, radius + 1) ** 2) / (2 * width**2))
        norm = share / (bell.sum() ** 2 - 1)  # the bell's centre is 1, and left out
        spread = correlate1d(correlate1d(both, bell, axis=1, mode="mirror"), bell, axis=2, mode="mirror") - both
        total += np.float32(norm) * spread
    mean = total[0] / np.maximum(total[1], np.float32(1e-6))
    result: Array = np.where(suspicion > 0.5, mean, plane).astype(np.float32)
    return result
