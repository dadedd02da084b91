"""`denoise STACK --volume`: pages as the slices of a volume or the frames of a scene, by one total variation."""

from __future__ import annotations

import json
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile

from denoise_cli import denoise as solve
from denoise_cli.draw.views import three_views
from denoise_cli.pipeline import stacks

GRID = np.indices((12, 40, 44))
CLEAN = 0.2 + 0.6 * (((GRID - np.array([6, 18, 22]).reshape(3, 1, 1, 1)) ** 2).sum(axis=0) < 120)


def eight_bit(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(255 * values), 0, 255).astype(np.uint8)


def noisy(seed: int = 0) -> np.ndarray:
    return eight_bit(CLEAN + 0.1 * np.random.default_rng(seed).standard_normal(CLEAN.shape))


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, noisy(), imagej=True, metadata={"axes": "ZYX", "spacing": 2.0, "unit": "um"}, resolution=(1, 1))
    return path


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """One scene, the noise of every frame its own."""
    path = tmp_path / "frames.tif"
    scene = CLEAN[6] + 0.1 * np.random.default_rng(1).standard_normal((12, 40, 44))
    tifffile.imwrite(path, eight_bit(scene), imagej=True, metadata={"axes": "TYX"})
    return path


def written(path: Path) -> np.ndarray:
    return tifffile.imread(path.with_name(f"{path.stem}_denoised.tif"))


def close(image: np.ndarray, expected: np.ndarray) -> None:
    """Rounded to 8 bits."""
    np.testing.assert_array_equal(image, np.rint(np.clip(expected.astype(float), 0, 1) * 255))


def test_a_volume_is_that_of_python_with_the_voxel_size_of_the_file(denoise, stack):
    assert denoise(stack, "--volume", "--lambda", 0.2).code == 0
    expected = solve(noisy(), 0.2, axes="zyx", spacing=(2, 1, 1)).image
    close(written(stack), expected)
    assert np.abs(expected - solve(noisy(), 0.2, axes="zyx").image).max() > 0.02


def test_spacing_that_is_told_beats_that_of_the_file(denoise, stack):
    assert denoise(stack, "--volume", "--lambda", 0.2, "--spacing", "1,1,1").code == 0
    close(written(stack), solve(noisy(), 0.2, axes="zyx").image)


def test_the_result_is_an_imagej_stack_with_the_same_axes_and_spacing(denoise, stack):
    denoise(stack, "--volume", "--lambda", 0.2)
    with tifffile.TiffFile(stack.with_name("stack_denoised.tif")) as file:
        assert file.series[0].axes == "ZYX"
        assert file.imagej_metadata["spacing"] == 2.0
        assert file.imagej_metadata["unit"] == "um"


def test_without_a_number_a_volume_comes_nearer_to_the_clean_one_than_its_slices(denoise, stack, tmp_path):
    tifffile.imwrite(tmp_path / "clean.tif", eight_bit(CLEAN))
    found = {}
    for name, words in {"slices": [], "volume": ["--volume", "--spacing", "1,1,1"]}.items():
        outcome = denoise(stack, *words, "--reference", tmp_path / "clean.tif", "--json", "-o", tmp_path / f"{name}.tif")
        found[name] = json.loads(outcome.out.splitlines()[0])
    assert found["volume"]["psnr_db"] > found["slices"]["psnr_db"] + 0.5
    assert found["volume"]["shape"] == [12, 40, 44]
    assert found["volume"]["sigma"] == pytest.approx(0.1, rel=0.05)
    assert found["volume"]["method"] == "optimal"


def test_the_closing_words_name_the_volume(denoise, stack):
    assert "stack.tif: 12 slices as one volume (ZYX, 12 × 40 × 44)" in denoise(stack, "--volume", "--lambda", 0.2).err


def test_channels_of_a_hyperstack_are_volumes_of_their_own(denoise, tmp_path):
    path = tmp_path / "cells.ome.tif"
    tifffile.imwrite(path, np.stack([noisy(1), noisy(2)], axis=1), metadata={"axes": "ZCYX"})
    assert denoise(path, "--volume", "--lambda", 0.2, "-o", tmp_path / "out.tif").code == 0
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        assert file.series[0].axes == "ZCYX"
        result = file.asarray()
    for channel in range(2):
        close(result[:, channel], solve(noisy(channel + 1), 0.2, axes="zyx").image)


def test_time_is_coupled_where_there_is_no_depth_or_where_it_has_a_weight(denoise, frames, tmp_path):
    assert denoise(frames, "--volume", "--lambda", 0.2, "--time-weight", 0.5).code == 0
    series = tifffile.imread(frames)
    close(written(frames), solve(series, 0.2, axes="tyx", time_weight=0.5).image)
    path = tmp_path / "both.tif"
    tifffile.imwrite(path, np.stack([noisy(3)[:4], noisy(4)[:4]]), imagej=True, metadata={"axes": "TZYX"})
    assert denoise(path, "--volume", "--lambda", 0.2).code == 0
    alone = written(path)
    for time, seed in enumerate((3, 4)):
        close(alone[time], solve(noisy(seed)[:4], 0.2, axes="zyx").image)
    assert denoise(path, "--volume", "--lambda", 0.2, "--time-weight", 0.7, "--overwrite").code == 0
    close(written(path), solve(np.stack([noisy(3)[:4], noisy(4)[:4]]), 0.2, axes="tzyx", time_weight=0.7).image)


def test_frames_with_one_lambda_do_not_flicker(denoise, tmp_path):
    """What is taken from consecutive frames of one scene, in units of the noise that each of them has, differs by less than 1 %."""
    scene = np.kron(CLEAN[6], np.ones((4, 4)))
    series = eight_bit(scene + 0.1 * np.random.default_rng(1).standard_normal((10, *scene.shape)))
    tifffile.imwrite(tmp_path / "scene.tif", series, imagej=True, metadata={"axes": "TYX"})
    outcome = denoise(tmp_path / "scene.tif", "--same-lambda", "--json", "--method", "optimal")
    report = json.loads(outcome.out.splitlines()[0])
    assert "10 pages, all with one λ" in report["notes"]
    assert report["sigma"] == pytest.approx(0.1, rel=0.03)
    noise, removed = series - 255 * scene, series - written(tmp_path / "scene.tif").astype(float)
    ratio = removed.std(axis=(1, 2)) / noise.std(axis=(1, 2))
    assert np.abs(np.diff(ratio) / ratio[1:]).max() < 0.01
    apart = denoise(tmp_path / "scene.tif", "--json", "--method", "optimal", "--overwrite")
    assert json.loads(apart.out.splitlines()[0])["weight"] is None  # each page has its own


@pytest.mark.parametrize("option", ["--mask", "--weights", "--lambda-map"])
def test_what_lies_beside_a_volume_has_a_page_a_slice_or_one_for_all(denoise, stack, tmp_path, option):
    volume = np.full(CLEAN.shape, 255, np.uint8)
    volume[5, 10:14, 12:16] = 0
    for name, table in {"volume": volume, "slice": volume[5]}.items():
        tifffile.imwrite(tmp_path / f"{name}.tif", table)
        words = [] if option == "--lambda-map" else ["--lambda", 0.2]
        outcome = denoise(
            stack, "--volume", *words, option, tmp_path / f"{name}.tif", "-o", tmp_path / f"out_{name}.tif", "--method", "optimal"
        )
        assert outcome.code == 0
        whole = np.broadcast_to(table, volume.shape) / 255
        told = {"weight": whole} if option == "--lambda-map" else {"weight": 0.2, "weights": whole}
        close(tifffile.imread(tmp_path / f"out_{name}.tif"), solve(noisy(), **told, axes="zyx", spacing=(2, 1, 1)).image)


def test_l1_and_an_array_whose_axes_are_named(denoise, tmp_path):
    values = (CLEAN + 0.1 * np.random.default_rng(5).standard_normal(CLEAN.shape)).astype(np.float32)
    np.save(tmp_path / "v.npy", values)
    assert denoise(tmp_path / "v.npy", "--axes", "ZYX", "--volume", "--l1", "--lambda", 0.6).code == 0
    result = np.load(tmp_path / "v_denoised.npy")
    np.testing.assert_array_equal(result, solve(values, 0.6, fidelity="l1", axes="zyx").image)


def test_the_network_takes_the_slices_one_by_one_with_one_noise_estimate(denoise, stack):
    outcome = denoise(stack, "--volume", "--method", "learned", "--json")
    report = json.loads(outcome.out.splitlines()[0])
    assert outcome.code == 0
    assert report["shape"] == [12, 40, 44]
    close(written(stack), np.stack([solve(one, method="learned", sigma=report["sigma"]).image for one in noisy()]))


def test_a_log_has_a_row_an_iteration_of_the_volume(denoise, stack, tmp_path):
    outcome = denoise(stack, "--volume", "--lambda", 0.2, "--log", tmp_path / "log.csv", "--json")
    rows = (tmp_path / "log.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 1 + json.loads(outcome.out.splitlines()[0])["iterations"]


def test_noise_says_what_would_be_done_to_the_volume(denoise, stack, tmp_path):
    found = json.loads(denoise("noise", stack, "--volume", "--json").out)
    assert found["sigma"] == pytest.approx(0.1, rel=0.05)
    assert found["pages"] == 1
    done = json.loads(denoise(stack, "--volume", "--json").out.splitlines()[0])
    assert (found["automatic"]["lambda"], found["automatic"]["method"]) == (done["weight"], "optimal")
    np.save(tmp_path / "v.npy", noisy())
    assert denoise("noise", tmp_path / "v.npy", "--volume", "--axes", "ZYX").code == 0
    assert "--axes must name each axis once" in denoise("noise", tmp_path / "v.npy", "--axes", "Z").err


def test_info_says_the_axes_and_what_would_be_done_to_the_volume(denoise, stack, tmp_path):
    told = json.loads(denoise("info", stack, "--volume", "--json").out)
    assert told["axes"] == {"Z": 12, "Y": 40, "X": 44}
    assert told["spacing"] == {"Z": 2.0, "Y": 1.0, "X": 1.0}
    assert told["volume"] == "12 slices as one volume (ZYX, 12 × 40 × 44)"
    done = json.loads(denoise(stack, "--volume", "--json").out.splitlines()[0])
    assert told["weight"] == done["weight"]
    assert told["methods"]["optimal"]["iterations"] == pytest.approx(done["iterations"], rel=0.3)
    assert "matlab" not in told["methods"]
    assert "axes        Z 12, Y 40, X 44" in denoise("info", stack).out
    # A block of a large volume is timed, and the memory is that of the whole.
    np.save(tmp_path / "large.npy", np.random.default_rng(0).random((60, 128, 100), np.float32))
    large = json.loads(denoise("info", tmp_path / "large.npy", "--volume", "--axes", "ZYX", "--json").out)
    assert large["trouble"] is None
    assert large["methods"]["optimal"]["memory"] > 9 * 4 * 60 * 128 * 100


def test_the_sheet_of_a_volume_shows_it_in_three_directions(denoise, tmp_path):
    clean = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    views = three_views(list(clean), 1.9)
    assert views.shape == (3 + 4, 4 + 4)
    np.testing.assert_array_equal(views[:3, :4], clean[1])
    np.testing.assert_array_equal(views[:3, 4:], clean[:, :, 2].T.repeat(2, axis=1))
    np.testing.assert_array_equal(views[3:, :4], clean[:, 1].repeat(2, axis=0))
    np.save(tmp_path / "clean.npy", eight_bit(CLEAN))
    np.save(tmp_path / "noisy.npy", noisy())
    sheets = []
    for axes in ("ZYX", "TYX"):
        sheet = tmp_path / f"{axes}.png"
        words = ("compare", tmp_path / "clean.npy", tmp_path / "noisy.npy", "--axes", axes, "--sheet", sheet, "--json")
        outcome = denoise(*words)
        assert outcome.code == 0, outcome.err
        sheets.append((json.loads(outcome.out)["results"][0]["psnr_db"], iio.imread(sheet).shape))
    assert sheets[0][0] == sheets[1][0]
    assert sheets[0][1] != sheets[1][1]


REFUSED = {
    "one page": ("one.tif", ["--volume"], "is one page, and no volume; leave --volume out"),
    "sizes that differ": ("mixed.tif", ["--volume"], "page 2 is 6 × 5 of uint8, the first one 5 × 5 of uint8"),
    "sizes that differ with one lambda": ("mixed.tif", ["--same-lambda"], "neither a volume nor a series"),
    "only channels": ("channels.tif", ["--volume"], r"its pages are channels (C), and no slices"),
    "spacing of 0": ("stack.tif", ["--volume", "--spacing", "0,1,1"], "--spacing must be one distance for each axis"),
    "spacing in words": ("stack.tif", ["--volume", "--spacing", "a,b"], "--spacing must be one distance for each axis"),
    "too much spacing": ("stack.tif", ["--volume", "--spacing", "1,1,1,1"], "--spacing has 4 numbers, but the volume has 3 axes in space"),
    "too little spacing": ("stack.tif", ["--volume", "--spacing", "2"], "--spacing has 1 number, but the volume has 3 axes in space"),
    "spacing without a volume": ("stack.tif", ["--spacing", "1,1,1"], "--spacing has no meaning without --volume"),
    "time without a volume": ("stack.tif", ["--time-weight", "1"], "--time-weight has no meaning without --volume"),
    "time without an axis": ("stack.tif", ["--volume", "--time-weight", "1"], "--time-weight needs an axis T, and its pages count Z"),
    "a weight of time of 0": ("stack.tif", ["--volume", "--time-weight", "0"], "--time-weight must be positive"),
    "matlab": (
        "stack.tif",
        ["--volume", "--method", "matlab", "--lambda", "1"],
        "method matlab takes pictures, not volumes; use method optimal",
    ),
    "spacing of a network": ("stack.tif", ["--volume", "--method", "learned", "--spacing", "1,1,1"], "which takes slices one by one"),
    "stripes": ("stack.tif", ["--volume", "--destripe", "rows"], "destripe has no meaning for volumes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_refuses_in_one_line(denoise, stack, tmp_path, name):
    tifffile.imwrite(tmp_path / "one.tif", noisy()[0])
    with tifffile.TiffWriter(tmp_path / "mixed.tif") as file:
        file.write(np.full((5, 5), 9, np.uint8))
        file.write(np.full((5, 6), 9, np.uint8))
    tifffile.imwrite(tmp_path / "channels.tif", noisy()[:2], imagej=True, metadata={"axes": "CYX"})
    file_name, words, message = REFUSED[name]
    before = sorted(path.name for path in tmp_path.iterdir())
    outcome = denoise(stack.with_name(file_name), *words)
    assert outcome.code != 0
    assert message in outcome.err
    assert len(outcome.err.strip().splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_volume_that_cannot_fit_is_refused_before_it_starts(denoise, stack, monkeypatch):
    monkeypatch.setattr(stacks, "_memory", lambda: 1e6)
    outcome = denoise(stack, "--volume", "--lambda", 0.2)
    assert outcome.code != 0
    assert "a volume of 12 × 40 × 44 needs about" in outcome.err
    assert "this machine has 0.001 GB; cut it into blocks" in outcome.err


def test_an_array_that_is_called_a_volume_needs_no_letters(denoise, tmp_path):
    path = tmp_path / "stack.npy"
    np.save(path, noisy())
    outcome = denoise(path, "--volume", "--lambda", 0.2)
    assert outcome.code == 0, outcome.err
    assert "takes them as ZYX" in outcome.err
    assert "12 slices as one volume (ZYX, 12 × 40 × 44)" in outcome.err
    close(np.load(tmp_path / "stack_denoised.npy"), solve(noisy(), 0.2, axes="zyx").image)
    told = denoise("info", path, "--volume").out
    assert "takes them as ZYX" in told
    assert "12 slices as one volume" in told
    assert "12 frames as one volume (TYX" in denoise(path, "--volume", "--time-weight", 2, "--lambda", 0.2, "-o", tmp_path / "t.tif").err


@pytest.mark.parametrize("words", [("--volume",), ("--volume", "--axes", "ZYX"), ("--axes", "TYX")])
def test_an_array_beside_an_array_has_its_axes(denoise, tmp_path, words):
    for name, values in {"stack": noisy(), "clean": eight_bit(CLEAN), "map": np.full(CLEAN.shape, 0.2)}.items():
        np.save(tmp_path / f"{name}.npy", values)
    beside = ["--reference", tmp_path / "clean.npy", "--lambda-map", tmp_path / "map.npy"]
    outcome = denoise(tmp_path / "stack.npy", *words, *beside, "--method", "optimal", "--json")
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out.splitlines()[0])["psnr_db"] > 20


def test_an_array_beside_an_array_of_colours_has_its_axes_without_the_colours(denoise, tmp_path):
    np.save(tmp_path / "stack.npy", np.stack([noisy(), noisy(1), noisy(2)], axis=-1))
    np.save(tmp_path / "weights.npy", np.ones(CLEAN.shape))
    words = ["--axes", "ZYXC", "--volume", "--weights", tmp_path / "weights.npy", "--lambda", 0.2, "--method", "optimal"]
    assert denoise(tmp_path / "stack.npy", *words).code == 0


def test_an_array_beside_one_that_is_solved_by_tiles_has_its_axes(denoise, tmp_path):
    scene = 0.5 + 0.1 * np.random.default_rng(4).standard_normal((5, 200, 200)).astype(np.float32)
    for name, values in {"stack": scene, "clean": np.full(scene.shape, 0.5), "map": np.full(scene.shape, 0.2)}.items():
        np.save(tmp_path / f"{name}.npy", values)
    beside = ["--reference", tmp_path / "clean.npy", "--lambda-map", tmp_path / "map.npy"]
    outcome = denoise(tmp_path / "stack.npy", "--axes", "ZYX", *beside, "--method", "optimal", "--memory", "800kB", "--json")
    assert outcome.code == 0, outcome.err
    report = json.loads(outcome.out.splitlines()[0])
    assert "tiles" in report["notes"][0]
    assert report["psnr_db"] > 25
