"""Rows of an awkward length, solved as longer ones: the capacitance matrix method."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from denoise_cli.kernels import binding as kernels
from denoise_cli.variational.operators import Gradient
from denoise_cli.variational.strips import Array
from denoise_cli.variational.transforms import is_smooth, next_smooth, tables

__all__ = ["Cut"]

# Pixels of the margin at least. Its own values are thrown away; the longer it is, the less the cut has to mend.
MARGIN = 16


class Cut:
    """Solutions of a picture with a margin, mirrored at its end, become those of the picture alone.

    T is I + penalty·DᵀD on rows of `length`, the next smooth one. What is asked for lacks the link between the last column and the margin,
    and where the boundary is periodic it has one between the last column and the first. With the differences d₁ and d₂ across the two,
    row by row, that is  T − penalty·d₁d₁ᵀ (+ penalty·d₂d₂ᵀ), so that by Sherman, Morrison & Woodbury

        u = x − T⁻¹ (d₁c₁ + d₂c₂),   x = T⁻¹ rhs,   (K⁻¹ + dᵀT⁻¹d) c = dᵀx,   K = penalty·diag(−1, 1).

    The matrix of c, height × height for each pair of links, is diagonal where columns are transformed as well; there T is a chain of
    n = `length` pixels with a = 1 + penalty·4 sin²(πk/2·height) (periodic: πk/height) on its diagonal, whose inverse is known:

        (T⁻¹)ᵢⱼ = rʲ⁻ⁱ (1 + r²ⁱ⁺¹)(1 + r²⁽ⁿ⁻ʲ⁾⁻¹) / (penalty·(1/r − r)(1 − r²ⁿ)),   i ≤ j from 0,   r + 1/r = 2 + a/penalty.

    x comes, and u leaves, with its rows transformed and its columns not.

    Buzbee, Dorr, George & Golub 1971, SIAM J. Numer. Anal. 8, 722–736.
    """

    def __init__(self, operator: Gradient, shape: tuple[int, ...]) -> None:
        channels, height, width = shape
        self.operator = operator
        self.length = next_smooth(width + MARGIN)
        self.links = [(width, width - 1)] + [(0, width - 1)] * operator.periodic
        k = np.arange(self.length)
        self.eigenvalues = 4 * np.sin(np.pi * k / (2 * self.length)) ** 2
        # The transforms of the differences; and the differences of what has been transformed, whose way back has a 2 for all but the first.
        self.across = np.stack([self._wave(k, i) - self._wave(k, j) for i, j in self.links])
        self.back = np.where(k == 0, 1, 2) * self.across
        self.down = np.zeros((len(self.links), channels, height))
        self.tables = tables(height, not operator.periodic, np.float64)

    @staticmethod
    def pays(width: int) -> bool:
        """Whether rows of that many pixels are better made longer."""
        return width >= 4 * MARGIN and not is_smooth(width)

    def look(self, planes: Array, rows: slice) -> None:
        """dᵀx, of a strip."""
        assert kernels.compiled is not None
        for back, down in zip(self.back, self.down, strict=True):
            kernels.compiled.across(*planes.shape, rows.start, rows.stop, planes, back, down)

    def decide(self, penalty: float) -> None:
        """c, from dᵀx."""
        self._transform(back=False)
        inverse = self._chain(penalty)
        matrix = np.array([
            [inverse(i, k) - inverse(i, m) - inverse(j, k) + inverse(j, m) for k, m in self.links] for i, j in self.links
        ])  # fmt: skip
        matrix[0, 0] -= 1 / penalty
        if len(self.links) == 1:
            self.down /= matrix[0, 0]
        else:
            matrix[1, 1] += 1 / penalty
            one, two = self.down.copy()
            determinant = matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0]
            self.down[0] = (matrix[1, 1] * one - matrix[0, 1] * two) / determinant
            self.down[1] = (matrix[0, 0] * two - matrix[1, 0] * one) / determinant
        self.down /= -self.down.shape[2]
        self._transform(back=True)

    def amend(self, planes: Array, columns: slice, penalty: float) -> None:
        """x becomes u, in a block of columns."""
        assert kernels.compiled is not None
        channels, height, length = planes.shape
        eigenvalues = 1 + penalty * self.eigenvalues
        kernels.compiled.amend(
            channels, length, height, columns.start, columns.stop, planes, self.across, self.down, len(self.links), eigenvalues, penalty,
            self.operator.periodic,
        )  # fmt: skip

    def _wave(self, k: Array, pixel: int) -> Array:
        wave: Array = np.cos(np.pi * (k * (2 * pixel + 1) % (4 * self.length)) / (2 * self.length))
        return wave

    def _transform(self, *, back: bool) -> None:
        assert kernels.compiled is not None
        links, channels, height = self.down.shape
        # Line by line, so that equal channels stay equal to the last bit.
        kernels.compiled.rows(links * channels, 1, height, 0, 1, self.down, self.tables, back, height)

    def _chain(self, penalty: float) -> Callable[[int, int], Array]:
        """(T⁻¹)ᵢⱼ of the chains, for every frequency of the columns."""
        a, n = 1 + penalty * self.operator.laplacian(self.down.shape[2]), self.length
        root = np.sqrt(a * (a + 4 * penalty))
        less = (a + root) / (a + 2 * penalty + root)  # 1 − r, to all digits
        r, log_r = 1 - less, np.log1p(-less)
        scale = -r / (penalty * less * (1 + r) * np.expm1(2 * n * log_r))

        def inverse(i: int, j: int) -> Array:
            i, j = min(i, j), max(i, j)
            element: Array = scale * r ** (j - i) * (1 + r ** (2 * i + 1)) * (1 + r ** (2 * (n - j) - 1))
            return element

        return inverse
