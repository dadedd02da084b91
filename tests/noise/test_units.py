"""A picture in other units has the same noise in those units: k·f + c has k times the σ, whatever the type and however narrow the range."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from denoise_cli.measure.scale import Scale
from denoise_cli.noise.estimate import estimate

Array = npt.NDArray[np.float64]
RANDOM = np.random.default_rng(31)


def scene() -> Array:
    """Discs of many tones on a slope, (120, 128), from 0 to 1."""
    y, x = np.mgrid[:120, :128]
    picture = 0.2 + 0.3 * x / 128 + 0.1 * y / 120
    for _ in range(30):
        row, column, radius, tone = RANDOM.uniform((0, 0, 4, 0.1), (120, 128, 25, 0.9))
        picture[(y - row) ** 2 + (x - column) ** 2 < radius**2] = tone
    return picture


CLEAN = scene()
KINDS: dict[str, Array] = {
    "gaussian": CLEAN + RANDOM.normal(0, 0.04, CLEAN.shape),
    "none": CLEAN + RANDOM.normal(0, 0.002, CLEAN.shape),
    "poisson": CLEAN + np.sqrt(0.02 * CLEAN) * RANDOM.standard_normal(CLEAN.shape),
    "impulses": np.where(RANDOM.random(CLEAN.shape) < 0.1, RANDOM.integers(0, 2, CLEAN.shape), CLEAN),
}


@pytest.mark.parametrize("kind", list(KINDS))
@given(power=st.floats(-12, 12), spans=st.floats(-1e3, 1e3))
@settings(max_examples=15, deadline=None)
def test_other_units_and_another_zero_scale_the_noise_and_change_nothing_else(kind: str, power: float, spans: float) -> None:
    noisy, k = KINDS[kind], 10.0**power
    first, other = estimate(noisy), estimate(k * noisy + k * spans)
    assert other.model == first.model == kind
    for name in ("sigma", "gain", "read_noise"):
        assert getattr(other, name) == pytest.approx(k * getattr(first, name), rel=1e-4, abs=1e-7 * k), name
    assert (other.impulses, other.salt_pepper) == pytest.approx((first.impulses, first.salt_pepper), abs=1e-9)


STORED: dict[str, Callable[[Array], npt.NDArray[np.generic]]] = {
    "uint16": lambda f: np.rint(65535 * f).astype(np.uint16),
    "14 bits in uint16": lambda f: np.rint(16383 * f).astype(np.uint16),
    "12 bits in uint16": lambda f: np.rint(4095 * f).astype(np.uint16),
    "10 bits in uint16": lambda f: np.rint(1023 * f).astype(np.uint16),
    "12 bits, black at 100": lambda f: np.rint(100 + 3500 * f).astype(np.uint16),
    "uint32": lambda f: np.rint(1e9 * f).astype(np.uint32),
    "int16": lambda f: np.rint(-1000 + 3000 * f).astype(np.int16),
    "int32": lambda f: np.rint(-1e6 + 3e6 * f).astype(np.int32),
    "int64": lambda f: np.rint(1e15 * f).astype(np.int64),
    "uint8, 120 levels": lambda f: np.rint(60 + 120 * f).astype(np.uint8),
    "uint8, 50 levels": lambda f: np.rint(60 + 50 * f).astype(np.uint8),
    "float16": lambda f: f.astype(np.float16),
    "reflectance": lambda f: (0.01 + 0.03 * f).astype(np.float32),
}


@pytest.mark.parametrize("name", list(STORED))
def test_a_picture_that_uses_a_part_of_its_type_is_that_picture_stretched(name: str) -> None:
    clean = np.clip(CLEAN, 0, 1)
    noisy = np.clip(clean + np.random.default_rng(3).normal(0, 0.05, clean.shape), 0, 1)
    stored = STORED[name](noisy)
    found, plain = estimate(stored), estimate(noisy)
    assert found.model == plain.model == "gaussian"
    assert found.sigma / Scale.of(stored).unit == pytest.approx(plain.sigma / Scale.of(noisy).unit, rel=0.03)


def test_the_reason_is_in_the_units_of_the_file(samples: Path) -> None:
    camera = np.asarray(Image.open(samples / "camera_gaussian.png"))
    assert "/255)" in estimate(camera).evidence
    counts = estimate(camera.astype(np.uint16) * 16).evidence
    assert "/255" not in counts
    assert "% of the range" in counts


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_unknown_pixels_all_over_or_in_one_place_leave_an_estimate(share: float) -> None:
    rng = np.random.default_rng(5)
    noisy = np.tile(KINDS["gaussian"], (3, 3))
    scattered = rng.random(noisy.shape) > min(share, 0.6)
    together = np.ones(noisy.shape, bool)
    together[: int(share * len(noisy))] = False
    for known in (scattered, together):
        found = estimate(np.where(known, noisy, np.nan))
        assert found.model == "gaussian"
        assert found.sigma == pytest.approx(0.04, rel=0.12)
