"""The iterations, against themselves as the papers have them: dense matrices, no scaling, nothing folded together."""

from __future__ import annotations

import numpy as np
import pytest

from denoise_cli.kernels import binding as kernels
from denoise_cli.variational.fidelities import L1
from denoise_cli.variational.operators import BOUNDARIES
from denoise_cli.variational.problem import Problem
from denoise_cli.variational.projection import TOGETHER, Repair
from denoise_cli.variational.regularisers import TotalVariation
from denoise_cli.variational.solver import Anchors, Penalties, SplitBregman
from denoise_cli.variational.strips import Strips

SHAPE = (6, 7)
PATHS = ["numpy", *(["compiled"] if kernels.compiled is not None else [])]


def path(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name == "numpy":
        monkeypatch.setattr(kernels, "compiled", None)


def picture() -> np.ndarray:
    return np.random.default_rng(3).random(SHAPE)


def problem(f: np.ndarray, weight: float, tv: str) -> Problem:
    observed = f[None]
    return Problem(observed, L1(None), TotalVariation(weight, tv, "separate"), BOUNDARIES["symmetric"](Strips(observed.shape, f.dtype, 2)))


def matrix() -> np.ndarray:
    """D of a SHAPE picture, symmetric boundary: x differences, then y."""
    rows = []
    number = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    for axis in (1, 0):
        for start, end in zip(number.ravel(), np.roll(number, -1, axis).ravel(), strict=True):
            row = np.zeros(number.size)
            if end - start == (1, SHAPE[1])[1 - axis]:
                row[[start, end]] = -1, 1
            rows.append(row)
    return np.array(rows)


def onto_balls(p: np.ndarray, radius: float, tv: str) -> np.ndarray:
    if tv == "anisotropic":
        return p.clip(-radius, radius)
    norms = np.hypot(*p.reshape(2, -1))
    return (p.reshape(2, -1) * np.minimum(1, radius / np.maximum(norms, 1e-300))).ravel()


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("tv", ["isotropic", "anisotropic"])
def test_anchors_make_split_bregman_the_restarted_halpern_iteration_of_douglas_and_rachford(
    name: str, tv: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path(name, monkeypatch)
    f, d, weight, penalty, over, last = picture(), matrix(), 0.7, 3.0, 1.8, 40
    first, share = 8, 0.25
    solver = SplitBregman(
        problem(f, weight, tv), Penalties(penalty, penalty), relaxation=over, start_from_observed=True, anchors=Anchors(first, share)
    )
    ours = [state.u[0].copy() for state in solver.states(last)]

    # The state V of (Du, u − f): what is beyond the ball of the dual variable is the split variable Z.
    n, flat = f.size, f.ravel()
    inverse = np.linalg.inv(np.eye(n) + d.T @ d)
    state = over * np.concatenate([d @ flat, np.zeros(n)])  # u = f
    anchor, since, restarts = state, -1, 0
    for iteration in range(last):
        dual = np.concatenate([onto_balls(state[: 2 * n], weight / penalty, tv), state[2 * n :].clip(-1 / penalty, 1 / penalty)])
        target = state - 2 * dual
        u = inverse @ (flat + d.T @ target[: 2 * n] + target[2 * n :])
        np.testing.assert_allclose(ours[iteration].ravel(), u, rtol=0, atol=1e-12)
        missing = np.concatenate([d @ u, u - flat]) - (state - dual)
        if iteration < first:
            state = state + over * missing
            continue
        if since < 0 or since + 1 > share * iteration:
            anchor, since, restarts = state, -1, restarts + 1
        since += 1
        t = (since + 1) / (since + 2)
        state = (1 - t) * anchor + t * (state + 2 * missing)
    assert restarts > 3


def test_anchors_are_dropped_after_a_share_of_all_iterations() -> None:
    since = [Anchors(10, 0.25).since(k) for k in range(30)]
    assert since[:10] == [None] * 10
    assert since[10:] == [0, 1, 2, 3, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3]


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("tv", ["isotropic", "anisotropic"])
def test_a_repair_is_accelerated_projected_gradient_on_what_is_beyond_one(name: str, tv: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path(name, monkeypatch)
    f, d, weight = picture(), matrix(), 0.9
    here = problem(f, weight, tv)
    p = onto_balls(np.random.default_rng(8).standard_normal(2 * f.size) * (np.abs(d).sum(axis=1) > 0), weight, tv)

    def excess(p: np.ndarray) -> np.ndarray:
        g = d.T @ p
        return np.sign(g) * np.maximum(np.abs(g) - 1, 0)

    now, before, t = p, p, 1.0
    for _ in range(TOGETHER):
        t, old = (1 + np.sqrt(1 + 4 * t * t)) / 2, t
        q = now + (old - 1) / t * (now - before)
        now, before = onto_balls(q - d @ excess(q) / 8, weight, tv), now

    divergence = np.empty_like(here.observed)
    repair = Repair(here, p.reshape(2, 1, *SHAPE).copy())
    repair.divergence(divergence)
    np.testing.assert_allclose(repair.p.ravel(), now, rtol=0, atol=1e-13)
    np.testing.assert_allclose(divergence.ravel(), d.T @ now, rtol=0, atol=1e-13)
    assert np.square(excess(now)).sum() < 0.1 * np.square(excess(p)).sum()
