"""Sweeps over the tiles of one picture until cost and bound of the whole, sums over its tiles, are as near as asked for."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from denoise_cli.large.cuts import Cut, cut, largest_halo
from denoise_cli.large.patch import Patch, work_on
from denoise_cli.large.raw_table import RawTable
from denoise_cli.large.tallies import Sums, total
from denoise_cli.variational.certificate import AIM
from denoise_cli.variational.problem import BOUND_MARGIN
from denoise_cli.variational.records import IterationRecord

if TYPE_CHECKING:
    from denoise_cli.large.crews import Crew
    from denoise_cli.large.journal import Journal

__all__ = [
    "BYTES_A_VALUE",
    "BYTES_OF_A_METHOD",
    "BYTES_UNDER_L1",
    "Course",
    "Follower",
    "Nobody",
    "Swept",
    "course_of",
    "least_budget",
    "most_values",
    "solve_plane",
]

#: Bytes of a window for each of its values: f, u, p and the p before it take 24, what is read, converted and summed the rest
#: (tests/large/test_one_certificate.py holds whole runs to their budgets).
BYTES_A_VALUE = 40
#: Bytes of a process beside its windows: Python, its libraries, and what choosing leaves behind (`--memory 50MB` less what its windows
#: take, python -m benchmarks large). Where the budget is small, half of it is for windows all the same.
PROCESS_BYTES = 80 * 10**6
#: Under L1: f, u, 2u − u₋, p, and as much again while they change.
BYTES_UNDER_L1 = 88
#: Of a method that is no iteration: ONNX Runtime holds about 320 bytes a pixel of what the network sees at once.
BYTES_OF_A_METHOD = 400
#: Reading and writing the dual variable of a pixel costs as much as so many iterations on it (python -m benchmarks tile_parts).
STATE = 30.0
#: How much further a run goes at once that has missed its gap.
LEAST_FURTHER, MOST_FURTHER = 1.15, 3.0


class Follower(Protocol):
    """Somebody who is told how far it is."""

    def tiles(self, done: int, every: int, gap: float | None) -> None:
        """Tiles of a sweep that are done, of all; and the gap of the sweep before, None before there is one."""

    def sweep(self, record: IterationRecord) -> None:
        """A sweep is done: the iterations that the whole picture has had, its cost, bound and gap."""


class Nobody:
    """Who is told where nobody follows."""

    def tiles(self, done: int, every: int, gap: float | None) -> None: ...

    def sweep(self, record: IterationRecord) -> None: ...


@dataclass(frozen=True)
class Course:
    """How a picture is gone through. cut: its tiles.  stride: iterations a sweep.  keeps: whether the dual variable stays on the disk
    between the sweeps; otherwise one sweep does all iterations, and a further one begins at 0."""

    cut: Cut
    stride: int
    keeps: bool


@dataclass(frozen=True)
class Swept:
    """How it came out. iterations: that the whole picture has had.  sweeps: over all tiles.  sums: of the last of them."""

    iterations: int
    sweeps: int
    cost: float
    bound: float
    gap: float
    tiles: int
    sums: Sums


def most_values(budget: int, workers: int, bytes_a_value: float = BYTES_A_VALUE) -> int:
    """Values of a window, so that as many processes as there are workers stay within the budget."""
    each = budget / workers
    return int((each - min(PROCESS_BYTES, each / 2)) / bytes_a_value)


def least_budget(window: int, workers: int) -> int:
    """Bytes in which a window of so many bytes fits for each of the workers; `most_values` the other way round."""
    return workers * (window + min(PROCESS_BYTES, window))


def course_of(
    size: tuple[int, int], channels: int, most: int, chunk: tuple[int, int], iterations: int, room: int, beyond: int = 1
) -> Course | None:
    """The quickest way to do so many iterations with windows of `most` values; None where not even the smallest tiles fit.

    room : bytes that the disk has for the dual variable.  beyond : pixels of a halo beside one for each iteration.
    """
    pixels = most // channels
    choices: list[tuple[float, Course]] = []
    halo_most = largest_halo(pixels)
    at_once = cut(size, iterations + beyond, pixels, chunk, iterations)
    if at_once is not None and iterations + beyond <= halo_most:
        choices.append((at_once.overhead * iterations, Course(at_once, iterations, keeps=False)))
    needed = 2 * 4 * channels * size[0] * size[1] * 8
    for stride in sorted({min(iterations, max(1, halo_most // share - beyond + 1)) for share in (1, 2, 4, 8, 16)}):
        found = cut(size, stride + beyond, pixels, chunk, stride)
        if found is not None and needed <= room:
            sweeps = math.ceil(iterations / stride)
            choices.append((found.overhead * (iterations + STATE * sweeps), Course(found, stride, keeps=True)))
    if not choices:
        return None if at_once is None else Course(at_once, iterations, keeps=False)
    return min(choices, key=lambda choice: choice[0])[1]


def solve_plane(patch: Patch, wanted: int, planned: Callable[[int], Course], journal: Journal, crew: Crew, told: Follower) -> Swept:
    """Sweep until the gap is met or the iterations are at their limit. `patch` is the pattern of all: source, plane, recipe, pixels.

    wanted : iterations that a sample took.  planned(iterations) says how to go about them.
    told : hears of each tile and of each sweep.

    Raises what `work_on` raises; what is done by then is in the journal.
    """
    recipe, course = patch.recipe, planned(wanted)
    tiles, tables = course.cut.tiles, _tables(patch, course, journal)
    done, sweep, gap, best, start = 0, 0, math.inf, -math.inf, time.perf_counter()
    while True:
        now = min(course.stride, wanted - done) if course.keeps else wanted
        before, after = (tables[sweep % 2] if done else None, tables[(sweep + 1) % 2]) if tables else (None, None)
        pattern = replace(patch, first=done if course.keeps else 0, iterations=now, before=before, after=after)
        sums = journal.of(patch.plane, sweep)
        todo = [(number, replace(pattern, tile=tile)) for number, tile in enumerate(tiles) if number not in sums]
        for (number, _), added in crew.each(_work_on_numbered, todo):
            journal.enter(patch.plane, sweep, number, added)
            sums[number] = added
            told.tiles(len(sums), len(tiles), gap if sweep else None)
        whole = total(sums.values())
        cost = whole.cost
        bound = whole.proved - BOUND_MARGIN * float(np.finfo(recipe.precision).eps) * abs(cost)
        gap = max(0.0, (cost - max(best, bound)) / cost) if cost > 0 else 0.0
        done, sweep = done + now, sweep + 1
        if recipe.method is None:
            told.sweep(IterationRecord(done, cost, None, None, None, time.perf_counter() - start, bound, gap))
        # Not before all iterations that are wanted: otherwise the picture would depend on where a sweep ends, and that on the budget.
        if done >= wanted:
            best = max(best, bound)
            if gap <= recipe.gap or done >= recipe.iterations:
                return Swept(done, sweep, cost, best, gap, len(tiles), whole)
            # The gap falls like a power of the iterations between 1 and 2: enough for the smaller one, within bounds.
            further = min(MOST_FURTHER, max(LEAST_FURTHER, gap / (AIM * recipe.gap)))
            wanted = min(recipe.iterations, math.ceil(further * done))
            if not course.keeps:
                # All iterations once more from 0: the tiles that are now needed look further.
                course, done = planned(wanted), 0
                tiles, tables = course.cut.tiles, _tables(patch, course, journal)


def _work_on_numbered(item: tuple[int, Patch]) -> Sums:
    return work_on(item[1])


def _tables(patch: Patch, course: Course, journal: Journal) -> tuple[RawTable, ...]:
    """Two tables of the dual variable, by turns read and written; none where it is not kept."""
    if not course.keeps:
        return ()
    channels = len(patch.recipe.offset)
    shape = (4 * channels, *course.cut.size, 1)
    tables = [RawTable(journal.folder / f"dual-{turn}.raw", shape, np.dtype(patch.recipe.precision).str) for turn in (0, 1)]
    for table in tables:
        if not table.path.exists() or table.path.stat().st_size != table.bytes:
            table.reserve()
    return tuple(tables)
