"""What is solved and what comes of it: Problem, State, Certificate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np

from denoise_cli.kernels import binding as kernels
from denoise_cli.measure.metrics import decibels
from denoise_cli.variational.fidelities import Fidelity
from denoise_cli.variational.operators import Gradient
from denoise_cli.variational.records import IterationRecord
from denoise_cli.variational.regularisers import GROUPINGS, TotalVariation
from denoise_cli.variational.strips import Array, Strips, row_sums

__all__ = ["Certificate", "GapTarget", "Problem", "Reference", "State", "Status", "Tally"]

BOUND_MARGIN = 4
# Of the gap that is asked for: a certificate that misses it by a hair costs another one.
AIM = 0.95


class Status(StrEnum):
    """Why a run ended."""

    ITERATIONS_DONE = "iterations_done"
    CONVERGED = "converged"
    ITERATION_LIMIT = "iteration_limit"
    INPUT_IS_MINIMISER = "input_is_minimiser"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Problem:
    """minimise over u   F(u; f) + λR(u),  f = `observed`, planar (channels, height, width).

    `offset`, one value a channel, is what was taken off the picture before and is put back after: neither F nor R notice, but in float32
    the bound of a picture far from 0 would drown in rounding. `shape` is that of the picture as its owner holds it.
    """

    observed: Array
    fidelity: Fidelity
    regulariser: TotalVariation
    operator: Gradient
    shape: tuple[int, ...] | None = None
    offset: Array | None = None

    @property
    def strips(self) -> Strips:
        return self.operator.strips

    def cost(self, u: Array) -> float:
        """F(u; f) + λR(u), accumulated in float64."""
        compiled = kernels.compiled
        if compiled is not None:
            weight, weight_map = self.regulariser.weight_and_map
            sums = np.zeros(len(self.strips))

            def work(index: int, rows: slice, scratch: Array) -> None:  # noqa: ARG001
                sums[index] = sum(
                    compiled.cost(
                        *self.observed.shape, rows.start, rows.stop, u, self.observed, weight_map, self.fidelity.weights,
                        self.regulariser.grouping(len(u)), self.operator.periodic, self.fidelity.has_kink, weight,
                    )
                )  # fmt: skip

            self.strips.each(work)
            return float(sums.sum())

        def terms(rows: slice, scratch: Array) -> Array:
            return self.cost_terms(u, self.operator.differences(u, rows, scratch[:2]), rows, scratch[2:])

        return float(self.strips.totals(terms, planes=4).sum())

    def cost_terms(self, u: Array, differences: Array, rows: slice, scratch: Array, derivative: Array | None = None) -> Array:
        """Row sums of F and of λR, (2, rows), where Du is at hand; and F'(u) of a fidelity with a curvature, in `derivative`."""
        regularity = self.regulariser.value(differences, rows, scratch)
        residual = np.subtract(u[:, rows], self.observed[:, rows], out=scratch[0])
        if derivative is not None:
            np.multiply(residual, self.fidelity.curvature or 0.0, out=derivative)
        return np.stack([row_sums(self.fidelity.value(residual, rows, scratch[1])), regularity])

    @cached_property
    def box(self) -> tuple[Array, Array]:
        """The smallest and the largest value of each channel, (channels, 1, 1): a minimiser lies between them."""
        return self.observed.min(axis=(1, 2), keepdims=True), self.observed.max(axis=(1, 2), keepdims=True)

    def contrast(self) -> float:
        """How much f varies: of 3.5 standard deviations and 5.2 mean gradients, the larger; 1 or less for a picture on [0, 1].

        The one is that of a picture with large regions, the other that of noise or fine texture.
        """

        if kernels.compiled is not None:
            f = self.observed
            _, gradients = kernels.compiled.cost(
                *f.shape, 0, f.shape[1], f, f, None, None, GROUPINGS.index("pixel"), self.operator.periodic, False, 1.0
            )
            return max(3.5 * float(np.std(f)), 5.2 * float(gradients) / f.size)

        def terms(rows: slice, scratch: Array) -> Array:
            x, y = self.operator.differences(self.observed, rows, scratch[:2])
            x *= x
            y *= y
            x += y
            return row_sums(np.sqrt(x, out=x))[None]

        mean_gradient = float(self.strips.totals(terms, planes=2)[0]) / self.observed.size
        return max(3.5 * float(np.std(self.observed)), 5.2 * mean_gradient)

    def input_is_a_minimiser(self) -> bool:
        """True if λ is so small that f itself is a minimiser, whatever f holds: |Dᵀp| ≤ m for every dual feasible p (L1 only)."""
        if not self.fidelity.has_kink:
            return False
        (own_x, end_x), (own_y, end_y) = self.operator.neighbours()
        shape, weights = self.observed.shape[1:], self.fidelity.weights
        if isinstance(self.regulariser.weight, float) and weights is None:
            # Pixels only differ in being first, last or in between: three along each axis stand for all.
            own_x, end_x, own_y, end_y = (ends[[0, len(ends) // 2, -1]] for ends in (own_x, end_x, own_y, end_y))
            shape = (3, 3)
        largest = self.regulariser.largest_adjoint(((own_x, end_x), (own_y, end_y)), shape)
        return bool(np.all(largest <= (1.0 if weights is None else weights) * (1 + 1e-12)))

    def observed_as_state(self, reference: Reference | None) -> State:
        """Iteration 0 of a problem that f itself solves: the certificate is the theorem."""
        cost = self.cost(self.observed)
        return State(self, 0, self.observed, 0.0, Certificate(self.observed, cost, cost - self.margin(cost), 0.0, 0.0), reference)

    def margin(self, cost: float) -> float:
        """What rounding may have added to a bound, of the order of eps·cost (tests/variational/test_certificate.py has the evidence)."""
        return BOUND_MARGIN * float(np.finfo(self.observed.dtype).eps) * abs(cost)


@dataclass(frozen=True)
class Certificate:
    """bound ≤ optimum ≤ cost of `picture`, and how far the two optimality conditions are from holding (root mean squares).

    Under gradient projection the primal residual is that of p = P(p + ¼Du), times 4, and the dual one is 0 by construction.
    """

    picture: Array
    cost: float
    bound: float
    primal_residual: float | None = None
    dual_residual: float | None = None

    @property
    def gap(self) -> float:
        return max(0.0, (self.cost - self.bound) / self.cost) if self.cost > 0 else 0.0


@dataclass(frozen=True)
class Reference:
    """A clean picture, planar, and the range of its values that PSNR takes for the peak."""

    clean: Array
    data_range: float = 1.0

    def scores(self, picture: Array, strips: Strips, squared_error: float | None = None) -> tuple[float, float, float]:
        """rmse, snr_db and psnr_db of a picture, from one pass over it, or from Σ (picture − clean)² if that is known."""
        if squared_error is not None:
            return self._scores(squared_error, picture.size)
        clean = self.clean_as(picture.dtype)

        compiled = kernels.compiled
        if compiled is not None and picture.flags.c_contiguous:
            sums = np.zeros(len(strips))

            def work(index: int, rows: slice, scratch: Array) -> None:  # noqa: ARG001
                sums[index], _ = compiled.distance(*picture.shape, rows.start, rows.stop, picture, clean)

            strips.each(work)
            return self._scores(float(sums.sum()), picture.size)

        def squares(rows: slice, scratch: Array) -> Array:
            difference = np.subtract(picture[:, rows], clean[:, rows], out=scratch[0])
            return row_sums(np.square(difference, out=difference))[None]

        return self._scores(float(strips.totals(squares, planes=1)[0]), picture.size)

    def _scores(self, squared_error: float, size: int) -> tuple[float, float, float]:
        error, root = math.sqrt(squared_error), math.sqrt(size)
        return error / root, decibels(self._norm, error), decibels(self.data_range * root, error)

    @cached_property
    def _norm(self) -> float:
        return math.sqrt(float(np.square(self.clean).sum()))

    @cached_property
    def _single(self) -> Array:
        return self.clean.astype(np.float32)

    def clean_as(self, dtype: np.dtype[Any]) -> Array:
        return self._single if dtype == np.float32 else self.clean


@dataclass(frozen=True)
class Tally:
    """What a sweep found out about u on its way: F + λR, and Σ (u − clean)² where there is a clean picture."""

    cost: float
    squared_error: float | None


@dataclass
class State:
    """After an iteration. `u` is valid until the next one; the record is computed when asked for, unless the iteration has tallied it."""

    problem: Problem
    iteration: int
    u: Array
    seconds: float
    certificate: Certificate | None = None
    reference: Reference | None = None
    tally: Tally | None = None

    @property
    def solution(self) -> Array:
        """What the run returns if it ends here, planar and without the offset."""
        return self.u if self.certificate is None else self.certificate.picture

    @property
    def picture(self) -> Array:
        """What the run returns if it ends here, (channels, height, width)."""
        return self.solution if self.problem.offset is None else self.solution + self.problem.offset

    @property
    def image(self) -> Array:
        """`picture` in the shape that the caller gave: (height, width) or (height, width, channels)."""
        picture = np.moveaxis(self.picture, 0, -1)
        return picture if self.problem.shape is None else picture.reshape(self.problem.shape)

    @cached_property
    def record(self) -> IterationRecord:
        certificate, reference, tally = self.certificate, self.reference, self.tally
        error, snr, psnr = (
            reference.scores(self.picture, self.problem.strips, tally.squared_error if tally else None) if reference else (None, None, None)
        )
        return IterationRecord(
            iteration=self.iteration,
            cost=certificate.cost if certificate else tally.cost if tally else self.problem.cost(self.solution),
            rmse=error,
            snr_db=snr,
            psnr_db=psnr,
            seconds=self.seconds,
            bound=certificate.bound if certificate else None,
            gap=certificate.gap if certificate else None,
            primal_residual=certificate.primal_residual if certificate else None,
            dual_residual=certificate.dual_residual if certificate else None,
        )


class GapTarget:
    """When to look for a certificate: at the first iteration, and then where the gap, falling as it did, should meet the target."""

    def __init__(self, gap: float) -> None:
        self.gap = gap
        self._next = 1
        self._seen: list[tuple[int, float]] = []

    def is_due(self, iteration: int) -> bool:
        return iteration >= self._next

    def saw(self, iteration: int, certificate: Certificate) -> None:
        gap = max(certificate.gap, 1e-300)
        self._seen.append((iteration, gap))
        if self.gap <= 0:
            step = iteration
        elif len(self._seen) == 1:
            step = min(5, math.ceil(math.log(max(gap / self.gap, 1.1)) / 0.7))
        else:
            # Gaps fall like a power of the iteration, or slower; never look further ahead than two thirds of the way behind.
            before, old = self._seen[-2]
            step = max(2, math.ceil(iteration / 1.5))
            if self.gap < gap < old:
                power = math.log(old / gap) / math.log(iteration / before)
                step = min(step, math.ceil(iteration * math.expm1(min(math.log(gap / (AIM * self.gap)) / power, 20))))
        self._next = iteration + max(1, step)
