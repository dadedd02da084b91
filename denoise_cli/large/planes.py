"""One plane of a large picture: by tiles where they can do what is told, else the whole plane where it fits into memory."""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from denoise_cli.errors import DenoiseError
from denoise_cli.formats.picture import with_beside
from denoise_cli.large.companions import clean_of, level_of
from denoise_cli.large.cuts import GRAIN, LARGEST_WINDOW, Cell, Cut, cut
from denoise_cli.large.decided import decided, megabytes
from denoise_cli.large.patch import Patch, problem_of
from denoise_cli.large.spread import iterations_for, sample_of, spread
from denoise_cli.large.sweeps import (
    BYTES_A_VALUE,
    BYTES_OF_A_METHOD,
    BYTES_UNDER_L1,
    Course,
    Swept,
    course_of,
    least_budget,
    most_values,
    solve_plane,
)
from denoise_cli.large.tallies import Sums, against, taken_out
from denoise_cli.large.windows import page_of
from denoise_cli.methods.method import Outcome
from denoise_cli.pipeline.beside import Beside
from denoise_cli.pipeline.plan import planned, subject_of
from denoise_cli.storage.stores import state_of
from denoise_cli.variational import Solution, Status

if TYPE_CHECKING:
    from pathlib import Path

    from denoise_cli.large.crews import Crew
    from denoise_cli.large.journal import Journal
    from denoise_cli.large.raw_table import RawTable
    from denoise_cli.large.recipe import Recipe
    from denoise_cli.large.sweeps import Follower
    from denoise_cli.large.tiled_table import Pixels
    from denoise_cli.large.windows import Array, Source
    from denoise_cli.pipeline.job import Job

__all__ = ["Work", "plane_by_tiles", "whole_plane"]

#: Bytes of a window for each value that is compared with a clean one, or taken from the input: float64, three at a time.
BYTES_COMPARED = 24
#: Bytes of a window for each pixel of a map of λ: as it is read, times λ, and in the solver's precision.
BYTES_OF_A_MAP = 20


@dataclass(frozen=True)
class Work:
    """What all planes of a picture share.

    pixels: where the result gathers.  removed: where input − result gathers, None where nobody asked for it.
    """

    job: Job
    source: Source
    pixels: Pixels
    removed: RawTable | None
    journal: Journal
    crew: Crew
    budget: int
    told: Follower


def plane_by_tiles(work: Work, plane: int) -> tuple[Outcome, Swept]:
    """Raises NotByTiles where they cannot do what is told, DenoiseError, OSError."""
    job, source, journal = work.job, work.source, work.journal
    settings, workers = job.settings, work.crew.workers
    values = journal.facts["sample"]
    page, name = sample_of(source, plane, values), f"plane {plane}"

    def wanting(recipe: Recipe) -> int:
        """As found before, where a run goes on: another budget would take another method."""
        if (entry := f"{name}, memory wanted") not in journal.facts:
            needs = _least_budget(source, recipe, workers)
            journal.keep(entry, needs if needs > work.budget else 0)
        return int(journal.facts[entry])

    recipe, plan = decided(page, settings, wanting)
    axes = settings.axes_beside
    map_of, clean = level_of(settings.lambda_map, source, axes), clean_of(settings.reference, source, axes)
    level: Array | None = None
    if map_of is not None:
        shown = max(1, values // source.kind.colours)
        level = map_of.values(spread(map_of.source, plane if map_of.source.planes > 1 else 0, shown))[:, :, 0]
    solving = BYTES_UNDER_L1 if recipe.fidelity == "l1" else BYTES_A_VALUE
    own = BYTES_OF_A_METHOD if recipe.method else solving * np.dtype(recipe.precision).itemsize / 4
    own += (BYTES_COMPARED if clean or work.removed else 0) + (BYTES_OF_A_MAP if map_of else 0)
    most = most_values(work.budget - workers * _held_by_decoding(work), workers, own)
    patch = Patch(
        job.input, state_of(job.input)[1], settings.axes, source.kind, plane, Cell(slice(0, 0), slice(0, 0), 0, 0, 0, 0),
        recipe, 0, 1, work.pixels, level=map_of, clean=clean, removed=work.removed,
    )  # fmt: skip
    wanted = 1 if recipe.method is not None else journal.facts.get(name) or iterations_for(page, recipe, level)
    if name not in journal.facts:
        journal.keep(name, wanted)

    def planned_course(iterations: int) -> Course:
        """As decided before, where a run goes on: another budget would cut otherwise."""
        entry = f"{name}, {iterations} iterations"
        if entry in journal.facts:
            tall, wide, halo, stride, keeps = journal.facts[entry]
            return Course(Cut(source.size, tall, wide, halo), stride, keeps)
        course = _course(source, recipe, most, iterations, journal.folder)
        if course is None:
            enough = f", {megabytes(_least_budget(source, recipe, workers))} at least" if recipe.method is not None else ""
            whose = "" if recipe.method is None else f" of {recipe.method.name}"
            raise DenoiseError(
                f"{job.input}: the smallest tiles{whose} do not fit into {work.budget:,} bytes; give it more --memory{enough}"
            )
        own = course.cut
        journal.keep("begun", True)
        journal.keep(entry, [own.height, own.width, own.halo, course.stride, course.keeps])
        return course

    swept = solve_plane(patch, wanted, planned_course, journal, work.crew, work.told)
    status = Status.DONE if recipe.method else Status.CONVERGED if swept.gap <= recipe.gap else Status.ITERATION_LIMIT
    proof: dict[str, Any] = {"cost": math.nan} if recipe.method else {"cost": swept.cost, "bound": swept.bound, "gap": swept.gap}
    if recipe.fidelity == "l1" and map_of is None:
        proof["input_is_a_minimiser"] = _comes_back(recipe, source.size)
    solution = Solution(np.empty(0), swept.iterations if recipe.method is None else 0, status=status, **proof)
    return Outcome(plan, solution), swept


def whole_plane(work: Work, plane: int) -> tuple[Outcome, Swept]:
    """A plane that fits into memory, as any page is done. Raises ValueError, TypeError, DenoiseError, OSError."""
    source, settings = work.source, work.job.settings
    height, width = source.size
    page = page_of(source.read(plane, slice(0, height), slice(0, width)), source.kind)
    subject = subject_of(page, settings, Beside(settings, work.job.input), numbers=(plane,), pages=source.planes)
    plan = planned(subject, settings)
    solution = plan.method.run(subject, plan)
    image = solution.image
    filled_in = subject.filled_in
    fill = settings.fill if settings.fill or isinstance(filled_in, bool) else filled_in
    work.pixels.write(plane, slice(0, height), slice(0, width), with_beside(page.successor(image, fill=fill)))
    told: dict[str, Any] = {}
    shape = (height, width, -1)
    known, image = subject.scale.known, np.asarray(image).reshape(shape)
    if subject.reference is not None:
        told |= against(np.asarray(subject.reference).reshape(shape), image, known)
    if work.removed is not None:
        difference = subject.scale.floats(page.colour).reshape(shape) - image
        told |= taken_out(difference, known)
        work.removed.write(plane, slice(0, height), slice(0, width), difference)
    sums = Sums(solution.cost, solution.bound or -math.inf, **told)
    swept = Swept(solution.iterations, 1, solution.cost, sums.bound, solution.gap or 0.0, 1, sums)
    return Outcome(plan, replace(solution, image=np.empty(0))), swept


def _held_by_decoding(work: Work) -> int:
    """Bytes of one tile, strip or chunk of the source, which is decoded whole. Raises DenoiseError where that alone is too much."""
    source = work.source
    held = 0 if source.is_read_in_place else math.prod(source.chunk) * source.kind.samples * source.dtype.itemsize
    needed = 2 * work.crew.workers * held
    if needed > work.budget:
        size = f"{source.chunk[1]} × {source.chunk[0]} pixels"
        raise DenoiseError(
            f"{work.job.input}: is stored in pieces of {size}, each read as a whole: {work.budget:,} bytes are too few; "
            f"give it --memory {megabytes(needed)}, or store it in smaller tiles"
        )
    return held


def _comes_back(recipe: Recipe, size: tuple[int, int]) -> bool:
    """Whether λ is so small that L1 leaves every picture as it is, which a few pixels tell as well as all."""
    few = np.zeros((len(recipe.offset), *(min(side, 8) for side in size)), recipe.precision)
    return problem_of(few, recipe.parts[0][1], None, recipe).input_is_a_minimiser()


def _course(source: Source, recipe: Recipe, most: int, iterations: int, folder: Path) -> Course | None:
    colours = source.kind.colours
    if recipe.method is not None:
        halo = _halo(recipe)
        found = cut(source.size, halo, most // colours, source.chunk)
        return None if found is None else Course(found, 1, keeps=False)
    room = shutil.disk_usage(folder).free
    return course_of(source.size, colours, min(most, LARGEST_WINDOW), source.chunk, iterations, room, recipe.beyond)


def _halo(recipe: Recipe) -> int:
    """How far the tiles of a method look beyond their edges, in pixels."""
    return math.ceil(recipe.reach / GRAIN) * GRAIN


def _least_budget(source: Source, recipe: Recipe, workers: int) -> int:
    """Bytes that the smallest tiles of a method need. `cut` may have to make their cores two grains wide, so that they fill a picture."""
    tall, wide = (min(side, 2 * _halo(recipe) + 2 * GRAIN) for side in source.size)
    return least_budget(tall * wide * source.kind.colours * BYTES_OF_A_METHOD, workers)
