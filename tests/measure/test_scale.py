"""The scale of a picture: k·f + c has k times the span, types come back as they were, and unknown pixels take part in nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from denoise_cli.measure.levels import quantiles
from denoise_cli.measure.scale import Scale

RANDOM = np.random.default_rng(20)
PHOTOGRAPH = np.clip(RANDOM.normal(0.5, 0.2, (40, 50)), 0, 1)


@pytest.mark.parametrize("name", ["bool", "uint8", "uint16", "uint32", "int8", "int16", "int32", "int64", "uint64"])
def test_every_integer_comes_back_from_floats(name: str) -> None:
    dtype = np.dtype(name)
    ends = (0, 1) if name == "bool" else (max(np.iinfo(dtype).min, -(2**52)), min(np.iinfo(dtype).max, 2**52))
    stored = RANDOM.integers(*ends, (30, 40), endpoint=True).astype(dtype)
    scale = Scale.of(stored)
    assert scale.stored(scale.floats(stored)).dtype == dtype
    np.testing.assert_array_equal(scale.stored(scale.floats(stored)), stored)


@pytest.mark.parametrize("name", ["uint8", "uint16", "uint32", "int8", "int16", "int32", "int64", "uint64"])
def test_what_is_beyond_the_type_saturates(name: str) -> None:
    ends = np.iinfo(name)
    scale = Scale.of(np.array([[ends.min, ends.max]], name))
    far = np.array([[-np.inf, -1e30, 1e30, np.inf]])
    np.testing.assert_array_equal(scale.stored(far), np.array([[ends.min, ends.min, ends.max, ends.max]], name))


@pytest.mark.parametrize("most", [255, 65535])
def test_quotients_are_those_of_float64_rounded_once(most: int) -> None:
    stored = np.arange(most + 1).astype(np.min_scalar_type(most))[None]
    np.testing.assert_array_equal(Scale.of(stored).floats(stored), (stored / np.float64(most)).astype(np.float32))


@pytest.mark.parametrize("k", [1e-12, 1e-3, 1.0, 37.0, 1e12])
@pytest.mark.parametrize("spans", [0.0, 100.0, -1e4])
def test_another_unit_and_another_zero_change_nothing_but_the_numbers(k: float, spans: float) -> None:
    first, other = Scale.of(PHOTOGRAPH), Scale.of(k * PHOTOGRAPH + k * spans)
    assert other.unit == pytest.approx(k * first.unit, rel=1e-9)
    for name in ("low", "high", "bottom", "top", "floor", "ceiling"):
        assert getattr(other, name) == pytest.approx(k * (getattr(first, name) + spans), rel=1e-9), name


def test_twelve_bits_in_sixteen_have_the_span_that_they_use() -> None:
    counts = np.rint(4095 * PHOTOGRAPH).astype(np.uint16)
    scale = Scale.of(counts)
    assert scale.unit == pytest.approx(4095 / 65535 * Scale.of(PHOTOGRAPH).unit, rel=1e-2)
    assert (scale.floor, scale.ceiling) == (0, 4095 / 65535)
    assert Scale.of(counts * 16).quantum == pytest.approx(16 / 65535)
    assert "range 0…40" in scale.amount(0.001)


def test_the_smallest_level_of_a_dark_scene_is_not_taken_for_an_end_that_cut_it_off() -> None:
    ramp = np.repeat(np.arange(50, 150, dtype=np.uint8)[None], 40, axis=0)
    assert (Scale.of(ramp).floor, Scale.of(ramp).ceiling) == (-np.inf, np.inf)
    cut_off = np.clip(ramp, 70, 130)
    assert (Scale.of(cut_off).floor, Scale.of(cut_off).ceiling) == (70 / 255, 130 / 255)


@pytest.mark.parametrize("missing", [np.nan, np.inf, -9999.0])
def test_pixels_without_a_value_take_part_in_nothing(missing: float) -> None:
    holed = PHOTOGRAPH.copy()
    holed[3:9, 5:20] = missing
    scale = Scale.of(holed, nodata=() if not np.isfinite(missing) else (missing,))
    assert scale.known is not None
    np.testing.assert_array_equal(scale.known, np.isin(holed, PHOTOGRAPH))
    assert (scale.low, scale.high) == (holed[scale.known].min(), holed[scale.known].max())


def test_nodata_is_compared_in_the_type_of_the_pixels() -> None:
    pixels = np.array([[1.0, -3.4028234663852886e38]], np.float32)
    assert Scale.of(pixels, nodata=(-3.40282e38,)).known is None
    known: Any = Scale.of(pixels, nodata=(-3.4028234663852886e38,)).known
    assert known.tolist() == [[True, False]]


def test_one_hot_pixel_does_not_make_the_range() -> None:
    hot = PHOTOGRAPH.copy()
    hot[7, 7] = 1e6
    assert Scale.of(hot).unit == pytest.approx(Scale.of(PHOTOGRAPH).unit, rel=0.02)


@pytest.mark.parametrize("shape", [(5,), (2, 3, 4, 5)])
def test_what_is_no_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="a picture is"):
        Scale.of(np.zeros(shape))


def test_a_type_without_an_order_is_refused() -> None:
    with pytest.raises(TypeError, match="complex128"):
        Scale.of(np.zeros((3, 3), complex))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "float32"])
@pytest.mark.parametrize("count", [1, 2, 199, 200, 201, 4000])
def test_the_ends_of_the_span_are_numpys_quantiles_whether_values_are_counted_or_put_in_order(dtype: str, count: int) -> None:
    values = np.random.default_rng(count).integers(0, 250, count).astype(dtype)
    shares = (0.0, 0.005, 0.5, 0.995, 1.0)
    assert quantiles(values, shares) == list(np.quantile(values.astype(float), shares, method="inverted_cdf"))
