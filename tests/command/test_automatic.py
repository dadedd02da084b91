"""No λ at the prompt: what is assumed is said, what is typed is kept, and what was removed can be looked at."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Run = Callable[..., object]


@pytest.fixture
def noisy(tmp_path: Path, samples: Path) -> Path:
    return Path(shutil.copy(samples / "camera_gaussian.png", tmp_path / "noisy.png"))


def pixels(path: Path) -> np.ndarray:
    return np.load(path) if path.suffix == ".npy" else np.asarray(Image.open(path)).astype(float)


def test_no_number_means_what_suits_the_picture_and_it_is_said(denoise: Run, noisy: Path, samples: Path) -> None:
    run = denoise(noisy, "--reference", samples / "camera.png")
    assert run.code == 0
    assert "learned, Gaussian noise, σ ≈ 0.1" in run.err
    psnr = float(run.err.split("PSNR ")[1].split(" dB")[0])
    assert psnr > 30.5  # total variation at its best λ has 28.9


def test_optimal_without_a_lambda_is_the_certified_optimum_at_one_that_is_said(denoise: Run, noisy: Path, samples: Path) -> None:
    run = denoise(noisy, "--method", "optimal", "--reference", samples / "camera.png")
    assert run.code == 0
    assert "optimal, Gaussian noise, σ ≈ 0.1" in run.err
    assert "certified" in run.err
    psnr = float(run.err.split("PSNR ")[1].split(" dB")[0])
    assert psnr > 28.8  # the best λ has 28.9


def test_lambda_auto_is_the_same_by_name(denoise: Run, noisy: Path) -> None:
    denoise(noisy, "-o", noisy.with_name("a.png"))
    denoise(noisy, "--lambda", "auto", "-o", noisy.with_name("b.png"))
    assert noisy.with_name("a.png").read_bytes() == noisy.with_name("b.png").read_bytes()


@pytest.mark.parametrize("typed", ["0.1", "25.5/255"])
def test_a_sigma_that_is_typed_replaces_the_estimate(denoise: Run, noisy: Path, typed: str) -> None:
    run = denoise(noisy, "--method", "optimal", "--sigma", typed, "--json")
    report = json.loads(run.out.splitlines()[0])
    assert report["sigma"] == pytest.approx(0.1)
    assert report["assumed"].startswith("Gaussian noise, σ = 0.1 (25.5/255) → λ 0.1")
    assert report["weight"] == pytest.approx(0.155, abs=0.02)


def test_impulses_become_unknown_and_the_rest_is_filled_in(denoise: Run, tmp_path: Path, samples: Path) -> None:
    spoilt = Path(shutil.copy(samples / "camera_impulses.png", tmp_path))
    run = denoise(spoilt, "--json", "--reference", samples / "camera.png")
    report = json.loads(run.out.splitlines()[0])
    assert (report["fidelity"], report["noise"]) == ("l2", "impulses")
    assert report["impulses"] == pytest.approx(0.1, abs=0.02)
    assert report["psnr_db"] > 38  # L1 at its best λ has 30
    assert "filled in from the rest" in report["assumed"]


def test_a_sigma_beyond_the_picture_is_refused_with_a_guess(denoise: Run, noisy: Path) -> None:
    run = denoise(noisy, "--sigma", 12)
    assert run.code == 1
    assert "did you mean --sigma 12/255?" in run.err
    assert not noisy.with_name("noisy_denoised.png").exists()


def test_l1_by_name_stays_l1_on_all_pixels(denoise: Run, tmp_path: Path, samples: Path) -> None:
    spoilt = Path(shutil.copy(samples / "camera_impulses.png", tmp_path))
    report = json.loads(denoise(spoilt, "--l1", "--json", "--reference", samples / "camera.png").out.splitlines()[0])
    assert (report["fidelity"], report["noise"]) == ("l1", "impulses")
    assert 29 < report["psnr_db"] < 32


@pytest.mark.parametrize("strength", [0.5, 2.0])
def test_strength_scales_the_lambda_that_was_chosen(denoise: Run, noisy: Path, strength: float) -> None:
    chosen = json.loads(denoise(noisy, "-o", noisy.with_name("a.png"), "--method", "optimal", "--json").out.splitlines()[0])
    words = ["-o", noisy.with_name("b.png"), "--method", "optimal", "--strength", strength, "--json"]
    scaled = json.loads(denoise(noisy, *words).out.splitlines()[0])
    assert scaled["weight"] == pytest.approx(strength * chosen["weight"])
    assert f"strength {strength:g}" in scaled["assumed"]
    assert denoise(noisy, "--lambda", 0.1, "--strength", strength).code == 2


def test_a_fidelity_that_is_typed_is_kept(denoise: Run, noisy: Path) -> None:
    report = json.loads(denoise(noisy, "--l1", "--json").out.splitlines()[0])
    assert (report["fidelity"], report["method"]) == ("l1", "optimal")


@pytest.mark.parametrize("sample", ["camera.png", "coffee.png"])
def test_a_clean_picture_is_hardly_touched(denoise: Run, tmp_path: Path, samples: Path, sample: str) -> None:
    run = denoise(samples / sample, "-o", tmp_path / "out.png")
    assert run.code == 0
    change = pixels(tmp_path / "out.png") - pixels(samples / sample)
    assert 255 / max(1e-9, np.sqrt(np.mean(change**2))) > 100  # 40 dB


def test_settings_that_were_saved_without_a_lambda_choose_it_again(denoise: Run, noisy: Path, tmp_path: Path) -> None:
    settings = tmp_path / "auto.toml"
    denoise(noisy, "-o", tmp_path / "a.png", "--save-config", settings)
    assert 'lambda = "auto"' in settings.read_text(encoding="utf-8")
    assert denoise(noisy, "-o", tmp_path / "b.png", "--config", settings).code == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    settings.write_text("lambda = 0.1\n", encoding="utf-8")
    assert "matlab, L2, λ 0.1" in denoise(noisy, "-o", tmp_path / "c.png", "--config", settings).err


def test_a_folder_is_chosen_for_one_by_one_and_resumed(denoise: Run, noisy: Path, tmp_path: Path, samples: Path) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    shutil.copy(noisy, scans / "a.png")
    shutil.copy(samples / "camera.png", scans / "b.png")
    reports = [json.loads(line) for line in denoise(scans, "-o", tmp_path / "out", "--json").out.splitlines()[:2]]
    assert [report["method"] for report in reports] == ["learned", "optimal"]  # and next to nothing is removed from the clean one
    assert reports[0]["sigma"] > 20 * reports[1]["sigma"]
    assert "2 skipped" in denoise(scans, "-o", tmp_path / "out").err
    assert "2 failed" in denoise(scans, "-o", tmp_path / "out", "--sigma", 0.1).err  # made with other settings


def test_noise_of_few_photons_is_recognised_and_stabilising_it_gains(denoise: Run, tmp_path: Path, samples: Path) -> None:
    denoise("add-noise", samples / "coffee.png", "-o", tmp_path / "photons.png", "--poisson", 30)
    psnr = {}
    for way in ("none", "auto", "anscombe", "generalized"):
        words = ["--method", "optimal", *([] if way == "auto" else ["--vst", way])]
        run = denoise(tmp_path / "photons.png", "-o", tmp_path / f"{way}.png", "--reference", samples / "coffee.png", "--json", *words)
        report = json.loads(run.out.splitlines()[0])
        assert (report["noise"], report["fidelity"], report["error"]) == ("poisson", "l2", None)
        assert any("--vst" in note for note in report["notes"]) == (way == "none")
        psnr[way] = report["psnr_db"]
        written = np.asarray(Image.open(tmp_path / f"{way}.png")) / 255
        clean = np.asarray(Image.open(samples / "coffee.png")) / 255
        assert report["psnr_db"] == pytest.approx(-10 * np.log10(np.mean((written - clean) ** 2)), abs=0.1)
    assert psnr["auto"] == psnr["generalized"] > psnr["none"] + 0.3
    assert psnr["anscombe"] > psnr["none"] + 0.3


def test_uniform_noise_is_not_stabilised(denoise: Run, noisy: Path) -> None:
    run = denoise(noisy, "--vst", "generalized")
    assert run.code == 1
    assert "leave --vst out" in run.err


MISTAKES = {
    "matlab without a lambda": (["--method", "matlab"], ["--method matlab", "--lambda"]),
    "sigma beside a lambda": (["--sigma", "0.1", "--lambda", "0.1"], ["--sigma", "leave one"]),
    "sigma zero": (["--sigma", "0"], ["--sigma", "positive"]),
    "sigma negative": (["--sigma", "-0.1"], ["--sigma", "positive"]),
    "sigma infinite": (["--sigma", "inf"], ["--sigma", "finite"]),
    "sigma that is no number": (["--sigma", "much"], ["--sigma", "10/255", "'much'"]),
    "sigma over zero": (["--sigma", "10/0"], ["--sigma", "10/255"]),
    "lambda that is no number": (["--lambda", "automatic"], ["--lambda", "auto", "'automatic'"]),
    "stabilising under l1": (["--vst", "anscombe", "--l1"], ["--vst", "L2"]),
    "stabilising with a sigma": (["--vst", "generalized", "--sigma", "0.1"], ["--vst", "--sigma"]),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_get_one_line(denoise: Run, noisy: Path, case: str) -> None:
    words, said = MISTAKES[case]
    run = denoise(noisy, *words)
    assert run.code == 2
    assert len(run.err.splitlines()) == 1
    assert all(word in run.err for word in said)


# ── method noise ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_residual_is_what_was_removed_around_mid_grey(denoise: Run, noisy: Path, tmp_path: Path) -> None:
    run = denoise(noisy, "-o", tmp_path / "out.png", "--residual", tmp_path / "removed.png", "--lambda", "0.1", "--method", "optimal")
    scale = float(run.err.split("mid-grey + ")[1].split(" ×")[0])
    removed = (pixels(noisy) - pixels(tmp_path / "out.png")) / 255
    assert np.abs(pixels(tmp_path / "removed.png") / 255 - np.clip(0.5 + scale * removed, 0, 1)).max() < 0.51 * (1 + scale) / 255
    assert 0.5 / (4 * removed.std()) / 2 <= scale <= 0.5 / (4 * removed.std())


def test_of_floats_the_residual_is_the_difference_itself(denoise: Run, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(300, 20, (40, 50)).astype(np.float32)
    np.save(tmp_path / "in.npy", noise)
    denoise(tmp_path / "in.npy", "-o", tmp_path / "out.npy", "--residual", tmp_path / "removed.npy")
    assert np.allclose(np.load(tmp_path / "removed.npy"), noise - np.load(tmp_path / "out.npy"), atol=1e-3)


@pytest.mark.parametrize("mode", ["1", "I;16", "RGBA", "P"])
def test_residuals_of_other_depths(denoise: Run, tmp_path: Path, samples: Path, mode: str) -> None:
    picture = Image.open(samples / "coffee_gaussian.png").crop((0, 0, 60, 50))
    if mode == "I;16":
        Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257).save(tmp_path / "in.png")
    else:
        picture.convert(mode).save(tmp_path / "in.png")
    run = denoise(tmp_path / "in.png", "--residual", tmp_path / "removed.png", "--sigma", "0.1")
    assert run.code == 0, run.err
    shown = Image.open(tmp_path / "removed.png")
    assert shown.size == (60, 50)
    middle = {"I;16": 32767.5, "1": 127.5}.get(mode, 127.5)
    assert np.asarray(shown)[..., :3].mean() == pytest.approx(middle, rel=0.1)


def test_v_says_what_was_removed_and_how_white_it_is(denoise: Run, noisy: Path, tmp_path: Path) -> None:
    right = denoise(noisy, "-o", tmp_path / "a.png", "-v").err
    much = denoise(noisy, "-o", tmp_path / "b.png", "-v", "--lambda", "2", "--method", "optimal").err
    whiteness = [float(text.split("whiteness ")[1].split()[0]) for text in (right, much)]
    assert whiteness[0] > 0.97 > 0.9 > whiteness[1]
    assert 0.07 < float(right.split("standard deviation ")[1].split(",")[0]) < 0.1


def test_a_residual_never_replaces_anything(denoise: Run, noisy: Path, tmp_path: Path) -> None:
    before = noisy.read_bytes()
    there = Path(shutil.copy(noisy, tmp_path / "there.png"))
    for place, said in ((noisy, "input"), (tmp_path / "out.png", "result"), (there, "exists already"), (tmp_path / "no" / "r.png", "no")):
        run = denoise(noisy, "-o", tmp_path / "out.png", "--residual", place)
        assert run.code == 1
        assert said in run.err
        assert len(run.err.splitlines()) == 1
        assert not (tmp_path / "out.png").exists()
    assert noisy.read_bytes() == there.read_bytes() == before


def test_residuals_of_several_go_into_a_folder(denoise: Run, noisy: Path, tmp_path: Path) -> None:
    scans = tmp_path / "scans"
    (scans / "deep").mkdir(parents=True)
    shutil.copy(noisy, scans / "a.png")
    shutil.copy(noisy, scans / "deep" / "b.png")
    assert denoise(scans, "-r", "-o", tmp_path / "out", "--residual", tmp_path / "removed", "--sigma", "0.1").code == 0
    assert sorted(str(path.relative_to(tmp_path)) for path in (tmp_path / "removed").rglob("*.png")) == [
        "removed/a.png",
        "removed/deep/b.png",
    ]
    assert denoise(scans, "-o", tmp_path / "out", "--residual", tmp_path / "removed.png").code == 2


def test_zeros_of_a_depth_map_stay_and_do_not_pull_their_neighbours_down(denoise: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    clean = np.broadcast_to(2500.0 + 2 * np.arange(320), (240, 320)).copy()
    clean[60:180, 100:200] = 1200
    hole = rng.random(clean.shape) < 0.02
    hole[:, :12] = True
    depth = tmp_path / "depth.png"
    Image.fromarray(np.round(np.where(hole, 0, clean + rng.normal(0, 8, clean.shape))).astype(np.uint16)).save(depth)
    assert "pixels of value 0 are taken as unknown" in denoise(depth, "-o", tmp_path / "kept.png").err
    kept = pixels(tmp_path / "kept.png")
    assert (kept[hole] == 0).all()
    assert np.sqrt(np.mean((kept - clean)[~hole] ** 2)) < 2.3  # 2.1 where --nodata 0 says it, 8 before
    denoise(depth, "-o", tmp_path / "filled.png", "--fill")
    assert pixels(tmp_path / "filled.png").min() > 1100
    assert "unknown" not in denoise(depth, "-o", tmp_path / "values.png", "--nodata", "nan").err
