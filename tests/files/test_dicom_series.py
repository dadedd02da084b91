"""`denoise FOLDER --volume`: DICOM slices as one volume, in the order in which they lie, and as files of their own again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from denoise_cli import denoise as solve

pydicom: Any = pytest.importorskip("pydicom")

GRID = np.indices((6, 20, 24))
BALL = ((GRID - np.array([3, 9, 12]).reshape(3, 1, 1, 1)) ** 2).sum(axis=0) < 50
STORED = np.rint(1000 * BALL + 60 * np.random.default_rng(0).standard_normal(BALL.shape)).astype(np.int16)
#: The name of the file of each slice: their order in space is not that of their names.
NAMES = [f"IM{(5 * place) % 6}.dcm" for place in range(6)]


def of_slice(place: int, **others: Any) -> dict[str, Any]:
    return {
        "SeriesInstanceUID": "1.2.3", "InstanceNumber": place + 1, "ImagePositionPatient": [0, 0, 2.5 * place - 10],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "PixelSpacing": [1.25, 1.0], "RescaleSlope": 1, "RescaleIntercept": -1024,
    } | others  # fmt: skip


@pytest.fixture
def series(tmp_path: Path, dicom_bytes: Callable[..., bytes]) -> Path:
    folder = tmp_path / "ct"
    folder.mkdir()
    for place, name in enumerate(NAMES):
        (folder / name).write_bytes(dicom_bytes(STORED[place], **of_slice(place)))
    (folder / "notes.txt").write_text("no slice")
    (folder / "DICOMDIR").write_bytes(bytes(128) + b"DICM")
    return folder


def stored_in(folder: Path) -> np.ndarray:
    return np.stack([pydicom.dcmread(folder / name).pixel_array for name in NAMES])


def test_a_series_is_one_volume_with_the_voxel_size_of_its_files(denoise, series):
    before = {path.name: path.read_bytes() for path in series.iterdir()}
    outcome = denoise(series, "--volume", "--lambda", 100, "--json")
    assert outcome.code == 0, outcome.err
    expected = solve(STORED.astype(np.int32) - 1024, 100, axes="zyx", spacing=(2.5, 1.25, 1.0)).image + 1024
    result = series.with_name("ct_denoised")
    assert np.abs(stored_in(result) - expected).max() <= 0.51
    assert sorted(path.name for path in result.iterdir()) == sorted(NAMES)
    assert {path.name: path.read_bytes() for path in series.iterdir()} == before
    assert json.loads(outcome.out.splitlines()[0])["shape"] == [6, 20, 24]
    for name in NAMES:
        one, other = (pydicom.dcmread(folder / name) for folder in (series, result))
        del one.PixelData, other.PixelData
        assert one == other


def test_without_a_number_its_noise_is_found(denoise, series, tmp_path):
    assert denoise(series, "--volume", "-o", tmp_path / "clean").code == 0
    assert np.std(stored_in(tmp_path / "clean")[~BALL]) < 0.5 * np.std(STORED[~BALL])
    assert "σ 6" in denoise("noise", series, "--volume").out


def test_compare_takes_series_in_their_own_units_and_shows_three_directions(denoise, series, tmp_path):
    assert denoise(series, "--volume", "--lambda", 100, "-o", tmp_path / "calm").code == 0
    outcome = denoise("compare", series, tmp_path / "calm", "--sheet", tmp_path / "sheet.png", "--json")
    result = json.loads(outcome.out)["results"][0]
    error = stored_in(tmp_path / "calm").astype(float) - STORED
    peak = float(STORED.max()) - float(STORED.min())
    assert result["psnr_db"] == pytest.approx(20 * np.log10(peak / np.sqrt(np.mean(error**2))), abs=1e-3)
    assert (tmp_path / "sheet.png").exists()


def test_it_may_become_a_stack(denoise, series, tmp_path):
    assert denoise(series, "--volume", "--lambda", 100, "-o", tmp_path / "v.tif").code == 0
    assert tifffile.imread(tmp_path / "v.tif").shape == STORED.shape


def test_standard_output_carries_no_folder_of_slices(denoise, series):
    outcome = denoise(series, "--volume", "--lambda", 100, "-o", "-")
    assert outcome.code == 2
    assert "stdout carries one file" in outcome.err
    assert "--format tiff" in outcome.err


def test_series_in_folders_within_are_volumes_of_their_own(denoise, series, tmp_path):
    series.rename(tmp_path / "all")
    (tmp_path / "patients").mkdir()
    (tmp_path / "all").rename(tmp_path / "patients" / "one")
    outcome = denoise(tmp_path / "patients", "--volume", "--lambda", 100, "--recursive", "-o", tmp_path / "clean")
    assert outcome.code == 0, outcome.err
    assert stored_in(tmp_path / "clean" / "one").shape == STORED.shape


def test_slices_are_in_the_order_of_their_numbers_where_no_position_is_told(denoise, tmp_path, dicom_bytes):
    (tmp_path / "ct").mkdir()
    for place, name in enumerate(NAMES):
        elements = of_slice(place, ImagePositionPatient=None, SpacingBetweenSlices=2.5)
        (tmp_path / "ct" / name).write_bytes(dicom_bytes(STORED[place], **elements))
    assert denoise(tmp_path / "ct", "--volume", "--lambda", 100).code == 0
    expected = solve(STORED.astype(np.int32) - 1024, 100, axes="zyx", spacing=(2.5, 1.25, 1.0)).image + 1024
    assert np.abs(stored_in(tmp_path / "ct_denoised") - expected).max() <= 0.51


def test_slices_with_slopes_of_their_own_are_one_volume_in_their_units(denoise, tmp_path, dicom_bytes):
    (tmp_path / "pet").mkdir()
    for place, name in enumerate(NAMES):
        stored = np.rint((STORED[place] + 1000) / (1 + place)).astype(np.int16)
        (tmp_path / "pet" / name).write_bytes(dicom_bytes(stored, **of_slice(place, RescaleSlope=1 + place, RescaleIntercept=-1000)))
    assert denoise(tmp_path / "pet", "--volume", "--lambda", 100).code == 0
    result = stored_in(tmp_path / "pet_denoised") * np.arange(1, 7).reshape(6, 1, 1) - 1000.0
    expected = solve(STORED.astype(np.float32), 100, axes="zyx", spacing=(2.5, 1.25, 1.0)).image
    assert np.abs(result - expected).max() < 7


def test_a_result_stays_unless_it_may_be_replaced_and_no_other_file_is_lost(denoise, series, tmp_path):
    clean = tmp_path / "clean"
    clean.mkdir()
    words = (series, "--volume", "--lambda", 100, "-o", clean)
    assert denoise(*words).code == 0  # an empty folder is in nobody's way
    assert "exists already" in denoise(*words).err
    assert "skipped" in denoise(*words, "--skip-existing", "--json").out
    first = stored_in(clean)
    assert denoise(series, "--volume", "--lambda", 200, "-o", clean, "--overwrite").code == 0
    assert np.abs(stored_in(clean) - first).max() > 0
    (clean / "mine.txt").write_text("mine")
    assert "holds other files, such as mine.txt" in denoise(*words, "--overwrite").err
    assert (clean / "mine.txt").read_text() == "mine"
    assert "the output is an input" in denoise(series, "--volume", "--lambda", 100, "-o", series, "--overwrite").err
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


SPOILT: dict[str, tuple[Callable[[Path, Callable[..., bytes]], object], str]] = {
    "a slice is missing": (
        lambda folder, _: (folder / NAMES[2]).unlink(),
        f"a slice is missing between {NAMES[1]} and {NAMES[3]}, 5 mm apart where the others are 2.5 mm",
    ),
    "an odd size": (
        lambda folder, write: (folder / NAMES[5]).write_bytes(write(STORED[5, :18], **of_slice(5))),
        f"{NAMES[5]} is 24 × 18 pixels, and {NAMES[0]} 24 × 20",
    ),
    "two in one place": (
        lambda folder, write: (folder / "IM9.dcm").write_bytes(write(STORED[5], **of_slice(5))),
        f"{NAMES[5]} and IM9.dcm lie in one place",
    ),
    "two series": (
        lambda folder, write: (folder / "IM9.dcm").write_bytes(write(STORED[5], **of_slice(6, SeriesInstanceUID="1.2.4"))),
        "holds slices of 2 series",
    ),
    "frames": (
        lambda folder, write: (folder / "IM9.dcm").write_bytes(write(STORED, frames=6, **of_slice(6))),
        "IM9.dcm has 6 frames",
    ),
    "no place": (
        lambda folder, write: (folder / "IM9.dcm").write_bytes(write(STORED[0], SeriesInstanceUID="1.2.3")),
        "do not say where they lie",
    ),
    "half a file": (
        lambda folder, _: (folder / NAMES[0]).write_bytes((folder / NAMES[0]).read_bytes()[:700]),
        "DICOM series",
    ),
    "one slice": (lambda folder, _: [(folder / name).unlink() for name in NAMES[1:]], "one slice of a DICOM series, and no volume"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_series_is_one_line(denoise, series, dicom_bytes, name):
    spoil, message = SPOILT[name]
    spoil(series, dicom_bytes)
    outcome = denoise(series, "--volume", "--lambda", 100)
    assert outcome.code != 0
    assert message in outcome.err
    assert outcome.err.count("\n") == 1
    assert not series.with_name("ct_denoised").exists()


def test_without_volume_the_slices_are_pictures(denoise, series):
    assert denoise(series, "--lambda", 100, "-o", series.with_name("clean"), "--include", "*.dcm").code == 0
    assert sorted(path.name for path in series.with_name("clean").glob("*.dcm")) == sorted(NAMES)
