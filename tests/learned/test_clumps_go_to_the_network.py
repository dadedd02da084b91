"""Which method takes noise in clumps: its level is found too low in smooth scenes, and an estimate of errors is misled by that."""

from __future__ import annotations

import numpy as np
import pytest

from denoise_cli.measure.scale import Scale
from denoise_cli.methods.method import Subject
from denoise_cli.noise.estimate import estimate
from denoise_cli.pipeline import selection
from denoise_cli.pipeline.plan import make_plan
from denoise_cli.settings import Settings
from denoise_cli.variational import psnr_db

SIDE = 160


def smooth_scene() -> np.ndarray:
    """Out of focus: bumps of 20 pixels and wider, in colour."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    return np.stack([0.45 + 0.2 * np.sin((3 + c) * x + 2 * y) * np.cos((5 - c) * y) for c in range(3)], axis=-1)


def clumps(sigma: float) -> np.ndarray:
    """Noise of standard deviation `sigma`, blurred twice by the weights 1, 2, 1 along each side."""
    noise = np.random.default_rng(3).standard_normal((SIDE, SIDE, 3))
    for axis in (0, 1, 0, 1):
        noise = np.roll(noise, 1, axis) + 2 * noise + np.roll(noise, -1, axis)
    return sigma * noise / noise.std()


@pytest.mark.parametrize("found", [0.4, 0.6, 1.0])
def test_an_estimate_that_prefers_total_variation_is_not_asked(found: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "_known_risk", lambda *_: 1e-6)
    monkeypatch.setattr(selection, "Stein", lambda *_, **__: lambda _: 1.0)
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
