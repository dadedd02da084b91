"""The one decision about a large picture: what its sample suggests, as something that can be done to every window alike."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from denoise_cli.large.cuts import GRAIN
from denoise_cli.large.recipe import Recipe
from denoise_cli.large.sweeps import BYTES_OF_A_METHOD
from denoise_cli.methods import registry
from denoise_cli.pipeline.plan import make_plan, subject_of

if TYPE_CHECKING:
    from denoise_cli.formats.picture import Page
    from denoise_cli.methods.method import Plan
    from denoise_cli.settings import Settings

__all__ = ["decided"]


def decided(page: Page, settings: Settings, budget: int) -> tuple[Recipe, Plan]:
    """What is done to every window, as the sample suggests. Raises ValueError where tiles cannot do it."""
    subject = subject_of(page, settings)
    plan = make_plan(subject, settings)
    recipe = Recipe.of(plan, subject)
    colours = len(recipe.offset) if subject.stored.ndim == 2 else subject.stored.shape[2]
    if recipe.method is None or settings.method is not None or (2 * recipe.reach + GRAIN) ** 2 * colours * BYTES_OF_A_METHOD <= budget:
        return recipe, plan
    # Not even the smallest window of what was chosen fits: the first method that can do with less.
    name = next(name for name, method in registry.all_methods().items() if method.is_tiled and method.is_automatic)
    plan = make_plan(subject, replace(settings, method=name))
    return Recipe.of(plan, subject), plan
