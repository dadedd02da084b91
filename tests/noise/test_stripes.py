"""Stripes: rows or columns that are off are found and taken out, and nothing else is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw

from denoise_cli.formats.picture import Page
from denoise_cli.measure.scale import Scale
from denoise_cli.noise.row_offsets import Steps, offsets, row_steps
from denoise_cli.noise.stripes import Stripes, destripe, every_stripes, find_stripes
from denoise_cli.pipeline.plan import subject_of
from denoise_cli.settings import Settings

Array = npt.NDArray[Any]
SAMPLES = Path(__file__).resolve().parents[2] / "sample_images"
CAMERA = np.asarray(Image.open(SAMPLES / "camera.png")) / 255.0
COFFEE = np.asarray(Image.open(SAMPLES / "coffee.png")) / 255.0


def eight_bit(picture: Array) -> Array:
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)


def look(stored: Array) -> Stripes | None:
    scale = Scale.of(stored)
    return find_stripes(scale.floats(stored), scale)


def without(stored: Array, direction: str) -> Array:
    scale = Scale.of(stored)
    return destripe(scale.floats(stored), scale, direction)


def striped(clean: Array, stripes: float, noise: float, seed: int = 18) -> Array:
    """`clean` with rows off by σ `stripes`, and white noise, both in 1/255."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(0, stripes / 255, (len(clean),) + (1,) * (clean.ndim - 1))
    return clean + rows + rng.normal(0, noise / 255, clean.shape)


def psnr(picture: Array, clean: Array) -> float:
    return float(-10 * np.log10(np.mean((picture - clean) ** 2)))


def visible(error: Array) -> float:
    """σ of the rows' mean errors beside the mean of their 16 neighbours: what an eye sees as stripes."""
    rows = error.mean(axis=1)
    return float((rows - np.convolve(np.pad(rows, 8, mode="edge"), np.full(17, 1 / 17), "valid")).std())


def blinds() -> Array:
    return np.repeat(0.5 + 0.3 * np.sin(np.arange(256) * 2 * np.pi / 5.3)[:, None], 256, axis=1)


def page() -> Array:
    picture = Image.new("L", (400, 300), 255)
    pen = ImageDraw.Draw(picture)
    for row in range(11):
        pen.text((5, 10 + 25 * row), "The quick brown fox jumps over the lazy dog, again and again.", fill=0, font_size=15)
    return np.asarray(picture) / 255


@pytest.mark.parametrize(("stripes", "noise"), [(8, 6), (8, 0), (4, 6), (3, 3)])
@pytest.mark.parametrize("direction", ["rows", "columns"])
def test_stripes_are_found_with_their_sigma(stripes: float, noise: float, direction: str) -> None:
    clean = CAMERA if direction == "rows" else CAMERA.T
    stored = eight_bit(striped(clean, stripes, noise))
    found = look(stored if direction == "rows" else stored.T)
    assert found is not None
    assert found.direction == direction
    assert found.sigma * 255 == pytest.approx(stripes, rel=0.2)
    assert direction in found.evidence


@pytest.mark.parametrize(("stripes", "noise"), [(2, 6), (3, 10), (4, 15)])
def test_stripes_a_third_as_strong_as_the_noise_are_found_and_their_removal_gains(stripes: float, noise: float) -> None:
    stored = eight_bit(striped(CAMERA, stripes, noise))
    found = look(stored)
    assert found is not None
    assert found.direction == "rows"
    assert found.sigma * 255 == pytest.approx(stripes, rel=0.25)
    scale = Scale.of(stored)
    pixels = scale.floats(stored)
    before, after = (np.mean((picture - CAMERA) ** 2) for picture in (pixels, destripe(pixels, scale, "rows")))
    assert after < before


@pytest.mark.parametrize("noise", [0, 10])
def test_pictures_without_stripes_have_none(noise: float) -> None:
    rng = np.random.default_rng(3)
    bars = np.repeat(rng.integers(0, 2, 128), 2)[:, None] * np.ones(256)
    for clean in (CAMERA, CAMERA.T, COFFEE, page(), page().T, blinds(), bars, np.full((200, 200), 0.4)):
        noisy = clean + rng.normal(0, noise / 255, clean.shape) if noise else clean
        assert look(eight_bit(noisy)) is None
        assert look(noisy) is None


def test_stripes_are_found_and_removed_in_every_channel() -> None:
    stored = eight_bit(striped(COFFEE, 8, 6))
    found = look(stored)
    assert found is not None
    cleaned = without(stored, found.direction)
    assert cleaned.shape == COFFEE.shape
    for channel in range(3):
        before, after = (visible((picture - COFFEE)[:, :, channel]) for picture in (stored / 255, cleaned))
        assert after < 0.4 * before


@pytest.mark.parametrize(("noise", "gain"), [(6, 3.0), (0, 9.0)])
def test_a_quarter_of_the_stripes_stays_and_the_picture_is_nearer_to_the_clean_one(noise: float, gain: float) -> None:
    stored = eight_bit(striped(CAMERA, 8, noise))
    cleaned = without(stored, "rows")
    assert visible(cleaned - CAMERA) < 0.25 * visible(stored / 255 - CAMERA)
    assert psnr(cleaned, CAMERA) > psnr(stored / 255, CAMERA) + gain


def test_only_whole_rows_are_moved_so_that_nothing_is_blurred() -> None:
    stored = striped(CAMERA, 8, 6)
    moved = stored - without(stored, "rows")
    assert np.allclose(moved, moved[:, :1], atol=1e-12)


def test_columns_are_rows_turned() -> None:
    stored = eight_bit(striped(CAMERA, 8, 6))
    assert np.array_equal(without(stored, "rows"), without(stored.T, "columns").T)


def test_stripes_that_vary_along_the_row_are_removed_better_than_as_constants() -> None:
    rng = np.random.default_rng(5)
    part = np.linspace(0, 1, 256)
    field = rng.normal(0, 8 / 255, (256, 1)) * (1 - part) + rng.normal(0, 8 / 255, (256, 1)) * part
    stored = CAMERA + field + rng.normal(0, 2 / 255, CAMERA.shape)
    steps = row_steps(stored)
    assert steps is not None
    cleaned, constant = without(stored, "rows"), stored - offsets(steps)[:, None]
    for side in (slice(0, 64), slice(96, 160), slice(192, 256)):
        before, alike, after = (visible((picture - CAMERA)[:, side]) for picture in (stored, constant, cleaned))
        assert after < 0.95 * alike
        assert after < 0.6 * before


def test_black_bars_stay_black_and_do_not_hide_the_stripes_between_them() -> None:
    noisy = striped(np.clip(CAMERA, 0.15, 0.85), 8, 4)
    noisy[:80] = noisy[-80:] = 0
    stored = eight_bit(noisy)
    found = look(stored)
    assert found is not None
    cleaned = without(stored, "rows")
    assert not cleaned[:80].any()
    assert visible((cleaned - np.clip(CAMERA, 0.15, 0.85))[80:-80]) < 0.3 * 8 / 255


@pytest.mark.parametrize("rows", [60, 100, 200])
def test_white_noise_between_black_bars_is_no_stripes(rows: int) -> None:
    stored = np.zeros((360, 640), np.uint8)
    content = striped(np.full((rows, 640), 0.5), 0, 15)
    stored[180 - rows // 2 : 180 + rows // 2] = eight_bit(content)
    assert look(stored) is None


def test_unknown_pixels_count_for_nothing() -> None:
    noisy = striped(CAMERA, 8, 4)
    known = np.ones(noisy.shape, bool)
    known[60:120, 30:200] = False
    results = []
    for value in (0.0, 7.0, np.nan, np.inf):
        stored = np.where(known, noisy, value)
        scale = Scale.of(stored, known)
        results.append(destripe(stored, scale, "rows"))
    for result in results[1:]:
        assert np.array_equal(result[known], results[0][known])


@pytest.mark.parametrize(("factor", "shift"), [(1e-9, 0.0), (5000.0, 1e4)])
def test_the_unit_does_not_matter(factor: float, shift: float) -> None:
    noisy = striped(CAMERA, 8, 6)
    here, there = look(noisy), look(noisy * factor + shift)
    assert here is not None
    assert there is not None
    assert there.sigma == pytest.approx(here.sigma * factor, rel=1e-6)
    assert np.allclose(without(noisy * factor + shift, "rows"), without(noisy, "rows") * factor + shift, rtol=1e-6, atol=1e-6 * factor)


def test_the_type_stays_and_the_input_is_not_changed() -> None:
    pixels = striped(CAMERA, 8, 6).astype(np.float32)
    before = pixels.copy()
    assert destripe(pixels, Scale.of(pixels), "rows").dtype == np.float32
    assert np.array_equal(pixels, before)


def test_small_pictures_are_left_alone() -> None:
    tiny = np.random.default_rng(1).random((5, 7))
    assert look(tiny) is None
    assert np.array_equal(without(tiny, "rows"), tiny)


def test_another_direction_is_refused() -> None:
    with pytest.raises(ValueError, match='"rows" or "columns", not \'diagonals\''):
        without(CAMERA, "diagonals")


def test_where_the_picture_has_no_steps_of_its_own_the_offsets_are_found_as_they_were() -> None:
    truth = np.random.default_rng(9).normal(0, 1, 400)
    steps = Steps(np.diff(truth), np.zeros((399, 16)), np.full(399, 16), np.full(399, 1e-8))
    found = offsets(steps)
    assert np.abs(found - (truth - truth.mean())).max() < 0.05


def test_stripes_along_both_directions_are_found_and_said_without_being_asked() -> None:
    columns = np.random.default_rng(2).normal(0, 5 / 255, CAMERA.shape[1])[None, :]
    both = eight_bit(striped(CAMERA, 9, 0) + columns)
    scale = Scale.of(both)
    assert [each.direction for each in every_stripes(scale.floats(both), scale)] == ["rows", "columns"]
    notes = subject_of(Page(both), Settings()).notes
    assert [note.split(",")[0] for note in notes] == ["stripes of rows", "stripes of columns"]
    assert "--destripe columns removes them" in notes[1]
    assert subject_of(Page(eight_bit(CAMERA)), Settings()).notes == ()
    taken_off = subject_of(Page(both), Settings(destripe="auto"))
    assert taken_off.notes == ("stripes along the rows and the columns were taken off first",)
    assert visible(taken_off.stored.T - CAMERA.T) < 0.6 * visible(both.T / 255 - CAMERA.T)


def test_stripes_that_are_not_there_are_not_said_to_be_taken_off() -> None:
    noisy = np.random.default_rng(2).normal(0.5, 0.05, (96, 96)).astype(np.float32)
    taken_off = subject_of(Page(noisy), Settings(destripe="rows"))
    assert len(taken_off.notes) == 1
    assert taken_off.notes[0].startswith("no stripes along the rows were recognised")
