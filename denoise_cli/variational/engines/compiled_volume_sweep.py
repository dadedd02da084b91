"""An iteration of split Bregman on a volume, compiled."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from denoise_cli.variational.engines.compiled_sweep import COLUMNS, CompiledSweep
from denoise_cli.variational.engines.transform_tables import tables
from denoise_cli.variational.strips import Array

__all__ = ["CompiledVolumeSweep"]

#: Planes of a strip, at least, and no more strips than that: a seam costs the transforms of two planes.
SHORTEST_STRIP, MOST_STRIPS = 12, 16
#: Blocks of columns that a thread is handed at once.
BLOCKS_TOGETHER = 8


class CompiledVolumeSweep(CompiledSweep):
    """The two walks of `CompiledSweep`, with planes in the place of rows.

    The rows and the columns of every plane are transformed, and the recursion goes along z. To it a plane is one row, whose eigenvalues
    are sums of those of both its axes.
    """

    def _strips(self) -> list[slice]:
        depth = self.problem.observed.shape[1]
        planes = max(SHORTEST_STRIP, -(-depth // MOST_STRIPS))
        return [slice(start, min(start + planes, depth)) for start in range(0, depth, planes)]

    def _make_tables(self) -> None:
        f, operator = self.problem.observed, self.problem.operator
        channels, _, rows, columns = f.shape
        self._z, y, x = operator.axis_weights
        self._beside = (float(columns), x, y, self._z, 1.0)
        self.length = rows * columns
        self.tables, self.tables_down = (tables(count, not operator.periodic, f.dtype) for count in (columns, rows))
        self.eigenvalues = (y**2 * operator.laplacian(rows)[:, None] + x**2 * operator.laplacian(columns)).ravel()
        self.owed = np.zeros((len(self.strips), channels, rows, columns), f.dtype)

    def _transform(self, planes: Array, *, back: bool = False) -> None:
        self._share(lambda part: self._planes(planes, part, back=back), self.strips)

    def _planes(self, planes: Array, part: slice, *, back: bool) -> None:
        """Planes of (channels, planes, rows, columns) to frequencies, or back, in place."""
        channels, depth, rows, columns = planes.shape
        self.compiled.volume_planes(
            channels, depth, rows * columns, part.start, part.stop, planes, columns, self.tables, self.tables_down, back
        )  # fmt: skip

    def _solve_columns(self, penalty: float) -> None:
        operator, (channels, depth, *plane) = self.problem.operator, self.rhs.shape
        eigenvalues, length, along = 1 + penalty * self.eigenvalues, math.prod(plane), penalty * self._z**2

        def solve(j: int) -> None:
            stop = min(j + BLOCKS_TOGETHER * COLUMNS, length)
            self.compiled.columns(channels, length, depth, j, stop, self.rhs, eigenvalues, along, operator.periodic)

        self._share(solve, range(0, length, BLOCKS_TOGETHER * COLUMNS))

    def _iterate(self, *described: Any) -> Any:
        return self.compiled.volume_iterate(*described, self._beside)

    def _seams(self) -> Iterable[Array]:
        """u in the plane after each strip."""
        seams = np.ascontiguousarray(self.rhs[:, self.below].swapaxes(0, 1))
        self._share(lambda index: self._planes(seams[index][:, None], slice(0, 1), back=True), range(len(seams)))
        return seams

    def _settle_seams(self, scale: float) -> None:
        owed = self.owed
        owed *= owed.dtype.type(scale * self._z)

        def settle(index: int) -> None:
            self._planes(owed[index][:, None], slice(0, 1), back=False)
            self.rhs[:, self.below[index]] += owed[index]

        self._share(settle, range(len(self.below)))
