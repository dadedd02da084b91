"""--strength under the network: more is smoother, less keeps more, and the ends are what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from denoise_cli import denoise


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)[40:168, 40:168]


@pytest.mark.parametrize("name", ["camera_gaussian.png", "coffee_gaussian.png"])
def test_more_strength_removes_more(samples: Path, name: str) -> None:
    noisy = pixels(samples / name)
    removed = [
        float(np.std(noisy / 255 - denoise(noisy, method="learned", sigma=0.1, strength=strength).image))
        for strength in (0.05, 0.2, 0.5, 0.7, 1.0, 1.25)
    ]
    assert removed == sorted(removed)
    assert removed[0] < 0.1 * removed[4]


def test_below_1_it_is_the_share_of_what_is_removed_and_nearly_0_leaves_the_picture(samples: Path) -> None:
    noisy = pixels(samples / "camera_gaussian.png")
    half, whole, none = (denoise(noisy, method="learned", sigma=0.1, strength=strength).image for strength in (0.5, 1.0, 1e-30))
    np.testing.assert_allclose(half, (noisy / 255 + whole) / 2, atol=1e-6)
    np.testing.assert_allclose(none, noisy / 255, atol=1e-6)


def test_beyond_what_the_network_follows_a_line_says_so(samples: Path) -> None:
    noisy = pixels(samples / "camera_gaussian.png")
    most, more = (denoise(noisy, method="learned", sigma=0.1, strength=strength) for strength in (1.25, 3.0))
    np.testing.assert_array_equal(most.image, more.image)
    assert more.plan is not None
    assert "times the strength 1.25, the most here" in more.plan.sentence
    assert most.plan is not None
    assert "times the strength 1.25 →" in most.plan.sentence
