"""The default command's parameters: what a picture is told (`settings.Settings`), and which pictures go where (`Request`)."""

# No `from __future__ import annotations`: the types of the fields are read, and are wanted as types.

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from denoise_cli.errors import UsageError
from denoise_cli.formats.known import writable
from denoise_cli.settings import FILES, RUN, Option, Settings, option, options_of

__all__ = ["Request", "Takes", "default_options", "method_names", "understand"]


# fmt: off
@dataclass(frozen=True)
class Request:
    """Which pictures go where, and how a run goes about them."""

    output: str | None = option(FILES, "Result; a folder for several, or with / at its end; - for stdout.", "-o", "--output",
        says="NAME_denoised beside the input", metavar="PATH")
    recursive: bool = option(FILES, "Folders within folders too.", "--recursive", "-r", default=False, says="no")
    include: tuple[str, ...] = option(FILES, "In folders, only names like this; earlier results, if it names them; may be repeated.",
        default=(), says="all", metavar="PATTERN", is_repeatable=True, in_file="no")
    exclude: tuple[str, ...] = option(FILES, "In folders, no names like this; may be repeated.", default=(), says="none",
        metavar="PATTERN", is_repeatable=True, in_file="no")
    files_from: Path | None = option(FILES, "Names of pictures from a file, one a line; - for stdin.", says="none", metavar="LIST")
    null: bool = option(FILES, "The names in LIST end in NUL (find -print0).", "--null", "-0", default=False, says="lines")
    suffix: str | None = option(FILES, "Added to a name.", says="_denoised; nothing in a folder named by -o", metavar="TEXT",
        in_file="written")
    kind: str | None = option(FILES, "Of the results.", "--format", says="what the output's name says, or that of the input",
        values=writable(), in_file="written")
    skip_existing: bool = option(FILES, "Keep any result that exists.", default=False,
        says="those done with the same settings")
    residual: str | None = option(FILES, "Also write input − result, around mid-grey; a folder for several.", says="no", metavar="FILE",
        in_file="no")
    log: Path | None = option(FILES, "One row an iteration: cost, rmse, snr_db, psnr_db, gap …", says="none", metavar="FILE.csv")
    report: Path | None = option(FILES, "A page for the browser: a table, and each picture before and after.", says="none",
        metavar="FILE.html")
    report_crops: int = option(FILES, "Pixels along a side of what the report shows of a picture; 0 for none.", default=256,
        says="256", metavar="N", minimum=0)
    jobs: int | None = option(RUN, "Pictures at once, each in a process of its own.", "--jobs", "-j", metavar="N", minimum=1,
        says="1; by Dask one for each core")
    executor: str | None = option(RUN, "Who works: processes of this computer, or the workers of a Dask cluster.", says="processes",
        values=("processes", "dask"))
    scheduler: str | None = option(RUN, "The Dask cluster to use, such as tcp://host:8786.", says="a local one", metavar="ADDRESS")
    fail_fast: bool = option(RUN, "Stop at the first picture that fails.", default=False, says="go on")
    dry_run: bool = option(RUN, "Only list what would be done, and what not, and why.", default=False, says="do it")
    as_json: bool = option(RUN, "One JSON object a picture on stdout, a summary last.", "--json", default=False, says="no")
    save_config: Path | None = option(RUN, "Write the settings of this run, for --config.", says="none", metavar="FILE.toml",
        in_file="no")
    quiet: bool = option(RUN, "Say nothing but errors.", "-q", "--quiet", default=False, says="one line a picture")
    verbose: bool = option(RUN, "Say more about each picture.", "-v", "--verbose", default=False, says="one line a picture")
# fmt: on


def method_names() -> list[str]:
    """What --method can name. Loads neither a method nor NumPy."""
    from denoise_cli.methods.registry import known_names

    return known_names()


@lru_cache(maxsize=1)
def default_options() -> tuple[Option, ...]:
    """The options of the default command that something obeys."""
    return tuple(each for record in (Request, Settings) for each in options_of(record) if each.is_wired)


class Takes:
    """A callback that Typer sees with a parameter for every option, and that is called with their values by name."""

    def __init__(self, callback: Callable[..., None], argument: Any, **others: Any) -> None:
        self._callback, self._argument, self._others = callback, argument, others
        self.__name__, self.__doc__ = callback.__name__, callback.__doc__
        self.__annotations__: dict[str, Any] = {}

    def __call__(self, ctx: typer.Context, **values: Any) -> None:
        self._callback(ctx, **values)

    @property
    def __signature__(self) -> inspect.Signature:
        # Made whenever Typer asks, because methods are registered while the program runs.
        keyword = inspect.Parameter.KEYWORD_ONLY
        found = [inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)]
        found += [inspect.Parameter("pictures", keyword, annotation=self._argument, default=None)]
        for each in default_options():
            found += [inspect.Parameter(each.name, keyword, annotation=_annotation(each), default=False if each.kind is bool else None)]
            for value, help in each.shorthands:
                flag = Annotated[bool, typer.Option(f"--{value}", help=help, rich_help_panel=each.panel, show_default=False)]
                found += [inspect.Parameter(value, keyword, annotation=flag, default=False)]
        for name, annotation in self._others.items():
            found += [inspect.Parameter(name, keyword, annotation=annotation, default=None)]
        return inspect.Signature(found)


def _annotation(each: Option) -> Any:
    """What Typer is told about an option."""
    details: dict[str, Any] = {"metavar": each.metavar}
    if each.minimum is not None:
        details["min"] = each.minimum
    kind: Any = str if each.parse is not None else each.kind
    if each.is_open:
        names = method_names()
        details |= {"metavar": f"<{'|'.join(names)}>", "autocompletion": lambda incomplete: [n for n in names if n.startswith(incomplete)]}
    elif each.values:
        kind = Literal[each.values]
    if each.is_repeatable:
        kind = list[kind]
    info = typer.Option(*each.flags, help=each.sentence, rich_help_panel=each.panel, show_default=False, **details)
    return Annotated[bool, info] if kind is bool else Annotated[kind | None, info]


def understand(values: Mapping[str, Any], is_typed: Callable[[str], bool]) -> tuple[Settings, Request]:
    """Both records from what Typer read; `is_typed` says whether an option was typed, or came from a settings file. Raises UsageError."""
    given = dict(values)
    for each in default_options():
        if each.shorthands:
            given[each.name] = _one_value(each, given, is_typed)
    understood = {each.name: value for each in default_options() if (value := each.understand(given[each.name])) is not None}

    def record(kind: Any) -> Any:
        return kind(**{each.name: understood[each.name] for each in fields(kind) if each.name in understood})

    return record(Settings), record(Request)


def _one_value(each: Option, values: Mapping[str, Any], is_typed: Callable[[str], bool]) -> str | None:
    """--fidelity l1 and --l2 together are a mistake; but what is typed beats what stands in a settings file."""
    said = {value: value for value, _ in each.shorthands if values[value]}
    if values[each.name] is not None:
        said[each.name] = values[each.name]
    if len(set(said.values())) > 1:
        said = {flag: value for flag, value in said.items() if is_typed(flag)} or said
    if len(set(said.values())) > 1:
        flags = [f"--{flag} {value}" if flag == each.name else f"--{flag}" for flag, value in said.items()]
        raise UsageError(f"{' and '.join(flags)} are two {NOUNS.get(each.name, each.name)}: give one of them")
    return next(iter(said.values()), None)


# Plurals.
NOUNS = {"fidelity": "fidelities"}
