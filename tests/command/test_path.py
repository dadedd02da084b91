"""`denoise path`: what stands in the table is what the solver gives; the sheet holds a crop a λ; a choice can be frozen."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from denoise_cli import denoise as solve
from denoise_cli.choice.path import COLUMNS, around, path
from denoise_cli.measure.metrics import ssim
from denoise_cli.variational import psnr_db

Run = Callable[..., object]


@pytest.fixture
def noisy(tmp_path: Path, samples: Path) -> Path:
    Image.open(samples / "camera_gaussian.png").crop((60, 40, 160, 130)).save(tmp_path / "noisy.png")
    Image.open(samples / "camera.png").crop((60, 40, 160, 130)).save(tmp_path / "clean.png")
    return tmp_path / "noisy.png"


def rows(table: Path) -> list[dict[str, float]]:
    with table.open(newline="") as stream:
        return [{name: float(cell) if cell else np.nan for name, cell in row.items()} for row in csv.DictReader(stream)]


def test_a_row_is_what_the_solver_gives(denoise: Run, noisy: Path, tmp_path: Path) -> None:
    run = denoise(
        "path", noisy, "--lambdas", "0.05,0.3", "--sigma", "0.1", "--reference", tmp_path / "clean.png", "--csv", tmp_path / "p.csv"
    )
    assert run.code == 0
    table = rows(tmp_path / "p.csv")
    assert list(table[0]) == list(COLUMNS)
    assert len(table) == 3  # and the automatic choice
    assert [row["automatic"] for row in table] == [0, 1, 0]
    observed, clean = (np.asarray(Image.open(tmp_path / name)) / 255 for name in ("noisy.png", "clean.png"))
    for row in table:
        exact = solve(observed, row["lambda"], method="optimal", gap=1e-6)
        assert (row["cost"] - exact.cost) / exact.cost < 1.1e-3
        assert row["gap"] <= 1e-3
        assert row["psnr_db"] == pytest.approx(psnr_db(exact.image, clean), abs=0.1)
        assert row["ssim"] == pytest.approx(ssim(exact.image, clean), abs=0.01)
        assert row["sigma_removed"] == pytest.approx(np.std(observed - exact.image), rel=0.02)


def test_the_sheet_holds_the_input_and_every_lambda(denoise: Run, noisy: Path, tmp_path: Path) -> None:
    assert denoise("path", noisy, "--lambdas", "0.05,3", "--sigma", "0.1", "--crop", "10,20,30,20").code == 0
    sheet = np.asarray(Image.open(tmp_path / "noisy_path.png")).astype(int)
    observed = np.asarray(Image.open(noisy))[20:40, 10:40]
    # The input is the first tile: its pixels, as squares, somewhere on the sheet.
    found = [
        (y, x, size)
        for size in range(5, 15)
        for y in range(40, 140)
        for x in range(10, 60)
        if np.array_equal(sheet[y : y + 20 * size : size, x : x + 30 * size : size, 0], observed)
    ]
    assert found
    # The largest λ is the last tile: hardly any differences are left.
    y, x, size = found[0]
    pitch = 30 * size + 8 + 14
    last = sheet[y : y + 20 * size, x + 3 * pitch : x + 3 * pitch + 30 * size, 0]
    assert np.abs(np.diff(last[::size, ::size])).mean() < np.abs(np.diff(observed.astype(int))).mean() / 4


def test_the_automatic_lambda_is_framed_and_is_that_of_a_plain_run(denoise: Run, noisy: Path, tmp_path: Path) -> None:
    run = denoise("path", noisy, "--steps", 3, "--csv", tmp_path / "p.csv")
    chosen = next(row["lambda"] for row in rows(tmp_path / "p.csv") if row["automatic"])
    assert f"λ {chosen:.3g}, " in denoise(noisy, "--method", "optimal").err
    assert "← automatic" in run.out
    assert (np.asarray(Image.open(tmp_path / "noisy_path.png")) == (213, 94, 0)).all(axis=2).sum() > 500


def test_a_pick_is_frozen_and_denoises_others(denoise: Run, noisy: Path, tmp_path: Path) -> None:
    settings = tmp_path / "tuned.toml"
    assert denoise("path", noisy, "--steps", 2, "--pick", "0.123", "--save-config", settings, "--tv", "anisotropic").code == 0
    run = denoise(noisy, "--config", settings)
    assert run.code == 0
    assert "optimal, L2, λ 0.123" in run.err
    assert 'tv = "anisotropic"' in settings.read_text(encoding="utf-8")


def test_a_pick_beside_impulses_is_frozen_with_what_removes_them(denoise: Run, tmp_path: Path, samples: Path) -> None:
    picture = samples / "camera_impulses.png"
    sheet = ("-o", tmp_path / "sheet.png", "--results", tmp_path / "all")
    words = ("--lambdas", "0.002,0.004", "--pick", "0.004", "--gap", "1e-5", "--save-config", tmp_path / "tuned.toml")
    assert denoise("path", picture, *sheet, *words).code == 0
    run = denoise(picture, "--config", tmp_path / "tuned.toml", "-o", tmp_path / "again.png")
    assert run.code == 0, run.err
    places = (tmp_path / "again.png", tmp_path / "all/camera_impulses_0.004.png")
    again, shown = (np.asarray(Image.open(place)).astype(int) for place in places)
    assert abs(again - shown).max() <= 1


def test_whole_results_keep_depth_and_name(denoise: Run, tmp_path: Path, samples: Path) -> None:
    deep = Path(shutil.copy(samples / "camera_gaussian_16bit.png", tmp_path / "deep.png"))
    assert denoise("path", deep, "--lambdas", "0.1", "--sigma", "0.1", "--results", tmp_path / "all").code == 0
    results = sorted((tmp_path / "all").iterdir())
    assert len(results) == 2  # and the automatic choice
    assert results[0].name == "deep_0.1.png"
    assert all(np.asarray(Image.open(result)).dtype == np.uint16 for result in results)


@pytest.mark.parametrize("sample", ["camera_impulses.png", "coffee_gaussian.png"])
def test_impulses_and_colours(denoise: Run, tmp_path: Path, samples: Path, sample: str) -> None:
    Image.open(samples / sample).crop((0, 0, 70, 60)).save(tmp_path / "in.png")
    run = denoise("path", tmp_path / "in.png", "--steps", 3)
    assert run.code == 0, run.err
    assert ("filled in from the rest" if "impulses" in sample else "Gaussian noise") in run.err


def test_a_path_fills_impulses_in_as_a_run_does(denoise: Run, tmp_path: Path, samples: Path) -> None:
    run = denoise(
        "path", samples / "camera_impulses.png", "--reference", samples / "camera.png", "--lambdas", "0.002", "--csv",
        tmp_path / "path.csv",
        "-o", tmp_path / "sheet.png",
    )  # fmt: skip
    assert run.code == 0, run.err
    with (tmp_path / "path.csv").open(encoding="utf-8") as stream:
        assert float(next(csv.DictReader(stream))["psnr_db"]) > 38


def test_a_warm_start_ends_at_the_same_optimum() -> None:
    f = np.random.default_rng(0).random((40, 50))
    along = partial(solve, f, method="optimal", gap=1e-6, dtype="float64")
    for step in path(f, [0.05, 0.1, 0.2, 0.4], along):
        assert step.solution.cost == pytest.approx(solve(f, step.weight, method="optimal", gap=1e-6).cost, rel=2e-6)
        assert step.solution.gap <= 1e-6


def test_steps_are_even_in_log_lambda_and_hold_the_automatic_one() -> None:
    weights = around(0.1, 9)
    assert weights[4] == 0.1
    assert (weights[0], weights[-1]) == (0.025, 0.4)
    assert np.diff(np.log(weights)) == pytest.approx(np.log(4) / 4, rel=0.02)
    assert around(0.1, 1) == [0.1]


MISTAKES = {
    "zero": (["--lambdas", "0,0.1"], 2, "--lambdas"),
    "words": (["--lambdas", "a,b"], 2, "0.05,0.1,0.2"),
    "from beyond to": (["--from", "1", "--to", "0.1"], 2, "--from"),
    "both": (["--lambdas", "0.1", "--from", "0.1"], 2, "--lambdas"),
    "two fidelities": (["--l1", "--l2"], 2, "--l1"),
    "no such tv": (["--tv", "blue"], 2, "isotropic"),
    "sigma zero": (["--sigma", "0"], 2, "--sigma"),
    "a sheet that is no picture": (["-o", "sheet.txt"], 2, "sheet.txt"),
    "a crop outside": (["--crop", "90,80,50,50"], 2, "100 × 90"),
    "a reference of another size": (["--reference", "small.png"], 1, "small.png"),
    "a csv in the place of the input": (["--csv", "noisy.png"], 1, "noisy.png"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_get_one_line_and_leave_nothing(
    denoise: Run, noisy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    words, code, said = MISTAKES[case]
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.zeros((9, 9), np.uint8)).save("small.png")
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    run = denoise("path", noisy, *words)
    assert run.code == code
    assert said in run.err
    assert len(run.err.splitlines()) == 1
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_pixels_without_a_value_leave_a_sheet_that_can_be_seen(denoise: Run, noisy: Path, tmp_path: Path) -> None:
    import tifffile

    metres = np.asarray(Image.open(noisy)) * np.float32(3) - 500
    metres[5:9, 5:9] = np.nan
    tifffile.imwrite(tmp_path / "metres.tif", metres)
    run = denoise("path", tmp_path / "metres.tif", "--steps", 2, "--html", tmp_path / "p.html")
    assert run.code == 0
    assert "Warning" not in run.err
    assert np.asarray(Image.open(tmp_path / "metres_path.png").convert("L"))[60:].std() > 40


def test_the_path_of_a_stack_is_that_of_the_page_in_the_middle(denoise: Run, noisy: Path, tmp_path: Path) -> None:
    observed, clean = (np.asarray(Image.open(path)) for path in (noisy, tmp_path / "clean.png"))
    black, *others = (Image.fromarray(page) for page in (np.zeros_like(observed), observed, np.full_like(observed, 255)))
    black.save(tmp_path / "stack.tif", save_all=True, append_images=others)
    words = ("--lambdas", "0.1", "--sigma", "0.1")
    told = {}
    for name, reference in (("noisy.png", "clean.png"), ("stack.tif", "clean.png")):
        run = denoise("path", tmp_path / name, *words, "--reference", tmp_path / reference, "--csv", tmp_path / f"{name}.csv")
        assert run.code == 0, run.err
        told[name] = rows(tmp_path / f"{name}.csv")
    assert "page 2 of 3" in run.err
    for one, other in zip(*told.values(), strict=True):
        assert {key: one[key] for key in one if key != "seconds"} == {key: other[key] for key in other if key != "seconds"}
    Image.fromarray(clean).save(tmp_path / "two.tif", save_all=True, append_images=[Image.fromarray(clean)])
    run = denoise("path", tmp_path / "stack.tif", *words, "--reference", tmp_path / "two.tif", "--overwrite")
    assert run.code == 1
    assert "the reference has 2 pages" in run.err


def test_no_lambda_stands_in_the_table_twice(denoise: Run, noisy: Path, tmp_path: Path) -> None:
    assert denoise("path", noisy, "--steps", "5", "--csv", tmp_path / "p.csv").code == 0
    weights = [row["lambda"] for row in rows(tmp_path / "p.csv")]
    assert len(weights) == 5
    assert min(np.diff(weights) / weights[:-1]) > 0.1


@pytest.mark.parametrize("level", [0, 200, 255])
def test_a_constant_picture_has_a_sheet_of_its_own_grey(denoise: Run, tmp_path: Path, level: int) -> None:
    Image.fromarray(np.full((16, 16), level, np.uint8)).save(tmp_path / "flat.png")
    run = denoise("path", tmp_path / "flat.png", "--steps", "1", "--crop", "0,0,16,16")
    assert run.code == 0
    assert "Warning" not in run.err
    assert (np.asarray(Image.open(tmp_path / "flat_path.png").convert("L")) == level).sum() > 2 * 16 * 16


# ── what is shown is the picture as people look at it ────────────────────────────────────────────────────────────────────────────────


def shows(sheet: Path, pixels: np.ndarray) -> bool:
    """Whether the first tile of a sheet is these pixels, each a square of some size."""
    drawn = np.asarray(Image.open(sheet).convert("L")).astype(int)
    tall, wide = pixels.shape
    return any(
        np.array_equal(drawn[y : y + tall * size : size, x : x + wide * size : size], pixels)
        for size in range(4, 17)
        for y in range(40, 140)
        for x in range(10, 40)
    )


def test_a_picture_on_its_side_is_upright_on_the_sheet_and_so_is_its_crop(denoise: Run, noisy: Path, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(noisy) as picture:
        picture.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "side.png", exif=exif)
        upright = np.asarray(picture.crop((10, 50, 40, 80))).astype(int)
    for name in ("noisy.png", "side.png"):
        run = denoise("path", tmp_path / name, "--lambdas", "0.1", "--crop", "10,50,30,30", "-o", tmp_path / f"sheet_{name}")
        assert run.code == 0, run.err
        assert shows(tmp_path / f"sheet_{name}", upright)
    assert "which is 100 × 90" in denoise("path", tmp_path / "side.png", "--crop", "80,0,30,30", "-o", tmp_path / "no.png").err


def test_twelve_bits_in_sixteen_are_shown_over_their_span_and_white_zero_as_white(denoise: Run, noisy: Path, tmp_path: Path) -> None:
    pixels = np.asarray(Image.open(noisy)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "dim.tif", pixels * 4)
    tifffile.imwrite(tmp_path / "negative.tif", pixels.astype(np.uint8), photometric="miniswhite")
    low, high = np.percentile(pixels, (0.5, 99.5), method="inverted_cdf")
    stretched = np.rint(255 * ((pixels - low) / (high - low)).clip(0, 1))
    for name, drawn in (("dim", stretched), ("negative", 255.0 - pixels)):
        words = ["--lambdas", "0.1", "--crop", "0,0,40,40", "-o", tmp_path / f"{name}.png"]
        assert denoise("path", tmp_path / f"{name}.tif", *words).code == 0
        assert shows(tmp_path / f"{name}.png", drawn[:40, :40].astype(int))


def test_pixels_without_a_value_do_not_count_in_the_table(denoise: Run, noisy: Path, tmp_path: Path) -> None:
    observed, clean = (np.asarray(Image.open(path)).astype(np.float32) / 255 for path in (noisy, tmp_path / "clean.png"))
    whole = observed.copy()
    observed[:, :30] = np.nan
    for name, pixels in (("holes", observed), ("rest", whole[:, 30:]), ("clean", clean), ("clean_rest", clean[:, 30:])):
        tifffile.imwrite(tmp_path / f"{name}.tif", pixels)
    common = ["--lambdas", "0.1,0.2", "--sigma", "0.1"]
    tables = []
    for name, truth in (("holes", "clean"), ("rest", "clean_rest")):
        words = ["--reference", tmp_path / f"{truth}.tif", "--csv", tmp_path / f"{name}.csv", "-o", tmp_path / f"{name}.png"]
        run = denoise("path", tmp_path / f"{name}.tif", *common, *words)
        assert run.code == 0, run.err
        tables.append([row for row in rows(tmp_path / f"{name}.csv") if row["lambda"] in (0.1, 0.2)])
        assert ("2,700 pixels have no value (NaN), and come back as before" in run.err) == (name == "holes")
    for holed, rest in zip(*tables, strict=True):
        assert holed["sigma_removed"] == pytest.approx(rest["sigma_removed"], rel=0.01)
        assert holed["psnr_db"] == pytest.approx(rest["psnr_db"], abs=0.1)


def test_what_stands_for_nothing_measured_is_unknown_to_a_path_as_it_is_to_a_run(denoise: Run, tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    depth = np.rint(2000 + 300 * np.sin(np.arange(96) / 20) + 20 * random.standard_normal((96, 96))).astype(np.uint16)
    depth[10:30, 10:30] = 0
    tifffile.imwrite(tmp_path / "depth.tif", depth)
    run = denoise("path", tmp_path / "depth.tif", "--steps", 3, "--csv", tmp_path / "p.csv")
    assert "400 pixels of value 0 are taken as unknown" in run.err
    chosen = next(row["lambda"] for row in rows(tmp_path / "p.csv") if row["automatic"])
    assert f"λ {chosen:.3g}, " in denoise(tmp_path / "depth.tif", "--method", "optimal").err


def test_a_sheet_of_standard_input_wants_a_name(denoise: Run) -> None:
    run = denoise("path", "-")
    assert (run.code, run.out) == (2, "")
    assert "with -o SHEET.png" in run.err
