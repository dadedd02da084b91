"""Pictures → Jobs → Reports. One picture is a batch of one, and one bad picture does not stop the others."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from denoise_cli.errors import DenoiseError
from denoise_cli.large.budget import budget_of
from denoise_cli.pipeline.job import PIPE, Job, failure, run
from denoise_cli.pipeline.places import check_not_an_input, check_output
from denoise_cli.pipeline.report import Report
from denoise_cli.storage.ledger import Ledger, enter
from denoise_cli.storage.stores import is_store
from denoise_cli.storage.writing import remove_stray_temporaries, stands_in_the_way, written_into

if TYPE_CHECKING:
    from denoise_cli.large.crews import Crew
    from denoise_cli.settings import Settings
    from denoise_cli.variational import State
    from denoise_cli.variational.records import IterationRecord

__all__ = ["Cluster", "Collector", "needs_tiles", "run_all", "settler", "shared", "work", "work_by_tiles", "work_whole"]

#: Files that can be read by windows, and solved by tiles where they are larger than memory.
WINDOWED = (".tif", ".tiff", ".npy", ".zarr")
Watch = Callable[[Job], AbstractContextManager[Callable[["State"], object] | None]]
Settle = Callable[[Job], "Report | None"]
Rows = list[tuple[float | None, ...]]


class Collector:
    """Takes the rows of a log where a picture is solved elsewhere, by iterations or by sweeps over its tiles."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def __call__(self, state: State) -> None:
        self._rows.append(state.record.cells())

    def tiles(self, done: int, every: int, gap: float | None) -> None:
        """Is in no log."""

    def sweep(self, record: IterationRecord) -> None:
        self._rows.append(record.cells())


@dataclass(frozen=True)
class Cluster:
    """Dask's: the address of its scheduler, None for a local one that starts and ends with the run."""

    scheduler: str | None = None


def settler(*, skip_existing: bool) -> Settle:
    """settled(job) → a Report if there is nothing left to do for it (finished before, or hopeless), else None."""
    ledgers: dict[Path, Ledger] = {}

    def settled(job: Job) -> Report | None:
        if job.error is not None:
            return failure(job, job.error)
        if job.is_series:
            there = skip_existing and stands_in_the_way(job.output)
            return Report.of(job, "skipped", notes=("exists already",)) if there else None
        try:
            if (
                job.settings.overwrite
                or job.output == PIPE
                or (job.output.is_dir() and not is_store(job.output))
                or not stands_in_the_way(job.output)
            ):
                return None
            if skip_existing:
                return Report.of(job, "skipped", notes=("exists already",))
            if job.input != PIPE and not job.input.exists():
                return None  # the job itself will say so
            check_not_an_input(job) if job.recorded else check_output(job)
            folder = job.output.parent
            if folder not in ledgers:
                ledgers[folder] = Ledger(folder)
            state = ledgers[folder].state(job.input, job.output, job.settings.fingerprint(), partial(budget_of, job.settings))
            if state == "done" and job.residual is not None and not job.residual.exists():
                state = "residual"
        except DenoiseError as error:
            return failure(job, str(error))
        except OSError as error:
            return failure(job, f"{error.filename or job.input}: {error.strerror or error}{_way_out(error)}")
        if state == "done":
            return Report.of(job, "skipped", notes=("done before, with the same settings",))
        return failure(job, f"{job.output}: exists already, {WHY_NOT_DONE[state]}; redo it with --overwrite, keep it with --skip-existing")

    return settled


def _way_out(error: OSError) -> str:
    return "; choose a shorter name with -o or --suffix" if error.errno == errno.ENAMETOOLONG else "; check its name and permissions"


WHY_NOT_DONE = {
    "unknown": "and was not made by an earlier run that is recorded here",
    "changed": "and was changed since it was made",
    "input": "made from another state of the input",
    "another input": "made from another input",
    "settings": "made with other settings",
    "automatic": "and was made by an earlier version, whose automatic mode chose otherwise",
    "memory": "made with less memory, by another method than now",
    "residual": "but not its residual, which needs the run again",
}


def run_all(
    jobs: list[Job], settled: Settle, watch: Watch, *, parallel: int | None = None, logged: bool = False, cluster: Cluster | None = None
) -> Iterator[tuple[Report, Rows]]:
    """Reports in the order of the jobs, and the rows of their logs where they were computed elsewhere.

    With `parallel` > 1, as many pictures at once in processes of their own; at most a few more than that are in memory. With a `cluster`,
    on the workers of Dask: `parallel` of them, or one for each core, where no scheduler is told.
    """
    for folder in dict.fromkeys(job.output.parent for job in jobs if job.output != PIPE):
        remove_stray_temporaries(folder)
    if cluster is not None:
        from denoise_cli.batch.cluster import run_on_cluster  # and Dask with it

        yield from run_on_cluster(jobs, settled, watch, cluster.scheduler, parallel, logged)
        return
    if parallel is not None and parallel > 1 and len(jobs) > 1:
        from denoise_cli.batch.processes import run_parallel  # and multiprocessing with it

        yield from run_parallel(jobs, settled, parallel, logged)
        return
    for job in jobs:
        report = settled(job)
        if report is None:
            with watch(job) as on_state:
                report = work(job, on_state)
        yield report, []


def work(job: Job, on_state: Callable[[State], object] | None = None) -> Report:
    """Do the job, and enter its result in the ledger just before it appears."""
    return work_by_tiles(job, on_state) if needs_tiles(job) else work_whole(job, on_state)


def work_whole(job: Job, on_state: Callable[[State], object] | None = None) -> Report:
    """`work` on a picture that fits into memory."""
    return run(job, on_state, _seal(job))


def needs_tiles(job: Job) -> bool:
    """Whether the picture is larger than the memory for it, and can be solved by tiles; a Zarr store always is."""
    store = os.path.isdir(job.input) and is_store(job.input)  # noqa: PTH112 - says no where a name is too long, and raises nothing
    if job.error is not None or not (store or job.input.suffix.lower() in WINDOWED):
        return False
    from denoise_cli.large.eligible import is_for_tiles

    return is_for_tiles(job)


def work_by_tiles(job: Job, on_state: Callable[[State], object] | None = None, crew: Crew | None = None) -> Report:
    """`work` on a large picture, its tiles done by the crew."""
    from denoise_cli.large.by_tiles import run_by_tiles

    follower: Any = on_state if hasattr(on_state, "sweep") else None
    return run_by_tiles(job, follower, _seal(job), crew)


def _seal(job: Job) -> Callable[..., None] | None:
    def seal(temporary: Path, memory_wanted: int = 0) -> None:
        # What is no file can be read only once, and is never the same again.
        if not written_into(job.input):
            enter(job.input, job.output, temporary, job.settings.fingerprint(), memory_wanted)

    return seal if job.recorded else None


def shared(settings: Settings, parallel: int) -> Settings:
    """The settings of each of `parallel` pictures at once: as many threads that all together use every core once, and its part of the
    memory."""
    from denoise_cli.variational.strips import available_workers

    workers = settings.workers or max(1, available_workers() // parallel)
    budget = budget_of(settings)
    return replace(settings, workers=workers, memory=settings.memory if budget is None else budget // parallel)
