"""One tile solved: some iterations of gradient projection on its window, of which the core is exactly that of the whole picture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from denoise_cli.errors import DenoiseError
from denoise_cli.formats.picture import Page, with_beside
from denoise_cli.large.core_sums import sums_of_core
from denoise_cli.large.primal_dual import PrimalDual
from denoise_cli.large.recipe import Recipe
from denoise_cli.large.tallies import Sums, against, taken_out, total
from denoise_cli.variational.engines import engine_for
from denoise_cli.variational.fidelities import L1, SquaredL2
from denoise_cli.variational.gradient_projection import TOGETHER, Momentum
from denoise_cli.variational.operators import SymmetricGradient
from denoise_cli.variational.problem import Problem
from denoise_cli.variational.regularisers import TotalVariation
from denoise_cli.variational.strips import Strips

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from denoise_cli.large.companions import Companion
    from denoise_cli.large.cuts import Cell
    from denoise_cli.large.raw_table import RawTable
    from denoise_cli.large.tiled_table import Pixels
    from denoise_cli.large.windows import Array, Kind

    #: Planes of one shape: an array, or arrays one behind the other.
    Planes = Array | Sequence[Array]

__all__ = ["Patch", "Sums", "momentum_of", "problem_of", "solve_window", "stored_core", "work_on"]


@dataclass(frozen=True)
class Patch:
    """Everything that a process is told to solve one tile; plain values, paths and tables, so that it can travel.

    path, changed, axes, kind: the source.  before, after: tables of the dual variable, None where it begins at 0, or is not wanted again.
    first, iterations: the number of the first iteration, from 0, and how many.
    level, clean: a map of λ, and what the result is compared with.  removed: the table of input − result.
    """

    path: Path
    changed: int
    axes: str | None
    kind: Kind
    plane: int
    tile: Cell
    recipe: Recipe
    first: int
    iterations: int
    pixels: Pixels
    before: RawTable | None = None
    after: RawTable | None = None
    level: Companion | None = None
    clean: Companion | None = None
    removed: RawTable | None = None


def work_on(patch: Patch) -> Sums:
    """Read the window, solve it, write the core. Raises DenoiseError, OSError, ValueError."""
    from denoise_cli.large.windows import page_of, reopened

    source = reopened(patch.path, patch.changed, patch.axes)
    rows, columns = patch.tile.window
    try:
        page = page_of(source.read(patch.plane, rows, columns), patch.kind)
    except OSError as error:
        raise DenoiseError(f"{patch.path}: cannot be read ({error.strerror or error}); check the disk it lies on") from error
    state: Planes | None = None
    if patch.before is not None:
        state = np.stack([patch.before.read(plane, rows, columns)[:, :, 0] for plane in range(patch.before.shape[0])])
    core, keep = patch.tile.core, patch.after is not None
    level = None if patch.level is None else patch.level.read(patch.plane, rows, columns)[:, :, 0]
    image, sums, state = _image(page, core, patch.recipe, patch.first, patch.iterations, state, keep=keep, level=level)
    patch.pixels.write(patch.plane, patch.tile.rows, patch.tile.columns, stored_core(page, core, image))
    if patch.after is not None and state is not None:
        for plane, values in enumerate(state):
            patch.after.write(plane, patch.tile.rows, patch.tile.columns, values[core])
    return _compared(patch, page, image, sums)


def solve_window(
    page: Page, core: tuple[slice, slice], recipe: Recipe, first: int, iterations: int, state: Planes | None = None, *,
    keep: bool = False, level: Array | None = None,
) -> tuple[Array, Sums, Planes | None]:  # fmt: skip
    """The stored samples of the core, (rows, columns, samples); what it adds to cost and bound; and the state after the iterations.

    state : p and the p before it of every part of the recipe, 4·channels planes of the window; None where both are 0.
    level : by which λ is multiplied, (rows, columns) of the window.
    """
    image, sums, after = _image(page, core, recipe, first, iterations, state, keep=keep, level=level)
    return stored_core(page, core, image), sums, after


def _image(
    page: Page, core: tuple[slice, slice], recipe: Recipe, first: int, iterations: int, state: Planes | None, *, keep: bool,
    level: Array | None,
) -> tuple[Array, Sums, Planes | None]:  # fmt: skip
    """The core in typed units; the rest as `solve_window`."""
    if recipe.method is not None:
        return recipe.run(page)[core], Sums(0.0, 0.0), None
    u, sums, after = _solved(page, core, recipe, first, iterations, state, keep=keep, level=level)
    return recipe.image(u), sums, after


def _compared(patch: Patch, page: Page, image: Array, sums: Sums) -> Sums:
    """The sums of a core, with those that --reference and --residual ask for."""
    if patch.clean is None and patch.removed is None:
        return sums
    core, (rows, columns) = patch.tile.core, (patch.tile.rows, patch.tile.columns)
    colour, known = page.colour[core], None if page.units.known is None else page.units.known[core]
    image = image.reshape(*colour.shape[:2], -1)
    told: dict[str, Any] = {}
    if patch.clean is not None:
        told |= against(patch.clean.read(patch.plane, rows, columns), image, known)
    if patch.removed is not None:
        difference = page.units.floats(colour).reshape(image.shape) - image
        told |= taken_out(difference, known)
        patch.removed.write(patch.plane, rows, columns, difference)
    return replace(sums, **told)


def _solved(
    page: Page, core: tuple[slice, slice], recipe: Recipe, first: int, iterations: int, state: Planes | None, *, keep: bool,
    level: Array | None,
) -> tuple[Array, Sums, Planes | None]:  # fmt: skip
    """u of the core, in the problem's numbers; the rest as `solve_window`. Nothing else is in memory when it returns."""
    numbers, known = recipe.numbers(page)
    if known is not None:
        numbers[:, ~known] = 0
    u = np.empty_like(numbers)
    added: list[Sums] = []
    after: list[Array] = []
    for channels, weight in recipe.parts:
        f = np.ascontiguousarray(numbers[channels])
        problem = problem_of(f, weight, known, recipe, level)
        if recipe.fidelity == "l1":
            walk = PrimalDual(problem, None if state is None else np.asarray(state))
            walk.walk(iterations)
            u[channels] = walk.u
            added.append(sums_of_core(problem, walk.u, walk.repaired(), core, recipe.unit))
            after = walk.state if keep else []
            continue
        p, before = _begin(state, channels, f)
        projection = engine_for(problem).projection(p, before)
        momentum = momentum_of(first, iterations)
        done = 0
        while done < iterations:
            projection.walk(momentum[done : done + TOGETHER])
            done += TOGETHER
        part = u[channels]
        projection.prove(part, residual=False)
        added.append(sums_of_core(problem, part, projection.p, core, recipe.unit))
        if keep:
            previous = p if projection.p is before else before
            after += [plane for each in (projection.p, previous) for plane in each.reshape(-1, *f.shape[1:])]
        del projection, p, before
    return u[:, core[0], core[1]], total(added), after if keep else None


@lru_cache(maxsize=8)
def momentum_of(first: int, iterations: int) -> Array:
    """(t − 1)/t₊ of the iterations from number `first` on."""
    return Momentum().next(first + iterations)[first:]


def problem_of(f: Array, weight: float, known: Array | None, recipe: Recipe, level: Array | None = None) -> Problem:
    """The problem of f, (channels, rows, columns), with λ = weight, times `level` where there is one, and 0 around unknown pixels."""
    strength: float | Array = weight if level is None else (weight * level).astype(f.dtype)
    if known is not None:
        # λ is 0 at every pixel that has an unknown one among itself and its next neighbours, as in variational/holes.py.
        beside, below = np.roll(known, -1, axis=1), np.roll(known, -1, axis=0)
        beside[:, -1], below[-1] = True, True
        strength = np.where(known & beside & below, f.dtype.type(strength) if level is None else strength, f.dtype.type(0))
    strips = Strips(f.shape, f.dtype, recipe.workers)
    return Problem(
        f, L1() if recipe.fidelity == "l1" else SquaredL2(), TotalVariation(strength, recipe.tv, recipe.channels), SymmetricGradient(strips)
    )


def _begin(state: Planes | None, channels: slice, f: Array) -> tuple[Array, Array]:
    """p and the p before it, (2, channels, rows, columns) each."""
    shape = (2, *f.shape)
    if state is None:
        return np.zeros(shape, f.dtype), np.zeros(shape, f.dtype)
    count = channels.stop - channels.start
    p, before = np.ascontiguousarray(state[4 * channels.start : 4 * channels.stop], f.dtype).reshape(2, 2, count, *f.shape[1:])
    return p, before


def stored_core(page: Page, core: tuple[slice, slice], image: Array) -> Array:
    """The core with the colours `image`, typed units, as stored samples: rounded, and untouched where nothing is known or seen."""
    part = Page(
        page.colour[core], None if page.beside is None else page.beside[core], page.alpha, nodata=page.nodata, limits=page.limits,
    )  # fmt: skip
    found = part.successor(image)
    if page.alpha is not None and part.beside is not None:
        hidden = part.beside[:, :, page.alpha] == 0
        found.colour[hidden] = part.colour[hidden]
    samples = with_beside(found)
    return samples if samples.ndim == 3 else samples[:, :, None]
