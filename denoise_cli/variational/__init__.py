"""The mathematics: arrays in, arrays out. Knows no path, no terminal, no command line."""

from denoise_cli.measure.metrics import mae, psnr_db, rmse, snr_db, ssim
from denoise_cli.variational.defaults import METHODS, check_options
from denoise_cli.variational.minimise import minimise
from denoise_cli.variational.pictures import as_float
from denoise_cli.variational.products import denoise, denoising, identity_threshold
from denoise_cli.variational.records import IterationRecord
from denoise_cli.variational.solution import Solution
from denoise_cli.variational.state import State, Status

__all__ = [
    "METHODS", "IterationRecord", "Solution", "State", "Status", "as_float", "check_options", "denoise", "denoising", "identity_threshold",
    "mae", "minimise", "psnr_db", "rmse", "snr_db", "ssim",
]  # fmt: skip
