"""A second opinion on every energy: the same problem written down with dense matrices, and solved by another method."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

Array = npt.NDArray[Any]
GOLDEN = Path(__file__).parents[1] / "golden"


@dataclass(frozen=True)
class GoldenCase:
    name: str
    file: Path

    @cached_property
    def arrays(self) -> dict[str, Array]:
        with np.load(self.file) as archive:
            return {key: archive[key] for key in archive.files}

    def __getitem__(self, key: str) -> Array:
        return self.arrays[key]


def golden_cases(group: str) -> Iterator[GoldenCase]:
    for case in json.loads((GOLDEN / "index.json").read_text(encoding="utf-8"))["cases"]:
        if case["group"] == group:
            yield GoldenCase(case["id"], GOLDEN / case["file"])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `tv_case` runs once for every golden file of the MATLAB original, `tvopt_case`: of the certified optima."""
    for fixture in ("tv_case", "tvopt_case", "tvopt_l2_case"):
        if fixture in metafunc.fixturenames:
            cases = [case for case in golden_cases(fixture.split("_")[0]) if "l2" not in fixture or case["label"] != 1]
            metafunc.parametrize(fixture, [pytest.param(case, id=case.name) for case in cases])


@dataclass(frozen=True)
class Energy:
    """Σ m φ(u − f) + Σ λ ‖(Du)_group‖ of a small picture f, (*spatial) or (*spatial, channels), by dense matrices.

    `axes`: how many are spatial.  `axis_weights`: by which the differences along each are multiplied.

    Written from the definition, and from nothing of the package.
    """

    f: Array
    weight: float | Array
    fidelity: str = "l2"
    tv: str = "isotropic"
    channels: str = "coupled"
    boundary: str = "symmetric"
    weights: Array | None = None
    axes: int = 2
    axis_weights: tuple[float, ...] | None = None

    @cached_property
    def pixels(self) -> Array:
        return np.asarray(self.f, float).reshape(*self.f.shape[: self.axes], -1)

    @cached_property
    def _rows(self) -> tuple[Array, Array, Array]:
        """D as a matrix, what group each row of it is in, and the λ of each group."""
        *spatial, depth = self.pixels.shape
        λ = np.broadcast_to(np.asarray(self.weight, float), spatial)
        by = (1.0,) * self.axes if self.axis_weights is None else self.axis_weights
        rows: list[Array] = []
        groups: list[tuple[int, ...]] = []
        radii: dict[tuple[int, ...], float] = {}
        for at in np.ndindex(*spatial):
            for axis, length in enumerate(spatial):
                ahead = (at[axis] + 1) % length if self.boundary == "periodic" else at[axis] + 1
                to = (*at[:axis], ahead, *at[axis + 1 :])
                if to == at or ahead >= length:
                    continue
                for c in range(depth):
                    row = np.zeros(self.pixels.shape)
                    row[(*to, c)] += by[axis]
                    row[(*at, c)] -= by[axis]
                    rows.append(row.ravel())
                    group = (*at, axis if self.tv == "anisotropic" else -1, c if self.channels == "separate" else -1)
                    groups.append(group)
                    radii[group] = float(λ[at])
        names = sorted(radii)
        number = {name: k for k, name in enumerate(names)}
        matrix = np.array(rows).reshape(-1, self.pixels.size)
        return matrix, np.array([number[g] for g in groups], int), np.array([radii[name] for name in names])

    @cached_property
    def _known(self) -> Array:
        """m of every unknown of the flattened picture."""
        m = np.ones(self.pixels.shape[:-1]) if self.weights is None else np.asarray(self.weights, float)
        return np.broadcast_to(m[..., None], self.pixels.shape).ravel()

    @cached_property
    def _known_values(self) -> Array:
        """The pixels with m > 0: (how many, channels)."""
        return self.pixels[self._known.reshape(self.pixels.shape)[..., 0] > 0]

    def total_variation(self, u: Array) -> float:
        matrix, group, radius = self._rows
        squares = np.bincount(group, (matrix @ np.asarray(u, float).ravel()) ** 2, len(radius))
        return float(radius @ np.sqrt(squares))

    def cost(self, u: Array) -> float:
        residual = np.abs(np.asarray(u, float).ravel() - self.pixels.ravel())
        return float(self._known @ (residual if self.fidelity == "l1" else residual**2)) + self.total_variation(u)

    def bound(self, p: Array) -> float:
        """What a dual variable, one number a row of D, proves: any p, once pulled into its balls, is a valid proof."""
        matrix, group, radius = self._rows
        norms = np.sqrt(np.bincount(group, p**2, len(radius)))
        p = p * np.minimum(1, radius / np.maximum(norms, 1e-300))[group]
        g, f, m = matrix.T @ p, self.pixels.ravel(), self._known
        known = self._known_values
        lo, hi = (np.broadcast_to(end(axis=0), self.pixels.shape).ravel() for end in (known.min, known.max))
        candidates = [lo, hi]
        if self.fidelity == "l1":
            candidates.append(np.clip(f, lo, hi))
        else:
            with np.errstate(divide="ignore", invalid="ignore"):
                candidates.append(np.clip(np.where(m > 0, f - g / (2 * m), lo), lo, hi))
        residuals = [np.abs(u - f) if self.fidelity == "l1" else (u - f) ** 2 for u in candidates]
        return float(np.sum(np.min([m * r + g * u for r, u in zip(residuals, candidates, strict=True)], axis=0)))

    def bracket(self, precision: float = 1e-8) -> tuple[float, float]:
        """(lower, upper) around the minimum, by a primal-dual Newton method on √(x² + ε²), ε falling.

        Chan, Golub & Mulet 1999, SIAM J. Sci. Comput. 20, 1964-1977. Where the answer stands between two bounds, it matters to
        nobody how it was found.
        """
        tv_rows, tv_group, tv_radius = self._rows
        f, m = self.pixels.ravel(), self._known
        matrix, group, radius, offset = tv_rows, tv_group, tv_radius, np.zeros(len(tv_rows))
        quadratic = m if self.fidelity == "l2" else np.zeros_like(m)
        if self.fidelity == "l1":
            matrix = np.vstack([tv_rows, np.eye(f.size)])
            group = np.concatenate([tv_group, len(tv_radius) + np.arange(f.size)])
            radius = np.concatenate([tv_radius, m])
            offset = np.concatenate([offset, f])
        mean = self._known_values.mean(axis=0)
        u = np.where(m > 0, f, np.broadcast_to(mean, self.pixels.shape).ravel())
        span = float(np.ptp(u)) or 1.0
        w, lower, upper = np.zeros(len(matrix)), -np.inf, self.cost(u)
        ε = span
        for _ in range(200):
            v = matrix @ u - offset
            η = np.sqrt(np.bincount(group, v**2, len(radius)) + ε**2)[group]
            along = np.zeros((len(radius), len(u)))
            np.add.at(along, group, v[:, None] * matrix)
            r = radius[group]
            hessian = np.diag(2 * quadratic) + matrix.T @ ((r / η)[:, None] * (matrix - (w / η)[:, None] * along[group]))
            hessian = (hessian + hessian.T) / 2 + 1e-14 * np.trace(hessian) / len(u) * np.eye(len(u))
            slope = 2 * quadratic * (u - f) + matrix.T @ (r * v / η)
            step = -np.linalg.solve(hessian, slope)
            move = matrix @ step
            change = (v + move - w * np.bincount(group, v * move, len(radius))[group] / η) / η - w
            t = 1.0
            while t > 1e-6 and np.any(np.bincount(group, (w + t * change) ** 2, len(radius)) > 1):
                t *= 0.9
            u, w = u + step, w + t * change
            upper = min(upper, self.cost(u))
            lower = max(lower, self.bound((w * r)[: len(tv_rows)]))
            if upper - lower <= precision * abs(upper) or upper < 1e-13 * span:
                break
            if np.linalg.norm(move) < ε * len(move) ** 0.5:
                ε = max(0.4 * ε, 1e-11 * span)
        return lower, upper


@pytest.fixture(scope="session")
def energy() -> type[Energy]:
    return Energy


@pytest.fixture(scope="session")
def bounds_of() -> Callable[..., list[float]]:
    """The bounds in the records of a Solution."""

    def bounds(solution: Any) -> list[float]:
        return [record.bound for record in solution.records if record.bound is not None]

    return bounds


@pytest.fixture(scope="session")
def golden_port_names() -> list[str]:
    return [case.name for case in golden_cases("tv")]


@pytest.fixture(scope="session")
def golden_optimum_names() -> list[str]:
    return [case.name for case in golden_cases("tvopt")]
