"""TV-L1 by tiles: the bits of the whole picture, and a bound that is true."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from denoise_cli.formats.picture import Page
from denoise_cli.large.cuts import cut
from denoise_cli.large.patch import solve_window
from denoise_cli.large.recipe import Recipe
from denoise_cli.large.tallies import total
from denoise_cli.variational import denoise as solve

Run = Callable[..., Any]
SIDE = 220


def spoilt(*channels: int) -> Any:
    """Checks with 10 % impulses and a little noise."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE]
    clean = (0.3 + 0.4 * ((x // 41 + y // 29) % 2)).reshape(SIDE, SIDE, *(1 for _ in channels))
    found = clean + 0.02 * rng.standard_normal((SIDE, SIDE, *channels))
    return np.where(rng.random(found.shape) < 0.1, rng.random(found.shape), found).astype("float32")


def recipe(channels: int = 1, **options: Any) -> Recipe:
    return Recipe(((slice(0, channels), 0.8),), offset=(0.5,) * channels, workers=1, fidelity="l1", **options)


def whole(picture: Any, told: Recipe, first: int, iterations: int, *more: Any, **words: Any) -> Any:
    return solve_window(Page(picture), (slice(0, SIDE), slice(0, SIDE)), told, first, iterations, *more, **words)


@pytest.mark.parametrize("options", [{}, {"tv": "anisotropic"}, {"precision": "float64"}], ids=["isotropic", "anisotropic", "float64"])
@pytest.mark.parametrize("channels", [(), (3,)], ids=["grey", "colours"])
def test_tiles_have_the_bits_and_the_sums_of_the_whole_picture(channels: tuple[int, ...], options: dict[str, Any]) -> None:
    picture, told = spoilt(*channels).astype(options.get("precision", "float32")), recipe(*(channels or (1,)), **options)
    picture[60:80, 30:90] = np.nan
    once, sums, _ = whole(picture, told, 0, 15)
    tiles = cut((SIDE, SIDE), 15 + told.beyond, 8000)
    assert tiles is not None
    assert len(tiles.tiles) > 3
    added = []
    for tile in tiles.tiles:
        pixels, each, _ = solve_window(Page(picture[tile.window]), tile.core, told, 0, 15)
        np.testing.assert_array_equal(pixels, once[tile.rows, tile.columns])
        added.append(each)
    assert total(added).cost == pytest.approx(sums.cost, rel=1e-6)
    assert total(added).proved == pytest.approx(sums.proved, rel=1e-6)


def test_the_proof_needs_the_halo_of_the_repair_as_well() -> None:
    picture, told = spoilt(), recipe()

    def proved(halo: int) -> Any:
        window = picture[60 - halo : 90 + halo, 60 - halo : 90 + halo]
        return solve_window(Page(window), (slice(halo, halo + 30), slice(halo, halo + 30)), told, 0, 3)[1].bound

    assert proved(3 + told.beyond) == pytest.approx(proved(50), rel=1e-13)
    assert proved(4) != pytest.approx(proved(50), rel=1e-10)


def test_iterations_in_several_sweeps_are_those_of_one() -> None:
    once, sums, _ = whole(spoilt(), recipe(), 0, 30)
    state = None
    for first in (0, 10, 20):
        found, added, state = whole(spoilt(), recipe(), first, 10, state, keep=True)
    np.testing.assert_array_equal(found, once)
    assert added == sums


def test_cost_and_bound_enclose_the_minimum() -> None:
    truth = solve(spoilt(), 0.8, fidelity="l1", method="optimal", gap=1e-4, workers=1)
    assert truth.bound is not None
    gaps = []
    for iterations in (25, 100, 500):
        found, sums, _ = whole(spoilt(), recipe(), 0, iterations)
        assert sums.proved <= truth.cost * (1 + 1e-6)
        assert sums.cost >= truth.bound * (1 - 1e-6)
        u = found[:, :, 0].astype("float64")
        dx, dy = np.diff(u, axis=1, append=u[:, -1:]), np.diff(u, axis=0, append=u[-1:])
        assert sums.cost == pytest.approx(np.abs(u - spoilt()).sum() + 0.8 * np.hypot(dx, dy).sum(), rel=1e-5)
        gaps.append(1 - sums.proved / sums.cost)
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] < 1e-3


@pytest.mark.parametrize("scale", [1, 1000])
def test_l1_by_tiles_is_certified_in_the_units_of_the_picture(denoise: Run, tmp_path: Path, scale: float) -> None:
    np.save(tmp_path / "a.npy", scale * spoilt())
    words = ("--method", "optimal", "--l1", "--lambda", "0.8", "--gap", "1e-2", "--memory", "1.5MB", "--workers", "1", "--json")
    outcome = denoise(tmp_path / "a.npy", "-o", tmp_path / "b.npy", *words)
    assert outcome.code == 0, outcome.err
    report = json.loads(outcome.out.splitlines()[0])
    assert "tiles" in report["notes"][0]
    assert (report["fidelity"], report["status"]) == ("l1", "converged")
    truth = solve(spoilt(), 0.8, fidelity="l1", method="optimal", gap=1e-4, workers=1)
    assert report["gap"] <= 1e-2
    assert truth.bound is not None
    assert truth.bound * (1 - 1e-6) <= report["cost"] / scale <= truth.cost * (1 + 1e-2)
    assert report["bound"] / scale <= truth.cost * (1 + 1e-6)


def test_under_the_threshold_the_input_comes_back_and_a_word_says_so(denoise: Run, tmp_path: Path) -> None:
    pixels = (255 * np.clip(spoilt(3), 0, 1)).astype("u1")
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", tile=(64, 64))
    words = ("--method", "optimal", "--l1", "--lambda", "0.1", "--memory", "5MB", "--workers", "1")
    outcome = denoise(tmp_path / "a.tif", "-o", tmp_path / "b.tif", *words)
    assert outcome.code == 0, outcome.err
    assert "tiles" in outcome.err
    assert "the exact answer is the input" in outcome.err
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.tif"), pixels)
