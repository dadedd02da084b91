"""What is finished: a line of JSON for each result, in `.denoise-done.jsonl` beside the results. Anybody may read it, or delete it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

__all__ = ["NAME", "Ledger", "digest", "enter"]

NAME = ".denoise-done.jsonl"


class Ledger:
    """The results of one folder. A result counts as finished if its bytes are those that were written down *before* it appeared under
    its name: whoever dies in between leaves a line without a result, never a result without a line."""

    def __init__(self, folder: Path) -> None:
        import json

        self.path = folder / NAME
        self._lines: dict[str, dict[str, Any]] = {}
        with contextlib.suppress(OSError):
            for line in self.path.read_text(encoding="utf-8").splitlines():
                # A line that is cut short (power failure, full disk) is a result that is done again.
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    entry = json.loads(line)
                    self._lines[entry["output"]["name"]] = entry

    def state(self, source: Path, target: Path, settings: dict[str, Any]) -> str:
        """ "done", or why `target`, which exists, is not what this run would write: one of "unknown", "changed", "input", "settings"."""
        entry = self._lines.get(target.name)
        if entry is None:
            return "unknown"
        if not _same(entry["output"], target):
            return "changed"
        if entry["settings"] != settings:
            return "settings"
        return "done" if _same(entry["input"], source) else "input"


def enter(source: Path, target: Path, temporary: Path, settings: dict[str, Any]) -> None:
    """Write down that `temporary` is about to become `target`."""
    import json

    path = target.parent / NAME
    entry = {"output": _identity(temporary) | {"name": target.name}, "input": _identity(source), "settings": settings}
    line = ("\n" if _ends_in_half_a_line(path) else "") + json.dumps(entry, ensure_ascii=False) + "\n"
    # One write to a file opened for appending: lines of two runs do not mix.
    with path.open("ab", buffering=0) as stream:
        stream.write(line.encode())
        os.fsync(stream.fileno())


def _identity(path: Path) -> dict[str, Any]:
    status = path.stat()
    return {"name": str(path), "bytes": status.st_size, "mtime_ns": status.st_mtime_ns, "sha256": digest(path)}


def _same(recorded: dict[str, Any], path: Path) -> bool:
    status = path.stat()
    if recorded["bytes"] != status.st_size:
        return False
    return bool(recorded["mtime_ns"] == status.st_mtime_ns or recorded["sha256"] == digest(path))


def digest(path: Path) -> str:
    import hashlib  # and OpenSSL

    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _ends_in_half_a_line(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            stream.seek(-1, os.SEEK_END)
            return stream.read(1) != b"\n"
    except OSError:
        return False
