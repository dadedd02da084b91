"""A job whose picture is larger than the memory that it may take: sample, plan, sweep over tiles, assemble."""

from __future__ import annotations

import errno
import math
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from denoise_cli.errors import DenoiseError
from denoise_cli.large.assemble import assemble, begun, begun_before, kind_of
from denoise_cli.large.budget import budget_of
from denoise_cli.large.crews import Crew, SerialCrew
from denoise_cli.large.decided import MEMORY_WANTED
from denoise_cli.large.eligible import check_by_tiles, needs_whole_planes, plane_fits
from denoise_cli.large.journal import Journal
from denoise_cli.large.planes import Work, plane_by_tiles, whole_plane
from denoise_cli.large.raw_table import RawTable
from denoise_cli.large.recipe import NotByTiles
from denoise_cli.large.removed import written_residual
from denoise_cli.large.spread import sample_values
from denoise_cli.large.sweeps import Follower, Nobody, Swept
from denoise_cli.large.tallies import psnr_of_sums
from denoise_cli.large.tiled_table import Pixels
from denoise_cli.large.windows import Source, open_windows
from denoise_cli.methods.method import Outcome
from denoise_cli.pipeline.job import Job, failure
from denoise_cli.pipeline.report import Report, notes_of, numbers_of, plan_of, pooled
from denoise_cli.storage.stores import state_of

__all__ = ["run_by_tiles"]

Seal = Callable[[Path, int], None]
#: A disk, a share of it, or a file that cannot grow.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def run_by_tiles(job: Job, told: Follower | None = None, seal: Seal | None = None, crew: Crew | None = None) -> Report:
    """Do the job; an error becomes a Report that says so. The input is never touched, the output appears whole or not at all.

    What is done by the time of an error or an interruption stays in a folder beside the result, and the same command goes on from there.
    """
    start = time.perf_counter()
    try:
        report = _run(job, told or Nobody(), seal, crew or SerialCrew())
        return replace(report, seconds=time.perf_counter() - start)
    except DenoiseError as error:
        return failure(job, str(error), time.perf_counter() - start)
    except (ValueError, TypeError) as error:
        return failure(job, f"{job.input}: {error}", time.perf_counter() - start)
    except OSError as error:
        kept = "what is done is kept: make room, and the same command goes on" if error.errno in NO_ROOM else "check the disk"
        return failure(job, f"{job.output}: cannot be written ({error.strerror or error}); {kept}", time.perf_counter() - start)
    except MemoryError:
        return failure(job, f"{job.input}: not enough memory for its tiles; give less --memory, so that they are smaller")
    except Exception as error:
        return failure(job, f"{job.input}: {type(error).__name__}: {error}; this is a defect of denoise, please report it")


def _run(job: Job, told: Follower, seal: Seal | None, crew: Crew) -> Report:
    settings = job.settings
    source = open_windows(job.input, axes=settings.axes, slices=settings.slices, nodata=settings.nodata or (), limits=settings.limits)
    if source is None:
        raise DenoiseError(f"{job.input}: cannot be read by windows; convert it to a tiled TIFF first")
    check_by_tiles(job, source)
    kind = kind_of(job.output, job.kind, source)
    budget = budget_of(settings) or 2**31
    journal = Journal(job.output, _key(job, source))
    try:
        if "sample" not in journal.facts:
            journal.keep("sample", sample_values(budget))
        pixels = _pixels_table(journal, source, kind)
        work = Work(job, source, pixels, _removed_table(job, journal, source), journal, crew, budget, told)
        done = [_plane(work, plane) for plane in range(source.planes)]
        pages, swept = [outcome for outcome, _ in done], [how for _, how in done]
        shown: tuple[str, ...] = ()
        details = numbers_of(pages) | plan_of(pages)
        if job.residual is not None:
            numbers, shown = written_residual(work, job.residual, job.kind, [how.sums for how in swept])
            details |= numbers
        wanted = max(page.plan.details.get(MEMORY_WANTED, 0) for page in pages)
        losses = _assembled(job, kind, pixels, source, journal, _sealing(job, seal, wanted))
    except BaseException:
        journal.close()
        if not journal.facts.get("begun"):
            journal.remove()
        raise
    journal.remove()
    count = sum(how.tiles for how in swept)
    sweeps = max(how.sweeps for how in swept)
    tiled = (f"solved in {count:,} tiles" + (f", {sweeps:,} sweeps over them" if sweeps > 1 else ""),) if count > source.planes else ()
    shape = (*source.size, *((source.kind.colours,) if source.kind.colours > 1 else ()))
    notes = (*tiled, *source.notes, *notes_of(pages), *losses, *shown)
    return Report.of(
        job, details.pop("status"), psnr_db=pooled([psnr_of_sums(how.sums) for how in swept]), shape=shape, depth=str(source.dtype),
        notes=tuple(dict.fromkeys(notes)), **details,
    )  # fmt: skip


def _assembled(job: Job, kind: str, pixels: Pixels, source: Source, journal: Journal, seal: Callable[[Path], None]) -> list[str]:
    try:
        return assemble(job.output, kind, pixels, source, journal.folder, overwrite=job.settings.overwrite, seal=seal)
    except DenoiseError as error:
        if not isinstance(error.__cause__, OSError):
            raise
        # NumPy says how many bytes it could write, and not why no more.
        said = error.__cause__.strerror or "no room for the whole of it"
        raise DenoiseError(
            f"{job.output}: cannot be written ({said}); all tiles are done and kept: make room, and the same command goes on"
        ) from error


def _key(job: Job, source: Source) -> dict[str, Any]:
    """What a half-finished result is of: input, settings, the form of the table."""
    from denoise_cli import __version__

    size, changed = state_of(job.input)
    try:
        settings = job.settings.fingerprint()
    except OSError as error:
        raise DenoiseError(f"{error.filename}: cannot be read ({error.strerror}); check its name and permissions") from error
    beside = [None if path is None else state_of(path) for path in (job.settings.reference, job.settings.lambda_map)]
    return {
        "version": __version__, "beside": beside, "residual": job.residual is not None,
        "input": os.fsencode(job.input.absolute()).decode("utf-8", "replace"), "changed": changed,
        "bytes": size, "settings": settings, "size": source.size, "planes": source.planes,
    }  # fmt: skip


def _pixels_table(journal: Journal, source: Source, kind: str) -> Pixels:
    """Where the finished pixels gather: the result already, where that can be."""
    place = journal.folder / "pixels"
    if "pixels" in journal.facts:
        return begun_before(place, source, source.dtype, journal.facts["pixels"])
    try:
        made, known = begun(place, kind, source, source.dtype)
    except OSError as error:
        needed = source.planes * math.prod(source.size) * source.kind.samples * source.dtype.itemsize
        raise DenoiseError(
            f"{journal.folder.parent}: has no room for a result of {needed:,} bytes ({error.strerror}); choose another place with -o"
        ) from error
    journal.keep("pixels", known)
    return made


def _plane(work: Work, plane: int) -> tuple[Outcome, Swept]:
    """One picture of the file."""
    job = work.job
    fits = plane_fits(work.source, job.settings)
    # L1 takes several times as long by tiles (docs/scale.md).
    if needs_whole_planes(job) or (fits and job.settings.fidelity == "l1"):
        return whole_plane(work, plane)
    try:
        return plane_by_tiles(work, plane)
    except NotByTiles:
        if not fits:
            raise
        return whole_plane(work, plane)


def _removed_table(job: Job, journal: Journal, source: Source) -> RawTable | None:
    """Where input − result gathers, for --residual."""
    if job.residual is None:
        return None
    table = RawTable(journal.folder / "removed.raw", (source.planes, *source.size, source.kind.colours), "<f4")
    if not table.path.exists() or table.path.stat().st_size != table.bytes:
        table.reserve()
    return table


def _sealing(job: Job, seal: Seal | None, wanted: int) -> Callable[[Path], None]:
    def finish(temporary: Path) -> None:
        if job.settings.preserve_times:
            status = job.input.stat()
            os.utime(temporary, ns=(status.st_atime_ns, status.st_mtime_ns))
        if seal is not None:
            seal(temporary, wanted)

    return finish
