"""The compiled passes, or None where they were not built (no compiler at installation) or are not wanted (DENOISE_KERNELS=numpy)."""

from __future__ import annotations

import os
from importlib import import_module
from types import ModuleType

__all__ = ["compiled"]


def _load() -> ModuleType | None:
    if os.environ.get("DENOISE_KERNELS") == "numpy":
        return None
    try:
        return import_module("denoise_cli.kernels._kernels")
    except ImportError:
        return None


compiled = _load()
