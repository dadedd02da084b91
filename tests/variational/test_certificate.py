"""bound ≤ optimum ≤ cost, against solvers that share nothing with this one: dense Newton, linear programming, a conic solver."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import denoise_cli
from denoise_cli.variational import Solution

denoise = functools.partial(denoise_cli.denoise, records=True)

Options = dict[str, Any]
EPS = {"float32": 1.2e-7, "float64": 2.3e-16}
# How false a bound may be where `roundings` are forgiven; 0 as soon as test_no_bound_of_float32_is_false_by_even_a_rounding passes.


def least_gap(fidelity: str, dtype: str, wanted: float) -> float:
    """What may be asked for: L1 in float32 admits no less than 1e-4."""
    return max(wanted, 1e-4) if (fidelity, dtype) == ("l1", "float32") else wanted


FORGIVEN = {"float32": 0.0, "float64": 0.0}
SHAPES = ((4, 5), (3, 4, 3), (1, 7), (6, 1), (2, 2), (5, 3, 2))


def problem(seed: int, shape: tuple[int, ...], data: str, scale: float, fidelity: str) -> tuple[np.ndarray, Any, Any]:
    """A random picture, λ and weights; every number of them is one that float32 holds, so that both dtypes see the same problem."""
    random = np.random.default_rng(seed)
    edge = np.add.outer(np.arange(shape[0]) > shape[0] // 2, np.arange(shape[1]) > shape[1] // 2).reshape(
        *shape[:2], *[1] * (len(shape) - 2)
    )
    picture = scale * (0.5 * edge + random.random(shape) * random.choice([0.1, 1.0]))
    level = np.exp(random.uniform(np.log(0.05), np.log(2)))
    λ: Any = float(np.float32(level * (scale if fidelity == "l2" else 1)))
    weights = None
    if data == "weights":
        weights = (0.1 + 2 * random.random(shape[:2])).astype(np.float32)
    elif data == "mask":
        weights = random.random(shape[:2]) > 0.3
        weights[0, 0] = True
    elif data == "lambda map":
        λ = (λ * 2 * random.random(shape[:2])).astype(np.float32)
        λ[0, 0] = 0
    return picture.astype(np.float32), λ, weights


def combinations() -> list[Any]:
    """Every pair of fidelity and total variation with every kind of weight; shapes and scales go round."""
    chosen = []
    names = itertools.product(
        ("l1", "l2"),
        ("isotropic", "anisotropic"),
        ("coupled", "separate"),
        ("symmetric", "periodic"),
        ("plain", "weights", "mask", "lambda map"),
    )
    for seed, (fidelity, tv, channels, boundary, data) in enumerate(names):
        options = {"fidelity": fidelity, "tv": tv, "channels": channels, "boundary": boundary}
        chosen.append(pytest.param(seed, options, data, id="-".join((fidelity, tv, channels, boundary, data))))
    return chosen


def check(solution: Solution, bracket: tuple[float, float], dtype: str, bounds: list[float], *, roundings: bool) -> None:
    lower, upper = bracket
    slack = 1e-13 * upper
    assert bounds, "no record carries a bound"
    assert max(bounds) <= upper + (FORGIVEN[dtype] if roundings else 0) * upper + slack
    # Costs are sums of rounded terms.
    assert min(record.cost for record in solution.records) >= lower * (1 - 3 * EPS[dtype]) - slack


@pytest.mark.parametrize(("seed", "options", "data"), combinations())
def test_the_optimum_lies_between_every_bound_and_every_cost(
    seed: int, options: Options, data: str, energy: Any, bounds_of: Callable[[Any], list[float]]
) -> None:
    for turn in range(3):
        shape, scale = SHAPES[(seed + 2 * turn + seed // 6) % 6], (1.0, 255.0, 1e-3)[(seed + turn) % 3]
        picture, λ, weights = problem(1000 * seed + turn, shape, data, scale, options["fidelity"])
        bracket = energy(picture, λ, weights=weights, **options).bracket()
        for dtype in ("float32", "float64"):
            gap = least_gap(options["fidelity"], dtype, 1e-5)
            solution = denoise(picture, λ, method="optimal", weights=weights, dtype=dtype, gap=gap, iterations=120, workers=1, **options)
            check(solution, bracket, dtype, bounds_of(solution), roundings=True)


def test_no_bound_of_float32_is_false_by_even_a_rounding(energy: Any, bounds_of: Callable[[Any], list[float]]) -> None:
    for seed, options, data in (chosen.values for chosen in combinations()):
        for turn, shape in enumerate(((2, 2), (6, 1), (1, 7))):
            picture, λ, weights = problem(1000 * seed + turn, shape, data, 1.0, options["fidelity"])
            bracket = energy(picture, λ, weights=weights, **options).bracket(1e-10)
            if bracket[1] > 1e-9:
                gap = least_gap(options["fidelity"], "float32", 2e-6)
                solution = denoise(picture, λ, method="optimal", weights=weights, gap=gap, iterations=100, workers=1, **options)
                check(solution, bracket, "float32", bounds_of(solution), roundings=False)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("fidelity", ["l1", "l2"])
@pytest.mark.parametrize("tv", ["isotropic", "anisotropic"])
def test_the_gap_that_was_asked_for_is_reached_and_true(fidelity: str, tv: str, dtype: str, energy: Any) -> None:
    for seed, shape in enumerate(((4, 5), (3, 4, 3))):
        picture, λ, _ = problem(77 + seed, shape, "plain", 1.0, fidelity)
        options = {"fidelity": fidelity, "tv": tv}
        lower, upper = energy(picture, λ, **options).bracket()
        gap = least_gap(fidelity, dtype, 1e-5)
        solution = denoise(picture, λ, method="optimal", gap=gap, dtype=dtype, **options)
        assert solution.status in ("converged", "input_is_minimiser")
        assert solution.gap is not None
        assert solution.gap <= gap
        assert lower * (1 - 1e-6) <= solution.cost <= upper * (1 + 1.1 * gap)
        exact = energy(picture, λ, **options).cost(solution.image)
        assert solution.cost == pytest.approx(exact, rel=1e-6 if dtype == "float32" else 1e-13)


def by_linear_programming(picture: np.ndarray, λ: float, boundary: str) -> float:
    """min Σ|u − f| + λ Σ|Du|, as  min 1's + λ1't  with  −s ≤ u − f ≤ s, −t ≤ Du ≤ t."""
    optimize = pytest.importorskip("scipy.optimize")
    height, width = picture.shape
    number = np.arange(picture.size).reshape(height, width)
    pairs = []
    for axis in (0, 1):
        start, end = number, np.roll(number, -1, axis)
        if boundary == "symmetric":
            keep = (slice(None, -1), slice(None)) if axis == 0 else (slice(None), slice(None, -1))
            start, end = start[keep], end[keep]
        pairs += list(zip(start.ravel(), end.ravel(), strict=True))
    n, edges = picture.size, len(pairs)
    d = np.zeros((edges, n))
    for row, (start, end) in enumerate(pairs):
        d[row, end] += 1
        d[row, start] -= 1
    one, off, none = np.eye(n), np.zeros((n, edges)), np.zeros((edges, n))
    above = np.block([[one, -one, off], [-one, -one, off], [d, none, -np.eye(edges)], [-d, none, -np.eye(edges)]])
    limits = np.concatenate([picture.ravel(), -picture.ravel(), np.zeros(2 * edges)])
    price = np.concatenate([np.zeros(n), np.ones(n), np.full(edges, λ)])
    found = optimize.linprog(price, above, limits, bounds=[(None, None)] * n + [(0, None)] * (n + edges), method="highs")
    assert found.success
    return float(found.fun)


@pytest.mark.parametrize("boundary", ["symmetric", "periodic"])
@pytest.mark.parametrize("λ", [0.2, 0.3, 0.6, 1.3])
def test_anisotropic_l1_meets_linear_programming(λ: float, boundary: str, bounds_of: Callable[[Any], list[float]]) -> None:
    for seed, shape in enumerate(((8, 9), (1, 12), (2, 2), (11, 3))):
        picture = np.random.default_rng(seed).random(shape).round(2)
        optimum = by_linear_programming(picture, λ, boundary)
        solution = denoise(
            picture, λ, fidelity="l1", method="optimal", tv="anisotropic", boundary=boundary, gap=1e-9, iterations=1000, workers=1
        )
        assert max(bounds_of(solution)) <= optimum * (1 + 1e-12)
        assert min(record.cost for record in solution.records) >= optimum * (1 - 1e-12)
        assert solution.cost <= optimum * (1 + 1e-8)
        assert solution.gap < 1e-8


@pytest.mark.parametrize("data", ["plain", "weights", "lambda map", "mask"])
@pytest.mark.parametrize(("tv", "channels"), [("isotropic", "coupled"), ("anisotropic", "coupled"), ("isotropic", "separate")])
@pytest.mark.parametrize("fidelity", ["l1", "l2"])
def test_a_conic_solver_agrees(fidelity: str, tv: str, channels: str, data: str, bounds_of: Callable[[Any], list[float]]) -> None:
    cvxpy = pytest.importorskip("cvxpy")
    picture, λ, weights = problem(5, (4, 5, 3), data, 1.0, fidelity)
    planes = [cvxpy.Variable((4, 5)) for _ in range(3)]
    m = np.ones((4, 5)) if weights is None else weights.astype(float)
    λs = np.broadcast_to(np.asarray(λ, float), (4, 5))
    terms = []
    for c, u in enumerate(planes):
        residual = u - picture[:, :, c].astype(float)
        terms.append(cvxpy.sum(cvxpy.multiply(m, cvxpy.abs(residual) if fidelity == "l1" else cvxpy.square(residual))))
    for i, j in itertools.product(range(4), range(5)):
        x = [u[i, j + 1] - u[i, j] for u in planes] if j < 4 else []
        y = [u[i + 1, j] - u[i, j] for u in planes] if i < 3 else []
        if tv == "anisotropic":
            groups = [x, y]
        elif channels == "coupled":
            groups = [x + y]
        else:
            groups = [list(pair) for pair in zip(*(side for side in (x, y) if side), strict=True)]
        terms += [λs[i, j] * cvxpy.norm(cvxpy.hstack(group)) for group in groups if group]
    optimum = cvxpy.Problem(cvxpy.Minimize(cvxpy.sum(cvxpy.hstack(terms)))).solve(solver="CLARABEL")
    solution = denoise(
        picture,
        λ,
        fidelity=fidelity,
        method="optimal",
        tv=tv,
        channels=channels,
        weights=weights,
        dtype="float64",
        gap=1e-7,
        iterations=5000,
    )
    assert max(bounds_of(solution)) <= optimum * (1 + 1e-7)
    assert solution.cost == pytest.approx(optimum, rel=1e-6)


@pytest.mark.parametrize(
    ("offset", "fidelity", "dtype"),
    [
        *itertools.product((1.0, 10.0, 1000.0), ("l1", "l2"), ("float32", "float64")),
    ],
)
def test_bounds_stay_true_on_pictures_far_from_zero(
    offset: float, fidelity: str, dtype: str, bounds_of: Callable[[Any], list[float]], energy: Any
) -> None:
    for seed, (shape, λ) in enumerate(itertools.product(((4, 5), (5, 4, 3), (1, 30)), (0.02, 0.3, 1.0))):
        ramp = np.linspace(0, 1, shape[1]).reshape(1, -1, *[1] * (len(shape) - 2))
        picture = (offset + ramp + 0.1 * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)
        lower, upper = energy(picture, λ, fidelity).bracket(1e-9)
        gap = least_gap(fidelity, dtype, 2e-6)
        solution = denoise(picture, λ, fidelity=fidelity, method="optimal", dtype=dtype, gap=gap, iterations=100, workers=1)
        # The cost of an exact minimiser is the cost of the input, rounded.
        rounding = 1e-7 if solution.status == "input_is_minimiser" else 1e-9
        assert max(bounds_of(solution)) <= upper * (1 + rounding)
        assert min(record.cost for record in solution.records) >= lower * (1 - 5e-7)


@pytest.mark.parametrize("fidelity", ["l1", "l2"])
@pytest.mark.parametrize("tv", ["isotropic", "anisotropic"])
def test_float32_reaches_the_smallest_gap_it_admits_and_its_bounds_hold(
    fidelity: str, tv: str, bounds_of: Callable[[Any], list[float]]
) -> None:
    random = np.random.default_rng(9)
    picture = (np.linspace(0, 1, 24)[None, :] + 0.1 * random.standard_normal((20, 24))).astype(np.float32)
    options: Options = {"fidelity": fidelity, "tv": tv, "method": "optimal"}
    λ = 0.1 if fidelity == "l2" else 1.0
    tight = denoise(picture, λ, dtype="float64", gap=1e-9, workers=1, records=False, **options)
    assert tight.bound is not None
    single = denoise(picture, λ, gap=least_gap(fidelity, "float32", 2e-6), iterations=5000, workers=1, **options)
    assert single.status == "converged"
    assert single.image.dtype == np.float32
    assert max(bounds_of(single)) <= tight.cost
    assert min(record.cost for record in single.records) >= tight.bound * (1 - 2e-7)


@pytest.mark.parametrize("fidelity", ["l1", "l2"])
def test_the_first_and_the_last_record_carry_the_certificate(fidelity: str) -> None:
    picture = np.random.default_rng(3).random((9, 8))
    for iterations in (1, 2, 7, 3000):
        solution = denoise(picture, 0.8, fidelity=fidelity, method="optimal", iterations=iterations)
        assert [record.iteration for record in solution.records] == list(range(1, solution.iterations + 1))
        assert solution.status == ("converged" if iterations == 3000 else "iteration_limit")
        for record in (solution.records[0], solution.records[-1]):
            certificate = (record.bound, record.gap, record.primal_residual, record.dual_residual)
            assert None not in certificate
        last = solution.records[-1]
        assert (last.cost, last.bound, last.gap) == (solution.cost, solution.bound, solution.gap)
        # A bound below zero is as true as any: then the gap is more than all of the cost.
        assert solution.gap == pytest.approx((solution.cost - solution.bound) / solution.cost, rel=1e-12)


@pytest.mark.parametrize("fidelity", ["l1", "l2"])
@pytest.mark.parametrize("boundary", ["symmetric", "periodic"])
@pytest.mark.parametrize("weighted", [False, True])
def test_both_residuals_vanish_with_the_gap(fidelity: str, boundary: str, weighted: bool) -> None:
    random = np.random.default_rng(4)
    picture, weights = random.random((9, 8)), 0.5 + random.random((9, 8)) if weighted else None
    solution = denoise(picture, 0.5, fidelity=fidelity, method="optimal", boundary=boundary, weights=weights, gap=1e-9, workers=1)
    certified = [record for record in solution.records if record.gap is not None]
    first, last = certified[0], certified[-1]
    assert solution.status == "converged"
    assert last.primal_residual < 1e-4 * first.primal_residual + 1e-12
    # The splitting of an unweighted L2 leaves F as it is: its own optimality condition is what u solves.
    assert last.dual_residual < 1e-4 * max(record.dual_residual for record in certified) + 1e-12
    assert last.primal_residual < 1e-5
    assert last.dual_residual < 1e-5


def test_the_cost_of_a_record_is_that_of_the_picture_it_would_return() -> None:
    picture = np.random.default_rng(6).random((8, 7, 3))
    for iterations in (1, 3, 6):
        solution = denoise(picture, 0.4, fidelity="l1", method="optimal", iterations=iterations)
        seen: list[float] = []
        denoise(
            picture,
            0.4,
            fidelity="l1",
            method="optimal",
            iterations=iterations,
            callback=lambda state, seen=seen: seen.append(state.engine.cost(state.solution) * state.problem.cost_unit),
        )
        assert solution.cost == seen[-1]
        assert [record.cost for record in solution.records] == pytest.approx(seen, rel=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("value", [0.0, 0.3, 1 / 3, -7.7, 200.1])
def test_a_constant_picture_is_certified_at_once(value: float, dtype: str) -> None:
    for fidelity, tv, boundary, shape in itertools.product(
        ("l1", "l2"), ("isotropic", "anisotropic"), ("symmetric", "periodic"), ((13, 17), (13, 17, 3))
    ):
        solution = denoise(
            np.full(shape, value), 0.7, fidelity=fidelity, method="optimal", tv=tv, boundary=boundary, dtype=dtype, iterations=20
        )
        assert solution.gap == 0
        assert solution.iterations <= 1
        np.testing.assert_array_equal(solution.image, np.full(shape, value, dtype))
