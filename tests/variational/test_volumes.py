"""One axis more, or one less: the same problem, solved as truly."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from denoise_cli.variational import denoise
from denoise_cli.variational.operators import BOUNDARIES, Gradient
from denoise_cli.variational.regularisers import TotalVariation
from denoise_cli.variational.strips import Strips

Array = np.ndarray
RANDOM = np.random.default_rng(11)
SLICE = np.kron(np.eye(3), np.ones((4, 5))) * 0.6 + 0.2 * RANDOM.random((12, 15))
BLOCK = 0.7 * (np.indices((9, 8, 10)).sum(axis=0) % 7 < 3) + 0.3 * RANDOM.random((9, 8, 10))
KINDS = [
    {"fidelity": fidelity, "tv": tv, "boundary": boundary}
    for fidelity, tv, boundary in itertools.product(("l2", "l1"), ("isotropic", "anisotropic"), ("symmetric", "periodic"))
]


def name_of(options: dict[str, Any]) -> str:
    return " ".join(str(value) for value in options.values())


def optimum(f: Array, weight: Any, axes: int = 3, **options: Any) -> Any:
    return denoise(f, weight, method="optimal", axes=axes, **options)


SHAPES = [(1, 3, 4, 5), (2, 4, 1, 3), (1, 2, 3, 2, 4), (1, 3, 5), (1, 1, 1, 6)]


@pytest.mark.parametrize("rows", [1, 2, 9])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_in_any_number_of_axes_the_adjoint_is_the_adjoint_and_the_solve_the_inverse(
    boundary: str, shape: tuple[int, ...], rows: int
) -> None:
    random, axes = np.random.default_rng(3), len(shape) - 1
    strips = Strips(shape, float, 1)
    strips.rows = min(rows, shape[1])
    operator: Gradient = BOUNDARIES[boundary](strips, [0.5 + 0.4 * axis for axis in range(axes)])

    def forward(u: Array) -> Array:
        out = np.full((axes, *shape), np.nan)
        for strip in strips:
            out[:, :, strip] = operator.differences(u, strip, np.empty((axes, shape[0], strip.stop - strip.start, *shape[2:])))
        return out

    def backward(p: Array) -> Array:
        out, spills = np.full(shape, np.nan), np.empty((len(strips), shape[0], *shape[2:]))
        for index, strip in enumerate(strips):
            operator.adjoint(p[:, :, strip], out[:, strip])
            spills[index] = p[-1][:, strip][:, -1]
        return operator.join(strips, spills, out)

    u = random.random(shape)
    for axis in range(axes):
        moved = np.moveaxis(u, axis + 1, -1)
        end = moved[..., :1] if boundary == "periodic" else moved[..., -1:]
        expected = np.diff(np.concatenate([moved, end], axis=-1), axis=-1) * (0.5 + 0.4 * axis)
        np.testing.assert_allclose(np.moveaxis(forward(u)[axes - 1 - axis], axis + 1, -1), expected, rtol=1e-15)
    p = forward(random.random(shape))
    assert np.vdot(forward(u), p) == pytest.approx(np.vdot(u, backward(p)), abs=1e-12)
    assert np.vdot(forward(u), forward(u)) <= operator.norm_squared * np.vdot(u, u)
    solved = operator.solve(u.copy(), 2.5).copy()
    np.testing.assert_allclose(solved + 2.5 * backward(forward(solved)), u, atol=1e-12)


@pytest.mark.parametrize("options", KINDS, ids=name_of)
def test_the_minimum_of_a_small_volume_is_the_one_that_another_method_finds(energy: Any, options: dict[str, Any]) -> None:
    f = np.random.default_rng(5).random((3, 4, 3))
    stated = energy(f, 0.25, **options, axes=3, axis_weights=(0.5, 1.0, 1.3))
    lower, upper = stated.bracket(1e-6)
    assert upper - lower < 1e-4 * upper
    solution = optimum(f, 0.25, **options, axis_weights=(0.5, 1.0, 1.3), gap=1e-5)
    assert solution.cost == pytest.approx(stated.cost(solution.image), rel=1e-9)
    assert lower <= solution.cost * (1 + 1e-9)
    assert solution.bound <= upper * (1 + 1e-9)
    assert solution.cost == pytest.approx(upper, rel=1.2e-4)


@pytest.mark.parametrize("channels", ["coupled", "separate"])
@pytest.mark.parametrize("tv", ["isotropic", "anisotropic"])
def test_the_same_with_channels_maps_and_unknown_pixels(energy: Any, tv: str, channels: str) -> None:
    random = np.random.default_rng(6)
    f, level, known = random.random((2, 4, 3, 2)), 0.1 + 0.3 * random.random((2, 4, 3)), random.choice([0.0, 0.5, 2.0], (2, 4, 3))
    stated = energy(f, level, tv=tv, channels=channels, weights=known, axes=3)
    lower, upper = stated.bracket(1e-6)
    solution = optimum(f, level, tv=tv, channels=channels, weights=known, gap=1e-5)
    assert lower * (1 - 1e-9) <= stated.cost(solution.image) == pytest.approx(solution.cost, rel=1e-9)
    assert solution.bound <= upper * (1 + 1e-9)
    assert solution.cost == pytest.approx(upper, rel=1.2e-4)


def test_four_axes_have_the_minimum_that_another_method_finds(energy: Any) -> None:
    f = np.random.default_rng(7).random((2, 3, 2, 3))
    lower, upper = energy(f, 0.2, axes=4).bracket(1e-6)
    solution = optimum(f, 0.2, axes=4, gap=1e-6)
    assert lower * (1 - 1e-9) <= solution.cost == pytest.approx(upper, rel=1e-5)


@pytest.mark.parametrize("options", KINDS, ids=name_of)
def test_a_volume_of_one_slice_is_the_slice_bit_for_bit(options: dict[str, Any]) -> None:
    flat = optimum(SLICE, 0.3, axes=2, **options)
    for axis in range(3):
        volume = optimum(np.expand_dims(SLICE, axis), 0.3, **options)
        np.testing.assert_array_equal(volume.image, np.expand_dims(flat.image, axis))
        assert (volume.cost, volume.bound, volume.iterations) == (flat.cost, flat.bound, flat.iterations)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_a_volume_that_is_constant_along_an_axis_is_the_slice(boundary: str) -> None:
    flat = optimum(SLICE, 0.2, axes=2, gap=1e-10, boundary=boundary).image
    for axis in range(3):
        volume = optimum(np.repeat(np.expand_dims(SLICE, axis), 4, axis), 0.2, gap=1e-10, boundary=boundary).image
        np.testing.assert_allclose(volume, np.repeat(np.expand_dims(flat, axis), 4, axis), atol=1e-6)


@pytest.mark.parametrize("options", KINDS[:4], ids=name_of)
def test_permuted_axes_permute_the_result(options: dict[str, Any]) -> None:
    weights = (0.4, 1.0, 0.8)
    straight = optimum(BLOCK, 0.2, gap=1e-5, axis_weights=weights, **options)
    for order in ((1, 0, 2), (2, 0, 1), (2, 1, 0)):
        turned = optimum(BLOCK.transpose(order), 0.2, gap=1e-5, axis_weights=[weights[axis] for axis in order], **options)
        assert turned.iterations == straight.iterations
        np.testing.assert_allclose(turned.image, straight.image.transpose(order), atol=1e-9)


def test_an_axis_of_weight_0_couples_nothing() -> None:
    volume = optimum(BLOCK[:4], 0.3, gap=1e-7, axis_weights=(0.0, 1.0, 1.0)).image
    for number, flat in enumerate(BLOCK[:4]):
        np.testing.assert_allclose(volume[number], optimum(flat, 0.3, axes=2, gap=1e-7).image, atol=5e-3)


def test_a_signal_is_a_picture_of_one_row() -> None:
    np.testing.assert_array_equal(optimum(SLICE[0], 0.3, axes=1).image, optimum(SLICE[:1], 0.3, axes=2).image[0])


def test_a_step_along_any_axis_loses_lambda_over_twice_its_width_on_either_side() -> None:
    for axis in range(3):
        step = np.moveaxis(np.broadcast_to(np.repeat([0.0, 1.0], 8), (4, 5, 16)), -1, axis)
        image = np.moveaxis(optimum(np.ascontiguousarray(step), 0.4, gap=1e-10).image, axis, -1)
        np.testing.assert_allclose(image, np.broadcast_to(np.repeat([0.025, 0.975], 8), (4, 5, 16)), atol=1e-5)


@pytest.mark.parametrize("options", KINDS, ids=name_of)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_volume_has_the_same_bits_whatever_the_number_of_threads(options: dict[str, Any], dtype: str) -> None:
    f = np.random.default_rng(8).random((11, 40, 31)).astype(dtype)
    one = optimum(f, 0.2, workers=1, gap=1e-2, **options)
    three = optimum(f, 0.2, workers=3, gap=1e-2, **options)
    np.testing.assert_array_equal(one.image, three.image)
    assert (one.cost, one.bound) == (three.cost, three.bound)
    assert one.image.dtype == dtype


def test_in_a_volume_a_lone_pixel_under_l1_survives_up_to_the_reciprocal_of_its_variation() -> None:
    """It ends three differences and owns three: 6 anisotropic, 3 + √3 isotropic."""
    lone = np.zeros((5, 5, 5))
    lone[2, 2, 2] = 1
    for tv, threshold in (("anisotropic", 1 / 6), ("isotropic", 1 / (3 + 3**0.5))):
        below = optimum(lone, 0.999 * threshold, fidelity="l1", tv=tv)
        assert below.status == "input_is_minimiser"
        np.testing.assert_array_equal(below.image, lone)
        above = optimum(lone, 1.02 * threshold, fidelity="l1", tv=tv, gap=1e-6)
        assert not above.input_is_a_minimiser
        assert above.image[2, 2, 2] < 0.5


def test_the_largest_adjoint_of_a_volume_counts_each_axis_with_its_weight() -> None:
    operator = BOUNDARIES["periodic"](Strips((1, 3, 4, 5), float, 1), (2.0, 1.0, 0.5))
    flat = TotalVariation(0.3, "anisotropic").largest_adjoint(operator.neighbours(), (3, 4, 5), operator.axis_weights)
    np.testing.assert_allclose(flat, 0.3 * 2 * (2 + 1 + 0.5))
    round_one = TotalVariation(0.3).largest_adjoint(operator.neighbours(), (3, 4, 5), operator.axis_weights)
    np.testing.assert_allclose(round_one, 0.3 * (3.5 + (4 + 1 + 0.25) ** 0.5))


@pytest.mark.parametrize("fill", [True, False])
def test_holes_of_a_volume_are_filled_from_all_sides_or_stay(fill: bool) -> None:
    ramp = np.broadcast_to(np.linspace(0, 1, 12)[:, None, None], (12, 7, 8)).copy()
    known = np.ones(ramp.shape)
    known[4:7, 2:5, 3:6] = 0
    spoilt = np.where(known > 0, ramp, np.nan)
    image = optimum(spoilt, 0.01, weights=known, fill=fill, gap=1e-6).image
    np.testing.assert_array_equal(np.isnan(image), np.isnan(spoilt) if not fill else np.zeros(ramp.shape, bool))
    assert np.nanmax(np.abs(image - ramp)) < 0.1


@pytest.mark.parametrize(
    ("image", "options", "message"),
    [
        (np.ones((3, 3, 3)), {"axes": 5}, "1 to 4 spatial axes, not 5"),
        (np.ones((3, 3)), {"axes": 3}, "3 spatial axes were announced"),
        (np.ones((3, 3, 3)), {"axes": 3, "axis_weights": (1, 1)}, "one number for each of the 3 axes"),
        (np.ones((3, 3, 3)), {"axes": 3, "axis_weights": (1, 1, -1)}, "finite weights ≥ 0"),
        (np.ones((3, 3, 3)), {"axes": 3, "weights": np.ones((3, 3))}, "weights has shape"),
        (np.ones((3, 0, 3)), {"axes": 3}, "empty"),
    ],
)
def test_axes_that_do_not_fit_are_refused(image: Array, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        denoise(image, 0.1, method="optimal", **options)


def test_matlab_stays_in_two_dimensions() -> None:
    with pytest.raises(ValueError, match="method matlab takes pictures of 2 spatial axes, not 3"):
        denoise(np.ones((3, 3, 3)), 0.1, axes=3)
