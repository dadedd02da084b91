"""What the default command does with what was typed: plan, check, run, tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from denoise_cli.batch.inputs import PassedOver
from denoise_cli.batch.run import Cluster, run_all, settler, shared
from denoise_cli.cli.planning import Run, check_stdout, make_folders, planned
from denoise_cli.cli.progress import Bar, bar, pictures_bar, say
from denoise_cli.cli.settings_file import save_settings
from denoise_cli.cli.streams import print_json, visible
from denoise_cli.cli.tell import RunSummary, list_jobs, tell, what_goes_on
from denoise_cli.cli.typed import check_outputs, check_settings, is_among
from denoise_cli.errors import FAILED, INTERRUPTED, OK, DenoiseError, UsageError
from denoise_cli.pipeline.places import inputs
from denoise_cli.pipeline.plan import most_iterations
from denoise_cli.storage.writing import LogFile

if TYPE_CHECKING:
    from denoise_cli.batch.run import Settle, Watch
    from denoise_cli.cli.report_file import ReportFile
    from denoise_cli.pipeline.job import Job
    from denoise_cli.variational import State
    from denoise_cli.variational.records import IterationRecord

__all__ = ["execute"]


def execute(run: Run) -> int:
    """The exit code. Raises DenoiseError for what no picture could make right."""
    check_settings(run.settings)
    if run.request.report is None and run.request.report_crops != type(run.request)().report_crops:
        raise UsageError("--report-crops says what the report shows: name it with --report FILE.html")
    passed_over: list[PassedOver] = []
    jobs = planned(run, passed_over)
    check_stdout(run, jobs)
    settled = settler(skip_existing=run.request.skip_existing)
    if run.request.dry_run:
        return list_jobs(run, jobs, settled, passed_over)
    _check_files(run, jobs)
    if run.request.save_config is not None:
        save_settings(run.request.save_config, run.settings, run.request)
    make_folders(run, jobs)
    if run.request.jobs is not None and run.request.jobs > 1:
        jobs = [replace(job, settings=shared(job.settings, run.request.jobs)) for job in jobs]
    if run.request.report is not None:
        jobs = [replace(job, crops=run.request.report_crops) for job in jobs]
    total = RunSummary()
    with _reporting(run, jobs, passed_over, total) as page:
        interrupted = _work(run, jobs, settled, total, page)
    total.tell(run, len(jobs), passed_over)
    if total.done and not total.rows and run.request.log is not None and not run.request.quiet:
        say(f"{run.request.log}: not written, because nothing was iterated: the network has no iterations; --method optimal has")
    if page is not None and not run.request.quiet:
        say(f"{run.request.report}: the report")
    if interrupted:
        say(f"denoise: interrupted{what_goes_on(run, jobs)}")
        return INTERRUPTED
    return FAILED if total.failed else OK


def _check_files(run: Run, jobs: list[Job]) -> None:
    """Refuse files beside the pictures that would replace something, or be replaced, before any work is done."""
    request = run.request
    own = {"--config": run.config, "--files-from": request.files_from}
    results = [path for job in jobs for path in (job.output, job.residual) if path is not None]
    for option, path in own.items():
        if path is not None and is_among(path, results):
            raise DenoiseError(f"{path}: is what {option} names, and denoise never overwrites its inputs; choose another name with -o")
    read = [*(path for path in own.values() if path is not None), *(path for job in jobs for path in inputs(job))]
    written = {"--log": request.log, "--save-config": request.save_config}
    check_outputs(written, read, results, overwrite=run.settings.overwrite)
    if request.report is not None:
        from denoise_cli.cli.report_file import check_report

        check_report(request.report, written, read, results, overwrite=run.settings.overwrite)


def _work(run: Run, jobs: list[Job], settled: Settle, total: RunSummary, page: ReportFile | None) -> bool:
    """Do all jobs, and tell of each as it is done; whether somebody ended it."""
    request = run.request
    try:
        with _logging(run, named=len(jobs) > 1) as log, pictures_bar(len(jobs), quiet=request.quiet) as shown:
            reports = run_all(jobs, settled, _watch(run, log, shown), parallel=request.jobs, logged=log is not None, cluster=_cluster(run))
            for (report, rows), job in zip(reports, jobs, strict=False):  # fewer, where the run ends early
                if log:
                    log.write(report.input, rows)
                    total.rows = log.has_rows
                total.add(report)
                if page is not None:
                    page.add(job, report)
                tell(report, quiet=request.quiet, verbose=request.verbose)
                if request.as_json:
                    print_json(report.told())
                if shown is not None:
                    shown.update()
                if request.fail_fast and report.error is not None:
                    break
    except KeyboardInterrupt:
        return True
    return False


@contextmanager
def _reporting(run: Run, jobs: list[Job], passed_over: list[PassedOver], total: RunSummary) -> Iterator[ReportFile | None]:
    """What takes the pictures of a report, which is written when the run ends, however that happens."""
    if run.request.report is None:
        yield None
        return
    from denoise_cli.cli.report_file import ReportFile

    page = ReportFile(run)
    try:
        yield page
    finally:
        page.close(jobs, passed_over, total)


def _cluster(run: Run) -> Cluster | None:
    """The Dask cluster that was asked for. Raises UsageError."""
    if run.request.executor == "dask":
        return Cluster(run.request.scheduler)
    if run.request.scheduler is not None:
        raise UsageError("--scheduler has no meaning without --executor dask: add it, or leave both out")
    return None


@contextmanager
def _logging(run: Run, *, named: bool) -> Iterator[LogFile | None]:
    if run.request.log is None:
        yield None
        return
    from denoise_cli.variational.records import COLUMNS

    log = LogFile(run.request.log, COLUMNS, named=named, overwrite=run.settings.overwrite)
    try:
        yield log
    finally:
        log.close()


class _Eyes:
    """The log and the bar of one picture."""

    def __init__(self, write: Callable[[Any], None] | None, shown: Bar | None) -> None:
        self._write, self._shown = write, shown

    def __call__(self, state: State) -> None:
        if self._write:
            self._write(state.record.cells())
        if self._shown:
            self._shown(state)

    def tiles(self, done: int, every: int, gap: float | None) -> None:
        """A picture that is solved by tiles has no iterations that anybody could follow, but sweeps."""
        if self._shown:
            self._shown.tiles(done, every, gap)

    def sweep(self, record: IterationRecord) -> None:
        if self._write:
            self._write(record.cells())


def _watch(run: Run, log: LogFile | None, batch_bar: Any) -> Watch:
    """What sees every State of a job: the log and the bar, or nobody."""

    @contextmanager
    def watch(job: Job) -> Iterator[Callable[[State], object] | None]:
        if batch_bar is not None:
            batch_bar.set_postfix_str(visible(job.input.name))
        total = run.settings.iterations or most_iterations(run.settings)
        write = log.writer(str(job.input)) if log else None
        with bar(visible(job.input.name), total, quiet=run.request.quiet or batch_bar is not None) as shown:
            yield _Eyes(write, shown) if write or shown else None

    return watch
