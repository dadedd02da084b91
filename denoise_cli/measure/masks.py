"""NumPy's masked arrays: what a mask hides has no value, and an array that may not be masked is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["hidden_by_mask", "refuse_mask", "shown_in"]

Array = npt.NDArray[Any]


def hidden_by_mask(array: npt.ArrayLike) -> Array | None:
    """True where `array` is masked, in its shape; None where nothing is, as in arrays that have no mask."""
    mask = np.ma.getmask(array)
    return None if mask is np.ma.nomask or not mask.any() else np.asarray(mask)


def shown_in(hidden: Array, axes: int = 2) -> Array:
    """(*spatial), with so many `axes`: True where a mask, (*spatial) or (*spatial, channels), hides no channel."""
    return np.logical_not(hidden if hidden.ndim == axes else np.any(hidden, axis=axes, keepdims=False))


def refuse_mask(**named: npt.ArrayLike | None) -> None:
    """Raises ValueError where one of the arrays, each with its name, hides a value: it would be taken for one."""
    for name, array in named.items():
        if array is not None and hidden_by_mask(array) is not None:
            raise ValueError(f"{name} must not be a masked array: fill it first ({name}.filled(…))")
