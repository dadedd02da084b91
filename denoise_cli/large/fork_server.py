"""The process that the workers of a local cluster are forked from: it has imported everything that they need, once for all of them.

It starts before this process itself imports NumPy and Dask, so that both do it at the same time.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator

__all__ = ["begin", "is_possible"]

#: What it imports.
MODULE = "denoise_cli.large.preloaded"
#: Each worker is a thread of work. Dask says so to the processes that it starts itself; what is forked finds its libraries loaded.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def is_possible() -> bool:
    """Whether processes can be forked safely that have imported NumPy: on macOS its libraries do not survive it, Windows has no fork."""
    return sys.platform == "linux"


def begin() -> None:
    """Start it, if it does not run already. What cannot be imported there is imported, or complained about, where it is used."""
    if not is_possible():
        return
    from multiprocessing import forkserver

    multiprocessing.get_context("forkserver").set_forkserver_preload([MODULE])
    with _ignoring_interrupts(), _environment():
        forkserver.ensure_running()


@contextlib.contextmanager
def _ignoring_interrupts() -> Iterator[None]:
    """Ctrl-C reaches the whole group, and what begins now inherits that it ignores it: the parent decides what it means."""
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # in a thread, which has no say in it
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in ENVIRONMENT}
    os.environ.update(ENVIRONMENT)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
