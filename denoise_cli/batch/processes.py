"""Pictures in processes of their own: whoever is killed takes one row along, and nobody else's."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from denoise_cli.batch.run import Collector, work
from denoise_cli.errors import FAILED
from denoise_cli.large.budget import budget_of
from denoise_cli.pipeline.job import Job, failure
from denoise_cli.pipeline.report import Report
from denoise_cli.storage.ledger import Ledger
from denoise_cli.storage.writing import remove_stray_temporaries, stands_in_the_way

if TYPE_CHECKING:
    from denoise_cli.batch.run import Rows, Settle

__all__ = ["again", "run_parallel"]


def run_parallel(jobs: list[Job], settled: Settle, parallel: int, logged: bool) -> Iterator[tuple[Report, Rows]]:
    """As `batch.run_all`, `parallel` pictures at once."""
    pool = _Pool(parallel)
    waiting: deque[tuple[Job, Report | Future[tuple[Report, Rows]]]] = deque()
    upcoming = iter(jobs)
    try:
        while True:
            while len(waiting) < 2 * parallel and (job := next(upcoming, None)) is not None:
                waiting.append((job, settled(job) or pool.submit(job, logged)))
            if not waiting:
                pool.finish()
                return
            job, result = waiting[0]
            if isinstance(result, Report):
                waiting.popleft()
                yield result, []
                continue
            try:
                finished = result.result()
            except BrokenProcessPool:
                # Somebody was killed. Whoever was under way has another go, one at a time, so that the culprit is known.
                pool.restart()
                culprits = [(job, future) for job, future in waiting if not isinstance(future, Report) and not _is_done(future)]
                retried = {id(future): _alone(again(job), logged) for job, future in culprits}
                waiting = deque((job, retried.get(id(result), result)) for job, result in waiting)
                continue
            waiting.popleft()
            yield finished
    finally:
        pool.stop()


def _is_done(future: Future[Any]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


def again(job: Job) -> Job:
    """The job for another go: allowed to replace its own result, which may have appeared before its process was lost with the others."""
    if not job.recorded or not stands_in_the_way(job.output):
        return job
    state = Ledger(job.output.parent).state(job.input, job.output, job.settings.fingerprint(), partial(budget_of, job.settings))
    return replace(job, settings=replace(job.settings, overwrite=True)) if state == "done" else job


def _alone(job: Job, logged: bool) -> Future[tuple[Report, Rows]]:
    """The job in a process of its own; a Future that is done."""
    outcome: Future[tuple[Report, Rows]] = Future()
    pool = _Pool(1)
    try:
        outcome.set_result(pool.submit(job, logged).result())
    except BrokenProcessPool:
        remove_stray_temporaries(job.output.parent)
        advice = "its process was killed, probably for want of memory; use fewer --jobs, or cut the picture into tiles"
        outcome.set_result((failure(job, f"{job.input}: {advice}"), []))
    finally:
        pool.stop()
    return outcome


class _Pool:
    """Processes that can be lost and replaced. The seam for another Executor, such as a cluster's."""

    def __init__(self, parallel: int) -> None:
        self._parallel = parallel
        self._executor: Executor = self._start()

    def _start(self) -> ProcessPoolExecutor:
        # Not "fork": NumPy's and our own threads do not survive it.
        return ProcessPoolExecutor(self._parallel, multiprocessing.get_context("spawn"), initializer=_begin_worker)

    def submit(self, job: Job, logged: bool) -> Future[tuple[Report, Rows]]:
        try:
            return self._executor.submit(_work, job, logged)
        except BrokenProcessPool:
            self.restart()
            return self._executor.submit(_work, job, logged)

    def restart(self) -> None:
        self.stop()
        self._executor = self._start()

    def finish(self) -> None:
        """All is done: the processes may put their things in order."""
        self._executor.shutdown(wait=True)

    def stop(self) -> None:
        """End at once: what is under way is not waited for, and its temporary file goes with the next run."""
        processes = list((getattr(self._executor, "_processes", None) or {}).values())
        self._executor.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            with contextlib.suppress(Exception):
                process.terminate()


def _begin_worker() -> None:
    # Ctrl-C reaches the whole group; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent() -> None:
    """A parent that was killed sends no word: its processes would wait for pictures for ever, and hold their memory."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(FAILED)


def _work(job: Job, logged: bool) -> tuple[Report, Rows]:
    rows: Rows = []
    report = work(job, Collector(rows) if logged else None)
    return report, rows
