"""What may be done to a picture before or after: turned, mirrored, shifted, scaled, hidden in part."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from denoise_cli import denoise
from denoise_cli.variational import Solution

RANDOM = np.random.default_rng(11)
GREY = RANDOM.random((9, 12)) + (np.arange(12) > 5)
COLOUR = RANDOM.random((8, 7, 3)) + (np.arange(8) > 3)[:, None, None]
LEVEL = {"l1": 0.7, "l2": 0.3}


def solve(picture: np.ndarray, weight: Any, gap: float = 1e-4, **options: Any) -> Solution:
    solution = denoise(picture, weight, method="optimal", gap=gap, workers=1, **options)
    assert solution.status in ("converged", "input_is_minimiser")
    return solution


def ways() -> list[Any]:
    return [
        pytest.param(
            picture, {"fidelity": fidelity, "tv": tv, "channels": channels, "boundary": boundary}, id=f"{name}-{fidelity}-{tv}-{boundary}"
        )
        for name, picture in (("grey", GREY), ("colour", COLOUR))
        for fidelity in ("l1", "l2")
        for tv, channels in (("isotropic", "coupled"), ("anisotropic", "separate"))
        for boundary in ("symmetric", "periodic")
    ]


def half_turn(f: np.ndarray) -> np.ndarray:
    return f[::-1, ::-1]


def mirror(f: np.ndarray) -> np.ndarray:
    return f[:, ::-1]


def transpose(f: np.ndarray) -> np.ndarray:
    return np.swapaxes(f, 0, 1)


def shift(f: np.ndarray) -> np.ndarray:
    return np.roll(f, (2, -3), (0, 1))


def shift_back(f: np.ndarray) -> np.ndarray:
    return np.roll(f, (-2, 3), (0, 1))


def same_run(moved: Solution, plain: Solution, back: Callable[[np.ndarray], np.ndarray], tolerance: float = 1e-9) -> None:
    assert moved.iterations == plain.iterations
    np.testing.assert_allclose(back(moved.image), plain.image, atol=tolerance)
    assert moved.cost == pytest.approx(plain.cost, rel=tolerance)
    assert moved.bound == pytest.approx(plain.bound, rel=tolerance)


@pytest.mark.parametrize(("picture", "options"), ways())
def test_transposing_the_picture_transposes_the_run(picture: np.ndarray, options: dict[str, Any]) -> None:
    weight = LEVEL[options["fidelity"]]
    same_run(solve(transpose(picture), weight, **options), solve(picture, weight, **options), transpose)


@pytest.mark.parametrize(("picture", "options"), ways())
def test_negating_the_picture_negates_the_run(picture: np.ndarray, options: dict[str, Any]) -> None:
    weight = LEVEL[options["fidelity"]]
    same_run(solve(-picture, weight, **options), solve(picture, weight, **options), np.negative)


@pytest.mark.parametrize(("picture", "options"), ways())
def test_adding_a_constant_adds_it_to_the_result(picture: np.ndarray, options: dict[str, Any]) -> None:
    weight = LEVEL[options["fidelity"]]
    same_run(solve(picture + 5, weight, **options), solve(picture, weight, **options), lambda u: u - 5)


@pytest.mark.parametrize(("picture", "options"), ways())
def test_scaling_the_picture_scales_the_run_with_lambda_under_l2_and_without_under_l1(picture: np.ndarray, options: dict[str, Any]) -> None:
    weight = LEVEL[options["fidelity"]]
    plain = solve(picture, weight, **options)
    for factor in (255.0, 1e-3):
        scaled = solve(factor * picture, weight * (factor if options["fidelity"] == "l2" else 1), **options)
        assert scaled.iterations == plain.iterations
        np.testing.assert_allclose(scaled.image / factor, plain.image, atol=1e-9)
        in_units = factor**2 if options["fidelity"] == "l2" else factor
        assert scaled.cost / in_units == pytest.approx(plain.cost, rel=1e-9)


@pytest.mark.parametrize(("picture", "options"), [way for way in ways() if way.values[1]["tv"] == "anisotropic"])
def test_mirroring_does_not_move_the_anisotropic_optimum(picture: np.ndarray, options: dict[str, Any]) -> None:
    weight = LEVEL[options["fidelity"]]
    plain = solve(picture, weight, **options)
    for move in (mirror, half_turn):
        moved = solve(move(picture), weight, **options)
        assert moved.cost == pytest.approx(plain.cost, rel=2e-4)
        if options["fidelity"] == "l2":  # |u - u*|² ≤ cost - optimum, for both
            assert np.sum((move(moved.image) - plain.image) ** 2) <= 4e-4 * plain.cost


@pytest.mark.parametrize("fidelity", ["l1", "l2"])
def test_mirroring_moves_the_isotropic_optimum_whose_differences_point_forward(fidelity: str) -> None:
    # Along one diagonal the two differences of an edge pixel share a norm, √2; along the other they are two pixels', 1 + 1.
    rising = np.tri(9)
    plain, moved = (solve(f, 0.35, fidelity=fidelity) for f in (rising, mirror(rising)))
    assert plain.bound is not None
    assert moved.bound is not None
    assert plain.bound > 1.01 * moved.cost or moved.bound > 1.01 * plain.cost


@pytest.mark.parametrize(("picture", "options"), ways())
def test_a_circular_shift_is_a_symmetry_of_the_periodic_boundary_only(picture: np.ndarray, options: dict[str, Any]) -> None:
    weight = LEVEL[options["fidelity"]]
    plain, moved = solve(picture, weight, **options), solve(shift(picture), weight, **options)
    if options["boundary"] == "periodic":
        same_run(moved, plain, shift_back)
    else:
        assert abs(moved.cost - plain.cost) > 1e-3 * plain.cost


@pytest.mark.parametrize("fidelity", ["l1", "l2"])
@pytest.mark.parametrize("channels", ["coupled", "separate"])
def test_permuting_the_channels_permutes_the_run(fidelity: str, channels: str) -> None:
    order = [2, 0, 1]
    plain = solve(COLOUR, LEVEL[fidelity], fidelity=fidelity, channels=channels)
    moved = solve(COLOUR[:, :, order], LEVEL[fidelity], fidelity=fidelity, channels=channels)
    assert moved.iterations == plain.iterations
    np.testing.assert_allclose(moved.image, plain.image[:, :, order], atol=1e-9)


@pytest.mark.parametrize("tv", ["isotropic", "anisotropic"])
def test_separate_channels_are_grey_pictures_and_coupled_ones_are_not(tv: str) -> None:
    alone = np.stack([solve(COLOUR[:, :, c], 0.3, 1e-9, tv=tv).image for c in range(3)], axis=-1)
    np.testing.assert_allclose(solve(COLOUR, 0.3, 1e-9, tv=tv, channels="separate").image, alone, atol=2e-4)
    assert np.abs(solve(COLOUR, 0.3, 1e-9, tv=tv, channels="coupled").image - alone).max() > 1e-2


@pytest.mark.parametrize("tv", ["isotropic", "anisotropic"])
def test_one_channel_is_grey_whatever_channels_says(tv: str) -> None:
    for channels in ("coupled", "separate"):
        np.testing.assert_allclose(solve(GREY, 0.3, tv=tv, channels=channels).image, solve(GREY, 0.3, tv=tv).image, atol=1e-12)


def test_a_row_and_a_column_are_one_problem() -> None:
    row = RANDOM.random((1, 30))
    for fidelity in ("l1", "l2"):
        weight = 0.8 if fidelity == "l1" else 0.2
        isotropic = solve(row, weight, 1e-8, fidelity=fidelity)
        for other in (
            solve(row, weight, 1e-8, fidelity=fidelity, tv="anisotropic"),
            solve(row.T, weight, 1e-8, fidelity=fidelity),
        ):
            assert other.cost == pytest.approx(isotropic.cost, rel=2e-8)


@pytest.mark.parametrize("fidelity", ["l1", "l2"])
@pytest.mark.parametrize("boundary", ["symmetric", "periodic"])
def test_weights_of_one_are_no_weights_and_a_constant_map_of_lambda_is_the_number(fidelity: str, boundary: str) -> None:
    weight, options = LEVEL[fidelity], {"fidelity": fidelity, "boundary": boundary}
    plain = solve(GREY, weight, 1e-8, **options)
    for other in (
        solve(GREY, weight, 1e-8, weights=np.ones(GREY.shape), **options),
        solve(GREY, weight, 1e-8, weights=np.ones(GREY.shape, bool), **options),
        solve(GREY, np.full(GREY.shape, weight), 1e-8, **options),
    ):
        assert other.cost == pytest.approx(plain.cost, rel=2e-8)
        if fidelity == "l2":
            np.testing.assert_allclose(other.image, plain.image, atol=1e-3)


@pytest.mark.parametrize("fidelity", ["l1", "l2"])
def test_weights_and_lambda_times_the_same_number_are_the_same_problem(fidelity: str) -> None:
    weights = 0.5 + RANDOM.random(GREY.shape)
    plain = solve(GREY, LEVEL[fidelity], 1e-6, fidelity=fidelity, weights=weights)
    double = solve(GREY, 2 * LEVEL[fidelity], 1e-6, fidelity=fidelity, weights=2 * weights)
    assert double.cost == pytest.approx(2 * plain.cost, rel=2e-6)


@pytest.mark.parametrize("fidelity", ["l1", "l2"])
def test_scaling_a_weighted_picture_scales_its_run(fidelity: str) -> None:
    weights = 0.5 + np.random.default_rng(12).random(GREY.shape)
    plain = solve(GREY, LEVEL[fidelity], 1e-3, fidelity=fidelity, weights=weights)
    for factor in (255.0, 1e-2):
        λ = LEVEL[fidelity] * (factor if fidelity == "l2" else 1)
        assert solve(factor * GREY, λ, 1e-3, fidelity=fidelity, weights=weights).iterations == plain.iterations


def hole(shape: tuple[int, ...]) -> np.ndarray:
    weights = np.ones(shape[:2])
    weights[3:6, 4:6] = 0
    weights[0, 0] = 0
    return weights


@pytest.mark.parametrize("fidelity", ["l1", "l2"])
@pytest.mark.parametrize("picture", [GREY, COLOUR], ids=["grey", "colour"])
def test_what_is_hidden_and_near_the_rest_does_not_move_the_optimum(fidelity: str, picture: np.ndarray) -> None:
    weights = hole(picture.shape)
    plain = solve(picture, LEVEL[fidelity], 1e-6, fidelity=fidelity, weights=weights)
    other = picture.copy()
    other[weights == 0] = 0.25
    changed = solve(other, LEVEL[fidelity], 1e-6, fidelity=fidelity, weights=weights)
    assert changed.cost == pytest.approx(plain.cost, rel=2e-6)
    if fidelity == "l2":
        known = weights > 0
        np.testing.assert_allclose(changed.image[known], plain.image[known], atol=2e-2)


@pytest.mark.parametrize("fidelity", ["l1", "l2"])
@pytest.mark.parametrize("hidden", [10.0, -1e3, 1e6])
def test_what_is_hidden_never_influences_the_result(hidden: float, fidelity: str) -> None:
    weights = hole(GREY.shape)
    plain = denoise(GREY, LEVEL[fidelity], fidelity=fidelity, method="optimal", weights=weights, iterations=2000)
    other = GREY.copy()
    other[weights == 0] = hidden
    changed = denoise(other, LEVEL[fidelity], fidelity=fidelity, method="optimal", weights=weights, iterations=2000)
    assert changed.status == "converged"
    assert changed.iterations == plain.iterations
    np.testing.assert_allclose(changed.image, plain.image, atol=1e-12)


def test_nan_may_be_hidden_as_the_message_says() -> None:
    weights = hole(GREY.shape)
    other = np.where(weights == 0, np.nan, GREY)
    assert np.isfinite(denoise(other, 0.3, method="optimal", weights=weights).image).all()


@pytest.mark.parametrize("fidelity", ["l1", "l2"])
@pytest.mark.parametrize("boundary", ["symmetric", "periodic"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_hole_in_a_flat_picture_is_filled_with_what_is_around_it(dtype: str, boundary: str, fidelity: str) -> None:
    picture = np.full((9, 12), 0.25)
    weights = hole(picture.shape)
    picture[weights == 0] = 0.9
    solution = denoise(picture, 0.5, fidelity=fidelity, method="optimal", boundary=boundary, weights=weights, dtype=dtype, iterations=1500)
    np.testing.assert_allclose(solution.image, 0.25, atol=1e-3)


def test_a_hole_across_a_straight_edge_is_filled_with_the_edge() -> None:
    picture = np.tile(np.repeat([0.0, 1.0], 6), (12, 1))
    weights = np.ones(picture.shape)
    weights[4:8, 4:8] = 0
    damaged = np.where(weights == 0, 0.5, picture)
    solution = solve(damaged, 0.05, 1e-6, fidelity="l1", weights=weights, tv="anisotropic")
    np.testing.assert_allclose(solution.image, picture, atol=1e-2)


def test_a_weight_ten_times_as_large_keeps_a_pixel_that_noise_would_lose() -> None:
    picture, weights = np.zeros((7, 8)), np.ones((7, 8))
    picture[3, 4] = 1
    λ = 0.6
    assert solve(picture, λ, fidelity="l1", weights=weights).image[3, 4] < 0.05
    weights[3, 4] = 10
    assert solve(picture, λ, fidelity="l1", weights=weights).image[3, 4] > 0.95


def test_more_lambda_is_smoother(energy: Any) -> None:
    for fidelity in ("l1", "l2"):
        variation = [energy(GREY, 1.0).total_variation(solve(GREY, λ, fidelity=fidelity).image) for λ in (0.35, 0.6, 1.2, 3.0)]
        assert sorted(variation, reverse=True) == variation
        assert variation[0] > 1.2 * variation[-1]
