"""The MATLAB original, number by number, and the surprises that belong to it (tests/golden/README.md, sections 3 and 4)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import denoise_cli
from denoise_cli import denoising
from denoise_cli.variational import Solution, as_float
from denoise_cli.variational.strips import Strips

denoise = functools.partial(denoise_cli.denoise, records=True)

RANDOM = np.random.default_rng(20260)
PICTURE = RANDOM.random((7, 9))
COLOUR = RANDOM.random((6, 5, 3))
THREADS = (2, 3, 5)


def test_all_thirty_golden_files_are_here(golden_port_names: list[str]) -> None:
    assert len(golden_port_names) == 30


def test_the_port_repeats_the_original_to_1e_10(tv_case: Any) -> None:
    given, ori = tv_case["input"].copy(), tv_case["ori"].copy()
    result, cost, snr = denoising(
        tv_case["input"], float(tv_case["lambda"]), float(tv_case["max_iter"]), float(tv_case["label"]), tv_case["ori"]
    )
    expected = tv_case["Result"]
    assert result.shape == expected.shape
    assert result.dtype == np.float64
    assert np.abs(result - expected).max() <= 1e-10 * max(1, np.abs(expected).max())
    for values, golden in ((cost, tv_case["cost"]), (snr, tv_case["SNR"])):
        assert values.shape == golden.ravel().shape
        np.testing.assert_allclose(values, golden.ravel(), rtol=1e-10, atol=1e-10 * (np.ptp(expected) == 0))
    np.testing.assert_array_equal(tv_case["input"], given)
    np.testing.assert_array_equal(tv_case["ori"], ori)


def test_float32_stays_within_a_few_roundings_of_the_original(tv_case: Any) -> None:
    expected, cost = tv_case["Result"], tv_case["cost"].ravel()
    solution = denoise(
        tv_case["input"],
        float(tv_case["lambda"]),
        fidelity="l1" if tv_case["label"] == 1 else "l2",
        iterations=int(tv_case["max_iter"]),
        dtype="float32",
    )
    assert solution.image.dtype == np.float32
    assert np.abs(solution.image - expected).max() <= 5e-6 * max(1, np.abs(expected).max())
    costs = np.array([record.cost for record in solution.records])
    # One rounding in each of the 192 pixels of the constant picture is 192·2⁻²⁴ = 1.144e-5.
    constant = np.ptp(tv_case["input"]) == 0
    np.testing.assert_allclose(costs, cost, rtol=0 if constant else 2e-6, atol=1.15e-5 if constant else 0)
    assert solution.cost == costs[-1]


def test_two_and_a_half_iterations_are_three() -> None:
    result, cost, _ = denoising(PICTURE, 0.3, 2.5, 1, PICTURE)
    np.testing.assert_array_equal(result, denoising(PICTURE, 0.3, 3, 1, PICTURE)[0])
    assert cost.shape == (3,)


@pytest.mark.parametrize("label", [0, 2, 3, -1, 1.5])
def test_any_label_but_one_means_l2(label: float) -> None:
    result, cost, _ = denoising(PICTURE, 0.3, 6, label, PICTURE)
    expected = denoising(PICTURE, 0.3, 6, 2, PICTURE)
    np.testing.assert_array_equal(result, expected[0])
    np.testing.assert_array_equal(cost, expected[1])


def test_label_one_and_true_mean_l1() -> None:
    l1 = denoising(PICTURE, 0.3, 6, 1, PICTURE)[0]
    np.testing.assert_array_equal(denoising(PICTURE, 0.3, 6, True, PICTURE)[0], l1)
    assert np.abs(l1 - denoising(PICTURE, 0.3, 6, 2, PICTURE)[0]).max() > 1e-3


@pytest.mark.parametrize("picture", [PICTURE, COLOUR])
def test_l2_keeps_the_mean_of_every_channel_at_every_iteration(picture: np.ndarray) -> None:
    means: list[np.ndarray] = []
    denoise(picture, 0.5, iterations=20, callback=lambda state: means.append(state.image.mean(axis=(0, 1))))
    assert len(means) == 20
    np.testing.assert_allclose(means, np.broadcast_to(picture.mean(axis=(0, 1)), np.shape(means)), rtol=1e-13)


def test_l1_does_not_keep_the_mean() -> None:
    solution = denoise(PICTURE**4, 0.5, fidelity="l1", iterations=50)
    assert abs(solution.image.mean() - (PICTURE**4).mean()) > 1e-3


def test_ori_is_converted_by_double_and_not_by_im2double() -> None:
    ori = (255 * PICTURE).astype(np.uint8)
    as_seen = denoising(ori, 0.3, 3, 2, ori)[2]
    np.testing.assert_array_equal(as_seen, denoising(ori, 0.3, 3, 2, ori.astype(float))[2])
    assert as_seen[0] > 50
    assert denoising(ori, 0.3, 3, 2, ori / 255.0)[2][0] < 1


def test_what_matlab_calls_snr_is_the_root_mean_square_error() -> None:
    result, _, snr = denoising(PICTURE, 0.3, 4, 1, PICTURE)
    assert snr[-1] == pytest.approx(np.sqrt(np.mean((result - PICTURE) ** 2)), rel=1e-12)


def test_the_cost_is_that_of_the_printed_energy(energy: Any) -> None:
    for label, fidelity in ((1, "l1"), (2, "l2")):
        result, cost, _ = denoising(COLOUR, 0.3, 4, label, COLOUR)
        printed = energy(COLOUR, 0.3, fidelity, "anisotropic", "separate", "periodic")
        assert cost[-1] == pytest.approx(printed.cost(result), rel=1e-12)


def test_the_first_picture_is_the_blur_that_knows_neither_lambda_nor_label() -> None:
    first = denoising(PICTURE, 0.02, 1, 1, PICTURE)[0]
    laplacian = 4 * np.sin(np.pi * np.arange(7) / 7)[:, None] ** 2 + 4 * np.sin(np.pi * np.arange(9) / 9) ** 2
    np.testing.assert_allclose(first, np.fft.ifft2(np.fft.fft2(PICTURE) / (1 + 10 * laplacian)).real, atol=1e-14)
    np.testing.assert_array_equal(denoising(PICTURE, 2.0, 1, 2, PICTURE)[0], first)


def test_a_grey_picture_as_three_equal_channels_keeps_them_equal() -> None:
    result = denoising(np.repeat(PICTURE[:, :, None], 3, axis=2), 0.3, 30, 1, np.repeat(PICTURE[:, :, None], 3, axis=2))[0]
    np.testing.assert_array_equal(result[:, :, 1:], result[:, :, :2])
    grey = denoise(PICTURE, 0.3, fidelity="l1", iterations=30, alpha=1500, beta=150).image
    np.testing.assert_allclose(result[:, :, 0], grey, atol=1e-13)


SYMMETRIES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "transpose": (lambda f: np.swapaxes(f, 0, 1), lambda f: np.swapaxes(f, 0, 1)),
    "circular shift": (lambda f: np.roll(f, (2, -3), (0, 1)), lambda f: np.roll(f, (-2, 3), (0, 1))),
    "half turn": (lambda f: f[::-1, ::-1], lambda f: f[::-1, ::-1]),
    "mirror": (lambda f: f[:, ::-1], lambda f: f[:, ::-1]),
    "negation": (lambda f: -f, lambda f: -f),
    "a constant added": (lambda f: f + 3.0, lambda f: f - 3.0),
}


@pytest.mark.parametrize("label", [1, 2])
@pytest.mark.parametrize("picture", [PICTURE, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("symmetry", SYMMETRIES)
def test_the_original_commutes_with(symmetry: str, picture: np.ndarray, label: int) -> None:
    there, back = SYMMETRIES[symmetry]
    plain, cost, _ = denoising(picture, 0.4, 25, label, picture)
    moved, moved_cost, _ = denoising(there(picture), 0.4, 25, label, there(picture))
    np.testing.assert_allclose(back(moved), plain, atol=2e-14)
    np.testing.assert_allclose(moved_cost, cost, rtol=1e-13)


@pytest.mark.parametrize("label", [1, 2])
def test_the_original_commutes_with_a_permutation_of_channels(label: int) -> None:
    plain = denoising(COLOUR, 0.4, 25, label, COLOUR)[0]
    permuted = COLOUR[:, :, [2, 0, 1]]
    np.testing.assert_allclose(denoising(permuted, 0.4, 25, label, permuted)[0], plain[:, :, [2, 0, 1]], atol=2e-14)


def test_the_channels_of_the_original_are_not_three_grey_pictures() -> None:
    together = denoising(COLOUR, 0.4, 25, 1, COLOUR)[0]
    alone = denoising(COLOUR[:, :, 0], 0.4, 25, 1, COLOUR[:, :, 0])[0]
    assert np.abs(together[:, :, 0] - alone).max() > 1e-3


def test_unsigned_integers_and_bools_are_scaled_as_im2double_does() -> None:
    np.testing.assert_array_equal(as_float(np.array([[0, 51, 255]], np.uint8)), [[0, 0.2, 1]])
    np.testing.assert_array_equal(as_float(np.array([[0, 13107, 65535]], np.uint16)), [[0, 0.2, 1]])
    np.testing.assert_array_equal(as_float(np.array([[False, True]])), [[0.0, 1.0]])
    np.testing.assert_array_equal(as_float(np.array([[-3.0, 300.0]])), [[-3, 300]])


def everything(solution: Solution) -> list[Any]:
    numbers = [(r.iteration, r.cost, r.rmse, r.bound, r.gap, r.primal_residual, r.dual_residual) for r in solution.records]
    return [solution.image.tobytes(), solution.cost, solution.bound, solution.gap, numbers]


def many_ways() -> Iterator[Any]:
    for dtype in ("float32", "float64"):
        large = ((700, 600), (300, 400, 3)) if dtype == "float32" else ((300, 200, 3),)
        for shape in (*large, (64, 64), (61, 47, 3)):
            for name, options in (
                ("matlab l1", {"fidelity": "l1", "iterations": 3}),
                ("matlab l2", {"iterations": 3}),
                ("optimal l1", {"method": "optimal", "fidelity": "l1", "iterations": 2, "boundary": "periodic"}),
                ("optimal l2", {"method": "optimal", "iterations": 2}),
            ):
                yield pytest.param(shape, {**options, "dtype": dtype}, id=f"{name}-{dtype}-{'x'.join(map(str, shape))}")


@pytest.mark.parametrize(("shape", "options"), list(many_ways()))
def test_the_bits_do_not_depend_on_the_number_of_threads(shape: tuple[int, ...], options: dict[str, Any]) -> None:
    picture = np.random.default_rng(1).random(shape)
    one = everything(denoise(picture, 0.6, workers=1, reference=picture, **options))
    for workers in THREADS:
        assert everything(denoise(picture, 0.6, workers=workers, reference=picture, **options)) == one, workers


@pytest.mark.parametrize("rows", [1, 2, 5])
@pytest.mark.parametrize("options", [{"iterations": 10}, {"method": "optimal", "gap": 1e-3}, {"method": "optimal", "boundary": "periodic"}])
@pytest.mark.parametrize("fidelity", ["l1", "l2"])
@pytest.mark.parametrize("shape", [(13, 8), (11, 7, 3), (1, 9), (9, 1)])
def test_where_the_strips_are_cut_changes_nothing_but_rounding(
    rows: int, options: dict[str, Any], fidelity: str, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = np.random.default_rng(2).random(shape)
    whole = denoise(picture, 0.7, fidelity=fidelity, **options)
    uncut = Strips.__init__

    def cut(self: Strips, *arguments: Any) -> None:
        uncut(self, *arguments)
        self.rows = min(rows, self.rows)

    monkeypatch.setattr(Strips, "__init__", cut)
    strips = denoise(picture, 0.7, fidelity=fidelity, workers=2, **options)
    np.testing.assert_allclose(strips.image, whole.image, atol=1e-11)
    assert strips.cost == pytest.approx(whole.cost, rel=1e-12)
    assert [r.iteration for r in strips.records] == [r.iteration for r in whole.records]
    if whole.bound is not None:
        assert strips.bound == pytest.approx(whole.bound, rel=1e-10)


@pytest.mark.parametrize("iterations", [0, -1, -0.5])
def test_the_port_refuses_what_leaves_the_result_of_the_original_undefined(iterations: float) -> None:
    with pytest.raises(ValueError, match="iterations must be at least 1"):
        denoising(PICTURE, 0.3, iterations, 1, PICTURE)


def test_the_port_refuses_an_ori_of_another_shape_even_of_as_many_pixels() -> None:
    with pytest.raises(ValueError, match=r"ori has shape \(9, 7\), input \(7, 9\)"):
        denoising(PICTURE, 0.3, 3, 1, PICTURE.T)


def test_the_port_refuses_nan_which_would_poison_the_whole_picture() -> None:
    poisoned = PICTURE.copy()
    poisoned[3, 3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        denoising(poisoned, 0.3, 3, 1, PICTURE)
