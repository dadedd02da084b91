"""Batch norm, weight standardisation, linear regression and LDAM: small pieces, exact gradients, traps explained.

Arrays in, arrays out, NumPy only; float64 unless the input is float32. Bad input raises ValueError with one line that says
what to change. `extras.torch.LDAMLoss` needs PyTorch: `pip install 'denoise-cli[torch]'`.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from denoise_cli.extras.batch_norm import batch_norm_backward, batch_norm_forward
    from denoise_cli.extras.ldam import class_balanced_weights, ldam_loss, ldam_margins
    from denoise_cli.extras.least_squares import lstsq, mse_gradients, predict, r_squared, standard_errors
    from denoise_cli.extras.normalisation import (
        layer_norm,
        scale_by_std,
        scale_by_std_backward,
        weight_standardize,
        weight_standardize_backward,
    )
    from denoise_cli.extras.regression import DescentStep, DivergenceError, largest_stable_learning_rate, linear_regression

__all__ = [
    "DescentStep",
    "DivergenceError",
    "batch_norm_backward",
    "batch_norm_forward",
    "class_balanced_weights",
    "largest_stable_learning_rate",
    "layer_norm",
    "ldam_loss",
    "ldam_margins",
    "linear_regression",
    "lstsq",
    "mse_gradients",
    "predict",
    "r_squared",
    "scale_by_std",
    "scale_by_std_backward",
    "standard_errors",
    "weight_standardize",
    "weight_standardize_backward",
]

_HOMES = ("batch_norm", "ldam", "least_squares", "normalisation", "regression")


def __getattr__(name: str) -> Any:
    # Loaded on first use: `denoise extras --help` must not wait for NumPy, and only extras.torch may need PyTorch.
    if name == "torch":
        return importlib.import_module(f"{__name__}.torch")
    if name in __all__:
        for home in _HOMES:
            module = importlib.import_module(f"{__name__}.{home}")
            if name in module.__all__:
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__, "torch"])
