"""The mathematics: arrays in, arrays out. Knows no path, no terminal, no command line."""

from denoise_cli.measure.metrics import mae, psnr_db, rmse, snr_db, ssim
from denoise_cli.variational.methods import METHODS, Solution, as_float, check_options, denoise, denoising, identity_threshold
from denoise_cli.variational.problem import State, Status
from denoise_cli.variational.records import IterationRecord

__all__ = [
    "METHODS", "IterationRecord", "Solution", "State", "Status", "as_float", "check_options", "denoise", "denoising", "identity_threshold",
    "mae", "psnr_db", "rmse", "snr_db", "ssim",
]  # fmt: skip
