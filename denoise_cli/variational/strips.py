"""Cache-sized strips of rows, worked on by threads: NumPy ufuncs release the GIL, and a strip's temporaries never leave the cache."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

__all__ = ["Array", "Strips", "available_workers", "row_sums"]

Array = npt.NDArray[Any]
Item = TypeVar("Item")

# Measured on pictures of 512² to 2048²: smaller ones make the threads fight over the GIL, larger ones leave the cache.
LARGEST_STRIP, SMALLEST_STRIP = 512 * 1024, 256 * 1024
# Where the bounds allow: enough for four threads, and no more, whatever the number of threads, so that all give the same bits.
STRIPS_WANTED = 4
# Pixels (times channels) up to which a second thread costs more than it brings, for the transforms as well.
ALONE = 2**18


def available_workers() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Strips:
    """The rows of a planar picture (channels, *spatial) cut into strips, and the threads that walk them.

    Rows are what the first spatial axis counts: of a volume, they are planes.

    Results do not depend on `workers`, to the last bit: the cut does not, and every strip writes to places of its own. `threads` is what
    was asked for, `workers` what pays for work in NumPy and for transforms.
    """

    def __init__(self, shape: Sequence[int], dtype: npt.DTypeLike, workers: int | None = None) -> None:
        self.shape = tuple(shape)
        channels, height, *rest = self.shape
        width = math.prod(rest)
        self.dtype = np.dtype(dtype)
        self.workers = self.threads = available_workers() if workers is None else workers
        if channels * height * width <= ALONE:
            self.workers = 1
        row_bytes = channels * width * self.dtype.itemsize
        wanted = max(-(-height // STRIPS_WANTED), SMALLEST_STRIP // row_bytes)
        self.rows = max(1, min(wanted, LARGEST_STRIP // row_bytes, height))
        self._scratch: list[Array] = []
        self._threads: ThreadPoolExecutor | None = None

    def __iter__(self) -> Iterator[slice]:
        return self._cut(self.shape[1])

    def __len__(self) -> int:
        return -(-self.shape[1] // self.rows)

    def _cut(self, height: int) -> Iterator[slice]:
        return (slice(start, min(start + self.rows, height)) for start in range(0, height, self.rows))

    def over_rows(self, work: Callable[[slice], object], height: int) -> None:
        """Call work(rows) for strips of a table with `height` rows."""
        self._share(list(self._cut(height)), lambda rows, _: work(rows))

    def each(self, work: Callable[[int, slice, Array], object], planes: int = 0) -> None:
        """Call work(index, rows, scratch) for every strip; scratch is (planes, channels, rows, *rest), a thread's own, uninitialised."""
        if not self._scratch or len(self._scratch[0]) < planes:
            channels, _, *rest = self.shape
            self._scratch = [np.empty((planes, channels, self.rows, *rest), self.dtype) for _ in range(self._teams())]
        self._share(
            list(enumerate(self)),
            lambda strip, team: work(*strip, self._scratch[team][:planes, :, : strip[1].stop - strip[1].start]),
        )

    def share(self, items: list[Item], work: Callable[[Item], object], threads: int | None = None) -> None:
        """Call work(item) for each, on threads (all that were asked for, or fewer); for work that does not need the GIL."""
        self._share(items, lambda item, _: work(item), threads or self.threads)

    def totals(self, terms: Callable[[slice, Array], Array], planes: int) -> Array:
        """Σ over the picture of terms(rows, scratch), an array (kinds, rows) of row sums for each strip; float64 (kinds,)."""
        sums: list[Array] = [np.empty(0)] * len(self)

        def work(index: int, rows: slice, scratch: Array) -> None:
            sums[index] = terms(rows, scratch)

        self.each(work, planes)
        total: Array = np.concatenate(sums, axis=1).sum(axis=1)
        return total

    def _teams(self) -> int:
        return min(self.workers, len(self))

    def _share(self, items: list[Item], work: Callable[[Item, int], object], workers: int | None = None) -> None:
        teams = min(workers or self.workers, len(items))

        def walk(team: int) -> None:
            for item in items[team * len(items) // teams : (team + 1) * len(items) // teams]:
                work(item, team)

        if teams <= 1:
            walk(0)
            return
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self.threads - 1, thread_name_prefix="denoise-strips")
        others = [self._threads.submit(walk, team) for team in range(1, teams)]
        try:
            walk(0)
        finally:
            for other in others:
                other.result()


def row_sums(values: Array) -> Array:
    """Sums over all but the rows of (channels, rows, *rest), accumulated in float64: shape (rows,)."""
    total: Array = np.add.reduce(values, axis=-1, dtype=np.float64)
    while total.ndim > 2:
        total = np.add.reduce(total, axis=-1)
    if total.ndim > 1:
        total = np.add.reduce(total, axis=0)
    return total
