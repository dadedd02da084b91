"""What the default command does with what was typed: plan, check, run, tell."""

from __future__ import annotations

import glob
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from denoise_cli.batch.inputs import Selection, find, read_list
from denoise_cli.batch.run import Outputs, check_log, plan, run_all, settler, workers_for
from denoise_cli.cli.progress import bar, pictures_bar, say
from denoise_cli.cli.streams import print_json
from denoise_cli.errors import FAILED, INTERRUPTED, OK, DenoiseError, UsageError
from denoise_cli.formats.files import FORMATS
from denoise_cli.pipeline.job import PIPE, Job, Report, Settings
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
    output: Path | None = None
    suffix: str | None = None
    kind: str | None = None
    mark: str = "_denoised"
    selection: Selection = field(default_factory=Selection)
    files_from: Path | None = None
    null: bool = False
    skip_existing: bool = False
    residual: Path | None = None
    log: Path | None = None
    jobs: int = 1
    fail_fast: bool = False
    dry_run: bool = False
    as_json: bool = False
    save_config: Path | None = None
    quiet: bool = False
    verbose: bool = False


def execute(run: Run) -> int:
    """The exit code. Raises DenoiseError for what no picture could make right."""
    _check_settings(run.settings)
    jobs = planned(run)
    if any(job.output == PIPE for job in jobs):
        _check_stdout(run, jobs)
    settled = settler(skip_existing=run.skip_existing)
    if run.dry_run:
        return _list(jobs, settled)
    check_log(run.log, jobs)
    if run.save_config is not None:
        _save_config(run, run.save_config)
    if len(jobs) > 1 and (run.output is not None or run.residual is not None):
        make_folders(jobs)
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
                    print_json(_plain(report))
                if shown is not None:
                    shown.update()
                if run.fail_fast and report.error is not None:
                    break
    except KeyboardInterrupt:
        interrupted = True
    if len(jobs) > 1 and not run.quiet:
        tally.tell()
    if run.as_json:
        print_json({"summary": tally.counts() | {"planned": len(jobs)}})
    if interrupted:
        say(f"denoise: interrupted{_what_goes_on(run, jobs)}")
        return INTERRUPTED
    return FAILED if tally.failed else OK


# ── before ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _check_settings(settings: Settings) -> None:
    """Refuse a command that no picture could make right."""
    from denoise_cli.variational import check_options

    if settings.automatic and settings.method == "matlab":
        raise UsageError("--method matlab needs a --lambda X: only optimal can choose it from the picture")
    if settings.sigma is not None and not settings.automatic:
        raise UsageError("--sigma has no meaning beside a λ that is given: leave one of them out")
    if settings.sigma is not None and not 0 < settings.sigma < math.inf:
        raise UsageError(f"--sigma must be positive and finite, not {settings.sigma:g}; leave it out to have it estimated")
    if settings.vst is not None and (settings.fidelity == "l1" or settings.sigma is not None or settings.lambda_map is not None):
        raise UsageError("--vst goes around the L2 solve, with noise estimated from the picture: leave --l1, --sigma and --lambda-map out")
    if settings.weight is not None and not 0 < settings.weight < math.inf:
        raise UsageError(f"--lambda must be positive and finite, not {settings.weight:g}")
    if settings.weights is not None and settings.mask is not None:
        raise UsageError("--weights and --mask are two ways to say the same: give one of them")
    names = ("iterations", "alpha", "beta", "gap", "tv", "channels", "boundary", "weights")
    told = {name: getattr(settings, name) for name in names}
    if settings.method == "matlab":
        told |= {"mask": settings.mask, "lambda-map": settings.lambda_map}
    try:
        check_options(str(settings.method), settings.fidelity or "l2", settings.dtype, settings.workers, **told)
    except ValueError as error:
        raise UsageError(f"--{error}") from error


def planned(run: Run) -> list[Job]:
    """A Job for each picture that was meant. Raises UsageError for words that make no sense together."""
    words = [*run.pictures, *([] if run.files_from is None else read_list(run.files_from, nul=run.null))]
    if not words:
        raise UsageError("no PICTURE given: name a picture, a folder or a pattern, e.g. denoise input.png --lambda 0.1")
    several = len(words) > 1 or any(word.is_dir() or (glob.has_magic(str(word)) and not word.exists()) for word in words)
    output = run.output
    if several and output is not None and not output.is_dir() and (output.exists() or output.suffix.lower() in FORMATS):
        raise UsageError(f"{output}: {len(words)} inputs cannot go into one file; name a folder with -o, or leave it out")
    if output is not None and not several and not output.exists() and str(run.output).endswith("/"):
        raise UsageError(f"{output}: there is no such folder; make it first")
    extension = None if run.kind is None else next(name for name, kind in FORMATS.items() if kind == run.kind)
    outputs = Outputs(output, several=several, suffix=run.suffix, kind=run.kind, extension=extension, mark=run.mark)
    selection = replace(run.selection, own_suffix=outputs.suffix or run.mark, output_folder=outputs.folder)
    found = list(find(words, selection))
    if not found:
        raise UsageError(f"{words[0]}: holds no picture that denoise reads; look deeper with --recursive, or check --include and --exclude")
    jobs = plan(found, outputs, run.settings, recorded=several)
    residuals: list[Path | None] = [None] * len(jobs)
    if run.residual is not None:
        if several and not run.residual.is_dir() and (run.residual.exists() or run.residual.suffix.lower() in FORMATS):
            raise UsageError(f"{run.residual}: the residuals of several pictures cannot go into one file; name a folder with --residual")
        places = Outputs(run.residual, several=several, suffix=None, kind=run.kind, extension=extension)
        named = [places.of(picture) for picture in found]
        residuals = [*named]
        if places.file is None:
            jobs = [replace(job, named_after_input=(*job.named_after_input, place)) for job, place in zip(jobs, named, strict=True)]
    inspect = run.verbose and not run.quiet
    return [replace(job, residual=residual, inspect=inspect) for job, residual in zip(jobs, residuals, strict=True)]


def _check_stdout(run: Run, jobs: list[Job]) -> None:
    if run.as_json or run.dry_run or len(jobs) > 1:
        raise UsageError("stdout carries one picture and nothing else: leave --json and --dry-run out, and name one picture")
    if sys.stdout is not None and sys.stdout.isatty():
        raise UsageError("a picture would be written to the terminal: send stdout to a file or a pipe, or name an output with -o")


def make_folders(jobs: list[Job]) -> None:
    """Raises DenoiseError where a folder of results cannot be made."""
    places = [path for job in jobs if job.error is None for path in (job.output, job.residual) if path is not None]
    for folder in dict.fromkeys(path.parent for path in places):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DenoiseError(f"{folder}: the directory cannot be made ({error.strerror}); choose another place with -o") from error


def _list(jobs: list[Job], settled: Settle) -> int:
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
    return FAILED if failed else OK


def _save_config(run: Run, path: Path) -> None:
    """Write what makes the picture, by the long names of the options, defaults spelled out."""
    from denoise_cli.cli.settings_file import format_config
    from denoise_cli.variational import check_options

    settings = run.settings
    names = ("iterations", "alpha", "beta", "gap", "tv", "channels", "boundary")
    fidelity = settings.fidelity or "l2"
    options = check_options(str(settings.method), fidelity, settings.dtype, None, **{name: getattr(settings, name) for name in names})
    chosen: dict[str, Any] = {"lambda": "auto" if settings.automatic else settings.weight, "sigma": settings.sigma, "vst": settings.vst}
    chosen |= {} if settings.fidelity is None else {settings.fidelity: True}
    chosen["method"] = str(settings.method)
    fixed = ("tv", "channels", "boundary") if settings.method == "matlab" else ()
    chosen |= {name: options[name] for name in names if name in options and name not in fixed}
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

    @contextmanager
    def watch(job: Job) -> Iterator[Callable[[State], object] | None]:
        from denoise_cli.variational import METHODS

        if batch_bar is not None:
            batch_bar.set_postfix_str(job.input.name)
        total = run.settings.iterations or METHODS[str(run.settings.method)]["iterations"]
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

    def tell(self) -> None:
        counts = self.counts()
        say(
            f"{self.done} done, {self.skipped} skipped, {self.failed} failed; "
            f"{counts['seconds']:.1f} s, {counts['images_per_second']:.1f} images/s"
        )
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


def _plain(report: Report) -> dict[str, Any]:
    """A Report as JSON has it: without infinities."""
    return {name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in asdict(report).items()}


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
        say(f"{report.input}: {size}, {report.depth}; cost {report.cost:.6g}{bound}")
        if report.residual_std is not None and report.whiteness is not None:
            removed = f"removed noise of standard deviation {report.residual_std:.4g}, whiteness {report.whiteness:.2f} (1 is white)"
            say(f"{report.input}: {removed}")
    # What was chosen says λ and the fidelity itself.
    problem = report.assumed or f"{str(report.fidelity).upper()}, {'λ map' if report.weight is None else f'λ {report.weight:g}'}"
    gap = f"gap {report.gap or 0:.1e}"
    why = {
        "iterations_done": f"{report.iterations} iterations, all that were asked for",
        "converged": f"{report.iterations} iterations, certified: {gap}",
        "iteration_limit": f"stopped at the limit of {report.iterations} iterations, NOT at the optimum: {gap}",
        "input_is_minimiser": "0 iterations, the input is the exact minimiser: gap 0",
    }[report.status]
    psnr = f", PSNR {report.psnr_db:.2f} dB" if report.psnr_db is not None else ""
    say(f"{report.input} → {report.output}: {report.method}, {problem}, {why}, {report.seconds:.2f} s{psnr}")
