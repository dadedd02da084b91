"""Dask clusters whose processes can be killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


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
def start_cluster() -> Iterator[Callable[[Path | None], Cluster]]:
    """start_cluster(preload) → a Cluster, whose workers run the file `preload` first. All of them end with the tests of the module."""
    started: list[Cluster] = []

    def start(preload: Path | None = None) -> Cluster:
        started.append(Cluster(preload))
        return started[-1]

    yield start
    for each in started:
        each.stop()
