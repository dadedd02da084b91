"""Who does the arithmetic of a problem: compiled code where there is some for its very parts, NumPy everywhere else."""

from denoise_cli.variational.engines.dispatch import engine_for
from denoise_cli.variational.engines.protocol import DualEvidence, Engine, Projection, Sweep, Tally

__all__ = ["DualEvidence", "Engine", "Projection", "Sweep", "Tally", "engine_for"]
