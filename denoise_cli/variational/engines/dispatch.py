"""Which engine solves a problem."""

from __future__ import annotations

from denoise_cli.kernels import binding as kernels
from denoise_cli.variational.engines.in_numpy import NumPyEngine
from denoise_cli.variational.engines.protocol import Engine
from denoise_cli.variational.problem import Problem

__all__ = ["engine_for"]


def engine_for(problem: Problem) -> Engine:
    """The compiled engine where it is installed and wanted and has code for every part of the problem, else NumPy's.

    A part without a `kernel` of its own runs in NumPy, and so does a kernel that this build does not know.
    """
    if kernels.compiled is not None:
        from denoise_cli.variational.engines.compiled import CompiledEngine

        if CompiledEngine.takes(problem):
            return CompiledEngine(problem, kernels.compiled)
        from denoise_cli.variational.engines.compiled_volume import CompiledVolumeEngine

        if CompiledVolumeEngine.takes(problem):
            return CompiledVolumeEngine(problem, kernels.compiled)
    return NumPyEngine(problem)
