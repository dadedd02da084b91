"""Where a run stands after an iteration, seen in the units of the picture's owner."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np

from denoise_cli.measure.metrics import decibels
from denoise_cli.variational.certificate import Certificate
from denoise_cli.variational.engines.protocol import Engine, Tally
from denoise_cli.variational.problem import Problem
from denoise_cli.variational.records import IterationRecord
from denoise_cli.variational.strips import Array

__all__ = ["Reference", "State", "Status"]


class Status(StrEnum):
    """Why a run ended."""

    ITERATIONS_DONE = "iterations_done"
    CONVERGED = "converged"
    ITERATION_LIMIT = "iteration_limit"
    INPUT_IS_MINIMISER = "input_is_minimiser"
    STOPPED = "stopped"
    # Of methods that do not iterate.
    DONE = "done"


@dataclass(frozen=True)
class Reference:
    """A clean picture, planar, and the range of its values that PSNR takes for the peak."""

    clean: Array
    data_range: float = 1.0

    def scores(self, squared_error: float) -> tuple[float, float, float]:
        """rmse, snr_db and psnr_db of a picture with Σ (picture − clean)² = `squared_error`."""
        error, root = math.sqrt(squared_error), math.sqrt(self.clean.size)
        return error / root, decibels(self._norm, error), decibels(self.data_range * root, error)

    @cached_property
    def _norm(self) -> float:
        return math.sqrt(float(np.square(self.clean).sum()))

    @cached_property
    def _single(self) -> Array:
        return self.clean.astype(np.float32)

    def clean_as(self, dtype: np.dtype[Any]) -> Array:
        """The clean picture in the type of the picture that is compared with it."""
        return self._single if dtype == np.float32 else self.clean


@dataclass
class State:
    """After an iteration. `u` is valid until the next one; the record is computed when it is asked for.

    `u`, `tally` and the picture of the certificate are in the units of the problem, everything else is in those of the picture's owner.
    """

    engine: Engine
    iteration: int
    u: Array
    seconds: float
    certificate: Certificate | None = None
    reference: Reference | None = None
    tally: Tally | None = None

    @property
    def problem(self) -> Problem:
        return self.engine.problem

    @property
    def solution(self) -> Array:
        """What the run returns if it ends here, planar and in the units of the problem."""
        return self.u if self.certificate is None else self.certificate.picture

    @property
    def picture(self) -> Array:
        """What the run returns if it ends here, (channels, *spatial)."""
        problem, offset = self.problem, self.problem.offset
        if offset is None and problem.unit == 1:
            return self.solution
        scaled: Array = self.solution * (self.solution.dtype if offset is None else offset.dtype).type(problem.unit)
        if offset is not None:
            scaled += offset
        return scaled

    @property
    def image(self) -> Array:
        """`picture` in the shape that the caller gave, (*spatial) or (*spatial, channels): an array of its own."""
        problem, solution = self.problem, self.solution
        offset = problem.offset
        shape = (*solution.shape[1:], len(solution))
        image = np.empty(shape if problem.shape is None else problem.shape, solution.dtype if offset is None else offset.dtype)
        channels = image.reshape(shape)
        for channel, plane in enumerate(solution):
            out = channels[..., channel]
            np.multiply(plane, image.dtype.type(problem.unit), out=out)
            if offset is not None:
                out += offset[channel]
        return image

    @property
    def cost(self) -> float:
        """F + λR of `picture`."""
        if self.certificate is not None:
            return self.certificate.cost
        return (self.tally.cost if self.tally else self.engine.cost(self.solution)) * self.problem.cost_unit

    @property
    def scores(self) -> tuple[float, float, float] | None:
        """rmse, snr_db and psnr_db against the reference, where there is one."""
        reference, tally = self.reference, self.tally
        if reference is None:
            return None
        if tally is not None and tally.squared_error is not None:
            return reference.scores(tally.squared_error)
        picture = self.picture
        return reference.scores(self.engine.squared_error(picture, reference.clean_as(picture.dtype)))

    @cached_property
    def record(self) -> IterationRecord:
        """What a log says about this iteration."""
        certificate = self.certificate
        error, snr, psnr = self.scores or (None, None, None)
        return IterationRecord(
            iteration=self.iteration,
            cost=self.cost,
            rmse=error,
            snr_db=snr,
            psnr_db=psnr,
            seconds=self.seconds,
            bound=certificate.bound if certificate else None,
            gap=certificate.gap if certificate else None,
            primal_residual=certificate.primal_residual if certificate else None,
            dual_residual=certificate.dual_residual if certificate else None,
        )
