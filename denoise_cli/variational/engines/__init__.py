"""Who does the arithmetic of a problem: compiled code where there is some for its very parts, NumPy everywhere else."""

from denoise_cli.variational.engines.base import Engine, Evidence, Projection, Sweep, Tally
from denoise_cli.variational.engines.choice import engine_for

__all__ = ["Engine", "Evidence", "Projection", "Sweep", "Tally", "engine_for"]
