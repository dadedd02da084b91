"""Operators, projections, fidelities and metrics, each against its own definition."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys

import numpy as np
import pytest
from scipy import fft, optimize

from denoise_cli.kernels import fourier
from denoise_cli.variational import psnr_db, rmse, snr_db
from denoise_cli.variational.fidelities import L1, Fidelity, SquaredL2
from denoise_cli.variational.operators import BOUNDARIES, Gradient
from denoise_cli.variational.regularisers import TotalVariation
from denoise_cli.variational.strips import Strips, row_sums

ALL = slice(None)
SHAPES = [(1, 1, 1), (1, 1, 2), (1, 2, 1), (1, 1, 7), (1, 8, 1), (1, 2, 2), (1, 7, 5), (1, 6, 8), (3, 5, 4), (2, 1, 6), (3, 9, 1)]


def gradient(shape: tuple[int, int, int], boundary: str, rows: int | None = None) -> Gradient:
    strips = Strips(shape, np.float64, 1)
    if rows is not None:
        strips.rows = min(rows, shape[1])
    return BOUNDARIES[boundary](strips)


def differences(operator: Gradient, u: np.ndarray) -> np.ndarray:
    """Du, strip by strip."""
    du = np.full((2, *u.shape), np.nan)
    for rows in operator.strips:
        strip = np.empty((2, u.shape[0], rows.stop - rows.start, u.shape[2]))
        du[:, :, rows] = operator.differences(u, rows, strip)
    return du


def adjoint(operator: Gradient, p: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """scale·Dᵀp, strip by strip, joined."""
    out = np.full(p.shape[1:], np.nan)
    spills = np.empty((len(operator.strips), p.shape[1], p.shape[3]))
    for index, rows in enumerate(operator.strips):
        operator.adjoint(p[:, :, rows], out[:, rows])
        spills[index] = p[1, :, rows][:, -1]
    out *= scale
    return operator.join(operator.strips, spills, out, scale)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rows", [None, 1, 2, 4])
def test_differences_are_those_of_the_next_pixel(rows: int | None, shape: tuple[int, int, int], boundary: str) -> None:
    u = np.random.default_rng(1).random(shape)
    x, y = differences(gradient(shape, boundary, rows), u)
    padded = np.pad(u, ((0, 0), (0, 1), (0, 1)), mode="wrap" if boundary == "periodic" else "edge")
    np.testing.assert_array_equal(x, padded[:, :-1, 1:] - u)
    np.testing.assert_array_equal(y, padded[:, 1:, :-1] - u)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rows", [None, 1, 2, 4])
def test_the_adjoint_is_the_adjoint_of_the_differences(rows: int | None, shape: tuple[int, int, int], boundary: str) -> None:
    random = np.random.default_rng(2)
    operator = gradient(shape, boundary, rows)
    u, p = random.standard_normal(shape), random.standard_normal((2, *shape))
    if boundary == "symmetric":  # there is no difference beyond the edge, and p is zero there
        p[0, :, :, -1] = 0
        p[1, :, -1] = 0
    for scale in (1.0, -2.5):
        left = scale * np.vdot(differences(operator, u), p)
        assert np.vdot(u, adjoint(operator, p, scale)) == pytest.approx(left, abs=1e-12)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("shape", SHAPES)
def test_solve_inverts_the_identity_plus_penalty_times_the_laplacian(shape: tuple[int, int, int], boundary: str) -> None:
    rhs = np.random.default_rng(3).standard_normal(shape)
    operator = gradient(shape, boundary)
    for penalty in (0.01, 1.0, 300.0, 1.0):
        u = operator.solve(rhs.copy(), penalty).copy()
        np.testing.assert_allclose(u + penalty * adjoint(operator, differences(operator, u)), rhs, atol=1e-10)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_transforms_give_the_bits_of_scipy_fft(shape: tuple[int, int, int], dtype: str) -> None:
    x = np.random.default_rng(4).random(shape).astype(dtype)
    expected = fft.rfft2(x)
    spectrum = fourier.fourier(x.copy(), np.empty_like(expected), 1)
    np.testing.assert_array_equal(spectrum, expected)
    assert spectrum.dtype == np.result_type(dtype, np.complex64)
    back = fourier.inverse_fourier(spectrum.copy(), np.empty_like(x), 1)
    np.testing.assert_array_equal(back, fft.irfft2(fft.rfft2(x), s=shape[1:]))
    np.testing.assert_array_equal(fourier.cosine(x.copy(), 1), fft.dctn(x, axes=(1, 2)))
    np.testing.assert_array_equal(fourier.inverse_cosine(x.copy(), 1), fft.idctn(x, axes=(1, 2)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_without_the_compiled_transforms_the_public_ones_give_the_same_bits(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(4).random((2, 9, 7)).astype(dtype)

    def all_four() -> list[np.ndarray]:
        spectrum = fourier.fourier(x.copy(), np.empty((2, 9, 4), np.result_type(dtype, np.complex64)), 2)
        there = fourier.inverse_fourier(spectrum.copy(), np.empty_like(x), 2)
        return [spectrum, there, fourier.cosine(x.copy(), 2), fourier.inverse_cosine(x.copy(), 2)]

    compiled = all_four()
    monkeypatch.setattr(fourier, "_compiled", None)
    for fast, public in zip(compiled, all_four(), strict=True):
        assert fast.dtype == public.dtype
        np.testing.assert_array_equal(fast, public)


@pytest.mark.parametrize("first", ["denoise_cli.variational", "scipy.fft"])
def test_scipy_fft_and_the_solver_live_in_one_process_in_either_order(first: str) -> None:
    second = {"denoise_cli.variational": "scipy.fft", "scipy.fft": "denoise_cli.variational"}[first]
    script = (
        f"import {first}, {second}, numpy, scipy.fft, denoise_cli; x = numpy.eye(5); "
        "print(abs(scipy.fft.irfft2(scipy.fft.rfft2(x), s=x.shape) - x).max() < 1e-12); "
        "print(denoise_cli.denoise(x, 0.1, iterations=2).iterations)"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout.split(), done.stderr) == (["True", "2"], "")


REGULARISERS = [(tv, channels) for tv in ("isotropic", "anisotropic") for channels in ("coupled", "separate")]


def groups(tv: str, channels: str, depth: int) -> list[list[tuple[int, int]]]:
    """The (axis, channel) pairs of one pixel that share a norm."""
    axes = [[0, 1]] if tv == "isotropic" else [[0], [1]]
    colours = [list(range(depth))] if channels == "coupled" else [[c] for c in range(depth)]
    return [list(itertools.product(axis, colour)) for axis in axes for colour in colours]


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize(("tv", "channels"), REGULARISERS)
def test_project_is_v_minus_the_proximal_point_of_the_total_variation(tv: str, channels: str, depth: int) -> None:
    random = np.random.default_rng(5)
    v = random.standard_normal((2, depth, 2, 3)) * 2
    v[:, :, 0, 0] = 0
    for weight, step in ((0.8, 1.7), (0.2 + random.random((2, 3)), 0.9)):
        regulariser = TotalVariation(weight, tv, channels)
        projected = regulariser.project(v.copy(), slice(0, 2), step, np.empty_like(v), np.empty_like(v))
        radii = np.broadcast_to(np.asarray(weight) * step, (2, 3))
        for i, j in np.ndindex(2, 3):
            for members in groups(tv, channels, depth):
                at = np.array([v[axis, c, i, j] for axis, c in members])
                radius = radii[i, j]

                def moreau(z: np.ndarray, at: np.ndarray = at, radius: float = radius) -> float:
                    return float(0.5 * np.sum((z - at) ** 2) + radius * np.sqrt(np.sum(z**2)))

                got = at - np.array([projected[axis, c, i, j] for axis, c in members])
                found = optimize.minimize(moreau, at, method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-12, "maxiter": 8000})
                best = min(found.fun, moreau(np.zeros_like(at)))
                assert moreau(got) <= best + 1e-9
                # Strong convexity: no other point is as cheap.
                nearest = found.x if found.fun < moreau(np.zeros_like(at)) else np.zeros_like(at)
                np.testing.assert_allclose(got, nearest, atol=2e-4)


@pytest.mark.parametrize(("tv", "channels"), REGULARISERS)
def test_project_stays_in_the_ball_and_leaves_what_is_inside(tv: str, channels: str) -> None:
    v = np.random.default_rng(6).standard_normal((2, 3, 4, 5))
    regulariser = TotalVariation(0.5, tv, channels)
    projected = regulariser.project(v.copy(), slice(0, 4), 1.0, np.empty_like(v), np.empty_like(v))
    for members in groups(tv, channels, 3):
        before = np.sqrt(sum(v[member] ** 2 for member in members))
        after = np.sqrt(sum(projected[member] ** 2 for member in members))
        np.testing.assert_allclose(after, np.minimum(before, 0.5), rtol=1e-14)


def test_a_projection_on_balls_of_radius_zero_is_zero_and_raises_no_warning() -> None:
    v = np.random.default_rng(7).standard_normal((2, 3, 4, 5))
    v[:, :, 0] = 0
    for tv, channels in REGULARISERS:
        regulariser = TotalVariation(np.zeros((4, 5)), tv, channels)
        np.testing.assert_array_equal(regulariser.project(v.copy(), slice(0, 4), 1.0, np.empty_like(v), np.empty_like(v)), 0)


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize(("tv", "channels"), REGULARISERS)
def test_the_value_of_a_total_variation_is_the_sum_of_the_norms_of_its_groups(tv: str, channels: str, depth: int) -> None:
    random = np.random.default_rng(8)
    v = random.standard_normal((2, depth, 4, 5))
    for weight in (0.7, random.random((4, 5))):
        value = TotalVariation(weight, tv, channels).value(v.copy(), slice(0, 4), np.empty_like(v))
        norms = sum(np.sqrt(sum(v[member] ** 2 for member in members)) for members in groups(tv, channels, depth))
        np.testing.assert_allclose(value, (weight * norms).sum(axis=1), rtol=1e-13)


@pytest.mark.parametrize(("tv", "channels"), [("isotropic", "sum"), ("huber", "coupled"), ("isotropic", "rgb")])
def test_a_total_variation_that_does_not_exist_is_refused(tv: str, channels: str) -> None:
    with pytest.raises(ValueError, match="no total variation"):
        TotalVariation(0.1, tv, channels)


PHI = {L1: np.abs, SquaredL2: np.square}


@pytest.mark.parametrize("fidelity", [L1, SquaredL2])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_dual_part_of_a_fidelity_is_what_its_proximal_point_leaves(fidelity: type[Fidelity], weighted: bool) -> None:
    weights = np.array([[0.0, 0.3, 1.0, 4.0]]) if weighted else None
    v = np.linspace(-2, 2, 9)[:, None, None] * np.ones((1, 1, 4))  # nine channels, four pixels
    grid = np.linspace(-4, 4, 160_001)
    for penalty, relaxation in ((1.3, 1.0), (0.6, 1.8)):
        got = fidelity(weights).dual_part(v.copy(), ALL, penalty, relaxation, np.empty_like(v), np.empty_like(v))
        for c, j in itertools.product(range(9), range(4)):
            m = 1.0 if weights is None else weights[0, j]
            at = relaxation * v[c, 0, j]
            prox = grid[np.argmin(m * PHI[fidelity](grid) / penalty + 0.5 * (grid - at) ** 2)]
            assert got[c, 0, j] == pytest.approx((at - prox) / relaxation, abs=1e-4)


@pytest.mark.parametrize("fidelity", [L1, SquaredL2])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_bound_of_a_fidelity_is_the_least_it_can_be_between_the_ends_of_the_box(fidelity: type[Fidelity], weighted: bool) -> None:
    random = np.random.default_rng(9)
    observed = random.uniform(-1, 2, (3, 4, 5))
    weights = random.choice([0.0, 0.2, 1.0, 3.0], (4, 5)) if weighted else None
    lo, hi = observed.min(axis=(1, 2)).reshape(-1, 1, 1), observed.max(axis=(1, 2)).reshape(-1, 1, 1)
    m = np.ones((4, 5)) if weights is None else weights
    for size in (0.0, 0.3, 1.0, 10.0):
        g = size * random.standard_normal(observed.shape)
        got = fidelity(weights).bound(g, observed, slice(0, 4), (lo, hi), np.empty((4, *observed.shape)))
        u = lo + (hi - lo) * np.linspace(0, 1, 20_001).reshape(-1, 1, 1, 1)
        boxed = (m * PHI[fidelity](u - observed) + g * u).min(axis=0)
        assert np.all(got <= boxed + 1e-12)
        # The square needs no box where every pixel is known; without one the bound may be lower, and is where the box is met.
        expected = g * observed - g**2 / 4 if fidelity is SquaredL2 and not weighted else boxed
        np.testing.assert_allclose(got, expected, atol=2e-3 * max(size, 1))
        inside = (observed - g / 2 >= lo) & (observed - g / 2 <= hi)
        if fidelity is SquaredL2 and not weighted:
            np.testing.assert_allclose(got[inside], boxed[inside], atol=1e-6)


@pytest.mark.parametrize("fidelity", [L1, SquaredL2])
def test_the_value_of_a_fidelity_is_weighted_pixel_by_pixel(fidelity: type[Fidelity]) -> None:
    random = np.random.default_rng(10)
    residual, weights = random.standard_normal((3, 4, 5)), random.random((6, 5))
    got = fidelity(weights).value(residual.copy(), slice(2, 6), np.empty_like(residual))
    np.testing.assert_allclose(got, weights[2:6] * PHI[fidelity](residual), rtol=1e-15)
    np.testing.assert_array_equal(fidelity().value(residual.copy(), ALL, np.empty_like(residual)), PHI[fidelity](residual))


def test_only_an_unweighted_square_has_one_curvature_and_only_l1_a_kink() -> None:
    assert SquaredL2().curvature == 2
    assert SquaredL2(np.ones((2, 2))).curvature is None
    assert L1().curvature is None
    assert (L1.kink, SquaredL2.kink) == (1, 0)


def test_row_sums_do_not_lose_what_float32_would() -> None:
    values = np.full((3, 2, 100_000), 0.1, np.float32)
    np.testing.assert_allclose(row_sums(values), 300_000 * float(np.float32(0.1)), rtol=1e-12)


def test_strips_cover_every_row_once_whatever_the_shape() -> None:
    for shape in ((1, 1, 1), (3, 5, 7), (1, 2000, 3000), (3, 17, 400_000)):
        for workers in (1, 3, 64):
            strips = Strips(shape, np.float32, workers)
            rows = [row for strip in strips for row in range(strip.start, strip.stop)]
            assert rows == list(range(shape[1]))
            assert len(strips) == len(list(strips))


def test_an_error_in_another_thread_is_not_lost() -> None:
    strips = Strips((1, 64, 8), np.float64, 4)
    strips.rows = 4

    def fail(index: int, *_: object) -> None:
        if index == len(strips) - 1:
            raise ArithmeticError(f"strip {index}")

    with pytest.raises(ArithmeticError, match="strip 15"):
        strips.each(fail, planes=1)


def test_metrics_of_a_constant_error() -> None:
    clean = np.full((4, 5, 3), 0.5)
    assert rmse(clean + 0.1, clean) == pytest.approx(0.1, rel=1e-12)
    assert psnr_db(clean + 0.1, clean) == pytest.approx(20, rel=1e-12)
    assert psnr_db(clean + 0.1, clean, 255.0) == pytest.approx(20 + 20 * math.log10(255), rel=1e-12)
    assert snr_db(clean + 0.1, clean) == pytest.approx(20 * math.log10(5), rel=1e-12)


def test_metrics_weigh_pixels_and_channels_alike() -> None:
    clean = np.zeros((2, 3, 3))
    picture = clean.copy()
    picture[0, 0, 0] = 3.0
    assert rmse(picture, clean) == pytest.approx(3 / math.sqrt(18), rel=1e-15)


def test_metrics_of_equal_and_of_black_pictures_are_infinite_and_raise_nothing() -> None:
    black, white = np.zeros((2, 2)), np.ones((2, 2))
    assert rmse(white, white) == 0
    assert snr_db(white, white) == psnr_db(white, white) == math.inf
    assert snr_db(black, black) == math.inf
    assert snr_db(white, black) == -math.inf


def test_metrics_of_float32_are_summed_in_float64() -> None:
    clean = np.zeros((1000, 1000), np.float32)
    assert rmse(clean + np.float32(0.1), clean) == pytest.approx(float(np.float32(0.1)), rel=1e-12)
