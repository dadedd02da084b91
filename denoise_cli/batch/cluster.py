"""Pictures on a Dask cluster: some at a time by their paths, on whichever worker is free; a large one by tiles on all of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from denoise_cli.batch.processes import again
from denoise_cli.batch.run import Collector, needs_tiles, work_by_tiles, work_whole
from denoise_cli.errors import DenoiseError
from denoise_cli.large.dask_crew import AHEAD, DaskCrew, gone, is_deadly
from denoise_cli.pipeline.job import PIPE, Job, failure
from denoise_cli.pipeline.report import Report

if TYPE_CHECKING:
    from denoise_cli.batch.run import Rows, Settle, Watch

__all__ = ["run_on_cluster"]

#: What a task should take, so that what Dask itself takes for one (2 ms of a core: python -m benchmarks dask_workers) is nothing beside it.
TASK_SECONDS = 0.2
#: Pictures of a task, however quick they are.
MOST_TOGETHER = 64
#: Tasks that each worker still gets from the pictures that are left: the last ones are small, so that all workers end at about one time.
STILL_TO_COME = 2
#: What comes back for a picture: its report and the rows of its log, or None for one that is to be solved by tiles.
Found = tuple[Report, "Rows"] | None


@dataclass(frozen=True)
class _Task:
    """Pictures that go to a worker together. settled: those that need not go at all.  future: of what was found for the others, None where
    they are not sent."""

    jobs: list[Job]
    settled: list[Report | None]
    future: Any

    @property
    def sent(self) -> list[Job]:
        return [job for job, report in zip(self.jobs, self.settled, strict=True) if report is None]


def run_on_cluster(
    jobs: list[Job], settled: Settle, watch: Watch, scheduler: str | None, parallel: int | None, logged: bool
) -> Iterator[tuple[Report, Rows]]:
    """As `batch.run_all`; data goes by path, so that every worker must see the files. Raises DenoiseError where there is no cluster, or
    it goes away: what is done by then is recorded."""
    crew = DaskCrew(scheduler, parallel)
    waiting: deque[_Task] = deque()
    upcoming, together, left = iter(jobs), 1, len(jobs)
    try:
        while True:
            while len(waiting) < AHEAD * crew.workers and (
                some := list(islice(upcoming, min(together, max(1, left // (STILL_TO_COME * crew.workers)))))
            ):
                waiting.append(_begun(some, settled, crew, logged))
                left -= len(some)
            if not waiting:
                return
            task = waiting.popleft()
            found = iter(_found(task, waiting, crew, logged))
            seconds = 0.0
            for job, report in zip(task.jobs, task.settled, strict=True):
                if report is not None:
                    yield report, []
                elif (result := next(found)) is not None:
                    seconds += result[0].seconds
                    yield result
                else:
                    with watch(job) as on_state:
                        yield work_by_tiles(job, on_state, crew), []
            together = _how_many(together, len(task.sent), seconds)
    finally:
        crew.close()


def _how_many(now: int, done: int, seconds: float) -> int:
    """Pictures of the next task, by what the last one took: never more than twice as many as now, because pictures differ."""
    if not done:
        return now
    wanted = TASK_SECONDS * done / seconds if seconds > 0 else MOST_TOGETHER
    return max(1, min(MOST_TOGETHER, 2 * now, round(wanted)))


def _begun(jobs: list[Job], settled: Settle, crew: DaskCrew, logged: bool) -> _Task:
    reports = [settled(job) or _refused(job) for job in jobs]
    # A worker has as many tasks at once as it has threads, so that each takes one.
    alone = [
        replace(job, settings=replace(job.settings, workers=job.settings.workers or 1))
        for job, report in zip(jobs, reports, strict=True) if report is None
    ]  # fmt: skip
    if not alone or (crew.is_starting and len(alone) == 1 and needs_tiles(alone[0])):
        # A worker would find out as well, but a local cluster takes a second to start: time for the sample of a large picture.
        return _Task(jobs, reports, None)
    return _Task(jobs, reports, crew.submit(_work, (alone, logged)))


def _refused(job: Job) -> Report | None:
    if PIPE in (job.input, job.output):
        return failure(job, f"{job.input}: standard input and output are not on the cluster; name files")
    return None


def _found(task: _Task, waiting: deque[_Task], crew: DaskCrew, logged: bool) -> list[Found]:
    """What came back for the pictures that were sent. Raises DenoiseError where the cluster is lost."""
    if task.future is None:
        return [None] * len(task.sent)
    try:
        return _result(task.future, crew)
    except _NothingCameBack:
        # Dask blames everything that a lost worker had before it, and one of these is the culprit. So each goes alone, when nothing
        # else is under way that could be blamed for it.
        for other in waiting:
            if other.future is not None:
                crew.wait(other.future)
    found: list[Found] = []
    for job in task.sent:
        one = _begun([job], lambda _: None, crew, logged)
        try:
            found += _result(one.future, crew)
        except _NothingCameBack as error:
            found.append((failure(job, f"{job.input}: {error}"), []))
    return found


class _NothingCameBack(Exception):
    """The task killed its workers, or could not be told or read there."""


def _result(future: Any, crew: DaskCrew) -> list[Found]:
    try:
        found: list[Found] = future.result()
    except Exception as error:
        said = gone(error, crew.at)
        if said is not None and not is_deadly(error):
            raise DenoiseError(said) from error
        raise _NothingCameBack(said or f"{type(error).__name__}: {error}") from error
    return found


def _work(item: tuple[list[Job], bool]) -> list[Found]:
    """On a worker. A picture that comes here a second time, because its worker died, may have its result by now, and may replace it."""
    jobs, logged = item
    found: list[Found] = []
    for job in jobs:
        rows: Rows = []
        try:
            found.append(None if needs_tiles(job) else (work_whole(again(job), Collector(rows) if logged else None), rows))
        except Exception as error:  # Dask itself is told of none: what it cannot send back, its client waits for without end
            found.append((failure(job, f"{job.input}: {type(error).__name__}: {error}; this is a defect of denoise, please report it"), []))
    return found
