"""An iteration of split Bregman, compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from denoise_cli.variational.engines.description import DescribedProblem, DescribedStrip, DescribedSweep
from denoise_cli.variational.engines.numpy_sweep import NumPySweep
from denoise_cli.variational.engines.padded_rows import PaddedRows
from denoise_cli.variational.engines.protocol import DualEvidence, Tally
from denoise_cli.variational.engines.transform_tables import Tables, tables
from denoise_cli.variational.problem import Problem
from denoise_cli.variational.schedule import Schedule
from denoise_cli.variational.strips import Array

__all__ = ["CompiledSweep"]

#: Columns that are solved side by side (BLOCK of _kernels.c).
COLUMNS = 128
#: Rows of a strip, in steps that the transform takes without a remainder, and no more strips than that: a seam costs the transforms of
#: two rows.
ROWS_TOGETHER, SHORTEST_STRIP, MOST_STRIPS = 32, 128, 16
#: Pixels (times channels) up to which a second thread costs more than it brings.
ALONE = 2**17


class CompiledSweep(NumPySweep):
    """The same in two compiled walks an iteration: one over blocks of columns, one over strips of rows.

    The solve is a transform of the rows, a recursion down and up the columns, and a transform back (_transform.h); `rhs` is kept
    transformed, so that the second walk takes a strip from frequencies to u, to the right-hand side and to frequencies again. What it
    needs of the row below is copied before; what its last row owes to the strip below is transformed and added after.

    Rows of an awkward length are made longer, to one that is easily transformed, and the picture is cut off from its margin after the
    columns are solved (padded_rows.py).
    """

    def __init__(
        self,
        problem: Problem,
        schedule: Schedule,
        compiled: Any,
        described: DescribedProblem,
        *,
        clean: Array | None,
        watched: bool,
        keeps_p: bool,
    ) -> None:
        super().__init__(problem, schedule, watched=watched, keeps_p=keeps_p)
        self.compiled, self.described, self.clean = compiled, described, clean
        # The row that follows each strip; none follows the last one of a picture that is mirrored there.
        below = [strip.stop % problem.observed.shape[1] for strip in self.strips]
        self.below = below if problem.operator.periodic else below[:-1]
        self.padding: PaddedRows | None = None
        self.tables_down: Tables | None = None
        self._make_tables()

    def _make_tables(self) -> None:
        """How rows are transformed, and room for those of the seams."""
        f, operator = self.problem.observed, self.problem.operator
        channels, height, width = f.shape
        self.padding = PaddedRows(operator, f.shape, self.compiled) if PaddedRows.pays(width) else None
        self.length = width if self.padding is None else self.padding.length
        if self.padding is not None:
            self.rhs = np.empty((channels, height, self.length), f.dtype)
        self.tables = tables(self.length, self.padding is not None or not operator.periodic, f.dtype)
        self.eigenvalues = operator.laplacian(self.length) if self.padding is None else self.padding.eigenvalues
        self.owed = np.zeros((len(self.strips), channels, self.length), f.dtype)

    def _strips(self) -> list[slice]:
        height = self.problem.observed.shape[1]
        rows = max(SHORTEST_STRIP, -(-height // (MOST_STRIPS * ROWS_TOGETHER)) * ROWS_TOGETHER)
        return [slice(start, min(start + rows, height)) for start in range(0, height, rows)]

    def set_out(self, dual: Array | None, *, from_observed: bool) -> None:
        super().set_out(dual, from_observed=from_observed)
        if dual is None and not from_observed:
            self._transform(self.rhs)

    def _set_out_from(self, u: Array) -> None:
        self._sweep(0, u, None, given=True)

    def advance(self, iteration: int, *, certify: bool, last: bool) -> tuple[Array, DualEvidence | None, Tally | None]:
        self._solve_columns(self.schedule.penalty(iteration))
        if last and not certify:
            self._transform(self.rhs, back=True)
            if self.padding is None:
                return self.rhs, None, None
            np.copyto(self.u, self.rhs[:, :, : self.u.shape[2]])
            return self.u, None, None
        evidence = self._room_for_evidence() if certify else None
        # If nothing records the iterations, u is written to memory for the last one and for certificates only.
        cost, primal, squared_error = self._sweep(iteration, self.u, evidence, kept=certify or self.watched)
        if evidence is not None:
            evidence.primal, evidence.cost = primal, cost
            return self.u, evidence, None
        return self.u, None, Tally(cost, None if self.clean is None else squared_error) if self.watched else None

    def _share(self, work: Callable[[Any], object], items: Iterable[Any]) -> None:
        strips = self.problem.strips
        strips.share(list(items), work, threads=1 if self.rhs.size <= ALONE else strips.threads)

    def _transform(self, planes: Array, *, back: bool = False) -> None:
        used = self.u.shape[2]
        self._share(lambda part: self.compiled.rows(*planes.shape, part.start, part.stop, planes, self.tables, back, used), self.strips)

    def _solve_columns(self, penalty: float) -> None:
        compiled, operator, rhs = self.compiled, self.problem.operator, self.rhs
        channels, height, length = rhs.shape
        eigenvalues = 1 + penalty * self.eigenvalues

        def solve(j: int) -> None:
            compiled.columns(channels, length, height, j, min(j + COLUMNS, length), rhs, eigenvalues, penalty, operator.periodic)

        self._share(solve, range(0, length, COLUMNS))
        if (padding := self.padding) is None:
            return
        self._share(lambda part: padding.look(rhs, part), self.strips)
        padding.decide(penalty)
        self._share(lambda j: padding.amend(rhs, slice(j, min(j + COLUMNS, length)), penalty), range(0, length, COLUMNS))

    def _sweep(
        self, iteration: int, u: Array, evidence: DualEvidence | None, *, given: bool = False, kept: bool = True
    ) -> tuple[float, float, float]:
        """From frequencies (or, if it is `given`, from u) to the next ones: the cost of u, the squared change, the squared error."""
        problem, step = self.problem, self.schedule.step(iteration)
        seams: list[Array | None] = [None] * len(self.strips)
        if not given and self.below:
            seams[: len(self.below)] = self._seams()
        arrays = DescribedSweep(
            tables=self.tables,
            tables_down=self.tables_down,
            length=self.length,
            u=u if kept else None,
            given=given,
            state=self.s,
            right_side=self.rhs,
            fidelity_state=self.s_d,
            anchor=self._anchor(step),
            clean=self.clean,
            tally=self.watched if evidence is None else self.s_d is None,
            curvature=problem.fidelity.curvature or 0.0,
            divergence=None if evidence is None else evidence.divergence,
            picture=None if evidence is None else evidence.picture,
            derivative=None if evidence is None else evidence.derivative,
            multiplier=None if evidence is None else evidence.p,
        )
        parts = [
            DescribedStrip(rows.start, rows.stop, self.owed[index], seams[index], self.spills[1, index])
            for index, rows in enumerate(self.strips)
        ]
        sums = np.zeros((len(self.strips), 3))

        def work(index: int) -> None:
            sums[index] = self._iterate(self.described, arrays, step, parts[index])

        self._share(work, range(len(self.strips)))
        if evidence is not None:
            problem.operator.join(self.strips, self.spills[1], evidence.divergence, step.alpha * step.scale)
        if self.below:
            self._settle_seams(step.to_rhs)
        cost, primal, squared_error = sums.sum(axis=0)
        return float(cost), float(primal), float(squared_error)

    def _iterate(self, *described: Any) -> Any:
        """A strip of an iteration."""
        return self.compiled.iterate(*described)

    def _seams(self) -> Iterable[Array]:
        """u in the row below each strip."""
        return np.ascontiguousarray(self._transformed(self.rhs[:, self.below], back=True).swapaxes(0, 1))

    def _settle_seams(self, scale: float) -> None:
        """What the last row of each strip owes to the row below it, added to the next right-hand side."""
        owed = self.owed[: len(self.below)].swapaxes(0, 1) * self.owed.dtype.type(scale)
        self.rhs[:, self.below] += self._transformed(owed, back=False)

    def _transformed(self, rows: Array, *, back: bool) -> Array:
        """A few rows, (channels, rows, length); each channel apart, so that equal ones stay equal to the last bit."""
        planes = np.ascontiguousarray(rows)
        self.compiled.rows(*planes.shape, 0, planes.shape[1], planes, self.tables, back, self.u.shape[2])
        return planes
