"""What noise a picture holds, page by page, and what would be done about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from denoise_cli.errors import DenoiseError
from denoise_cli.measure.scale import Scale
from denoise_cli.methods.method import Plan, Subject
from denoise_cli.noise.estimate import Noise, estimate
from denoise_cli.pipeline.job import read_input
from denoise_cli.pipeline.plan import make_plan, subject_of
from denoise_cli.pipeline.stacks import stacks_of
from denoise_cli.settings import Settings

if TYPE_CHECKING:
    from denoise_cli.formats.picture import Page

__all__ = ["Finding", "finding_of", "findings"]


@dataclass(frozen=True)
class Finding:
    """One page of a picture, or one volume, and what was found.

    page: its number, from 1, of so many `pages`.  plan: what would be done; None where nothing can be, and `trouble` says why.
    notes: what else a person should know about the page.
    """

    name: str
    page: int
    pages: int
    scale: Scale
    noise: Noise
    plan: Plan | None
    trouble: str
    kind: str = "page"
    notes: tuple[str, ...] = ()


def findings(path: Path, settings: Settings) -> Iterator[Finding]:
    """A Finding for each page of a picture, or for each of its volumes; "-" is standard input. Raises DenoiseError."""

    picture = read_input(path, settings)
    stacks = stacks_of(picture, settings, path)
    for number, stack in enumerate(stacks, 1):
        try:
            subject = subject_of(stack.page, settings, numbers=stack.numbers, volume=stack.volume)
            found, plan, trouble = _planned(subject, settings)
        except (ValueError, TypeError) as error:
            raise DenoiseError(f"{path}: {error}") from error
        except MemoryError as error:
            raise DenoiseError(f"{path}: not enough memory for this picture; cut it into tiles") from error
        kind = "page" if stack.volume is None else "volume"
        yield Finding(str(path), number, len(stacks), stack.page.scale, found, plan, trouble, kind, subject.notes)


def finding_of(path: Path, page: Page, settings: Settings) -> Finding:
    """The Finding of a page by itself. Raises DenoiseError."""
    try:
        subject = subject_of(page, settings)
        found, plan, trouble = _planned(subject, settings)
    except (ValueError, TypeError) as error:
        raise DenoiseError(f"{path}: {error}") from error
    return Finding(str(path), 1, 1, page.scale, found, plan, trouble, notes=subject.notes)


def _planned(subject: Subject, settings: Settings) -> tuple[Noise, Plan | None, str]:
    """The noise of a page, or of a volume, and what would be done about it, or why nothing would."""
    try:
        plan = make_plan(subject, settings)
    except ValueError as error:
        return estimate(subject.stored, subject.scale), None, f"would refuse: {error}"
    return plan.noise or estimate(subject.stored, subject.scale), plan, ""
