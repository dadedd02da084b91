"""Inputs → Jobs → Reports. One picture is a batch of one, and one bad picture does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from denoise_cli.errors import UsageError
from denoise_cli.job import Job, Report, Settings, inputs, run

if TYPE_CHECKING:
    from denoise_cli.variational import State

__all__ = ["check_log", "plan", "run_all"]

Watch = Callable[[Job], AbstractContextManager[Callable[["State"], object] | None]]


def plan(paths: list[Path], output: Path | None, settings: Settings, suffix: str = "_denoised") -> list[Job]:
    """Where each result goes: NAME_denoised.SUFFIX beside its input; `output` where one is named; into `output` where it is a directory.

    Raises UsageError if two results would land in one place.
    """
    folder = output if output is not None and output.is_dir() else None
    if output is not None and folder is None and len(paths) > 1:
        raise UsageError(f"{output}: {len(paths)} pictures cannot go into one file; give a directory that exists, or leave -o out")
    jobs, taken = [], dict[Path, Path]()
    for path in paths:
        target = (folder or path.parent) / f"{path.stem}{suffix}{path.suffix}" if output is None or folder else output
        key = target.absolute()
        if key in taken:
            raise UsageError(
                f"{path}: {target} is the result of {taken[key]} already; name each picture once, and equal names one at a time"
            )
        taken[key] = path
        jobs.append(Job(path, target, settings))
    return jobs


def check_log(log: Path | None, jobs: list[Job]) -> None:
    """Refuse a log that would overwrite a picture."""
    if log is None:
        return
    for job in jobs:
        for path in (*inputs(job), job.output):
            if log.absolute() == path.absolute() or (log.exists() and path.exists() and log.samefile(path)):
                raise UsageError(f"{log}: the log would overwrite {path}; choose another name for --log")


def run_all(jobs: Iterable[Job], watch: Watch) -> Iterator[Report]:
    """Reports in the order of the jobs; `watch(job)` gives what is to see every State of it."""
    for job in jobs:
        with watch(job) as on_state:
            report = run(job, on_state)
        yield report
