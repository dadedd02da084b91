"""Every script of examples/ does what it says, on the pictures of the guides."""

from __future__ import annotations

import importlib.util
import json
import os
import runpy
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    spec = importlib.util.spec_from_file_location("make_guide_pictures", ROOT / "docs" / "make_guide_pictures.py")
    assert spec is not None
    assert spec.loader is not None
    maker: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    maker.main(tmp_path, 64)
    return tmp_path


@pytest.fixture
def script(desk: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Run a script among the pictures; what it prints."""
    programs = tmp_path_factory.mktemp("programs")
    (programs / "denoise").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m denoise_cli "$@"\n')
    (programs / "denoise").chmod(0o755)
    environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}

    def run(name: str, *words: str, code: int = 0) -> str:
        done = subprocess.run(["bash", str(EXAMPLES / name), *words], cwd=desk, env=environment, capture_output=True, encoding="utf-8")
        assert done.returncode == code, done.stderr
        return done.stdout

    return run


pytestmark = pytest.mark.skipif(os.name == "nt", reason="bash")


def test_every_example_is_listed_and_tested() -> None:
    found = {path.name for path in EXAMPLES.iterdir() if path.suffix in (".sh", ".py")}
    for page in (EXAMPLES / "README.md", Path(__file__)):
        text = page.read_text(encoding="utf-8")
        assert [name for name in sorted(found) if name not in text] == []


def test_a_folder_at_night_leaves_results_a_report_and_a_summary(script: Callable[..., str], desk: Path) -> None:
    (desk / "scans" / "broken.png").write_bytes(b"no picture")
    summary = json.loads(script("folder_at_night.sh", "scans", "clean", code=1).splitlines()[-1])["summary"]
    assert (summary["done"], summary["failed"]) == (2, 1)
    assert {path.name for path in (desk / "clean").iterdir()} >= {"one.png", "two.png", "report.html", "report.jsonl"}


def test_a_choice_by_eye_is_that_of_the_whole_folder(script: Callable[..., str], desk: Path) -> None:
    assert "one_path.html" in script("choose_by_eye.sh", "scans/one.png")
    assert (desk / "one_path.html").exists()
    script("choose_by_eye.sh", "scans/one.png", "0.07")
    assert "lambda = 0.07" in (desk / "tuned.toml").read_text()
    assert {path.name for path in (desk / "tuned").glob("*.png")} == {"one.png", "two.png"}


def test_a_stack_comes_back_in_its_type_with_what_was_removed(script: Callable[..., str], desk: Path) -> None:
    import tifffile

    assert "photons" in script("microscope_stack.sh", "cells.tif") or (desk / "cells.html").exists()
    before, after = tifffile.imread(desk / "cells.tif"), tifffile.imread(desk / "cells_denoised.tif")
    assert (after.dtype, after.shape) == (before.dtype, before.shape)
    assert np.abs(np.diff(after.astype(int))).mean() < np.abs(np.diff(before.astype(int))).mean()
    assert (desk / "cells_removed.tif").exists()


def test_two_logs_become_a_plot(script: Callable[..., str], desk: Path) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("uniplot")
    script("log_and_plot.sh", "noisy.png", "clean.png")
    assert "<svg" in (desk / "convergence.svg").read_text()


def test_methods_are_compared(script: Callable[..., str], desk: Path) -> None:
    pytest.importorskip("skimage")
    table = script("compare_methods.sh", "clean.png")
    rows = [line.split()[0] for line in table.splitlines() if ".png  " in line]
    assert rows[-1] == "noisy_25.png"  # the worst
    assert "nl-means" in table
    with Image.open(desk / "sheet.png") as sheet:
        assert sheet.width > 500


def test_the_gallery_example_shows_that_no_number_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = runpy.run_path(str(EXAMPLES / "plot_denoise.py"))
    plt.close("all")
    assert "σ ≈ 0.1" in capsys.readouterr().out

    def error(picture: Any) -> float:
        return float(np.mean((picture - names["clean"]) ** 2))

    errors = {name: error(picture) for name, picture in names["pictures"].items()}
    assert errors["denoise"] < errors["denoise_nl_means"] < errors["noisy"]
    assert errors["denoise"] < errors["denoise_tv_chambolle"]
