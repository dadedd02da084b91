"""Folders, patterns and lists: what is taken, where it goes, what is said."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

FAST = ("--lambda", "0.1", "--iterations", "3")


def picture(path: Path, shade: int = 90, size: tuple[int, int] = (12, 10)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(shade).integers(-20, 20, size)
    Image.fromarray((shade + noise).astype(np.uint8)).save(path)
    return path


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    folder = tmp_path / "scans"
    for number, name in enumerate(("b.png", "a.png", "c.tif", "sub/d.png", "sub/deep/e.bmp", ".hidden.png", ".secret/f.png")):
        picture(folder / name, 60 + number)
    (folder / "notes.txt").write_text("not a picture")
    return folder


def results(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))


def test_a_folder_goes_into_a_folder_under_the_same_names(denoise, scans, tmp_path):
    outcome = denoise(scans, "-o", tmp_path / "clean", *FAST)
    assert outcome.code == 0, outcome.err
    assert results(tmp_path / "clean") == ["a.png", "b.png", "c.tif"]
    assert "3 done, 0 skipped, 0 failed" in outcome.err


def test_recursive_mirrors_the_tree_and_leaves_hidden_files_alone(denoise, scans, tmp_path):
    assert denoise(scans, "-o", tmp_path / "clean", "--recursive", *FAST).code == 0
    assert results(tmp_path / "clean") == ["a.png", "b.png", "c.tif", "sub/d.png", "sub/deep/e.bmp"]


def test_without_an_output_results_lie_beside_the_inputs_and_are_not_taken_for_inputs(denoise, scans):
    assert denoise(scans, *FAST).code == 0
    assert [name for name in results(scans) if "denoised" in name] == ["a_denoised.png", "b_denoised.png", "c_denoised.tif"]
    second = denoise(scans, *FAST)
    assert second.code == 0
    assert "0 done, 3 skipped, 0 failed" in second.err


def test_an_output_folder_inside_the_input_folder_is_no_input(denoise, scans):
    for _ in range(2):
        assert denoise(scans, "-o", scans / "clean", "-r", *FAST).code == 0
    assert results(scans / "clean") == ["a.png", "b.png", "c.tif", "sub/d.png", "sub/deep/e.bmp"]


def test_include_and_exclude_choose_by_name_or_path(denoise, scans, tmp_path):
    assert denoise(scans, "-o", tmp_path / "x", "-r", "--include", "*.png", "--exclude", "sub/*", *FAST).code == 0
    assert results(tmp_path / "x") == ["a.png", "b.png"]


def test_files_folders_and_unexpanded_patterns_mix(denoise, scans, tmp_path):
    outcome = denoise(scans / "c.tif", scans / "sub", f"{scans}/[ab].png", "-o", tmp_path / "x", *FAST)
    assert outcome.code == 0, outcome.err
    assert results(tmp_path / "x") == ["a.png", "b.png", "c.tif", "d.png"]


def test_a_pattern_that_matches_nothing_is_a_failed_row(denoise, scans, tmp_path):
    outcome = denoise(f"{scans}/*.jpeg", scans / "a.png", "-o", tmp_path / "x", *FAST)
    assert outcome.code == 1
    assert "no file matches" in outcome.err
    assert results(tmp_path / "x") == ["a.png"]


def test_two_inputs_of_one_stem_get_results_under_their_whole_names(denoise, scans, tmp_path):
    picture(scans / "a.bmp", 150)
    for _ in range(2):
        outcome = denoise(scans, "-o", tmp_path / "x", "--format", "tiff", "--residual", tmp_path / "r", *FAST)
        assert outcome.code == 0, outcome.err
        assert results(tmp_path / "x") == results(tmp_path / "r") == ["a.bmp.tif", "a.png.tif", "b.tif", "c.tif"]
    assert "0 done, 4 skipped" in outcome.err
    for name in ("a.bmp", "a.png"):
        assert denoise(scans / name, "-o", tmp_path / f"{name}.alone.tif", *FAST).code == 0
        with Image.open(tmp_path / "x" / f"{name}.tif") as ours, Image.open(tmp_path / f"{name}.alone.tif") as alone:
            assert np.array_equal(np.asarray(ours), np.asarray(alone))


def test_equal_names_from_two_folders_are_a_failed_row_whose_advice_works(denoise, scans, tmp_path):
    picture(tmp_path / "other" / "a.png")
    outcome = denoise(scans, tmp_path / "other", "-o", tmp_path / "x", *FAST)
    assert outcome.code == 1
    assert "3 done, 0 skipped, 1 failed" in outcome.err
    assert "denoise it by itself, into a folder of its own (-o)" in outcome.err
    assert denoise(tmp_path / "other" / "a.png", "-o", f"{tmp_path}/y/", *FAST).code == 0
    assert results(tmp_path / "y") == ["a.png"]


def test_suffix_and_format_name_the_results(denoise, scans):
    assert denoise(scans / "a.png", "--suffix", ".clean", "--format", "tiff", *FAST).code == 0
    with Image.open(scans / "a.clean.tif") as image:
        assert image.format == "TIFF"


def test_a_list_of_names_may_end_in_newlines_or_nuls(denoise, scans, tmp_path):
    odd = picture(scans / "new\nline.png")
    names = [scans / "a.png", odd]
    (tmp_path / "nul").write_bytes(b"\0".join(str(name).encode() for name in names) + b"\0")
    assert denoise("--files-from", tmp_path / "nul", "-0", "-o", tmp_path / "x", *FAST).code == 0
    assert results(tmp_path / "x") == ["a.png", "new\nline.png"]
    (tmp_path / "lines").write_text(f"{scans / 'b.png'}\n{scans / 'c.tif'}\n")
    assert denoise("--files-from", tmp_path / "lines", "-o", tmp_path / "y", *FAST).code == 0
    assert results(tmp_path / "y") == ["b.png", "c.tif"]


def test_a_loop_of_links_ends(denoise, scans, tmp_path):
    (scans / "sub" / "up").symlink_to(scans, target_is_directory=True)
    (scans / "broken.png").symlink_to(scans / "nowhere.png")
    outcome = denoise(scans, "-r", "-o", tmp_path / "x", *FAST)
    assert outcome.code == 1
    assert "broken.png: no such file" in outcome.err
    assert len(results(tmp_path / "x")) == 5


def test_dry_run_lists_everything_and_does_nothing(denoise, scans, tmp_path):
    outcome = denoise(scans, "-o", tmp_path / "x", "--dry-run", *FAST)
    assert outcome.code == 0
    assert [line.split(" → ")[0] for line in outcome.out.splitlines()] == [str(scans / name) for name in ("a.png", "b.png", "c.tif")]
    assert not (tmp_path / "x").exists()
    assert denoise(scans, "-o", tmp_path / "x", *FAST).code == 0
    again = denoise(scans, "-o", tmp_path / "x", "--dry-run", *FAST)
    assert again.out.count("[skipped: done before, with the same settings]") == 3


def test_json_is_one_object_a_picture_and_a_summary(denoise, scans, tmp_path):
    (scans / "bad.png").write_text("no picture")
    outcome = denoise(scans, "-o", tmp_path / "x", "--json", "--lambda", 0.1, "--method", "optimal")
    assert outcome.code == 1
    *rows, over, last = map(json.loads, outcome.out.splitlines())
    assert (Path(over["input"]).name, over["status"], over["notes"]) == ("notes.txt", "passed_over", [".txt"])
    assert [Path(row["input"]).name for row in rows] == ["a.png", "b.png", "bad.png", "c.tif"]
    wanted = {"input", "output", "method", "weight", "iterations", "status", "gap", "cost", "psnr_db", "seconds", "error"}
    assert all(wanted <= row.keys() for row in rows)
    assert rows[0]["status"] == "converged"
    assert rows[0]["gap"] <= 1e-3
    assert rows[2]["status"] == "failed"
    assert "bad.png" in rows[2]["error"]
    assert (last["summary"]["done"], last["summary"]["failed"], last["summary"]["planned"]) == (3, 1, 4)


def test_fail_fast_stops_at_the_first_failure(denoise, scans, tmp_path):
    (scans / "a.png").write_text("no picture")
    assert denoise(scans, "-o", tmp_path / "x", "--fail-fast", *FAST).code == 1
    assert not (tmp_path / "x" / "b.png").exists()


def test_times_are_preserved_when_asked_for(denoise, scans, tmp_path):
    os.utime(scans / "a.png", ns=(10**18, 10**18 + 12345))
    assert denoise(scans / "a.png", "-o", tmp_path / "t.png", "--preserve-times", *FAST).code == 0
    assert (tmp_path / "t.png").stat().st_mtime_ns == 10**18 + 12345
    assert denoise(scans / "a.png", "-o", tmp_path / "n.png", *FAST).code == 0
    assert (tmp_path / "n.png").stat().st_mtime_ns > 10**18 + 10**9


# ── settings files ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_tuned_picture_becomes_a_batch_by_its_settings_file(denoise, scans, tmp_path):
    config = tmp_path / "tuned.toml"
    first = denoise(
        scans / "a.png",
        "--lambda",
        0.7,
        "--l1",
        "--method",
        "optimal",
        "--tv",
        "anisotropic",
        "--save-config",
        config,
        "-o",
        tmp_path / "1.png",
    )
    assert first.code == 0, first.err
    assert denoise(scans / "a.png", "--config", config, "-o", tmp_path / "2.png").code == 0
    assert (tmp_path / "1.png").read_bytes() == (tmp_path / "2.png").read_bytes()
    third = denoise(scans / "a.png", "--config", config, "--lambda", 0.2, "--l2", "--tv", "isotropic", "-o", tmp_path / "3.png")
    assert "L2, λ 0.2" in third.err


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("lamda = 0.1", ["'lamda'", "lambda"]),
        ("lambda = 'much'", ["lambda", "a number"]),
        ("iterations = 2.5", ["iterations", "a whole number"]),
        ("lambda = ", ["TOML"]),
        ("l1 = 1", ["l1", "true or false"]),
    ],
)
def test_a_wrong_settings_file_is_refused_with_a_suggestion(denoise, scans, tmp_path, text, parts):
    (tmp_path / "s.toml").write_text(text)
    outcome = denoise(scans / "a.png", "--config", tmp_path / "s.toml")
    assert outcome.code == 2
    assert len(outcome.err.splitlines()) == 1
    for part in ("s.toml", *parts):
        assert part in outcome.err


# ── pipes ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def program(*words: object, **options: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-m", "denoise_cli", *map(str, words)], capture_output=True, timeout=60, **options)


def test_a_pipe_carries_the_picture_and_nothing_else(denoise, scans, tmp_path):
    assert denoise(scans / "a.png", "-o", tmp_path / "file.png", *FAST).code == 0
    utf8 = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    piped = program("-", "-o", "-", *FAST, input=(scans / "a.png").read_bytes(), env=utf8)
    assert piped.returncode == 0, piped.stderr
    assert piped.stdout == (tmp_path / "file.png").read_bytes()
    assert b"\xe2\x86\x92" in piped.stderr
    bmp = program("-", "-o", "-", "--format", "bmp", *FAST, input=(scans / "a.png").read_bytes())
    assert bmp.stdout[:2] == b"BM"


def test_a_broken_picture_in_a_pipe_is_one_line():
    piped = program("-", "-o", "-", *FAST, input=b"nothing")
    assert (piped.returncode, piped.stdout) == (1, b"")
    assert len(piped.stderr.splitlines()) == 1


def test_a_closed_pipe_is_no_traceback(scans):
    head = f"{sys.executable} -m denoise_cli '{scans}' --lambda 0.1 --iterations 2 --json --overwrite | head -n 1"
    done = subprocess.run(["bash", "-c", head], capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
    assert json.loads(done.stdout)["output"]


def test_a_picture_is_not_written_between_json_lines(denoise, scans):
    assert denoise(scans / "a.png", "-o", "-", "--json", *FAST).code == 2


@pytest.mark.skipif(shutil.which("convert") is None and shutil.which("magick") is None, reason="needs ImageMagick")
def test_imagemagick_speaks_with_us_through_pipes(scans, tmp_path):
    tool = "magick" if shutil.which("magick") else "convert"
    line = f"{tool} '{scans / 'a.png'}' png:- | {sys.executable} -m denoise_cli - -o - --lambda .2 -q | {tool} png:- '{tmp_path / 'z.png'}'"
    probe = subprocess.run([tool, "-version"], capture_output=True, text=True)
    if "ImageMagick" not in probe.stdout:
        pytest.skip("not ImageMagick")
    assert subprocess.run(["bash", "-o", "pipefail", "-c", line], timeout=60).returncode == 0
    assert (tmp_path / "z.png").exists()


COMMANDS = ([], ["noise"], ["noise", "--json"], ["info"], ["add-noise", "--gaussian", 0.1], ["benchmark", "--gaussian", 0.1])


@pytest.mark.parametrize("words", COMMANDS)
def test_a_folder_without_a_picture_is_a_mistake_by_itself_and_told_of_beside_others(denoise, tmp_path, words):
    empty, full = tmp_path / "empty", tmp_path / "full"
    empty.mkdir()
    picture(full / "a.png")
    alone = denoise(*words, empty)
    assert (alone.code, alone.out) == (2, "")
    assert alone.err == f"denoise: {empty}: holds no picture that denoise reads; look deeper with --recursive\n"
    beside = denoise(*words, empty, full, *(["--methods", "optimal"] if "benchmark" in words else []))
    assert beside.code == 0, beside.err
    assert "1 passed over: 1 folder without a picture\n" in beside.err


def test_a_dry_run_in_json_has_an_object_a_picture_and_a_summary(denoise, scans):
    (scans / "dangling.png").symlink_to("nowhere")
    outcome = denoise(scans, "-o", scans / "out", *FAST, "--dry-run", "--json")
    assert outcome.code == 1
    *pictures, last = [json.loads(line) for line in outcome.out.splitlines()]
    assert [Path(each["input"]).name for each in pictures] == ["a.png", "b.png", "c.tif", "dangling.png", "notes.txt"]
    assert [each["status"] for each in pictures] == ["planned", "planned", "planned", "failed", "passed_over"]
    assert pictures[3]["error"] == f"{scans / 'dangling.png'}: no such file behind this link, which leads to nowhere; mend the link"
    assert last == {"summary": {"planned": 3, "skipped": 0, "failed": 1, "passed_over": 1}}
    assert not (scans / "out").exists()
