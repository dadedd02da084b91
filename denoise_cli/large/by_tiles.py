"""A job whose picture is larger than the memory that it may take: sample, plan, sweep over tiles, assemble."""

from __future__ import annotations

import errno
import math
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from denoise_cli.errors import DenoiseError
from denoise_cli.large.assemble import assemble, kind_of
from denoise_cli.large.budget import budget_of
from denoise_cli.large.crews import Crew, SerialCrew
from denoise_cli.large.cuts import GRAIN, LARGEST_WINDOW, Cell, Cut, cut
from denoise_cli.large.decided import MEMORY_WANTED, decided, megabytes
from denoise_cli.large.eligible import check_by_tiles
from denoise_cli.large.journal import Journal
from denoise_cli.large.patch import Patch
from denoise_cli.large.raw_table import RawTable
from denoise_cli.large.recipe import Recipe
from denoise_cli.large.spread import iterations_for, sample_of, sample_values
from denoise_cli.large.sweeps import (
    BYTES_A_VALUE,
    BYTES_OF_A_METHOD,
    Course,
    Follower,
    Nobody,
    Swept,
    course_of,
    least_budget,
    most_values,
    solve_plane,
)
from denoise_cli.large.windows import Source, open_windows
from denoise_cli.methods.method import Outcome
from denoise_cli.pipeline.job import Job, failure
from denoise_cli.pipeline.report import Report, notes_of, numbers_of, plan_of
from denoise_cli.storage.stores import state_of
from denoise_cli.variational import Solution, Status

__all__ = ["run_by_tiles"]

Seal = Callable[[Path, int], None]
#: A disk, a share of it, or a file that cannot grow.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def run_by_tiles(job: Job, told: Follower | None = None, seal: Seal | None = None, crew: Crew | None = None) -> Report:
    """Do the job; an error becomes a Report that says so. The input is never touched, the output appears whole or not at all.

    What is done by the time of an error or an interruption stays in a folder beside the result, and the same command goes on from there.
    """
    start = time.perf_counter()
    try:
        report = _run(job, told or Nobody(), seal, crew or SerialCrew())
        return replace(report, seconds=time.perf_counter() - start)
    except DenoiseError as error:
        return failure(job, str(error), time.perf_counter() - start)
    except (ValueError, TypeError) as error:
        return failure(job, f"{job.input}: {error}", time.perf_counter() - start)
    except OSError as error:
        kept = "what is done is kept: make room, and the same command goes on" if error.errno in NO_ROOM else "check the disk"
        return failure(job, f"{job.output}: cannot be written ({error.strerror or error}); {kept}", time.perf_counter() - start)
    except MemoryError:
        return failure(job, f"{job.input}: not enough memory for its tiles; give less --memory, so that they are smaller")
    except Exception as error:
        return failure(job, f"{job.input}: {type(error).__name__}: {error}; this is a defect of denoise, please report it")


def _run(job: Job, told: Follower, seal: Seal | None, crew: Crew) -> Report:
    settings = job.settings
    source = open_windows(job.input, axes=settings.axes, nodata=settings.nodata or (), limits=settings.limits)
    if source is None:
        raise DenoiseError(f"{job.input}: cannot be read by windows; convert it to a tiled TIFF first")
    kind = kind_of(job.output, job.kind, source)
    check_by_tiles(job)
    budget = budget_of(settings) or 2**31
    journal = Journal(job.output, _key(job, source))
    try:
        if "sample" not in journal.facts:
            journal.keep("sample", sample_values(budget))
        pixels = _pixels_table(journal, source, kind)
        pages, swept = [], []
        for plane in range(source.planes):
            outcome, how = _plane(job, source, plane, pixels, journal, crew, budget, told)
            pages.append(outcome)
            swept.append(how)
        wanted = max(page.plan.details.get(MEMORY_WANTED, 0) for page in pages)
        losses = _assembled(job, kind, pixels, source, journal, _sealing(job, seal, wanted))
    except BaseException:
        journal.close()
        if not journal.facts.get("begun"):
            journal.remove()
        raise
    journal.remove()
    details = numbers_of(pages) | plan_of(pages)
    count = sum(how.tiles for how in swept)
    sweeps = max(how.sweeps for how in swept)
    tiled = (f"solved in {count} tiles" + (f", {sweeps} sweeps over them" if sweeps > 1 else ""),) if count > source.planes else ()
    shape = (*source.size, *((source.kind.colours,) if source.kind.colours > 1 else ()))
    notes = (*tiled, *source.notes, *notes_of(pages), *losses)
    return Report.of(job, details.pop("status"), shape=shape, depth=str(source.dtype), notes=tuple(dict.fromkeys(notes)), **details)


def _assembled(job: Job, kind: str, pixels: RawTable, source: Source, journal: Journal, seal: Callable[[Path], None]) -> list[str]:
    try:
        return assemble(job.output, kind, pixels, source, journal.folder, overwrite=job.settings.overwrite, seal=seal)
    except DenoiseError as error:
        if not isinstance(error.__cause__, OSError):
            raise
        # NumPy says how many bytes it could write, and not why no more.
        said = error.__cause__.strerror or "no room for the whole of it"
        raise DenoiseError(
            f"{job.output}: cannot be written ({said}); all tiles are done and kept: make room, and the same command goes on"
        ) from error


def _key(job: Job, source: Source) -> dict[str, Any]:
    """What a half-finished result is of: input, settings, the form of the table."""
    from denoise_cli import __version__

    size, changed = state_of(job.input)
    try:
        settings = job.settings.fingerprint()
    except OSError as error:
        raise DenoiseError(f"{error.filename}: cannot be read ({error.strerror}); check its name and permissions") from error
    return {
        "version": __version__, "input": os.fsencode(job.input.absolute()).decode("utf-8", "replace"), "changed": changed,
        "bytes": size, "settings": settings, "size": source.size, "planes": source.planes,
    }  # fmt: skip


def _pixels_table(journal: Journal, source: Source, kind: str) -> RawTable:
    """Where the finished pixels gather: an .npy file, which is the result already where that is wanted."""
    samples = source.kind.samples
    shape = (*((source.planes,) if source.planes > 1 else ()), *source.size, *((samples,) if samples > 1 else ()))
    if kind == "npy" and source.path.suffix.lower() == ".npy":
        shape = np.load(source.path, mmap_mode="r").shape
    table = (source.planes, *source.size, samples)
    if "offset" in journal.facts:
        return RawTable(journal.folder / "pixels.npy", table, source.dtype.str, journal.facts["offset"])
    try:
        made = RawTable.npy(journal.folder / "pixels.npy", shape, table, source.dtype)
    except OSError as error:
        needed = math.prod(table) * source.dtype.itemsize
        raise DenoiseError(
            f"{journal.folder.parent}: has no room for a result of {needed:,} bytes ({error.strerror}); choose another place with -o"
        ) from error
    journal.keep("offset", made.offset)
    return made


def _plane(
    job: Job, source: Source, plane: int, pixels: RawTable, journal: Journal, crew: Crew, budget: int, told: Follower
) -> tuple[Outcome, Swept]:
    """One picture of the file."""
    page = sample_of(source, plane, journal.facts["sample"])
    name = f"plane {plane}"

    def wanting(recipe: Recipe) -> int:
        """As found before, where a run goes on: another budget would take another method."""
        if (entry := f"{name}, memory wanted") not in journal.facts:
            needs = _least_budget(source, recipe, crew.workers)
            journal.keep(entry, needs if needs > budget else 0)
        return int(journal.facts[entry])

    recipe, plan = decided(page, job.settings, wanting)
    own = BYTES_OF_A_METHOD if recipe.method else BYTES_A_VALUE * np.dtype(recipe.precision).itemsize / 4
    most = most_values(budget, crew.workers, own)
    patch = Patch(
        job.input, state_of(job.input)[1], job.settings.axes, source.kind, plane, Cell(slice(0, 0), slice(0, 0), 0, 0, 0, 0),
        recipe, 0, 1, pixels,
    )  # fmt: skip
    wanted = 1 if recipe.method is not None else journal.facts.get(name) or iterations_for(page, recipe)
    if name not in journal.facts:
        journal.keep(name, wanted)

    def planned(iterations: int) -> Course:
        """As decided before, where a run goes on: another budget would cut otherwise."""
        entry = f"{name}, {iterations} iterations"
        if entry in journal.facts:
            tall, wide, halo, stride, keeps = journal.facts[entry]
            return Course(Cut(source.size, tall, wide, halo), stride, keeps)
        course = _course(source, recipe, most, iterations, journal.folder)
        if course is None:
            enough = f", {megabytes(_least_budget(source, recipe, crew.workers))} at least" if recipe.method is not None else ""
            whose = "" if recipe.method is None else f" of {recipe.method.name}"
            raise DenoiseError(f"{job.input}: the smallest tiles{whose} do not fit into {budget:,} bytes; give it more --memory{enough}")
        own = course.cut
        journal.keep("begun", True)
        journal.keep(entry, [own.height, own.width, own.halo, course.stride, course.keeps])
        return course

    swept = solve_plane(patch, wanted, planned, journal, crew, told)
    status = Status.DONE if recipe.method else Status.CONVERGED if swept.gap <= recipe.gap else Status.ITERATION_LIMIT
    proof: dict[str, Any] = {"cost": math.nan} if recipe.method else {"cost": swept.cost, "bound": swept.bound, "gap": swept.gap}
    solution = Solution(np.empty(0), swept.iterations if recipe.method is None else 0, status=status, **proof)
    return Outcome(plan, solution), swept


def _course(source: Source, recipe: Recipe, most: int, iterations: int, folder: Path) -> Course | None:
    colours = source.kind.colours
    if recipe.method is not None:
        halo = _halo(recipe)
        found = cut(source.size, halo, most // colours, source.chunk)
        return None if found is None else Course(found, 1, keeps=False)
    room = shutil.disk_usage(folder).free
    return course_of(source.size, colours, min(most, LARGEST_WINDOW), source.chunk, iterations, room)


def _halo(recipe: Recipe) -> int:
    """How far the tiles of a method look beyond their edges, in pixels."""
    return math.ceil(recipe.reach / GRAIN) * GRAIN


def _least_budget(source: Source, recipe: Recipe, workers: int) -> int:
    """Bytes that the smallest tiles of a method need. `cut` may have to make their cores two grains wide, so that they fill a picture."""
    tall, wide = (min(side, 2 * _halo(recipe) + 2 * GRAIN) for side in source.size)
    return least_budget(tall * wide * source.kind.colours * BYTES_OF_A_METHOD, workers)


def _sealing(job: Job, seal: Seal | None, wanted: int) -> Callable[[Path], None]:
    def finish(temporary: Path) -> None:
        if job.settings.preserve_times:
            status = job.input.stat()
            os.utime(temporary, ns=(status.st_atime_ns, status.st_mtime_ns))
        if seal is not None:
            seal(temporary, wanted)

    return finish
