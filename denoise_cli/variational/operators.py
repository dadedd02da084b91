"""The linear operator of the model: D, forward differences, and the solves with DᵀD that the Fourier basis makes exact."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

import numpy as np

from denoise_cli.kernels.fourier import cosine, fourier, inverse_cosine, inverse_fourier
from denoise_cli.variational.claims import Claims
from denoise_cli.variational.strips import Array, Strips

__all__ = ["BOUNDARIES", "Gradient", "PeriodicGradient", "SymmetricGradient"]


class Gradient(Claims):
    """Forward differences, one for each spatial axis:  (D_a u)[i] = w_a · (u[i + e_a] − u[i]),  e_a one step along axis a.

    Pictures are planar, (channels, *spatial), with two spatial axes (height, width) or more. Du is (axes, channels, *spatial), the last
    axis (x, columns) first: of a picture, x and then y. The weights w_a, 1 unless told, say how far apart neighbours are along an axis
    (`axis_weights`, in the order of the axes). Every method but `solve` works on one strip of the first spatial axis, its rows (of a
    volume: its planes), so that a whole iteration can be done while the strip is in the cache.

    What an operator claims about itself is used only if the class itself says so (`Claims`):

    * `kernel`: the name of the compiled code for this D on pictures whose weights are 1, and nothing but this D.
    * `difference_norm_squared`: a bound of the squared norm of one difference of weight 1, from which follows that of D, which the
      steps of gradient projection need.
    * `keeps_range`: Du has the signs and no larger values when u is clipped to an interval.
    * `bounds_adjoint`: D is the forward difference of `neighbours`.
    """

    claims: ClassVar[dict[str, Any]] = {"kernel": None, "difference_norm_squared": None, "keeps_range": False, "bounds_adjoint": False}
    kernel: ClassVar[str | None] = None
    difference_norm_squared: ClassVar[float | None] = None
    keeps_range: ClassVar[bool] = False
    bounds_adjoint: ClassVar[bool] = False

    periodic: bool

    def __init__(self, strips: Strips, axis_weights: Sequence[float] | None = None) -> None:
        self.strips = strips
        self.spatial = strips.shape[1:]
        self.axes = len(self.spatial)
        self.axis_weights = (1.0,) * self.axes if axis_weights is None else tuple(float(weight) for weight in axis_weights)
        if len(self.axis_weights) != self.axes or not all(0 <= weight < math.inf for weight in self.axis_weights):
            raise ValueError(f"{self.axes} axes take as many finite weights ≥ 0, not {self.axis_weights}")
        self._divisors: tuple[float, Array] | None = None

    @property
    def is_plain(self) -> bool:
        """Whether this is D of a picture: two axes, of weight 1 both."""
        return self.axis_weights == (1.0, 1.0)

    @property
    def norm_squared(self) -> float | None:
        """A bound of ‖D‖², or None where the class knows none."""
        if self.difference_norm_squared is None:
            return None
        return self.difference_norm_squared * sum(weight**2 for weight in self.axis_weights)

    def differences(self, u: Array, rows: slice, out: Array) -> Array:
        """Du on `rows` of the picture u, written to `out` of shape (axes, channels, rows, *rest)."""
        block = u[:, rows]
        for axis, part in self._from_the_last(out):
            if axis > 1:
                ahead, here, last, first = (_along(axis, index) for index in (slice(1, None), slice(-1), -1, 0))
                np.subtract(block[ahead], block[here], out=part[here])
                if self.periodic:
                    np.subtract(block[first], block[last], out=part[last])
                else:
                    part[last] = 0
            else:
                following = rows.stop % u.shape[1] if self.periodic else min(rows.stop, u.shape[1] - 1)
                np.subtract(block[:, 1:], block[:, :-1], out=part[:, :-1])
                np.subtract(u[:, following], block[:, -1], out=part[:, -1])
            if (weight := self.axis_weights[axis - 1]) != 1:
                part *= part.dtype.type(weight)
        return out

    def adjoint(self, p: Array, out: Array) -> Array:
        """Dᵀp on a strip, as if the row above it were zero; what its last row of the first axis owes to the next strip is for
        `join`. Symmetric: p must be 0 beyond the edge, as Du is."""
        y = p[-1]
        np.subtract(y[:, :-1], y[:, 1:], out=out[:, 1:])
        np.negative(y[:, 0], out=out[:, 0])
        if self.axis_weights[0] != 1:
            out *= out.dtype.type(self.axis_weights[0])
        for axis, part in self._from_the_last(p):
            if axis == 1:
                continue
            weight = self.axis_weights[axis - 1]
            x = part if weight == 1 else part * part.dtype.type(weight)
            ahead, here, last, first = (_along(axis, index) for index in (slice(1, None), slice(-1), -1, 0))
            out -= x
            out[ahead] += x[here]
            if self.periodic:
                out[first] += x[last]
        return out

    def join(self, strips: Iterable[slice], spills: Array, out: Array, scale: float = 1.0) -> Array:
        """Add the rows that the strips owe each other, (strips, channels, *rest), to the whole picture `out`."""
        factor = out.dtype.type(scale * self.axis_weights[0])
        for strip, rows in enumerate(strips):
            following = rows.stop % out.shape[1] if self.periodic else rows.stop
            if following < out.shape[1]:
                out[:, following] += factor * spills[strip]
        return out

    def neighbours(self) -> tuple[tuple[Array, Array], ...]:
        """For each axis, the last one first: which pixels have a forward difference of their own, and which end one (0/1 vectors along
        that axis)."""

        def along(length: int) -> tuple[Array, Array]:
            own = np.ones(length)
            if not self.periodic or length == 1:
                own[-1] = 0
            return own, np.roll(own, 1)

        return tuple(along(length) for length in reversed(self.spatial))

    def laplacian(self, count: int) -> Array:
        """The eigenvalues of a second difference along an axis of `count` pixels, 4 sin²(πk/count) or, mirrored, 4 sin²(πk/2·count)."""
        return _laplacian(count, count if self.periodic else 2 * count)

    def _from_the_last(self, parts: Array) -> Iterator[tuple[int, Array]]:
        """The parts of Du or p with the array axes (channels are 0) that they belong to, the last one first."""
        return ((self.axes - at, part) for at, part in enumerate(parts))

    def _eigenvalues(self, axis: int) -> Array:
        """Those of D_aᵀD_a along a spatial axis, counted from 0."""
        found, weight = self.laplacian(self.spatial[axis]), self.axis_weights[axis]
        return found if weight == 1 else found * weight**2

    def solve(self, rhs: Array, penalty: float) -> Array:
        """u with  (I + penalty·DᵀD) u = rhs, exactly. Uses `rhs` as scratch, and may return it."""
        raise NotImplementedError

    def _filter(self, spectrum: Array, penalty: float, laplacians: Sequence[Array]) -> None:
        """Divide by 1 + penalty·|D̂|², frequency by frequency. The divisors are kept until another penalty comes.

        laplacians : the eigenvalues along each axis, in the order of the axes.
        """
        if self._divisors is None:
            self._divisors = np.nan, np.empty(spectrum.shape[1:], spectrum.dtype)
        last, divisors = self._divisors
        self._divisors = penalty, divisors
        first, *others = laplacians
        y = (1 + penalty * first).reshape(-1, *(1 for _ in others))
        rest = penalty * others[-1]
        for ahead, eigenvalues in enumerate(reversed(others[:-1]), start=1):
            rest = penalty * eigenvalues.reshape(-1, *(1 for _ in range(ahead))) + rest

        def divide(rows: slice) -> None:
            if last != penalty:
                np.add(y[rows], rest, out=divisors[rows], casting="same_kind")  # rounded once
            np.divide(spectrum[:, rows], divisors[rows], out=spectrum[:, rows])

        self.strips.over_rows(divide, spectrum.shape[1])


class PeriodicGradient(Gradient):
    """Opposite edges are neighbours, as in the MATLAB original. DᵀD is diagonal in the Fourier basis: 4 sin²(πk/n) along each axis."""

    kernel: ClassVar[str | None] = "periodic"
    difference_norm_squared: ClassVar[float | None] = 4.0
    keeps_range: ClassVar[bool] = True
    bounds_adjoint: ClassVar[bool] = True

    periodic = True
    _spectrum: Array | None = None

    def solve(self, rhs: Array, penalty: float) -> Array:
        workers, half = self.strips.workers, rhs.shape[-1] // 2 + 1
        if self._spectrum is None:
            self._spectrum = np.empty((*rhs.shape[:-1], half), np.result_type(rhs, np.complex64))
        spectrum = fourier(rhs, self._spectrum, workers)
        *frequencies, last = (self._eigenvalues(axis) for axis in range(self.axes))
        frequencies.append(np.repeat(last[:half], 2))
        # Real and imaginary parts side by side are divided alike.
        self._filter(spectrum.view(rhs.dtype), penalty, frequencies)
        return inverse_fourier(spectrum, rhs, workers)


class SymmetricGradient(Gradient):
    """The picture is mirrored at its edges (Neumann). DᵀD is diagonal in the cosine basis (DCT-II): 4 sin²(πk/2n) along each axis."""

    kernel: ClassVar[str | None] = "symmetric"
    difference_norm_squared: ClassVar[float | None] = 4.0
    keeps_range: ClassVar[bool] = True
    bounds_adjoint: ClassVar[bool] = True

    periodic = False

    def solve(self, rhs: Array, penalty: float) -> Array:
        workers = self.strips.workers
        spectrum = cosine(rhs, workers)
        self._filter(spectrum, penalty, [self._eigenvalues(axis) for axis in range(self.axes)])
        return inverse_cosine(spectrum, workers)


def _laplacian(count: int, period: int) -> Array:
    """Eigenvalues 4 sin²(πk/period), k = 0 … count−1, of one second difference."""
    return 4 * np.sin(np.pi * np.arange(count) / period) ** 2


def _along(axis: int, index: int | slice) -> tuple[int | slice, ...]:
    """What indexes an array by `index` along one of its axes."""
    return (*(slice(None) for _ in range(axis)), index)


BOUNDARIES: dict[str, type[Gradient]] = {"periodic": PeriodicGradient, "symmetric": SymmetricGradient}
