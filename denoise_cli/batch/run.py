"""Pictures → Jobs → Reports. One picture is a batch of one, and one bad picture does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from denoise_cli.batch.inputs import Found
from denoise_cli.errors import DenoiseError, UsageError
from denoise_cli.pipeline.job import PIPE, Job, Report, Settings, check_not_an_input, check_output, failure, inputs, run
from denoise_cli.storage.ledger import Ledger, enter
from denoise_cli.storage.writing import remove_stray_temporaries, stands_in_the_way

if TYPE_CHECKING:
    from denoise_cli.variational import State

__all__ = ["Outputs", "check_log", "plan", "run_all", "settler", "work", "workers_for"]

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
        jobs.append(
            Job(
                found.path, target, settings, outputs.kind, recorded and found.path != PIPE, found.error,
                named_after_input=() if outputs.file is not None or found.path == PIPE else (target,),
            )
        )  # fmt: skip
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
        try:
            if job.settings.overwrite or job.output == PIPE or job.output.is_dir() or not stands_in_the_way(job.output):
                return None
            if skip_existing:
                return Report.of(job, "skipped", notes=("exists already",))
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

    def seal(temporary: Path) -> None:
        enter(job.input, job.output, temporary, job.settings.fingerprint())

    return run(job, on_state, seal if job.recorded else None)


def workers_for(parallel: int) -> int:
    """Threads for each of `parallel` pictures, so that all together use every core once."""
    from denoise_cli.variational.strips import available_workers

    return max(1, available_workers() // parallel)
