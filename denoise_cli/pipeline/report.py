"""What became of a picture, in fields that can be written as JSON, and in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from denoise_cli.methods.method import Outcome
    from denoise_cli.pipeline.job import Job
    from denoise_cli.pipeline.preview import Preview

__all__ = ["Report", "notes_of", "numbers_of", "plan_of", "pooled", "psnr_of"]


@dataclass(frozen=True)
class Report:
    """What became of a job; `error` says why it failed, in one line.

    method: the one that ran.  ended: how, in words.  assumed: what the plan took for granted, and what followed from it.
    weight: the λ of all channels.  weights: that of each, where each has its own.
    preview: what a report shows of it, where one was asked for.
    """

    input: str
    output: str
    method: str
    fidelity: str | None
    weight: float | None
    status: str
    assumed: str | None = None
    noise: str | None = None
    sigma: float | None = None
    impulses: float | None = None
    iterations: int = 0
    cost: float | None = None
    bound: float | None = None
    gap: float | None = None
    psnr_db: float | None = None
    seconds: float = 0.0
    shape: tuple[int, ...] = ()
    depth: str = ""
    residual_std: float | None = None
    whiteness: float | None = None
    ended: str = ""
    notes: tuple[str, ...] = ()
    error: str | None = None
    weights: tuple[float, ...] = ()
    preview: Preview | None = field(default=None, repr=False)

    def told(self) -> dict[str, Any]:
        """Every field but the preview, as JSON can have it."""
        fields = asdict(replace(self, preview=None))
        del fields["preview"]
        return fields

    @classmethod
    def of(cls, job: Job, status: str, **details: Any) -> Report:
        """The report of a job; `details` are what came out."""
        settings = job.settings
        told: dict[str, Any] = {"method": settings.method or "auto", "fidelity": settings.fidelity, "weight": settings.weight}
        return cls(str(job.input), str(job.output), status=status, **(told | details))


def plan_of(pages: Sequence[Outcome]) -> dict[str, Any]:
    """What a Report says about the plans of all pages; what differs among them is None, and their sentences are listed."""
    plans = [page.plan for page in pages]
    first = plans[0]
    alike: dict[str, Any] = {
        name: getattr(first, name) if all(getattr(plan, name) == getattr(first, name) for plan in plans) else None
        for name in ("fidelity", "weight", "weights")
    }
    if any(plan.weights for plan in plans):
        alike |= {"weight": None, "weights": alike["weights"] or ()}
    alike["method"] = ", ".join(dict.fromkeys(plan.method.name for plan in plans))
    sentences = list(dict.fromkeys(plan.sentence for plan in plans if plan.sentence is not None))
    if sentences:
        alike["assumed"] = "; ".join(sentences[:3]) + (f"; and {len(sentences) - 3} more" if len(sentences) > 3 else "")
    if first.noise is not None and first.sentence is not None:
        alike |= {"noise": first.noise.model, "sigma": first.sigma, "impulses": first.noise.impulses}
    return alike


def numbers_of(pages: Sequence[Outcome]) -> dict[str, Any]:
    """Numbers of all pages as one: iterations, cost and bound add up; the gap and how it ended are the worst."""
    from denoise_cli.variational.solution import WORSE

    solutions = [page.solution for page in pages]
    worst = max(pages, key=lambda page: (WORSE.index(page.solution.status), page.solution.gap or 0.0))
    iterations = sum(solution.iterations for solution in solutions)
    gaps = [solution.gap for solution in solutions if solution.gap is not None]
    bounds = [solution.bound for solution in solutions if solution.bound is not None]
    costs = [solution.cost for solution in solutions if math.isfinite(solution.cost)]
    return {
        "status": str(worst.solution.status), "iterations": iterations, "cost": sum(costs) if costs else None,
        "bound": sum(bounds) if bounds else None, "gap": max(gaps, default=None),
        "ended": worst.plan.method.told(replace(worst.solution, iterations=iterations)),
    }  # fmt: skip


def psnr_of(image: Any, clean: Any, known: Any, white: float = 1.0) -> float | None:
    """PSNR over the pixels that have a value. The peak is `white` for a clean page on [0, white], else what the clean page spans."""
    if clean is None:
        return None
    from denoise_cli.measure.comparison import peak_of
    from denoise_cli.measure.metrics import psnr_db

    if known is not None:
        image, clean = image[known], clean[known]
    if clean.size == 0:
        return None
    return psnr_db(image, clean, peak_of([clean], white))


def pooled(psnrs: Sequence[float | None]) -> float | None:
    """PSNR of the mean squared error of several pages."""
    told = [psnr for psnr in psnrs if psnr is not None]
    if not told:
        return None
    if len(told) == 1:
        return told[0]
    error = sum(10 ** (-psnr / 10) for psnr in told) / len(told)
    return -10 * math.log10(error) if error > 0 else math.inf


def notes_of(pages: Sequence[Outcome], together: str | None = None) -> tuple[str, ...]:
    """What a person should know about how the pages came out; `together` says how several were taken."""
    told = [] if together is None else [together]
    for page in pages:
        told += [*page.plan.notes, *page.plan.method.notes(page.plan, page.solution)]
    return tuple(dict.fromkeys(told))
