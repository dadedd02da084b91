"""What denoise() takes, what it refuses, and what it says then."""

from __future__ import annotations

import doctest
import functools
import importlib
import re
from typing import Any

import numpy as np
import pytest

import denoise_cli
from denoise_cli.variational import METHODS, State, as_float

denoise = functools.partial(denoise_cli.denoise, records=True)

PICTURE = np.random.default_rng(13).random((6, 7))
COLOUR = np.random.default_rng(14).random((6, 7, 3))
MAP = np.full((6, 7), 0.3)


def poisoned(value: float) -> np.ndarray:
    picture = PICTURE.copy()
    picture[2, 3] = value
    return picture


# name: arguments, the words of the message: what it is about, and the way out where there is one
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "gap with matlab": ({"gap": 1e-3}, "gap has no meaning for method matlab.*use method optimal"),
    "weights with matlab": ({"weights": MAP}, "weights has no meaning for method matlab.*use method optimal"),
    "tv with matlab": ({"tv": "isotropic"}, "tv has no meaning for method matlab.*use method optimal"),
    "channels with matlab": ({"channels": "coupled"}, "channels has no meaning for method matlab.*use method optimal"),
    "boundary with matlab": ({"boundary": "symmetric"}, "boundary has no meaning for method matlab.*use method optimal"),
    "alpha with optimal": ({"method": "optimal", "alpha": 500}, "alpha has no meaning for method optimal.*use method matlab"),
    "beta with optimal": ({"method": "optimal", "beta": 50}, "beta has no meaning for method optimal.*use method matlab"),
    "channels sum with optimal": (
        {"method": "optimal", "channels": "sum"},
        "channels 'sum'.*no energy.*no optimum and no gap.*coupled or separate, or method matlab",
    ),
    "unknown method": ({"method": "fast"}, "method must be one of matlab, optimal, learned, not 'fast'"),
    "unknown fidelity": ({"fidelity": "l3"}, "fidelity must be one of l2, l1, not 'l3'"),
    "unknown tv": ({"method": "optimal", "tv": "huber"}, "tv must be one of isotropic, anisotropic, not 'huber'"),
    "unknown channels": ({"method": "optimal", "channels": "rgb"}, "channels must be one of .*, not 'rgb'"),
    "unknown boundary": ({"method": "optimal", "boundary": "zero"}, "boundary must be one of periodic, symmetric, not 'zero'"),
    "lambda of zero": ({"weight": 0}, r"weight \(lambda\) must be positive and finite, not 0"),
    "negative lambda": ({"weight": -0.5}, r"weight \(lambda\) must be positive and finite, not -0.5"),
    "NaN lambda": ({"weight": np.nan}, r"weight \(lambda\) must be positive and finite, not nan"),
    "infinite lambda": ({"weight": np.inf}, r"weight \(lambda\) must be positive and finite, not inf"),
    "map of lambda with matlab": ({"weight": MAP, "method": "matlab"}, "lambda-map has no meaning for method matlab; use method optimal"),
    "map of lambda of another size": ({"weight": MAP.T, "method": "optimal"}, r"lambda\) has shape \(7, 6\), the picture \(6, 7\)"),
    "negative map of lambda": ({"weight": -MAP, "method": "optimal"}, r"lambda\) must be finite and not negative in every pixel"),
    "NaN in a map of lambda": ({"weight": MAP * np.nan, "method": "optimal"}, r"lambda\) must be finite and not negative"),
    "weights of another size": ({"weights": MAP.T, "method": "optimal"}, r"weights has shape \(7, 6\), the picture \(6, 7\)"),
    "weights of a colour each": (
        {"image": COLOUR, "weights": np.ones((6, 7, 3)), "method": "optimal"},
        r"weights has shape \(6, 7, 3\), the picture \(6, 7\)",
    ),
    "negative weights": ({"weights": -MAP, "method": "optimal"}, "weights must be finite and not negative in every pixel"),
    "NaN weights": ({"weights": MAP * np.nan, "method": "optimal"}, "weights must be finite and not negative in every pixel"),
    "infinite weights": ({"weights": MAP * np.inf, "method": "optimal"}, "weights must be finite and not negative in every pixel"),
    "weights that hide everything": ({"weights": 0 * MAP, "method": "optimal"}, "weights hide every pixel"),
    "no iterations": ({"iterations": 0}, "iterations must be at least 1, not 0"),
    "no iterations at most": ({"iterations": 0, "method": "optimal"}, "iterations must be at least 1, not 0"),
    "negative iterations": ({"iterations": -3}, "iterations must be at least 1, not -3"),
    "alpha of zero": ({"alpha": 0}, "alpha must be positive and finite, not 0"),
    "negative beta": ({"beta": -1.0}, "beta must be positive and finite, not -1"),
    "infinite alpha": ({"alpha": np.inf}, "alpha must be positive and finite, not inf"),
    "NaN beta": ({"beta": np.nan}, "beta must be positive and finite, not nan"),
    "gap of zero": ({"gap": 0.0, "method": "optimal"}, "gap must be at least 1e-12 in float64, not 0"),
    "negative gap": ({"gap": -1.0, "method": "optimal"}, "gap must be at least 1e-12 in float64, not -1"),
    "NaN gap": ({"gap": np.nan, "method": "optimal"}, "gap must be at least 1e-12 in float64, not nan"),
    "gap below float32": (
        {"gap": 1e-8, "method": "optimal", "dtype": "float32"},
        "gap must be at least .* in float32, not 1e-08; use dtype float64",
    ),
    "gap below float64": ({"gap": 1e-15, "method": "optimal"}, "gap must be at least 1e-12 in float64, not 1e-15$"),
    "half precision": ({"dtype": "float16"}, "dtype must be float32 or float64, not float16"),
    "integers to compute in": ({"dtype": "int32"}, "dtype must be float32 or float64, not int32"),
    "no workers": ({"workers": 0}, "workers must be at least 1, not 0"),
    "strength of zero": ({"weight": None, "strength": 0}, "^strength must be positive and finite, not 0$"),
    "negative strength": ({"weight": None, "strength": -1}, "^strength must be positive and finite, not -1$"),
    "strength beyond all sense": ({"weight": None, "strength": 1e30}, r"^strength must be at most 1e\+06, .* not 1e\+30$"),
    "values too large to measure": ({"image": PICTURE * 1e300, "weight": None}, r"beyond 1e\+37, and are too large .*; divide them first$"),
    "values whose squares are no floats": (
        {"image": PICTURE * 1e300, "weight": 1e299, "method": "optimal"},
        r"span more than 3.2e\+147, too much .*; divide them first$",
    ),
    "NaN strength": ({"weight": None, "strength": np.nan, "method": "learned"}, "^strength must be positive and finite, not nan$"),
    "strength of zero for the network": ({"weight": None, "strength": 0, "method": "learned"}, "^strength must be positive"),
    "three runs of the network": ({"weight": None, "self_ensemble": 3}, "^self_ensemble must be 1, 2, 4 or 8, not 3$"),
    "three runs of something else": ({"method": "optimal", "self_ensemble": 3}, "^self_ensemble must be 1, 2, 4 or 8, not 3$"),
    "one number for all spacings": ({"spacing": 2}, r"^spacing must be one number for each of the 2 spatial axes, .* not 2$"),
    "a number to start from": ({"method": "optimal", "start": 3}, "^start must be what denoise returned with keep_dual=True, not 3$"),
    "nothing but NaN": ({"image": np.full((4, 5), np.nan)}, "no pixel has a value"),
    "nothing but infinite pixels": ({"image": np.full((4, 5), np.inf)}, "no pixel has a value"),
    "no rows": ({"image": np.empty((0, 5))}, r"empty: shape \(0, 5\)"),
    "no channels": ({"image": np.empty((4, 5, 0))}, r"empty: shape \(4, 5, 0\)"),
    "a number": ({"image": np.float64(5)}, r"1 to 4 spatial axes, not 0: shape \(\)"),
    "six axes": ({"image": np.ones((2, 2, 2, 2, 2, 2))}, r"1 to 4 spatial axes, not 6: shape \(2, 2, 2, 2, 2, 2\)"),
    "a reference of another size": ({"reference": PICTURE.T}, r"reference has shape \(7, 6\), the picture \(6, 7\): they must agree"),
    "a reference of another depth": ({"reference": COLOUR}, r"reference has shape \(6, 7, 3\), the picture \(6, 7\)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_refuses(name: str) -> None:
    arguments, words = REFUSED[name]
    with pytest.raises(ValueError, match=words) as refusal:
        denoise(**{"image": PICTURE, "weight": 0.3, **arguments})
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("dtype", [complex, object, str, "datetime64[s]"])
def test_pixels_without_an_agreed_scale_are_refused_with_the_way_out(dtype: Any) -> None:
    with pytest.raises(TypeError, match="have no agreed scale: convert them to floats"):
        denoise(np.ones((3, 4)).astype(dtype), 0.1)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64, np.uint64])
def test_signed_and_64_bit_integers_count_in_their_own_units(dtype: Any) -> None:
    counts = np.round(100 * PICTURE).astype(dtype)
    as_floats = denoise(counts.astype(float), 20.0, method="optimal", dtype="float32").image
    np.testing.assert_allclose(denoise(counts, 20.0, method="optimal", dtype="float32").image, as_floats, rtol=0, atol=1e-4)
    np.testing.assert_array_equal(as_float(counts), counts.astype(float))


def test_unsigned_integers_of_32_bits_are_scaled_by_the_largest() -> None:
    np.testing.assert_array_equal(as_float(np.array([[0, 2**32 - 1, 2**31]], np.uint32)), [[0, 1, 2**31 / (2**32 - 1)]])


@pytest.mark.parametrize("value", [2**53 + 2, -(2**53) - 2])
def test_integers_that_floats_cannot_hold_are_refused(value: int) -> None:
    np.testing.assert_array_equal(as_float(np.array([[value - 2 * np.sign(value)]])), float(value - 2 * np.sign(value)))
    with pytest.raises(ValueError, match="2\\^53"):
        as_float(np.array([[value]]))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, bool])
def test_small_integers_become_the_nearest_float32_to_the_quotient(dtype: Any) -> None:
    top = 1 if dtype is bool else np.iinfo(dtype).max
    values = np.arange(top + 1).astype(dtype).reshape(2, -1)
    np.testing.assert_array_equal(as_float(values, np.float32), (values / np.float64(top)).astype(np.float32))
    assert as_float(values, np.float32).dtype == np.float32


def test_half_precision_is_a_picture() -> None:
    half = PICTURE.astype(np.float16)
    np.testing.assert_array_equal(denoise(half, 0.3, method="optimal").image, denoise(half.astype(np.float32), 0.3, method="optimal").image)


def test_a_reference_without_an_agreed_scale_is_refused() -> None:
    with pytest.raises(TypeError, match="no agreed scale"):
        denoise(PICTURE, 0.1, reference=np.ones((6, 7), complex))


@pytest.mark.parametrize("method", ["matlab", "optimal"])
@pytest.mark.parametrize("missing", [np.nan, np.inf])
def test_a_pixel_without_a_value_keeps_none_and_leaves_the_others_alone(method: str, missing: float) -> None:
    picture = np.random.default_rng(4).random((16, 17))
    holed = picture.copy()
    holed[5, 6] = missing
    found = denoise(holed, 0.1, method=method).image
    assert not np.isfinite(found[5, 6])
    others = np.ones(picture.shape, bool)
    others[5, 6] = False
    assert np.isfinite(found[others]).all()
    assert np.abs(found - denoise(picture, 0.1, method=method).image)[others].max() < 0.5


def test_a_reference_with_nan_is_refused_by_its_name() -> None:
    with pytest.raises(ValueError, match="reference"):
        denoise(PICTURE, 0.1, reference=poisoned(np.nan))


def test_what_matlab_does_anyway_may_be_said() -> None:
    plain = denoise(PICTURE, 0.3, iterations=5).image
    said = denoise(PICTURE, 0.3, iterations=5, tv="anisotropic", channels="sum", boundary="periodic", alpha=500, beta=50.0)
    np.testing.assert_array_equal(said.image, plain)


def test_the_table_of_methods_tells_what_happens_when_nothing_is_told() -> None:
    assert set(METHODS) == {"matlab", "optimal"}
    for method, defaults in METHODS.items():
        told = {**defaults, "iterations": 3}
        np.testing.assert_array_equal(
            denoise(PICTURE, 0.3, method=method, **told).image, denoise(PICTURE, 0.3, method=method, iterations=3).image
        )
    assert dict(METHODS["matlab"]) == {
        "iterations": 100,
        "alpha": 500.0,
        "beta": 50.0,
        "boundary": "periodic",
        "tv": "anisotropic",
        "channels": "sum",
    }


def test_alpha_and_beta_reach_the_iteration() -> None:
    plain = denoise(PICTURE, 0.3, iterations=3).image
    for penalties in ({"alpha": 100}, {"beta": 10}):
        assert np.abs(denoise(PICTURE, 0.3, iterations=3, **penalties).image - plain).max() > 1e-3


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("fidelity", ["l1", "l2"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (1, 9), (9, 1), (2, 2), (5, 7), (1, 1, 3), (1, 6, 3), (4, 5, 2), (3, 4, 7)])
def test_the_result_has_the_shape_of_the_picture(shape: tuple[int, ...], fidelity: str, method: str) -> None:
    picture = np.random.default_rng(15).random(shape)
    solution = denoise(picture, 0.9, fidelity=fidelity, method=method, iterations=20)
    assert solution.image.shape == shape
    assert np.isfinite(solution.image).all()
    assert solution.image.flags.c_contiguous
    assert solution.image.flags.owndata or solution.image.base is None


@pytest.mark.parametrize("method", METHODS)
def test_a_single_channel_keeps_its_axis(method: str) -> None:
    assert denoise(PICTURE[:, :, None], 0.3, method=method, iterations=2).image.shape == (6, 7, 1)


@pytest.mark.parametrize("method", METHODS)
def test_a_single_channel_is_a_grey_picture(method: str) -> None:
    one, grey = denoise(PICTURE[:, :, None], 0.3, method=method), denoise(PICTURE, 0.3, method=method)
    np.testing.assert_array_equal(one.image.ravel(), grey.image.ravel())
    assert one.cost == grey.cost


@pytest.mark.parametrize("method", METHODS)
def test_integers_are_their_scaled_floats(method: str) -> None:
    random = np.random.default_rng(16)
    for dtype, top in ((np.uint8, 255), (np.uint16, 65535), (bool, 1)):
        picture = random.integers(0, top + 1, (5, 6)).astype(dtype)
        scaled = picture.astype(np.float64) / top
        solution = denoise(picture, 0.3, method=method, iterations=5, dtype="float64")
        np.testing.assert_array_equal(solution.image, denoise(scaled, 0.3, method=method, iterations=5).image)
        assert denoise(picture, 0.3, method=method, iterations=1).image.dtype == np.float32


@pytest.mark.parametrize(("given", "computed"), [("float16", "float32"), ("float32", "float32"), ("float64", "float64")])
def test_floats_are_computed_in_their_own_precision_unless_told(given: str, computed: str) -> None:
    picture = PICTURE.astype(given)
    for method in METHODS:
        assert denoise(picture, 0.3, method=method, iterations=1).image.dtype == computed
        for dtype in ("float32", "float64", np.float32, np.dtype("float64")):
            assert denoise(picture, 0.3, method=method, iterations=1, dtype=dtype).image.dtype == np.dtype(dtype)


@pytest.mark.parametrize("dtype", [">u2", ">f8"])
def test_the_order_of_bytes_does_not_matter(dtype: str) -> None:
    picture = (PICTURE * 1000).astype(dtype)
    native = picture.astype(dtype[1:])
    swapped, plain = denoise(picture, 0.3, iterations=3), denoise(native, 0.3, iterations=3)
    assert swapped.image.dtype == plain.image.dtype
    np.testing.assert_array_equal(swapped.image, plain.image)


def test_floats_are_taken_as_they_are_and_not_clipped() -> None:
    picture = 300 * PICTURE - 20
    solution = denoise(picture, 1e-3, method="optimal", gap=1e-9)
    np.testing.assert_allclose(solution.image, picture, atol=0.1)
    assert solution.image.min() < 0


def test_lists_are_pictures_too() -> None:
    np.testing.assert_array_equal(denoise(PICTURE.tolist(), 0.3, iterations=3).image, denoise(PICTURE, 0.3, iterations=3).image)


def layouts() -> list[Any]:
    wide = np.random.default_rng(17).random((12, 14, 3))
    return [
        pytest.param(np.ascontiguousarray(wide[:6, :7]), id="contiguous"),
        pytest.param(wide[::2, ::2], id="strided"),
        pytest.param(wide[::-1, ::-1], id="reversed"),
        pytest.param(np.asfortranarray(wide[:, :, 0]), id="column by column"),
        pytest.param(wide[:, :, 0].T, id="transposed"),
        pytest.param(np.moveaxis(np.random.default_rng(18).random((3, 6, 7)), 0, -1), id="planar"),
    ]


@pytest.mark.parametrize("picture", layouts())
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("method", METHODS)
def test_the_input_is_never_changed_whatever_its_layout(method: str, dtype: str, picture: np.ndarray) -> None:
    given = picture.astype(dtype, order="K")
    before = given.copy()
    given.flags.writeable = False
    for fidelity in ("l1", "l2"):
        solution = denoise(given, 0.8, fidelity=fidelity, method=method, iterations=4)
        np.testing.assert_array_equal(given, before)
        assert not np.shares_memory(solution.image, given)
        np.testing.assert_array_equal(
            solution.image, denoise(np.ascontiguousarray(before), 0.8, fidelity=fidelity, method=method, iterations=4).image
        )


def test_an_input_that_is_its_own_minimiser_is_copied() -> None:
    given = PICTURE.copy()
    solution = denoise(given, 0.1, fidelity="l1", method="optimal")
    assert not np.shares_memory(solution.image, given)
    solution.image[:] = 0
    np.testing.assert_array_equal(given, PICTURE)


def test_weights_the_map_of_lambda_and_the_reference_are_never_changed() -> None:
    weights, λ, reference = 0.5 + PICTURE, 0.3 + PICTURE, PICTURE**2
    copies = weights.copy(), λ.copy(), reference.copy()
    for fidelity in ("l1", "l2"):
        denoise(PICTURE, λ, fidelity=fidelity, method="optimal", weights=weights, reference=reference, iterations=5)
    for given, copy in zip((weights, λ, reference), copies, strict=True):
        np.testing.assert_array_equal(given, copy)


@pytest.mark.parametrize("method", METHODS)
def test_records_are_one_an_iteration_or_none_at_all(method: str) -> None:
    with_records = denoise(PICTURE, 0.3, method=method, iterations=7, reference=PICTURE)
    without = denoise(PICTURE, 0.3, method=method, iterations=7, records=False, reference=PICTURE)
    assert [record.iteration for record in with_records.records] == list(range(1, with_records.iterations + 1))
    assert without.records == []
    np.testing.assert_array_equal(without.image, with_records.image)
    assert (without.cost, without.bound, without.gap, without.status, without.psnr_db) == (
        with_records.cost,
        with_records.bound,
        with_records.gap,
        with_records.status,
        with_records.psnr_db,
    )


def test_matlab_has_neither_bound_nor_gap() -> None:
    solution = denoise(PICTURE, 0.3, iterations=3)
    assert (solution.bound, solution.gap, solution.status, solution.iterations) == (None, None, "iterations_done", 3)
    assert all(record.bound is record.gap is record.primal_residual is record.dual_residual is None for record in solution.records)


@pytest.mark.parametrize("method", METHODS)
def test_quality_is_recorded_with_a_reference_and_only_then(method: str) -> None:
    clean = PICTURE**2
    solution = denoise(PICTURE, 0.3, method=method, iterations=4, reference=clean)
    last, error = solution.records[-1], solution.image - clean
    assert last.rmse == pytest.approx(np.sqrt(np.mean(error**2)), rel=1e-12)
    assert last.psnr_db == pytest.approx(-20 * np.log10(last.rmse), rel=1e-12)
    assert last.snr_db == pytest.approx(10 * np.log10((clean**2).sum() / (error**2).sum()), rel=1e-12)
    assert solution.psnr_db == last.psnr_db
    alone = denoise(PICTURE, 0.3, method=method, iterations=4)
    assert alone.psnr_db is None
    assert all(record.rmse is record.snr_db is record.psnr_db is None for record in alone.records)


def test_the_reference_is_scaled_as_the_picture_is() -> None:
    noisy = (255 * PICTURE).astype(np.uint8)
    solution = denoise(noisy, 0.3, iterations=2, reference=noisy)
    assert solution.records[-1].rmse < 0.5


def test_seconds_grow_from_record_to_record() -> None:
    seconds = [record.seconds for record in denoise(PICTURE, 0.3, iterations=5).records]
    assert seconds == sorted(seconds)
    assert seconds[0] > 0


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("records", [True, False])
def test_a_callback_that_returns_true_stops_the_run_where_it_stands(method: str, records: bool) -> None:
    seen: list[np.ndarray] = []

    def stop_at_three(state: State) -> bool:
        seen.append(state.image.copy())
        return state.iteration == 3

    solution = denoise(PICTURE, 0.9, method=method, gap=1e-9 if method == "optimal" else None, callback=stop_at_three, records=records)
    assert (solution.status, solution.iterations, len(seen)) == ("stopped", 3, 3)
    np.testing.assert_array_equal(solution.image, seen[-1])
    assert len(solution.records) == (3 if records else 0)
    exact = denoise(PICTURE, 0.9, method=method, gap=1e-9 if method == "optimal" else None, iterations=3)
    assert solution.cost >= 0
    if method == "matlab":
        np.testing.assert_array_equal(solution.image, exact.image)
        assert solution.cost == exact.cost


def test_a_callback_sees_what_the_records_say() -> None:
    seen = []
    solution = denoise(
        PICTURE, 0.9, method="optimal", fidelity="l1", callback=lambda state: seen.append((state.iteration, state.record)) and None
    )
    assert seen == [(record.iteration, record) for record in solution.records]


def test_an_exception_in_a_callback_comes_through() -> None:
    def fail(_: State) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        denoise(PICTURE, 0.3, callback=fail)


def test_the_iteration_limit_is_told() -> None:
    solution = denoise(PICTURE, 0.9, method="optimal", gap=1e-9, iterations=2)
    assert (solution.status, solution.iterations) == ("iteration_limit", 2)
    assert solution.gap is not None
    assert solution.gap > 1e-9


def test_a_gap_that_is_asked_for_is_met_and_not_much_more() -> None:
    iterations = []
    for gap in (1e-1, 1e-3, 1e-6, 1e-9):
        solution = denoise(PICTURE, 0.3, method="optimal", gap=gap)
        assert solution.status == "converged"
        assert solution.gap is not None
        assert solution.gap <= gap
        iterations.append(solution.iterations)
    assert iterations == sorted(iterations)
    assert iterations[0] < iterations[-1]


def test_more_workers_than_rows_do_no_harm() -> None:
    np.testing.assert_array_equal(denoise(PICTURE, 0.3, workers=64).image, denoise(PICTURE, 0.3, workers=1).image)


def test_a_run_may_follow_a_run_with_other_options() -> None:
    first = denoise(PICTURE, 0.3, method="optimal").image.copy()
    denoise(COLOUR, 0.9, fidelity="l1", method="optimal", iterations=5)
    np.testing.assert_array_equal(denoise(PICTURE, 0.3, method="optimal").image, first)


def test_the_examples_in_the_docstrings_are_true() -> None:
    module = importlib.import_module("denoise_cli.variational.products")
    results = [doctest.DocTestRunner().run(test) for test in doctest.DocTestFinder().find(module, "products")]
    assert sum(result.attempted for result in results) >= 2
    assert sum(result.failed for result in results) == 0


def test_the_docstring_of_denoise_names_every_parameter() -> None:
    code = denoise_cli.denoise.__code__
    parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    assert {"image", "weight", "gap", "callback"} <= set(parameters)
    text = (denoise_cli.denoise.__doc__ or "").split("Parameters\n", 1)[1].split("Returns\n", 1)[0]
    named = {name for line in text.splitlines() if " : " in line for name in re.split(r"[ ,]+", line.split(" : ")[0].strip())}
    assert set(parameters) <= named
