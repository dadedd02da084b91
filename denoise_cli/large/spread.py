"""A sample of a large picture: windows spread over it, side by side as one page, for everything that is measured."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from denoise_cli.large.patch import problem_of
from denoise_cli.large.primal_dual import iterations_of_l1
from denoise_cli.large.windows import page_of
from denoise_cli.variational.certificate import AIM, GapTarget
from denoise_cli.variational.gradient_projection import GradientProjection

if TYPE_CHECKING:
    from denoise_cli.formats.picture import Page
    from denoise_cli.large.recipe import Recipe
    from denoise_cli.large.windows import Array, Source

__all__ = ["iterations_for", "sample_of", "sample_values", "spread"]

#: Values of the sample, and of what a small budget still takes: noise and λ are chosen from as many (`choice/sample.py`) or less.
MOST, LEAST = 2**20, 2**14
#: Bytes that choosing takes for each value of the sample (the peak of the process stays within the budget: python -m benchmarks large).
CHOOSING = 64
#: Windows along each side.
WINDOWS = 4


def sample_values(budget: int | None) -> int:
    """Values of a sample within the budget."""
    return MOST if budget is None else max(LEAST, min(MOST, budget // CHOOSING))


def sample_of(source: Source, plane: int, values: int) -> Page:
    """WINDOWS² windows of one shape, spread evenly over the plane, as one page; the plane itself where it is small."""
    return page_of(spread(source, plane, max(1, values // source.kind.colours)), source.kind)


def spread(source: Source, plane: int, most: int) -> Array:
    """The stored samples of the windows, at most so many pixels, (rows, columns, samples)."""
    height, width = source.size
    if height * width <= most:
        return source.read(plane, slice(0, height), slice(0, width))
    side = math.isqrt(most) // WINDOWS
    tall = min(height // WINDOWS, max(side, most // (WINDOWS * width) // WINDOWS)) or 1
    wide = min(width // WINDOWS, max(side, most // (WINDOWS * tall) // WINDOWS)) or 1
    rows = np.linspace(0, height - tall, WINDOWS if height >= WINDOWS else 1).astype(int)
    columns = np.linspace(0, width - wide, WINDOWS if width >= WINDOWS else 1).astype(int)
    lefts = [slice(left, left + wide) for left in columns.tolist()]
    bands = [np.concatenate([source.read(plane, slice(top, top + tall), left) for left in lefts], axis=1) for top in rows.tolist()]
    return np.concatenate(bands, axis=0)


def iterations_for(sample: Page, recipe: Recipe, level: Array | None = None) -> int:
    """How many iterations the sample takes to the gap of the recipe, a little less asked for, to be safe: of gradient projection, and under
    L1 of Chambolle and Pock.

    level : by which λ is multiplied, (rows, columns) of the sample.
    """
    numbers, known = recipe.numbers(sample)
    if known is not None:
        numbers[:, ~known] = 0
    most = 1
    for channels, weight in recipe.parts:
        problem = problem_of(np.ascontiguousarray(numbers[channels]), weight, known, recipe, level)
        if recipe.fidelity == "l1":
            most = max(most, iterations_of_l1(problem, AIM * recipe.gap, recipe.iterations))
            continue
        for state in GradientProjection(problem).states(recipe.iterations, target=GapTarget(AIM * recipe.gap), every=False):
            most = max(most, state.iteration)
    return most
