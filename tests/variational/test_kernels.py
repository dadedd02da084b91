"""The compiled passes do what the NumPy path does, to rounding, and give the same bits however many threads there are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from denoise_cli.variational import denoise, kernels, projection
from denoise_cli.variational.methods import METHODS

if kernels.compiled is None:
    pytest.skip("the kernels were not built, or are not wanted", allow_module_level=True)

SHAPES = [(1, 1), (1, 7), (7, 1), (2, 2), (13, 37), (40, 17, 3), (9, 16, 2), (6, 5, 5), (33, 48, 1)]
PROBLEMS: list[dict[str, Any]] = [
    {"method": "matlab", "fidelity": "l2"},
    {"method": "matlab", "fidelity": "l1"},
    *(
        {"method": "optimal", "fidelity": fidelity, "tv": tv, "channels": channels, "boundary": boundary}
        for fidelity in ("l2", "l1")
        for tv in ("isotropic", "anisotropic")
        for channels in ("coupled", "separate")
        for boundary in ("symmetric", "periodic")
    ),
]


def picture(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    return np.random.default_rng(5).random(shape).astype(dtype)


def both(monkeypatch: pytest.MonkeyPatch, *words: Any, **options: Any) -> tuple[Any, Any]:
    fast = denoise(*words, **options)
    with monkeypatch.context() as patch:
        patch.setattr(kernels, "compiled", None)
        # The same algorithm, whichever NumPy would be quicker with.
        patch.setattr(projection, "FEW_IN_NUMPY", np.inf if options.get("gap", 1) < projection.TIGHT else projection.FEW_ITERATIONS)
        return fast, denoise(*words, **options)


def agree(fast: Any, plain: Any, dtype: str) -> None:
    tolerance = {"float32": 1e-6, "float64": 1e-12}[dtype]
    assert fast.iterations == plain.iterations
    np.testing.assert_allclose(fast.image, plain.image, rtol=0, atol=10 * tolerance)
    for one, other in zip(fast.records, plain.records, strict=True):
        ours, theirs = one.cells(), other.cells()
        for name, a, b in zip(one.__dataclass_fields__, ours, theirs, strict=True):
            if name == "seconds":
                continue
            assert (a is None) == (b is None), name
            if a is not None:
                scale = one.cost if name in ("gap", "bound") else 1
                assert a == pytest.approx(b, rel=20 * tolerance, abs=20 * tolerance * max(1, scale)), name


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: "-".join(p.values()))
def test_every_problem_gives_the_same_as_numpy(monkeypatch: pytest.MonkeyPatch, problem: dict[str, Any], dtype: str) -> None:
    gap = {} if problem["method"] == "matlab" else {"gap": 1e-4}
    for shape in SHAPES:
        for weight in (0.1, 2.0):  # gradient projection, where it is possible; split Bregman
            f = picture(shape, dtype)
            fast, plain = both(monkeypatch, f, weight, dtype=dtype, iterations=6, reference=1 - f, **gap, **problem)
            agree(fast, plain, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("fidelity", ["l2", "l1"])
@pytest.mark.parametrize("tv", ["isotropic", "anisotropic"])
@pytest.mark.parametrize("shape", [(13, 37), (20, 11, 3)])
def test_maps_of_weights_and_of_lambda(monkeypatch: pytest.MonkeyPatch, dtype: str, fidelity: str, tv: str, shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(1)
    weights, weight = random.random(shape[:2]) * (random.random(shape[:2]) > 0.3), random.random(shape[:2])
    weight[0, :5] = 0
    fast, plain = both(
        monkeypatch, picture(shape, dtype), weight, weights=weights, fidelity=fidelity, tv=tv, method="optimal", iterations=6, dtype=dtype,
        gap=1e-4,
    )  # fmt: skip
    agree(fast, plain, dtype)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("fidelity", ["l2", "l1"])
def test_the_number_of_threads_changes_no_bit(method: str, fidelity: str) -> None:
    f = picture((700, 500), "float32")
    one, three = (denoise(f, 0.4, fidelity=fidelity, method=method, iterations=5, workers=workers) for workers in (1, 3))
    assert one.image.tobytes() == three.image.tobytes()
    assert [r.cost for r in one.records] == [r.cost for r in three.records]


@pytest.mark.parametrize("shape", [(700, 300), (260, 90, 3)])
def test_walks_of_strips_leave_no_seam(shape: tuple[int, ...]) -> None:
    f = picture(shape, "float32")
    pictures = [denoise(f, 0.2, method="optimal", iterations=19, gap=2e-6, workers=workers).image for workers in (1, 2, 5)]
    assert pictures[0].tobytes() == pictures[1].tobytes() == pictures[2].tobytes()


def test_who_watches_gets_the_same_picture() -> None:
    f = picture((80, 70), "float32")
    quiet, watched = (denoise(f, 0.1, method="optimal", records=records) for records in (False, True))
    assert quiet.image.tobytes() == watched.image.tobytes()
    assert quiet.iterations == watched.iterations == len(watched.records)


def test_a_kernel_refuses_arrays_that_do_not_fit() -> None:
    compiled = kernels.compiled
    assert compiled is not None
    y, x = np.ones(4), np.ones(5)
    compiled.divide(1, 4, 5, 0, 4, np.ones((1, 4, 5)), y, x)
    for rows, spectrum in (((0, 4), np.ones((1, 4, 4))), ((0, 5), np.ones((1, 4, 5))), ((0, 4), np.ones((1, 5, 4)).swapaxes(1, 2))):
        with pytest.raises((ValueError, BufferError)):
            compiled.divide(1, 4, 5, *rows, spectrum, y, x)
    with pytest.raises(TypeError):
        compiled.divide(1, 4, 5, 0, 4, np.ones((1, 4, 5), int), y, x)
    with pytest.raises(TypeError):
        compiled.divide(1, 4)
