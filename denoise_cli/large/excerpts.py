"""Looking at a picture that is never held whole: its noise, what would be done about it, and windows of it to show."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from denoise_cli.errors import DenoiseError
from denoise_cli.formats.picture import Picture, page_name
from denoise_cli.large.budget import budget_of
from denoise_cli.large.eligible import is_for_tiles
from denoise_cli.large.spread import sample_of, sample_values
from denoise_cli.large.windows import open_windows, page_of
from denoise_cli.methods import registry
from denoise_cli.pipeline.facts import Facts
from denoise_cli.pipeline.findings import finding_of
from denoise_cli.pipeline.forecast import forecasts
from denoise_cli.pipeline.job import PIPE, Job, read_input
from denoise_cli.pipeline.plan import make_plan, subject_of
from denoise_cli.storage.stores import is_store, state_of

if TYPE_CHECKING:
    from denoise_cli.draw.views import Box
    from denoise_cli.formats.picture import Page
    from denoise_cli.large.windows import Source
    from denoise_cli.pipeline.findings import Finding
    from denoise_cli.pipeline.forecast import Forecast
    from denoise_cli.pipeline.preview import Preview
    from denoise_cli.settings import Settings

__all__ = ["excerpt", "facts_of_large", "findings_of_large", "large_source", "picture_or_window", "preview_of_large"]

#: Sides of the window that stands for a picture where one part of it is looked at.
SIDE = 2048


def large_source(path: Path, settings: Settings) -> Source | None:
    """The windows of a Zarr store, and of a picture that is larger than its memory; None for one that is read whole.

    Raises DenoiseError for what is no picture.
    """
    is_series = path.is_dir() and not is_store(path)
    if path == PIPE or is_series or not is_for_tiles(Job(path, path, settings)):
        return None
    return open_windows(path, axes=settings.axes, slices=settings.slices, nodata=settings.nodata or (), limits=settings.limits)


def excerpt(source: Source, plane: int = 0, side: int = SIDE) -> tuple[Page, Box]:
    """The middle of a plane, `side`² or all that there is; and where it lies: x, y, width, height. Raises DenoiseError."""
    height, width = source.size
    tall, wide = min(side, height), min(side, width)
    top, left = (height - tall) // 2, (width - wide) // 2
    return page_of(source.read(plane, slice(top, top + tall), slice(left, left + wide)), source.kind), (left, top, wide, tall)


def picture_or_window(path: Path, settings: Settings, *, whole: bool) -> Picture:
    """The picture of a file; of one that is solved by tiles the middle of its first plane, which says that it is no more, or a refusal
    where it is wanted `whole`. Raises DenoiseError."""
    source = large_source(path, settings)
    if source is None:
        return read_input(path, settings)
    if whole:
        raise DenoiseError(f"{path}: is solved by tiles, of which the path shows a window; leave --results and --reference out")
    page, (x, y, width, height) = excerpt(source)
    part = f"is solved by tiles; the path is that of {width} × {height} pixels in its middle, from ({x}, {y}) on"
    return Picture("npy", (page,), notes=(*source.notes, *((part,) if (height, width) != source.size else ())))


def findings_of_large(source: Source, settings: Settings) -> Iterator[Finding]:
    """As `pipeline.findings.findings`, from the sample that a run by tiles would choose by."""
    _refuse_volume(source, settings)
    for plane in range(source.planes):
        page = _sample(source, plane, settings)
        yield replace(finding_of(source.path, page, settings), page=plane + 1, pages=source.planes)


def facts_of_large(source: Source, settings: Settings) -> Facts:
    """As `pipeline.facts.describe`. Seconds are those of tiles, memory is that of the budget."""
    _refuse_volume(source, settings)
    start = time.perf_counter()
    page = _sample(source, 0, settings)
    height, width = source.size
    picture = Picture("npy", (page,))
    grown = source.planes * height * width / (page.colour.shape[0] * page.colour.shape[1])
    reading = time.perf_counter() - start
    kind, colours = source.kind, source.kind.colours
    facts = Facts(
        file=str(source.path), bytes=state_of(source.path)[0], format="zarr" if source.path.is_dir() else source.path.suffix[1:].lower(),
        width=width, height=height, depth=str(source.dtype), bits=8 * source.dtype.itemsize,
        colour={1: "grey", 3: "RGB"}.get(colours, f"{colours} channels"), channels=colours, alpha=kind.alpha is not None,
        pages=source.planes, sizes=[(width, height)] * source.planes, profile=None, orientation=1,
        notes=[*source.notes, "is solved by tiles; noise and λ are those of a sample"],
    )  # fmt: skip
    try:
        subject = subject_of(page, settings)
        start = time.perf_counter()
        plan = make_plan(subject, settings)
        planning = time.perf_counter() - start
        found = forecasts(picture, subject, plan, reading, 0.0)
    except (ValueError, TypeError) as error:
        return replace(facts, trouble=str(error))
    budget = budget_of(settings)

    def by_tiles(told: Forecast) -> Forecast:
        whole = round(told.memory * max(1.0, grown / source.planes))
        return replace(told, seconds=planning + told.seconds * grown, memory=whole if budget is None else min(whole, budget))

    able = {
        name: method for name, method in registry.all_methods().items() if method.is_tiled or method.reach(settings, colours) is not None
    }
    return replace(
        facts, noise=asdict(plan.noise) if plan.noise else None, plan=plan.sentence, fidelity=plan.fidelity, weight=plan.weight,
        methods={name: by_tiles(found[name]) for name in able if name in found},
        level=subject.scale.amount(plan.noise.sigma) if plan.noise else None,
    )  # fmt: skip


def preview_of_large(job: Job, side: int) -> Preview | None:
    """What a report shows of a picture and its result: a part of the window in the middle; None where one of them cannot be read."""
    from denoise_cli.pipeline.preview import preview

    pages, place = [], (0, 0, 0, 0)
    try:
        for path in (job.input, job.output):
            source = open_windows(path, axes=job.settings.axes, nodata=job.settings.nodata or (), limits=job.settings.limits)
            if source is None:
                return None
            plane, size = source.planes // 2, (source.size[1], source.size[0])
            name = page_name(plane, source.planes) if source.planes > 1 else ""
            page, place = excerpt(source, plane)
            pages.append(Picture("npy", (page,)))
        shown = preview(pages[0], pages[1], side)
    except (DenoiseError, OSError, ValueError, TypeError, MemoryError):
        return None
    if shown is None:
        return None
    x, y, width, height = shown.box
    return replace(shown, box=(x + place[0], y + place[1], width, height), size=size, page=name)


def _refuse_volume(source: Source, settings: Settings) -> None:
    if settings.volume:
        raise DenoiseError(f"{source.path}: --volume needs the whole picture in memory; leave it out")


def _sample(source: Source, plane: int, settings: Settings) -> Page:
    """What a run by tiles would choose noise, λ and method by."""
    try:
        return sample_of(source, plane, sample_values(budget_of(settings)))
    except OSError as error:
        raise DenoiseError(f"{source.path}: cannot be read ({error.strerror or error}); check the disk it lies on") from error
