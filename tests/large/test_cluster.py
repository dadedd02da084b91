"""A real cluster of two worker processes on loopback: the same results, whoever dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
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


@pytest.mark.parametrize(("words", "expected"), [((), None), (("--jobs", "1"), 1), (("--jobs", "2"), 2)])
def test_a_local_cluster_has_as_many_workers_as_jobs_were_told(
    denoise: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], expected: int | None
) -> None:
    from denoise_cli.batch import cluster
    from denoise_cli.errors import DenoiseError

    asked = []

    def crew(scheduler: str | None, parallel: int | None) -> None:
        asked.append((scheduler, parallel))
        raise DenoiseError("enough")

    monkeypatch.setattr(cluster, "DaskCrew", crew)
    tifffile.imwrite(tmp_path / "a.tif", picture(40))
    assert denoise(tmp_path / "a.tif", *WORDS, "--executor", "dask", *words).code == 1
    assert asked == [(None, expected)]


def test_without_a_scheduler_a_local_cluster_of_processes_is_started_and_ended(
    denoise: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from denoise_cli.large import dask_crew

    processes: set[int] = set()
    real = dask_crew.DaskCrew.close

    def close(crew: Any) -> None:
        processes.update(crew.client.run(os.getpid).values())
        real(crew)

    monkeypatch.setattr(dask_crew.DaskCrew, "close", close)
    scans = tmp_path / "scans"
    scans.mkdir()
    # The first one: its sample is read while the cluster starts.
    tifffile.imwrite(scans / "a large one.tif", picture(200), tile=(64, 64))
    tifffile.imwrite(scans / "small.tif", picture(60))
    (scans / "broken.tif").write_bytes(b"II*\0 broken")
    words = (scans, *WORDS, "--jobs", "2", "--memory", "2MB", "--json")
    far = denoise(*words, "-o", tmp_path / "far", "--executor", "dask")
    here = denoise(*words, "-o", tmp_path / "here")
    assert far.code == here.code == 1
    assert len(processes) == 2
    assert os.getpid() not in processes
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)
    # What is told is the same, but for the place, the time, and how the tiles were cut among workers.
    rows = [[json.loads(line) for line in outcome.out.splitlines()] for outcome in (far, here)]
    for one, other in zip(*rows, strict=True):
        assert list(one) == list(other)
        for name in ("input", "status", "method", "weight", "iterations", "cost", "shape", "depth", "error"):
            expected = other.get(name)
            assert one.get(name) == (pytest.approx(expected, rel=1e-12) if isinstance(expected, float) else expected), name
    for result in (tmp_path / "here").glob("*.tif"):
        assert (tmp_path / "far" / result.name).read_bytes() == result.read_bytes()


def test_a_worker_of_a_local_cluster_that_is_killed_is_replaced() -> None:
    from denoise_cli.large.dask_crew import DaskCrew

    crew = DaskCrew(None, 1)
    try:
        with pytest.raises(ValueError, match="killed again and again"):
            list(crew.each(signal.raise_signal, [signal.SIGKILL]))
        assert list(crew.each(abs, [-3])) == [(-3, 3)]
    finally:
        crew.close()


def test_without_dask_one_line_says_what_to_install(denoise: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tifffile.imwrite(tmp_path / "a.tif", picture(40))
    monkeypatch.setitem(sys.modules, "distributed", None)
    outcome = denoise(tmp_path / "a.tif", *WORDS, "--executor", "dask", "--jobs", "1")
    assert outcome.code == 1
    assert outcome.err == "--executor dask needs the package distributed, which is not installed; pip install 'denoise-cli[large]'\n"
    assert not (tmp_path / "a_denoised.tif").exists()


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


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, start_cluster: Start) -> Any:
    preload = tmp_path_factory.mktemp("preload") / "deadly.py"
    preload.write_text(DEADLY)
    return start_cluster(preload)


def test_a_folder_on_a_cluster_is_the_folder_by_itself(denoise: Run, tmp_path: Path, cluster: Any) -> None:
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


def test_tiles_on_a_cluster_are_the_tiles_of_one_process(denoise: Run, tmp_path: Path, cluster: Any) -> None:
    tifffile.imwrite(tmp_path / "a.tif", picture(300), tile=(64, 64))
    memory = ("--memory", "1MB")
    outcome = denoise(tmp_path / "a.tif", "-o", tmp_path / "b.tif", *WORDS, *memory, "--executor", "dask", "--scheduler", cluster.address)
    assert outcome.code == 0, outcome.err
    assert "tiles" in outcome.err
    assert denoise(tmp_path / "a.tif", "-o", tmp_path / "c.tif", *WORDS, *memory).code == 0
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.tif"), tifffile.imread(tmp_path / "c.tif"))


def test_a_picture_whose_worker_dies_is_done_elsewhere_and_one_that_kills_workers_is_one_row(
    denoise: Run, tmp_path: Path, cluster: Any
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
    denoise: Run, tmp_path: Path, cluster: Any
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


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_ended_leaves_no_worker_and_no_traceback(tmp_path: Path, how: signal.Signals) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    for number in range(400):
        tifffile.imwrite(scans / f"{number:03}.tif", picture(40))
    command = [sys.executable, "-m", "denoise_cli", scans, "-o", tmp_path / "out", *WORDS, "--executor", "dask", "--jobs", "1"]
    run = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert run.stderr is not None
    said = run.stderr.readline()
    # Ctrl-C reaches all processes, the parent and its workers.
    os.killpg(run.pid, how) if how == signal.SIGINT else os.kill(run.pid, how)
    said += run.stderr.read()  # until the last process that has it open ends
    assert run.wait() == (130 if how == signal.SIGINT else -how)
    assert "Traceback" not in said
    if how == signal.SIGINT:
        assert said.endswith("the same command goes on where it stopped\n")


def test_pictures_go_together_as_long_as_they_are_quick() -> None:
    from denoise_cli.batch.cluster import MOST_TOGETHER, TASK_SECONDS, _how_many

    together = 1
    for _ in range(10):
        together = _how_many(together, together, 0.01 * together)
    assert together == round(TASK_SECONDS / 0.01)
    assert _how_many(32, 32, 32 * 2 * TASK_SECONDS) == 1
    assert _how_many(MOST_TOGETHER, MOST_TOGETHER, 0.0) == MOST_TOGETHER
    assert _how_many(8, 0, 0.0) == 8
