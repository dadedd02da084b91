"""Turns what callers pass into float arrays of matching shapes, or says in one line what is wrong with it."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array: TypeAlias = NDArray[np.floating[Any]]

_P = ParamSpec("_P")
_R = TypeVar("_R")


def as_float(name: str, values: ArrayLike, dtype: Any = None) -> Array:
    """`values` as an array of `dtype`; without one, float32 stays float32 and every other real type becomes float64."""
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} holds {array.dtype}, not real numbers; convert it first")
    if array.size == 0:
        raise ValueError(f"{name} of shape {array.shape} is empty; give at least one number")
    if dtype is None:
        dtype = array.dtype if array.dtype == np.float32 else np.float64
    return array.astype(dtype, copy=False)


def finite(name: str, values: ArrayLike, dtype: Any = None) -> Array:
    """`as_float`, with NaN and infinities refused by position."""
    array = as_float(name, values, dtype)
    refuse_nonfinite(name, array)
    return array


def refuse_nonfinite(name: str, array: NDArray[Any]) -> None:
    bad = ~np.isfinite(array)
    if bad.any():
        position = tuple(int(i) for i in np.argwhere(bad)[0])
        where = f" at index {position[0] if len(position) == 1 else position}" if position else ""
        raise ValueError(f"{name} is {array[position]}{where}; remove or replace what is not a finite number")


def vector(name: str, values: ArrayLike, length: int, unit: str, x_shape: tuple[int, ...], dtype: Any) -> Array:
    """A finite 1-D array with one value per `unit` of x."""
    array = finite(name, values, dtype)
    if array.shape != (length,):
        raise ValueError(f"{name} has shape {array.shape}, x has shape {x_shape}: give {length} values, one per {unit}")
    return array


def same_shape(name: str, array: Array, other_name: str, other: Array) -> None:
    if array.shape != other.shape:
        raise ValueError(f"{name} has shape {array.shape}, {other_name} has shape {other.shape}: they must be equal")


def check_eps(eps: float) -> None:
    if not (np.isfinite(eps) and eps >= 0):
        raise ValueError(f"eps is {eps}; it must be a finite number, 0 or more (1e-5 is customary)")


def divisor(count: int, unbiased: bool, name: str, shape: tuple[int, ...], unit: str) -> int:
    """N or, unbiased, N − 1: what the variance of `count` numbers divides by."""
    if unbiased and count == 1:
        raise ValueError(
            f"{name} of shape {shape} has one value per {unit}: its unbiased variance is 0/0; use the biased variance or more values"
        )
    return count - unbiased


def check_spread(variance: Array, eps: float, unit: str) -> None:
    flat = np.flatnonzero(variance + variance.dtype.type(eps) == 0)
    if flat.size:
        raise ValueError(f"{unit} {flat[0]} is constant and eps is 0: 0/0; use eps > 0 (1e-5 is customary)")


def loud(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """An overflow, 0/0 or ∞ − ∞ on the way becomes a ValueError: finite input never turns into NaN in silence.

    The arguments are searched for what is not finite only then, so that good input pays for no search.
    """
    names = tuple(inspect.signature(function).parameters)

    @functools.wraps(function)
    def checked(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            with np.errstate(over="raise", invalid="raise", divide="raise"):
                return function(*args, **kwargs)
        except FloatingPointError:
            for name, value in [*zip(names, args, strict=False), *kwargs.items()]:
                array = np.asarray(value)
                if array.dtype.kind == "f":
                    refuse_nonfinite(name, array)
            raise ValueError("a result overflows: the numbers are too large, or eps too small; rescale the input") from None

    return checked
