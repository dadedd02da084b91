"""The linear operator of the model: D, forward differences, and the solves with DᵀD that the Fourier basis makes exact."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import numpy as np

from denoise_cli.variational.claims import Claims
from denoise_cli.variational.fourier import cosine, fourier, inverse_cosine, inverse_fourier
from denoise_cli.variational.strips import Array, Strips

__all__ = ["BOUNDARIES", "Gradient", "PeriodicGradient", "SymmetricGradient"]


class Gradient(Claims):
    """Forward differences  (Dx u)[i, j] = u[i, j+1] − u[i, j],  (Dy u)[i, j] = u[i+1, j] − u[i, j].

    Pictures are planar, (channels, height, width); Du is (2, channels, height, width), x (columns) first. Every method but `solve`
    works on one strip of rows, so that a whole iteration can be done while the strip is in the cache.

    What an operator claims about itself is used only if the class itself says so (`Claims`):

    * `kernel`: the name of the compiled code for this D, and nothing but this D.
    * `norm_squared`: a bound of ‖D‖², which the steps of gradient projection need.
    * `keeps_range`: Du has the signs and no larger values when u is clipped to an interval.
    * `bounds_adjoint`: D is the forward difference of `neighbours`.
    """

    claims: ClassVar[dict[str, Any]] = {"kernel": None, "norm_squared": None, "keeps_range": False, "bounds_adjoint": False}
    kernel: ClassVar[str | None] = None
    norm_squared: ClassVar[float | None] = None
    keeps_range: ClassVar[bool] = False
    bounds_adjoint: ClassVar[bool] = False

    periodic: bool

    def __init__(self, strips: Strips) -> None:
        self.strips = strips
        self._divisors: tuple[float, Array] | None = None

    def differences(self, u: Array, rows: slice, out: Array) -> Array:
        """Du on `rows` of the picture u, written to `out` of shape (2, channels, rows, width)."""
        block = u[:, rows]
        x, y = out
        np.subtract(block[:, :, 1:], block[:, :, :-1], out=x[:, :, :-1])
        np.subtract(block[:, 1:], block[:, :-1], out=y[:, :-1])
        if self.periodic:
            np.subtract(block[:, :, 0], block[:, :, -1], out=x[:, :, -1])
            np.subtract(u[:, rows.stop % u.shape[1]], block[:, -1], out=y[:, -1])
        else:
            x[:, :, -1] = 0
            np.subtract(u[:, min(rows.stop, u.shape[1] - 1)], block[:, -1], out=y[:, -1])
        return out

    def adjoint(self, p: Array, out: Array) -> Array:
        """Dᵀp on a strip, as if the row above it were zero; what its last row of y owes to the next strip is for
        `join`. Symmetric: p must be 0 beyond the edge, as Du is."""
        x, y = p
        np.subtract(y[:, :-1], y[:, 1:], out=out[:, 1:])
        np.negative(y[:, 0], out=out[:, 0])
        out -= x
        out[:, :, 1:] += x[:, :, :-1]
        if self.periodic:
            out[:, :, 0] += x[:, :, -1]
        return out

    def join(self, strips: Iterable[slice], spills: Array, out: Array, scale: float = 1.0) -> Array:
        """Add the rows that the strips owe each other, (strips, channels, width), to the whole picture `out`."""
        for strip, rows in enumerate(strips):
            following = rows.stop % out.shape[1] if self.periodic else rows.stop
            if following < out.shape[1]:
                out[:, following] += out.dtype.type(scale) * spills[strip]
        return out

    def neighbours(self) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        """For x and for y: which pixels have a forward difference of their own, and which end one (0/1 vectors along that axis)."""
        _, height, width = self.strips.shape

        def along(length: int) -> tuple[Array, Array]:
            own = np.ones(length)
            if not self.periodic or length == 1:
                own[-1] = 0
            return own, np.roll(own, 1)

        return along(width), along(height)

    def laplacian(self, count: int) -> Array:
        """The eigenvalues of a second difference along an axis of `count` pixels, 4 sin²(πk/count) or, mirrored, 4 sin²(πk/2·count)."""
        return _laplacian(count, count if self.periodic else 2 * count)

    def solve(self, rhs: Array, penalty: float) -> Array:
        """u with  (I + penalty·DᵀD) u = rhs, exactly. Uses `rhs` as scratch, and may return it."""
        raise NotImplementedError

    def _filter(self, spectrum: Array, penalty: float, laplacians: tuple[Array, Array]) -> None:
        """Divide by 1 + penalty·|D̂|², frequency by frequency. The divisors are kept until another penalty comes."""
        if self._divisors is None:
            self._divisors = np.nan, np.empty(spectrum.shape[1:], spectrum.dtype)
        last, divisors = self._divisors
        self._divisors = penalty, divisors
        y, x = (1 + penalty * laplacians[0])[:, None], penalty * laplacians[1]

        def divide(rows: slice) -> None:
            if last != penalty:
                np.add(y[rows], x, out=divisors[rows], casting="same_kind")  # rounded once
            np.divide(spectrum[:, rows], divisors[rows], out=spectrum[:, rows])

        self.strips.over_rows(divide, spectrum.shape[1])


class PeriodicGradient(Gradient):
    """Opposite edges are neighbours, as in the MATLAB original. DᵀD is diagonal in the Fourier basis: 4 sin²(πk/n) along each axis."""

    kernel: ClassVar[str | None] = "periodic"
    norm_squared: ClassVar[float | None] = 8.0
    keeps_range: ClassVar[bool] = True
    bounds_adjoint: ClassVar[bool] = True

    periodic = True
    _spectrum: Array | None = None

    def solve(self, rhs: Array, penalty: float) -> Array:
        _, height, width = rhs.shape
        workers = self.strips.workers
        if self._spectrum is None:
            self._spectrum = np.empty((len(rhs), height, width // 2 + 1), np.result_type(rhs, np.complex64))
        spectrum = fourier(rhs, self._spectrum, workers)
        frequencies = self.laplacian(height), np.repeat(self.laplacian(width)[: width // 2 + 1], 2)
        # Real and imaginary parts side by side are divided alike.
        self._filter(spectrum.view(rhs.dtype), penalty, frequencies)
        return inverse_fourier(spectrum, rhs, workers)


class SymmetricGradient(Gradient):
    """The picture is mirrored at its edges (Neumann). DᵀD is diagonal in the cosine basis (DCT-II): 4 sin²(πk/2n) along each axis."""

    kernel: ClassVar[str | None] = "symmetric"
    norm_squared: ClassVar[float | None] = 8.0
    keeps_range: ClassVar[bool] = True
    bounds_adjoint: ClassVar[bool] = True

    periodic = False

    def solve(self, rhs: Array, penalty: float) -> Array:
        _, height, width = rhs.shape
        workers = self.strips.workers
        spectrum = cosine(rhs, workers)
        self._filter(spectrum, penalty, (self.laplacian(height), self.laplacian(width)))
        return inverse_cosine(spectrum, workers)


def _laplacian(count: int, period: int) -> Array:
    """Eigenvalues 4 sin²(πk/period), k = 0 … count−1, of one second difference."""
    return 4 * np.sin(np.pi * np.arange(count) / period) ** 2


BOUNDARIES: dict[str, Callable[[Strips], Gradient]] = {"periodic": PeriodicGradient, "symmetric": SymmetricGradient}
