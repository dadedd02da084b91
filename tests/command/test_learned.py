"""`--method learned` and `--destripe` at the prompt: what they do, what they say, what they refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from denoise_cli import denoise as python_denoise

Run = Callable[..., Any]


@pytest.mark.parametrize(("noisy", "clean"), [("camera_gaussian.png", "camera.png"), ("coffee_gaussian.png", "coffee.png")])
def test_the_network_leaves_less_error_than_total_variation(denoise: Run, samples: Path, tmp_path: Path, noisy: str, clean: str) -> None:
    reports = {}
    for method in ("optimal", "learned"):
        run = denoise(samples / noisy, "-o", tmp_path / f"{method}.png", "--method", method, "--reference", samples / clean, "--json")
        reports[method] = json.loads(run.out.splitlines()[0])
    assert reports["learned"]["psnr_db"] > reports["optimal"]["psnr_db"] + 1.5
    assert reports["learned"]["assumed"].startswith("Gaussian noise, σ ≈ 0.1")
    assert all(reports["learned"][name] is None for name in ("weight", "fidelity", "cost", "gap"))


@pytest.mark.parametrize(("k", "c"), [(1e-9, 0.0), (4095.0, 300.0)])
def test_another_unit_gives_the_same_picture_in_that_unit(samples: Path, k: float, c: float) -> None:
    page = np.asarray(Image.open(samples / "camera_gaussian.png"))[:96, :80] / 255
    there = python_denoise(k * page + c, method="learned").image
    np.testing.assert_allclose((there - c) / k, python_denoise(page, method="learned").image, atol=2e-4)


def test_noise_is_told_as_it_is_found_in_clumps_and_white(samples: Path) -> None:
    from scipy.ndimage import gaussian_filter

    clean = np.asarray(Image.open(samples / "coffee.png"))[:256, :256] / 255
    grain = np.random.default_rng(3).standard_normal(clean.shape)
    clumps = gaussian_filter(grain, (0.9, 0.9, 0))
    for noise, kind in ((0.06 * grain, "gaussian"), (0.06 * clumps / clumps.std(), "coloured")):
        plan = python_denoise((clean + noise).astype(np.float32), method="learned").plan
        assert plan.noise is not None
        assert (plan.noise.model, plan.details["times"]) == (kind, 1)


def test_a_level_that_the_network_sees_little_of_is_not_believed(samples: Path) -> None:
    """A fine weave without noise may be taken for noise; told that level, the network would wipe it out."""
    from denoise_cli.measure.scale import Scale
    from denoise_cli.methods.method import Subject
    from denoise_cli.methods.registry import find
    from denoise_cli.noise.model import Noise
    from denoise_cli.settings import Settings

    page = np.asarray(Image.open(samples / "coffee.png"))[:256, :256].astype(np.float32) / 255
    subject = Subject(page, Scale.of(page), noise=Noise.told((0.03,) * 3))
    method, settings = find("learned"), Settings(method="learned")
    plan = method.plan(subject, settings)
    assert plan.details["times"] < 0.5
    assert plan.sentence is not None
    assert "times that" in plan.sentence
    told = method.plan(subject, Settings(sigma=0.03, method="learned"))
    assert told.details["times"] == 1
    kept, wiped = (method.run(subject, some).image for some in (plan, told))
    assert np.mean((kept - page) ** 2) < 0.5 * np.mean((wiped - page) ** 2)


def test_a_background_without_noise_does_not_lower_what_the_network_is_told(samples: Path) -> None:
    """Microscopes, scans and videos surround the picture with a black that holds none."""
    from denoise_cli.measure.scale import Scale
    from denoise_cli.methods.method import Subject
    from denoise_cli.methods.registry import find
    from denoise_cli.settings import Settings

    clean = np.asarray(Image.open(samples / "camera.png")) / 255
    noisy = clean + np.random.default_rng(25).normal(0, 15 / 255, clean.shape)
    y, x = np.indices(clean.shape)
    noisy[np.hypot(y - 200, x - 220) > 0.25 * len(clean)] = 0
    page = np.rint(np.clip(noisy, 0, 1) * 255).astype(np.uint8)
    assert (page == 0).mean() > 0.75
    plan = find("learned").plan(Subject(page, Scale.of(page)), Settings(method="learned"))
    assert plan.details["times"] == 1


def test_clumps_are_not_believed_where_what_the_network_removes_is_white(samples: Path) -> None:
    """Fine texture under faint white noise may be taken for strong noise in clumps."""
    from scipy.ndimage import gaussian_filter

    from denoise_cli.measure.scale import Scale
    from denoise_cli.methods.learned.told_level import believed
    from denoise_cli.methods.method import Subject
    from denoise_cli.noise.estimate import estimate

    clean = np.asarray(Image.open(samples / "coffee.png"))[:256, :256].astype(np.float32) / 255
    grain = np.random.default_rng(3).standard_normal(clean.shape).astype(np.float32)
    clumps = gaussian_filter(grain, (0.9, 0.9, 0))
    mistaken = estimate(clean + 0.06 * clumps / clumps.std())
    assert mistaken.model == "coloured"
    page = clean + np.float32(0.03) * grain
    noise, times = believed(Subject(page, Scale.of(page)), mistaken, device="cpu", workers=1)
    assert noise.model == "gaussian"
    assert times * noise.sigma == pytest.approx(0.03, rel=0.25)


def test_what_it_does_not_have_is_refused(denoise: Run, samples: Path, tmp_path: Path) -> None:
    for words in (["--lambda", 0.1], ["--gap", 0.01], ["--lambda-map", samples / "camera.png"]):
        run = denoise(samples / "camera_gaussian.png", "-o", tmp_path / "x.png", "--method", "learned", *words)
        assert run.code == 2
        assert words[0] in run.err
    (tmp_path / "other.onnx").write_bytes(b"no network")
    for name, said in (("other.onnx", "not a network"), ("missing.onnx", "cannot be read"), (".", "cannot be read")):
        run = denoise(samples / "camera_gaussian.png", "-o", tmp_path / "x.png", "--method", "learned", "--model", tmp_path / name)
        assert run.code == 1
        assert len(run.err.splitlines()) == 1
        assert said in run.err
        assert "defect" not in run.err
        assert not (tmp_path / "x.png").exists()


def psnr_db(result: np.ndarray, clean: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean((np.asarray(result, float) - clean) ** 2)))


@pytest.fixture
def coffee(samples: Path) -> np.ndarray:
    return np.asarray(Image.open(samples / "coffee.png"))[100:196, 200:296] / 255


def eight_bit(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(255 * values), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("sigma", [0.0, 10 / 255])
def test_masked_pixels_are_filled_better_than_by_total_variation(denoise: Run, coffee: np.ndarray, tmp_path: Path, sigma: float) -> None:
    rng = np.random.default_rng(0)
    known = rng.random(coffee.shape[:2]) < 0.5
    Image.fromarray(eight_bit((coffee + sigma * rng.standard_normal(coffee.shape)) * known[:, :, None])).save(tmp_path / "in.png")
    Image.fromarray(eight_bit(known.astype(float))).save(tmp_path / "mask.png")
    found = {}
    for method in ("optimal", "learned", None):
        words = ["--mask", tmp_path / "mask.png", "--overwrite", *(["--method", method] if method else [])]
        run = denoise(tmp_path / "in.png", "-o", tmp_path / "out.png", *words, "--json")
        report = json.loads(run.out.splitlines()[0])
        assert report["method"] == (method or "optimal"), "unasked, a mask is for total variation"
        found[method] = psnr_db(np.asarray(Image.open(tmp_path / "out.png")) / 255, coffee)
    assert found["learned"] > found["optimal"] + 1


@pytest.mark.parametrize("words", [{}, {"fidelity": "l1"}], ids=["found", "by --l1"])
@pytest.mark.parametrize("salt", [True, False])
def test_impulses_are_removed_better_than_by_total_variation(coffee: np.ndarray, words: dict[str, str], salt: bool) -> None:
    rng = np.random.default_rng(1)
    values = rng.random(coffee.shape) < 0.5 if salt else rng.random(coffee.shape)
    page = eight_bit(np.where(rng.random(coffee.shape) < 0.1, values, coffee))
    network, variation = (python_denoise(page, method=method, **words) for method in ("learned", "optimal"))  # type: ignore[arg-type]
    assert network.plan is not None
    assert network.plan.sentence is not None
    assert "impulses" in network.plan.sentence
    assert psnr_db(network.image, coffee) > psnr_db(variation.image, coffee) + 0.5


def test_with_too_few_known_pixels_the_network_refuses_and_names_the_way_out(denoise: Run, coffee: np.ndarray, tmp_path: Path) -> None:
    known = np.random.default_rng(0).random(coffee.shape[:2]) < 0.2
    Image.fromarray(eight_bit(coffee)).save(tmp_path / "in.png")
    Image.fromarray(eight_bit(known.astype(float))).save(tmp_path / "mask.png")
    run = denoise(tmp_path / "in.png", "-o", tmp_path / "out.png", "--mask", tmp_path / "mask.png", "--method", "learned")
    assert run.code == 1
    assert len(run.err.splitlines()) == 1
    assert "% of the values are known" in run.err
    assert "use method optimal" in run.err
    assert not (tmp_path / "out.png").exists()


def test_another_unit_is_filled_in_alike(coffee: np.ndarray) -> None:
    known = (np.random.default_rng(0).random(coffee.shape[:2]) < 0.6).astype(float)
    page = coffee + 0.04 * np.random.default_rng(1).standard_normal(coffee.shape)
    once, there = (python_denoise(each, method="learned", weights=known).image for each in (page, 1000 * page - 300))
    np.testing.assert_allclose((there + 300) / 1000, once, atol=2e-3)


@pytest.mark.parametrize("direction", ["rows", "auto"])
def test_stripes_are_taken_off_when_asked(denoise: Run, samples: Path, tmp_path: Path, direction: str) -> None:
    clean = np.asarray(Image.open(samples / "camera.png")) / 255
    offsets = 0.04 * np.random.default_rng(2).standard_normal((len(clean), 1))
    Image.fromarray(np.clip(np.rint(255 * (0.1 + 0.8 * clean + offsets)), 0, 255).astype(np.uint8)).save(tmp_path / "striped.png")
    run = denoise(tmp_path / "striped.png", "-o", tmp_path / "out.png", "--destripe", direction, "--json")
    report = json.loads(run.out.splitlines()[0])
    assert any("stripes along the rows were taken off" in note for note in report["notes"])
    found = (np.asarray(Image.open(tmp_path / "out.png")) / 255 - 0.1) / 0.8
    left = (found - clean).mean(axis=1)
    assert np.std(left - left.mean()) < 0.3 * np.std(offsets / 0.8)


def test_a_picture_without_stripes_keeps_its_rows(denoise: Run, samples: Path, tmp_path: Path) -> None:
    run = denoise(samples / "camera.png", "-o", tmp_path / "out.png", "--destripe", "auto", "--json")
    assert any("no stripes were found" in note for note in json.loads(run.out.splitlines()[0])["notes"])
