"""Numbers in messages can be read: no exponent where plain digits are short, and both ends of a range can be told apart."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from denoise_cli.digits import between, plain
from denoise_cli.measure.scale import Scale


@pytest.mark.parametrize(("value", "told"), [
    (1_000_005.3, "1000005"), (4_294_967_295, "4294967295"), (-1e6, "-1000000"), (1.25e-5, "0.0000125"), (0.0401, "0.0401"),
    (6.02e23, "6.02e+23"), (-3.4028235e38, "-3.40282e+38"), (math.nan, "nan"), (math.inf, "inf"), (0, "0"),
])  # fmt: skip
def test_plain_digits_stand_where_they_are_short(value: float, told: str) -> None:
    assert plain(value) == told


@pytest.mark.parametrize(("ends", "told"), [
    ((100, 3600), ("100", "3600")), ((-1046.89123, 1045.59), ("-1046.89", "1045.59")), ((7, 7), ("7", "7")), ((0, math.inf), ("0", "inf")),
    ((1e6 + 4.77, 1e6 + 15.2), ("1000004.8", "1000015.2")), ((5e12, 5e12 + 3), ("5000000000000", "5000000000003")),
])  # fmt: skip
def test_as_many_digits_as_the_ends_of_a_range_need(ends: tuple[float, float], told: tuple[str, str]) -> None:
    assert between(*ends) == told


@given(st.floats(-1e15, 1e15), st.floats(-1e15, 1e15), st.integers(2, 6))
def test_both_ends_and_their_difference_can_be_read(low: float, high: float, digits: int) -> None:
    left, right = (float(end) for end in between(low, high, digits))
    span = abs(high - low)
    if span:
        assert max(abs(left - low), abs(right - high)) <= 0.005 * span


def test_the_range_of_a_picture_far_above_zero_can_be_read() -> None:
    scale = Scale(np.dtype(np.float64), bottom=1e6 + 5, top=1e6 + 15, unit=10)
    assert scale.amount(0.1) == "0.1 (1 % of the range 1000005…1000015)"


def test_counts_of_32_bits_are_told_without_an_exponent() -> None:
    scale = Scale(np.dtype(np.uint32), 2.0**32 - 1, bottom=0, top=1)
    assert scale.amount(1e-5) == "42950 (0.001 % of the range 0…4294967295)"
