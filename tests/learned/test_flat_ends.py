"""What is black or white all over stays so (a background, a letterbox), and noise that was cut off there misleads no choice."""

from __future__ import annotations

import numpy as np
import pytest

from denoise_cli import denoise
from denoise_cli.measure.scale import Scale
from denoise_cli.methods.learned.flat_ends import SIDE, keep_flat_ends


@pytest.mark.parametrize("end", [0, 255])
def test_a_background_around_a_round_field_of_view_stays_exactly_what_it_is(end: int) -> None:
    y, x = np.mgrid[:192, :192]
    inside = (x - 96) ** 2 + (y - 96) ** 2 < 60**2
    scene = 128 + 60 * np.sin(x / 9) * np.cos(y / 7)
    noisy = np.where(inside, scene + np.random.default_rng(25).normal(0, 15, scene.shape), end)
    stored = np.rint(np.clip(noisy, 0, 255)).astype(np.uint8)
    made = 255 * denoise(stored, method="learned").image
    np.testing.assert_array_equal(made[~inside], stored[~inside])
    assert np.mean((made[inside].astype(float) - scene[inside]) ** 2) < 0.1 * 15**2


def test_only_whole_squares_at_one_end_are_put_back_in_each_channel_by_itself() -> None:
    pixels = np.full((24, 24, 2), 0.5, np.float32)
    pixels[3 : 3 + SIDE, 4 : 4 + SIDE, 0] = 0.0
    pixels[3 : 2 + SIDE, 15 : 15 + SIDE, 0] = 0.0  # a row too few
    pixels[-SIDE:, -SIDE:, 1] = 1.0
    pixels[:4, -4:, 1] = 0.0  # a corner beyond which nothing is known
    scale = Scale.of(np.rint(pixels * 255).astype(np.uint8))
    assert (scale.floor, scale.ceiling) == (0.0, 1.0)
    image = np.full_like(pixels, 0.25)
    keep_flat_ends(image, pixels, scale)
    expected = np.full_like(pixels, 0.25)
    expected[3 : 3 + SIDE, 4 : 4 + SIDE, 0] = 0.0
    expected[-SIDE:, -SIDE:, 1] = 1.0
    np.testing.assert_array_equal(image, expected)


def test_air_of_a_scan_that_is_cut_off_does_not_turn_the_choice_against_total_variation() -> None:
    """Flat organs in Hounsfield units, air cut off at −1024: total variation is better by 3.8 dB."""
    rng = np.random.default_rng(8)
    y, x = np.mgrid[:256, :256]
    clean = np.full((256, 256), -1000.0)
    clean[(x - 128) ** 2 / 110**2 + (y - 128) ** 2 / 90**2 < 1] = 40
    clean[(x - 100) ** 2 + (y - 120) ** 2 < 30**2] = -700
    clean[(x - 150) ** 2 + (y - 150) ** 2 < 15**2] = 900
    stored = np.rint(np.clip(clean + rng.normal(0, 25, clean.shape), -1024, 3071)).astype(np.int16)
    made = denoise(stored)
    assert made.plan.method.name == "optimal"
    error, other = (float(np.mean((result - clean) ** 2)) for result in (made.image, denoise(stored, method="learned").image))
    assert error < 0.6 * other
