"""`denoise noise` says what it found, for people and for programs, and goes on where one picture fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image


def test_people_get_level_impulses_verdict_reason_and_what_would_be_done(denoise: Callable, samples: Path) -> None:
    outcome = denoise("noise", samples / "camera_gaussian.png")
    assert (outcome.code, outcome.err) == (0, "")
    title, *lines = outcome.out.splitlines()
    assert title.endswith("camera_gaussian.png")
    told = {line[2:14].strip(): line[15:] for line in lines}
    assert list(told) == ["noise level", "impulses", "verdict", "why", "automatic"]
    assert "/255" in told["noise level"]
    assert told["verdict"].startswith("Gaussian")
    assert "→ network" in told["automatic"]


def test_programs_get_one_object_a_picture(denoise: Callable, samples: Path) -> None:
    outcome = denoise("noise", samples / "camera_gaussian.png", samples / "camera_impulses.png", "--json")
    first, second = (json.loads(line) for line in outcome.out.splitlines())
    assert first["model"] == "gaussian"
    assert first["sigma"] == pytest.approx(0.1, rel=0.1)
    assert first["automatic"]["method"] == "learned"
    assert second["model"] == "impulses"
    assert second["impulses"] == pytest.approx(0.1, rel=0.1)
    assert second["automatic"]["fidelity"] == "l2"


def test_every_page_is_judged_by_itself(denoise: Callable, tmp_path: Path, samples: Path) -> None:
    clean = np.asarray(Image.open(samples / "camera.png"))[:128, :128]
    noisy = np.random.default_rng(0).integers(0, 256, (128, 128)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "two.tif", np.stack([clean, noisy]), photometric="minisblack")
    records = [json.loads(line) for line in denoise("noise", tmp_path / "two.tif", "--json").out.splitlines()]
    assert [(record["page"], record["pages"]) for record in records] == [(1, 2), (2, 2)]
    assert records[0]["model"] == "none" != records[1]["model"]


def test_a_picture_that_cannot_be_read_is_one_line_and_the_others_follow(denoise: Callable, tmp_path: Path, samples: Path) -> None:
    (tmp_path / "text.png").write_text("no picture\n")
    outcome = denoise("noise", tmp_path / "text.png", tmp_path / "none.png", samples / "camera.png")
    assert outcome.code == 1
    assert [line.split(":")[0] for line in outcome.err.splitlines()] == [str(tmp_path / "text.png"), str(tmp_path / "none.png")]
    assert "camera.png" in outcome.out


def test_a_folder_is_all_its_pictures_and_an_empty_one_is_a_mistake(denoise: Callable, tmp_path: Path, samples: Path) -> None:
    (tmp_path / "a").mkdir()
    for name in ("x.png", "x_denoised.png"):
        (tmp_path / "a" / name).write_bytes((samples / "camera.png").read_bytes())
    assert len(denoise("noise", tmp_path / "a", "--json").out.splitlines()) == 2
    outcome = denoise("noise", tmp_path)
    assert outcome.code == 2
    assert "holds no picture" in outcome.err


@pytest.mark.parametrize(
    "image",
    [
        np.full((8, 8), np.nan), np.full((8, 8), 0.5), np.array([[0.5]]), np.arange(9.0).reshape(3, 3), np.arange(300.0)[None] / 300,
        np.random.default_rng(0).random((64, 64)) > 0.5,
    ],
)  # fmt: skip
def test_pictures_that_are_hardly_any_get_an_answer_or_one_line(denoise: Callable, tmp_path: Path, image: np.ndarray) -> None:
    np.save(tmp_path / "odd.npy", image)
    outcome = denoise("noise", tmp_path / "odd.npy", "--json")
    if outcome.code == 0:
        assert json.loads(outcome.out)["model"] in ("none", "gaussian", "impulses")
    else:
        assert outcome.code == 1
        assert len(outcome.err.splitlines()) == 1


def test_json_has_an_object_for_what_cannot_be_read(denoise, tmp_path):
    Image.fromarray(np.full((16, 16), 90, np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "bad.png").write_bytes(b"")
    outcome = denoise("noise", tmp_path, "--json")
    assert outcome.code == 1
    good, bad = (json.loads(line) for line in outcome.out.splitlines())
    assert good["error"] is None
    assert (bad["input"], "the file is empty" in bad["error"]) == (str(tmp_path / "bad.png"), True)
