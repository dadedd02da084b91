"""Everything that workers need before their first piece of work, and what most of them would import in it.

Nobody imports this module but the process that workers are forked from (`fork_server`). What is missing there is complained about where
it is used.
"""

from __future__ import annotations

import contextlib
import gc
from importlib import import_module

NAMES = (
    "numpy", "distributed", "denoise_cli.batch.cluster", "denoise_cli.large.by_tiles", "denoise_cli.large.tiff_windows", "tifffile",
    "denoise_cli.methods.optimal", "denoise_cli.variational.engines.compiled",
)  # fmt: skip

# Nothing of a module is garbage, and what is frozen stays shared among the processes: a collection would write to all of it.
gc.disable()
for name in NAMES:
    with contextlib.suppress(ImportError):
        import_module(name)
gc.freeze()
gc.enable()
