"""Values that stand for "nothing was measured", though nobody said so."""

import numpy as np
import pytest

from denoise_cli.measure.unmeasured import unmeasured

RNG = np.random.default_rng(8)
ROWS, COLUMNS = np.mgrid[:120, :160]
SLOPE = 2500 + 2 * COLUMNS + RNG.normal(0, 8, ROWS.shape)


def with_hole(picture, value, share=0.0):
    """A rectangle of `value`, and single pixels of it at random."""
    made = picture.copy()
    made[20:60, 30:45] = value
    made[RNG.random(picture.shape[:2]) < share] = value
    return made


@pytest.mark.parametrize("dtype", ["uint16", "int32", "float32", "float64"])
def test_zeros_of_a_depth_map_are_no_measurement(dtype):
    assert unmeasured(with_hole(SLOPE, 0, 0.02).round().astype(dtype)) == (0.0,)
    assert unmeasured(with_hole(SLOPE, 0, 0.02)[:, :, None].repeat(3, 2).astype(dtype)) == (0.0,)


def test_a_filler_is_told_from_a_value_by_its_distance():
    metres = SLOPE.astype("f4")
    assert unmeasured(with_hole(metres, -9999)) == (-9999.0,)
    assert unmeasured(with_hole(metres, np.finfo("f4").max)) == (float(np.finfo("f4").max),)
    assert unmeasured(with_hole((SLOPE - 2500).astype("i2"), -32768)) == (-32768.0,)
    # Beside values from −8,000 to 2,000, −9,999 is one of them.
    assert unmeasured(with_hole((SLOPE - 2500) * 30 - 8000, -9999)) == ()


def test_one_sample_that_went_wrong_is_unknown():
    wrong = SLOPE.copy()
    wrong[5, 7] = 1e9
    assert unmeasured(wrong) == (1e9,)


def test_black_of_a_picture_is_black():
    dark = np.maximum(SLOPE - 2600, 0)  # fades into black
    assert unmeasured(dark.round().astype("u2")) == ()
    assert unmeasured(with_hole(SLOPE * 10, 0).astype("u2").view("u1")) == ()  # 8 bits
    counts = RNG.poisson(0.7, (60, 60)).astype("u2")
    assert unmeasured(counts) == ()
    assert unmeasured(counts * np.uint16(257)) == ()
    page = np.where(RNG.random((60, 60)) < 0.1, 0, 65535).astype("u2")
    assert unmeasured(page) == ()
    stretched = (SLOPE - SLOPE.min()) / np.ptp(SLOPE)  # one pixel is 0
    assert unmeasured(stretched) == ()


def test_salt_and_pepper_and_dead_pixels_are_impulses():
    spoilt = SLOPE.round().astype("u2")
    hit = RNG.random(SLOPE.shape)
    both = np.where(hit < 0.05, 0, np.where(hit > 0.95, 65535, spoilt)).astype("u2")
    assert unmeasured(both) == ()
    dead = np.where(hit < 0.002, 0, spoilt).astype("u2")
    assert unmeasured(dead) == ()


def test_a_colour_channel_may_be_zero():
    colour = SLOPE[:, :, None].repeat(3, 2).astype("u2")
    colour[20:60, 30:45, 2] = 0
    assert unmeasured(colour) == ()


def test_what_is_unknown_already_does_not_count():
    spoilt = with_hole(SLOPE.astype("f4"), np.nan)
    spoilt[:, :12] = 0
    assert unmeasured(spoilt) == (0.0,)
    assert unmeasured(spoilt, np.arange(160)[None, :].repeat(120, 0) >= 12) == ()
    assert unmeasured(np.full((4, 4), np.nan)) == ()
    assert unmeasured(np.zeros((0, 3))) == ()
