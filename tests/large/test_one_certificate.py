"""Tiles are exactly the whole picture: the same bits, the same cost, one proof."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from denoise_cli.formats.picture import Page
from denoise_cli.large.by_tiles import run_by_tiles
from denoise_cli.large.cuts import Cell, cut
from denoise_cli.large.eligible import is_for_tiles
from denoise_cli.large.patch import solve_window
from denoise_cli.large.recipe import Recipe
from denoise_cli.pipeline.job import Job
from denoise_cli.settings import Settings
from denoise_cli.variational import denoise

Run = Callable[..., Any]
MEGABYTE = 10**6


def noisy(height: int, width: int, *channels: int, sigma: float = 0.1, seed: int = 0) -> Any:
    """Shapes with noise, on [0, 1]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    clean = 0.3 + 0.4 * ((x // 37 + y // 53) % 2) + 0.2 * (np.hypot(x - width / 2, y - height / 3) < min(height, width) / 4)
    clean = clean.reshape(height, width, *(1 for _ in channels)) * np.linspace(0.7, 1, *channels) if channels else clean
    return np.clip(clean + sigma * rng.standard_normal(clean.shape), 0, 1)


def recipe(channels: int = 1, weight: float = 0.15, **options: Any) -> Recipe:
    return Recipe(((slice(0, channels), weight),), offset=(0.5,) * channels, workers=1, **options)


def whole(size: tuple[int, int]) -> tuple[slice, slice]:
    return slice(0, size[0]), slice(0, size[1])


def in_tiles(picture: Any, told: Recipe, iterations: int, halo: int, most: int) -> tuple[Any, float, float]:
    """One sweep over tiles of at most `most` pixels."""
    found = cut(picture.shape[:2], halo, most)
    assert found is not None
    assert len(found.tiles) > 3
    out, cost, bound = np.empty_like(picture), 0.0, 0.0
    for tile in found.tiles:
        rows, columns = tile.window
        pixels, sums, _ = solve_window(Page(picture[rows, columns]), tile.core, told, 0, iterations)
        out[tile.rows, tile.columns] = pixels.reshape(out[tile.rows, tile.columns].shape)
        cost, bound = cost + sums.cost, bound + sums.bound
    return out, cost, bound


@pytest.mark.parametrize("options", [{}, {"tv": "anisotropic"}, {"precision": "float64"}], ids=["isotropic", "anisotropic", "float64"])
@pytest.mark.parametrize("channels", [(), (3,)], ids=["grey", "colours"])
def test_tiles_have_the_bits_of_the_whole_picture(channels: tuple[int, ...], options: dict[str, Any]) -> None:
    picture = noisy(190, 233, *channels).astype(options.get("precision", "float32"))
    told = recipe(*(channels or (1,)), **options)
    once, sums, _ = solve_window(Page(picture), whole(picture.shape[:2]), told, 0, 21)
    tiled, cost, bound = in_tiles(picture, told, 21, halo=22, most=9000)
    np.testing.assert_array_equal(tiled, once.reshape(picture.shape))
    assert cost == pytest.approx(sums.cost, rel=1e-6)
    assert bound == pytest.approx(sums.bound, rel=1e-6)


def test_a_halo_that_is_too_narrow_leaves_seams() -> None:
    picture = noisy(190, 233).astype("float32")
    once, _, _ = solve_window(Page(picture), whole(picture.shape), recipe(), 0, 21)
    tiled, _, _ = in_tiles(picture, recipe(), 21, halo=8, most=9000)
    assert np.abs(tiled - once[:, :, 0]).max() > 1e-6


def test_cost_and_bound_are_those_that_the_solver_proves() -> None:
    picture = noisy(120, 130)
    told = recipe(precision="float64", weight=0.12)
    _, sums, _ = solve_window(Page(picture), whole(picture.shape), told, 0, 400)
    truth = denoise(picture, 0.12, method="optimal", gap=1e-9)
    assert sums.bound <= truth.cost * (1 + 1e-12)
    assert sums.cost >= (truth.bound or 0) * (1 - 1e-12)
    assert (sums.cost - sums.bound) / sums.cost < 1e-4


def test_iterations_in_several_sweeps_are_those_of_one() -> None:
    picture = noisy(90, 80).astype("float32")
    at_once, one, _ = solve_window(Page(picture), whole(picture.shape), recipe(), 0, 30)
    state = None
    for first in (0, 10, 20):
        found, sums, state = solve_window(Page(picture), whole(picture.shape), recipe(), first, 10, state, keep=True)
    np.testing.assert_array_equal(found, at_once)
    assert sums == one


def test_holes_come_back_and_leave_no_seam() -> None:
    picture = noisy(190, 233).astype("float32")
    picture[40:90, 60:130] = np.nan
    picture[np.random.default_rng(2).random(picture.shape) < 0.01] = np.nan
    once, sums, _ = solve_window(Page(picture), whole(picture.shape), recipe(), 0, 15)
    tiled, cost, bound = in_tiles(picture, recipe(), 15, halo=16, most=8000)
    np.testing.assert_array_equal(tiled, once[:, :, 0])
    np.testing.assert_array_equal(np.isnan(tiled), np.isnan(picture))
    assert (cost, bound) == pytest.approx((sums.cost, sums.bound), rel=1e-6)


def run(path: Path, output: Path, memory: int = MEGABYTE, **settings: Any) -> Any:
    job = Job(path, output, Settings(memory=memory, workers=1, overwrite=True, **settings).resolved())
    assert is_for_tiles(job)
    report = run_by_tiles(job)
    assert report.error is None, report.error
    return report


@pytest.mark.parametrize("gap", [1e-3, 1e-5])
def test_a_picture_of_600_squared_under_a_megabyte_is_the_whole_one_within_the_gap(tmp_path: Path, gap: float) -> None:
    picture = noisy(600, 600)
    np.save(tmp_path / "a.npy", picture.astype("float32"))
    report = run(tmp_path / "a.npy", tmp_path / "b.npy", method="optimal", weight=0.1, gap=gap)
    truth = denoise(picture.astype("float32"), 0.1, method="optimal", gap=1e-5, workers=1)
    assert truth.bound is not None
    assert truth.bound <= report.cost * (1 + 1e-6)
    assert report.cost - truth.cost <= gap * report.cost
    assert report.gap <= gap
    assert report.bound <= truth.cost * (1 + 1e-6)
    # The cost that is told is that of the picture that was written.
    found = np.load(tmp_path / "b.npy").astype("float64")
    dx, dy = np.diff(found, axis=1, append=found[:, -1:]), np.diff(found, axis=0, append=found[-1:])
    assert report.cost == pytest.approx(((found - picture) ** 2).sum() + 0.1 * np.hypot(dx, dy).sum(), rel=1e-5)


def test_at_a_tight_gap_no_pixel_tells_tiles_from_the_whole(tmp_path: Path) -> None:
    picture = noisy(160, 170)
    np.save(tmp_path / "a.npy", picture)
    settings: dict[str, Any] = {"method": "optimal", "weight": 0.1, "gap": 1e-6, "dtype": "float64"}
    report = run(tmp_path / "a.npy", tmp_path / "b.npy", 300_000, **settings)
    assert "sweeps" in report.notes[0]
    truth = denoise(picture, 0.1, method="optimal", gap=1e-6, workers=1)
    assert np.abs(np.load(tmp_path / "b.npy") - truth.image).max() <= 1e-3


def test_the_result_does_not_depend_on_the_budget_nor_on_the_sweeps_that_it_takes(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", noisy(140, 150).astype("float32"))
    found, notes = [], set()
    for memory in (500_000, 300_000, 200_000):
        notes.add(run(tmp_path / "a.npy", tmp_path / "b.npy", memory, method="optimal", weight=0.1, gap=1e-4).notes[0])
        found.append(np.load(tmp_path / "b.npy"))
    assert len(notes) == 3
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


@pytest.mark.parametrize("side", [128, 100, 77])
def test_steps_across_the_borders_of_tiles_are_those_of_the_whole(tmp_path: Path, side: int) -> None:
    from denoise_cli.large.crews import SerialCrew
    from denoise_cli.large.cuts import Cut
    from denoise_cli.large.journal import Journal
    from denoise_cli.large.patch import Patch
    from denoise_cli.large.raw_table import RawTable
    from denoise_cli.large.sweeps import Course, Nobody, solve_plane
    from denoise_cli.large.windows import Kind

    picture = noisy(600, 600).astype("float32")
    once = denoise(picture, 0.1, method="optimal", workers=1)
    np.save(tmp_path / "a.npy", picture)
    pixels = RawTable.npy(tmp_path / "b.npy", picture.shape, (1, *picture.shape, 1), picture.dtype)
    empty = Cell(slice(0, 0), slice(0, 0), 0, 0, 0, 0)
    patch = Patch(tmp_path / "a.npy", side, None, Kind(1, 1), 0, empty, recipe(weight=0.1), 0, 1, pixels)
    journal = Journal(tmp_path / "b.npy", {})

    def planned(iterations: int) -> Course:
        # In two sweeps, so that the dual variable on the disk crosses the borders as well.
        stride = math.ceil(iterations / 2)
        return Course(Cut(picture.shape, side, side, stride + 1), stride, keeps=True)

    swept = solve_plane(patch, once.iterations, planned, journal, SerialCrew(), Nobody())
    journal.remove()
    found = np.load(tmp_path / "b.npy")
    assert (swept.iterations, swept.sweeps) == (once.iterations, 2)
    assert swept.cost == pytest.approx(once.cost, rel=1e-6)
    for axis in (0, 1):
        steps = [np.abs(np.diff(each, axis=axis)).mean(axis=1 - axis)[side - 1 :: side] for each in (found, once.image)]
        assert len(steps[0]) == 599 // side
        assert float(steps[0].mean() - steps[1].mean()) <= 1e-5 * float(np.ptp(picture))
        # And not by being smooth where the picture is not.
        assert np.abs(steps[0] - steps[1]).max() <= 1e-5 * float(np.ptp(picture))


@pytest.mark.parametrize(
    ("shape", "dtype", "settings"),
    [((520, 520), "float32", {}), ((600, 600, 3), "uint8", {}), ((370, 370), "float64", {"dtype": "float64", "gap": 1e-4})],
    ids=["one sweep", "colours, TIFF", "several sweeps"],
)
def test_a_run_stays_within_its_budget(tmp_path: Path, shape: tuple[int, ...], dtype: str, settings: dict[str, Any]) -> None:
    import tracemalloc

    ending, told = "tif" if dtype == "uint8" else "npy", {"method": "optimal", "weight": 0.05, **settings}

    def write(path: Path, *shape: int) -> int:
        stored = ((255 if dtype == "uint8" else 1) * noisy(*shape)).astype(dtype)
        if ending == "npy":
            np.save(path, stored)
        else:
            tifffile.imwrite(path, stored, photometric="rgb", tile=(64, 64), compression="zlib")
        return int(stored.nbytes)

    source, result = tmp_path / f"a.{ending}", tmp_path / f"b.{ending}"
    write(source, 150, 150, *shape[2:])
    run(source, result, MEGABYTE // 4, **told)  # what is imported counts for nobody
    assert write(source, *shape) > MEGABYTE  # who holds it whole is found out
    tracemalloc.start()
    report = run(source, result, **told)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert ("sweeps" in report.notes[0]) == ("gap" in settings)
    assert peak <= MEGABYTE


def test_noise_and_lambda_come_from_a_sample(tmp_path: Path) -> None:
    for sigma in (0.05, 0.1):
        np.save(tmp_path / "a.npy", noisy(600, 600, sigma=sigma).astype("float32"))
        report = run(tmp_path / "a.npy", tmp_path / "b.npy", 3 * MEGABYTE)
        assert report.method == "optimal"
        assert report.sigma == pytest.approx(sigma, rel=0.1)


def test_colours_by_tiles_are_those_of_the_whole_within_the_gap(tmp_path: Path) -> None:
    picture = noisy(300, 280, 3).astype("float32")
    np.save(tmp_path / "a.npy", picture)
    report = run(tmp_path / "a.npy", tmp_path / "b.npy", method="optimal", weight=0.15)
    truth = denoise(picture, 0.15, method="optimal", gap=1e-3, workers=1)
    assert report.gap <= 1e-3
    assert report.cost == pytest.approx(truth.cost, rel=1e-3)
    assert np.abs(np.load(tmp_path / "b.npy") - truth.image).mean() < 2e-3


def test_the_network_by_tiles_is_the_network(tmp_path: Path) -> None:
    from denoise_cli.pipeline.python import denoise as of_python

    picture = noisy(700, 420).astype("float32")
    np.save(tmp_path / "a.npy", picture)
    path, output = tmp_path / "a.npy", tmp_path / "b.npy"
    report = run_by_tiles(Job(path, output, Settings(memory=80 * MEGABYTE, workers=1, method="learned", sigma=0.1).resolved()))
    assert report.error is None, report.error
    assert "tiles" in report.notes[0]
    once = of_python(picture, method="learned", sigma=0.1, workers=1).image
    assert np.abs(np.load(output) - once).max() < 1e-5
