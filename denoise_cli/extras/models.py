"""Models of `denoise extras regression` as files: what --save writes and `predict` reads."""

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any

from denoise_cli.extras.results import FileError, replacing
from denoise_cli.extras.tables import read_bytes

__all__ = ["read_model", "write_model"]

_FORMAT = "denoise extras regression, version 1"


def write_model(path: str, model: Mapping[str, Any]) -> None:
    """Write `target`, `features`, `weight`, `bias`, and whatever else is to be known about them."""
    with replacing(path) as stream:
        stream.write((json.dumps({"format": _FORMAT, **model}, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())


def read_model(path: str) -> tuple[str, list[str], list[float], float]:
    """Target, features, weight and bias. Raises FileError for what is no model."""
    try:
        model = json.loads(read_bytes(path))
        target, features, weight, bias = (model[name] for name in ("target", "features", "weight", "bias"))
        well_formed = (
            model["format"] == _FORMAT
            and isinstance(target, str)
            and isinstance(features, list)
            and isinstance(weight, list)
            and len(features) == len(weight) > 0
            and all(isinstance(name, str) for name in features)
            and all(isinstance(number, int | float) and isfinite(number) for number in (*weight, bias))
        )
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
        well_formed = False
    if not well_formed:
        raise FileError(f"{path}: not a model; make one with denoise extras regression DATA --target COLUMN --save {path}")
    return target, features, [float(number) for number in weight], float(bias)
