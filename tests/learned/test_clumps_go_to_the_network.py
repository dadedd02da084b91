"""Which method takes noise in clumps: its level is found too low in smooth scenes, and an estimate of errors is misled by that."""

from __future__ import annotations

import numpy as np
import pytest

from denoise_cli.measure.scale import Scale
from denoise_cli.methods.method import Subject
from denoise_cli.noise.estimate import estimate
from denoise_cli.pipeline.plan import make_plan
from denoise_cli.settings import Settings
from denoise_cli.variational import psnr_db

SIDE = 160


def smooth_scene() -> np.ndarray:
    """Out of focus: bumps of 20 pixels and wider, in colour."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    return np.stack([0.45 + 0.2 * np.sin((3 + c) * x + 2 * y) * np.cos((5 - c) * y) for c in range(3)], axis=-1)


def clumps(sigma: float) -> np.ndarray:
    """Noise of standard deviation `sigma`, averaged over squares of 5 × 5 pixels."""
    white = np.random.default_rng(3).standard_normal((SIDE, SIDE, 3))
    smooth = sum(np.roll(white, (i, j), (0, 1)) for i in range(-2, 3) for j in range(-2, 3))
    return sigma * smooth / smooth.std()


@pytest.mark.parametrize("found", [0.4, 0.6, 1.0])
def test_a_level_that_is_found_too_low_does_not_hand_a_smooth_scene_to_total_variation(found: float) -> None:
    clean = smooth_scene()
    page = np.rint(255 * np.clip(clean + clumps(4 / 255), 0, 1)).astype(np.uint8)
    scale = Scale.of(page)
    noise = estimate(page, scale)
    assert noise.model == "coloured"
    subject = Subject(page, scale, noise=noise.weaker(found))
    chosen, certified = make_plan(subject, Settings()), make_plan(subject, Settings(method="optimal"))
    assert chosen.method.name == "learned"
    better, other = (psnr_db(plan.method.run(subject, plan).image, clean) for plan in (chosen, certified))
    assert better > other
