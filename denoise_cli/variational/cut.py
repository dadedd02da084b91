"""Rows of an awkward length, solved as longer ones: the capacitance matrix method."""

from __future__ import annotations

import numpy as np

from denoise_cli.variational import kernels
from denoise_cli.variational.strips import Array
from denoise_cli.variational.transforms import is_smooth, next_smooth, tables

__all__ = ["Cut"]

# Pixels of the margin at least. Its own values are thrown away; the longer it is, the weaker the cut has to be.
MARGIN = 16


class Cut:
    """Takes the link between the last column of a picture and its margin away from solutions of the picture with the margin.

    With T = I + penalty·DᵀD on rows of `length`, the next smooth one, and d the difference across the link, row by row, the operator on
    the picture alone (and the margin alone) is T − penalty·ddᵀ, so that by Sherman, Morrison & Woodbury

        u = x + T⁻¹d c,   x = T⁻¹ rhs,   (1/penalty − dᵀT⁻¹d) c = dᵀx.

    The matrix of c, height × height, is diagonal in the cosine basis, and what stands there is known: two chains of n mirrored pixels, with
    a = 1 + penalty·4 sin²(πk/2·height) on the diagonal, that a link would join. At its end such a chain has (T⁻¹)₁₁ = Z(n),

        Z(n) = r(1 + r²ⁿ⁻¹) / (penalty·(1 − r²ⁿ)(1 − r)),   r + 1/r = 2 + a/penalty,   c = penalty·(1 + penalty·(Z(width) + Z(margin)))·dᵀx.

    x comes, and u leaves, with its rows transformed and its columns not.

    Buzbee, Dorr, George & Golub 1971, SIAM J. Numer. Anal. 8, 722–736.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        channels, height, self.width = shape
        self.length = next_smooth(self.width + MARGIN)
        k = np.arange(self.length)
        # The transform of d, and dᵀ applied to what has been transformed: the way back has a 2 for all but the first.
        self.across = np.cos(np.pi / self.length * k * (self.width + 0.5)) - np.cos(np.pi / self.length * k * (self.width - 0.5))
        self.back = np.where(k == 0, 1, 2) * self.across
        self.down = np.zeros((channels, height))
        self.tables = tables(height, True, np.float64)

    @staticmethod
    def pays(width: int) -> bool:
        """Whether rows of that many pixels are better made longer."""
        return width >= 4 * MARGIN and not is_smooth(width)

    def look(self, planes: Array, rows: slice) -> None:
        """dᵀx, of a strip."""
        assert kernels.compiled is not None
        kernels.compiled.across(*planes.shape, rows.start, rows.stop, planes, self.back, self.down)

    def decide(self, penalty: float, eigenvalues: Array) -> None:
        """c, from dᵀx; `eigenvalues` are those of a second difference down the columns."""
        compiled, (channels, height) = kernels.compiled, self.down.shape
        assert compiled is not None
        a = 1 + penalty * eigenvalues
        root = np.sqrt(a * (a + 4 * penalty))
        r, less = 2 * penalty / (a + 2 * penalty + root), (a + root) / (a + 2 * penalty + root)
        through = np.ones_like(a)
        for n in (self.width, self.length - self.width):
            through += r * (1 + r ** (2 * n - 1)) / ((1 - r ** (2 * n)) * less)
        compiled.rows(1, channels, height, 0, channels, self.down, self.tables, False, height)
        self.down *= penalty / height * through
        compiled.rows(1, channels, height, 0, channels, self.down, self.tables, True, height)

    def amend(self, planes: Array, columns: slice, eigenvalues: Array, penalty: float) -> None:
        """x becomes u, in a block of columns."""
        assert kernels.compiled is not None
        channels, height, length = planes.shape
        kernels.compiled.amend(
            channels, length, height, columns.start, columns.stop, planes, self.across, self.down, eigenvalues, penalty
        )  # fmt: skip
