"""The compiled gradient projection of volumes: what NumPy computes, to rounding, and the same bits on any number of threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from denoise_cli.kernels import binding as kernels
from denoise_cli.variational import denoise, gradient_projection
from denoise_cli.variational.engines import compiled_volume, terms
from denoise_cli.variational.engines.compiled_volume import CompiledVolumeEngine
from denoise_cli.variational.engines.in_numpy import NumPyEngine
from denoise_cli.variational.engines.protocol import ProjectionRange

if kernels.compiled is None:
    pytest.skip("the kernels were not built, or are not wanted", allow_module_level=True)

SHAPES = [(19, 9, 11), (2, 3, 2), (17, 8, 7, 2), (5, 6, 7, 3)]


@pytest.fixture(autouse=True)
def always_projected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gradient projection for every λ, in both engines."""
    for engine in (CompiledVolumeEngine, NumPyEngine):
        monkeypatch.setattr(engine, "projects", ProjectionRange(np.inf))


def solve(f: np.ndarray, weight: Any, **options: Any) -> Any:
    return denoise(f, weight, method="optimal", axes=3, axis_weights=(0.5, 1.0, 0.8), **options)


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
    fast = solve(f, weight, tv=tv, channels=channels, records=True)
    with monkeypatch.context() as patch:
        patch.setattr(kernels, "compiled", None)
        plain = solve(f, weight, tv=tv, channels=channels, records=True)
    assert fast.iterations == plain.iterations
    np.testing.assert_allclose(fast.image, plain.image, rtol=0, atol={"float32": 3e-6, "float64": 1e-11}[dtype])
    for one, other in zip(fast.records, plain.records, strict=True):
        assert one.cost == pytest.approx(other.cost, rel=1e-5)
        assert one.bound == pytest.approx(other.bound, rel=1e-4, abs=1e-4)
        assert one.primal_residual == pytest.approx(other.primal_residual, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("shape", [(40, 9, 11), (24, 5, 6, 2)])
def test_threads_and_the_length_of_a_walk_change_no_bit(shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    f = np.random.default_rng(1).random(shape).astype(np.float32)
    one = solve(f, 0.2, workers=1)
    for workers, cache in ((3, 2**23), (2, 1), (5, 2**16)):
        monkeypatch.setattr(compiled_volume, "CACHE", cache)
        other = solve(f, 0.2, workers=workers)
        np.testing.assert_array_equal(one.image, other.image)
        assert (one.cost, one.bound, one.iterations) == (other.cost, other.bound, other.iterations)


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


@pytest.mark.parametrize("options", [{"fidelity": "l1"}, {"boundary": "periodic"}, {"weights": np.full((8, 9, 10), 0.5)}])
def test_what_it_has_no_code_for_is_done_in_numpy(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("compiled code was called")

    for name in ("volume_walk", "volume_prove"):
        monkeypatch.setattr(kernels.compiled, name, refuse)
    assert solve(np.random.default_rng(2).random((8, 9, 10)), 0.2, gap=1e-2, **options).gap <= 1e-2


def test_volumes_that_do_not_fit_are_refused_by_the_kernel() -> None:
    f = np.random.default_rng(3).random((4, 5, 6))

    class Described:
        channels, height, width, observed, weight, weight_map = 1, 4, 30, f, 0.2, None
        fidelity, weights, grouping, boundary = "squared_l2", None, "vector", "symmetric"

    p, picture, beside = np.zeros((3, 4, 5, 6)), np.empty_like(f), (6.0, 1.0, 1.0, 1.0, 1 / 6)
    kernel: Any = kernels.compiled
    assert len(kernel.volume_prove(Described, 0, 4, p, picture, False, beside)) == 4
    with pytest.raises(ValueError, match="rows that do not fill a plane"):
        kernel.volume_prove(Described, 0, 4, p, picture, False, (7.0, *beside[1:]))
    with pytest.raises(ValueError, match="bytes where"):
        kernel.volume_prove(Described, 0, 4, p[:2].copy(), picture, False, beside)
    with pytest.raises(TypeError, match="beside a volume stand"):
        kernel.volume_prove(Described, 0, 4, p, picture, False, (6.0, 1.0))
