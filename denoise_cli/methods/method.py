"""What a method of denoising is: what it needs, what it plans for a page, and how it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from denoise_cli.measure.scale import Scale

if TYPE_CHECKING:
    from denoise_cli.choice.decision import Choice
    from denoise_cli.noise.model import Noise
    from denoise_cli.settings import Settings
    from denoise_cli.variational import Solution, State
    from denoise_cli.variational.volume import Volume

__all__ = ["OPTIONS", "Method", "Outcome", "Plan", "Subject"]

Array = npt.NDArray[Any]
Watch = Callable[["State"], object]

#: The settings that some methods have and others do not; one that is told to a method without it is refused, and never ignored.
OPTIONS = (
    "fidelity", "sigma", "vst", "strength", "iterations", "alpha", "beta", "gap", "tv", "channels", "boundary", "weights", "mask",
    "lambda_map", "device", "model", "self_ensemble",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Subject:
    """One page as a method gets it.

    stored: (height, width) or (height, width, channels), as the file or the caller has it.  scale: what its numbers mean.
    weights: one weight ≥ 0 a pixel on the fidelity, (height, width), 0 for unknown pixels; None where all are 1.
    weight_map: λ of each pixel, (height, width), in the place of one λ.
    reference: the clean page, in typed units, for a log and PSNR.  peak: what of these is white, where the type has a white.
    noise: what was found, where somebody has looked already.
    precision: "float32" or "float64", what is computed in.  notes: what was done to the page before, for people.
    volume: where the page holds the slices of a volume, one below the other: its shape, and how its axes are weighted.
    kept: what methods have computed from this very page, for the next one that asks; a page with anything replaced begins without.
    """

    stored: Array
    scale: Scale
    weights: Array | None = None
    weight_map: Array | None = None
    reference: Array | None = None
    peak: float = 1.0
    noise: Noise | None = None
    precision: str = "float32"
    notes: tuple[str, ...] = ()
    volume: Volume | None = None
    kept: dict[object, Any] = field(default_factory=dict, init=False, repr=False)

    @property
    def pixels(self) -> Array:
        """The page in typed units (`Scale.floats`), made anew at each call: whoever keeps it pays for it.

        What unknown pixels hold means nothing and may be NaN.
        """
        return self.scale.floats(self.stored, self.precision)

    @property
    def filled(self) -> Array:
        """`pixels` with every unknown one like its nearest known neighbour, for methods that take a value everywhere."""
        return _filled(self.pixels, self.scale.known)

    @property
    def known(self) -> Array | None:
        """(height, width), False where a pixel takes part in nothing: without a value, hidden, masked, or of weight 0."""
        if self.weights is None:
            return self.scale.known
        positive: Array = self.weights > 0
        return positive if self.scale.known is None else positive & self.scale.known

    @property
    def filled_in(self) -> Array | bool:
        """(height, width), True where a weight of 0 asks for a value that the method makes up; False where there is no such pixel."""
        return False if self.weights is None or self.weights.all() else self.weights == 0

    @cached_property
    def fidelity_weights(self) -> Array | None:
        """`weights`, and 0 where the scale knows no value; None where all are 1."""
        if self.scale.known is None:
            return self.weights
        known = self.scale.known.astype(np.float64)
        return known if self.weights is None else known * self.weights


def _filled(pixels: Array, known: Array | None) -> Array:
    if known is None:
        return pixels
    if not known.any():
        return np.zeros_like(pixels)
    from scipy.ndimage import distance_transform_edt

    rows, columns = distance_transform_edt(~known, return_distances=False, return_indices=True)
    filled: Array = pixels[rows, columns]
    return filled


@dataclass(frozen=True, eq=False)
class Plan:
    """What is going to happen to a page, and why: the one decision that all commands and Python ask for.

    method: which way.  settings: what was told.  scale: what the numbers mean.
    fidelity, weight: F and λ of the model in typed units; None where the method has none (or λ is a map, or channels have one F each).
    noise: what was found in the page, None where nobody had to look.  sigma: the σ that was assumed.
    choice: how λ was chosen, None where it was told.  sentence: what was assumed and what follows from it, for people.
    details: what a method keeps for its own `run`.
    """

    method: Method
    settings: Settings
    scale: Scale
    fidelity: str | None = None
    weight: float | None = None
    noise: Noise | None = None
    sigma: float | None = None
    choice: Choice | None = None
    sentence: str | None = None
    notes: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def parts(self) -> tuple[Plan, ...]:
        """The plan of each channel, where each has its own (`methods.apart`); else this one."""
        plans: tuple[Plan, ...] = self.details.get("apart", (self,))
        return plans

    @property
    def weights(self) -> tuple[float, ...]:
        """λ of each channel, where each has its own, of which `weight` is the geometric mean; else none."""
        return tuple(plan.weight or 0.0 for plan in self.parts) if "apart" in self.details else ()


@dataclass(frozen=True, eq=False)
class Outcome:
    """A page that is done: what was planned, and what came out of it."""

    plan: Plan
    solution: Solution


class Method:
    """A way to denoise. A subclass says what it is and overrides `run`, and `plan` where it has something to choose.

    name: what --method calls it.  summary: one line for the help.
    options: what it can be told (names of OPTIONS), with what it does when it is not told; anything else is refused.
    takes_volumes: it takes the slices of a volume.  couples_slices: as one, so that spacing and the weight of time mean something; else
    one by one.
    has_weight: it has a λ; --lambda, maps and `denoise path` are for such methods.
    is_automatic: it can do without a number, and may be taken where none was typed.
    is_tiled: it minimises F + λ·TV, which `large` does by tiles, exactly, for pictures that are larger than memory.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    options: ClassVar[Mapping[str, Any]] = {}
    has_weight: ClassVar[bool] = False
    is_automatic: ClassVar[bool] = False
    is_tiled: ClassVar[bool] = False
    takes_volumes: ClassVar[bool] = False
    couples_slices: ClassVar[bool] = False

    def check(self, settings: Settings) -> None:
        """Refuse settings that no page could make right. Raises ValueError, its message beginning with the option's name."""
        from denoise_cli.methods.registry import having

        if settings.weight is not None and not self.has_weight:
            raise ValueError(f"lambda has no meaning for method {self.name}, which has none; leave it out, or use another method")
        for name in OPTIONS:
            if getattr(settings, name, None) is not None and name not in self.options:
                others = having(name)
                way_out = f"use method {' or '.join(others)}, or leave it out" if others else "leave it out"
                raise ValueError(f"{name.replace('_', '-')} has no meaning for method {self.name}; {way_out}")

    def told_options(self, settings: Settings) -> dict[str, Any]:
        """Numbers and words that the method was told, or its defaults for them, for a settings file."""
        every = {name: getattr(settings, name, None) for name in self.options}
        values = {name: self.options[name] if value is None else value for name, value in every.items()}
        return {name: value for name, value in values.items() if isinstance(value, int | float | str)}

    def plan(self, subject: Subject, settings: Settings) -> Plan:
        """What the method is going to do to the page. Raises ValueError where it cannot."""
        return Plan(self, settings, subject.scale)

    def run(self, subject: Subject, plan: Plan, watch: Watch | None = None, **details: Any) -> Solution:
        """The page denoised, in typed units. Raises ValueError or TypeError where it cannot be done."""
        raise NotImplementedError

    def reach(self, settings: Settings, channels: int) -> int | None:  # noqa: ARG002 - those that have one ask
        """How many pixels around it a pixel of the result depends on; None for all, so that the picture cannot be cut into tiles.

        Tiles begin at multiples of 16.
        """
        return None

    def pictures_in_memory(self, fidelity: str) -> float:  # noqa: ARG002 - of those that have one
        """Peak memory of a run in float32 pictures of the page's size, the page in floats and the result among them."""
        return 6.0

    def bytes_beside(self, pixels: int) -> int:  # noqa: ARG002
        """Peak memory of a run beside those pictures, for a page of so many pixels."""
        return 0

    def told(self, solution: Solution) -> str:  # noqa: ARG002 - a method that iterates has something to say
        """What the closing line says of how the run ended; nothing where there is nothing to say."""
        return ""

    def notes(self, plan: Plan, solution: Solution) -> tuple[str, ...]:  # noqa: ARG002
        """What a person should know about how the page came out, beside the closing line."""
        return ()
