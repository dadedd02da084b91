"""Pictures on a Dask cluster: each by its path, on whichever worker is free; a large one by tiles on all of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from denoise_cli.batch.processes import again
from denoise_cli.batch.run import needs_tiles, work, work_by_tiles
from denoise_cli.errors import DenoiseError
from denoise_cli.large.dask_crew import AHEAD, DaskCrew, gone, is_deadly
from denoise_cli.pipeline.job import PIPE, Job, failure
from denoise_cli.pipeline.report import Report

if TYPE_CHECKING:
    from denoise_cli.batch.run import Rows, Settle, Watch

__all__ = ["run_on_cluster"]


def run_on_cluster(
    jobs: list[Job], settled: Settle, watch: Watch, scheduler: str | None, parallel: int | None, logged: bool
) -> Iterator[tuple[Report, Rows]]:
    """As `batch.run_all`; data goes by path, so that every worker must see the files. Raises DenoiseError where there is no cluster, or
    it goes away: what is done by then is recorded."""
    crew = DaskCrew(scheduler, parallel)
    waiting: deque[tuple[Job, Any]] = deque()
    upcoming = iter(jobs)
    try:
        while True:
            while len(waiting) < AHEAD * crew.workers and (job := next(upcoming, None)) is not None:
                waiting.append((job, settled(job) or _begun(job, crew, logged)))
            if not waiting:
                return
            job, result = waiting.popleft()
            if isinstance(result, Report):
                yield result, []
            elif result is None:
                with watch(job) as on_state:
                    yield work_by_tiles(job, on_state, crew), []
            else:
                yield _finished(job, result, crew)
    finally:
        crew.close()


def _begun(job: Job, crew: DaskCrew, logged: bool) -> Any:
    """A future of the picture; None for one that is solved here, its tiles on the cluster, when it is its turn."""
    if needs_tiles(job):
        return None
    if PIPE in (job.input, job.output):
        return failure(job, f"{job.input}: standard input and output are not on the cluster; name files")
    # A worker has as many tasks at once as it has threads, so that each takes one.
    alone = replace(job, settings=replace(job.settings, workers=job.settings.workers or 1))
    return crew.submit(_work, (alone, logged))


def _finished(job: Job, future: Any, crew: DaskCrew) -> tuple[Report, Rows]:
    try:
        finished: tuple[Report, Rows] = future.result()
    except Exception as error:
        said = gone(error, crew.at)
        if said is not None and not is_deadly(error):
            raise DenoiseError(said) from error
        return failure(job, f"{job.input}: {said or f'{type(error).__name__}: {error}'}"), []
    return finished


def _work(item: tuple[Job, bool]) -> tuple[Report, Rows]:
    """On a worker. A picture that comes here a second time, because its worker died, may have its result by now, and may replace it."""
    job, logged = item
    rows: Rows = []
    report = work(again(job), (lambda state: rows.append(state.record.cells())) if logged else None)
    return report, rows
