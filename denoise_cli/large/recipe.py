"""What is done to every window of a picture, alike: decided once for the whole picture, and told to whoever solves a tile."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from denoise_cli.large.primal_dual import REPAIRS
from denoise_cli.methods.method import Subject
from denoise_cli.methods.solving import solver_options
from denoise_cli.noise.opponent_colours import from_opponent, to_opponent

if TYPE_CHECKING:
    from denoise_cli.formats.picture import Page
    from denoise_cli.large.windows import Array
    from denoise_cli.methods.method import Method, Plan
    from denoise_cli.noise.stabilise import Stabiliser

__all__ = ["NotByTiles", "Recipe"]


class NotByTiles(ValueError):
    """What is planned needs the whole picture at once."""


@dataclass(frozen=True)
class Recipe:
    """Stored pixels → numbers around 0 → the problem of a window → stored pixels.

    parts: channels that are solved together, and λ in units of the numbers.  tv, channels: the total variation.
    typed value (or stabilised, or turned into luma and chroma) = unit · number + offset.  precision: of the computation.
    fidelity: l2 or l1.  basis: the turn into luma and chroma, None for none.
    stabilisers: of each channel, with its black and white; None for none.
    gap, iterations: when it is enough.  workers: threads of a window.
    method, plan: instead of all that, a method whose result depends on so few pixels around that windows overlap by its reach.
    """

    parts: tuple[tuple[slice, float], ...] = ()
    tv: str = "isotropic"
    channels: str = "coupled"
    offset: tuple[float, ...] = (0.0,)
    unit: float = 1.0
    precision: str = "float32"
    gap: float = 1e-3
    iterations: int = 50_000
    workers: int | None = None
    basis: str | None = None
    stabilisers: tuple[tuple[Stabiliser, tuple[float, float]] | None, ...] = ()
    fidelity: str = "l2"
    method: Method | None = None
    plan: Plan | None = None
    reach: int = 0

    @classmethod
    def of(cls, plan: Plan, sample: Subject) -> Recipe:
        """From the plan that was made for a sample of the picture. Raises NotByTiles where tiles cannot do what is planned."""
        method, settings, colours = plan.method, plan.settings, 1 if sample.stored.ndim == 2 else sample.stored.shape[2]
        if not method.is_tiled:
            reach = method.reach(settings, colours)
            if reach is None:
                raise NotByTiles(f"method {method.name} needs the whole picture at once; use --method optimal, or give it more --memory")
            return cls(method=method, plan=replace(plan, scale=replace(plan.scale, known=None)), reach=reach, workers=settings.workers)
        plans = plan.parts
        if any("impulses" in each.details for each in plans):
            raise NotByTiles(
                "impulses are solved with the whole picture in memory; give it more --memory, "
                "or say --method optimal --l2 --lambda X, or --method learned"
            )
        options = solver_options(method.name, settings)
        if options["boundary"] != "symmetric":
            raise NotByTiles("tiles know the symmetric boundary only; leave --boundary out, or give it more --memory")
        if len({each.fidelity for each in plans}) > 1:
            raise NotByTiles("tiles take one fidelity for all channels; say --l2 or --l1, or give it more --memory")
        # Under a map of λ without a number, the map is λ.
        weight = 1.0 if plan.weight is None else plan.weight
        parts = tuple((slice(at, at + 1), each) for at, each in enumerate(plan.weights)) or ((slice(0, colours), weight),)
        stable = [(each.details["stabiliser"], each.details["ends"]) if "stabiliser" in each.details else None for each in plans]
        recipe = cls(
            parts=parts, tv=options["tv"], channels=options["channels"], precision=settings.dtype,
            gap=options["gap"], iterations=options["iterations"], workers=settings.workers,
            stabilisers=tuple(stable * (colours // len(plans))) if any(stable) else (), offset=(0.0,) * colours,
            fidelity=plan.fidelity or "l2",
        )  # fmt: skip
        if "opponent" in plan.details:
            assert plan.choice is not None
            luma, chroma = (each * weight / plan.choice.weight for each in plan.details["opponent"])
            recipe = replace(recipe, basis=plan.choice.noise.basis, channels="coupled", parts=((slice(0, 1), luma), (slice(1, 3), chroma)))
        return recipe._framed(sample)

    def _framed(self, sample: Subject) -> Recipe:
        """With the offset and the unit of the sample's numbers; pixels beyond the sample's range are as welcome."""
        typed, known = self._typed(sample.pixels), sample.scale.known
        values = typed.reshape(-1, typed.shape[2]) if known is None else typed[known]
        low, high = values.min(axis=0).astype(np.float64), values.max(axis=0).astype(np.float64)
        span, unit = float((high - low).max()), 1.0
        if sample.stored.dtype.kind == "f" or sample.stored.dtype.itemsize > 2:
            # A power of two, by which nothing is rounded.
            unit = 2.0 ** math.ceil(math.log2(span)) if 0 < span < math.inf else 1.0
        # Under L1, F and λR both grow with the unit.
        parts = tuple((channels, weight if self.fidelity == "l1" else weight / unit) for channels, weight in self.parts)
        return replace(self, offset=tuple(float(middle) for middle in low / 2 + high / 2), unit=unit, parts=parts)

    @property
    def beyond(self) -> int:
        """Pixels that a window needs around its core, beside one for each iteration."""
        return 1 + (REPAIRS if self.fidelity == "l1" else 0)

    def numbers(self, page: Page) -> tuple[Array, Array | None]:
        """The problem's f, (channels, rows, columns), and which pixels are known, None for all."""
        known = page.units.known
        if page.alpha is not None and page.beside is not None and (hidden := page.beside[:, :, page.alpha] == 0).any():
            known = ~hidden if known is None else known & ~hidden
        if known is not None and known.all():
            known = None
        typed = self._typed(page.units.floats(page.colour, self.precision))
        with np.errstate(invalid="ignore", over="ignore"):
            planes = [(typed[:, :, c] - typed.dtype.type(middle)) / typed.dtype.type(self.unit) for c, middle in enumerate(self.offset)]
        return np.stack(planes).astype(self.precision, copy=False), known

    def _typed(self, pixels: Array) -> Array:
        """(rows, columns, channels), stabilised and turned as the recipe says."""
        typed = pixels[:, :, None] if pixels.ndim == 2 else pixels
        if self.stabilisers:
            each = zip(np.moveaxis(typed, 2, 0), self.stabilisers, strict=True)
            typed = np.stack([f if told is None else told[0].normalise(f, *told[1])[0] for f, told in each], axis=2)
        return typed if self.basis is None else to_opponent(typed, self.basis)

    def image(self, numbers: Array) -> Array:
        """Numbers, (channels, rows, columns), in typed units again, (rows, columns, channels)."""
        wide = numbers.astype(np.float64) if self.unit != 1 else numbers
        image: Array = np.stack([plane * self.unit + middle for plane, middle in zip(wide, self.offset, strict=True)], axis=2)
        if self.basis is not None:
            image = from_opponent(image, self.basis)
        if self.stabilisers:
            each = zip(np.moveaxis(image, 2, 0), self.stabilisers, strict=True)
            image = np.stack([u if told is None else told[0].restore(u, *told[1]) for u, told in each], axis=2)
        return image

    def run(self, page: Page) -> Array:
        """What the method of a recipe without parts makes of a window: the whole of it, typed units."""
        assert self.method is not None
        assert self.plan is not None
        scale = replace(self.plan.scale, known=page.units.known)
        subject = Subject(page.colour, scale, precision=self.plan.settings.dtype)
        image: Any = self.method.run(subject, self.plan).image
        return image  # type: ignore[no-any-return]
