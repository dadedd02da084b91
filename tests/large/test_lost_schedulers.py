"""A scheduler that is not there, or goes away: one line, and nothing that is done is done again."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

pytest.importorskip("distributed")
Run = Callable[..., Any]
Start = Callable[..., Any]
WORDS = ("--method", "optimal", "--lambda", "0.1")
#: Dask leaves sockets and loops to the garbage collector when a scheduler dies.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::RuntimeWarning"
)


def picture(side: int, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    return np.clip(80 + 90 * (np.arange(side)[:, None] // 40 % 2) + 20 * rng.standard_normal((side, side)), 0, 255).astype(np.uint8)


def test_a_scheduler_that_is_not_there_is_one_line(denoise: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from denoise_cli.large import dask_crew

    monkeypatch.setattr(dask_crew, "PATIENCE", 1)
    tifffile.imwrite(tmp_path / "a.tif", picture(40))
    outcome = denoise(tmp_path / "a.tif", *WORDS, "--executor", "dask", "--scheduler", "tcp://127.0.0.1:9")
    assert outcome.code == 1
    assert len(outcome.err.splitlines()) <= 2
    assert "no cluster answers" in outcome.err
    assert not (tmp_path / "a_denoised.tif").exists()


def test_a_scheduler_that_goes_away_is_an_error_that_says_so(start_cluster: Start) -> None:
    from denoise_cli.errors import DenoiseError
    from denoise_cli.large.dask_crew import DaskCrew

    started = start_cluster()
    try:
        crew, done = DaskCrew(started.address), []

        def go_on() -> None:
            for item, _ in crew.each(time.sleep, [0.05] * 100):
                done.append(item)
                if len(done) == 3:
                    started.stop()

        with pytest.raises(DenoiseError, match="scheduler went away"):
            go_on()
        assert len(done) >= 3
    finally:
        crew.close()


def test_a_large_picture_whose_scheduler_goes_away_goes_on_at_the_missing_tiles(
    denoise: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start_cluster: Start
) -> None:
    from denoise_cli.large import journal, sweeps

    tifffile.imwrite(tmp_path / "a.tif", picture(400), tile=(64, 64))
    started, entered = start_cluster(), 0
    real = journal.Journal.enter

    def enter(*words: Any) -> None:
        nonlocal entered
        real(*words)
        entered += 1
        if entered == 9:
            started.stop()

    words = (tmp_path / "a.tif", "-o", tmp_path / "b.tif", *WORDS, "--memory", "1MB")
    monkeypatch.setattr(journal.Journal, "enter", enter)
    outcome = denoise(*words, "--executor", "dask", "--scheduler", started.address)
    monkeypatch.setattr(journal.Journal, "enter", real)
    assert outcome.code == 1
    assert outcome.err.count("\n") == 1
    assert "the scheduler went away; when it is back, the same command goes on where it stopped" in outcome.err
    assert not (tmp_path / "b.tif").exists()
    worked: list[int] = []
    work = sweeps.work_on
    monkeypatch.setattr(sweeps, "work_on", lambda patch: worked.append(1) or work(patch))
    again = denoise(*words)
    assert again.code == 0, again.err
    monkeypatch.setattr(sweeps, "work_on", work)
    assert denoise(words[0], "-o", tmp_path / "c.tif", *words[3:]).code == 0
    assert (tmp_path / "b.tif").read_bytes() == (tmp_path / "c.tif").read_bytes()
    tiles, times = (int(number) for number in re.findall(r"solved in (\d+) tiles, (\d+) sweeps", again.err)[0])
    assert len(worked) == tiles * times - entered <= tiles * times - 9


def test_a_folder_whose_scheduler_goes_away_goes_on_when_it_is_told_again(
    denoise: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start_cluster: Start
) -> None:
    from denoise_cli.cli import session

    scans, started = tmp_path / "scans", start_cluster()
    scans.mkdir()
    for number in range(12):
        tifffile.imwrite(scans / f"{number:02}.tif", picture(60, number))
    real = session.tell
    monkeypatch.setattr(session, "tell", lambda *told, **options: (real(*told, **options), started.stop()))
    outcome = denoise(scans, "-o", tmp_path / "out", *WORDS, "--executor", "dask", "--scheduler", started.address)
    assert outcome.code == 1
    assert "the scheduler went away" in outcome.err
    assert "Traceback" not in outcome.err
    monkeypatch.setattr(session, "tell", real)
    again = denoise(scans, "-o", tmp_path / "out", *WORDS)
    assert again.code == 0, again.err
    assert "skipped" in again.err
    assert len(list((tmp_path / "out").glob("*.tif"))) == 12


def test_scheduler_without_dask_is_a_mistake(denoise: Run, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", picture(40))
    outcome = denoise(tmp_path / "a.tif", *WORDS, "--scheduler", "tcp://127.0.0.1:8786")
    assert outcome.code == 2
    assert "--executor dask" in outcome.err
