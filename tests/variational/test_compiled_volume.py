"""The compiled iterations of volumes: what NumPy computes, to rounding, and the same bits on any number of threads."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from denoise_cli.kernels import binding as kernels
from denoise_cli.variational import denoise, gradient_projection
from denoise_cli.variational.engines import compiled_volume, terms
from denoise_cli.variational.engines.compiled_volume import CompiledVolumeEngine
from denoise_cli.variational.engines.in_numpy import NumPyEngine
from denoise_cli.variational.engines.protocol import ProjectionRange
from denoise_cli.variational.engines.transform_tables import tables
from denoise_cli.variational.fidelities import SquaredL2

if kernels.compiled is None:
    pytest.skip("the kernels were not built, or are not wanted", allow_module_level=True)

SHAPES = [(19, 9, 11), (2, 3, 2), (17, 8, 7, 2), (5, 6, 7, 3)]


@pytest.fixture(autouse=True)
def always_projected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gradient projection for every λ, in both engines, where it can be."""
    for engine in (CompiledVolumeEngine, NumPyEngine):
        monkeypatch.setattr(engine, "projects", ProjectionRange(np.inf))


@pytest.fixture
def never_projected(monkeypatch: pytest.MonkeyPatch, always_projected: None) -> None:  # noqa: ARG001
    """Split Bregman for every λ, in both engines."""
    for engine in (CompiledVolumeEngine, NumPyEngine):
        monkeypatch.setattr(engine, "projects", ProjectionRange(-1.0))


def both(monkeypatch: pytest.MonkeyPatch, *words: Any, **options: Any) -> tuple[Any, Any]:
    """What the compiled engine finds, and what NumPy does."""
    fast = solve(*words, **options)
    with monkeypatch.context() as patch:
        patch.setattr(kernels, "compiled", None)
        return fast, solve(*words, **options)


def solve(f: np.ndarray, weight: Any, axis_weights: tuple[float, ...] = (0.5, 1.0, 0.8), **options: Any) -> Any:
    return denoise(f, weight, method="optimal", axes=3, axis_weights=axis_weights, **options)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("channels", ["coupled", "separate"])
@pytest.mark.parametrize("tv", ["isotropic", "anisotropic"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("is_map", [False, True])
def test_it_computes_what_numpy_computes(
    shape: tuple[int, ...], tv: str, channels: str, is_map: bool, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    f = random.random(shape).astype(dtype)
    weight: Any = 0.3 * random.random(shape[:3]) if is_map else 0.2
    fast, plain = both(monkeypatch, f, weight, tv=tv, channels=channels, records=True)
    assert fast.iterations == plain.iterations
    np.testing.assert_allclose(fast.image, plain.image, rtol=0, atol={"float32": 3e-6, "float64": 1e-11}[dtype])
    for one, other in zip(fast.records, plain.records, strict=True):
        assert one.cost == pytest.approx(other.cost, rel=1e-5)
        assert one.bound == pytest.approx(other.bound, rel=1e-4, abs=1e-4)
        assert one.primal_residual == pytest.approx(other.primal_residual, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("shape", [(40, 19, 11), (24, 13, 6, 2)])
def test_threads_bands_of_rows_and_the_length_of_a_walk_change_no_bit(
    shape: tuple[int, ...], mapped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(1)
    f = random.random(shape).astype(np.float32)
    weight: Any = 0.4 * random.random(shape[:3]) if mapped else 0.2
    one = solve(f, weight, workers=1)
    row = compiled_volume.PLANES * f.itemsize * f[0, 0].size
    cut = set()
    for workers, fitting, rows in ((3, 10_000, 2), (2, 1, 2), (5, 16, 1), (1, 25, 1), (2, 18, 2), (1, 9, 1)):
        monkeypatch.setattr(compiled_volume, "CACHE", fitting * row)
        monkeypatch.setattr(compiled_volume, "ROWS_AN_ITERATION", rows)
        cut.add(compiled_volume._walk_of(row // compiled_volume.PLANES, shape[1]))
        other = solve(f, weight, workers=workers)
        np.testing.assert_array_equal(one.image, other.image)
        assert (one.cost, one.bound, one.iterations) == (other.cost, other.bound, other.iterations)
    assert cut == {(8, shape[1]), (1, 1), (4, 4), (5, 5), (3, 6), (3, 3)}


@pytest.mark.parametrize("compiled", [True, False])
def test_steps_that_are_too_long_are_noticed_and_shortened(compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    f = np.random.default_rng(4).random((12, 13, 14))
    right = solve(f, 0.3, gap=1e-6)
    monkeypatch.setattr(terms, "STRETCH", 4.0)
    if not compiled:
        monkeypatch.setattr(kernels, "compiled", None)
    found = solve(f, 0.3, gap=1e-6)
    assert found.gap <= 1e-6
    np.testing.assert_allclose(found.image, right.image, atol=1e-2)
    monkeypatch.setattr(gradient_projection, "IN_VAIN", -1)
    assert solve(f, 0.3, gap=1e-6, iterations=5 * found.iterations).gap > 1e-6


@pytest.mark.usefixtures("never_projected")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("boundary", ["symmetric", "periodic"])
@pytest.mark.parametrize("fidelity", ["l2", "l1"])
def test_split_bregman_computes_what_numpy_computes(fidelity: str, boundary: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One strip of planes and three; rows and columns of fewer numbers than a vector has, and of 67, a prime; one λ and a map; weights."""
    random, tolerance = np.random.default_rng(0), {"float32": 5e-6, "float64": 1e-11}[dtype]
    shapes = [*SHAPES, (30, 5, 6), (4, 35, 33), (3, 67, 5)]
    for shape, (tv, channels) in itertools.product(
        shapes, [("isotropic", "coupled"), ("isotropic", "separate"), ("anisotropic", "coupled")]
    ):
        f = random.random(shape).astype(dtype)
        for weight, weights in ((0.4, None), (0.1 + random.random(shape[:3]), random.random(shape[:3]))):
            options = {"fidelity": fidelity, "boundary": boundary, "tv": tv, "channels": channels, "weights": weights, "reference": 1 - f}
            for records in (True, False):
                fast, plain = both(monkeypatch, f, weight, iterations=6, gap=1e-4, records=records, **options)
                np.testing.assert_allclose(fast.image, plain.image, rtol=0, atol=tolerance)
                assert (fast.cost, fast.psnr_db) == pytest.approx((plain.cost, plain.psnr_db), rel=tolerance)
                assert fast.bound == pytest.approx(plain.bound, abs=10 * tolerance * plain.cost)
                for one, other in zip(fast.records, plain.records, strict=True):
                    for a, b in zip(one.cells(), other.cells(), strict=True):
                        assert (a is None) == (b is None)
                    assert (one.cost, one.rmse) == pytest.approx((other.cost, other.rmse), rel=tolerance)
                    if one.gap is not None:
                        ours, theirs = (one.primal_residual, one.dual_residual), (other.primal_residual, other.dual_residual)
                        assert ours == pytest.approx(theirs, rel=20 * tolerance, abs=20 * tolerance)


@pytest.mark.usefixtures("never_projected")
@pytest.mark.parametrize(
    "options",
    [
        {"fidelity": "l1"},
        {"fidelity": "l1", "tv": "anisotropic"},
        {"fidelity": "l1", "tv": "anisotropic", "boundary": "periodic"},
        {"fidelity": "l1", "weights": np.linspace(0.1, 1, 27 * 7 * 8).reshape(27, 7, 8)},
        {"weights": np.random.default_rng(5).choice([0.0, 1.0], (27, 7, 8))},
        {},
    ],
)
def test_anchors_repairs_and_holes_come_to_the_certificate_of_numpy(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    f = np.random.default_rng(6).random((27, 7, 8))
    fast, plain = both(monkeypatch, f, 0.7, gap=1e-3, **options)
    assert fast.gap <= 1e-3
    assert (fast.iterations, fast.status) == (plain.iterations, plain.status)
    assert (fast.cost, fast.bound) == pytest.approx((plain.cost, plain.bound), rel=1e-10)
    np.testing.assert_allclose(fast.image, plain.image, rtol=0, atol=1e-9)


@pytest.mark.usefixtures("never_projected")
@pytest.mark.parametrize("fidelity", ["l2", "l1"])
@pytest.mark.parametrize("tv", ["isotropic", "anisotropic"])
def test_threads_change_no_bit_of_split_bregman(fidelity: str, tv: str) -> None:
    f = np.random.default_rng(7).random((40, 61, 59)).astype(np.float32)
    one, three = (solve(f, 0.5, fidelity=fidelity, tv=tv, gap=1e-2, iterations=50, workers=workers) for workers in (1, 3))
    np.testing.assert_array_equal(one.image, three.image)
    assert (one.cost, one.bound, one.iterations) == (three.cost, three.bound, three.iterations)


@pytest.mark.usefixtures("never_projected")
@pytest.mark.parametrize("axis_weights", [(0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 0.0), (1e-6, 1.0, 100.0)])
@pytest.mark.parametrize("boundary", ["symmetric", "periodic"])
def test_an_axis_may_count_nothing_or_much(axis_weights: tuple[float, ...], boundary: str, monkeypatch: pytest.MonkeyPatch) -> None:
    f = np.random.default_rng(10).random((14, 6, 7))
    fast, plain = both(monkeypatch, f, 0.4, axis_weights=axis_weights, boundary=boundary, gap=1e-3)
    assert (fast.iterations, fast.gap <= 1e-3) == (plain.iterations, True)
    np.testing.assert_allclose(fast.image, plain.image, rtol=0, atol=1e-10)


@pytest.mark.usefixtures("never_projected")
def test_a_volume_that_is_never_in_memory_is_the_same() -> None:
    f = np.random.default_rng(8).random((30, 17, 9, 2)).astype(np.float32)
    for fidelity, boundary in itertools.product(("l2", "l1"), ("symmetric", "periodic")):
        quiet, watched = (solve(f, 0.4, fidelity=fidelity, boundary=boundary, records=records) for records in (False, True))
        np.testing.assert_array_equal(quiet.image, watched.image)


@pytest.mark.usefixtures("never_projected")
def test_a_run_sets_out_from_where_another_ended() -> None:
    f = np.random.default_rng(9).random((14, 13, 12))
    before = solve(f, 0.3, keep_dual=True)
    cold, warm = solve(f, 0.35), solve(f, 0.35, start=before)
    assert warm.gap <= 1e-3
    assert warm.iterations < cold.iterations


def test_four_axes_and_a_fidelity_of_ones_own_are_left_to_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    class Own(SquaredL2):
        """The same, which does not say so."""

    def refuse(*_: Any) -> None:
        raise AssertionError("compiled code was called")

    for name in ("volume_walk", "volume_prove", "volume_iterate", "volume_cost"):
        monkeypatch.setattr(kernels.compiled, name, refuse)
    f = np.random.default_rng(2).random((3, 8, 9, 10))
    assert denoise(f, 0.2, method="optimal", axes=4, gap=1e-2).gap <= 1e-2
    assert denoise(f[0], 0.2, method="optimal", axes=3, gap=1e-2, fidelity=Own).gap <= 1e-2


def test_volumes_that_do_not_fit_are_refused_by_the_kernel() -> None:
    f = np.random.default_rng(3).random((4, 5, 6))

    class Described:
        channels, height, width, observed, weight, weight_map = 1, 4, 30, f, 0.2, None
        fidelity, weights, grouping, boundary = "squared_l2", None, "vector", "symmetric"

    p, picture, beside = np.zeros((3, 4, 5, 6)), np.empty_like(f), (6.0, 1.0, 1.0, 1.0, 1 / 6)
    kernel: Any = kernels.compiled
    assert len(kernel.volume_prove(Described, 0, 4, p, picture, False, beside, False)) == 4
    with pytest.raises(ValueError, match="rows that do not fill a plane"):
        kernel.volume_prove(Described, 0, 4, p, picture, False, (7.0, *beside[1:]), False)
    with pytest.raises(ValueError, match="bytes where"):
        kernel.volume_prove(Described, 0, 4, p[:2].copy(), picture, False, beside, False)
    with pytest.raises(ValueError, match="rows that do not fill a plane"):
        kernel.volume_cost(Described, 0, 4, f, (7.0, *beside[1:]))
    with pytest.raises(ValueError, match="bytes where"):
        kernel.volume_cost(Described, 0, 4, f[1:], beside)
    with pytest.raises(ValueError, match="the factors are of another length"):
        kernel.volume_planes(1, 4, 30, 0, 4, picture, 6, tables(5, True, f.dtype), tables(5, True, f.dtype), False)
    with pytest.raises(TypeError, match="beside a volume stand"):
        kernel.volume_prove(Described, 0, 4, p, picture, False, (6.0, 1.0), False)
