"""Pictures → Jobs → Reports. One picture is a batch of one, and one bad picture does not stop the others."""

from __future__ import annotations

import contextlib
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from denoise_cli.errors import DenoiseError, UsageError
from denoise_cli.inputs import Found
from denoise_cli.job import PIPE, Job, Report, Settings, check_not_an_input, check_output, failure, inputs, run
from denoise_cli.ledger import Ledger
from denoise_cli.writing import remove_stray_temporaries

if TYPE_CHECKING:
    from denoise_cli.variational import State

__all__ = ["Outputs", "check_log", "plan", "run_all", "settler", "workers_for"]

Watch = Callable[[Job], AbstractContextManager[Callable[["State"], object] | None]]
Settle = Callable[[Job], "Report | None"]
Rows = list[tuple[float | None, ...]]


class Outputs:
    """Where results go: beside the input as NAME and `mark`, into one file, or mirrored into a folder under their own names."""

    def __init__(
        self, output: Path | None, *, several: bool, suffix: str | None, kind: str | None, extension: str | None, mark: str = "_denoised"
    ) -> None:
        self.folder = output if output is not None and output != PIPE and (several or output.is_dir()) else None
        self.file = output if self.folder is None else None
        self.kind, self.extension = kind, extension
        self.suffix = suffix if suffix is not None else ("" if self.folder else mark)

    def of(self, found: Found) -> Path:
        if self.file is not None:
            return self.file
        if found.path == PIPE:
            return PIPE if self.folder is None else self.folder / f"stdin{self.suffix}{self.extension or '.png'}"
        place = self.folder / found.relative.parent if self.folder else found.path.parent
        return place / f"{found.path.stem}{self.suffix}{self.extension or found.path.suffix}"


def plan(pictures: Iterable[Found], outputs: Outputs, settings: Settings, *, recorded: bool) -> list[Job]:
    """A Job for each picture. Raises UsageError if two results would land in one place."""
    jobs, taken = [], dict[Path, Path]()
    for found in pictures:
        target = outputs.of(found)
        if found.error is None and target != PIPE:
            key = target.absolute()
            if key in taken:
                raise UsageError(
                    f"{found.path}: {target} would be the result of {taken[key]} as well; "
                    "name each picture once, or give --suffix or another -o"
                )
            taken[key] = found.path
        jobs.append(Job(found.path, target, settings, outputs.kind, recorded and found.path != PIPE, found.error))
    return jobs


def check_log(log: Path | None, jobs: list[Job]) -> None:
    """Refuse a log that would overwrite a picture."""
    if log is None:
        return
    for job in jobs:
        for path in (*inputs(job), job.output):
            if log.absolute() == path.absolute() or (log.exists() and path.exists() and log.samefile(path)):
                raise UsageError(f"{log}: the log would overwrite {path}; choose another name for --log")


def settler(*, skip_existing: bool) -> Settle:
    """settled(job) → a Report if there is nothing left to do for it (finished before, or hopeless), else None."""
    ledgers: dict[Path, Ledger] = {}

    def settled(job: Job) -> Report | None:
        if job.error is not None:
            return failure(job, job.error)
        if job.settings.overwrite or job.output == PIPE or not job.output.is_file():
            return None
        if skip_existing:
            return Report.of(job, "skipped", notes=("exists already",))
        try:
            check_output(job) if not job.recorded else check_not_an_input(job)
            folder = job.output.parent
            if folder not in ledgers:
                ledgers[folder] = Ledger(folder)
            state = ledgers[folder].state(job.input, job.output, job.settings.fingerprint())
        except DenoiseError as error:
            return failure(job, str(error))
        except OSError as error:
            return failure(job, f"{job.input}: cannot be read ({error.strerror}); check its permissions")
        if state == "done":
            return Report.of(job, "skipped", notes=("done before, with the same settings",))
        return failure(job, f"{job.output}: exists already, {WHY_NOT_DONE[state]}; redo it with --overwrite, keep it with --skip-existing")

    return settled


WHY_NOT_DONE = {
    "unknown": "and was not made by an earlier run",
    "changed": "and was changed since it was made",
    "input": "made from another state of the input",
    "settings": "made with other settings",
}


def run_all(jobs: list[Job], settled: Settle, watch: Watch, *, parallel: int = 1, logged: bool = False) -> Iterator[tuple[Report, Rows]]:
    """Reports in the order of the jobs, and the rows of their logs where they were computed elsewhere.

    With `parallel` > 1, as many pictures at once in processes of their own; at most a few more than that are in memory.
    """
    for folder in dict.fromkeys(job.output.parent for job in jobs if job.output != PIPE):
        remove_stray_temporaries(folder)
    if parallel > 1 and len(jobs) > 1:
        yield from _run_parallel(jobs, settled, parallel, logged)
        return
    for job in jobs:
        report = settled(job)
        if report is None:
            with watch(job) as on_state:
                report = run(job, on_state)
        yield report, []


def _run_parallel(jobs: list[Job], settled: Settle, parallel: int, logged: bool) -> Iterator[tuple[Report, Rows]]:
    pool = _Pool(parallel)
    waiting: deque[tuple[Job, Report | Future[tuple[Report, Rows]]]] = deque()
    upcoming = iter(jobs)
    try:
        while True:
            while len(waiting) < 2 * parallel and (job := next(upcoming, None)) is not None:
                waiting.append((job, settled(job) or pool.submit(job, logged)))
            if not waiting:
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
                retried = {id(future): _alone(_again(job), logged) for job, future in culprits}
                waiting = deque((job, retried.get(id(result), result)) for job, result in waiting)
                continue
            waiting.popleft()
            yield finished
    finally:
        pool.stop()


def _is_done(future: Future[Any]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


def _again(job: Job) -> Job:
    """The job for another go: allowed to replace its own result, which may have appeared before its process was lost with the others."""
    if not job.recorded or not job.output.is_file():
        return job
    state = Ledger(job.output.parent).state(job.input, job.output, job.settings.fingerprint())
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
        import multiprocessing

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


def _work(job: Job, logged: bool) -> tuple[Report, Rows]:
    rows: Rows = []
    report = run(job, (lambda state: rows.append(state.record.cells())) if logged else None)
    return report, rows


def workers_for(parallel: int) -> int:
    """Threads for each of `parallel` pictures, so that all together use every core once."""
    from denoise_cli.variational.strips import available_workers

    return max(1, available_workers() // parallel)
