"""Pictures whose minimiser can be worked out by hand."""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import numpy as np
import pytest

import denoise_cli
from denoise_cli.variational import identity_threshold
from denoise_cli.variational.fidelities import L1
from denoise_cli.variational.operators import BOUNDARIES
from denoise_cli.variational.problem import Problem
from denoise_cli.variational.regularisers import TotalVariation
from denoise_cli.variational.strips import Strips

denoise = functools.partial(denoise_cli.denoise, records=True)

ROOT2, ROOT3 = math.sqrt(2), math.sqrt(3)


def optimum(picture: np.ndarray, λ: Any, fidelity: str = "l2", gap: float = 1e-10, **options: Any) -> np.ndarray:
    solution = denoise(picture, λ, fidelity=fidelity, method="optimal", gap=gap, workers=1, **options)
    assert solution.status in ("converged", "input_is_minimiser")
    return solution.image


def stripe(height: int, before: int, width: int, after: int) -> np.ndarray:
    return np.tile(np.repeat([0.0, 1.0, 0.0], [before, width, after]), (height, 1))


@pytest.mark.parametrize("tv", ["isotropic", "anisotropic"])
@pytest.mark.parametrize(("width", "rest", "λ"), [(4, 8, 0.3), (1, 11, 0.2), (3, 3, 0.9)])
def test_a_stripe_under_l2_loses_lambda_over_its_width_and_the_periodic_rest_gains_lambda_over_its_own(
    width: int, rest: int, λ: float, tv: str
) -> None:
    picture = stripe(5, 2, width, rest - 2)
    expected = np.where(picture == 1, 1 - λ / width, λ / rest)
    np.testing.assert_allclose(optimum(picture, λ, tv=tv, boundary="periodic"), expected, atol=2e-5)
    np.testing.assert_allclose(optimum(picture.T, λ, tv=tv, boundary="periodic"), expected.T, atol=2e-5)


@pytest.mark.parametrize("tv", ["isotropic", "anisotropic"])
def test_with_mirrored_edges_each_side_of_a_stripe_gains_half_lambda_over_its_width(tv: str) -> None:
    λ, before, width, after = 0.3, 2, 4, 6
    expected = np.tile(np.repeat([λ / (2 * before), 1 - λ / width, λ / (2 * after)], [before, width, after]), (5, 1))
    np.testing.assert_allclose(optimum(stripe(5, before, width, after), λ, tv=tv), expected, atol=2e-5)


@pytest.mark.parametrize("tv", ["isotropic", "anisotropic"])
def test_with_mirrored_edges_a_step_of_two_halves_loses_lambda_over_twice_their_width(tv: str) -> None:
    step = np.tile(np.repeat([0.0, 1.0], 6), (4, 1))
    expected = np.where(step == 1, 1 - 0.4 / 12, 0.4 / 12)
    np.testing.assert_allclose(optimum(step, 0.4, tv=tv), expected, atol=2e-5)
    np.testing.assert_allclose(optimum(step.T, 0.4, tv=tv), expected.T, atol=2e-5)


def test_coupled_channels_share_the_loss_of_a_stripe_and_separate_ones_do_not() -> None:
    picture = np.repeat(stripe(3, 4, 4, 4)[:, :, None], 3, axis=2)
    coupled = optimum(picture, 0.3, boundary="periodic")
    separate = optimum(picture, 0.3, boundary="periodic", channels="separate")
    np.testing.assert_allclose(coupled[0, 5], 1 - 0.3 / 4 / ROOT3, atol=2e-5)
    np.testing.assert_allclose(separate[0, 5], 1 - 0.3 / 4, atol=2e-5)


def test_a_large_lambda_under_l2_leaves_the_mean_of_every_channel() -> None:
    picture = np.random.default_rng(1).random((5, 6, 3))
    expected = np.broadcast_to(picture.mean(axis=(0, 1)), picture.shape)
    for boundary in BOUNDARIES:
        np.testing.assert_allclose(optimum(picture, 20.0, boundary=boundary), expected, atol=1e-4)


def test_a_large_lambda_under_l1_leaves_the_median() -> None:
    picture = np.random.default_rng(2).random((5, 5))
    np.testing.assert_allclose(optimum(picture, 10.0, "l1", gap=1e-5), np.full((5, 5), np.median(picture)), atol=1e-2)


def test_a_weighted_mean_is_what_a_large_lambda_leaves_under_weighted_l2() -> None:
    random = np.random.default_rng(3)
    picture, weights = random.random((5, 6)), random.random((5, 6))
    expected = np.full((5, 6), np.average(picture, weights=weights))
    np.testing.assert_allclose(optimum(picture, 10.0, weights=weights, gap=1e-7), expected, atol=1e-3)


@pytest.mark.parametrize("fidelity", ["l1", "l2"])
def test_where_lambda_is_zero_between_two_halves_they_do_not_know_of_each_other(fidelity: str) -> None:
    random = np.random.default_rng(4)
    picture, λ = random.random((6, 8)), np.full((6, 8), 0.6)
    λ[:, 3] = 0  # of the differences that pixels own, x from column 3 to 4, and y within column 3
    first = optimum(picture, λ, fidelity, tv="anisotropic", gap=1e-9)
    other = picture.copy()
    other[:, 4:] = random.random((6, 4))
    changed = denoise(other, λ, fidelity=fidelity, method="optimal", tv="anisotropic", gap=1e-9)
    left = picture[:, :4]
    np.testing.assert_allclose(
        cost(left, first[:, :4], λ[:, :4], fidelity), cost(left, changed.image[:, :4], λ[:, :4], fidelity), rtol=1e-6
    )


def cost(f: np.ndarray, u: np.ndarray, λ: np.ndarray, fidelity: str) -> float:
    residual = np.abs(u - f) if fidelity == "l1" else (u - f) ** 2
    x, y = np.abs(np.diff(u, axis=1)), np.abs(np.diff(u, axis=0))
    return float(residual.sum() + (λ[:, :-1] * x).sum() + (λ[:-1] * y).sum())


# Total variation of a lone pixel of height 1: the two differences that it owns share one norm if isotropic; the two that end in it do not.
LONE = {
    ("isotropic", "periodic", "inside"): 2 + ROOT2,
    ("isotropic", "periodic", "first corner"): 2 + ROOT2,
    ("isotropic", "symmetric", "inside"): 2 + ROOT2,
    ("isotropic", "symmetric", "first corner"): ROOT2,
    ("isotropic", "symmetric", "other corner"): 2,
    ("isotropic", "symmetric", "top"): 1 + ROOT2,
    ("isotropic", "symmetric", "left"): 1 + ROOT2,
    ("isotropic", "symmetric", "bottom"): 3,
    ("isotropic", "symmetric", "right"): 3,
    ("isotropic", "symmetric", "last corner"): 2,
    ("anisotropic", "periodic", "inside"): 4,
    ("anisotropic", "periodic", "last corner"): 4,
    ("anisotropic", "symmetric", "inside"): 4,
    ("anisotropic", "symmetric", "top"): 3,
    ("anisotropic", "symmetric", "right"): 3,
    ("anisotropic", "symmetric", "first corner"): 2,
    ("anisotropic", "symmetric", "last corner"): 2,
}
PLACES = {
    "inside": (3, 4),
    "first corner": (0, 0),
    "other corner": (0, 7),
    "last corner": (6, 7),
    "top": (0, 3),
    "left": (3, 0),
    "bottom": (6, 3),
    "right": (3, 7),
}


@pytest.mark.parametrize(
    ("tv", "boundary", "place", "depth"),
    [(*where, depth) for where in LONE for depth in (0, 1, 3) if depth == 0 or where[2] in ("inside", "top", "first corner")],
)
def test_a_lone_pixel_under_l1_survives_below_its_threshold_and_dies_above(tv: str, boundary: str, place: str, depth: int) -> None:
    picture = np.zeros((7, 8, 3) if depth else (7, 8))
    picture[PLACES[place] + (slice(depth),) * (depth > 0)] = 1
    # A pixel of three channels costs 3 and pays √3 for its edge.
    threshold = (ROOT3 if depth == 3 else 1) / LONE[tv, boundary, place]
    options = {"tv": tv, "boundary": boundary, "gap": 1e-3}
    np.testing.assert_allclose(optimum(picture, 0.97 * threshold, "l1", **options), picture, atol=0.05)
    np.testing.assert_allclose(optimum(picture, 1.03 * threshold, "l1", **options), 0, atol=0.05)


def test_three_channels_that_are_not_coupled_survive_no_longer_than_one() -> None:
    picture = np.zeros((7, 8, 3))
    picture[3, 4] = 1
    options: dict[str, Any] = {"channels": "separate", "gap": 1e-6}
    np.testing.assert_allclose(optimum(picture, 0.97 / (2 + ROOT2), "l1", **options), picture, atol=2e-3)
    np.testing.assert_allclose(optimum(picture, 1.03 / (2 + ROOT2), "l1", **options), 0, atol=2e-3)


@pytest.mark.parametrize("tv", ["isotropic", "anisotropic"])
def test_a_stripe_under_l1_survives_below_half_its_width(tv: str) -> None:
    picture = stripe(4, 5, 3, 6)
    np.testing.assert_allclose(optimum(picture, 1.45, "l1", tv=tv, boundary="periodic", gap=1e-7), picture, atol=2e-3)
    np.testing.assert_allclose(optimum(picture, 1.55, "l1", tv=tv, boundary="periodic", gap=1e-7), 0, atol=2e-3)


def l1_problem(shape: tuple[int, ...], λ: Any, tv: str, channels: str, boundary: str, weights: np.ndarray | None = None) -> Problem:
    planar = np.zeros((shape[2] if len(shape) == 3 else 1, *shape[:2]))
    return Problem(planar, L1(weights), TotalVariation(λ, tv, channels), BOUNDARIES[boundary](Strips(planar.shape, float, 1)))


SHAPES = ((1, 1), (1, 2), (2, 1), (1, 5), (5, 1), (2, 2), (2, 5), (3, 3), (4, 5), (1, 4, 3), (3, 4, 3))


@pytest.mark.parametrize("boundary", ["symmetric", "periodic"])
@pytest.mark.parametrize(("tv", "channels"), list(itertools.product(("isotropic", "anisotropic"), ("coupled", "separate"))))
@pytest.mark.parametrize("shape", SHAPES)
def test_the_largest_adjoint_is_the_total_variation_of_a_lone_pixel(
    shape: tuple[int, ...], tv: str, channels: str, boundary: str, energy: Any
) -> None:
    # max over feasible p of (Dᵀp)·e = max ⟨p, De⟩ = R(e): one picture a pixel, by dense matrices.
    λ = np.random.default_rng(5).random(shape[:2])
    for weight in (0.7, λ):
        expected = np.zeros(shape[:2])
        for i, j in np.ndindex(*shape[:2]):
            lone = np.zeros(shape)
            lone[(i, j, 0)[: len(shape)]] = 1
            expected[i, j] = energy(lone, weight, "l1", tv, channels, boundary).total_variation(lone)
        stated = l1_problem(shape, weight, tv, channels, boundary)
        largest = stated.regulariser.largest_adjoint(stated.operator.neighbours(), shape[:2])
        np.testing.assert_allclose(largest, expected, atol=1e-14)


@pytest.mark.parametrize("boundary", ["symmetric", "periodic"])
@pytest.mark.parametrize("tv", ["isotropic", "anisotropic"])
@pytest.mark.parametrize("shape", [(1, 6), (6, 1), (2, 2), (2, 4), (4, 5), (3, 3, 3)])
def test_the_input_is_called_a_minimiser_exactly_as_long_as_every_picture_is_one(
    shape: tuple[int, ...], tv: str, boundary: str, energy: Any
) -> None:
    lone_pixels = []
    for i, j in np.ndindex(*shape[:2]):
        lone = np.zeros(shape)
        lone[(i, j, 0)[: len(shape)]] = 1
        lone_pixels.append(energy(lone, 1.0, "l1", tv, "coupled", boundary).total_variation(lone))
    threshold = 1 / max(lone_pixels)
    assert l1_problem(shape, threshold, tv, "coupled", boundary).input_is_a_minimiser()
    assert not l1_problem(shape, 1.001 * threshold, tv, "coupled", boundary).input_is_a_minimiser()
    random = np.random.default_rng(6)
    for _ in range(3):  # at the threshold nothing is cheaper than the input, whatever it is
        picture = random.choice([0.0, 1.0, 0.5], shape) + 0.01 * random.random(shape)
        stated = energy(picture, threshold, "l1", tv, "coupled", boundary)
        assert stated.bracket(1e-7)[0] >= stated.cost(picture) * (1 - 2e-7)
        assert denoise(picture, threshold, fidelity="l1", method="optimal", tv=tv, boundary=boundary).status == "input_is_minimiser"


def test_the_threshold_of_an_inner_pixel_is_the_one_that_is_told() -> None:
    assert identity_threshold("isotropic") == pytest.approx(1 / (2 + ROOT2), rel=1e-15)
    assert identity_threshold("anisotropic") == 0.25
    for tv in ("isotropic", "anisotropic"):
        for channels in ("coupled", "separate"):
            λ = identity_threshold(tv)
            assert l1_problem((4, 4, 3), λ, tv, channels, "symmetric").input_is_a_minimiser()
            assert not l1_problem((4, 4, 3), 1.0001 * λ, tv, channels, "symmetric").input_is_a_minimiser()


def test_both_methods_say_when_the_input_is_a_minimiser_and_l2_never_does() -> None:
    picture = np.random.default_rng(7).random((5, 6))
    for method, told in (("matlab", {}), ("optimal", {"tv": "anisotropic"})):
        assert denoise(picture, 0.25, fidelity="l1", method=method, **told).input_is_a_minimiser
        assert not denoise(picture, 0.2501, fidelity="l1", method=method, **told).input_is_a_minimiser
        assert not denoise(picture, 1e-6, fidelity="l2", method=method, **told).input_is_a_minimiser
    exact = denoise(picture, 0.25, fidelity="l1", method="optimal", tv="anisotropic")
    assert exact.iterations == 0
    assert exact.gap <= 1e-15  # the rounding of the cost
    np.testing.assert_array_equal(exact.image, picture)
    assert [record.iteration for record in exact.records] == [0]


def test_a_pixel_trusted_less_dies_sooner() -> None:
    weights = np.ones((4, 4))
    weights[1, 2] = 0.5
    assert l1_problem((4, 4), 0.125, "anisotropic", "separate", "periodic", weights).input_is_a_minimiser()
    assert not l1_problem((4, 4), 0.126, "anisotropic", "separate", "periodic", weights).input_is_a_minimiser()


def test_a_lambda_map_below_the_threshold_everywhere_leaves_the_input() -> None:
    λ = np.full((4, 4), 0.25)
    assert l1_problem((4, 4), λ, "anisotropic", "separate", "periodic").input_is_a_minimiser()
    λ[2, 2] = 0.3
    assert not l1_problem((4, 4), λ, "anisotropic", "separate", "periodic").input_is_a_minimiser()
