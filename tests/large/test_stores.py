"""Zarr stores in and out: everything that is no pixel stays, levels are made anew, and what may not be written is said."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

Run = Callable[..., Any]
WORDS = ("--method", "optimal", "--lambda", "0.1", "--memory", "1MB", "--workers", "1")


def picture(side: int = 400, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    return np.clip(80 + 90 * ((x // 41 + y // 29) % 2) + 20 * rng.standard_normal((side, side)), 0, 255).astype(np.uint8)


def folder(path: Path) -> list[str]:
    return sorted(each.name for each in path.iterdir())


def ome_zarr(path: Path, version: int, pixels: Any, axes: str, **options: Any) -> Any:
    """Two levels and labels; the metadata of version 2 once more in one piece, as many programs leave it."""
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(path, mode="w", zarr_format=version)
    described = {"axes": [{"name": name} for name in axes], "datasets": [{"path": "0"}, {"path": "1"}], "version": "0.4"}
    group.attrs.update({"multiscales": [described]} if version == 2 else {"ome": {"version": "0.5", "multiscales": [described]}})
    for name, values in (("0", pixels), ("1", pixels[..., ::2, ::2])):
        chunks = (*(1 for _ in axes[:-2]), 64, 64)
        array = group.create_array(name, shape=values.shape, chunks=chunks, dtype=values.dtype, attributes={"own": name}, **options)
        array[...] = values
    labels = group.create_group("labels", attributes={"labels": ["cells"]})
    labels.create_array("cells", shape=(50, 50), chunks=(50, 50), dtype="u1")[:] = 7
    if version == 2:
        zarr.consolidate_metadata(path)
    return group


@pytest.mark.parametrize(("version", "axes"), [(2, "cyx"), (2, "tczyx"), (3, "cyx"), (3, "tczyx")])
def test_of_an_ome_zarr_all_but_the_pixels_stays_byte_for_byte_and_the_levels_are_new(
    denoise: Run, tmp_path: Path, version: int, axes: str
) -> None:
    zarr = pytest.importorskip("zarr")
    counted = (2,) if axes == "cyx" else (1, 2, 2)
    # Each plane has a brightness of its own: one in the place of another would be seen.
    planes = [picture(200, number) // 2 + 30 * number for number in range(int(np.prod(counted)))]
    pixels = np.stack(planes).reshape(*counted, 200, 200)
    shards = {"shards": (*(1 for _ in counted), 128, 128)} if axes == "tczyx" and version == 3 else {}
    ome_zarr(tmp_path / "a.zarr", version, pixels, axes, **shards)
    outcome = denoise(tmp_path / "a.zarr", "-o", tmp_path / "b.zarr", *WORDS)
    assert outcome.code == 0, outcome.err
    own = [tmp_path / "a.zarr" / name for name in ("0", "1")]
    kept = [each for each in (tmp_path / "a.zarr").rglob("*") if each.is_file()]
    kept = [each for each in kept if each.name[:2] == ".z" or each.name == "zarr.json" or not any(map(each.is_relative_to, own))]
    assert any(each.is_relative_to(tmp_path / "a.zarr" / "labels" / "cells") for each in kept)
    for each in kept:
        assert (tmp_path / "b.zarr" / each.relative_to(tmp_path / "a.zarr")).read_bytes() == each.read_bytes(), each
    after = zarr.open_group(tmp_path / "b.zarr", mode="r")
    assert (np.asarray(after["labels/cells"]) == 7).all()
    full, half = np.asarray(after["0"]), np.asarray(after["1"])
    assert (after["0"].shards is not None) == bool(shards)
    for place in np.ndindex(counted):
        change = full[place].astype(int) - pixels[place]
        assert abs(change.mean()) < 1
        assert np.abs(change).mean() > 3
    means = full.reshape(*counted, 100, 2, 100, 2).mean(axis=(-3, -1))
    np.testing.assert_array_equal(half, np.rint(means))


def test_an_ome_zarr_that_is_done_is_left_alone(denoise: Run, tmp_path: Path) -> None:
    ome_zarr(tmp_path / "a.zarr", 3, picture(), "yx")
    assert denoise(tmp_path / "a.zarr", *WORDS).code == 0
    assert "done before" in denoise(tmp_path / "a.zarr", *WORDS).err
    again = denoise(tmp_path / "a.zarr", *WORDS[:3], "0.2")
    assert again.code == 1
    assert "exists already, made with other settings" in again.err


def test_levels_of_odd_sizes_and_many_planes_a_chunk_are_means_of_what_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zarr = pytest.importorskip("zarr")
    from denoise_cli.large import zarr_results

    values = np.random.default_rng(0).integers(0, 255, (4, 101, 75)).astype("u1")
    finer = zarr.create_array(tmp_path / "a.zarr", shape=values.shape, chunks=(3, 20, 30), dtype="u1")
    coarser = zarr.create_array(tmp_path / "b.zarr", shape=(2, 51, 25), chunks=(2, 10, 10), dtype="u1")
    finer[...] = values
    padded = np.pad(values, ((0, 0), (0, 1), (0, 0)), mode="edge").reshape(2, 2, 51, 2, 25, 3)
    for together in (1, 1000, 2**20):
        monkeypatch.setattr(zarr_results, "TOGETHER", together)
        coarser[...] = 0
        zarr_results._reduce(finer, coarser)
        np.testing.assert_array_equal(np.asarray(coarser), np.rint(padded.mean(axis=(1, 3, 5))))


def test_a_group_of_pictures_names_the_way_to_them(denoise: Run, tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2).attrs["bioformats2raw.layout"] = 3
    ome_zarr(tmp_path / "a.zarr" / "0", 2, picture(150), "yx")
    outcome = denoise(tmp_path / "a.zarr", "-o", tmp_path / "b.zarr", *WORDS)
    assert outcome.code == 1
    assert f"name one of its pictures ({tmp_path / 'a.zarr' / '0'})" in outcome.err
    assert denoise(tmp_path / "a.zarr" / "0", "-o", tmp_path / "b.zarr", *WORDS).code == 0
    assert np.asarray(zarr.open(str(tmp_path / "b.zarr"), mode="r")["0"]).shape == (150, 150)


@pytest.mark.parametrize(("version", "names"), [(3, ["z", "y", "x"]), (2, ["z", "y", "x"]), (3, ["lat", "y", "x"])])
def test_axes_that_an_array_names_need_not_be_typed(denoise: Run, tmp_path: Path, version: int, names: list[str]) -> None:
    zarr = pytest.importorskip("zarr")
    named: dict[str, Any] = {"dimension_names": names} if version == 3 else {"attributes": {"_ARRAY_DIMENSIONS": names}}
    array = zarr.create_array(tmp_path / "a.zarr", shape=(2, 150, 150), chunks=(1, 64, 64), dtype="u1", zarr_format=version, **named)
    array[...] = np.stack([picture(150), picture(150, 1)])
    outcome = denoise(tmp_path / "a.zarr", "-o", tmp_path / "b.zarr", *WORDS)
    assert outcome.code == (0 if "z" in names else 1), outcome.err
    assert ("--axes" in outcome.err) == ("z" not in names)


def test_stores_in_a_folder_are_done_once_and_again_when_a_chunk_has_changed(denoise: Run, tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    (tmp_path / "in").mkdir()
    arrays = {}
    for name in ("a", "b"):
        arrays[name] = zarr.create_array(str(tmp_path / "in" / f"{name}.zarr"), shape=(150, 150), chunks=(50, 50), dtype="u1")
        arrays[name][:] = picture(150)
    words = (tmp_path / "in", "-o", tmp_path / "out", *WORDS)
    assert "2 done" in denoise(*words).err
    assert "2 skipped" in denoise(*words).err
    # The same bytes at another time are the same store.
    chunk = next(each for each in (tmp_path / "in" / "a.zarr").rglob("*") if each.is_file() and each.name == "1")
    chunk.write_bytes(chunk.read_bytes())
    assert "2 skipped" in denoise(*words).err
    arrays["b"][60:70, 60:70] = 0
    outcome = denoise(*words)
    assert "1 skipped, 1 failed" in outcome.err
    assert "b.zarr: exists already, made from another state of the input" in outcome.err


def test_zarr_and_tiff_become_one_another(denoise: Run, tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    tifffile.imwrite(tmp_path / "a.tif", picture(), tile=(64, 64))
    assert denoise(tmp_path / "a.tif", "-o", tmp_path / "b.zarr", *WORDS).code == 0
    assert denoise(tmp_path / "a.tif", "-o", tmp_path / "b.tif", *WORDS).code == 0
    array = zarr.open(str(tmp_path / "b.zarr"), mode="r")
    np.testing.assert_array_equal(np.asarray(array), tifffile.imread(tmp_path / "b.tif"))
    assert denoise(tmp_path / "b.zarr", "-o", tmp_path / "c.tif", *WORDS).code == 0
    assert tifffile.imread(tmp_path / "c.tif").shape == (400, 400)


def test_without_zarr_one_line_names_the_extra(denoise: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / ".zarray").write_text("{}")
    monkeypatch.setitem(sys.modules, "zarr", None)
    outcome = denoise(tmp_path / "a.zarr", *WORDS)
    assert outcome.code == 1
    assert outcome.err.count("\n") == 1
    assert "denoise-cli[large]" in outcome.err


@contextlib.contextmanager
def nobody() -> Iterator[None]:
    """Root may write everything, and is somebody else for a while; everybody else stays who they are."""
    if os.getuid() != 0:
        yield
        return
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter. Pytest's own are for their owner alone, and it sees to that whenever another session begins."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_store_on_a_path_that_may_not_be_written_is_read_from_and_not_written_to(denoise: Run, open_folder: Path) -> None:
    zarr = pytest.importorskip("zarr")
    kept, free = open_folder / "kept", open_folder / "free"
    for each in (kept, free):
        each.mkdir()
    zarr.create_array(str(kept / "a.zarr"), shape=(400, 400), chunks=(64, 64), dtype="u1")[:] = picture()
    assert denoise(kept / "a.zarr", "-o", free / "before.zarr", *WORDS).code == 0
    kept.chmod(0o555)
    free.chmod(0o777)
    try:
        with nobody():
            beside = denoise(kept / "a.zarr", *WORDS)
            into = denoise(kept / "a.zarr", "-o", kept / "b.zarr", *WORDS)
            elsewhere = denoise(kept / "a.zarr", "-o", free / "after.zarr", *WORDS)
    finally:
        kept.chmod(0o755)
    for outcome in (beside, into):
        assert outcome.code == 1
        assert "not writable" in outcome.err
        assert outcome.err.count("\n") == 1
    assert elsewhere.code == 0, elsewhere.err
    one, other = (np.asarray(zarr.open(str(free / name), mode="r")) for name in ("before.zarr", "after.zarr"))
    np.testing.assert_array_equal(one, other)
    assert folder(kept) == ["a.zarr"]
