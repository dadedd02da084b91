"""The compiled passes do what the NumPy path does, to rounding, and give the same bits however many threads there are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from denoise_cli.kernels import binding as kernels
from denoise_cli.variational import denoise, projection, sweeps, transforms
from denoise_cli.variational.methods import METHODS

if kernels.compiled is None:
    pytest.skip("the kernels were not built, or are not wanted", allow_module_level=True)

SHAPES = [(1, 1), (1, 7), (7, 1), (2, 2), (13, 37), (40, 17, 3), (9, 16, 2), (6, 5, 5), (33, 48, 1), (9, 67), (5, 134, 3)]
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


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("boundary", ["symmetric", "periodic"])
@pytest.mark.parametrize("tv", ["isotropic", "anisotropic"])
@pytest.mark.parametrize("shape", [(23, 37), (9, 67), (20, 11, 3)])
@pytest.mark.parametrize("mapped", [False, True])
def test_anchors_and_repairs(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...], tv: str, boundary: str, weighted: bool, mapped: bool
) -> None:
    f = picture(shape, "float64")
    weight = 0.6 + 0.5 * np.random.default_rng(1).random(shape[:2]) if mapped else 0.8
    options: dict[str, Any] = {"fidelity": "l1", "method": "optimal", "tv": tv, "channels": "separate", "boundary": boundary}
    options["weights"] = f.reshape(*shape[:2], -1)[..., 0] if weighted else None
    agree(*both(monkeypatch, f, weight, iterations=70, reference=1 - f, gap=1e-9, **options), "float64")
    fast, plain = both(monkeypatch, f, weight, gap=1e-3, **options)
    assert fast.iterations == plain.iterations
    assert fast.bound == pytest.approx(plain.bound, rel=1e-12)


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


@pytest.mark.parametrize("tv", ["isotropic", "anisotropic"])
def test_the_number_of_threads_changes_no_bit_of_anchors_and_repairs(tv: str) -> None:
    f = picture((500, 300), "float32")
    one, three = (
        denoise(f, 0.6, fidelity="l1", method="optimal", tv=tv, gap=1e-3, iterations=60, records=False, workers=workers)
        for workers in (1, 3)
    )
    assert one.image.tobytes() == three.image.tobytes()
    assert one.bound == three.bound


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


@pytest.mark.parametrize("problem", PROBLEMS[:2] + PROBLEMS[-4:], ids=lambda p: "-".join(p.values()))
@pytest.mark.parametrize("shape", [(1, 1), (33, 7), (64, 9, 3), (65, 67), (130, 12), (450, 31), (700, 11, 2)])
def test_a_picture_that_is_never_in_memory_is_the_same(problem: dict[str, Any], shape: tuple[int, ...]) -> None:
    f = picture(shape, "float32")
    quiet, watched = (denoise(f, 0.4, iterations=7, records=records, workers=2, **problem) for records in (False, True))
    assert quiet.image.tobytes() == watched.image.tobytes()


LENGTHS = [1, 2, 3, 4, 5, 8, 12, 15, 16, 17, 31, 32, 33, 49, 61, 64, 67, 77, 96, 118, 121, 128, 134, 257, 512, 1021]


def cosines(length: int) -> np.ndarray:
    k, j = np.ogrid[:length, :length]
    return np.cos(np.pi * (k * (2 * j + 1) % (4 * length)) / (2 * length))


def hartley(length: int) -> np.ndarray:
    k, j = np.ogrid[:length, :length]
    angle = 2 * np.pi * (k * j % length) / length
    return np.cos(angle) + np.sin(angle)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("length", LENGTHS)
def test_rows_are_multiplied_by_the_matrix_of_the_transform_and_back(length: int, dtype: str) -> None:
    compiled = kernels.compiled
    assert compiled is not None
    x = np.random.default_rng(length).standard_normal((2, 37, length)).astype(dtype)
    tolerance = 4 * np.finfo(dtype).eps * (1 + np.log2(length)) * np.sqrt(length)
    for matrix, cosine in ((hartley(length), False), (cosines(length), True)):
        table = transforms.tables(length, cosine, dtype)
        y = x.copy()
        compiled.rows(*x.shape, 3, 37, y, table, False, length)
        np.testing.assert_array_equal(y[:, :3], x[:, :3])
        np.testing.assert_allclose(y[:, 3:], x[:, 3:].astype(np.float64) @ matrix.T, rtol=0, atol=2 * tolerance)
        compiled.rows(*x.shape, 3, 37, y, table, True, length)
        np.testing.assert_allclose(y[:, 3:] / length, x[:, 3:], rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("height", [1, 2, 3, 7, 40, 300])
def test_columns_are_solved(height: int, periodic: bool, dtype: str) -> None:
    compiled = kernels.compiled
    assert compiled is not None
    second = 2 * np.eye(height) - np.eye(height, k=1) - np.eye(height, k=-1)
    if periodic:
        second = 2 * np.eye(height) - np.roll(np.eye(height), 1, axis=0) - np.roll(np.eye(height), -1, axis=0)
    else:
        second[0, 0] -= 1
        second[-1, -1] -= 1
    width = 131  # a full block, and three columns more
    eigenvalues = np.geomspace(1, 1e3, width)
    rhs = np.random.default_rng(height).standard_normal((2, height, width)).astype(dtype)
    for penalty in (0.0, 1e-3, 1.0, 10.0, 3e5):
        z = rhs.copy()
        for start, stop in ((0, 128), (128, width)):
            compiled.columns(2, width, height, start, stop, z, eigenvalues, penalty, periodic)
        for j in (0, 1, 60, 127, 128, width - 1):
            exact = np.linalg.solve(eigenvalues[j] * np.eye(height) + penalty * second, rhs[:, :, j].T.astype(np.float64) / width).T
            error = np.abs(z[:, :, j] - exact).max() / np.abs(exact).max()
            # In float64 it is the matrix's own solve that errs.
            assert error < 8 * np.finfo(dtype).eps * (1 if dtype == "float32" else 1 + penalty / eigenvalues[j]), (penalty, j)


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: "-".join(p.values()))
def test_strips_leave_no_seam(monkeypatch: pytest.MonkeyPatch, problem: dict[str, Any]) -> None:
    monkeypatch.setattr(sweeps, "SHORTEST_STRIP", 0)
    gap = {} if problem["method"] == "matlab" else {"gap": 1e-7}
    for shape in ((70, 11), (97, 6, 3), (33, 5), (65, 67)):
        f = picture(shape, "float64")
        fast, plain = both(monkeypatch, f, 2.0, dtype="float64", iterations=6, reference=1 - f, **gap, **problem)
        agree(fast, plain, "float64")


@pytest.mark.parametrize("problem", [*PROBLEMS[:2], {"method": "optimal", "fidelity": "l1"}], ids=lambda p: "-".join(p.values()))
@pytest.mark.parametrize("width", [30, 67])
def test_equal_channels_stay_equal_to_the_last_bit(monkeypatch: pytest.MonkeyPatch, width: int, problem: dict[str, Any]) -> None:
    monkeypatch.setattr(sweeps, "SHORTEST_STRIP", 0)
    f = np.repeat(picture((257, width, 1), "float64"), 3, axis=2)
    image = denoise(f, 1.0, iterations=5, **problem).image
    np.testing.assert_array_equal(image[:, :, 1:], image[:, :, :2])


def test_a_length_with_a_large_prime_is_padded_to_a_smooth_one() -> None:
    for length in (67, 134, 1021, 2053):
        factors, _, turn, chirp = transforms.tables(length, True, "float64")
        assert np.prod(factors) >= 2 * length - 1
        assert max(factors) <= 7
        assert turn is not None
        assert chirp is not None
    for length in (1, 61, 4096, 3 * 5 * 7 * 61):
        factors, _, _, chirp = transforms.tables(length, True, "float64")
        assert np.prod(factors) == length
        assert chirp is None


def test_a_kernel_refuses_arrays_that_do_not_fit() -> None:
    compiled = kernels.compiled
    assert compiled is not None
    table = transforms.tables(5, True, "float64")
    compiled.rows(1, 4, 5, 0, 4, np.ones((1, 4, 5)), table, False, 5)
    for rows, plane in (((0, 4), np.ones((1, 4, 4))), ((0, 5), np.ones((1, 4, 5))), ((0, 4), np.ones((1, 5, 4)).swapaxes(1, 2))):
        with pytest.raises((ValueError, BufferError)):
            compiled.rows(1, 4, 5, *rows, plane, table, False, 5)
    with pytest.raises(TypeError):
        compiled.rows(1, 4, 5, 0, 4, np.ones((1, 4, 5), int), table, False, 5)
    with pytest.raises(TypeError):
        compiled.rows(1, 4)
    with pytest.raises(TypeError):  # of another type than the picture
        compiled.rows(1, 4, 5, 0, 4, np.ones((1, 4, 5), "float32"), table, False, 5)
    for other in (transforms.tables(6, True, "float64"), (np.array([65], "int32"), *table[1:]), (table[0], table[1][1:], *table[2:])):
        with pytest.raises(ValueError, match=r"factor|bytes"):
            compiled.rows(1, 4, 5, 0, 4, np.ones((1, 4, 5)), other, False, 5)
    with pytest.raises(ValueError, match="missing"):
        compiled.rows(1, 4, 67, 0, 4, np.ones((1, 4, 67)), (*transforms.tables(67, True, "float64")[:3], None), False, 67)
