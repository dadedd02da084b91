"""The compiled passes, or None where they were not built (no compiler at installation) or are not wanted (DENOISE_KERNELS=numpy)."""

from __future__ import annotations

import os
from types import ModuleType

__all__ = ["compiled"]


def _load() -> ModuleType | None:
    if os.environ.get("DENOISE_KERNELS") == "numpy":
        return None
    try:
        from denoise_cli.variational import _kernels  # type: ignore[attr-defined,unused-ignore]
    except ImportError:
        return None
    module: ModuleType = _kernels
    return module


compiled = _load()
