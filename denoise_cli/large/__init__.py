"""Pictures larger than memory: read, solved and written window by window, with one certificate for the whole picture."""

from __future__ import annotations

from typing import Any

__all__ = ["denoise"]


def __getattr__(name: str) -> Any:
    # Loaded when it is asked for, because Dask is an extra, and takes half a second to import.
    if name == "denoise":
        from denoise_cli.large.lazily import denoise

        return denoise
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
