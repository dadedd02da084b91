"""What is finished: a line of JSON for each result, in `.denoise-done.jsonl` beside the results. Anybody may read it, or delete it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any

from denoise_cli.storage.stores import state_of

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
            for line in self.path.read_text(encoding="utf-8", errors="replace").split("\n"):
                # A line that is cut short (power failure, full disk) is a result that is done again.
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    entry = json.loads(line)
                    self._lines[entry["output"]["name"]] = entry

    def state(self, source: Path, target: Path, settings: dict[str, Any], budget: Callable[[], int | None]) -> str:
        """ "done", or why `target`, which exists, is not what this run would write: one of "unknown", "changed", "input" (which was
        changed), "another input", "automatic" (an earlier version chose otherwise), "settings" and "memory" (which was less than the better
        method needs, and is enough now). `budget` says how many bytes there are, None for no limit."""
        entry = self._lines.get(_text(target.name))
        if entry is None:
            return "unknown"
        if not _same(entry["output"], target):
            return "changed"
        if (made := entry["settings"]) != settings:
            other = made.get("automatic") != settings.get("automatic") and _but_for_the_choice(made) == _but_for_the_choice(settings)
            return "automatic" if other else "settings"
        if not _same(entry["input"], source):
            return "input" if _may_be(entry["input"]["name"], source) else "another input"
        needs = entry.get("memory_wanted")
        return "memory" if needs and ((now := budget()) is None or needs <= now) else "done"

    def made(self, path: Path) -> bool:
        """Whether the file at `path` is a result of this folder, as it was made."""
        entry = self._lines.get(_text(path.name))
        try:
            return entry is not None and _same(entry["output"], path)
        except (OSError, KeyError):
            return False


def _may_be(recorded: str, path: Path) -> bool:
    """Whether two paths may be one file: the shorter one ends the longer one, as where a relative path was typed once."""
    one, other = PurePath(recorded).parts, PurePath(_text(str(path))).parts
    common = min(len(one), len(other))
    return one[-common:] == other[-common:]


def _but_for_the_choice(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings without what says which automatic mode chose; 0.1 wrote the method that it always took."""
    return {name: value for name, value in settings.items() if name not in ("automatic", "method")}


def enter(source: Path, target: Path, temporary: Path, settings: dict[str, Any], memory_wanted: int = 0) -> None:
    """Write down that `temporary` is about to become `target`. A folder that is not ours may have a ledger that we may not write: then
    the result is made all the same, and made again when the command is repeated with --overwrite.

    memory_wanted: bytes that the method needs that suits best, where another one was taken for want of memory."""
    path = target.parent / NAME
    entry: dict[str, Any] = {
        "output": _identity(temporary) | {"name": _text(target.name)},
        "input": _identity(source),
        "settings": settings,
    }
    if memory_wanted:
        entry["memory_wanted"] = memory_wanted
    line = ("\n" if _ends_in_half_a_line(path) else "") + _json(entry) + "\n"
    # One write to a file opened for appending: lines of two runs do not mix.
    with contextlib.suppress(PermissionError), path.open("ab", buffering=0) as stream:
        stream.write(line.encode())
        os.fsync(stream.fileno())


def _identity(path: Path) -> dict[str, Any]:
    size, changed = state_of(path)
    return {"name": _text(str(path)), "bytes": size, "mtime_ns": changed, "sha256": digest(path)}


def _same(recorded: dict[str, Any], path: Path) -> bool:
    size, changed = state_of(path)
    if recorded["bytes"] != size:
        return False
    return bool(recorded["mtime_ns"] == changed or recorded["sha256"] == digest(path))


def digest(path: Path) -> str:
    """SHA-256 of a file; of a store, that of the names and the digests of its files."""
    import hashlib  # and OpenSSL

    if path.is_dir():
        files = sorted(each for each in path.rglob("*") if each.is_file())
        lines = [f"{digest(each)} {_text(each.relative_to(path).as_posix())}\n" for each in files]
        return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _text(name: str) -> str:
    """A file's name as the ledger has it, alike in every locale: UTF-8, and where it is none, bytes as Python's surrogates."""
    return os.fsencode(name).decode("utf-8", "surrogateescape")


def _json(entry: dict[str, Any]) -> str:
    """One line of JSON that can be stored as UTF-8, whatever the names in it."""
    import json

    text = json.dumps(entry, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(entry)
    return text


def _ends_in_half_a_line(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            stream.seek(-1, os.SEEK_END)
            return stream.read(1) != b"\n"
    except OSError:
        return False
