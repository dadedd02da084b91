"""A clean picture, a map of λ and the method noise, by windows; and planes that are small enough to be done whole."""

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
from denoise_cli.measure.whiteness import whiteness
from denoise_cli.variational import denoise as solve

Run = Callable[..., Any]
SIDE = 220
WORDS = ("--method", "optimal", "--workers", "1", "--memory", "800kB", "--json", "--overwrite")


def clean(*channels: int) -> Any:
    y, x = np.mgrid[:SIDE, :SIDE]
    values = 0.3 + 0.4 * ((x // 41 + y // 29) % 2)
    return np.broadcast_to(values.reshape(SIDE, SIDE, *(1 for _ in channels)), (SIDE, SIDE, *channels)).astype("float32")


def noisy(*channels: int, seed: int = 0) -> Any:
    return clean(*channels) + np.float32(0.1) * np.random.default_rng(seed).standard_normal((SIDE, SIDE, *channels)).astype("float32")


def level() -> Any:
    return (0.02 + 0.1 * np.mgrid[:SIDE, :SIDE][1] / SIDE).astype("float32")


def told(outcome: Any) -> dict[str, Any]:
    assert outcome.code == 0, outcome.err
    return dict(json.loads(outcome.out.splitlines()[0]))


def tiled(outcome: Any) -> dict[str, Any]:
    report = told(outcome)
    assert "tiles" in report["notes"][0]
    return report


def test_under_a_map_tiles_have_the_bits_of_the_whole_picture() -> None:
    recipe = Recipe(((slice(0, 1), 1.0),), offset=(0.5,), workers=1)
    picture, found = noisy(), cut((SIDE, SIDE), 22, 9000)
    picture[50:60, 80:100] = np.nan
    assert found is not None
    once, sums, _ = solve_window(Page(picture), (slice(0, SIDE), slice(0, SIDE)), recipe, 0, 21, level=level())
    cost = 0.0
    for tile in found.tiles:
        rows, columns = tile.window
        pixels, added, _ = solve_window(Page(picture[rows, columns]), tile.core, recipe, 0, 21, level=level()[rows, columns])
        np.testing.assert_array_equal(pixels, once[tile.rows, tile.columns])
        cost += added.cost
    assert cost == pytest.approx(sums.cost, rel=1e-6)


@pytest.mark.parametrize("factor", [None, 0.5])
def test_a_map_of_lambda_by_tiles_is_that_of_the_whole_within_the_gap(denoise: Run, tmp_path: Path, factor: float | None) -> None:
    np.save(tmp_path / "a.npy", noisy())
    np.save(tmp_path / "map.npy", level())
    words = () if factor is None else ("--lambda", factor)
    report = tiled(denoise(tmp_path / "a.npy", "-o", tmp_path / "b.npy", "--lambda-map", tmp_path / "map.npy", *words, *WORDS))
    truth = solve(noisy(), level() * (factor or 1), method="optimal", gap=1e-5, workers=1)
    assert truth.bound is not None
    assert truth.bound * (1 - 1e-6) <= report["cost"] <= truth.cost * (1 + 1e-3)
    assert report["bound"] <= truth.cost
    assert report["gap"] <= 1e-3


@pytest.mark.parametrize("samples", [(), (3,)], ids=["grey", "colours"])
def test_psnr_and_method_noise_by_tiles_are_those_of_the_pictures(denoise: Run, tmp_path: Path, samples: tuple[int, ...]) -> None:
    for name, values in (("a", noisy(*samples)), ("clean", clean(*samples))):
        np.save(tmp_path / f"{name}.npy", values)
    words = ("--lambda", "0.1", "--reference", tmp_path / "clean.npy", "--residual", tmp_path / "r.npy", *WORDS)
    report = tiled(denoise(tmp_path / "a.npy", "-o", tmp_path / "b.npy", *words))
    result, residual = np.load(tmp_path / "b.npy"), np.load(tmp_path / "r.npy")
    assert report["psnr_db"] == pytest.approx(-10 * np.log10(np.mean((result - clean(*samples)) ** 2)), abs=1e-4)
    np.testing.assert_allclose(residual, noisy(*samples) - result, atol=1e-6)
    assert report["residual_std"] == pytest.approx(np.sqrt(residual.reshape(-1, *samples or (1,)).var(axis=0).mean()), rel=1e-4)
    assert report["whiteness"] == pytest.approx(whiteness(residual), rel=1e-4)


def test_of_whole_numbers_the_method_noise_lies_about_mid_grey_as_that_of_the_whole(denoise: Run, tmp_path: Path) -> None:
    stack = np.stack([(255 * np.clip(noisy(seed=seed), 0, 1)).astype("u1") for seed in (0, 1)])
    stack[:, :20, :20] = 7
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack", tile=(64, 64), compression="zlib")
    shown: set[str] = set()
    for name, memory in (("tiles", ()), ("whole", ("--memory", "1GB"))):
        words = (*WORDS, "--lambda", "0.05", "--nodata", "7", *memory, "--residual", tmp_path / f"{name}-r.tif")
        report = told(denoise(tmp_path / "a.tif", "-o", tmp_path / f"{name}.tif", *words))
        shown |= {note.partition(": ")[2] for note in report["notes"] if "(input − result)" in note}
    one, other = (tifffile.imread(tmp_path / f"{name}-r.tif").astype(int) for name in ("tiles", "whole"))
    assert len(shown) == 1  # the same magnification
    assert one.shape == stack.shape
    assert np.abs(one - other).max() <= 4
    assert np.abs(one - other).mean() < 0.1 < one.std()
    assert not any(each.name.startswith(".a") or "tiles" in each.suffixes for each in tmp_path.iterdir())


@pytest.mark.parametrize(
    ("option", "values", "said"),
    [
        ("--reference", clean()[:50], "the reference is 220 × 50 grey"),
        ("--lambda-map", level()[:50], "the map is 220 × 50 grey"),
        ("--lambda-map", -level(), "negative or NaN"),
        ("--lambda-map", None, "No such file"),
    ],
)
def test_what_does_not_fit_beside_a_large_picture_is_one_line(denoise: Run, tmp_path: Path, option: str, values: Any, said: str) -> None:
    np.save(tmp_path / "a.npy", noisy())
    if values is not None:
        np.save(tmp_path / "beside.npy", values)
    weight = ("--lambda", "0.1") if option == "--reference" else ()
    outcome = denoise(tmp_path / "a.npy", "-o", tmp_path / "b.npy", option, tmp_path / "beside.npy", *weight, *WORDS)
    assert outcome.code != 0
    assert outcome.err.count("\n") == 1
    assert said in outcome.err
    assert not any(".denoise-tiles" in each.name or each.name == "b.npy" for each in tmp_path.iterdir())


@pytest.mark.parametrize(
    "words", [("--method", "matlab"), ("--method", "optimal", "--l1", "--lambda", "0.8"), ("--method", "optimal", "--mask", "mask.npy")]
)
def test_a_store_that_fits_into_memory_is_done_by_every_method(denoise: Run, tmp_path: Path, words: tuple[str, ...]) -> None:
    zarr = pytest.importorskip("zarr")
    np.save(tmp_path / "a.npy", noisy())
    np.save(tmp_path / "mask.npy", (np.random.default_rng(2).random((SIDE, SIDE)) > 0.1).astype("float32"))
    zarr.create_array(tmp_path / "a.zarr", shape=(SIDE, SIDE), chunks=(64, 64), dtype="f4")[:] = noisy()
    np.save(tmp_path / "clean.npy", clean())
    words = ("--lambda", "0.1", "--reference", tmp_path / "clean.npy", *(tmp_path / word if word == "mask.npy" else word for word in words))
    one, other = (told(denoise(tmp_path / f"a.{kind}", "-o", tmp_path / f"b.{kind}", *words, "--json")) for kind in ("npy", "zarr"))
    for name in ("cost", "psnr_db", "iterations", "method", "fidelity", "weight"):
        assert one[name] == (pytest.approx(other[name]) if isinstance(other[name], float) else other[name]), name
    np.testing.assert_array_equal(np.asarray(zarr.open(str(tmp_path / "b.zarr"), mode="r")), np.load(tmp_path / "b.npy"))


def test_a_stack_is_done_plane_by_plane_where_each_fits_and_all_do_not(denoise: Run, tmp_path: Path) -> None:
    stack = np.stack([noisy(seed=seed) for seed in range(4)])
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack")
    words = ("--lambda", "0.1", "--iterations", "5", "--workers", "1", "--json")
    for name, memory in (("b", "2.5MB"), ("c", "1GB")):
        report = told(denoise(tmp_path / "a.tif", "-o", tmp_path / f"{name}.tif", *words, "--memory", memory))
        assert report["method"] == "matlab"
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.tif"), tifffile.imread(tmp_path / "c.tif"))
    outcome = denoise(tmp_path / "a.tif", "-o", tmp_path / "d.tif", *words, "--memory", "1MB")
    assert outcome.code == 1
    assert "needs the whole picture at once" in outcome.err
