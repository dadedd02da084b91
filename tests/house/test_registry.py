"""A method comes from outside, runs everywhere, and a method that is taken out leaves a working program."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from denoise_cli.methods import registry
from denoise_cli.methods.method import Method, Plan, Subject
from denoise_cli.variational import Solution, Status

Run = Callable[..., Any]


class Median(Method):
    """The median of 3 × 3 pixels: no λ, no iterations, nothing to certify."""

    name = "median"
    summary = "the median of 3 × 3 pixels"

    def run(self, subject: Subject, plan: Plan, watch: Any = None, **details: Any) -> Solution:  # noqa: ARG002
        from scipy.ndimage import median_filter

        picture = subject.filled
        size = (3, 3) if picture.ndim == 2 else (3, 3, 1)
        return Solution(image=median_filter(picture, size), iterations=0, cost=float("nan"), status=Status.DONE)


@pytest.fixture
def median() -> Iterator[Median]:
    method = Median()
    registry.register(method)
    yield method
    registry.unregister("median")


@pytest.fixture
def impulses(tmp_path: Path, samples: Path) -> Path:
    return Path(shutil.copy(samples / "camera_impulses.png", tmp_path / "impulses.png"))


def expected(path: Path) -> np.ndarray:
    from scipy.ndimage import median_filter

    return median_filter(np.asarray(Image.open(path)), 3)


@pytest.mark.usefixtures("median")
def test_it_runs_at_the_prompt(denoise: Run, impulses: Path) -> None:
    run = denoise(impulses, "--method", "median")
    assert run.code == 0, run.err
    assert "impulses_denoised.png: median, " in run.err
    np.testing.assert_array_equal(np.asarray(Image.open(impulses.with_name("impulses_denoised.png"))), expected(impulses))


@pytest.mark.usefixtures("median")
def test_it_runs_in_a_folder_resumes_and_reports(denoise: Run, impulses: Path, tmp_path: Path) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    for name in "ab":
        shutil.copy(impulses, scans / f"{name}.png")
    reports = [json.loads(line) for line in denoise(scans, "-o", tmp_path / "out", "--method", "median", "--json").out.splitlines()]
    assert [report["method"] for report in reports[:2]] == ["median", "median"]
    assert all(report[name] is None for report in reports[:2] for name in ("weight", "fidelity", "cost", "gap", "error"))
    assert reports[2]["summary"]["done"] == 2
    assert "2 skipped" in denoise(scans, "-o", tmp_path / "out", "--method", "median").err
    assert "2 failed" in denoise(scans, "-o", tmp_path / "out", "--lambda", 0.1).err


@pytest.mark.usefixtures("median")
def test_a_lambda_and_options_that_it_does_not_have_are_refused(denoise: Run, impulses: Path) -> None:
    for words, trouble in (
        (["--lambda", 0.1], "--lambda"),
        (["--gap", 0.1], "--gap"),
        (["--l1"], "--fidelity"),
        (["--alpha", 3], "--alpha"),
    ):
        run = denoise(impulses, "--method", "median", *words)
        assert run.code == 2
        assert run.err.startswith(f"denoise: {trouble} has no meaning for method median")


@pytest.mark.usefixtures("median")
def test_info_knows_it(denoise: Run, impulses: Path) -> None:
    facts = json.loads(denoise("info", impulses, "--json").out)
    assert set(facts["methods"]) >= {"matlab", "optimal", "median"}
    assert facts["methods"]["median"]["seconds"] > 0


@pytest.mark.usefixtures("median")
def test_benchmark_runs_it(denoise: Run, samples: Path) -> None:
    run = denoise("benchmark", samples / "camera.png", "--salt-pepper", 0.05, "--methods", "noisy,median", "--json")
    assert run.code == 0, run.err
    noisy, filtered = json.loads(run.out)["methods"]
    assert filtered["method"] == "median"
    assert filtered["psnr_db"] > noisy["psnr_db"] + 5


@pytest.mark.usefixtures("median")
def test_path_refuses_in_a_sentence_what_has_no_lambda(denoise: Run, impulses: Path) -> None:
    run = denoise("path", impulses, "--method", "median")
    assert run.code == 2
    assert "--method median has no λ, so there is no path along it" in run.err


def test_python_calls_it_by_its_name(median: Median, impulses: Path) -> None:
    from denoise_cli import denoise

    pixels = np.asarray(Image.open(impulses))
    found = denoise(pixels, method="median")
    np.testing.assert_array_equal(np.rint(255 * found.image), expected(impulses))
    assert found.plan is not None
    assert found.plan.method is median


def test_it_may_be_named_by_an_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import metadata

    found = metadata.EntryPoint("median", f"{__name__}:Median", registry.ENTRY_POINTS)
    monkeypatch.setattr(metadata, "entry_points", lambda group: [found] if group == registry.ENTRY_POINTS else [])
    monkeypatch.setattr(registry, "import_module", lambda name: __import__("sys").modules[name])
    try:
        assert registry.find("median").summary == Median.summary
    finally:
        registry.unregister("median")


@pytest.fixture(params=["matlab", "optimal"])
def taken_out(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(
        registry, "_places", {name: place for name, place in registry.BUILT_IN.items() if name not in (request.param, "learned")}
    )
    return str(request.param)


def test_a_method_that_is_taken_out_leaves_a_working_program(denoise: Run, taken_out: str, samples: Path, tmp_path: Path) -> None:
    noisy = samples / "camera_gaussian.png"
    left = {"matlab": "optimal", "optimal": "matlab"}[taken_out]
    run = denoise(noisy, "-o", tmp_path / "a.png", "--lambda", 0.14)
    assert run.code == 0, run.err
    assert f"{left}, L2, λ 0.14" in run.err
    refused = denoise(noisy, "-o", tmp_path / "b.png", "--lambda", 0.14, "--method", taken_out)
    assert refused.code == 2
    assert "method must be one of" in refused.err
    automatic = denoise(noisy, "-o", tmp_path / "c.png")
    assert automatic.code == (0 if left == "optimal" else 2)
    assert taken_out not in denoise("--help").out.split("--method <")[1].split(">")[0]
    facts = json.loads(denoise("info", noisy, "--json").out)
    if left == "optimal":
        assert set(facts["methods"]) == {"optimal"}
    else:
        assert "lambda is needed" in facts["trouble"]
