"""What of a large picture is done: a folder beside the result that is to come, with half-finished tables and a line for each tile."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from denoise_cli.errors import DenoiseError
from denoise_cli.large.tallies import Sums
from denoise_cli.storage.stores import growing

__all__ = ["Journal"]

NAME = "journal.jsonl"
#: To bring what was written to the disk takes milliseconds: it is done for all tiles of so many seconds together.
SYNC_SECONDS = 2.0


class Journal:
    """The tiles that are done. `key` says of what: another input, other settings or another cut begin anew.

    One line of JSON a tile, written after what the tile has written is on the disk: whoever is killed loses the tiles under way.
    """

    def __init__(self, result: Path, key: dict[str, Any]) -> None:
        """Raises DenoiseError where the folder cannot be made, or another run is at work in it."""
        self.folder = growing(result)
        self.path = self.folder / NAME
        self._key = json.loads(json.dumps(key))
        self._done: dict[tuple[int, int, int], Sums] = {}
        self._waiting: list[bytes] = []
        self._synced = time.monotonic()
        self.facts: dict[str, Any] = {}
        try:
            self.folder.mkdir(exist_ok=True)
            self._stream = self.path.open("ab", buffering=0)
            self._lock()
            if not self._read():
                self._begin()
        except OSError as error:
            raise DenoiseError(f"{self.folder}: cannot be written ({error.strerror or error}); choose another place with -o") from error

    @property
    def resumed(self) -> int:
        """Tiles that an earlier run has done."""
        return len(self._done)

    def _lock(self) -> None:
        with contextlib.suppress(ImportError):
            import fcntl

            try:
                fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._stream.close()
                raise DenoiseError(f"{self.folder}: another run is at work on this result; wait for it, or choose another -o") from None

    def _read(self) -> bool:
        """Take over what is done; False where it is of something else."""
        lines = self.path.read_bytes().split(b"\n")
        found: list[dict[str, Any]] = []
        for line in lines:
            # A line that is cut short is a tile that is done again.
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
        if not found or found[0].get("key") != self._key:
            return False
        for entry in found[1:]:
            if "tile" in entry:
                self._done[entry["plane"], entry["sweep"], entry["tile"]] = _sums_of(entry["sums"])
            else:
                self.facts |= entry
        self._stream.write(b"\n")
        return True

    def _begin(self) -> None:
        for path in self.folder.iterdir():
            if path.name != NAME:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        self._stream.truncate(0)
        self._note({"key": self._key})

    def _sync(self) -> None:
        """Bring the tables to the disk, and then the lines that say so."""
        for path in (*self.folder.glob("pixels.*"), *self.folder.glob("*.raw")):
            with contextlib.suppress(OSError), path.open("rb") as stream:
                os.fsync(stream.fileno())
        self._stream.write(b"".join(self._waiting))
        with contextlib.suppress(OSError):
            os.fsync(self._stream.fileno())
        self._waiting, self._synced = [], time.monotonic()

    def _note(self, entry: dict[str, Any]) -> None:
        self._waiting.append(json.dumps(entry).encode() + b"\n")
        if time.monotonic() - self._synced > SYNC_SECONDS:
            self._sync()

    def keep(self, name: str, value: Any) -> None:
        """Write a fact down that a run that resumes must not decide anew."""
        self.facts[name] = json.loads(json.dumps(value))
        self._note({name: value})

    def of(self, plane: int, sweep: int) -> dict[int, Sums]:
        """The tiles of a sweep that are done, by their numbers."""
        return {tile: sums for (own, number, tile), sums in self._done.items() if (own, number) == (plane, sweep)}

    def enter(self, plane: int, sweep: int, tile: int, sums: Sums) -> None:
        """A tile is done. Raises OSError."""
        self._done[plane, sweep, tile] = sums
        self._note({"plane": plane, "sweep": sweep, "tile": tile, "sums": asdict(sums)})

    def close(self) -> None:
        """Leave everything for the next run."""
        with contextlib.suppress(OSError):
            self._sync()
        self._stream.close()

    def remove(self) -> None:
        """The result is there: nothing is needed any more."""
        self._stream.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _sums_of(entry: dict[str, Any]) -> Sums:
    return Sums(**(entry | {"removed": tuple(entry["removed"])}))
