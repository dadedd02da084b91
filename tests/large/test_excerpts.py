"""Pictures that are never held whole are looked at by windows: noise, plan, path and report."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

Run = Callable[..., Any]
SIGMA = 20


def picture(side: int = 400, *, planes: int = 1) -> Any:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side]
    found = [60 + 90 * ((x // 41 + y // 29) % 2) + SIGMA * rng.standard_normal((side, side)) for _ in range(planes)]
    return np.clip(found if planes > 1 else found[0], 0, 255).astype(np.uint8)


def store(path: Path, values: Any) -> Path:
    """A plain array; of planes an OME-Zarr with one level, which says what its axes are."""
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(path, mode="w") if values.ndim > 2 else None
    where = path / "0" if values.ndim > 2 else path
    zarr.create_array(str(where), shape=values.shape, chunks=(*values.shape[:-2], 64, 64), dtype=values.dtype)[:] = values
    if group is not None:
        axes = [{"name": name} for name in "zyx"]
        group.attrs.update({"ome": {"version": "0.5", "multiscales": [{"axes": axes, "datasets": [{"path": "0"}]}]}})
    return path


def test_noise_of_a_store_is_what_was_added_and_the_plan_is_that_of_the_run(denoise: Run, tmp_path: Path) -> None:
    path = store(tmp_path / "a.zarr", picture())
    told = json.loads(denoise("noise", path, "--json").out)
    assert told["sigma"] == pytest.approx(SIGMA / 255, rel=0.05)
    done = json.loads(denoise(path, "-o", tmp_path / "b.zarr", "--json").out.splitlines()[0])
    assert done["method"] == told["automatic"]["method"]
    assert done["sigma"] == told["automatic"]["sigma"]


def test_info_of_a_store_names_its_size_its_noise_and_only_methods_that_tiles_can_do(denoise: Run, tmp_path: Path) -> None:
    path = store(tmp_path / "a.zarr", picture(planes=3))
    told = json.loads(denoise("info", path, "--json").out)
    assert (told["format"], told["width"], told["height"], told["pages"], told["depth"]) == ("zarr", 400, 400, 3, "uint8")
    assert told["bytes"] == sum(each.stat().st_size for each in path.rglob("*") if each.is_file())
    assert told["noise"]["sigma"] == pytest.approx(SIGMA / 255, rel=0.05)
    assert "optimal" in told["methods"]
    assert "matlab" not in told["methods"]
    assert denoise("info", path).code == 0


def test_noise_of_a_store_of_planes_has_an_entry_for_each(denoise: Run, tmp_path: Path) -> None:
    path = store(tmp_path / "a.zarr", picture(200, planes=3))
    lines = [json.loads(line) for line in denoise("noise", path, "--json").out.splitlines()]
    assert [(line["page"], line["pages"]) for line in lines] == [(1, 3), (2, 3), (3, 3)]


def test_a_path_along_lambda_shows_a_window_of_a_store(denoise: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from denoise_cli.large import excerpts

    path = store(tmp_path / "a.zarr", picture())
    outcome = denoise("path", path, "--lambdas", "0.05,0.1", "-o", tmp_path / "whole.png")
    assert outcome.code == 0, outcome.err
    assert "in its middle" not in outcome.err
    monkeypatch.setattr(excerpts.excerpt, "__defaults__", (0, 100))
    outcome = denoise("path", path, "--lambdas", "0.05,0.1", "-o", tmp_path / "part.png")
    assert outcome.code == 0, outcome.err
    assert "100 × 100 pixels in its middle, from (150, 150) on" in outcome.err
    refused = denoise("path", path, "--results", tmp_path / "all", "-o", tmp_path / "no.png")
    assert refused.code == 1
    assert "leave --results" in refused.err


def test_a_report_shows_a_part_of_a_picture_that_is_never_read_whole(denoise: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from denoise_cli.large import tiff_windows

    read: list[int] = []
    real = tiff_windows.TiffWindows.read

    def reads(self: Any, plane: int, rows: slice, columns: slice) -> Any:
        read.append((rows.stop - rows.start) * (columns.stop - columns.start))
        return real(self, plane, rows, columns)

    values = picture(2600)
    (tmp_path / "in").mkdir()
    tifffile.imwrite(tmp_path / "in" / "a.tif", values, tile=(256, 256))
    words = (tmp_path / "in", "-o", tmp_path / "out", "--method", "optimal", "--lambda", "0.1", "--memory", "40MB")
    page = ("--report", tmp_path / "page.html", "--report-crops", "64")
    assert denoise(*words).code == 0
    monkeypatch.setattr(tiff_windows.TiffWindows, "read", reads)
    monkeypatch.setattr("denoise_cli.pipeline.preview.read_picture", lambda *_, **__: pytest.fail("was read whole"))
    skipped = denoise(*words, *page)
    assert "done before" in skipped.err
    assert max(read) <= 2048**2 < values.size
    fresh = denoise(*words, *page, "--overwrite")
    assert fresh.code == 0, fresh.err
    text = (tmp_path / "page.html").read_text()
    assert re.search(r'"size": ?\[2600, ?2600\]', text)
    box = re.search(r'"box": ?\[(\d+), ?(\d+), ?(\d+), ?(\d+)\]', text)
    assert box is not None
    x, y, width, height = map(int, box.groups())
    assert (width, height) == (64, 64)
    assert min(x, y) >= 276
    assert max(x, y) + 64 <= 2600 - 276
