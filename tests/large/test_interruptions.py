"""Runs that are ended, killed or out of room go on at the tiles that are missing, and lose nothing."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

Run = Callable[..., Any]
WORDS = ("--method", "optimal", "--lambda", "0.1", "--memory", "1MB", "--workers", "1")


def picture() -> Any:
    y, x = np.mgrid[:400, :400]
    clean = 80 + 90 * ((x // 41 + y // 29) % 2)
    return np.clip(clean + 20 * np.random.default_rng(0).standard_normal((400, 400)), 0, 255).astype(np.uint8)


def folder(path: Path) -> list[str]:
    return sorted(each.name for each in path.iterdir())


def with_files_of_at_most(size: int, *words: object) -> tuple[int, str]:
    """The command where no file can grow beyond so many bytes: its exit code, and what it says."""

    def small_files() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    command = [sys.executable, "-m", "denoise_cli", *(str(word) for word in words)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=small_files)
    return ended.returncode, ended.stderr


#: A run that is ended by `how` while it works on tile number 12, all before being on the disk.
ENDED = """
import os, sys
from denoise_cli.cli.app import main
from denoise_cli.large import journal, sweeps

journal.SYNC_SECONDS = 0
real, count = sweeps.work_on, [0]

def work_on(patch):
    count[0] += 1
    if count[0] == 12:
        os.kill(os.getpid(), {how})
    return real(patch)

sweeps.work_on = work_on
sys.exit(main())
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_ended_goes_on_at_the_missing_tiles(
    denoise: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: signal.Signals
) -> None:
    from denoise_cli.large import sweeps

    np.save(tmp_path / "a.npy", picture())
    result, words = tmp_path / "b.npy", ("--method", "optimal", "--lambda", "0.1", "--memory", "500kB", "--workers", "1")
    command = [sys.executable, "-c", ENDED.format(how=int(how)), tmp_path / "a.npy", "-o", result, *words]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == (130 if how == signal.SIGINT else -signal.SIGKILL)
    assert not result.exists()
    if how == signal.SIGINT:
        assert "the same command goes on where it stopped" in ended.stderr
    assert denoise(tmp_path / "a.npy", "-o", tmp_path / "c.npy", *words).code == 0
    worked: list[int] = []
    real = sweeps.work_on
    monkeypatch.setattr(sweeps, "work_on", lambda patch: worked.append(patch.first) or real(patch))
    assert denoise(tmp_path / "a.npy", "-o", tmp_path / "d.npy", *words).code == 0
    every = len(worked)
    worked.clear()
    assert denoise(tmp_path / "a.npy", "-o", result, *words).code == 0
    assert len(worked) == every - 11
    np.testing.assert_array_equal(np.load(result), np.load(tmp_path / "c.npy"))
    assert not any(".denoise-tiles" in name for name in folder(tmp_path))


def test_tiles_of_another_input_or_other_settings_are_not_taken(tmp_path: Path) -> None:
    from denoise_cli.large.journal import Journal
    from denoise_cli.large.patch import Sums

    result = tmp_path / "b.npy"
    journal = Journal(result, {"settings": 1})
    journal.enter(0, 0, 7, Sums(1.0, 0.5))
    journal.close()
    same = Journal(result, {"settings": 1})
    assert same.of(0, 0) == {7: Sums(1.0, 0.5)}
    same.close()
    with same.path.open("ab") as stream:
        stream.write(b'{"plane": 0, "sw')
    half = Journal(result, {"settings": 1})
    assert half.of(0, 0) == {7: Sums(1.0, 0.5)}
    half.enter(0, 0, 8, Sums(2.0, 1.0))
    half.close()
    whole = Journal(result, {"settings": 1})
    assert set(whole.of(0, 0)) == {7, 8}
    whole.close()
    other = Journal(result, {"settings": 2})
    assert other.of(0, 0) == {}
    other.remove()
    assert json.dumps(folder(tmp_path)) == "[]"


def test_two_runs_do_not_work_on_one_result(tmp_path: Path) -> None:
    from denoise_cli.errors import DenoiseError
    from denoise_cli.large.journal import Journal

    pytest.importorskip("fcntl")
    first = Journal(tmp_path / "b.npy", {})
    with pytest.raises(DenoiseError, match="another run"):
        Journal(tmp_path / "b.npy", {})
    first.remove()


@pytest.mark.parametrize("name", ["b.npy", "b.tif"])
def test_a_disk_without_room_is_told_before_any_work(tmp_path: Path, name: str) -> None:
    np.save(tmp_path / "a.npy", picture())

    code, said = with_files_of_at_most(50_000, tmp_path / "a.npy", "-o", tmp_path / name, *WORDS)
    assert code == 1
    assert "no room" in said
    assert len(said.splitlines()) == 1
    assert folder(tmp_path) == ["a.npy"]


def test_a_disk_that_fills_up_at_the_end_costs_no_tile(denoise: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from denoise_cli.large import sweeps

    words = (*WORDS[:3], "0.0001", "--memory", "2MB")  # one sweep, so that nothing but the result is written
    random = np.random.default_rng(0).integers(0, 256, (400, 400)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", random, tile=(400, 400), compression="lzw")
    # LZW makes noise larger than it is, and than what was reserved.
    assert random.nbytes + 1000 < 200_000 < (tmp_path / "a.tif").stat().st_size
    code, said = with_files_of_at_most(200_000, tmp_path / "a.tif", "-o", tmp_path / "b.tif", *words)
    assert code == 1
    assert "all tiles are done and kept: make room, and the same command goes on" in said
    assert len(said.splitlines()) == 1
    assert folder(tmp_path) == [".b.tif.denoise-tiles", "a.tif"]
    monkeypatch.setattr(sweeps, "work_on", lambda _: pytest.fail("was done before"))
    assert denoise(tmp_path / "a.tif", "-o", tmp_path / "b.tif", *words).code == 0
    assert tifffile.imread(tmp_path / "b.tif").shape == (400, 400)
    assert not (tmp_path / ".b.tif.denoise-tiles").exists()
