"""Golden cases of the torch set and central finite differences, the two judges of every gradient here."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

GOLDEN = Path(__file__).parents[1] / "golden"


GROUPS = {
    "batch_norm_case": "batchnorm1d",
    "weight_case": "weight_standardization",
    "scale_case": "scale_by_std",
    "regression_case": "linreg_mse",
    "ldam_case": "ldam",
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `ldam_case` runs once for every golden file of that group, and gets its arrays by name."""
    for fixture, group in GROUPS.items():
        if fixture in metafunc.fixturenames:
            cases = json.loads((GOLDEN / "index.json").read_text(encoding="utf-8"))["cases"]
            chosen = [pytest.param(_arrays(GOLDEN / case["file"]), id=case["id"]) for case in cases if case["group"] == group]
            metafunc.parametrize(fixture, chosen)


def _arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as arrays:
        return dict(arrays)


def numerical_gradient(function: Callable[[np.ndarray], float], at: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """Central differences, one entry at a time."""
    gradient = np.empty_like(at)
    for index in np.ndindex(at.shape):
        up, down = at.copy(), at.copy()
        up[index] += step
        down[index] -= step
        gradient[index] = (function(up) - function(down)) / (2 * step)
    return gradient


@pytest.fixture(name="numerical_gradient")
def numerical_gradient_fixture() -> Callable[..., np.ndarray]:
    return numerical_gradient


def assert_close(actual: Any, expected: Any, tolerance: float = 1e-10) -> None:
    """|actual − expected| ≤ tolerance · max(1, max|expected|), shapes included."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    assert np.abs(actual - expected).max() <= tolerance * max(1.0, np.abs(expected).max())


@pytest.fixture(name="assert_close")
def assert_close_fixture() -> Callable[..., None]:
    return assert_close
