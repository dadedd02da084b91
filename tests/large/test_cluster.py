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


class Cluster:
    """A scheduler and two workers, each a process of its own."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self.port}"
        environment = os.environ | {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
        self.processes = [self._start(environment, "scheduler", "--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard")]
        for _ in range(2):
            worker = ("worker", self.address, "--nworkers", "1", "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1")
            self.processes.append(self._start(environment, *worker))

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
def cluster() -> Iterator[Cluster]:
    started = Cluster()
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


def mortal(item: tuple[str, int]) -> int:
    """Dies with its worker: number 3 once, number 5 always."""
    mark, number = Path(item[0]), item[1]
    if number == 5 or (number == 3 and not mark.exists()):
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_a_worker_that_dies_is_tried_elsewhere_and_what_kills_workers_is_one_line(tmp_path: Path) -> None:
    from denoise_cli.large.dask_crew import DaskCrew

    crew = DaskCrew(None, 2)
    try:
        # By source, as Dask cannot import a test.
        import cloudpickle

        cloudpickle.register_pickle_by_value(sys.modules[__name__])
        found = {item[1]: result for item, result in crew.each(mortal, [(str(tmp_path / "died"), number) for number in range(5)])}
        assert found == {number: number for number in range(5)}
        assert (tmp_path / "died").exists()
        with pytest.raises(ValueError, match="killed again and again"):
            list(crew.each(mortal, [(str(tmp_path / "died"), 5)]))
    finally:
        crew.close()


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
