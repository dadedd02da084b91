"""A bad night: runs that are killed, disks that fill, two runs at once. Nothing lost, nothing half-written, nothing done twice."""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ITERATIONS = 60
WORDS = ("--lambda", "0.1", "--iterations", str(ITERATIONS))
COUNT = 24


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("night") / "scans"
    folder.mkdir()
    rng = np.random.default_rng(5)
    for number in range(COUNT):
        Image.fromarray(rng.integers(0, 255, (96, 80), dtype=np.uint8)).save(folder / f"{number:02}.png")
    return folder


@pytest.fixture(scope="module")
def expected(originals: Path) -> dict[str, bytes]:
    target = originals.parent / "expected"
    finished = run(originals, "-o", target, *WORDS)
    assert finished.returncode == 0, finished.stderr
    return contents(target)


def run(*words: object, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "denoise_cli", *map(str, words)], capture_output=True, text=True, timeout=120, **options)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")}


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.endswith("denoise-tmp")]


def whole(path: Path) -> bool:
    with Image.open(path) as image:
        image.load()
        return image.size == (80, 96)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_run_that_is_killed_at_any_moment_goes_on_where_it_was(originals, expected, tmp_path, jobs):
    rng = random.Random(jobs)
    kills = 0
    for _ in range(5):
        program = subprocess.Popen(
            [sys.executable, "-m", "denoise_cli", str(originals), "-o", str(tmp_path), *WORDS, "-q", "--jobs", str(jobs)],
            start_new_session=True, stderr=subprocess.PIPE,
        )  # fmt: skip
        deadline, before = time.monotonic() + 20, len(contents(tmp_path))
        while len(contents(tmp_path)) <= before and program.poll() is None and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(rng.random() * 0.03)
        with contextlib.suppress(ProcessLookupError):  # it may have been faster than we
            os.killpg(program.pid, signal.SIGKILL)
        program.communicate()
        kills += program.returncode == -signal.SIGKILL
        assert all(whole(tmp_path / name) for name in contents(tmp_path))
    assert kills > 1
    stamps = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.png")}
    finished = run(originals, "-o", tmp_path, *WORDS, "--jobs", jobs)
    assert finished.returncode == 0, finished.stderr
    assert contents(tmp_path) == expected
    assert leftovers(tmp_path) == []
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in stamps} == stamps  # nothing twice
    assert f"{COUNT - len(stamps)} done, {len(stamps)} skipped, 0 failed" in finished.stderr


def test_what_is_done_is_known_by_input_and_settings(denoise, originals, tmp_path):
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for name in ("00.png", "01.png", "02.png"):
        (source / name).write_bytes((originals / name).read_bytes())
    assert denoise(source, "-o", target, *WORDS).code == 0
    assert "3 skipped" in denoise(source, "-o", target, *WORDS, "--workers", 1).err  # does not change the pixels
    other = denoise(source, "-o", target, "--lambda", 0.2, "--iterations", 4)
    assert other.code == 1
    assert "made with other settings; redo it with --overwrite" in other.err
    (source / "01.png").write_bytes((originals / "05.png").read_bytes())
    changed = denoise(source, "-o", target, *WORDS)
    assert "2 skipped, 1 failed" in changed.err
    assert "another state of the input" in changed.err
    (target / "02.png").write_bytes(b"retouched by hand")
    assert "changed since it was made" in denoise(source, "-o", target, *WORDS).err
    assert (target / "02.png").read_bytes() == b"retouched by hand"
    assert "3 skipped" in denoise(source, "-o", target, *WORDS, "--skip-existing").err
    assert "3 done" in denoise(source, "-o", target, *WORDS, "--overwrite").err
    (target / ".denoise-done.jsonl").unlink()
    assert "was not made by an earlier run" in denoise(source, "-o", target, *WORDS).err


def test_another_method_typed_over_an_automatic_run_is_other_settings(denoise, originals, tmp_path):
    assert denoise(originals / "00.png", "-o", f"{tmp_path}/").code == 0
    for words in (("--method", "optimal"), ("--method", "learned"), ("--strength", 0.5)):
        other = denoise(originals / "00.png", "-o", f"{tmp_path}/", *words)
        assert "made with other settings" in other.err
        assert "earlier version" not in other.err


def test_a_result_of_another_input_is_told_from_one_of_another_state(denoise, originals, tmp_path, monkeypatch):
    for folder, name in (("in", "00.png"), ("in", "01.png"), ("other", "00.png")):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).write_bytes((originals / ("02.png" if folder == "other" else name)).read_bytes())
    monkeypatch.chdir(tmp_path)
    assert denoise("in/00.png", "-o", "out/", *WORDS).code == 0
    for another in ("in/01.png", "other/00.png"):
        said = denoise(another, "-o", "out/00.png", *WORDS).err
        assert "exists already, made from another input; redo it with --overwrite" in said
    assert "done before" in denoise("in/00.png", "-o", "out/", *WORDS).err
    (tmp_path / "in" / "00.png").write_bytes((originals / "05.png").read_bytes())
    for same in ("in/00.png", tmp_path / "in" / "00.png"):
        assert "another state of the input" in denoise(same, "-o", "out/", *WORDS).err


def test_the_ledger_is_lines_of_json_and_half_a_line_does_no_harm(denoise, originals, tmp_path):
    assert denoise(originals / "00.png", originals / "01.png", "-o", tmp_path, *WORDS).code == 0
    ledger = tmp_path / ".denoise-done.jsonl"
    entry = json.loads(ledger.read_text().splitlines()[0])
    assert entry["output"]["name"] == "00.png"
    assert entry["settings"]["weight"] == 0.1
    ledger.write_text(ledger.read_text()[:-40])
    (tmp_path / "01.png").unlink()
    assert denoise(originals / "00.png", originals / "01.png", "-o", tmp_path, *WORDS).code == 0
    again = denoise(originals / "00.png", originals / "01.png", "-o", tmp_path, *WORDS)
    assert "2 skipped" in again.err


def test_a_limit_on_file_sizes_ends_in_failed_rows(originals, tmp_path):
    def small_files() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))

    finished = run(originals / "00.png", originals / "01.png", "-o", tmp_path, *WORDS, preexec_fn=small_files)
    assert finished.returncode == 1
    assert "Traceback" not in finished.stderr
    assert finished.stderr.count("cannot be written") == 4, finished.stderr  # as they happen, and in the report
    assert contents(tmp_path) == {}
    assert leftovers(tmp_path) == []


def test_two_runs_race_for_one_folder_and_every_result_is_whole(originals, expected, tmp_path):
    command = [sys.executable, "-m", "denoise_cli", str(originals), "-o", str(tmp_path), *WORDS]
    racers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [racer.communicate(timeout=120)[1] for racer in racers]
    assert not any("Traceback" in text for text in said)
    assert contents(tmp_path) == expected
    assert leftovers(tmp_path) == []
    assert f"{COUNT} skipped" in run(originals, "-o", tmp_path, *WORDS).stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_without_permission_is_a_row(denoise, originals, tmp_path):
    source = tmp_path / "in"
    (source / "shut").mkdir(parents=True)
    (source / "a.png").write_bytes((originals / "00.png").read_bytes())
    (source / "shut").chmod(0)
    outcome = denoise(source, "-r", "-o", tmp_path / "out", *WORDS)
    (source / "shut").chmod(0o700)
    assert outcome.code == 1
    assert "shut" in outcome.err
    assert (tmp_path / "out" / "a.png").exists()


def test_a_file_that_vanishes_is_a_row(denoise, originals, tmp_path, monkeypatch):
    from denoise_cli.batch import run as batch

    source = tmp_path / "in"
    source.mkdir()
    for name in ("a.png", "b.png"):
        (source / name).write_bytes((originals / "00.png").read_bytes())
    real = batch.run

    def vanish(job, *watchers):
        (source / "b.png").unlink(missing_ok=True)
        return real(job, *watchers)

    monkeypatch.setattr(batch, "run", vanish)
    outcome = denoise(source, "-o", tmp_path / "out", *WORDS)
    assert outcome.code == 1
    assert "b.png: no such file" in outcome.err
    assert "1 done, 0 skipped, 1 failed" in outcome.err


def test_an_interrupted_batch_exits_with_130_and_leaves_no_processes(originals, tmp_path):
    program = subprocess.Popen(
        [sys.executable, "-m", "denoise_cli", str(originals), "-o", str(tmp_path), "--lambda", "0.1", "--iterations", "3000", "-j", "2"],
        start_new_session=True, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not contents(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(program.pid, signal.SIGINT)
    _, said = program.communicate(timeout=30)
    assert program.returncode == 130
    assert "Traceback" not in said
    assert all(whole(tmp_path / name) for name in contents(tmp_path))
    assert vanishes(program.pid)


def vanishes(group: int) -> bool:
    """Whether all processes of the group end within ten seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_a_killed_batch_leaves_no_processes(originals, tmp_path):
    program = subprocess.Popen(
        [sys.executable, "-m", "denoise_cli", str(originals), "-o", str(tmp_path), "--lambda", "0.1", "--iterations", "3000", "-j", "2"],
        start_new_session=True, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not contents(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.01)
    program.kill()
    program.wait(timeout=30)
    assert vanishes(program.pid)
    assert all(whole(tmp_path / name) for name in contents(tmp_path))


# ── several at once ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_pictures_at_once_give_the_same_files_in_the_same_order(originals, expected, tmp_path):
    finished = run(originals, "-o", tmp_path, *WORDS, "--jobs", 3, "--json", "--log", tmp_path / "log.csv")
    assert finished.returncode == 0, finished.stderr
    names = [Path(json.loads(line)["input"]).name for line in finished.stdout.splitlines()[:-1]]
    assert names == sorted(expected)
    results = contents(tmp_path)
    log = results.pop("log.csv").decode().splitlines()
    assert results == expected
    assert len(log) == 1 + ITERATIONS * COUNT
    assert [line.split(",")[0] for line in log[1::ITERATIONS]] == [str(originals / name) for name in names]


def test_a_worker_that_is_killed_is_a_failed_row_and_the_others_go_on(originals, tmp_path):
    # The worker dies on one picture as if the system had killed it for its memory: sitecustomize is loaded by every spawned process.
    patch = (
        "import os, sys\n"
        "if 'spawn_main' in ' '.join(sys.argv) or any('spawn' in word for word in sys.orig_argv):\n"
        "    import denoise_cli.pipeline.job as job, signal\n"
        "    real = job._denoise\n"
        "    def deadly(task, *watchers):\n"
        "        if task.input.name == '03.png':\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
        "        return real(task, *watchers)\n"
        "    job._denoise = deadly\n"
    )
    (tmp_path / "sitecustomize.py").write_text(patch)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])}
    finished = run(originals, "-o", tmp_path / "out", *WORDS, "--jobs", 2, env=environment)
    assert finished.returncode == 1, finished.stderr
    assert f"{COUNT - 1} done, 0 skipped, 1 failed" in finished.stderr
    assert "03.png: its process was killed" in finished.stderr
    assert "fewer --jobs" in finished.stderr
    assert len(contents(tmp_path / "out")) == COUNT - 1


def test_a_result_that_appeared_before_its_report_was_lost_is_no_stranger(originals, tmp_path):
    from denoise_cli.batch.processes import again
    from denoise_cli.batch.run import work as run
    from denoise_cli.pipeline.job import Job, Settings

    job = Job(originals / "00.png", tmp_path / "00.png", Settings(0.1, iterations=4), recorded=True)
    assert run(job).error is None
    assert "exists already" in run(job).error
    assert run(again(job)).error is None
    job.output.write_bytes(b"retouched by hand")
    assert "exists already" in run(again(job)).error


# ── interrupted ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

GOES_ON = "; the same command goes on where it stopped"


def has_begun(folder):
    """Whether a program that writes into this folder has something to show: a picture, or a thousand bytes. Files may go meanwhile."""
    for path in folder.rglob("*.*"):
        with contextlib.suppress(FileNotFoundError):
            if path.suffix == ".png" or path.stat().st_size > 1000:
                return True
    return False


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
@pytest.mark.parametrize(
    ("words", "end"),
    [
        (("SCANS", "-o", "OUT"), GOES_ON),
        (("SCANS", "-o", "OUT", "--overwrite"), ""),
        (("SCANS", "-o", "OUT", "--log", "LOG"), "; the same command with another --log goes on where it stopped"),
        (("SCANS/00.png", "-o", "OUT.png", "--log", "LOG"), ""),
    ],
    ids=["a folder", "a folder overwritten", "a log", "one picture"],
)
def test_an_interrupted_run_says_what_is_true(originals, tmp_path, sign, words, end):
    places = {"SCANS/00.png": originals / "00.png", "SCANS": originals, "OUT": tmp_path / "out", "OUT.png": tmp_path / "o.png"}
    places["LOG"] = tmp_path / "log.csv"
    typed = [str(places.get(word, word)) for word in words]
    many = "1000000" if "OUT.png" in words else "3000"
    command = [sys.executable, "-m", "denoise_cli", *typed, "--lambda", "0.1", "--iterations", many]
    program = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not has_begun(tmp_path):
        time.sleep(0.01)
    program.send_signal(sign)
    _, said = program.communicate(timeout=60)
    assert program.returncode == 130, said
    assert said.splitlines()[-1] == f"denoise: interrupted{end}"
    assert leftovers(tmp_path) == []
    assert "Traceback" not in said
