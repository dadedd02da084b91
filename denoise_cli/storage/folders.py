"""Results that are folders of files: whole, or not there at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from denoise_cli.errors import DenoiseError

__all__ = ["check_folder", "folder_appears", "own_files"]


def own_files(folder: Path) -> list[str]:
    """The files of a folder that are not hidden, sorted."""
    return sorted(entry.name for entry in os.scandir(folder) if entry.is_file() and not entry.name.startswith("."))


def check_folder(path: Path, names: Iterable[str], *, overwrite: bool) -> None:
    """Refuse a folder that holds what a result with files of these names would replace, or anything else. Raises DenoiseError."""
    if not path.exists():
        return
    if not path.is_dir():
        raise DenoiseError(f"{path}: is a file, and the result is a folder of slices; choose another name with -o")
    held = {entry.name for entry in os.scandir(path)}
    if held - set(names):
        raise DenoiseError(f"{path}: holds other files, such as {min(held - set(names))}; name a new folder with -o")
    if held and not overwrite:
        raise DenoiseError(f"{path}: exists already; choose another name with -o, or allow it with --overwrite")


def folder_appears(path: Path, files: Mapping[str, bytes], *, overwrite: bool) -> None:
    """A folder with these files appears at `path` at once and whole, or not at all. Raises DenoiseError; nothing is left behind."""
    check_folder(path, files, overwrite=overwrite)
    target = Path(os.path.realpath(path))
    growing, old = (target.with_name(f".{target.name[:60]}.{os.getpid()}-{os.urandom(4).hex()}.{end}") for end in ("new", "old"))
    try:
        growing.mkdir()
        for name, content in files.items():
            with (growing / name).open("wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
        if target.exists():
            target.rename(old)
        growing.rename(target)
    except OSError as error:
        if old.exists() and not target.exists():
            old.rename(target)
        trouble = error.strerror or str(error)
        raise DenoiseError(f"{path}: cannot be written ({trouble}); nothing was left behind. Choose another place with -o") from error
    finally:
        for rest in (growing, old):
            shutil.rmtree(rest, ignore_errors=True)
