"""A real cluster of two worker processes on loopback: the same results, whoever dies."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

pytest.importorskip("distributed")
Run = Callable[..., Any]
WORDS = ("--method", "optimal", "--lambda", "0.1")
#: Dask leaves sockets and loops to the garbage collector when a scheduler dies.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::RuntimeWarning"
)


def picture(side: int, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    return np.clip(80 + 90 * (np.arange(side)[:, None] // 40 % 2) + 20 * rng.standard_normal((side, side)), 0, 255).astype(np.uint8)


#: What workers run first: from then on they die of some pictures and tiles, each under its own name for how.
DEADLY = """
import os, signal
from pathlib import Path
from denoise_cli.batch import cluster
from denoise_cli.large import sweeps

if "whole" not in globals():  # Dask runs this more than once
    whole, tile = cluster.work_whole, sweeps.work_on

def die(mark):
    if mark is None or not mark.exists():
        if mark is not None:
            mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)

def work_whole(job, on_state=None):
    if job.input.stem == "always":
        die(None)
    if job.input.stem == "before":
        die(job.input.with_suffix(".died"))
    report = whole(job, on_state)
    if job.input.stem == "after":
        die(job.input.with_suffix(".died"))
    return report

def work_on(patch):
    if patch.path.stem == "tile" and patch.tile.above and patch.tile.left:
        die(patch.path.with_suffix(".died"))
    if patch.path.stem == "tiles":
        die(None)
    return tile(patch)

cluster.work_whole, sweeps.work_on = work_whole, work_on
"""


class Cluster:
    """A scheduler and two workers, each a process of its own."""

    def __init__(self, preload: Path | None = None) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self.port}"
        environment = os.environ | {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
        self.processes = [self._start(environment, "scheduler", "--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard")]
        for _ in range(2):
            worker = ("worker", self.address, "--nworkers", "1", "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1")
            self.processes.append(self._start(environment, *worker, *(("--preload", str(preload)) if preload else ())))

    def _start(self, environment: dict[str, str], *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "dask", *words]
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)

    def stop(self) -> None:
        for process in self.processes:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            process.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    preload = tmp_path_factory.mktemp("preload") / "deadly.py"
    preload.write_text(DEADLY)
    started = Cluster(preload)
    yield started
    started.stop()


def test_a_folder_on_a_cluster_is_the_folder_by_itself(denoise: Run, tmp_path: Path, cluster: Cluster) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    for number in range(4):
        tifffile.imwrite(scans / f"{number}.tif", picture(60, number))
    (scans / "4.tif").write_bytes(b"II*\0 broken")
    outcome = denoise(scans, "-o", tmp_path / "far", *WORDS, "--executor", "dask", "--scheduler", cluster.address, "--json")
    assert outcome.code == 1, outcome.err
    rows = [json.loads(line) for line in outcome.out.splitlines()]
    assert [Path(row["input"]).name for row in rows[:-1]] == [f"{number}.tif" for number in range(5)]
    assert [row["status"] for row in rows[:-1]] == ["converged"] * 4 + ["failed"]
    assert rows[-1]["summary"]["done"] == 4
    (scans / "4.tif").unlink()
    assert denoise(scans, "-o", tmp_path / "here", *WORDS).code == 0
    for number in range(4):
        assert (tmp_path / "far" / f"{number}.tif").read_bytes() == (tmp_path / "here" / f"{number}.tif").read_bytes()
    again = denoise(scans, "-o", tmp_path / "far", *WORDS, "--executor", "dask", "--scheduler", cluster.address)
    assert "4 skipped" in again.err


def test_tiles_on_a_cluster_are_the_tiles_of_one_process(denoise: Run, tmp_path: Path, cluster: Cluster) -> None:
    tifffile.imwrite(tmp_path / "a.tif", picture(300), tile=(64, 64))
    memory = ("--memory", "1MB")
    outcome = denoise(tmp_path / "a.tif", "-o", tmp_path / "b.tif", *WORDS, *memory, "--executor", "dask", "--scheduler", cluster.address)
    assert outcome.code == 0, outcome.err
    assert "tiles" in outcome.err
    assert denoise(tmp_path / "a.tif", "-o", tmp_path / "c.tif", *WORDS, *memory).code == 0
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.tif"), tifffile.imread(tmp_path / "c.tif"))


def test_a_picture_whose_worker_dies_is_done_elsewhere_and_one_that_kills_workers_is_one_row(
    denoise: Run, tmp_path: Path, cluster: Cluster
) -> None:
    scans, words = tmp_path / "scans", (*WORDS, "--executor", "dask", "--scheduler", cluster.address)
    scans.mkdir()
    names = ["after", "always", "before", *(f"picture {number}" for number in range(9))]
    for number, name in enumerate(names):
        tifffile.imwrite(scans / f"{name}.tif", picture(60, number))
    outcome = denoise(scans, "-o", tmp_path / "far", *words, "--json")
    rows = {Path(row["input"]).stem: row for row in map(json.loads, outcome.out.splitlines()) if "input" in row}
    assert list(rows) == names
    assert outcome.code == 1
    culprit = rows.pop("always")
    assert culprit["status"] == "failed"
    assert "killed again and again" in culprit["error"]
    assert {row["status"] for row in rows.values()} == {"converged"}
    # Two workers did die, one of them when the result was there already.
    assert {path.stem for path in scans.glob("*.died")} == {"after", "before"}
    assert denoise(scans, "-o", tmp_path / "here", *WORDS).code == 0
    for name in rows:
        assert (tmp_path / "far" / f"{name}.tif").read_bytes() == (tmp_path / "here" / f"{name}.tif").read_bytes()
    assert not (tmp_path / "far" / "always.tif").exists()


def test_a_tile_whose_worker_dies_is_done_elsewhere_and_one_that_kills_workers_fails_its_picture(
    denoise: Run, tmp_path: Path, cluster: Cluster
) -> None:
    words = (*WORDS, "--memory", "1MB")
    for name in ("tile", "tiles"):
        tifffile.imwrite(tmp_path / f"{name}.tif", picture(300), tile=(64, 64))
    outcome = denoise(tmp_path / "tile.tif", "-o", tmp_path / "far.tif", *words, "--executor", "dask", "--scheduler", cluster.address)
    assert outcome.code == 0, outcome.err
    assert (tmp_path / "tile.died").exists()
    assert denoise(tmp_path / "tile.tif", "-o", tmp_path / "here.tif", *words).code == 0
    assert (tmp_path / "far.tif").read_bytes() == (tmp_path / "here.tif").read_bytes()
    outcome = denoise(tmp_path / "tiles.tif", "-o", tmp_path / "no.tif", *words, "--executor", "dask", "--scheduler", cluster.address)
    assert outcome.code == 1
    assert outcome.err.count("\n") == 1
    assert "killed again and again" in outcome.err
    assert not (tmp_path / "no.tif").exists()


def test_pictures_go_together_as_long_as_they_are_quick() -> None:
    from denoise_cli.batch.cluster import MOST_TOGETHER, TASK_SECONDS, _how_many

    together = 1
    for _ in range(10):
        together = _how_many(together, together, 0.01 * together)
    assert together == round(TASK_SECONDS / 0.01)
    assert _how_many(32, 32, 32 * 2 * TASK_SECONDS) == 1
    assert _how_many(MOST_TOGETHER, MOST_TOGETHER, 0.0) == MOST_TOGETHER
    assert _how_many(8, 0, 0.0) == 8


def test_a_scheduler_that_is_not_there_is_one_line(denoise: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from denoise_cli.large import dask_crew

    monkeypatch.setattr(dask_crew, "PATIENCE", 1)
    tifffile.imwrite(tmp_path / "a.tif", picture(40))
    outcome = denoise(tmp_path / "a.tif", *WORDS, "--executor", "dask", "--scheduler", "tcp://127.0.0.1:9")
    assert outcome.code == 1
    assert len(outcome.err.splitlines()) <= 2
    assert "no cluster answers" in outcome.err
    assert not (tmp_path / "a_denoised.tif").exists()


def test_a_scheduler_that_goes_away_is_one_line_and_the_tiles_that_are_done_stay() -> None:
    from denoise_cli.errors import DenoiseError
    from denoise_cli.large.dask_crew import DaskCrew

    started = Cluster()
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
        started.stop()


def test_a_folder_whose_scheduler_goes_away_goes_on_when_it_is_told_again(
    denoise: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from denoise_cli.cli import session

    scans, started = tmp_path / "scans", Cluster()
    scans.mkdir()
    for number in range(12):
        tifffile.imwrite(scans / f"{number:02}.tif", picture(60, number))
    real = session.tell
    monkeypatch.setattr(session, "tell", lambda *told, **options: (real(*told, **options), started.stop()))
    try:
        outcome = denoise(scans, "-o", tmp_path / "out", *WORDS, "--executor", "dask", "--scheduler", started.address)
    finally:
        started.stop()
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
