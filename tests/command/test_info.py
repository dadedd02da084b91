"""`denoise info`: what it says of a file is what the file holds, and what `denoise` then does."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from denoise_cli.pipeline.forecast import _effort, _side

Run = Callable[..., Any]


@pytest.fixture
def noisy(tmp_path: Path, samples: Path) -> Path:
    return Path(shutil.copy(samples / "camera_gaussian.png", tmp_path / "noisy.png"))


def told(run: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run.out.splitlines()]


def pixels(*shape: int, top: int = 255, dtype: Any = np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, top, shape, endpoint=True).astype(dtype)


# ── what the file holds ──


def test_what_a_grey_16_bit_png_holds(denoise: Run, samples: Path) -> None:
    path = samples / "camera_gaussian_16bit.png"
    (facts,) = told(denoise("info", path, "--json"))
    with Image.open(path) as image:
        assert (facts["width"], facts["height"]) == image.size
    held = {"format": "png", "depth": "uint16", "bits": 16, "colour": "grey", "channels": 1, "alpha": False, "pages": 1}
    assert {name: facts[name] for name in held} == held
    assert (facts["profile"], facts["orientation"], facts["error"], facts["bytes"]) == (None, 1, None, path.stat().st_size)


@pytest.mark.parametrize(("mode", "name", "colour", "channels", "alpha"), [
    ("RGBA", "a.png", "RGB", 3, True), ("LA", "a.png", "grey", 1, True), ("CMYK", "a.jpg", "CMYK", 4, False),
    ("RGB", "a.webp", "RGB", 3, False),
])  # fmt: skip
def test_colours_and_transparency(denoise: Run, tmp_path: Path, mode: str, name: str, colour: str, channels: int, alpha: bool) -> None:
    Image.fromarray(pixels(20, 30, len(mode)), mode).save(tmp_path / name)
    (facts,) = told(denoise("info", tmp_path / name, "--json"))
    assert (facts["colour"], facts["channels"], facts["alpha"]) == (colour, channels, alpha)
    assert (facts["width"], facts["height"]) == (30, 20)


def test_few_bits_and_floats(denoise: Run, tmp_path: Path) -> None:
    Image.fromarray(pixels(20, 30) > 100).save(tmp_path / "one.png")
    np.save(tmp_path / "float.npy", pixels(20, 30) / np.float32(255))
    first, second = told(denoise("info", tmp_path / "one.png", tmp_path / "float.npy", "--json"))
    assert (first["bits"], first["depth"]) == (1, "bool")
    assert (second["bits"], second["depth"], second["format"]) == (32, "float32", "npy")


def test_the_profile_by_its_name_and_the_orientation(denoise: Run, tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    exif = Image.Exif()
    exif[274] = 6
    for name in ("a.jpg", "a.png", "a.webp", "a.tif"):
        Image.fromarray(pixels(20, 30, 3)).save(tmp_path / name, icc_profile=profile.tobytes(), exif=exif)
        (facts,) = told(denoise("info", tmp_path / name, "--json"))
        assert facts["profile"] == ImageCms.getProfileDescription(profile).strip()
        assert facts["orientation"] == 6
    assert "on its left side (EXIF 6)" in denoise("info", tmp_path / "a.jpg").out


def test_a_damaged_profile_is_said_and_does_not_fail(denoise: Run, tmp_path: Path) -> None:
    Image.fromarray(pixels(20, 30, 3)).save(tmp_path / "a.jpg", icc_profile=b"no profile at all")
    run = denoise("info", tmp_path / "a.jpg")
    assert run.code == 0
    assert "unreadable, 17 bytes" in run.out


def test_pages_of_different_sizes(denoise: Run, tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "pages.tif") as writer:
        for shape in ((20, 30), (40, 50), (10, 10)):
            writer.write(pixels(*shape), photometric="minisblack")
    (facts,) = told(denoise("info", tmp_path / "pages.tif", "--json"))
    assert facts["pages"] == 3
    assert facts["sizes"] == [[30, 20], [50, 40], [10, 10]]
    assert "3, of different sizes" in denoise("info", tmp_path / "pages.tif").out


# ── what denoise would do ──


@pytest.mark.parametrize(("sample", "sigma", "impulses"), [
    ("camera_gaussian.png", 0.1, 0), ("camera_gaussian_16bit.png", 0.1, 0), ("coffee_gaussian.png", 0.1, 0),
    ("camera_impulses.png", None, 0.1),
])  # fmt: skip
def test_noise_that_was_added_is_found(denoise: Run, samples: Path, sample: str, sigma: float | None, impulses: float) -> None:
    (facts,) = told(denoise("info", samples / sample, "--json"))
    assert facts["noise"]["impulses"] == pytest.approx(impulses, abs=0.01)
    if sigma is not None:
        assert facts["noise"]["sigma"] == pytest.approx(sigma, rel=0.1)


@pytest.mark.parametrize("sample", ["camera_gaussian.png", "camera_impulses.png", "coffee_gaussian.png"])
def test_the_plan_is_what_a_plain_run_then_does(denoise: Run, samples: Path, tmp_path: Path, sample: str) -> None:
    (facts,) = told(denoise("info", samples / sample, "--json"))
    (report, _) = told(denoise(samples / sample, "-o", tmp_path / "out.png", "--json"))
    assert (facts["plan"], facts["fidelity"], facts["weight"]) == (report["assumed"], report["fidelity"], report["weight"])
    # Iterations are counted on 2^16 values of the picture, which is all of a grey one here.
    slack = 3 if "coffee" in sample else 0
    (certified, _) = told(denoise(samples / sample, "-o", tmp_path / "certified.png", "--method", "optimal", "--json"))
    if report["method"] == "optimal":
        assert facts["methods"]["optimal"]["iterations"] == pytest.approx(certified["iterations"], abs=slack)
    else:
        assert facts["methods"][report["method"]]["iterations"] == report["iterations"] == 0
    assert facts["methods"]["matlab"]["iterations"] == 100
    assert all(forecast["seconds"] > 0 for forecast in facts["methods"].values())


def test_predicted_memory_is_what_the_process_takes(denoise: Run, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    del resource  # not on Windows
    path = tmp_path / "large.npy"
    np.save(path, pixels(1500, 1400))
    (facts,) = told(denoise("info", path, "--json"))
    # Of a process of its own: one that is forked from this one would begin with all that this one holds.
    script = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); "
    script += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == 'darwin' else 1024))"
    command = [sys.executable, "-m", "denoise_cli", str(path), "-q", "--lambda", "0.1", "--iterations", "2"]
    run = subprocess.run([sys.executable, "-c", script, *command], stdout=subprocess.PIPE, text=True, check=True)
    assert facts["methods"]["matlab"]["memory"] == pytest.approx(int(run.stdout), rel=0.3)


def test_a_picture_that_denoise_would_refuse_is_described(denoise: Run, tmp_path: Path) -> None:
    np.save(tmp_path / "hole.npy", np.full((30, 30), np.nan))
    run = denoise("info", tmp_path / "hole.npy")
    assert run.code == 0
    assert "30 × 30 pixels" in run.out
    assert "would fail: no pixel has a value" in run.out
    assert denoise(tmp_path / "hole.npy").code == 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 3, 3)])
def test_tiny_pictures(denoise: Run, tmp_path: Path, shape: tuple[int, ...]) -> None:
    Image.fromarray(pixels(*shape)).save(tmp_path / "tiny.png")
    (facts,) = told(denoise("info", tmp_path / "tiny.png", "--json"))
    assert facts["trouble"] is None
    assert facts["methods"]["optimal"]["iterations"] >= 1


def test_transparent_and_palette_pictures_have_a_forecast(denoise: Run, tmp_path: Path) -> None:
    picture = pixels(40, 50, 4)
    picture[:20, :, 3] = 0
    Image.fromarray(picture).save(tmp_path / "holes.png")
    Image.fromarray(pixels(40, 50, 3)).quantize(16).save(tmp_path / "palette.png")
    for facts in told(denoise("info", tmp_path / "holes.png", tmp_path / "palette.png", "--json")):
        assert set(facts["methods"]) == {"matlab", "optimal", "learned"}


# ── many, and broken ones ──


def test_a_broken_file_is_one_line_and_the_others_go_on(denoise: Run, noisy: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(noisy.read_bytes()[:3000])
    run = denoise("info", broken, noisy, tmp_path / "missing.png")
    assert run.code == 1
    assert run.out.startswith(f"{noisy}\n  size        256 × 256 pixels")
    assert [line.partition(":")[0] for line in run.err.splitlines()] == [str(broken), str(tmp_path / "missing.png")]
    run = denoise("info", broken, noisy, "--json")
    assert run.code == 1
    first, second = told(run)
    assert str(broken) in first["error"]
    assert second["error"] is None


def test_folders_are_looked_through(denoise: Run, tmp_path: Path) -> None:
    (tmp_path / "in" / "deeper").mkdir(parents=True)
    Image.fromarray(pixels(9, 9)).save(tmp_path / "in" / "a.png")
    Image.fromarray(pixels(9, 9)).save(tmp_path / "in" / "deeper" / "b_denoised.png")
    assert [Path(facts["file"]).name for facts in told(denoise("info", tmp_path / "in", "--json"))] == ["a.png"]
    assert [Path(facts["file"]).name for facts in told(denoise("info", tmp_path / "in", "-r", "--json"))] == ["a.png", "b_denoised.png"]
    (tmp_path / "empty").mkdir()
    run = denoise("info", tmp_path / "empty")
    assert run.code == 2
    assert len(run.err.splitlines()) == 1


def test_a_picture_from_stdin(denoise: Run, noisy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = noisy.read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    (facts,) = told(denoise("info", "-", "--json"))
    assert (facts["file"], facts["width"], facts["bytes"]) == ("-", 256, len(data))


def test_more_pixels_than_the_limit_are_refused(denoise: Run, noisy: Path) -> None:
    run = denoise("info", noisy, "--max-pixels", 1000)
    assert run.code == 1
    assert "--max-pixels" in run.err


def test_nothing_is_written(denoise: Run, noisy: Path, tmp_path: Path) -> None:
    before = noisy.read_bytes()
    assert denoise("info", noisy).code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["noisy.png"]
    assert noisy.read_bytes() == before


# ── the part that is timed ──


def test_a_part_has_sides_that_transforms_like_as_little_as_the_whole() -> None:
    assert _effort(1024) == 20
    assert _effort(1000) == 21
    assert _effort(997) == 60  # a prime: by Bluestein's way around
    for length in (997, 1000, 1021, 1024, 4001, 6000):
        for most in (200, 256, 500):
            side = _side(length, most)
            assert 0.8 * most <= side <= most
            # Bluestein's way costs a value log n; sums of small factors can be met.
            assert _effort(side) == pytest.approx(_effort(length), rel=0.4 if length in (997, 1021, 4001) else 0.25)
    assert _side(100, 200) == 100


def test_noise_is_told_in_the_units_of_the_file(denoise: Run, tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    clean = np.repeat(np.linspace(300.0, 3300.0, 96)[None], 96, axis=0)
    noisy = clean + random.normal(0, 120, clean.shape)
    np.save(tmp_path / "signed.npy", (noisy - 2000).astype(np.int16))
    np.save(tmp_path / "twelve_bits.npy", noisy.astype(np.uint16))
    np.save(tmp_path / "eight_bits.npy", (noisy / 16).clip(0, 255).astype(np.uint8))
    lines = {}
    for name in ("signed", "twelve_bits", "eight_bits"):
        out = denoise("info", tmp_path / f"{name}.npy").out
        (lines[name],) = (line for line in out.splitlines() if line.startswith("  noise "))
    for name in ("signed", "twelve_bits"):
        told = re.search(r"σ ≈ ([0-9.]+) \([0-9.]+ % of the range", lines[name])
        assert told is not None, lines[name]
        assert float(told[1]) == pytest.approx(120, rel=0.2)
    told = re.search(r"σ ≈ ([0-9.]+) \(([0-9.]+)/255\)", lines["eight_bits"])
    assert told is not None
    assert float(told[2]) == pytest.approx(120 / 16, rel=0.2)
