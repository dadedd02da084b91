"""A stranger's first hour: links to folders, odd names, a second run, one picture before the folder. Real processes where it matters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

FAST = ("--lambda", "0.1", "--iterations", "3")


def picture(path: Path, seed: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        Image.fromarray(np.random.default_rng(seed).integers(80, 160, (12, 10), dtype=np.uint8)).save(stream, "PNG")
    return path


def program(folder: Path, *words: str | bytes, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "denoise_cli", *words]
    told = {"capture_output": True, "text": True, "errors": "surrogateescape", "timeout": 60}
    return subprocess.run(command, cwd=folder, env={**os.environ, **environment}, **told)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))


# ── a folder behind a link ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for seed, name in enumerate("ab"):
        picture(tmp_path / "disk" / f"{name}.png", seed)
    (tmp_path / "scans").symlink_to("disk")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("word", ["scans", "scans/", "scans/.", "sca[n]s"])
def test_a_folder_behind_a_link_is_a_folder(denoise, linked, word):
    outcome = denoise(word, "-o", "out", *FAST)
    assert outcome.code == 0, outcome.err
    assert names(linked / "out") == ["a.png", "b.png"]


@pytest.mark.parametrize(
    "words", [("info",), ("noise",), ("benchmark", "--gaussian", "0.1"), ("add-noise", "--gaussian", "0.1", "-o", "n")]
)
@pytest.mark.usefixtures("linked")
def test_every_command_that_takes_folders_takes_one_behind_a_link(denoise, words):
    outcome = denoise(words[0], "scans", *words[1:])
    assert outcome.code == 0, outcome.err
    assert "is a directory" not in outcome.err


def test_links_to_folders_within_a_folder_are_not_followed_and_said(denoise, linked):
    (linked / "disk" / "up").symlink_to(linked)
    outcome = denoise("disk", "-r", "-o", "out", *FAST)
    assert outcome.code == 0
    assert "1 passed over: 1 linked folder" in outcome.err


# ── one picture, then the folder; the same command again ─────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for seed, name in enumerate("abc"):
        picture(tmp_path / f"{name}.png", seed)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_picture_done_by_itself_is_skipped_when_the_folder_is_done(denoise, desk):
    assert denoise("a.png", *FAST).code == 0
    outcome = denoise(".", *FAST)
    assert outcome.code == 0, outcome.err
    assert "2 done, 1 skipped, 0 failed" in outcome.err
    assert names(desk) == ["a.png", "a_denoised.png", "b.png", "b_denoised.png", "c.png", "c_denoised.png"]


def test_a_single_result_under_a_name_of_its_own_begins_no_ledger_and_is_entered_in_one_that_is_there(denoise, desk):
    (desk / "one").mkdir()
    assert denoise("a.png", "-o", "one/a.png", *FAST).code == 0
    assert [path.name for path in (desk / "one").iterdir()] == ["a.png"]
    assert denoise("b.png", "c.png", "-o", "many", *FAST).code == 0
    assert denoise("a.png", "-o", "many/a.png", *FAST).code == 0
    assert "0 done, 3 skipped" in denoise(".", "-o", "many", *FAST).err


@pytest.mark.parametrize("command", ["denoise {} *.png", "denoise {} '*.png'", "ls *.png | denoise {} --files-from -"])
def test_the_same_command_again_takes_no_results_for_inputs(desk, command):
    line = command.format(" ".join(FAST)).replace("denoise ", f"{sys.executable} -m denoise_cli ", 1)
    for run in range(3):
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert names(desk) == ["a.png", "a_denoised.png", "b.png", "b_denoised.png", "c.png", "c_denoised.png"]
        assert ("3 passed over: 3 results of earlier runs; --include takes results" in done.stderr) == (run > 0)


def test_results_without_a_suffix_are_known_by_the_ledger(denoise, desk):
    assert denoise(".", "-o", "clean", *FAST).code == 0
    outcome = denoise(".", "-r", "-o", "again", *FAST)
    assert outcome.code == 0
    assert "3 passed over: 3 results of earlier runs" in outcome.err
    assert names(desk / "again") == ["a.png", "b.png", "c.png"]
    picture(desk / "clean" / "a.png", 9)  # another picture by now, which no run has made
    assert "2 passed over" in denoise("clean/a.png", "clean/b.png", "clean/c.png", "-o", "third", *FAST).err


def test_include_brings_results_back(denoise, desk):
    assert denoise(".", *FAST).code == 0
    assert denoise("a_denoised.png", "b_denoised.png", "--include", "*_denoised*", "-o", "twice", *FAST).code == 0
    assert names(desk / "twice") == ["a_denoised.png", "b_denoised.png"]
    assert denoise(".", "--include", "*_denoised*", "-o", "thrice", *FAST).code == 0
    assert names(desk / "thrice") == ["a_denoised.png", "b_denoised.png", "c_denoised.png"]
    again = denoise(".", "--include", "*.png", *FAST)  # chooses pictures, and does not ask for results
    assert "0 done, 3 skipped" in again.err


def test_a_result_named_by_itself_is_taken(denoise, desk):
    assert denoise("a.png", *FAST).code == 0
    assert denoise("a_denoised.png", *FAST).code == 0
    assert "a_denoised_denoised.png" in names(desk)


@pytest.mark.usefixtures("desk")
def test_nothing_but_results_is_refused_with_the_way_out(denoise):
    assert denoise(".", *FAST).code == 0
    outcome = denoise("a_denoised.png", "b_denoised.png", *FAST)
    assert outcome.code == 2
    assert "2 results of earlier runs; --include takes results" in outcome.err


def test_an_input_of_the_run_is_never_the_result_of_another(denoise, desk):
    picture(desk / "a_denoised.png", 7)
    before = (desk / "a_denoised.png").read_bytes()
    outcome = denoise("a.png", "a_denoised.png", "--include", "*", "--overwrite", *FAST)
    assert outcome.code == 1
    assert "is an input of this run" in outcome.err
    assert (desk / "a_denoised.png").read_bytes() == before


# ── what is passed over ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_passed_over_is_counted_by_kind_and_named_with_v(denoise, desk):
    for name in ("x.txt", "y.txt", "z.xcf", "README"):
        (desk / name).write_text("no picture")
    outcome = denoise(".", "-v", "-o", "out", *FAST)
    (line,) = [line for line in outcome.err.splitlines() if line.startswith("4 passed over: ")]
    assert set(line.removeprefix("4 passed over: ").split(", ")) == {"2 .txt", "1 .xcf", "1 without a suffix"}
    for name in ("x.txt", "y.txt", "z.xcf", "README"):
        assert f"{name}: passed over" in outcome.err
    rows = [json.loads(line) for line in denoise(".", "--json", "-q", "-o", "out", *FAST).out.splitlines()]
    assert {row["input"] for row in rows[:-1] if row["status"] == "passed_over"} == {"README", "x.txt", "y.txt", "z.xcf"}
    assert rows[-1]["summary"]["passed_over"] == 4
    assert "passed over" not in denoise(".", "--exclude", "*.txt", "--exclude", "z.*", "--exclude", "README", "-o", "out", *FAST).err


# ── names ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_name_too_long_for_its_result_is_one_failed_row(tmp_path):
    for name in ("a.png", "m" * 246 + ".png", "z.png"):
        picture(tmp_path / name)
    for words in ((".",), (".", "--jobs", "2"), (".", "--log", "log.csv")):
        done = program(tmp_path, *words, *FAST, "--overwrite")
        assert done.returncode == 1
        assert "2 done, 0 skipped, 1 failed" in done.stderr
        assert "too long" in done.stderr
        assert "defect" not in done.stderr
    assert program(tmp_path, "m" * 246 + ".png", "-o", "short.png", *FAST).returncode == 0


@pytest.mark.parametrize("letter", ["m", "画"])
def test_a_name_as_long_as_the_file_system_allows_works(tmp_path, letter):
    name = os.fsdecode((letter * (251 // len(letter.encode())) + ".png").encode())
    picture(tmp_path / "in" / name)
    done = program(tmp_path, "in", "-o", "out", *FAST)
    assert done.returncode == 0, done.stderr
    assert names(tmp_path / "out") == [name]


def test_a_word_too_long_for_any_name_is_one_failed_row(tmp_path):
    picture(tmp_path / "a.png")
    done = program(tmp_path, "n" * 300 + ".png", "a.png", *FAST)
    assert done.returncode == 1
    assert "1 done, 0 skipped, 1 failed" in done.stderr
    assert "Traceback" not in done.stderr
    single = program(tmp_path, "n" * 300 + ".png", *FAST)
    assert (single.returncode, len(single.stderr.splitlines())) == (1, 1)
    output = program(tmp_path, "a.png", "-o", "n" * 300 + ".png", *FAST)
    assert (output.returncode, len(output.stderr.splitlines())) == (1, 1)


LATIN = b"caf\xe9.png"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    try:
        for name in (b"a.png", LATIN, b"z.png"):
            picture(tmp_path / os.fsdecode(name))
    except OSError:
        pytest.skip("this file system takes only UTF-8")
    return tmp_path


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_name_that_is_not_utf8_is_done_like_the_others(archive, jobs):
    for expected in ("3 done, 0 skipped", "0 done, 3 skipped"):
        log = f"{expected[0]}.csv"
        done = program(archive, ".", "-o", "out", *FAST, "--jobs", jobs, "--json", "--log", log)
        assert done.returncode == 0, done.stderr
        assert expected in done.stderr
        inputs = [os.fsencode(row["input"]) for row in map(json.loads, done.stdout.splitlines()) if "input" in row]
        assert LATIN in inputs
    assert sorted(os.fsencode(path.name) for path in (archive / "out").glob("*.png")) == [b"a.png", LATIN, b"z.png"]
    # Another locale sees other names in the same bytes; what is done stays done.
    other = program(archive, ".", "-o", "out", *FAST, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert "0 done, 3 skipped" in other.stderr, other.stderr


@pytest.mark.parametrize(
    "words",
    [("--dry-run", "."), ("info",), ("info", "--json"), ("noise",), ("noise", "--json"), ("compare",), ("path", "--steps", "2"),
     ("compare", "--csv", "t.csv", "--sheet", "s.png"), ("benchmark", "--gaussian", "0.1", "--csv", "t.csv"),
     ("benchmark", "--gaussian", "0.1", "--json"), ("add-noise", "--gaussian", "0.1"), ("path", "--steps", "2", "-o", "s.png")],
)  # fmt: skip
def test_every_command_can_name_it(archive, words):
    pictures = [] if words[0] == "--dry-run" else [LATIN, b"a.png"] if words[0] == "compare" else [LATIN]
    done = program(archive, words[0], *pictures, *words[1:])
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


# ── -o clean/ ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("slash", ["/", "/."])
def test_an_output_with_a_slash_at_its_end_is_a_folder_for_one_picture_too(denoise, desk, slash):
    for name in ("a.png", "b.png"):
        assert denoise(name, "-o", f"clean{slash}", "--residual", f"removed{slash}", *FAST).code == 0
    assert names(desk / "clean") == names(desk / "removed") == ["a.png", "b.png"]
    assert denoise("add-noise", "a.png", "--gaussian", "0.1", "-o", f"noisy{slash}").code == 0
    assert names(desk / "noisy") == ["a.png"]


def test_a_folder_for_one_picture_is_made_only_where_its_parent_exists(denoise, desk):
    outcome = denoise("a.png", "-o", "no/where/", *FAST)
    assert outcome.code == 1
    assert "there is no directory no to make it in" in outcome.err
    assert not (desk / "no").exists()
    outcome = denoise("a.png", "-o", "b.png/", *FAST)
    assert outcome.code == 1
    assert "b.png: is a file, not a directory" in outcome.err


@pytest.mark.parametrize("command", [[], ["info"], ["noise"]])
def test_a_name_that_begins_with_a_dash_is_told_how_to_type_it(denoise, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.full((12, 10), 90, np.uint8)).save(tmp_path / "-q.png")
    outcome = denoise(*command, "-q.png")
    assert (outcome.code, outcome.err) == (2, "denoise: -q.png: begins with a dash, as options do; type ./-q.png for the file\n")
    assert denoise(*command, "./-q.png").code == 0
