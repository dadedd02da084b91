"""Fidelities, regularisers and operators from outside the package: solved for what they are, and certified truly."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from denoise_cli import denoise
from denoise_cli.kernels import binding as kernels
from denoise_cli.variational import minimise
from denoise_cli.variational.engines import engine_for
from denoise_cli.variational.engines.description import DescribedProblem
from denoise_cli.variational.engines.in_numpy import NumPyEngine
from denoise_cli.variational.fidelities import L1, Fidelity, SquaredL2
from denoise_cli.variational.operators import BOUNDARIES, Gradient, SymmetricGradient
from denoise_cli.variational.problem import Problem
from denoise_cli.variational.regularisers import Regulariser, TotalVariation
from denoise_cli.variational.strips import Strips

PATHS = ["numpy", *(["compiled"] if kernels.compiled is not None else [])]
needs_kernels = pytest.mark.skipif(kernels.compiled is None, reason="the kernels were not built, or are not wanted")


@pytest.fixture(params=PATHS)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whether compiled code is installed."""
    if request.param == "numpy":
        monkeypatch.setattr(kernels, "compiled", None)
    return str(request.param)


@dataclass(frozen=True)
class Huber(Fidelity):
    """φ(r) = r²/2 up to |r| = δ, δ|r| − δ²/2 beyond.  Huber 1964, Ann. Math. Statist. 35, 73–101."""

    delta: float = 0.1

    def value(self, residual: np.ndarray, rows: slice, scratch: np.ndarray) -> np.ndarray:
        size = np.abs(residual)
        scratch[...] = np.where(size <= self.delta, residual**2 / 2, self.delta * (size - self.delta / 2)) * self.weights_on(rows)
        return scratch

    def dual_part(
        self,
        v: np.ndarray,
        rows: slice,
        penalty: float,
        relaxation: float,
        out: np.ndarray,
        scratch: np.ndarray,  # noqa: ARG002
    ) -> np.ndarray:
        m = self.weights_on(rows)
        most = m * self.delta / (penalty * relaxation)
        out[...] = np.clip(v * (m / (m + penalty)), -most, most)
        return out

    def bound(self, g: np.ndarray, observed: np.ndarray, rows: slice, box: Any, scratch: np.ndarray) -> np.ndarray:
        m = self.weights_on(rows)
        with np.errstate(divide="ignore", invalid="ignore"):
            residual = np.where(np.abs(g) <= m * self.delta, np.where(g == 0, 0, -g / m), -np.sign(g) * np.inf)
        residual = np.clip(residual, box[0] - observed, box[1] - observed).astype(g.dtype)
        scratch[0] = self.value(residual, rows, scratch[1]) + g * (observed + residual)
        return scratch[0]


def huber_bracket(f: np.ndarray, weight: float, delta: float, m: np.ndarray, difference: np.ndarray) -> tuple[float, float, np.ndarray]:
    """(lower, upper) around the minimum with isotropic TV, and u, by dense matrices and the primal-dual method of Chambolle & Pock."""
    flat, known, n = f.ravel(), m.ravel(), f.size

    def cost(u: np.ndarray) -> float:
        size = np.abs(u - flat)
        data = known @ np.where(size <= delta, size**2 / 2, delta * (size - delta / 2))
        return float(data + weight * np.hypot(*(difference @ u).reshape(2, n)).sum())

    def bound(p: np.ndarray) -> float:
        g = difference.T @ p
        lo, hi = flat[known > 0].min(), flat[known > 0].max()
        values = np.linspace(lo, hi, 4001)[:, None]  # of a convex function: between grid points it is less than a step's slope lower
        size = np.abs(values - flat)
        energy = known * np.where(size <= delta, size**2 / 2, delta * (size - delta / 2)) + g * values
        step = (hi - lo) / 4000
        return float(energy.min(axis=0).sum() - ((known + 1e-12) * step**2 / 8).sum())

    u, over, p = flat * (known > 0), flat * (known > 0), np.zeros(2 * n)
    tau = sigma = 1 / np.sqrt(8.0)
    for _ in range(20_000):
        p = p + sigma * difference @ over
        p = (p.reshape(2, n) / np.maximum(1, np.hypot(*p.reshape(2, n)) / weight)).ravel()
        x = u - tau * difference.T @ p - flat
        new = flat + x - np.clip(x * tau * known / (1 + tau * known), -tau * known * delta, tau * known * delta)
        over, u = 2 * new - u, new
    return bound(p), cost(u), u.reshape(f.shape)


def dense_gradient(shape: tuple[int, int]) -> np.ndarray:
    number = np.arange(np.prod(shape)).reshape(shape)
    matrix = np.zeros((2, number.size, number.size))
    for axis, (here, there) in enumerate(((number[:, :-1], number[:, 1:]), (number[:-1], number[1:]))):
        matrix[axis, here.ravel(), here.ravel()] = -1
        matrix[axis, here.ravel(), there.ravel()] = 1
    return matrix.reshape(-1, number.size)


def outlying_picture() -> np.ndarray:
    f = 0.3 * np.random.default_rng(4).random((6, 7))
    f[:, 4:] += 0.6
    f[2, 2], f[4, 5] = 5.0, -3.0
    return f


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("weight", [0.02, 0.15])
@pytest.mark.parametrize("given", ["instance", "class"])
def test_hubers_fidelity_from_outside_gets_its_own_minimiser_and_a_true_certificate(given: str, weight: float, weighted: bool) -> None:
    f = outlying_picture()
    m = np.where(np.random.default_rng(5).random(f.shape) < 0.2, 0, 0.7) if weighted else np.ones(f.shape)
    lower, upper, _ = huber_bracket(f, weight, 0.1, m, dense_gradient(f.shape))
    assert upper - lower < 2e-4 * upper  # the second opinion is one
    solution = denoise(
        f, weight, fidelity=Huber(delta=0.1) if given == "instance" else Huber, method="optimal", gap=1e-6,
        weights=m if weighted else None,
    )  # fmt: skip
    assert solution.status == "converged"
    assert solution.gap is not None
    assert solution.gap <= 1e-6
    assert solution.bound is not None
    assert solution.bound <= upper * (1 + 1e-9)
    assert lower * (1 - 1e-9) <= solution.cost <= upper * (1 + 2e-6)
    # It differs from what L1 and L2 have, which it may have been taken for.
    for other in ("l1", "l2"):
        assert denoise(f, weight, fidelity=other, method="optimal").cost != pytest.approx(solution.cost, rel=1e-2)


@pytest.mark.usefixtures("engine")
def test_the_cost_that_is_reported_is_that_of_the_picture() -> None:
    f = np.random.default_rng(6).random((40, 50))
    solution = denoise(f, 0.2, fidelity=Huber(delta=0.05), method="optimal")
    size = np.abs(solution.image - f)
    data = np.where(size <= 0.05, size**2 / 2, 0.05 * (size - 0.025)).sum()
    x, y = np.diff(solution.image, axis=1, append=solution.image[:, -1:]), np.diff(solution.image, axis=0, append=solution.image[-1:])
    assert solution.cost == pytest.approx(data + 0.2 * np.hypot(x, y).sum(), rel=1e-10)


class DoubledL1(L1):
    """2|r|, and nothing said about it."""

    def value(self, residual: np.ndarray, rows: slice, scratch: np.ndarray) -> np.ndarray:
        return np.multiply(super().value(residual, rows, scratch), 2, out=scratch)

    def dual_part(self, v: np.ndarray, rows: slice, penalty: float, *words: Any) -> np.ndarray:
        return super().dual_part(v, rows, penalty / 2, *words)

    def bound(self, g: np.ndarray, *words: Any) -> np.ndarray:
        return np.multiply(super().bound(g / 2, *words), 2, out=words[-1][0])


class HalvedVariation(TotalVariation):
    """½R, and nothing said about it."""

    def value(self, *words: Any) -> np.ndarray:
        return 0.5 * super().value(*words)

    def project(self, v: np.ndarray, rows: slice, step: float, *words: Any) -> np.ndarray:
        return super().project(v, rows, step / 2, *words)


class DoubledGradient(SymmetricGradient):
    """2D, and nothing said about it."""

    def differences(self, *words: Any) -> np.ndarray:
        out = super().differences(*words)
        out *= 2
        return out

    def adjoint(self, p: np.ndarray, out: np.ndarray) -> np.ndarray:
        return np.multiply(super().adjoint(p, out), 2, out=out)

    def join(self, strips: Iterable[slice], spills: np.ndarray, out: np.ndarray, scale: float = 1.0) -> np.ndarray:
        return super().join(strips, spills, out, 2 * scale)

    def solve(self, rhs: np.ndarray, penalty: float) -> np.ndarray:
        return super().solve(rhs, 4 * penalty)


def problem(
    f: np.ndarray, fidelity: Fidelity, regulariser: Regulariser, operator: Callable[[Strips], Gradient] = SymmetricGradient
) -> Problem:
    planar = f[None] if f.ndim == 2 else np.ascontiguousarray(np.moveaxis(f, -1, 0))
    return Problem(planar, fidelity, regulariser, operator(Strips(planar.shape, planar.dtype)), f.shape)


PARTS: dict[str, tuple[Problem, dict[str, Any], float]] = {
    "twice L1 at λ is L1 at λ/2": (
        problem(outlying_picture(), DoubledL1(), TotalVariation(1.6)), {"weight": 0.8, "fidelity": "l1"}, 2.0,
    ),
    "half the variation at λ is all of it at λ/2": (
        problem(outlying_picture(), SquaredL2(), HalvedVariation(0.3)), {"weight": 0.15, "fidelity": "l2"}, 1.0,
    ),
    "half the variation at λ is all of it at λ/2 under L1": (
        problem(outlying_picture(), L1(), HalvedVariation(1.4)), {"weight": 0.7, "fidelity": "l1"}, 1.0,
    ),
    "twice the differences at λ are the differences at 2λ": (
        problem(outlying_picture(), SquaredL2(), TotalVariation(0.1), DoubledGradient), {"weight": 0.2, "fidelity": "l2"}, 1.0,
    ),
}  # fmt: skip


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("name", PARTS)
def test_a_subclass_is_not_taken_for_what_it_inherits_from(name: str) -> None:
    ours, theirs, factor = PARTS[name]
    assert type(engine_for(ours)) is NumPyEngine
    tight = denoise(outlying_picture(), **theirs, method="optimal", gap=1e-7)
    solution = minimise(ours, gap=1e-3, iterations=3000)
    assert solution.cost >= factor * tight.bound
    assert solution.bound is not None
    assert solution.bound <= factor * tight.cost * (1 + 1e-12)
    assert solution.cost == pytest.approx(factor * tight.cost, rel=1.01e-3)


def test_an_inherited_threshold_is_not_believed() -> None:
    """L1 at λ 0.25 returns its input, which the doubled variation does not."""
    f = np.zeros((9, 9))
    f[4, 4] = 1

    class DoubledVariation(TotalVariation):
        def value(self, *words: Any) -> np.ndarray:
            return 2 * super().value(*words)

        def project(self, v: np.ndarray, rows: slice, step: float, *words: Any) -> np.ndarray:
            return super().project(v, rows, 2 * step, *words)

    assert problem(f, L1(), TotalVariation(0.25)).input_is_a_minimiser()
    doubled = problem(f, L1(), DoubledVariation(0.25))
    assert not doubled.input_is_a_minimiser()
    assert minimise(doubled, gap=1e-4).image[4, 4] < 0.01


@needs_kernels
@pytest.mark.parametrize("fidelity", [SquaredL2(), L1()], ids=["l2", "l1"])
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_the_parts_of_the_package_run_compiled(fidelity: Fidelity, boundary: str) -> None:
    assert type(engine_for(problem(outlying_picture(), fidelity, TotalVariation(0.1), BOUNDARIES[boundary]))) is not NumPyEngine


@needs_kernels
def test_a_kernel_refuses_words_that_it_does_not_know() -> None:
    compiled = kernels.compiled
    assert compiled is not None
    described = DescribedProblem.of(problem(outlying_picture(), SquaredL2(), TotalVariation(0.1)))
    u = outlying_picture()[None]
    p, picture = np.zeros((2, *u.shape)), np.empty_like(u)
    compiled.cost(described, 0, 6, u)
    for part, word in (("fidelity", "huber"), ("fidelity", None), ("grouping", "quadruples"), ("boundary", "toroidal"), ("boundary", 3)):
        strange = dataclasses.replace(described, **{part: word})
        for call in (
            lambda strange=strange: compiled.cost(strange, 0, 6, u),
            lambda strange=strange: compiled.bound(strange, 0, 6, u, None, np.zeros((1, 2))),
            lambda strange=strange: compiled.prove(strange, 0, 6, p, picture, False, False),
            lambda strange=strange: compiled.walk(strange, 0, 6, p, p.copy(), np.zeros(0), np.zeros(1), False),
        ):
            with pytest.raises(ValueError, match=f"no compiled {part}"):
                call()
    for other in (
        dataclasses.replace(described, fidelity="l1"),
        dataclasses.replace(described, boundary="periodic"),
        dataclasses.replace(described, weights=np.ones((6, 7))),
    ):
        with pytest.raises(ValueError, match="no compiled gradient projection"):
            compiled.prove(other, 0, 6, p, picture, False, False)
