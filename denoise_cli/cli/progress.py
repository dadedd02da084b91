"""A bar on stderr when somebody is looking, and nothing when nobody is."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from denoise_cli.cli.streams import visible

if TYPE_CHECKING:
    from denoise_cli.variational import State

__all__ = ["Bar", "bar", "pictures_bar", "say"]

REFRESH_SECONDS = 0.1


class Bar:
    """Iterations and cost of one picture. The cost is computed only when the bar is redrawn."""

    def __init__(self, tqdm_bar: Any) -> None:
        self._bar = tqdm_bar
        self._drawn = time.monotonic()

    def __call__(self, state: State) -> None:
        if time.monotonic() - self._drawn < REFRESH_SECONDS and state.iteration != self._bar.total:
            return
        record = state.record
        self._bar.n = state.iteration
        gap = f", gap {record.gap:.1e}" if record.gap is not None else ""
        self._bar.set_postfix_str(f"cost {record.cost:.6g}{gap}", refresh=True)
        self._drawn = time.monotonic()

    def tiles(self, done: int, every: int, gap: float | None) -> None:
        """Of a picture that is solved by tiles: those of a sweep, and the gap of the sweep before."""
        self._bar.unit = "tile"
        self._bar.total, self._bar.n = every, done
        self._bar.set_postfix_str("" if gap is None else f"gap {gap:.1e}", refresh=True)


@contextmanager
def bar(name: str, total: int, *, quiet: bool) -> Iterator[Bar | None]:
    """A Bar, or None where stderr is no terminal."""
    with _tqdm(quiet, total=total, desc=name, unit="it") as tqdm_bar:
        yield None if tqdm_bar is None else Bar(tqdm_bar)


@contextmanager
def pictures_bar(total: int, *, quiet: bool) -> Iterator[Any]:
    """One bar for a batch, with tqdm's `update()` and `set_postfix_str()`; None where stderr is no terminal."""
    with _tqdm(quiet or total < 2, total=total, unit="picture") as tqdm_bar:
        yield tqdm_bar


@contextmanager
def _tqdm(quiet: bool, **details: Any) -> Iterator[Any]:
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    columns, lines = _terminal_size()
    with tqdm(leave=False, file=sys.stderr, ncols=columns, nrows=lines, **details) as tqdm_bar:
        yield tqdm_bar


def say(line: str) -> None:
    """A line on stderr, above the bar if there is one; control characters in it are shown, not obeyed."""
    line = visible(line)
    if "tqdm" in sys.modules:
        from tqdm import tqdm

        tqdm.write(line, file=sys.stderr)
    else:
        print(line, file=sys.stderr)


def _terminal_size() -> tuple[int, int]:
    """Columns and lines; a terminal that does not know its size says 0, and tqdm would then show nothing at all."""
    try:
        columns, lines = os.get_terminal_size(sys.stderr.fileno())
    except OSError:
        columns, lines = 0, 0
    return columns or 80, lines or 24
