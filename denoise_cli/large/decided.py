"""The one decision about a large picture: what its sample suggests, as something that can be done to every window alike."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from denoise_cli.large.recipe import Recipe
from denoise_cli.methods import registry
from denoise_cli.pipeline.plan import make_plan, subject_of

if TYPE_CHECKING:
    from denoise_cli.formats.picture import Page
    from denoise_cli.methods.method import Plan
    from denoise_cli.settings import Settings

__all__ = ["MEMORY_WANTED", "decided", "megabytes"]

#: Among the details of a plan that is not the one that suits the picture best: the bytes that the better one needs.
MEMORY_WANTED = "memory_wanted"


def decided(page: Page, settings: Settings, wanting: Callable[[Recipe], int]) -> tuple[Recipe, Plan]:
    """What is done to every window, as the sample suggests. Raises ValueError where tiles cannot do it.

    wanting : the bytes that the smallest tiles of a recipe need, if these are more than there are; else 0. Where no method is typed, the
        first method that needs fewer and has every option that was typed is taken instead, and a note says so.
    """
    subject = subject_of(page, settings)
    plan = make_plan(subject, settings)
    recipe = Recipe.of(plan, subject)
    if recipe.method is None or settings.method is not None or (name := _with_less(settings)) is None or not (needs := wanting(recipe)):
        return recipe, plan
    told = f"{recipe.method.name} suits it best, but its smallest tiles need --memory {megabytes(needs)}; {name} was taken instead"
    plan = make_plan(subject, replace(settings, method=name))
    plan = replace(plan, notes=(*plan.notes, told), details={**plan.details, MEMORY_WANTED: needs})
    return Recipe.of(plan, subject), plan


def megabytes(count: int) -> str:
    """A number of bytes as --memory takes it, rounded up: "82MB"."""
    return f"{-(-count // 10**6)}MB"


def _with_less(settings: Settings) -> str | None:
    """The first method whose tiles can be small, of those that choose by themselves and have every option that was typed."""
    for name, method in registry.all_methods().items():
        if method.is_tiled and method.is_automatic:
            with contextlib.suppress(ValueError):
                method.check(settings)
                return name
    return None
