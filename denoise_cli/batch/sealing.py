"""What happens to a finished result just before it gets its name: time stamps, and a line in the ledger."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from denoise_cli.pipeline.job import PIPE, Job
from denoise_cli.storage.ledger import enter

__all__ = ["seal_of"]


def seal_of(job: Job) -> Callable[[Path], None]:
    """A function of the temporary file that is about to become the result of `job`."""

    def seal(temporary: Path) -> None:
        if job.settings.preserve_times and job.input != PIPE:
            status = job.input.stat()
            os.utime(temporary, ns=(status.st_atime_ns, status.st_mtime_ns))
        if job.recorded:
            enter(job.input, job.output, temporary, job.settings.fingerprint())

    return seal
