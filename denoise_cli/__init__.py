"""Total-variation image denoising: `denoise()` for Python users, `denoising()` for those who come from MATLAB."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["__version__", "denoise", "denoising"]

if TYPE_CHECKING:
    from denoise_cli.pipeline.python import denoise
    from denoise_cli.variational import denoising


def __getattr__(name: str) -> Any:
    # Loaded on first use: `denoise --help` must not wait for NumPy.
    if name == "denoise":
        from denoise_cli.pipeline.python import denoise

        return denoise
    if name == "denoising":
        from denoise_cli.variational import denoising

        return denoising
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
