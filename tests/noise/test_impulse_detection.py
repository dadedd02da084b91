"""Impulses by their positions: how many, where, and never in what is clean."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw

import denoise_cli
from denoise_cli.choice.impulse_plan import ImpulsePlan, impulse_plan, solve_trusted
from denoise_cli.measure.scale import Scale
from denoise_cli.noise.extreme_values import most_by_chance, salt_and_pepper
from denoise_cli.noise.impulse_detection import Impulses, find_impulses, trust
from denoise_cli.noise.outlier_network import log_odds
from denoise_cli.noise.rank_order import in_order
from denoise_cli.variational import denoise

Array = npt.NDArray[Any]
SAMPLES = Path(__file__).resolve().parents[2] / "sample_images"
CAMERA = np.asarray(Image.open(SAMPLES / "camera.png")) / 255.0
COFFEE = np.asarray(Image.open(SAMPLES / "coffee.png")) / 255.0


def eight_bit(picture: Array) -> Array:
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)


def salted(clean: Array, share: float, seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    hit = rng.random(clean.shape) < share
    return np.where(hit, rng.integers(0, 2, clean.shape), clean), hit


def scattered(clean: Array, share: float, seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    hit = rng.random(clean.shape) < share
    return np.where(hit, rng.random(clean.shape), clean), hit


def found_in(stored: Array) -> Impulses:
    scale = Scale.of(stored)
    return find_impulses(scale.floats(stored), scale)


def trust_in(stored: Array) -> Array:
    scale = Scale.of(stored)
    pixels = scale.floats(stored)
    return trust(pixels, scale, find_impulses(pixels, scale))


def psnr(picture: Array, clean: Array) -> float:
    return float(-10 * np.log10(np.mean((np.clip(picture, 0, 1) - clean) ** 2)))


def page() -> Array:
    picture = Image.new("L", (400, 300), 255)
    pen = ImageDraw.Draw(picture)
    for row in range(11):
        pen.text((15, 10 + 25 * row), "The quick brown fox, i.e. 3.14; jumps: over ...", fill=0, font_size=16)
    pen.line((10, 290, 390, 290), fill=0)
    return np.asarray(picture)


def starry_sky(noise: float) -> Array:
    rng = np.random.default_rng(5)
    row, column = np.mgrid[:256, :256]
    sky = np.full((256, 256), 0.05)
    for y, x, light in zip(rng.uniform(0, 256, 120), rng.uniform(0, 256, 120), rng.exponential(0.5, 120), strict=True):
        sky += light * np.exp(-((row - y) ** 2 + (column - x) ** 2) / (2 * 0.9**2))
    return sky + rng.normal(0, 1, sky.shape) * noise


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.5])
def test_the_share_of_salt_and_pepper_is_found_within_a_tenth(share: float) -> None:
    impulses = found_in(eight_bit(salted(CAMERA, share)[0]))
    assert impulses.kind == "salt and pepper"
    assert impulses.share == pytest.approx(share, rel=0.1)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.2, 0.4])
def test_the_share_of_random_values_is_found_within_a_tenth(share: float) -> None:
    impulses = found_in(eight_bit(scattered(CAMERA, share)[0]))
    assert impulses.kind == "random values"
    assert impulses.share == pytest.approx(share, rel=0.1)


@pytest.mark.parametrize("level", [0, 8])
def test_clean_pictures_and_gaussian_noise_hold_no_impulses(level: float) -> None:
    rng = np.random.default_rng(1)
    for clean in (CAMERA, COFFEE, page() / 255, starry_sky(0), np.kron(rng.random((12, 12)), np.ones((20, 20)))):
        noisy = clean + rng.normal(0, level / 255, clean.shape) if level else clean
        for stored in (eight_bit(noisy), np.rint(np.clip(noisy, 0, 1) * 65535).astype(np.uint16), noisy, noisy.astype(np.float32)):
            assert found_in(stored).kind == "none"


def test_the_tail_of_photon_noise_is_not_impulses() -> None:
    rng = np.random.default_rng(2)
    assert found_in(rng.poisson(CAMERA * 5) / 5).kind == "none"


def test_counts_of_few_photons_hold_no_impulses() -> None:
    rows, columns = np.mgrid[:200, :200] / 200
    counts = np.random.default_rng(4).poisson(0.3 + 7 * np.exp(-8 * ((rows - 0.5) ** 2 + (columns - 0.5) ** 2)))
    assert found_in(counts.astype(np.float32)).kind == "none"
    assert found_in(counts.astype(np.uint16)).kind == "none"


def test_halftones_and_dithered_pictures_hold_no_impulses() -> None:
    row, column = np.mgrid[:256, :256]
    halftone = (np.sin(0.9 * row) + np.sin(0.9 * column) > 0.4 + np.sin(row / 60)) * np.uint8(255)
    dithered = np.asarray(Image.fromarray(eight_bit(CAMERA)).convert("1"))
    assert found_in(halftone).kind == found_in(dithered).kind == "none"


@pytest.mark.parametrize(("factor", "offset"), [(1e-9, 0.0), (4000.0, -5.0), (-20.0, 1e6)])
def test_another_unit_finds_the_same_pixels(factor: float, offset: float) -> None:
    noisy = np.rint(1024 * salted(CAMERA, 0.1)[0]) / 1024
    here, there = trust_in(noisy), trust_in(noisy * factor + offset)
    assert np.mean((here > 0.5) != (there > 0.5)) < 1e-4


def test_salt_of_4095_in_16_bits_is_salt() -> None:
    noisy, hit = salted(CAMERA, 0.1)
    stored = np.where(noisy == 1, 4095, np.where(noisy == 0, 0, 100 + 3000 * noisy)).astype(np.uint16)
    assert np.mean((trust_in(stored) < 0.5) != hit) < 0.005


def test_black_and_white_areas_are_not_taken_for_salt_and_pepper() -> None:
    clean = CAMERA * 0.8 + 0.1
    clean[:40], clean[-40:], clean[100:120, 50:90] = 0, 0, 1
    clean[60:180, 200] = 0
    noisy, _ = salted(clean, 0.2)
    weights = trust_in(eight_bit(noisy))
    kept = weights > 0.5
    # The line is one pixel wide: near its ends, and where impulses interrupt it, it is no more than a few dots.
    for area, level, part in ((np.s_[:40], 0, 0.95), (np.s_[102:118, 52:88], 1, 0.95), (np.s_[60:180, 200], 0, 0.8)):
        true = np.abs(noisy[area] - level) < 1e-9
        assert kept[area][true].mean() > part
        assert kept[area][~true].mean() < 0.05


def test_hot_pixels_are_found_beside_gaussian_noise_and_little_else() -> None:
    rng = np.random.default_rng(3)
    noisy = COFFEE * 0.6 + rng.normal(0, 8 / 255, COFFEE.shape)
    hot = rng.random(noisy.shape) < 0.001
    noisy[hot] = rng.uniform(0.85, 1, hot.sum())
    suspect = trust_in(eight_bit(noisy)) < 0.5
    assert suspect[hot].mean() > 0.97
    assert suspect[~hot].mean() < 0.0003


def test_stars_are_kept_where_hot_pixels_are_taken_out() -> None:
    sky = starry_sky(0.01)
    hot = np.random.default_rng(4).random(sky.shape) < 0.002
    suspect = trust_in(np.where(hot, 2.0, sky)) < 0.5
    assert suspect[hot].mean() > 0.97
    assert (suspect & (sky > 0.15) & ~hot).sum() <= 3


def test_impulses_that_hit_all_channels_at_once_are_said_to() -> None:
    rng = np.random.default_rng(6)
    hit = rng.random(COFFEE.shape[:2]) < 0.1
    noisy = COFFEE.copy()
    noisy[hit] = rng.random((hit.sum(), 3))
    assert found_in(eight_bit(noisy)).whole_pixels
    assert not found_in(eight_bit(scattered(COFFEE, 0.1)[0])).whole_pixels


def test_hidden_pixels_neither_count_nor_spoil_their_neighbours() -> None:
    noisy, _ = scattered(CAMERA, 0.1)
    known = np.ones(noisy.shape, bool)
    known[50:90, 50:90] = False
    whole, holed = (log_odds(plane.astype(np.float32), 0.1, known) for plane in (noisy, np.where(known, noisy, 1.0)))
    assert np.array_equal(whole[known], holed[known])


@pytest.mark.parametrize("nothing", [np.nan, np.inf])
def test_pixels_without_a_value_are_no_impulses_and_harm_nothing(nothing: float) -> None:
    noisy, hit = scattered(CAMERA, 0.1)
    noisy[50:90, 50:90] = nothing
    scale = Scale.of(noisy)
    plan = impulse_plan(noisy, scale)
    assert plan is not None
    assert plan.impulses.share == pytest.approx(0.1, rel=0.1)
    assert not plan.weights[50:90, 50:90].any()
    there = np.isfinite(noisy)
    assert np.mean((plan.weights < 0.5)[there] != hit[there]) < 0.05


def test_the_verdict_does_not_depend_on_the_number_of_threads() -> None:
    noisy = np.tile(scattered(CAMERA, 0.1)[0], (2, 1)).astype(np.float32)
    assert np.array_equal(log_odds(noisy, 0.1, workers=1), log_odds(noisy, 0.1, workers=3))


def test_bands_see_as_far_as_the_rounds_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    noisy = scattered(CAMERA, 0.2)[0].astype(np.float32)
    monkeypatch.setattr("denoise_cli.noise.outlier_network.BAND", noisy.size)
    whole = log_odds(noisy, 0.2)
    monkeypatch.setattr("denoise_cli.noise.outlier_network.BAND", 20 * noisy.shape[1])
    assert np.allclose(log_odds(noisy, 0.2), whole, atol=1e-3)


@pytest.mark.parametrize("count", [1, 2, 7, 8, 24])
def test_the_sorting_network_sorts(count: int) -> None:
    stack = np.random.default_rng(count).integers(0, 9, (count, 13, 11)).astype(np.float32)
    assert np.array_equal(in_order(stack), np.sort(stack, axis=0))


def test_no_more_than_most_by_chance_are_hit_but_once_in_a_million() -> None:
    for count, share in ((8, 0.05), (48, 0.05), (24, 0.25), (10, 0.4)):
        terms = [math.comb(count, k) * share**k * (1 - share) ** (count - k) for k in range(count + 1)]
        most = most_by_chance(count, share)
        assert sum(terms[most + 1 :]) < 1e-6 <= sum(terms[most:])


def test_a_lone_extreme_is_hit_and_a_blown_out_light_is_not() -> None:
    plane = np.full((40, 40), 0.5)
    plane[10, 10] = plane[20:29, 20:29] = 1
    hit = salt_and_pepper(plane, 0, 1, pepper=0, salt=0.05)
    assert hit[10, 10]
    assert not hit[21:28, 21:28].any()


# ── and without them ──


def test_filling_in_salt_and_pepper_beats_l1_by_five_decibels() -> None:
    stored = eight_bit(salted(CAMERA, 0.1)[0])
    scale = Scale.of(stored)
    pixels = scale.floats(stored)
    plan = impulse_plan(pixels, scale)
    assert plan is not None
    assert (plan.fidelity, plan.removes_noise) == ("l2", False)
    best = max(psnr(denoise(pixels, weight, fidelity="l1", method="optimal", gap=3e-3).image, CAMERA) for weight in (0.4, 0.5, 0.6))
    assert psnr(solve_trusted(pixels, plan, gap=3e-3).image, CAMERA) > best + 5


@pytest.mark.parametrize("share", [0.1, 0.4])
def test_trusting_by_probability_beats_l1_by_two_decibels_at_random_values(share: float) -> None:
    stored = eight_bit(scattered(CAMERA, share)[0])
    scale = Scale.of(stored)
    pixels = scale.floats(stored)
    plan = impulse_plan(pixels, scale)
    assert plan is not None
    assert plan.fidelity == "l1"
    best = max(psnr(denoise(pixels, weight, fidelity="l1", method="optimal", gap=3e-3).image, CAMERA) for weight in (0.4, 0.5, 0.6, 0.7))
    assert psnr(solve_trusted(pixels, plan, gap=3e-3).image, CAMERA) > best + 2


def test_gaussian_noise_beside_impulses_is_removed_as_if_they_were_known() -> None:
    rng = np.random.default_rng(7)
    noisy, hit = salted(CAMERA + rng.normal(0, 12 / 255, CAMERA.shape), 0.1)
    stored = eight_bit(noisy)
    scale = Scale.of(stored)
    pixels = scale.floats(stored)
    plan = impulse_plan(pixels, scale)
    assert plan is not None
    assert plan.removes_noise
    assert plan.sigma == pytest.approx(12 / 255, rel=0.1)
    told = {"method": "optimal", "gap": 3e-3, "weights": (~hit).astype(np.float32)}
    best = max(psnr(denoise(pixels, weight, **told).image, CAMERA) for weight in (0.04, 0.055, 0.07, 0.085))
    assert psnr(solve_trusted(pixels, plan, gap=3e-3).image, CAMERA) > best - 0.3


def test_a_clean_picture_has_no_plan() -> None:
    stored = eight_bit(CAMERA)
    scale = Scale.of(stored)
    assert impulse_plan(scale.floats(stored), scale) is None


def test_specks_on_a_page_of_black_and_white_alone_are_removed_and_the_letters_stay() -> None:
    rng = np.random.default_rng(23)
    clean = np.kron(page() > 127, np.ones((2, 2), bool))
    specked = clean ^ (rng.random(clean.shape) < 0.005)
    found = denoise_cli.denoise(specked).image > 0.5
    assert (found != clean).sum() < 0.2 * (specked != clean).sum()
    kept = denoise_cli.denoise(clean).image > 0.5
    assert np.array_equal(kept, clean)


def test_the_sentence_says_the_share_the_rest_and_lambda() -> None:
    impulses = Impulses(0.05, 0.05, 0, False, "")
    plan = ImpulsePlan(impulses, np.ones((2, 2)), "l2", 0.06, 0.04, True)
    assert plan.sentence == "impulses: 10 % black or white, filled in from the rest; Gaussian noise beside them, σ ≈ 0.04 → λ 0.06, L2"
