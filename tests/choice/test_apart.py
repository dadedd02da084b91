"""`separate` with no λ typed: each channel comes out as the grey picture that it is, with its own noise level and λ."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from denoise_cli import denoise
from denoise_cli.large.by_tiles import run_by_tiles
from denoise_cli.large.recipe import NotByTiles, Recipe
from denoise_cli.measure.scale import Scale
from denoise_cli.methods.method import Subject
from denoise_cli.pipeline.job import Job
from denoise_cli.pipeline.plan import make_plan
from denoise_cli.pipeline.python import Denoised
from denoise_cli.pipeline.selection import _run, _unit_scale
from denoise_cli.settings import Settings
from denoise_cli.variational import denoise as solve
from denoise_cli.variational import psnr_db

Run = Callable[..., Any]
APART = Settings(channels="separate", workers=1)


@pytest.fixture(scope="module")
def coffee(samples: Path) -> np.ndarray:
    return np.asarray(Image.open(samples / "coffee.png"))[:120, :140] / 255


def noisy(clean: np.ndarray, *levels: float, seed: int = 0) -> np.ndarray:
    return clean + np.random.default_rng(seed).standard_normal(clean.shape) * levels


def bytes_of(picture: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)


def one_by_one(picture: np.ndarray, **options: Any) -> list[Denoised]:
    return [denoise(picture[..., c], method="optimal", **options) for c in range(picture.shape[-1])]


def dyes(coffee: np.ndarray) -> np.ndarray:
    """Four channels as unlike as those of a microscope: impulses, few photons, white noise, and hardly any."""
    random = np.random.default_rng(3)
    grey = coffee.mean(axis=2)
    pepper = np.where(random.random(grey.shape) < 0.1, random.integers(0, 2, grey.shape), grey)
    return bytes_of(np.stack([pepper, random.poisson(grey * 40) / 40, grey + random.normal(0, 0.05, grey.shape), grey], axis=2))


@pytest.mark.parametrize("case", ["white", "as floats", "unlike kinds", "σ is told", "half as strong", "unknown pixels"])
def test_each_channel_comes_out_as_the_grey_picture_that_it_is(coffee: np.ndarray, case: str) -> None:
    options: dict[str, Any] = {}
    picture = bytes_of(noisy(coffee, 0.02, 0.06, 0.12))
    if case == "as floats":
        picture = 1000 * noisy(coffee, 0.0, 0.04, 0.08).astype(np.float32) - 200
    elif case == "unlike kinds":
        picture = dyes(coffee)
    elif case == "σ is told":
        options = {"sigma": 0.05}
    elif case == "half as strong":
        options = {"strength": 0.5}
    elif case == "unknown pixels":
        options = {"weights": np.where(np.hypot(*np.indices(picture.shape[:2]) - 60) < 9, 0.0, 1.0)}
    found = denoise(picture, channels="separate", **options)
    alone = one_by_one(picture, **options)
    assert found.image == pytest.approx(np.stack([each.image for each in alone], axis=2), abs=1e-6)
    assert found.plan.weights == tuple(each.plan.weight for each in alone)
    assert found.cost == pytest.approx(sum(each.cost for each in alone))
    assert found.bound == pytest.approx(sum(each.bound or 0 for each in alone))


def test_a_volume_has_a_lambda_for_each_channel_of_it(coffee: np.ndarray) -> None:
    volume = np.stack([noisy(coffee[:48, :50], 0.02, 0.05, 0.1, seed=z) for z in range(4)]).astype(np.float32)
    found = denoise(volume, axes="zyxc", channels="separate")
    alone = [denoise(volume[..., c], axes="zyx") for c in range(3)]
    assert found.image == pytest.approx(np.stack([each.image for each in alone], axis=3), abs=1e-6)
    assert found.plan.weights[0] < found.plan.weights[1] < found.plan.weights[2]


def test_no_single_lambda_suits_four_dyes_as_their_own_do(coffee: np.ndarray) -> None:
    levels = np.array([300, 600, 200, 100])
    clean = 500 + np.stack([coffee.mean(axis=2)] * 4, axis=2) * (30000, 8000, 1500, 400)
    picture = np.rint(clean + np.random.default_rng(7).standard_normal(clean.shape) * levels).clip(0, 65535).astype(np.uint16)
    own = denoise(picture, channels="separate")

    def errors(image: np.ndarray) -> np.ndarray:
        return np.sqrt(np.mean((65535 * image - clean) ** 2, axis=(0, 1)))

    assert np.all(errors(own.image) < levels)
    for weight in own.plan.weights:
        one = solve(picture, weight, method="optimal", channels="separate")
        assert np.max(errors(one.image) / errors(own.image)) > 1.3


def test_the_cost_is_that_of_the_three_problems_and_the_gap_is_proven(coffee: np.ndarray) -> None:
    picture = noisy(coffee[:60, :80], 0.02, 0.06, 0.12)
    found = denoise(picture, channels="separate", gap=1e-4)
    down, right = np.zeros_like(picture), np.zeros_like(picture)
    down[:-1], right[:, :-1] = np.diff(found.image, axis=0), np.diff(found.image, axis=1)
    variations = np.sqrt(down**2 + right**2).sum(axis=(0, 1))
    assert found.cost == pytest.approx(np.square(found.image - picture).sum() + variations @ found.plan.weights, rel=1e-5)
    assert found.bound is not None
    assert 0 <= (found.cost - found.bound) / found.cost <= 1e-4 * (1 + 1e-6)


def test_a_lambda_that_is_typed_is_one_for_all_channels(coffee: np.ndarray) -> None:
    picture = noisy(coffee, 0.02, 0.06, 0.12)
    found = denoise(picture, 0.08, method="optimal", channels="separate")
    assert found.plan.weights == ()
    assert found.image == pytest.approx(solve(picture, 0.08, method="optimal", channels="separate").image, abs=1e-6)


def test_a_grey_picture_is_as_it_was(coffee: np.ndarray) -> None:
    grey = bytes_of(noisy(coffee, 0.1, 0.1, 0.1))[:, :, 0]
    found = denoise(grey, channels="separate")
    assert found.plan.weights == ()
    assert found.image == pytest.approx(denoise(grey, method="optimal").image)


def test_the_number_of_a_channel_that_cannot_be_done_is_told(coffee: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"channel 1: the noise was not found to grow"):
        denoise(bytes_of(noisy(coffee, 0.05, 0.05, 0.05)), channels="separate", vst="anscombe")


def test_the_sentence_and_the_record_list_the_channels(denoise: Run, coffee: np.ndarray, tmp_path: Path) -> None:
    Image.fromarray(bytes_of(noisy(coffee, 0.03, 0.06, 0.12))).save(tmp_path / "in.png")
    run = denoise(tmp_path / "in.png", "--channels", "separate", "--strength", 0.5, "--json", "--report", tmp_path / "r.html")
    report = json.loads(run.out.splitlines()[0])
    listed = ", ".join(f"{weight:.3g}" for weight in report["weights"])
    assert len(set(report["weights"])) == 3
    assert report["weight"] is None
    assert f"L2, times the strength 0.5 → λ {listed}, " in run.err
    assert "optimal, Gaussian noise, σ ≈ 0.0" in run.err
    assert '"weights"' in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_unlike_kinds_are_told_with_the_channels_that_have_them(coffee: np.ndarray) -> None:
    picture = dyes(coffee)
    sentence = denoise(picture[:, :, [2, 3, 2]], channels="separate").plan.sentence
    assert sentence is not None
    assert sentence.startswith("channels 1 and 3: Gaussian noise; channel 2: hardly any noise; σ ≈ 0.0")
    sentence = denoise(picture, channels="separate").plan.sentence
    assert sentence is not None
    assert sentence.startswith("channel 1: impulses: ")
    assert "; channel 2: noise of variance " in sentence
    assert "; and 1 more → λ 0.002, " in sentence


def test_transparent_pixels_count_for_no_channel(denoise: Run, coffee: np.ndarray, tmp_path: Path) -> None:
    colour = bytes_of(noisy(coffee, 0.02, 0.06, 0.12))
    alpha = np.where(np.arange(140) < 60, 0, 255).astype(np.uint8) * np.ones((120, 1), np.uint8)
    colour[:, :60] = np.random.default_rng(0).integers(0, 256, (120, 60, 3))
    Image.fromarray(np.dstack([colour, alpha])).save(tmp_path / "in.png")
    for c in range(3):
        Image.fromarray(np.dstack([colour[:, :, c], alpha]), "LA").save(tmp_path / f"{c}.png")
        assert denoise(tmp_path / f"{c}.png", "-o", tmp_path / f"o{c}.png", "--method", "optimal").code == 0
    assert denoise(tmp_path / "in.png", "-o", tmp_path / "o.png", "--channels", "separate").code == 0
    whole = np.asarray(Image.open(tmp_path / "o.png"))
    for c in range(3):
        np.testing.assert_array_equal(whole[:, :, c], np.asarray(Image.open(tmp_path / f"o{c}.png"))[:, :, 0])


def test_pages_that_share_their_lambda_share_that_of_each_channel(denoise: Run, coffee: np.ndarray, tmp_path: Path) -> None:
    pages = np.stack([bytes_of(noisy(coffee, 0.02, 0.06, 0.12, seed=at)) for at in range(3)])
    tifffile.imwrite(tmp_path / "in.tif", pages, photometric="rgb")
    words = ("-o", tmp_path / "out.tif", "--overwrite", "--channels", "separate", "--json")
    shared = json.loads(denoise(tmp_path / "in.tif", *words, "--same-lambda").out.splitlines()[0])
    assert len(set(shared["weights"])) == 3
    assert json.loads(denoise(tmp_path / "in.tif", *words).out.splitlines()[0])["weights"] == []


def test_tiles_take_the_lambda_and_the_transform_of_each_channel(coffee: np.ndarray, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    clean = np.kron(coffee[:100, :100], np.ones((3, 3, 1)))
    picture = np.dstack([random.poisson(clean[:, :, 0] * 40) / 40, noisy(clean[:, :, 1:], 0.02, 0.1)])
    tifffile.imwrite(tmp_path / "in.tif", bytes_of(picture), photometric="rgb")
    in_tiles, whole = (tmp_path / name for name in ("tiles.tif", "whole.tif"))
    report = run_by_tiles(Job(tmp_path / "in.tif", in_tiles, replace(APART, memory=2 * 10**6, gap=1e-4)))
    assert report.error is None, report.error
    assert report.gap is not None
    assert report.gap <= 1e-4
    assert len(set(report.weights)) == 3
    image = denoise(bytes_of(picture), channels="separate", gap=1e-4).image
    tifffile.imwrite(whole, bytes_of(image))
    # λ is chosen from windows of the picture there.
    assert psnr_db(tifffile.imread(in_tiles) / 255, tifffile.imread(whole) / 255) > 45
    assert psnr_db(tifffile.imread(in_tiles) / 255, clean) > psnr_db(bytes_of(picture) / 255, clean) + 3


def test_tiles_refuse_two_fidelities_in_one_picture(coffee: np.ndarray) -> None:
    picture = bytes_of(noisy(coffee, 0.02, 0.06, 0.12))
    subject = Subject(picture, Scale.of(picture))
    plan = make_plan(subject, APART)
    first, *others = plan.details["apart"]
    with pytest.raises(NotByTiles, match="one fidelity"):
        Recipe.of(replace(plan, fidelity=None, details={"apart": (replace(first, fidelity="l1"), *others)}), subject)


def test_a_sample_on_its_own_scale_is_denoised_as_the_picture_is(coffee: np.ndarray) -> None:
    picture = (500 * noisy(coffee, 0.02, 0.06, 0.12) + 100).astype(np.float32)
    scale = Scale.of(picture)
    plan = make_plan(Subject(picture, scale), replace(APART, gap=1e-5))
    sample = (picture - np.float32(scale.bottom)) / np.float32(scale.unit)
    there = _run(plan, sample, _unit_scale(sample), scale.unit, scale.bottom)
    whole = plan.method.run(Subject(picture, scale), plan).image
    assert there * scale.unit + scale.bottom == pytest.approx(whole, abs=500 * 1e-3)
