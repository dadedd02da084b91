"""What of a file is denoised together: each page by itself, or pages as the slices of a volume or the frames of a series."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from denoise_cli.errors import DenoiseError
from denoise_cli.formats.picture import Page, Picture
from denoise_cli.plural import counted
from denoise_cli.variational.volume import Volume, weights_of_spacing

if TYPE_CHECKING:
    from pathlib import Path

    from denoise_cli.methods.method import Plan, Subject
    from denoise_cli.settings import Settings

__all__ = ["Stack", "check_memory", "series_plan", "stacks_of", "together"]

#: Letters of axes that count slices in space, and what is taken where the file has none of them: time, or pages that nobody has named.
SPACE, OTHERS = "Z", "TIP"
#: Pages that stand for a series where one λ is chosen for all: more change λ by less than 1 %.
STANDING_FOR_ALL = 8


@dataclass(frozen=True)
class Stack:
    """Pages that are denoised together.

    numbers: of the pages, counted from 0, slowest axis first.  page: the page itself, or all of them one below the other.
    volume: their shape and the weights of their axes; None for a page by itself.  letters: of its axes, such as "ZYX".
    """

    numbers: tuple[int, ...]
    page: Page
    volume: Volume | None = None
    letters: str = "YX"

    @property
    def name(self) -> str:
        """In words: "60 slices as one volume (ZYX, 60 × 512 × 512)"."""
        sizes = " × ".join(str(size) for size in (self.volume.shape if self.volume is not None else self.page.colour.shape[:2]))
        return f"{len(self.numbers):,} {'frames' if 'T' in self.letters else 'slices'} as one volume ({self.letters}, {sizes})"

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the page, or of the volume, with its channels."""
        colour: tuple[int, ...] = self.page.colour.shape
        return colour if self.volume is None else (*self.volume.shape, *colour[2:])

    def pages(self, table: Any) -> list[Any]:
        """A table of the stack's size, page by page."""
        return [table] if self.volume is None else list(table.reshape(len(self.numbers), -1, *table.shape[1:]))


def stacks_of(picture: Picture, settings: Settings, source: Path) -> list[Stack]:
    """The stacks of a file. Raises DenoiseError where its pages are no volume, or the spacing does not fit."""
    if not settings.volume:
        return [Stack((number,), page) for number, page in enumerate(picture.pages)]
    pages = picture.pages
    if len(pages) < 2:
        raise DenoiseError(f"{source}: is one page, and no volume; leave --volume out, or name the axes of the file with --axes")
    _check_alike(pages, source)
    places = [dict(page.axes) for page in pages]
    if any(place.keys() != places[0].keys() for place in places):
        raise DenoiseError(f"{source}: only some of its pages say where in the stack they stand; name the axes with --axes, such as ZYX")
    letters = _coupled([letter for letter, _ in pages[0].axes] or ["I"], settings, source)
    groups: dict[tuple[tuple[str, int], ...], list[int]] = {}
    for number, place in enumerate(places):
        groups.setdefault(tuple((letter, at) for letter, at in place.items() if letter not in letters), []).append(number)
    size = pages[0].colour.shape[:2]
    found = []
    for numbers in groups.values():
        lengths = [len({places[number].get(letter, number) for number in numbers}) for letter in letters]
        ordered = sorted(numbers, key=lambda number: [places[number].get(letter, number) for letter in letters])
        count = 1
        for length in lengths:
            count *= length
        if count != len(numbers):
            raise DenoiseError(f"{source}: {len(numbers):,} pages do not fill a stack along {', '.join(letters)}; leave --volume out")
        shape = (*lengths, *size)
        # Pages in a row that nobody has named are slices, or frames where time is spoken of.
        named = "".join(letter if letter in "TZ" else "Z" if settings.time_weight is None else "T" for letter in letters) + "YX"
        weights = _weights(named, settings, picture.extras.get("spacing"), source)
        tall = _below_each_other([pages[number] for number in ordered])
        found.append(Stack(tuple(ordered), tall, Volume(shape, weights), named))
    return found


def _check_alike(pages: Sequence[Page], source: Path) -> None:
    first = pages[0].colour
    for number, page in enumerate(pages, 1):
        if page.colour.shape != first.shape or page.colour.dtype != first.dtype:
            raise DenoiseError(
                f"{source}: page {number} is {_words(page)}, the first one {_words(pages[0])}: pages that differ are neither a volume nor "
                "a series; leave --volume and --same-lambda out"
            )


def _words(page: Page) -> str:
    height, width = page.colour.shape[:2]
    return f"{width} × {height} of {page.colour.dtype.name}" + (f" with {page.colour.shape[2]} channels" if page.colour.ndim == 3 else "")


def _coupled(letters: Sequence[str], settings: Settings, source: Path) -> list[str]:
    """The letters of the axes that join rows and columns, in the order of the file."""
    wanted = {letter for letter in letters if letter in SPACE} or {next((letter for letter in letters if letter in OTHERS), "")}
    if settings.time_weight is not None:
        if "T" not in letters and not {"I", "P"} & set(letters):
            raise DenoiseError(f"{source}: --time-weight needs an axis T, and its pages count {', '.join(letters)}; name them with --axes")
        wanted |= set("TIP") & set(letters)
    found = [letter for letter in letters if letter in wanted]
    if not found:
        raise DenoiseError(
            f"{source}: its pages are channels ({', '.join(letters)}), and no slices; name the axes with --axes, such as ZYX"
        )
    return found


def _weights(letters: str, settings: Settings, known: Mapping[str, float] | None, source: Path) -> tuple[float, ...] | None:
    """By what the differences along each axis are multiplied: told, or from the voxel size of the file; None where all count alike."""
    apart = [letter for letter in letters if letter != "T"]
    told = settings.spacing
    if told is None:
        sizes = {} if known is None else known
        told = tuple(sizes.get(letter, 0.0) for letter in apart) if all(sizes.get(letter, 0) > 0 for letter in apart) else None
    elif len(told) != len(apart):
        raise DenoiseError(
            f"{source}: --spacing has {counted(len(told), 'number')}, "
            f"but the volume has {counted(len(apart), 'axis', 'axes')} in space ({', '.join(apart)}); give as many"
        )
    by_letter = dict(zip(apart, weights_of_spacing(told), strict=True)) if told is not None else {}
    time = 1.0 if settings.time_weight is None else settings.time_weight
    weights = tuple(by_letter.get(letter, time if letter == "T" else 1.0) for letter in letters)
    return None if all(weight == 1 for weight in weights) else weights


def _below_each_other(pages: Sequence[Page]) -> Page:
    """Pages of one size as a tall one."""
    import numpy as np

    first = pages[0]
    beside = None if first.beside is None else np.concatenate([page.beside for page in pages if page.beside is not None])
    return replace(first, colour=np.concatenate([page.colour for page in pages]), beside=beside, axes=())


def series_plan(stacks: Sequence[Stack], settings: Settings, source: Path) -> Plan | None:
    """One plan for all, from pages that are spread over the series (of volumes, from the middle one); None for one stack alone, or where
    impulses have to be found page by page. Raises ValueError where nothing can be done, DenoiseError where the pages differ."""
    from denoise_cli.pipeline.plan import make_plan, subject_of

    if len(stacks) < 2 or not settings.automatic:
        return None
    _check_alike([stack.page for stack in stacks], source)
    if stacks[0].volume is not None:
        middle = stacks[len(stacks) // 2]
        plan = make_plan(replace(subject_of(middle.page, settings), volume=middle.volume), settings)
    else:
        step = max(1, len(stacks) // STANDING_FOR_ALL)
        chosen = [stack.page for stack in stacks[step // 2 :: step]][:STANDING_FOR_ALL]
        plan = make_plan(subject_of(_below_each_other(chosen), settings), settings)
    return None if any("impulses" in each.details for each in plan.parts) else plan


def together(stacks: Sequence[Stack], shared: Plan | None) -> str | None:
    """How several pages were taken, in words; None for one page."""
    if stacks[0].volume is not None:
        return stacks[0].name if len(stacks) == 1 else f"{len(stacks):,} volumes, each of {stacks[0].name.replace(' as one volume', '')}"
    return None if len(stacks) == 1 else f"{len(stacks):,} pages, " + ("each denoised by itself" if shared is None else "all with one λ")


def check_memory(subject: Subject, plan: Plan) -> None:
    """Refuse a volume that cannot fit, before hours are spent on it. Raises ValueError."""
    if subject.volume is None:
        return
    bytes_of_a_number = 8 if subject.precision == "float64" else 4
    needed = plan.method.pictures_in_memory(plan.fidelity or "l2") * (subject.volume.axes + 1) / 3 * bytes_of_a_number * subject.stored.size
    there = _memory()
    if there is not None and needed > there:
        size = " × ".join(str(length) for length in subject.volume.shape)
        raise ValueError(
            f"a volume of {size} needs about {needed / 1e9:.3g} GB, and this machine has {there / 1e9:.3g} GB; cut it into blocks, or "
            "denoise the slices one by one (without --volume)"
        )


def _memory() -> float | None:
    """Bytes of memory that the machine has; None where it does not say."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE")) * float(os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, OSError, ValueError):
        return None
