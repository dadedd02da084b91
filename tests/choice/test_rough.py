"""Rough solutions: as many iterations as λ needs, of the very iteration that a certified solve does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from denoise_cli.choice.rough import RoughSolver
from denoise_cli.choice.sample import Sample
from denoise_cli.measure.scale import Scale
from denoise_cli.variational import denoise


def sample_of(samples: Path, mode: str, **options: object) -> Sample:
    with Image.open(samples / "coffee_gaussian.png") as picture:
        stored = np.asarray(picture.convert(mode))[:160, :192]
    return Sample.of(stored, Scale.of(stored), None, "l2", options)


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("options", [{}, {"tv": "anisotropic"}, {"channels": "separate"}])
def test_rough_solutions_are_near_the_minimiser_at_every_weight(samples: Path, mode: str, options: dict[str, str]) -> None:
    sample = sample_of(samples, mode, **options)
    rough = RoughSolver(sample)
    page = sample.pixels[:, :, 0] if mode == "L" else sample.pixels
    for weight in (0.05, 0.08, 0.12):
        exact = denoise(page, weight, method="optimal", gap=1e-5, **options).image.reshape(sample.pixels.shape)
        off = np.sqrt(np.mean((rough.at(weight)(sample.pixels) - exact) ** 2))
        assert off < 0.08 * np.sqrt(np.mean((sample.pixels - exact) ** 2))


def test_what_cannot_be_projected_is_solved_as_the_sample_does(samples: Path) -> None:
    sample = sample_of(samples, "L", boundary="periodic")
    assert (RoughSolver(sample).at(0.08)(sample.pixels) == sample.solver(0.08)(sample.pixels)).all()
