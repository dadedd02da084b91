"""The mathematics: arrays in, arrays out. Knows no path, no terminal, no command line."""

from denoise_cli.variational.methods import METHODS, Solution, as_float, denoise, denoising, identity_threshold
from denoise_cli.variational.records import IterationRecord
from denoise_cli.variational.solver import State, Status

__all__ = [
    "METHODS", "IterationRecord", "Solution", "State", "Status", "as_float", "denoise", "denoising", "identity_threshold",
]  # fmt: skip
