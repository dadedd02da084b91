"""`denoise noise`: how much noise pictures hold and of what kind, and what the automatic mode would do about it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from denoise_cli.cli.commands.tables import STDIO, plain
from denoise_cli.cli.streams import print_json
from denoise_cli.errors import FAILED, OK, DenoiseError, UsageError

if TYPE_CHECKING:
    from denoise_cli.choice.choose import Choice
    from denoise_cli.noise.estimate import Noise

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)

VERDICTS = {
    "none": "hardly any noise",
    "gaussian": "Gaussian noise, alike everywhere",
    "poisson": "noise that grows with brightness",
    "impulses": "impulse noise",
}


def _option(help: str, *names: str, **details: Any) -> Any:
    return typer.Option(*names, help=help, **details)


PICTURES = typer.Argument(metavar="PICTURE...", help="Pictures, folders or patterns; - for stdin.", show_default=False)
RECURSIVE = _option("Folders with all that is in them. [default: no]", "-r", "--recursive")
JSON = _option("JSON on stdout, one object a picture and line. [default: no]", "--json")
WORKERS = _option("Threads. [default: all cores]", metavar="N", min=1)
MAX_PIXELS = _option("Refuse larger pictures. [default: 268435456, 16384²]", metavar="N", min=1)


@app.command("noise", context_settings={"help_option_names": ["-h", "--help"]})
def noise(
    pictures: Annotated[list[Path], PICTURES],
    recursive: Annotated[bool, RECURSIVE] = False,
    as_json: Annotated[bool, JSON] = False,
    workers: Annotated[int | None, WORKERS] = None,
    max_pixels: Annotated[int | None, MAX_PIXELS] = None,
) -> None:
    """What noise a picture holds: its level, its impulses, the verdict and why, and what `denoise PICTURE` would do.

    σ is the standard deviation, from 0 to 1 (float pictures: in their own units); n/255 is the same in 8-bit levels. Noise is taken to be
    white: where a camera or JPEG has smeared it, it is stronger than it looks here. Transparent pixels do not count.

    \b
    denoise noise scan.png
    denoise noise scans/ --json
    """
    from denoise_cli.formats.files import MAX_PIXELS as most

    failed = False
    for path, problem in _found(pictures, recursive=recursive):
        try:
            if problem is not None:
                raise DenoiseError(problem)
            for page in _pages(path, max_pixels or most, workers):
                if as_json:
                    print_json(page.record())
                else:
                    print(page.text(), flush=True)
        except DenoiseError as error:
            _say(str(error))
            failed = True
    raise typer.Exit(FAILED if failed else OK)


def _found(words: list[Path], *, recursive: bool) -> Iterator[tuple[Path, str | None]]:
    """The pictures meant, or why one cannot be had. A folder without any is a mistake."""
    from denoise_cli.batch.inputs import Selection, find

    if words.count(STDIO) > 1:
        raise UsageError("- stands for standard input, which holds one picture: name it once")
    for word in words:
        empty = True
        for found in find([word], Selection(recursive=recursive, own_suffix="")):
            empty = False
            yield found.path, found.error
        if empty:
            yield word, f"{word}: holds no picture that denoise reads" + ("" if recursive else "; --recursive looks in folders within")


class _Page:
    """One page of a picture, and what was found."""

    def __init__(self, name: str, page: int, pages: int, unit: bool, found: Noise, choice: Choice | None, trouble: str) -> None:
        self.name, self.page, self.pages, self.unit = name, page, pages, unit
        self.found, self.choice, self.trouble = found, choice, trouble

    def text(self) -> str:
        found = self.found
        title = self.name + (f", page {self.page} of {self.pages}" if self.pages > 1 else "")
        level = self._level(found.sigma)
        if len(set(found.sigmas)) > 1:
            level += f"; by channel {', '.join(f'{sigma:.3g}' for sigma in found.sigmas)}"
        impulses = f"{100 * found.impulses:.3g} %"
        if found.impulses:
            impulses += f" ({100 * found.salt_pepper:.3g} % black or white, {100 * found.random_valued:.3g} % of any value)"
        lines = [("noise level", f"σ {level}"), ("impulses", impulses), ("verdict", VERDICTS[found.model]), ("why", found.evidence)]
        if found.gain:
            lines.insert(1, ("growth", f"variance = {found.gain:.3g}·brightness + {found.read_noise:.3g}²"))
        lines.append(("automatic", self.trouble or (self.choice.sentence if self.choice else "nothing to be done")))
        return "\n".join([title, *(f"  {word:12s} {value}" for word, value in lines)])

    def _level(self, sigma: float) -> str:
        return f"{sigma:.3g}" + (f" ({255 * sigma:.3g}/255)" if self.unit else "")

    def record(self) -> dict[str, Any]:
        from dataclasses import asdict

        automatic = None
        if self.choice is not None:
            choice = self.choice
            automatic = {"fidelity": choice.fidelity, "lambda": choice.weight, "sigma": choice.sigma, "sentence": choice.sentence}
        return {"input": self.name, "page": self.page, "pages": self.pages} | plain(asdict(self.found)) | {"automatic": automatic}


def _pages(path: Path, max_pixels: int, workers: int | None) -> Iterator[_Page]:
    from denoise_cli.formats.files import read_picture
    from denoise_cli.noise.estimate import estimate
    from denoise_cli.storage.pipes import read_stdin

    if path == STDIO:
        picture = read_picture(Path("stdin"), read_stdin(), max_pixels=max_pixels)
    else:
        picture = read_picture(path, max_pixels=max_pixels)
    for number, page in enumerate(picture.pages, 1):
        known = None if page.hidden is None else ~page.hidden
        try:
            found = estimate(page.frame, known)
            choice, trouble = _choice(page.frame, known, found, workers)
        except (ValueError, TypeError) as error:
            raise DenoiseError(f"{path}: {error}") from error
        except MemoryError as error:
            raise DenoiseError(f"{path}: not enough memory for this picture; cut it into tiles") from error
        yield _Page(str(path), number, len(picture.pages), page.colour.dtype.kind != "f", found, choice, trouble)


def _choice(frame: Any, known: Any, found: Noise, workers: int | None) -> tuple[Choice | None, str]:
    """What the automatic mode would do, or why it would refuse."""
    from denoise_cli.choice.choose import choose

    try:
        return choose(frame, noise=found, weights=None if known is None else known.astype("float64"), workers=workers), ""
    except ValueError as error:
        return None, f"would refuse: {error}"


def _say(line: str) -> None:
    from denoise_cli.cli.progress import say

    say(line)
