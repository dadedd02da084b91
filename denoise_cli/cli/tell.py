"""What a run says: a line a picture, what became of all of them, and what would be done (--dry-run)."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from denoise_cli.batch.inputs import PassedOver, summary
from denoise_cli.cli.progress import say
from denoise_cli.cli.streams import print_json, visible
from denoise_cli.digits import between, plain
from denoise_cli.errors import FAILED, OK
from denoise_cli.pipeline.job import PIPE, failure
from denoise_cli.pipeline.report import Report
from denoise_cli.storage.missing import no_such_file
from denoise_cli.storage.stores import growing

if TYPE_CHECKING:
    from denoise_cli.batch.run import Settle
    from denoise_cli.cli.planning import Run
    from denoise_cli.pipeline.job import Job

__all__ = ["RunSummary", "list_jobs", "tell", "what_goes_on"]


def tell(report: Report, *, quiet: bool, verbose: bool) -> None:
    """What became of one picture."""
    if report.error is not None:
        say(report.error)
        return
    if quiet:
        return
    if report.status == "skipped":
        say(f"{report.input} → {report.output}: skipped, {', '.join(report.notes)}")
        return
    for note in report.notes:
        say(f"{report.input}: {note}")
    if verbose:
        size = " × ".join(str(side) for side in report.shape)
        cost = "" if report.cost is None else f"; cost {plain(report.cost)}"
        if report.cost is not None and report.bound is not None:
            cost += f", proven within [{', '.join(between(report.bound, report.cost))}]"
        say(f"{report.input}: {size}, {report.depth}{cost}")
        if report.residual_std is not None and report.whiteness is not None:
            removed = f"removed noise of standard deviation {report.residual_std:.4g}, whiteness {report.whiteness:.2f} (1 is white)"
            say(f"{report.input}: {removed}")
    # What was chosen says λ and the fidelity itself.
    weight = "" if report.fidelity is None else "λ map" if report.weight is None else f"λ {report.weight:g}"
    problem = report.assumed or ", ".join(word for word in (str(report.fidelity or "").upper(), weight) if word)
    psnr = f"PSNR {report.psnr_db:.2f} dB" if report.psnr_db is not None else ""
    words = (report.method, problem, report.ended, f"{report.seconds:.2f} s", psnr)
    say(f"{report.input} → {report.output}: {', '.join(word for word in words if word)}")


class RunSummary:
    """How a batch went."""

    def __init__(self) -> None:
        self.done = self.skipped = 0
        #: Whether the log has any.
        self.rows = False
        self.errors: list[str] = []
        self._start = time.perf_counter()

    @property
    def failed(self) -> int:
        return len(self.errors)

    def add(self, report: Report) -> None:
        if report.error is not None:
            self.errors.append(report.error)
        elif report.status == "skipped":
            self.skipped += 1
        else:
            self.done += 1

    def counts(self) -> dict[str, float]:
        seconds = time.perf_counter() - self._start
        return {
            "done": self.done, "skipped": self.skipped, "failed": self.failed, "seconds": seconds, "images_per_second": self.done / seconds,
        }  # fmt: skip

    def tell(self, run: Run, planned: int, passed_over: Sequence[PassedOver]) -> None:
        """The counts, what was passed over, and every error once more; as JSON too, if that was asked for."""
        if (planned > 1 or passed_over) and not run.request.quiet:
            self._say(passed_over, verbose=run.request.verbose)
        if run.request.as_json:
            for each in passed_over:
                print_json(_passed_over(each))
            print_json({"summary": self.counts() | {"planned": planned, "passed_over": len(passed_over)}})

    def _say(self, passed_over: Sequence[PassedOver], *, verbose: bool) -> None:
        if verbose:
            for each in passed_over:
                say(f"{each.path}: passed over, {each.kind}")
        counts = self.counts()
        speed = f", {counts['images_per_second']:.1f} images/s" if self.done else ""
        say(f"{self.done:,} done, {self.skipped:,} skipped, {self.failed:,} failed; {counts['seconds']:.1f} s{speed}")
        if passed_over:
            say(summary(passed_over))
        for error in self.errors:
            say(f"failed: {error}")


def list_jobs(run: Run, jobs: Sequence[Job], settled: Settle, passed_over: Sequence[PassedOver]) -> int:
    """What would happen, on stdout: a line each, or a JSON object each with the status "planned" where there is something to do."""
    fates = Counter[str]()
    for job in jobs:
        report = settled(job)
        if report is None and job.input != PIPE and not job.input.exists():
            report = failure(job, no_such_file(job.input))
        report = report or Report.of(job, "planned")
        fates[report.status] += 1
        if run.request.as_json:
            print_json(report.told())
        else:
            print(visible(f"{job.input} → {job.output}{_fate(report)}"))
    for each in passed_over:
        if run.request.as_json:
            print_json(_passed_over(each))
        elif run.request.verbose:
            print(visible(f"{each.path}  [passed over: {each.kind}]"))
    if run.request.as_json:
        counts = {status: fates[status] for status in ("planned", "skipped", "failed")}
        print_json({"summary": counts | {"passed_over": len(passed_over)}})
    if passed_over and not run.request.quiet:
        say(summary(passed_over))
    return FAILED if fates["failed"] else OK


def _fate(report: Report) -> str:
    if report.status == "planned":
        return ""
    return f"  [skipped: {', '.join(report.notes)}]" if report.error is None else f"  [would fail: {report.error}]"


def _passed_over(each: PassedOver) -> dict[str, Any]:
    return Report(str(each.path), "", "", None, None, "passed_over", notes=(each.kind,)).told()


def what_goes_on(run: Run, jobs: Sequence[Job]) -> str:
    """Whether the same command would go on where it was interrupted, as the end of a sentence."""
    recorded = all(job.recorded for job in jobs) and not run.settings.overwrite
    if any(growing(job.output).is_dir() for job in jobs):
        return "; the same command goes on where it stopped"
    if len(jobs) == 1 or not (recorded or run.request.skip_existing):
        return ""
    # These exist by now, and would be refused.
    named = {"--log": run.request.log, "--save-config": run.request.save_config}
    taken = [name for name, path in named.items() if path is not None and not run.settings.overwrite]
    otherwise = f" with another {' and '.join(taken)}" if taken else ""
    return f"; the same command{otherwise} goes on where it stopped"
