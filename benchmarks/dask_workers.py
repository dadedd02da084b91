"""Dask against processes of our own: a large picture by tiles on one and on two workers, and many small pictures.

Each run is a process of its own, end to end: what it imports, and the start and the end of the local cluster, are part of it. Runs take
turns, so that a busy spell of the machine hits all alike; medians of the rounds. CPU seconds are those of all processes, on Linux also of
workers whose parents end before them.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.common import clean_picture, environment, interleaved, machine, mark, table
from benchmarks.large import SIGMA, WORDS, make

#: Marks: how many times as fast two workers are as one, and how many times as long small pictures take as by --jobs 2.
LEAST_GAIN, MOST_TIME = 1.6, 1.2
DASK = "--executor dask"
#: Empty tasks that are timed.
TASKS = 500
#: From <sys/prctl.h>.
PR_SET_CHILD_SUBREAPER = 36


def timed(source: Path, words: str) -> float:
    """Wall-clock seconds of `denoise` on a file or a folder."""
    with tempfile.TemporaryDirectory(dir=source.parent) as folder:
        place = Path(folder) / ("out.tif" if source.is_file() else "out")
        command = [sys.executable, "-m", "denoise_cli", str(source), "-o", str(place), "-q", *WORDS.split(), *words.split()]
        start = time.perf_counter()
        subprocess.run(command, check=True, env=environment())
        return time.perf_counter() - start


def cpu_seconds(source: Path, words: str) -> float:
    """The same once more: seconds of all its processes on all cores."""
    await_all()
    before = os.times()
    timed(source, words)
    await_all()
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def adopt() -> None:
    """From now on, processes whose parents have ended are children of this one (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def await_all() -> None:
    """Wait for all children; the time of those that have ended counts from now on."""
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def make_many(folder: Path, count: int, side: int) -> None:
    """`count` grey uint8 pictures, one sample with fresh noise."""
    import tifffile

    rng, clean = np.random.default_rng(0), clean_picture(side)
    folder.mkdir()
    for number in range(count):
        noisy = np.clip(clean + SIGMA * rng.standard_normal(clean.shape), 0, 1)
        tifffile.imwrite(folder / f"{number:05}.tif", np.rint(255 * noisy).astype(np.uint8))


def empty_task() -> list[str]:
    """What Dask itself takes for a task that does nothing: client, scheduler and two workers together."""
    from denoise_cli.large.dask_crew import DaskCrew

    crew = DaskCrew(None, 2)
    try:
        list(crew.each(abs, range(TASKS // 10)))
        start, before = time.perf_counter(), time.process_time()
        list(crew.each(abs, range(TASKS)))
        seconds, cpu = time.perf_counter() - start, time.process_time() - before
    finally:
        crew.close()
    return ["an empty Dask task (CPU without the workers)", f"{seconds / TASKS:.4f}", f"{cpu / TASKS:.4f}"]


def main() -> None:
    parser = argparse.ArgumentParser(prog=sys.argv[0], description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=16384, help="of the large picture (default: %(default)s)")
    parser.add_argument("--memory", default="1GB", help="for its tiles (default: %(default)s)")
    parser.add_argument("--pictures", type=int, default=1000, help="how many small ones (default: %(default)s)")
    parser.add_argument("--size", type=int, default=256, help="their sides (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="(default: %(default)s)")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="where the pictures go (default: %(default)s)")
    options = parser.parse_args()
    adopt()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        large, many = Path(folder) / "in.tif", Path(folder) / "many"
        make(large, options.side)
        make_many(many, options.pictures, options.size)
        by_tiles = f"--memory {options.memory} --workers 1"
        runs = {
            f"{options.side}² by tiles, one process, one thread": (large, by_tiles),
            f"{options.side}² by tiles, one Dask worker": (large, f"{by_tiles} {DASK} --jobs 1"),
            f"{options.side}² by tiles, two Dask workers": (large, f"{by_tiles} {DASK} --jobs 2"),
            f"{options.pictures} pictures of {options.size}², --jobs 2": (many, "--jobs 2"),
            f"{options.pictures} pictures of {options.size}², two Dask workers": (many, f"--jobs 2 {DASK}"),
        }
        found = interleaved({name: lambda told=told: timed(*told) for name, told in runs.items()}, options.rounds)
        rows = [[name, f"{found[name]:.2f}", f"{cpu_seconds(*told):.1f}"] for name, told in runs.items()]
    rows.append(empty_task())
    print(table(["", "seconds", "CPU seconds"], rows))
    print(f"\n{machine()}; medians of {options.rounds}")
    _, one, two, processes, dask = found.values()
    gain, longer = one / two, dask / processes
    print(f"two Dask workers are {gain:.2f} times as fast as one {'✓' if gain >= LEAST_GAIN else f'✗ (mark {LEAST_GAIN})'}")
    print(f"small pictures on Dask take, times --jobs 2: {mark(longer, MOST_TIME, f'{longer:.2f}')}")


if __name__ == "__main__":
    main()
