"""Large results appear whole or not at all, keep what is no pixel, and go on where they were interrupted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

Run = Callable[..., Any]
WORDS = ("--method", "optimal", "--lambda", "0.1", "--memory", "1MB", "--workers", "1")


def picture(side: int = 400, *channels: int) -> Any:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side]
    clean = (80 + 90 * ((x // 41 + y // 29) % 2)).reshape(side, side, *(1 for _ in channels))
    return np.clip(clean + 20 * rng.standard_normal((side, side, *channels)), 0, 255).astype(np.uint8)


def folder(path: Path) -> list[str]:
    return sorted(each.name for each in path.iterdir())


def test_a_tiff_comes_back_with_its_tags_and_layout(denoise: Run, tmp_path: Path) -> None:
    source, result = tmp_path / "a.tif", tmp_path / "b.tif"
    tifffile.imwrite(
        source, picture(400, 3), photometric="rgb", tile=(64, 64), compression="zlib", predictor=True, resolution=(300, 300),
        resolutionunit=2, description="slide 7", software="scanner", extratags=[(34675, 7, 4, b"ICC!", True)], bigtiff=True,
    )  # fmt: skip
    assert denoise(source, "-o", result, *WORDS).code == 0
    with tifffile.TiffFile(source) as before, tifffile.TiffFile(result) as after:
        one, other = before.pages.first, after.pages.first
        for name in ("shape", "dtype", "photometric", "compression", "predictor", "tilewidth", "tilelength", "description", "software"):
            assert getattr(one, name) == getattr(other, name), name
        assert other.tags[34675].value == b"ICC!"
        assert other.tags[282].value == one.tags[282].value
        assert after.is_bigtiff
    assert folder(tmp_path) == [".denoise-done.jsonl", "a.tif", "b.tif"] or folder(tmp_path) == ["a.tif", "b.tif"]


def test_tiled_and_whole_runs_of_a_tiff_write_the_same_picture_within_a_level(denoise: Run, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", picture(), rowsperstrip=16, compression="lzw")
    assert denoise(tmp_path / "a.tif", "-o", tmp_path / "tiled.tif", *WORDS).code == 0
    assert denoise(tmp_path / "a.tif", "-o", tmp_path / "whole.tif", *WORDS[:4]).code == 0
    tiled, once = (tifffile.imread(tmp_path / name).astype(int) for name in ("tiled.tif", "whole.tif"))
    assert np.abs(tiled - once).max() <= 2
    assert np.abs(tiled - once).mean() < 0.1


def test_what_alpha_hides_and_nodata_come_back_bit_for_bit(denoise: Run, tmp_path: Path) -> None:
    pixels = np.concatenate([picture(400, 3), np.full((400, 400, 1), 255, np.uint8)], axis=2)
    pixels[100:300, 50:350, 3] = 0
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", extrasamples=["unassalpha"], tile=(64, 64))
    assert denoise(tmp_path / "a.tif", "-o", tmp_path / "b.tif", *WORDS).code == 0
    found = tifffile.imread(tmp_path / "b.tif")
    np.testing.assert_array_equal(found[..., 3], pixels[..., 3])
    np.testing.assert_array_equal(found[100:300, 50:350], pixels[100:300, 50:350])
    assert np.abs(found[:90, :, :3].astype(int) - pixels[:90, :, :3]).mean() > 5
    tifffile.imwrite(tmp_path / "c.tif", picture(), extratags=[(42113, 2, 3, b"80\0", True)], tile=(64, 64))
    assert denoise(tmp_path / "c.tif", "-o", tmp_path / "d.tif", *WORDS).code == 0
    before, after = picture(), tifffile.imread(tmp_path / "d.tif")
    np.testing.assert_array_equal(before == 80, after == 80)


def test_an_npy_of_planes_comes_back_in_its_shape(denoise: Run, tmp_path: Path) -> None:
    stack = np.stack([picture(), picture()[::-1]] * 3)
    np.save(tmp_path / "a.npy", stack)
    assert denoise(tmp_path / "a.npy", "-o", tmp_path / "b.npy", "--axes", "ZYX", *WORDS).code == 0
    found = np.load(tmp_path / "b.npy")
    assert (found.shape, found.dtype) == (stack.shape, stack.dtype)
    np.testing.assert_array_equal(found[0], found[2])


def test_the_log_has_a_row_for_each_sweep_also_from_other_processes(denoise: Run, tmp_path: Path) -> None:
    import csv

    for name in ("a", "b"):
        np.save(tmp_path / f"{name}.npy", picture(200))
    words = (*WORDS[:5], "200kB", "--gap", "1e-4", "--json", "--overwrite")
    outcome = denoise(tmp_path / "a.npy", "--log", tmp_path / "one.csv", *words)
    report = json.loads(outcome.out.splitlines()[0])
    with (tmp_path / "one.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert f"{len(rows)} sweeps" in report["notes"][0]
    assert [int(row["iteration"]) for row in rows] == sorted({int(row["iteration"]) for row in rows})
    gaps = [float(row["gap"]) for row in rows]
    assert gaps == sorted(gaps, reverse=True)
    assert (gaps[-1], float(rows[-1]["cost"]), int(rows[-1]["iteration"])) == (report["gap"], report["cost"], report["iterations"])
    for row in rows:
        assert float(row["gap"]) == pytest.approx(1 - float(row["bound"]) / float(row["cost"]))
    memory = ("--jobs", "2", "--memory", "400kB")
    denoise(tmp_path / "a.npy", tmp_path / "b.npy", "-o", tmp_path / "out", "--log", tmp_path / "two.csv", *WORDS[:4], *words[6:], *memory)
    with (tmp_path / "two.csv").open(newline="") as stream:
        both = list(csv.DictReader(stream))
    assert {Path(row["file"]).name for row in both} == {"a.npy", "b.npy"}
    assert [row["cost"] for row in both] == [row["cost"] for row in rows] * 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--lambda", "0.1"), "--method optimal"),
        (("--l1", "--lambda", "0.1"), "method matlab needs the whole picture at once; use --method optimal, or give it more --memory"),
        (("--method", "optimal", "--lambda", "0.1", "--mask", "mask.npy"), "--mask needs the whole picture in memory"),
        (("--lambda", "0.1", "--method", "optimal", "--boundary", "periodic"), "--memory"),
        (("--method", "optimal", "--destripe", "rows"), "--destripe"),
        (("--method", "optimal", "--lambda", "0.1", "--fill"), "--nodata"),
        (("--method", "optimal", "--volume"), "--volume needs the whole picture in memory; leave it out"),
        (("--method", "optimal", "--volume", "--fill"), "--fill and --volume need the whole picture in memory; leave them out"),
        (("--method", "optimal", "--memory", "300"), "smallest tiles"),
        (("--memory", "lots"), "2GB"),
        (("-o", "b.png", "--method", "optimal"), "name the result .tif"),
    ],
)
def test_what_tiles_cannot_do_is_one_line_with_the_way_out(denoise: Run, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    np.save(tmp_path / "a.npy", picture())
    words = tuple(str(tmp_path / word) if word == "b.png" else word for word in words)
    memory = () if "--memory" in words else ("--memory", "1MB")
    outcome = denoise(tmp_path / "a.npy", *words, *memory)
    assert outcome.code != 0
    assert len(outcome.err.splitlines()) == 1
    assert said in outcome.err
    assert folder(tmp_path) == ["a.npy"]


def test_a_damaged_tile_is_one_line_and_no_result(denoise: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, picture(), tile=(64, 64), compression="zlib")
    with tifffile.TiffFile(path) as file:
        last = file.pages.first.dataoffsets[-1]
    path.write_bytes(path.read_bytes()[: last + 10] + b"\0" * 40 + path.read_bytes()[last + 50 :])
    outcome = denoise(path, "-o", tmp_path / "b.tif", *WORDS)
    assert outcome.code == 1
    assert len(outcome.err.splitlines()) == 1
    assert "a.tif" in outcome.err
    assert "damaged" in outcome.err
    assert not (tmp_path / "b.tif").exists()


def photograph(path: Path, times: int = 2) -> Path:
    """Noise that the network removes best, in a picture that takes more than 20 MB."""
    tifffile.imwrite(path, np.tile(picture(), (times, times)), tile=(64, 64))
    return path


def test_where_the_network_needs_more_memory_a_line_says_what_is_taken_instead(denoise: Run, tmp_path: Path) -> None:
    source = photograph(tmp_path / "a.tif")
    (tmp_path / "out").mkdir()
    whole = denoise(source, "-o", tmp_path / "whole.tif", "--json")
    assert json.loads(whole.out.splitlines()[0])["method"] == "learned"
    little = (source, "-o", f"{tmp_path / 'out'}/", "--memory", "20MB")
    done = denoise(*little)
    assert done.code == 0, done.err
    assert "learned suits it best, but its smallest tiles need --memory 82MB; optimal was taken instead" in done.err
    assert "skipped, done before, with the same settings" in denoise(*little).err
    enough = denoise(source, "-o", f"{tmp_path / 'out'}/", "--memory", "82MB", "--dry-run")
    assert "made with less memory, by another method than now; redo it with --overwrite" in enough.out
    assert denoise(source, "-o", f"{tmp_path / 'out'}/").code == 1


def test_the_memory_that_the_line_names_is_enough_for_the_network(tmp_path: Path) -> None:
    from denoise_cli.large.planes import _course, _least_budget
    from denoise_cli.large.recipe import Recipe
    from denoise_cli.large.sweeps import BYTES_OF_A_METHOD, most_values
    from denoise_cli.large.windows import open_windows
    from denoise_cli.methods import registry

    for side, workers in ((800, 1), (333, 3), (150, 2)):
        np.save(tmp_path / "a.npy", np.zeros((side, side, 3), np.float32))
        source = open_windows(tmp_path / "a.npy")
        assert source is not None
        recipe = Recipe(method=registry.find("learned"), reach=144)
        most = most_values(_least_budget(source, recipe, workers), workers, BYTES_OF_A_METHOD)
        assert _course(source, recipe, most, 1, tmp_path) is not None


@pytest.mark.parametrize("words", [("--self-ensemble", "8"), ("--device", "cpu"), ("--method", "learned")])
def test_what_belongs_to_the_network_means_the_network_also_by_tiles(denoise: Run, tmp_path: Path, words: tuple[str, ...]) -> None:
    source = photograph(tmp_path / "a.tif")
    outcome = denoise(source, "-o", tmp_path / "b.tif", "--memory", "20MB", *words)
    assert outcome.code == 1
    assert "the smallest tiles of learned do not fit into 20,000,000 bytes; give it more --memory, 82MB at least" in outcome.err
    assert folder(tmp_path) == ["a.tif"]


def test_a_network_that_is_not_there_is_named_by_tiles_as_well(denoise: Run, tmp_path: Path) -> None:
    outcome = denoise(photograph(tmp_path / "a.tif"), "-o", tmp_path / "b.tif", "--memory", "20MB", "--model", tmp_path / "x.onnx")
    assert outcome.code == 1
    assert "x.onnx: cannot be read (No such file or directory); check its name and permissions" in outcome.err


def test_a_run_that_goes_on_with_more_memory_keeps_to_the_method_of_its_tiles(
    denoise: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from denoise_cli.large import sweeps

    source, real = photograph(tmp_path / "a.tif", 4), sweeps.work_on
    assert denoise(source, "-o", tmp_path / "c.tif", "--memory", "3MB", "--workers", "1").code == 0
    worked: list[int] = []

    def once(patch: Any) -> Any:
        if worked:
            raise OSError(5, "ended")
        worked.append(1)
        return real(patch)

    monkeypatch.setattr(sweeps, "work_on", once)
    assert denoise(source, "-o", tmp_path / "b.tif", "--memory", "3MB", "--workers", "1").code == 1
    monkeypatch.setattr(sweeps, "work_on", real)
    run = denoise(source, "-o", tmp_path / "b.tif", "--memory", "90MB", "--workers", "1", "--json")
    assert json.loads(run.out.splitlines()[0])["method"] == "optimal", run.err
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.tif"), tifffile.imread(tmp_path / "c.tif"))
