"""Pixels that are not known: a first guess at them, or a problem without them."""

from __future__ import annotations

import functools
import itertools
from dataclasses import replace

import numpy as np

from denoise_cli.variational.problem import Problem
from denoise_cli.variational.strips import Array

__all__ = ["filled", "with_holes_cut_out", "with_holes_filled"]


def with_holes_filled(problem: Problem, known: Array) -> Problem:
    """The same problem, its solution nearer to where a run sets out: unknown pixels of f, which have weight 0, hold a first guess."""
    observed, depth = filled(problem.observed, known)
    return replace(problem, observed=observed, hole_depth=depth)


def with_holes_cut_out(problem: Problem, known: Array) -> Problem:
    """The problem of the known pixels alone: λ is 0 at every pixel that has an unknown one among itself and its next neighbours.

    Nothing then links a known pixel to an unknown one, which costs nothing if it stays as it is; so its weight may be 1, and the others'
    problem is as easily solved as one without holes. The price is that a pixel at the left or upper edge of a hole loses all of its own
    differences where one would do.
    """
    linked, dtype = known.copy(), problem.observed.dtype
    for axis in range(known.ndim):
        beside = np.roll(known, -1, axis=axis)
        if not problem.operator.periodic:
            np.moveaxis(beside, axis, 0)[-1] = True
        linked &= beside
    level = np.where(linked, np.asarray(problem.regulariser.weight, dtype), dtype.type(0))
    weights = problem.fidelity.weights
    if weights is not None:
        weights = np.where(known, weights, dtype.type(1))
    return replace(
        problem,
        observed=np.where(known, problem.observed, dtype.type(0)),
        regulariser=replace(problem.regulariser, weight=level),
        fidelity=replace(problem.fidelity, weights=None if weights is None or (weights == 1).all() else weights),
    )


def filled(planes: Array, known: Array) -> tuple[Array, int]:
    """(channels, *spatial) with the unknown pixels replaced, and how many times blocks had to be doubled until all held a known one.

    Pull and push: means of the known pixels over blocks of 2 × 2, 4 × 4 … (of a volume, 2 × 2 × 2 …) until every block has one,
    and back, from the coarse to the fine, into the blocks that have none. Values stay between the smallest and the largest known one,
    and scale and shift with them.

    Gortler, Grzeszczuk, Szeliski & Cohen 1996, SIGGRAPH, 43–54.
    """
    if known.all():
        return planes, 0
    sums, counts = _blocks(np.where(known, planes, 0)), _blocks(known[None].astype(planes.dtype))
    means, found = sums / np.maximum(counts, 1), counts[0] > 0
    coarse, levels = filled(means, found)
    # Linear between the middles of blocks: a guess without steps.
    for axis in range(1, planes.ndim):
        coarse = _between(coarse, planes.shape[axis], axis)
    return np.where(known, planes, coarse), levels + 1


def _blocks(planes: Array) -> Array:
    """Sums over blocks of two pixels a side; those at the far edges may be of fewer pixels."""
    padded = np.pad(planes, [(0, 0), *((0, length % 2) for length in planes.shape[1:])])
    # The first axis changes fastest, as it always has: sums of floats depend on their order.
    offsets = (reversed(each) for each in itertools.product((0, 1), repeat=planes.ndim - 1))
    corners = (padded[(slice(None), *(slice(start, None, 2) for start in each))] for each in offsets)
    sums: Array = functools.reduce(np.add, corners)
    return sums


def _between(coarse: Array, length: int, axis: int) -> Array:
    """Twice as many values along an axis: ¾ of the block that a pixel is in, ¼ of the one that it is nearer to."""
    values = np.moveaxis(coarse, axis, -1)
    beside = np.concatenate([values[..., :1], values, values[..., -1:]], axis=-1)
    fine = np.empty((*values.shape[:-1], 2 * values.shape[-1]), coarse.dtype)
    fine[..., ::2] = 0.75 * values + 0.25 * beside[..., :-2]
    fine[..., 1::2] = 0.75 * values + 0.25 * beside[..., 2:]
    return np.moveaxis(fine[..., :length], -1, axis)
