"""What the default command does with what was typed: plan, check, run, tell."""

from __future__ import annotations

import glob
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from denoise_cli.batch.inputs import PassedOver, Selection, find, read_list, summary
from denoise_cli.batch.outputs import Outputs, check_log, plan, typed_place
from denoise_cli.batch.run import run_all, settler, workers_for
from denoise_cli.cli.progress import bar, pictures_bar, say
from denoise_cli.cli.streams import print_json
from denoise_cli.errors import FAILED, INTERRUPTED, OK, DenoiseError, UsageError
from denoise_cli.formats.files import FORMATS
from denoise_cli.pipeline.job import PIPE, Job
from denoise_cli.pipeline.report import Report
from denoise_cli.settings import Settings
from denoise_cli.storage.writing import LogFile, appear

if TYPE_CHECKING:
    from denoise_cli.batch.run import Settle, Watch
    from denoise_cli.variational import State

__all__ = ["Run", "execute", "make_folders", "planned"]


@dataclass(frozen=True)
class Run:
    """Everything that was typed."""

    pictures: tuple[Path, ...]
    settings: Settings
    output: str | None = None  # as typed: a slash at the end says that it is a folder
    suffix: str | None = None
    kind: str | None = None
    mark: str = "_denoised"
    selection: Selection = field(default_factory=Selection)
    files_from: Path | None = None
    null: bool = False
    skip_existing: bool = False
    residual: str | None = None
    log: Path | None = None
    jobs: int = 1
    fail_fast: bool = False
    dry_run: bool = False
    as_json: bool = False
    save_config: Path | None = None
    quiet: bool = False
    verbose: bool = False
    recorded: bool = True


def execute(run: Run) -> int:
    """The exit code. Raises DenoiseError for what no picture could make right."""
    from denoise_cli.pipeline.plan import check

    try:
        check(run.settings)
    except ValueError as error:
        raise UsageError(f"--{error}") from error
    passed_over: list[PassedOver] = []
    jobs = planned(run, passed_over)
    if any(job.output == PIPE for job in jobs):
        _check_stdout(run, jobs)
    settled = settler(skip_existing=run.skip_existing)
    if run.dry_run:
        return _list(run, jobs, settled, passed_over)
    check_log(run.log, jobs)
    if run.save_config is not None:
        _save_config(run, run.save_config)
    make_folders(run, jobs)
    if run.jobs > 1 and run.settings.workers is None:
        jobs = [replace(job, settings=replace(job.settings, workers=workers_for(run.jobs))) for job in jobs]

    tally, interrupted = Tally(), False
    try:
        with _logging(run, named=len(jobs) > 1) as log, pictures_bar(len(jobs), quiet=run.quiet) as shown:
            for report, rows in run_all(jobs, settled, _watch(run, log, shown), parallel=run.jobs, logged=log is not None):
                if log:
                    log.write(report.input, rows)
                tally.add(report)
                _tell(report, quiet=run.quiet, verbose=run.verbose)
                if run.as_json:
                    print_json(asdict(report))
                if shown is not None:
                    shown.update()
                if run.fail_fast and report.error is not None:
                    break
    except KeyboardInterrupt:
        interrupted = True
    tell_all = (len(jobs) > 1 or passed_over) and not run.quiet
    if tell_all and run.verbose:
        for each in passed_over:
            say(f"{each.path}: passed over, {each.kind}")
    if tell_all:
        tally.tell(summary(passed_over) if passed_over else "")
    if run.as_json:
        for each in passed_over:
            print_json(asdict(Report(str(each.path), "", "", None, None, "passed_over", notes=(each.kind,))))
        print_json({"summary": tally.counts() | {"planned": len(jobs), "passed_over": len(passed_over)}})
    if interrupted:
        say(f"denoise: interrupted{_what_goes_on(run, jobs)}")
        return INTERRUPTED
    return FAILED if tally.failed else OK


# ── before ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def planned(run: Run, passed_over: list[PassedOver] | None = None) -> list[Job]:
    """A Job for each picture that was meant. Raises UsageError for words that make no sense together.

    `passed_over` collects the files that were seen and are not taken.
    """
    words = [*run.pictures, *([] if run.files_from is None else read_list(run.files_from, nul=run.null))]
    if not words:
        raise UsageError("no PICTURE given: name a picture, a folder or a pattern, e.g. denoise input.png --lambda 0.1")
    several = len(words) > 1 or any(_means_several(word) for word in words)
    output, into_folder = typed_place(run.output)
    if several and output is not None and not into_folder and not output.is_dir() and (output.exists() or output.suffix.lower() in FORMATS):
        raise UsageError(f"{output}: {len(words)} inputs cannot go into one file; name a folder with -o, or leave it out")
    extension = None if run.kind is None else next(name for name, kind in FORMATS.items() if kind == run.kind)
    outputs = Outputs(
        output, several=several, suffix=run.suffix, kind=run.kind, extension=extension, mark=run.mark, into_folder=into_folder
    )
    selection = replace(run.selection, own_suffix=outputs.suffix or run.mark, output_folder=outputs.folder, ledgers=run.recorded)
    passed_over = [] if passed_over is None else passed_over
    found = list(find(words, selection, passed_over))
    if not found:
        seen = f" ({summary(passed_over)})" if passed_over else ""
        raise UsageError(f"{words[0]}: holds no picture to denoise{seen}; look deeper with --recursive, or check --include and --exclude")
    residual, into_folder = typed_place(run.residual)
    residuals = None
    if residual is not None:
        if several and not into_folder and not residual.is_dir() and (residual.exists() or residual.suffix.lower() in FORMATS):
            raise UsageError(f"{residual}: the residuals of several pictures cannot go into one file; name a folder with --residual")
        residuals = Outputs(residual, several=several, suffix=None, kind=run.kind, extension=extension, into_folder=into_folder)
    inspect = run.verbose and not run.quiet
    return plan(found, outputs, run.settings, recorded=run.recorded, residuals=residuals, inspect=inspect)


def _means_several(word: Path) -> bool:
    """Whether the word stands for a folder or for a pattern, and not for a file."""
    try:
        return word.is_dir() or (glob.has_magic(str(word)) and not word.exists())
    except OSError:  # no possible name; that is said where it is looked for
        return False


def _check_stdout(run: Run, jobs: list[Job]) -> None:
    if run.as_json or run.dry_run or len(jobs) > 1:
        raise UsageError("stdout carries one picture and nothing else: leave --json and --dry-run out, and name one picture")
    if sys.stdout is not None and sys.stdout.isatty():
        raise UsageError("a picture would be written to the terminal: send stdout to a file or a pipe, or name an output with -o")


def make_folders(run: Run, jobs: list[Job]) -> None:
    """The folders that -o and --residual name, and those within. Raises DenoiseError where one cannot be made.

    A single picture gets a folder only where that was typed as one, and lies in a folder that exists: more would be a slip of the pen.
    """
    one = len(jobs) == 1 and run.files_from is None and not any(_means_several(word) for word in run.pictures)
    for text, option in ((run.output, "-o"), (run.residual, "--residual")):
        place, typed = typed_place(text)
        if place is None or place == PIPE or (one and not typed):
            continue
        if one and not place.parent.is_dir():
            raise DenoiseError(f"{place}: there is no directory {place.parent} to make it in; make that first, or choose another {option}")
        results = [job.output if option == "-o" else job.residual for job in jobs if job.error is None]
        for folder in dict.fromkeys(path.parent for path in results if path is not None and path != PIPE):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                trouble = "is a file, not a directory" if folder.is_file() else f"the directory cannot be made ({error.strerror})"
                raise DenoiseError(f"{folder}: {trouble}; choose another place with {option}") from error


def _list(run: Run, jobs: list[Job], settled: Settle, passed_over: list[PassedOver]) -> int:
    """What would happen, a line each on stdout."""
    failed = False
    for job in jobs:
        report = settled(job)
        fate = (
            ""
            if report is None
            else f"  [skipped: {', '.join(report.notes)}]"
            if report.error is None
            else f"  [would fail: {report.error}]"
        )
        failed = failed or (report is not None and report.error is not None)
        print(f"{job.input} → {job.output}{fate}")
    if run.verbose:
        for each in passed_over:
            print(f"{each.path}  [passed over: {each.kind}]")
    if passed_over and not run.quiet:
        say(summary(passed_over))
    return FAILED if failed else OK


def _save_config(run: Run, path: Path) -> None:
    """Write what makes the picture, by the long names of the options, defaults spelled out."""
    from denoise_cli.cli.settings_file import format_config
    from denoise_cli.pipeline.plan import options_of

    settings = run.settings
    chosen: dict[str, Any] = {"lambda": "auto" if settings.automatic else settings.weight, "sigma": settings.sigma, "vst": settings.vst}
    chosen |= {} if settings.fidelity is None else {settings.fidelity: True}
    chosen["method"] = settings.method
    chosen |= options_of(settings)
    chosen["dtype"] = str(settings.dtype)
    maps = {"lambda-map": settings.lambda_map, "weights": settings.weights, "mask": settings.mask}
    chosen |= {name: str(value) for name, value in maps.items() if value is not None}
    chosen |= {"suffix": run.suffix, "format": run.kind}
    with appear(path, overwrite=settings.overwrite) as stream:
        stream.write(format_config(chosen).encode())


# ── during ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _logging(run: Run, *, named: bool) -> Iterator[LogFile | None]:
    if run.log is None:
        yield None
        return
    from denoise_cli.variational.records import COLUMNS

    log = LogFile(run.log, COLUMNS, named=named, overwrite=run.settings.overwrite)
    try:
        yield log
    finally:
        log.close()


def _watch(run: Run, log: LogFile | None, batch_bar: Any) -> Watch:
    """What sees every State of a job: the log and the bar, or nobody."""
    from denoise_cli.pipeline.plan import most_iterations

    @contextmanager
    def watch(job: Job) -> Iterator[Callable[[State], object] | None]:
        if batch_bar is not None:
            batch_bar.set_postfix_str(job.input.name)
        total = run.settings.iterations or most_iterations(run.settings)
        write = log.writer(str(job.input)) if log else None
        with bar(job.input.name, total, quiet=run.quiet or batch_bar is not None) as shown:

            def see(state: State) -> None:
                if write:
                    write(state.record.cells())
                if shown:
                    shown(state)

            yield see if write or shown else None

    return watch


# ── after ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Tally:
    """How a batch went."""

    def __init__(self) -> None:
        self.done = self.skipped = 0
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

    def tell(self, passed_over: str = "") -> None:
        counts = self.counts()
        say(
            f"{self.done} done, {self.skipped} skipped, {self.failed} failed; "
            f"{counts['seconds']:.1f} s, {counts['images_per_second']:.1f} images/s"
        )
        if passed_over:
            say(passed_over)
        for error in self.errors:
            say(f"failed: {error}")


def _what_goes_on(run: Run, jobs: list[Job]) -> str:
    """Whether the same command would go on where it was interrupted, as the end of a sentence."""
    recorded = all(job.recorded for job in jobs) and not run.settings.overwrite
    if len(jobs) == 1 or not (recorded or run.skip_existing):
        return ""
    # These exist by now, and would be refused.
    named = {"--log": run.log, "--save-config": run.save_config}
    taken = [name for name, path in named.items() if path is not None and not run.settings.overwrite]
    otherwise = f" with another {' and '.join(taken)}" if taken else ""
    return f"; the same command{otherwise} goes on where it stopped"


def _tell(report: Report, *, quiet: bool, verbose: bool) -> None:
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
        bound = f", proven within [{report.bound:.6g}, {report.cost:.6g}]" if report.bound is not None else ""
        cost = f"; cost {report.cost:.6g}{bound}" if report.cost is not None else ""
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
