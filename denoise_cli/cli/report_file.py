"""--report: the page on a run, which appears whole when the run ends, however it ends."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from denoise_cli.batch.inputs import summary
from denoise_cli.batch.run import needs_tiles
from denoise_cli.cli.command_line import command_of, quoted
from denoise_cli.cli.settings_file import settings_text
from denoise_cli.cli.tell import what_goes_on
from denoise_cli.cli.typed import check_outputs
from denoise_cli.errors import DenoiseError, UsageError
from denoise_cli.large.excerpts import preview_of_large
from denoise_cli.page.report_page import HEAD_BYTES, EarlierPage, ReportPage
from denoise_cli.pipeline.job import PIPE
from denoise_cli.pipeline.preview import preview_of_files
from denoise_cli.storage.writing import appear, remove_stray_temporaries, stands_in_the_way

if TYPE_CHECKING:
    from denoise_cli.batch.inputs import PassedOver
    from denoise_cli.cli.planning import Run
    from denoise_cli.cli.tell import RunSummary
    from denoise_cli.pipeline.job import Job
    from denoise_cli.pipeline.report import Report

__all__ = ["ReportFile", "check_report"]

SUFFIXES = (".html", ".htm")


def check_report(path: Path, beside: Mapping[str, Path | None], read: Sequence[Path], results: Sequence[Path], *, overwrite: bool) -> None:
    """Refuse a report that could not be written, or would replace what is no report, before any work is done.

    beside: the other files that the run writes, by their options.  read, results: as in `check_outputs`.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path}: the report is a page for the browser; name it .html")
    check_outputs({**beside, "--report": path}, read, results, overwrite=True)
    if stands_in_the_way(path) and not overwrite and not _is_ours(path):
        raise DenoiseError(f"{path}: exists already, and is no report; choose another name with --report, or allow it with --overwrite")


def _is_ours(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return EarlierPage.is_one(stream.read(HEAD_BYTES))
    except OSError:
        return False


class ReportFile:
    """Takes what became of each picture, and writes the page at the end. An earlier report there is replaced.

    Pictures that an earlier run finished keep the row that the earlier report has of them.
    """

    def __init__(self, run: Run) -> None:
        assert run.request.report is not None
        self._run, self._path, self._side = run, run.request.report, run.request.report_crops
        self._started = time.time()
        remove_stray_temporaries(self._path.parent)
        try:
            # Without a name where the system can, so that nothing is left behind, whatever happens.
            self._spool = tempfile.TemporaryFile(dir=self._path.parent)  # noqa: SIM115 - lives as long as the run
            self._page = ReportPage(self._spool)
            self._earlier, self._made = None, 0.0
            if self._path.exists() and _is_ours(self._path):
                self._earlier, self._made = EarlierPage.of(self._path.open("rb")), self._path.stat().st_mtime
        except OSError as error:
            raise self._trouble(error) from error

    def add(self, job: Job, report: Report) -> None:
        """Enter a picture."""
        row = row_of(self._run, job, report)
        crops: dict[str, Any] | bytes | None = None
        made = report.preview
        if made is None and self._side and report.error is None and report.status != "skipped" and needs_tiles(job):
            made = preview_of_large(job, self._side)
        if report.status == "skipped" and self._side:
            known = self._known_row(job)
            if known is not None and self._earlier is not None and (crops := self._earlier.crops(known)) is not None:
                row = known | {name: row[name] for name in ("status", "group", "remark", "commands")}
            else:
                made = preview_of_large(job, self._side) if needs_tiles(job) else preview_of_files(job, self._side)
        if made is not None:
            details = asdict(made)
            row["thumbnail"] = details.pop("thumbnail")
            crops = details
        try:
            self._page.add(row, crops)
        except OSError as error:
            raise self._trouble(error) from error

    def _known_row(self, job: Job) -> dict[str, Any] | None:
        """What the earlier report says of a result that has not changed since."""
        row = None if self._earlier is None else self._earlier.rows.get(str(job.output))
        with suppress(OSError):
            status = job.output.stat()
            if row is not None and row.get("input") == str(job.input) and max(status.st_mtime, status.st_ctime) <= self._made:
                return row
        return None

    def close(self, jobs: Sequence[Job], passed_over: Sequence[PassedOver], total: RunSummary) -> None:
        """Write the page, unless no picture was reached. Raises DenoiseError."""
        reached = total.done + total.skipped + total.failed
        try:
            if reached:
                self._add_earlier(jobs[reached:])
                self._write(jobs, passed_over, total, reached)
        finally:
            self._spool.close()
            if self._earlier is not None:
                self._earlier.stream.close()

    def _add_earlier(self, jobs: Sequence[Job]) -> None:
        """Pictures that were not reached keep the rows that they had."""
        if self._earlier is None:
            return
        for job in jobs:
            known = self._known_row(job)
            if known is not None:
                remark = "not reached in this run; done before"
                self._page.add(known | {"group": "skipped", "remark": remark}, self._earlier.crops(known))
        self._earlier.stream.close()  # before it is replaced

    def _write(self, jobs: Sequence[Job], passed_over: Sequence[PassedOver], total: RunSummary, reached: int) -> None:
        from denoise_cli import __version__

        counts, planned = total.counts(), len(jobs)
        outcomes = {"done": total.done, "skipped": total.skipped, "failed": total.failed}
        title = "denoise: " + ", ".join(f"{count:,} {word}" for word, count in outcomes.items() if count or word == "done")
        left = f"This run ended before {planned - reached:,} of its {planned:,} pictures were reached{what_goes_on(self._run, jobs)}."
        told = [
            time.strftime("%Y-%m-%d %H:%M", time.localtime(self._started)), f"{counts['seconds']:.1f} s",
            f"{counts['images_per_second']:.2g} pictures a second" if total.done > 1 else "", summary(passed_over) if passed_over else "",
            f"denoise {__version__}",
        ]  # fmt: skip
        run = {
            "title": title, "about": [text for text in told if text], "interrupted": left if reached < planned else None,
            "crops": self._side,
            "command": command_of(self._run), "settings": settings_text(self._run.settings, self._run.request),
            "passed_over": [f"{each.path}: {each.kind}" for each in passed_over],
            "passed_over_summary": summary(passed_over) if passed_over else "",
        }  # fmt: skip
        with appear(self._path, overwrite=True, option="--report") as stream:
            self._page.write(stream, title, run)

    def _trouble(self, error: OSError) -> DenoiseError:
        return DenoiseError(f"{self._path}: the report cannot be written ({error.strerror}); choose another place with --report")


#: What of a Report the page shows.
SHOWN = (
    "input", "output", "method", "fidelity", "weight", "weights", "status", "assumed", "noise", "sigma", "impulses", "gap", "psnr_db",
    "seconds", "shape", "depth", "ended", "notes", "error",
)  # fmt: skip


def row_of(run: Run, job: Job, report: Report) -> dict[str, Any]:
    """A row of the table."""
    told = report.told()
    failed, skipped = report.error is not None, report.status == "skipped"
    stopped = report.status in ("iteration_limit", "stopped")
    remark = (
        (report.error or "").removeprefix(f"{report.input}: ")
        if failed
        else f"skipped: {', '.join(report.notes)}"
        if skipped
        else report.ended
        if stopped
        else "; ".join(report.notes)
    )
    group = "failed" if failed else "skipped" if skipped else "done"
    commands = [] if failed or PIPE in (job.input, job.output) else commands_of(run, job)
    return {name: told[name] for name in SHOWN} | {
        "name": job.input.name, "group": group, "remark": remark, "thumbnail": None, "commands": commands,
    }  # fmt: skip


def commands_of(run: Run, job: Job) -> list[tuple[str, str]]:
    """What to type for this picture alone: weaker, stronger, and choosing by eye."""
    settings, request = replace(run.settings, overwrite=True), run.request
    alone = replace(
        run, pictures=(job.input,),
        request=type(request)(output=str(job.output), kind=request.kind),
    )  # fmt: skip
    found = []
    for word, factor in (("weaker", 0.5), ("stronger", 2.0)):
        if settings.automatic:
            changed = replace(settings, strength=factor * (settings.strength or 1.0))
        elif settings.weight is not None and settings.lambda_map is None:
            changed = replace(settings, weight=factor * settings.weight)
        else:
            break
        found.append((f"This picture again, {word}", command_of(replace(alone, settings=changed))))
    page = job.input.with_name(f"{job.input.stem}_path.html")
    found.append(("Choose by eye", quoted(["denoise", "path", str(job.input), "--html", str(page)])))
    return found
