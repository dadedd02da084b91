"""The certified minimisers of tests/golden/tvopt, made without this package: reached, and never contradicted by a bound."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from denoise_cli import denoise
from denoise_cli.variational import State

# What the goldens minimise. workers=1: pictures this small gain nothing from threads. records=False: the slowest takes 20,000 iterations.
AS_GOLDEN: dict[str, Any] = {
    "method": "optimal",
    "dtype": "float64",
    "tv": "anisotropic",
    "channels": "separate",
    "boundary": "periodic",
    "workers": 1,
}


def arguments(case: Any) -> tuple[np.ndarray, float, str]:
    return case["input"], float(case["lambda"]), "l1" if case["label"] == 1 else "l2"


def test_all_twelve_golden_optima_are_here(golden_optimum_names: list[str]) -> None:
    assert len(golden_optimum_names) == 12


def test_the_certified_minimum_is_reached_and_no_bound_on_the_way_is_false(tvopt_case: Any) -> None:
    picture, weight, fidelity = arguments(tvopt_case)
    optimum = float(tvopt_case["cost_opt"])
    certified: list[tuple[float, float]] = []

    def collect(state: State) -> None:
        if state.certificate is not None:
            certified.append((state.certificate.bound, state.certificate.cost))

    solution = denoise(picture, weight, fidelity=fidelity, gap=1e-7, records=False, callback=collect, **AS_GOLDEN)
    assert solution.status in ("converged", "input_is_minimiser")
    assert solution.gap is not None
    assert solution.gap <= 1e-7
    assert solution.bound is not None
    assert solution.gap == pytest.approx((solution.cost - solution.bound) / solution.cost, abs=1e-15)
    assert abs(solution.cost - optimum) <= 1e-6 * optimum
    assert certified[-1] == (solution.bound, solution.cost)
    bounds, costs = np.array(certified).T
    assert bounds.max() <= optimum * (1 + 1e-12)
    assert costs.min() >= optimum * (1 - 1e-12)


def test_the_unique_minimiser_of_l2_is_the_golden_picture(tvopt_l2_case: Any) -> None:
    picture, weight, _ = arguments(tvopt_l2_case)
    solution = denoise(picture, weight, gap=1e-9, records=False, **AS_GOLDEN)
    # |u − u*|² ≤ cost − optimum, by the strong convexity of F
    distance = float(np.linalg.norm(solution.image - tvopt_l2_case["u_opt"]))
    assert distance**2 <= 1.01e-9 * solution.cost
    assert distance < 1e-3
