"""Tiles and pictures on the workers of a Dask cluster, one that exists or a local one."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from typing import Any, TypeVar

from denoise_cli.errors import DenoiseError
from denoise_cli.large import fork_server
from denoise_cli.variational.strips import available_workers

__all__ = ["DaskCrew", "gone", "is_deadly", "need_distributed"]

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Seconds to wait for a scheduler that does not answer, and for the first worker.
PATIENCE = 20
#: Times that a piece of work may lose its worker before it counts as what kills workers. A cluster that exists has its own number.
LOSSES = 1
#: Pieces of work for each worker that are with the scheduler at once: one is done while the next one travels.
AHEAD = 2


def need_distributed() -> None:
    """Raises DenoiseError where the package distributed is not installed. Does not import it, which takes 0.3 s."""
    if find_spec("distributed") is None:
        raise DenoiseError("--executor dask needs the package distributed, which is not installed; pip install 'denoise-cli[large]'")


def _set_up() -> Any:
    """The package distributed, set up as we need it."""
    import dask
    import distributed

    dask.config.set({"distributed.scheduler.allowed-failures": LOSSES, "distributed.comm.timeouts.connect": f"{PATIENCE}s"})
    for name in ("distributed", "tornado"):
        # What goes wrong is said once, in one line, by us.
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    return distributed


#: What Dask is told about a cluster that nobody else will look at: no pages for a browser, none of the measurements that these would show,
#: and clocks that wake its processes once a second, not fifty times.
LOCAL = {
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
}  # fmt: skip


def _local_cluster(distributed: Any, workers: int) -> Any:
    import dask

    dask.config.set(LOCAL | ({"distributed.worker.multiprocessing-method": "forkserver"} if fork_server.is_possible() else {}))
    # No dashboard; and its port is any, so that two runs at once do not complain about each other.
    return distributed.LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=logging.CRITICAL + 1,
        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
    )  # fmt: skip


class DaskCrew:
    """The workers of the cluster at `scheduler`; without it, of a local one of `parallel` processes. Leave it by `close`.

    A local cluster starts while its owner goes on, and is waited for when it gets its first work.

    workers: of the cluster.  at: what errors call it.
    """

    def __init__(self, scheduler: str | None = None, parallel: int | None = None) -> None:
        """Raises DenoiseError where Dask is not installed, or a scheduler was told and does not answer, or has no worker."""
        need_distributed()
        self.at = scheduler or "the local cluster"
        self._scheduler = scheduler
        self._cluster: Any = None
        self._client: Any = None
        self._trouble: DenoiseError | None = None
        self.workers = parallel or available_workers()
        if scheduler is None:
            fork_server.begin()
        self._start = threading.Thread(target=self._connect, daemon=True)
        self._start.start()
        if scheduler is not None:
            self.workers = max(1, len(self.client.scheduler_info(n_workers=-1)["workers"]))

    @property
    def is_starting(self) -> bool:
        """Whether work would have to wait for the cluster."""
        return self._start.is_alive()

    @property
    def client(self) -> Any:
        """Dask's; waits for the cluster. Raises DenoiseError where it could not start."""
        self._start.join()
        if self._trouble is not None:
            raise self._trouble
        return self._client

    def _connect(self) -> None:
        try:
            distributed = _set_up()
            if self._scheduler is None:
                self._cluster = _local_cluster(distributed, self.workers)
            self._client = distributed.Client(self._cluster or self._scheduler, timeout=PATIENCE, set_as_default=False)
            self._client.wait_for_workers(1, timeout=PATIENCE)
        except Exception as error:
            said = " ".join(str(error).split())[:200] or type(error).__name__
            self._trouble = DenoiseError(
                f"{self.at}: no cluster answers ({said}); start one (dask scheduler, dask worker), or leave --scheduler out"
            )
            self._trouble.__cause__ = error
            self._close_quietly()

    def submit(self, work: Callable[[Item], Result], item: Item) -> Any:
        """A future of work(item). Never taken for an earlier one with equal arguments: results are files."""
        client = self.client
        try:
            return client.submit(work, item, pure=False)
        except Exception as error:
            raise DenoiseError(gone(error, self.at) or f"{self.at}: {type(error).__name__}: {error}") from error

    def wait(self, future: Any) -> None:
        """Until the future is done, however it ends."""
        from distributed import wait

        with contextlib.suppress(Exception):
            wait(future)

    def each(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[tuple[Item, Result]]:
        """As `Crew.each`. Raises what the work raises, ValueError for a tile that kills workers, DenoiseError for a lost cluster."""
        from distributed import as_completed

        upcoming, under_way = iter(items), {}
        done = as_completed([], with_results=False, loop=self.client.loop)

        def next_one() -> None:
            item = next(upcoming, None)
            if item is not None:
                future = self.submit(work, item)
                under_way[future.key] = item
                done.add(future)

        try:
            for _ in range(AHEAD * self.workers):
                next_one()
            for future in done:
                item = under_way.pop(future.key)
                try:
                    result = future.result()
                except Exception as error:
                    if (said := gone(error, self.at)) is None:
                        raise
                    raise (ValueError if is_deadly(error) else DenoiseError)(said) from error
                next_one()
                yield item, result
        finally:
            with contextlib.suppress(Exception):
                self.client.cancel(done.futures.keys() if hasattr(done, "futures") else [])

    def close(self) -> None:
        """Leave the cluster; a local one ends."""
        self._start.join()
        self._close_quietly()

    def _close_quietly(self) -> None:
        for each in (self._client, self._cluster):
            if each is not None:
                with contextlib.suppress(Exception):
                    each.close(timeout=5)


def is_deadly(error: BaseException) -> bool:
    """Whether the work itself kills the workers that take it."""
    return type(error).__name__ == "KilledWorker"


def gone(error: BaseException, at: str) -> str | None:
    """One line for an error that is the cluster's; None for one of the work itself."""
    name = type(error).__name__
    if is_deadly(error):
        return "its worker was killed again and again, probably for want of memory; use fewer workers, or less --memory"
    lost = ("CommClosedError", "CancelledError", "FutureCancelledError", "FuturesCancelledError", "TimeoutError", "ClosedClientError")
    if name in lost or (isinstance(error, (ConnectionError, OSError)) and "scheduler" in str(error).lower()):
        return f"{at}: the scheduler went away; when it is back, the same command goes on where it stopped"
    return None
